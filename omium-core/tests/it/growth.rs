//! What history costs, and that pruning and collecting give it back.

use std::sync::Arc;

use omium_core::{Blob, By, Depth, NewState, NewWrites, Options, Retention, Seq, Status, Store};

use crate::support::{ManualClock, everywhere, message};

fn put(store: &Store, thread: &str, number: usize, messages: &[String]) {
    let key = |n: usize| format!("{n:06}");
    let (body, meta) = (Blob::msgpack(vec![0xc0]), Blob::new("json", *b"{}"));
    let bytes = rmp_serde::to_vec(messages).unwrap();
    let parent = number.checked_sub(1).map(key);
    let missing = store
        .put_state(
            thread,
            &NewState {
                workflow: "host",
                scope: "",
                key: &key(number),
                parent: parent.as_deref(),
                name: "loop",
                body: &body,
                meta: &meta,
                values: &[("messages", "msgpack", &bytes)],
                keep: &[],
                group: None,
                whole: true,
                status: Some(Status::Running),
                by: By::Outside,
            },
        )
        .unwrap();
    assert!(missing.is_empty());
}

#[test]
fn a_growing_list_costs_what_was_added() {
    everywhere(|store, _| {
        let messages: Vec<String> = (0..120).map(|n| message(n, 1000)).collect();
        for n in 0..messages.len() {
            put(store, "t", n, &messages[..=n]);
        }
        let stats = store.stats().unwrap();
        assert!(stats.logical_bytes > 7_000_000);
        // 120 KB of messages that compress to about half, and some hundred bytes around each.
        store.gc(&mut |_, _| {}).unwrap();
        let disk = store.stats().unwrap().disk_bytes;
        assert!(disk < 400_000, "{disk} bytes on disk");
        for n in [0, 7, 63, 64, 65, 119] {
            let state = store.get_state("t", "", Some(&format!("{n:06}"))).unwrap().unwrap();
            let read: Vec<String> = rmp_serde::from_slice(&state.values[0].1.read().unwrap()).unwrap();
            assert_eq!(read, messages[..=n]);
        }
    });
}

#[test]
fn pruning_keeps_the_last_states_and_gc_returns_the_space() {
    everywhere(|store, _| {
        for n in 0..60 {
            put(store, "t", n, &[message(n, 40_000)]);
        }
        store.gc(&mut |_, _| {}).unwrap();
        let before = store.stats().unwrap();
        let policy = Retention { keep_last: Some(5), ..Retention::default() };
        let plan = store.plan_prune(&policy, None).unwrap();
        assert_eq!(plan.entry_count, 55);
        assert_eq!(store.stats().unwrap().entries, 60, "a plan does nothing");
        let mut told = Vec::new();
        assert_eq!(store.prune(&plan, &mut |done, total| told.push((done, total))).unwrap(), 55);
        let total = told.len() as u64;
        assert!(total > 0 && told.iter().enumerate().all(|(i, step)| *step == (i as u64 + 1, total)), "{told:?}");
        let collected = store.gc(&mut |_, _| {}).unwrap();
        let after = store.stats().unwrap();
        assert!(collected.chunks > 0 && after.disk_bytes * 4 < before.disk_bytes, "{before:?} {after:?}");
        assert_eq!(store.list_states(Some("t"), None, None, None).unwrap().len(), 5);
        for state in store.list_states(Some("t"), None, None, None).unwrap() {
            state.values[0].1.read().unwrap();
        }
        assert!(store.check(Depth::Full, &mut |_, _| {}).unwrap().ok());
    });
}

#[test]
fn old_finished_executions_go_whole_and_running_ones_stay() {
    let clock = ManualClock::at(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
    let store = Store::open_with(directory.path().join("s"), options).unwrap();
    store.begin("w", "old").unwrap().complete(&0).unwrap();
    drop(store.begin("w", "unfinished").unwrap());
    clock.advance(10_000);
    store.begin("w", "new").unwrap().complete(&0).unwrap();
    let policy = Retention { older_than_ms: Some(5_000), ..Retention::default() };
    let plan = store.plan_prune(&policy, None).unwrap();
    assert_eq!(plan.executions, ["old"]);
    store.prune(&plan, &mut |_, _| {}).unwrap();
    assert!(store.info("old").is_err() && store.info("new").is_ok() && store.info("unfinished").is_ok());
}

#[test]
fn what_rollbacks_left_behind_goes_when_asked() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        for name in ["a", "b", "c"] {
            let _: String = run.step(name, || message(1, 3000)).unwrap();
        }
        drop(run);
        store.rollback("x", Seq(1)).unwrap();
        let plan = store.plan_prune(&Retention { abandoned: true, ..Retention::default() }, None).unwrap();
        assert_eq!(plan.entries, [("x".to_owned(), vec![Seq(2), Seq(3)])]);
        store.prune(&plan, &mut |_, _| {}).unwrap();
        let mut run = store.begin("w", "x").unwrap();
        let _: String = run.step("a", || panic!("kept")).unwrap();
        assert_eq!(run.step::<u32>("b", || 2).unwrap(), 2);
    });
}

#[test]
fn a_state_that_needs_its_ancestors_keeps_them() {
    everywhere(|store, _| {
        for n in 0..6 {
            let (body, meta, parent) = (Blob::msgpack(vec![0xc0]), Blob::new("json", *b"{}"), format!("{}", n - 1));
            let new = NewState {
                workflow: "host",
                scope: "",
                key: &format!("{n}"),
                parent: (n > 0).then_some(parent.as_str()),
                name: "loop",
                body: &body,
                meta: &meta,
                values: &[],
                keep: &[],
                group: None,
                whole: n == 2,
                status: None,
                by: By::Outside,
            };
            store.put_state("t", &new).unwrap();
        }
        let plan = store.plan_prune(&Retention { keep_last: Some(1), ..Retention::default() }, None).unwrap();
        assert_eq!(plan.entries, [("t".to_owned(), vec![Seq(1), Seq(2)])]);
    });
}

#[test]
fn pending_writes_may_come_first_and_a_rollback_undoes_them() {
    everywhere(|store, _| {
        let write = |key: &str, text: &str, replace| {
            let bytes = rmp_serde::to_vec(text).unwrap();
            let writes = [(0, "out", "msgpack", bytes.as_slice())];
            let new = NewWrites {
                workflow: "host",
                scope: "",
                key,
                task: "t1",
                path: "",
                writes: &writes,
                replace,
                status: None,
                by: By::Outside,
            };
            store.put_writes("t", &new).unwrap();
        };
        let pending = |key: &str| -> Vec<String> {
            let state = store.get_state("t", "", Some(key)).unwrap().unwrap();
            state.writes.iter().map(|write| rmp_serde::from_slice(&write.value.read().unwrap()).unwrap()).collect()
        };
        write("000000", "early", false);
        put(store, "t", 0, &[message(0, 10)]);
        assert_eq!(pending("000000"), ["early"]);
        write("000000", "again", false);
        assert_eq!(pending("000000"), ["early"], "what is there is kept");
        write("000000", "replaced", true);
        assert_eq!(pending("000000"), ["replaced"]);
        put(store, "t", 1, &[message(1, 10)]);
        store.rollback("t", Seq(1)).unwrap();
        assert!(pending("000000").is_empty(), "the task after it is to run again");
        assert_eq!(store.get_state("t", "", None).unwrap().unwrap().key, "000000");
        write("000000", "anew", false);
        assert_eq!(pending("000000"), ["anew"]);
    });
}
