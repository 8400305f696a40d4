//! An execution as a file: each chunk once, whatever comes twice; and no more memory than one value takes.

use std::fs;
use std::path::Path;

use omium_core::{Blob, Call, Depth, Kind, Outcomes, Seq, Store};

use crate::support::message;

/// Bytes that no compressor makes smaller.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
    };
    std::iter::repeat_with(word).flat_map(u64::to_le_bytes).take(len).collect()
}

fn record(store: &Store, id: &str, values: &[Vec<u8>]) {
    let run = store.begin("w", id).unwrap();
    for bytes in values {
        let digest = bytes.len().to_le_bytes();
        let call = Call { kind: Kind::Step, scope: "", name: "s", digest: &digest, prev: Seq::ZERO, spawned: true };
        let claim = run.claim(call).unwrap();
        run.commit(&claim, Outcomes { value: Some(&Blob::new("raw", bytes.clone())), ..Outcomes::default() }).unwrap();
    }
}

fn values(store: &Store, id: &str) -> Vec<Vec<u8>> {
    let read = |entry| store.value(&entry).unwrap().unwrap().read().unwrap();
    store.entries(id, false, Seq::ZERO, None).unwrap().into_iter().map(read).collect()
}

fn left(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(directory)
        .unwrap()
        .map(name)
        .filter(|name| name.contains(".tmp") || name.contains("unfinished"))
        .collect()
}

#[test]
fn what_two_values_share_is_in_the_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store")).unwrap();
    let whole = noise(1, 8 << 20);
    // The same with a word in front, with one behind, and itself twice.
    let recorded = vec![
        whole.clone(),
        [b"before".as_slice(), &whole].concat(),
        [&whole, b"behind".as_slice()].concat(),
        [whole.as_slice(), &whole].concat(),
    ];
    record(&store, "x", &recorded);
    let file = directory.path().join("x.omx");
    let len = store.export("x", &file).unwrap();
    assert_eq!(len, fs::metadata(&file).unwrap().len());
    assert!(len < 9 << 20, "{len} bytes for 8 MiB of distinct ones");
    let other = Store::open(directory.path().join("other")).unwrap();
    other.import(&file, None).unwrap();
    assert!(values(&other, "x") == recorded);
    assert!(other.check(Depth::Full, &mut |_, _| {}).unwrap().ok());
    assert!(left(directory.path()).is_empty());
    assert!(left(&directory.path().join("other/seg")).is_empty());
}

#[test]
fn a_commit_of_many_packs_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store")).unwrap();
    let recorded = vec![noise(7, 150 << 20)];
    record(&store, "x", &recorded);
    assert_eq!(fs::read_dir(directory.path().join("store/seg")).unwrap().count(), 3);
    assert!(values(&store, "x") == recorded);
}

#[test]
fn a_history_of_growing_values_comes_back_value_by_value() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store")).unwrap();
    let mut run = store.begin("w", "x").unwrap();
    let chat: Vec<String> = (0..60).map(|n| message(n, 900)).collect();
    for n in 1..=chat.len() {
        let _: Vec<String> = run.step(&format!("s{n}"), || chat[..n].to_vec()).unwrap();
    }
    run.complete(&chat).unwrap();
    let file = directory.path().join("x.omx");
    let len = store.export("x", &file).unwrap();
    let distinct: usize = chat.iter().map(String::len).sum();
    assert!(len < distinct as u64, "{len} bytes for a chat of {distinct}");
    let other = Store::open(directory.path().join("other")).unwrap();
    other.import(&file, None).unwrap();
    assert_eq!(values(&other, "x"), values(&store, "x"));
    // What was taken in can be sent on.
    let again = directory.path().join("again.omx");
    other.export("x", &again).unwrap();
    Store::open(directory.path().join("third")).unwrap().import(&again, None).unwrap();
}

#[test]
fn an_export_that_fails_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path).unwrap();
    record(&store, "x", &[noise(3, 1 << 20)]);
    let file = directory.path().join("x.omx");
    fs::write(&file, "mine").unwrap();
    for segment in fs::read_dir(path.join("seg")).unwrap() {
        let segment = segment.unwrap().path();
        let mut bytes = fs::read(&segment).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&segment, bytes).unwrap();
    }
    drop(store);
    let error = Store::open(&path).unwrap().export("x", &file).unwrap_err();
    assert!(matches!(error, omium_core::Error::Corrupted { .. }), "{error:?}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(left(directory.path()).is_empty());
}
