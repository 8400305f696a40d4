//! One writer per thread of a host framework: whoever came second is refused, and whoever was fenced saves nothing.

use omium_core::{Blob, By, Error, NewState, NewWrites, Result, Seq, Status, Store};

use crate::support::everywhere;

fn save(store: &Store, id: &str, key: &str, by: By<'_>) -> Result<Vec<String>> {
    let blob = Blob { codec: "test".to_owned(), bytes: b"x".to_vec() };
    store.put_state(
        id,
        &NewState {
            workflow: "host",
            scope: "",
            key,
            parent: None,
            name: "loop",
            body: &blob,
            meta: &blob,
            values: &[],
            keep: &[],
            group: None,
            whole: true,
            status: Some(Status::Running),
            by,
        },
    )
}

fn note(store: &Store, id: &str, by: By<'_>) -> Result<()> {
    let writes = [(0, "channel", "test", b"x".as_slice())];
    let status = Some(Status::Failed);
    let new = NewWrites {
        workflow: "host",
        scope: "",
        key: "k",
        task: "t",
        path: "",
        writes: &writes,
        replace: false,
        status,
        by,
    };
    store.put_writes(id, &new)
}

fn held<T: std::fmt::Debug>(result: Result<T>) -> bool {
    matches!(result, Err(Error::LeaseHeld { .. }))
}

fn fenced<T: std::fmt::Debug>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Fenced { .. }))
}

#[test]
fn invocations_that_take_no_lease_save_beside_each_other() {
    everywhere(|store, _| {
        let (first, second) = (store.observe("t").unwrap(), store.observe("t").unwrap());
        for (key, seen) in [("1", &first), ("2", &second), ("3", &first)] {
            assert!(save(store, "t", key, By::Seen(seen)).unwrap().is_empty());
        }
        assert!(!store.observe("t").unwrap().leased_once());
        assert_eq!(store.info("t").unwrap().last, Seq(3));
    });
}

#[test]
fn the_first_that_takes_the_lease_has_the_thread() {
    everywhere(|store, _| {
        let (first, second) = (store.observe("t").unwrap(), store.observe("t").unwrap());
        save(store, "t", "1", By::Seen(&first)).unwrap();
        let run = store.join("host", &first).unwrap();
        assert!(held(save(store, "t", "2", By::Seen(&second))));
        assert!(held(note(store, "t", By::Seen(&second))));
        assert!(held(note(store, "t", By::Outside)));
        assert!(held(store.join("host", &second)));
        assert!(held(store.observe("t")));
        save(store, "t", "3", By::Leased(run.lease().unwrap())).unwrap();
        drop(run);
        assert!(fenced(save(store, "t", "4", By::Seen(&second))), "it runs from what is over");
        assert!(fenced(store.join("host", &second)));
        let info = store.info("t").unwrap();
        assert_eq!((info.status, info.last), (Status::Running, Seq(2)), "a refusal leaves no trace");
        save(store, "t", "5", By::Outside).unwrap();
        assert!(store.observe("t").unwrap().leased_once());
    });
}

#[test]
fn of_two_that_saved_only_the_newest_may_take_the_lease() {
    everywhere(|store, _| {
        let (first, second) = (store.observe("t").unwrap(), store.observe("t").unwrap());
        save(store, "t", "1", By::Seen(&first)).unwrap();
        save(store, "t", "2", By::Seen(&second)).unwrap();
        assert!(fenced(store.join("host", &first)));
        save(store, "t", "3", By::Seen(&first)).unwrap();
        assert!(fenced(store.join("host", &second)));
        second.runs_from("4");
        assert_eq!(second.newest().as_deref(), Some("4"));
        let run = store.join("host", &second).unwrap();
        assert!(held(save(store, "t", "5", By::Seen(&first))), "what it runs from is saved by the one with the lease");
        save(store, "t", "4", By::Leased(run.lease().unwrap())).unwrap();
    });
}

#[test]
fn a_deleted_thread_stays_deleted() {
    everywhere(|store, _| {
        let seen = store.observe("t").unwrap();
        save(store, "t", "1", By::Seen(&seen)).unwrap();
        let run = store.join("host", &store.observe("t").unwrap()).unwrap();
        assert!(held(store.delete("t").map(drop)));
        assert!(store.delete_running("t").unwrap());
        assert!(!store.delete_running("t").unwrap());
        // Nothing there, then another thread of that id, with a lease of its own.
        for begun_anew in [false, true] {
            assert!(fenced(save(store, "t", "2", By::Seen(&seen))));
            assert!(fenced(note(store, "t", By::Seen(&seen))));
            assert!(fenced(store.join("host", &seen)));
            let refused = save(store, "t", "2", By::Leased(run.lease().unwrap()));
            assert!(fenced(refused));
            assert!(fenced(run.finish(Status::Failed, None, None)));
            assert_eq!(store.info("t").is_ok(), begun_anew);
            if !begun_anew {
                drop(store.enter("host", "t").unwrap());
                save(store, "t", "new", By::Outside).unwrap();
            }
        }
        let next = store.enter("host", "t").unwrap();
        run.release().unwrap();
        assert!(held(store.observe("t")), "whoever was fenced gives nothing back that is another's");
        save(store, "t", "newer", By::Leased(next.lease().unwrap())).unwrap();
    });
}

#[test]
fn a_cancelled_thread_stays_cancelled_until_it_is_rolled_back() {
    everywhere(|store, _| {
        let seen = store.observe("t").unwrap();
        save(store, "t", "1", By::Seen(&seen)).unwrap();
        let run = store.enter("host", "t").unwrap();
        store.cancel("t").unwrap();
        assert!(fenced(save(store, "t", "2", By::Seen(&seen))) || held(save(store, "t", "2", By::Seen(&seen))));
        assert!(fenced(save(store, "t", "2", By::Leased(run.lease().unwrap()))));
        drop(run);
        assert!(fenced(note(store, "t", By::Seen(&seen))));
        for refused in [store.observe("t").map(drop), store.enter("host", "t").map(drop), note(store, "t", By::Outside)]
        {
            assert!(refused.unwrap_err().to_string().contains("was cancelled"));
        }
        let info = store.info("t").unwrap();
        assert_eq!((info.status, info.last), (Status::Cancelled, Seq(1)));
        store.rollback("t", Seq(1)).unwrap();
        let info = store.info("t").unwrap();
        assert_eq!((info.status, info.head), (Status::Running, Seq(1)));
        drop(store.enter("host", "t").unwrap());
    });
}

#[test]
fn a_rollback_fences_who_had_begun() {
    everywhere(|store, _| {
        let seen = store.observe("t").unwrap();
        save(store, "t", "1", By::Seen(&seen)).unwrap();
        save(store, "t", "2", By::Seen(&seen)).unwrap();
        store.rollback("t", Seq(1)).unwrap();
        assert!(fenced(save(store, "t", "3", By::Seen(&seen))));
        let run = store.enter("host", "t").unwrap();
        assert!(held(store.rollback("t", Seq(0)).map(drop)));
        save(store, "t", "4", By::Leased(run.lease().unwrap())).unwrap();
    });
}
