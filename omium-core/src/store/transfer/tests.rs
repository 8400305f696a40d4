//! What a forged file may not say.

use super::*;
use crate::model::{Outcome, Record};

fn front(head: u64, last: u64, epochs: &[(u32, u64, u64)]) -> Front {
    Front {
        id: "x".to_owned(),
        workflow: "w".to_owned(),
        source: None,
        status: 0,
        head: Seq(head),
        last: Seq(last),
        created_ms: 0,
        updated_ms: 0,
        error: None,
        input: None,
        result: None,
        epochs: epochs.iter().map(|&(number, base, start)| (number, Seq(base), Seq(start))).collect(),
        labels: Vec::new(),
    }
}

fn log(entries: &[(u64, u64)]) -> Vec<PortableEntry> {
    let record = |parent| Record {
        parent: Seq(parent),
        outcome: Outcome::Done,
        name: "s".to_owned(),
        occurrence: 0,
        prev: Seq::ZERO,
        spawned: false,
        created_ms: 0,
        duration_ms: 0,
        attempts: 1,
        parent_key: None,
        whole: false,
        value: None,
        input: None,
        meta: None,
        values: Vec::new(),
        error: None,
        usage: Vec::new(),
    };
    let entry = |&(seq, parent)| PortableEntry {
        seq: Seq(seq),
        kind: 0,
        scope: String::new(),
        key: "s".to_owned(),
        group: None,
        record: record(parent),
    };
    entries.iter().map(entry).collect()
}

#[test]
fn a_log_that_hangs_together_is_taken_in() {
    let line = [(1, 0), (2, 1), (3, 2)];
    in_order(&front(3, 3, &[]), &log(&line)).unwrap();
    in_order(&front(0, 0, &[]), &[]).unwrap();
    // Rolled back twice to 1 before anything else happened; pruned of what was abandoned.
    in_order(&front(4, 4, &[(1, 1, 3), (2, 1, 3)]), &log(&[(1, 0), (4, 1)])).unwrap();
}

#[test]
fn a_log_that_does_not_is_refused() {
    let refused = |front: Front, entries: &[(u64, u64)]| {
        let error = in_order(&front, &log(entries)).unwrap_err();
        assert!(matches!(error, Error::Corrupted { .. }), "{error}");
    };
    refused(front(2, 2, &[]), &[(1, 0), (1, 0)]);
    refused(front(2, 2, &[]), &[(2, 1), (1, 0)]);
    refused(front(2, 2, &[]), &[(1, 0), (3, 1)]);
    refused(front(2, 2, &[]), &[(0, 0), (1, 0)]);
    refused(front(2, 2, &[]), &[(1, 0), (2, 2)]);
    refused(front(3, 2, &[]), &[(1, 0), (2, 1)]);
    refused(front(2, 2, &[(2, 1, 1)]), &[(1, 0), (2, 1)]);
    refused(front(2, 2, &[(1, 2, 1)]), &[(1, 0), (2, 1)]);
    refused(front(2, 2, &[(1, 0, 3)]), &[(1, 0), (2, 1)]);
    refused(front(2, 2, &[(1, 0, 2), (2, 0, 1)]), &[(1, 0), (2, 1)]);
}
