//! Very long runs and very large values.

use omium_core::{Call, Durability, Kind, Options, Outcomes, Seq, Store};

#[test]
fn a_hundred_thousand_steps_in_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Process, ..Options::default() };
    let store = Store::open_with(directory.path().join("s"), options).unwrap();
    let mut run = store.begin("w", "long").unwrap();
    for n in 0..100_000u32 {
        let _: u32 = run.step("count", || n).unwrap();
    }
    drop(run);
    let mut run = store.begin("w", "long").unwrap();
    assert_eq!(run.recorded(), 100_000);
    for n in 0..100_000u32 {
        assert_eq!(run.step::<u32>("count", || panic!("recorded")).unwrap(), n);
    }
    let execution = run.complete(&()).unwrap();
    execution.rollback(Seq(50_000)).unwrap();
    assert_eq!(execution.checkpoints().unwrap().len(), 50_000);
}

#[test]
fn a_value_of_half_a_gigabyte() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s")).unwrap();
    // Neither constant nor quite random: it must survive the cutter, the compressor and the segment.
    let mut seed = 1u64;
    let bytes: Vec<u8> = (0..500 << 20)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 60) as u8
        })
        .collect();
    let run = store.begin("w", "big").unwrap();
    let call = Call { kind: Kind::Step, scope: "", name: "big", digest: &[], prev: Seq::ZERO, spawned: false };
    let claim = run.claim(call).unwrap();
    let blob = omium_core::Blob::new("raw", bytes);
    run.commit(&claim, Outcomes { value: Some(&blob), ..Outcomes::default() }).unwrap();
    let entry = store.entry("big", Seq(1)).unwrap();
    assert_eq!(entry.size_bytes(), 500 << 20);
    assert!(store.value(&entry).unwrap().unwrap().read().unwrap() == blob.bytes);
}
