//! Damage and bad input: a clear error, and nothing lost.

use std::fs;
use std::path::Path;

use omium_core::{Depth, Error, Options, Seq, Store};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::support::message;

fn filled(path: &Path) -> Vec<String> {
    let store = Store::open(path).unwrap();
    let mut run = store.begin("w", "x").unwrap();
    let values: Vec<String> = (0..12).map(|n| message(n, 300 * (n + 1))).chain([message(99, 900_000)]).collect();
    for (n, value) in values.iter().enumerate() {
        let _: String = run.step(&format!("s{n}"), || value.clone()).unwrap();
    }
    run.complete(&"end").unwrap();
    values
}

/// Reads everything; every value must be what was written, or an error that says the store is damaged.
fn read_back(path: &Path, values: &[String]) -> Result<(), Error> {
    let store = Store::open(path)?;
    let mut run = store.execution("x")?.replay()?;
    for (n, value) in values.iter().enumerate() {
        let read: String = run.step(&format!("s{n}"), || panic!("a recorded step ran"))?;
        assert_eq!(&read, value, "a damaged store gave another value");
    }
    Ok(())
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let values = filled(&path);
    read_back(&path, &values).unwrap();
    let files: Vec<_> = [path.join("index.db")]
        .into_iter()
        .chain(fs::read_dir(path.join("seg")).unwrap().map(|entry| entry.unwrap().path()))
        .map(|file| (file.clone(), fs::read(&file).unwrap()))
        .collect();
    let mut noticed = 0;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let places = proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..8), 300);
    let places = places.new_tree(&mut runner).unwrap().current();
    for (which, at, bit) in places {
        let (file, bytes) = &files[which.index(files.len())];
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= 1 << bit;
        fs::write(file, &damaged).unwrap();
        match read_back(&path, &values) {
            Ok(()) => {}
            Err(
                Error::Corrupted { .. }
                | Error::NotAStore { .. }
                | Error::FormatUnsupported { .. }
                | Error::ExecutionNotFound { .. },
            ) => noticed += 1,
            Err(other) => panic!("an error that does not say what to do: {other:?}"),
        }
        for (file, bytes) in &files {
            fs::write(file, bytes).unwrap();
        }
        for leftover in ["index.db-wal", "index.db-shm"] {
            let _ = fs::remove_file(path.join(leftover));
        }
    }
    assert!(noticed > 50, "{noticed} of 300 flips were noticed; the rest hit free or redundant bytes");
    read_back(&path, &values).unwrap();
}

#[test]
fn truncated_files_are_damage_and_check_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let values = filled(&path);
    let segment = fs::read_dir(path.join("seg")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(read_back(&path, &values), Err(Error::Corrupted { .. })));
    let report = Store::open(&path).unwrap().check(Depth::Quick, &mut |_, _| {}).unwrap();
    assert!(report.problems.iter().any(|problem| problem.contains("segment")), "{:?}", report.problems);
    fs::remove_file(&segment).unwrap();
    let report = Store::open(&path).unwrap().check(Depth::Full, &mut |_, _| {}).unwrap();
    assert!(!report.ok());
    fs::write(&segment, &whole).unwrap();
    read_back(&path, &values).unwrap();
    let index = fs::read(path.join("index.db")).unwrap();
    fs::write(path.join("index.db"), &index[..index.len() / 3]).unwrap();
    assert!(matches!(read_back(&path, &values), Err(Error::Corrupted { .. })));
}

#[test]
fn a_directory_that_is_no_store_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let not_created = Options { create: false, ..Options::default() };
    let open = |path: &Path| Store::open_with(path, not_created.clone());
    let missing = directory.path().join("missing");
    assert!(matches!(open(&missing), Err(Error::NotAStore { .. })) && !missing.exists());
    fs::write(directory.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(Store::open(directory.path()), Err(Error::NotAStore { .. })));
    assert!(matches!(Store::open(directory.path().join("letter.txt")), Err(Error::NotAStore { .. })));
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("index.db"), "this is not a database, it is a letter of some length").unwrap();
    assert!(matches!(Store::open(&other), Err(Error::NotAStore { .. })));
    let foreign = directory.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    let connection = rusqlite::Connection::open(foreign.join("index.db")).unwrap();
    connection.execute_batch("CREATE TABLE notes(text)").unwrap();
    drop(connection);
    assert!(matches!(Store::open(&foreign), Err(Error::NotAStore { .. })));
}

#[test]
fn a_newer_or_unknown_format_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    for (name, value, says) in [("min_reader", 9u64, "a reader of format 9"), ("features", 0x30, "features 0x30")] {
        let path = directory.path().join(name);
        filled(&path);
        let connection = rusqlite::Connection::open(path.join("index.db")).unwrap();
        connection
            .execute("UPDATE meta SET value = ?1 WHERE name = ?2", rusqlite::params![&value.to_le_bytes()[..], name])
            .unwrap();
        drop(connection);
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, Error::FormatUnsupported { .. }) && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_newer_writer_may_still_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    filled(&path);
    let connection = rusqlite::Connection::open(path.join("index.db")).unwrap();
    connection.execute("UPDATE meta SET value = ?1 WHERE name = 'min_writer'", [&7u64.to_le_bytes()[..]]).unwrap();
    drop(connection);
    assert!(matches!(Store::open(&path), Err(Error::FormatUnsupported { .. })));
    let store = Store::open_with(&path, Options { read_only: true, ..Options::default() }).unwrap();
    assert_eq!(store.info("x").unwrap().last, Seq(13));
    let error = store.begin("w", "y").unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[test]
fn a_segment_nobody_names_is_a_note_not_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    filled(&path);
    fs::write(path.join("seg").join("feedfeed.pack"), "left by a crash").unwrap();
    let store = Store::open(&path).unwrap();
    let report = store.check(Depth::Full, &mut |_, _| {}).unwrap();
    assert!(report.ok() && report.notes.len() == 1, "{report:?}");
    store.gc(&mut |_, _| {}).unwrap();
    assert!(path.join("seg").join("feedfeed.pack").exists(), "it may be about to be named");
}

#[test]
fn an_exported_run_is_the_same_elsewhere_and_damage_to_it_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let values = filled(&from);
    let file = directory.path().join("run.omx");
    Store::open(&from).unwrap().export("x", &file).unwrap();
    let other = Store::open(&to).unwrap();
    let info = other.import(&file, None).unwrap();
    assert_eq!((info.id.as_str(), info.last), ("x", Seq(13)));
    read_back(&to, &values).unwrap();
    assert!(matches!(other.import(&file, None), Err(Error::Invalid { .. })));
    other.import(&file, Some("y")).unwrap();
    assert_eq!(other.execution("y").unwrap().result::<String>().unwrap().as_deref(), Some("end"));
    let bytes = fs::read(&file).unwrap();
    for at in [0, 9, 13, 25, 60, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let error = other.import(&file, Some("z")).unwrap_err();
        let said = matches!(error, Error::Corrupted { .. } | Error::Invalid { .. } | Error::FormatUnsupported { .. });
        assert!(said, "byte {at}: {error:?}");
    }
    fs::write(&file, "a letter").unwrap();
    assert!(matches!(other.import(&file, Some("z")), Err(Error::Invalid { .. })));
}
