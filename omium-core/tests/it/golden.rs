//! Stores written by every released format are read by this version, value by value.
//!
//! A golden store is written once, by `OMIUM_GOLDEN=DIRECTORY cargo test -p omium-core golden`, and never again.

use std::fs;
use std::path::{Path, PathBuf};

use omium_core::{Blob, By, Depth, NewState, NewWrites, Seq, Status, Store};

use crate::support::message;

fn golden(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format)
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(|n| message(n, 400)).collect()
}

fn write(path: &Path) {
    let store = Store::open(path).unwrap();
    let mut run = store.begin("research", "steps").unwrap();
    for n in 0..5usize {
        let _: Vec<String> = run.step(&format!("s{n}"), || messages(n * 20)).unwrap();
    }
    run.try_step::<u32, _>("fails", || Err("no luck")).unwrap_err();
    let noise: String = run
        .step("noise", || (0..60_000u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect())
        .unwrap();
    run.complete(&noise.len()).unwrap();
    store.rollback("steps", Seq(3)).unwrap();
    let mut run = store.begin("research", "steps").unwrap();
    for n in 0..3usize {
        let _: Vec<String> = run.step(&format!("s{n}"), || panic!("recorded")).unwrap();
    }
    run.complete(&"again").unwrap();
    store.execution("steps").unwrap().fork(Seq(2), "fork").unwrap();
    for n in 0..4usize {
        let (body, meta) = (Blob::msgpack(vec![0xc0]), Blob::new("json", *b"{\"step\": 1}"));
        let (key, parent) = (format!("{n:04}"), format!("{:04}", n.wrapping_sub(1)));
        let bytes = rmp_serde::to_vec(&messages(n * 10)).unwrap();
        let write = rmp_serde::to_vec("pending").unwrap();
        let writes = [(0, "out", "msgpack", write.as_slice())];
        let task = NewWrites {
            workflow: "host",
            scope: "ns",
            key: &key,
            task: "t",
            path: "p",
            writes: &writes,
            replace: false,
            status: Some(Status::Waiting),
            by: By::Outside,
        };
        store.put_writes("thread", &task).unwrap();
        let new = NewState {
            workflow: "host",
            scope: "ns",
            key: &key,
            parent: (n > 0).then_some(parent.as_str()),
            name: "loop",
            body: &body,
            meta: &meta,
            values: &[("messages", "host/msgpack", &bytes)],
            keep: &[],
            group: Some("run-1"),
            whole: true,
            status: None,
            by: By::Outside,
        };
        store.put_state("thread", &new).unwrap();
    }
}

fn read(path: &Path) {
    let store = Store::open(path).unwrap();
    let report = store.check(Depth::Full, &mut |_, _| {}).unwrap();
    assert!(report.ok(), "{:?}", report.problems);
    let all = store.entries("steps", true, Seq::ZERO, None).unwrap();
    assert_eq!(
        all.iter().map(|entry| entry.live()).collect::<Vec<_>>(),
        [true, true, true, false, false, false, false]
    );
    assert_eq!((all[5].name(), all[5].error()), ("fails", Some("no luck")));
    for (n, entry) in all.iter().take(5).enumerate() {
        let read: Vec<String> = rmp_serde::from_slice(&store.value(entry).unwrap().unwrap().read().unwrap()).unwrap();
        assert_eq!(read, messages(n * 20));
    }
    assert_eq!(store.execution("steps").unwrap().result::<String>().unwrap().as_deref(), Some("again"));
    assert_eq!(store.info("fork").unwrap().forked_from, Some(("steps".to_owned(), Seq(2))));
    assert_eq!(store.info("thread").unwrap().status, Status::Waiting);
    let states = store.list_states(Some("thread"), None, None, None).unwrap();
    assert_eq!(states.iter().map(|state| state.key.as_str()).collect::<Vec<_>>(), ["0003", "0002", "0001", "0000"]);
    for (n, state) in states.iter().rev().enumerate() {
        let read: Vec<String> = rmp_serde::from_slice(&state.values[0].1.read().unwrap()).unwrap();
        assert_eq!((read, state.values[0].1.codec()), (messages(n * 10), "host/msgpack"));
        assert_eq!(state.writes[0].channel, "out");
    }
    assert_eq!(store.group_states("run-1").unwrap().len(), 4);
    let mut run = store.begin("research", "fork").unwrap();
    for n in 0..2usize {
        let _: Vec<String> = run.step(&format!("s{n}"), || panic!("recorded")).unwrap();
    }
    assert_eq!(run.step::<u32>("new", || 7).unwrap(), 7, "an old store can be written to");
}

#[test]
fn a_store_of_format_1_is_read_whole() {
    if let Ok(directory) = std::env::var("OMIUM_GOLDEN") {
        write(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fs::create_dir_all(path.join("seg")).unwrap();
    for place in ["", "seg"] {
        for file in fs::read_dir(golden("format-1").join(place)).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                fs::copy(file.path(), path.join(place).join(file.file_name())).unwrap();
            }
        }
    }
    read(&path);
}

#[test]
fn exported_runs_of_every_version_are_taken_in() {
    for version in [1, 2] {
        taken_in(&golden(&format!("run-{version}.omx")), &golden(&format!("thread-{version}.omx")));
    }
}

fn taken_in(run: &Path, thread: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store")).unwrap();
    let info = store.import(run, None).unwrap();
    assert_eq!((info.id.as_str(), info.status, info.last), ("old", Status::Completed, Seq(8)));
    let all = store.entries("old", true, Seq::ZERO, None).unwrap();
    assert_eq!(
        all.iter().map(|entry| (entry.name(), entry.live())).collect::<Vec<_>>(),
        [true, true, false, false, false, true, true, true]
            .into_iter()
            .zip(["gather", "gather", "gather", "gather", "fails", "gather", "gather", "fails"])
            .map(|(live, name)| (name, live))
            .collect::<Vec<_>>()
    );
    assert_eq!(all[4].error(), Some("ValueError: no luck"));
    for (at, count) in [(0, 1), (1, 50), (2, 100), (3, 150), (5, 100), (6, 150)] {
        let value = store.value(&all[at]).unwrap().unwrap().read().unwrap();
        let read: Vec<String> = rmp_serde::from_slice(&value).unwrap();
        assert_eq!(read.len(), count);
        assert_eq!(read[count - 1], format!("message {} of a conversation that goes on and on", count - 1));
    }
    let result: Option<Vec<String>> = store.execution("old").unwrap().result().unwrap();
    assert_eq!(result.unwrap().len(), 150);

    store.import(thread, Some("again")).unwrap();
    assert_eq!(store.info("again").unwrap().status, Status::Waiting);
    let states = store.list_states(Some("again"), None, None, None).unwrap();
    assert_eq!(states.len(), 4);
    for (n, state) in states.iter().rev().enumerate() {
        let read: Vec<String> = rmp_serde::from_slice(&state.values[0].1.read().unwrap()).unwrap();
        assert_eq!((read, state.values[0].1.codec()), (messages(n * 10), "host/msgpack"));
        assert_eq!(state.writes[0].channel, "out");
    }
    assert!(store.check(Depth::Full, &mut |_, _| {}).unwrap().ok());
}

#[test]
fn this_version_writes_what_the_golden_store_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    write(&path);
    read(&path);
}
