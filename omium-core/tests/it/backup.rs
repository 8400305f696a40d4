//! A copy of a store in use: whole, sound, of one moment after it began, and in nobody's way.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use omium_core::{Blob, Depth, Durability, Error, Journal, NewState, Options, Seq, Store};

use crate::support::{everywhere, message};

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 29)
    };
    std::iter::repeat_with(word).flat_map(u64::to_le_bytes).take(len).collect()
}

fn sound(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    let report = store.check(Depth::Full, &mut |_, _| {}).unwrap();
    assert!(report.ok() && report.notes.is_empty(), "{report:?}");
    store
}

fn names(path: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(path).unwrap().map(name).collect()
}

#[test]
fn a_copy_can_be_gone_on_with() {
    everywhere(|store, path| {
        let mut run = store.begin("w", "x").unwrap();
        for n in 0..20usize {
            let _: Vec<String> = run.step(&format!("s{n}"), || vec![message(n, 2_000); n]).unwrap();
        }
        let _: String = run.step("large", || String::from_utf8_lossy(&noise(5, 1 << 20)).into_owned()).unwrap();
        // Nobody runs it any more: what a copy says of leases is what held when it was made.
        drop(run);
        let mut told = Vec::new();
        let target = path.with_file_name("copy");
        let backup = store.backup(&target, &mut |done, total| told.push((done, total))).unwrap();
        assert_eq!((backup.report.executions, backup.report.entries), (1, 21));
        assert!(told.iter().all(|(done, total)| done <= total), "{told:?}");
        let mut found = names(&target);
        found.sort();
        assert_eq!(found, ["index.db", "lock", "seg"]);
        // The original goes on, and the copy knows nothing of it.
        let mut run = store.begin("w", "x").unwrap();
        for n in 0..20usize {
            let _: Vec<String> = run.step(&format!("s{n}"), || panic!("recorded")).unwrap();
        }
        let _: String = run.step("large", || panic!("recorded")).unwrap();
        let _: u32 = run.step("later", || 1).unwrap();
        let copy = sound(&target);
        let mut again = copy.begin("w", "x").unwrap();
        for n in 0..20usize {
            let _: Vec<String> = again.step(&format!("s{n}"), || panic!("recorded")).unwrap();
        }
        let _: String = again.step("large", || panic!("recorded")).unwrap();
        assert_eq!(again.step::<u32>("later", || 2).unwrap(), 2);
        again.complete(&()).unwrap();
    });
}

/// Ends the writers, also when what they write beside has failed.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Adds a large state that takes the place of the one before it, so that a collection has something to remove.
fn put(store: &Store, host: &str, n: u64) {
    let body = Blob::new("raw", noise(n, 400 << 10));
    let key = format!("{n:06}");
    let state = NewState {
        workflow: "host",
        scope: "",
        key: &key,
        parent: None,
        name: "n",
        body: &body,
        meta: &Blob::msgpack(vec![0xc0]),
        values: &[],
        keep: &[],
        group: None,
        whole: true,
        status: None,
        by: omium_core::By::Outside,
    };
    store.put_state(host, &state).unwrap();
}

#[test]
fn writers_and_collections_go_on_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Process, ..Options::default() };
    let store = Store::open_with(directory.path().join("store"), options).unwrap();
    let (over, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut run = store.begin("w", "steps").unwrap();
            while !over.load(Ordering::SeqCst) {
                let n = acknowledged.load(Ordering::SeqCst) + 1;
                let _: String = run.step(&format!("s{n}"), || message(n as usize, 700)).unwrap();
                acknowledged.store(n, Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            for n in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                put(&store, &format!("host-{n}"), n);
                if n > 3 {
                    store.delete(&format!("host-{}", n - 3)).unwrap();
                    store.gc(&mut |_, _| {}).unwrap();
                }
            }
        });
        let _ends = Ends(&over);
        for n in 0..4 {
            let before = acknowledged.load(Ordering::SeqCst);
            let target = directory.path().join(format!("copy-{n}"));
            store.backup(&target, &mut |_, _| {}).unwrap();
            let copy = sound(&target);
            // The writer may not have begun when the first copy is made.
            if before > 0 {
                let entries = copy.entries("steps", false, Seq::ZERO, None).unwrap();
                assert!(entries.len() as u64 >= before, "{} of {before}", entries.len());
            }
        }
    });
    assert!(acknowledged.load(Ordering::SeqCst) > 0);
}

#[test]
fn where_it_may_not_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path).unwrap();
    put(&store, "x", 1);
    let refused = |target: &Path, says: &str| {
        let error = store.backup(target, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains(says), "{error}");
    };
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    refused(&file, "is a file");
    let full = directory.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("letter"), "mine").unwrap();
    refused(&full, "is not empty");
    refused(&path, "is not empty");
    refused(&path.join("copy"), "lies inside the store");
    assert!(!path.join("copy").exists());
    let cut_short = directory.path().join("cut-short");
    fs::create_dir_all(cut_short.join("unfinished")).unwrap();
    refused(&cut_short, "was cut short");
    assert!(matches!(Store::open(&cut_short), Err(Error::NotAStore { .. })), "half a copy is no store");
    // An empty directory of its own, as a volume is mounted.
    let empty = directory.path().join("empty");
    fs::create_dir_all(empty.join("lost+found")).unwrap();
    store.backup(&empty, &mut |_, _| {}).unwrap();
    sound(&empty);
}

#[test]
fn damage_is_not_handed_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path).unwrap();
    put(&store, "x", 1);
    drop(store);
    let (segment,) = (fs::read_dir(path.join("seg")).unwrap().next().unwrap().unwrap().path(),);
    let whole = fs::read(&segment).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let target = directory.path().join("copy");
    for bytes in [Some(damaged), None] {
        match bytes {
            Some(bytes) => fs::write(&segment, bytes).unwrap(),
            None => fs::remove_file(&segment).unwrap(),
        }
        let store = Store::open(&path).unwrap();
        let error = store.backup(&target, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, Error::Corrupted { .. }), "{error:?}");
        assert!(!target.exists(), "nothing is left of it");
    }
    fs::write(&segment, whole).unwrap();
    Store::open(&path).unwrap().backup(&target, &mut |_, _| {}).unwrap();
    sound(&target);
}

#[test]
fn a_store_that_is_only_read_can_be_copied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    put(&Store::open(&path).unwrap(), "x", 1);
    for journal in [Journal::Wal, Journal::Delete] {
        let options = Options { read_only: true, create: false, journal: Some(journal), ..Options::default() };
        let target = directory.path().join(format!("copy-{}", journal.as_str()));
        Store::open_with(&path, options).unwrap().backup(&target, &mut |_, _| {}).unwrap();
        sound(&target);
    }
}
