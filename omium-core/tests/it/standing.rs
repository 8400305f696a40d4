//! What users are told an execution is doing, and whose code its record is said to be.

use std::fs;

use omium_core::{Error, Filter, NewState, Seq, Standing, Status, Store};

use crate::support::everywhere;

fn standing(store: &Store, id: &str) -> Standing {
    store.info(id).unwrap().standing
}

/// What lists it under the word it is shown with.
fn listed(store: &Store, standing: Standing) -> Vec<String> {
    let found = store.executions(&Filter { standing: Some(standing), ..Filter::default() }).unwrap();
    found.into_iter().map(|info| info.id).collect()
}

#[test]
fn what_nobody_has_begun_since_is_ready() {
    everywhere(|store, path| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        assert_eq!(standing(store, "x"), Standing::As(Status::Running));
        assert_eq!(listed(store, Standing::As(Status::Running)), ["x"]);
        drop(run);
        assert_eq!(standing(store, "x"), Standing::Ready, "it was given back");
        let execution = store.begin("w", "x").unwrap().complete(&1).unwrap();
        execution.fork(Seq(1), "fork").unwrap();
        store.export("fork", &path.with_extension("omx")).unwrap();
        store.import(&path.with_extension("omx"), Some("import")).unwrap();
        execution.rollback(Seq(0)).unwrap();
        let mut run = store.begin("w", "asks").unwrap();
        assert!(matches!(run.ask::<bool>("go on?"), Err(Error::Waiting { .. })));
        drop(run);
        store.execution("asks").unwrap().answer(Seq(1), &true).unwrap();
        for id in ["x", "fork", "import", "asks"] {
            assert_eq!(standing(store, id), Standing::Ready, "{id}");
        }
        assert_eq!(listed(store, Standing::Ready), ["asks", "import", "fork", "x"]);
        assert_eq!(listed(store, Standing::As(Status::Running)), [""; 0]);
    });
}

#[test]
fn a_fork_of_a_thread_that_nobody_leased_is_ready_too() {
    everywhere(|store, _| {
        let blob = omium_core::Blob { codec: "raw".to_owned(), bytes: vec![1] };
        let new = NewState {
            workflow: "host",
            scope: "",
            key: "1",
            parent: None,
            name: "input",
            body: &blob,
            meta: &blob,
            values: &[],
            keep: &[],
            group: None,
            whole: true,
            status: Some(Status::Running),
            by: omium_core::By::Outside,
        };
        store.put_state("t", &new).unwrap();
        assert_eq!(standing(store, "t"), Standing::As(Status::Running), "who runs it cannot be known");
        store.execution("t").unwrap().fork(Seq(1), "u").unwrap();
        assert_eq!(standing(store, "u"), Standing::Ready);
    });
}

#[test]
fn an_answer_revives_nothing_that_has_ended() {
    everywhere(|store, _| {
        let asked = |id: &str| {
            let mut run = store.begin("w", id).unwrap();
            assert!(matches!(run.ask::<bool>("go on?"), Err(Error::Waiting { .. })));
        };
        asked("cancelled");
        store.cancel("cancelled").unwrap();
        asked("completed");
        store.begin("w", "completed").unwrap().complete(&7).unwrap();
        for (id, status) in [("cancelled", Status::Cancelled), ("completed", Status::Completed)] {
            store.execution(id).unwrap().answer(Seq(1), &true).unwrap();
            assert_eq!(standing(store, id), Standing::As(status));
        }
        assert_eq!(store.execution("completed").unwrap().result::<u32>().unwrap(), Some(7));
    });
}

#[test]
fn the_record_names_the_code_that_made_it_and_not_one_that_diverged() {
    everywhere(|store, _| {
        let source = |id: &str| store.info(id).unwrap().source;
        let mut run = store.begin_with("w", "x", None, Some("good.py:w")).unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        drop(run);
        let mut run = store.begin_with("w", "x", None, Some("other.py:w")).unwrap();
        assert!(matches!(run.step::<u32>("b", || 2), Err(Error::Divergence(_))));
        run.fail_run("it diverged".to_owned(), &[]).unwrap();
        drop(run);
        assert_eq!(source("x").as_deref(), Some("good.py:w"));
        let mut run = store.begin_with("w", "x", None, Some("moved.py:w")).unwrap();
        let _: u32 = run.step("a", || panic!("recorded")).unwrap();
        assert_eq!(source("x").as_deref(), Some("good.py:w"));
        let _: u32 = run.step("b", || 2).unwrap();
        assert_eq!(source("x").as_deref(), Some("moved.py:w"), "it goes on from here");
        drop(run);
        let mut run = store.begin_with("w", "x", None, Some("again.py:w")).unwrap();
        let _: u32 = run.step("a", || panic!("recorded")).unwrap();
        let _: u32 = run.step("b", || panic!("recorded")).unwrap();
        run.complete(&2).unwrap();
        assert_eq!(source("x").as_deref(), Some("again.py:w"), "it was answered all the way");
    });
}

#[test]
fn a_store_that_was_deleted_while_open_takes_nothing_and_names_itself() {
    everywhere(|store, path| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        fs::remove_dir_all(path).unwrap();
        let error = run.step::<u32>("b", || 2).unwrap_err();
        let Error::Unavailable { source, .. } = &error else { panic!("{error:?}") };
        let cause = std::iter::successors(Some(&**source as &dyn std::error::Error), |error| error.source());
        let told: Vec<String> = cause.map(ToString::to_string).collect();
        let place = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string();
        assert!(told.iter().any(|line| line.contains(&place) && line.contains("was deleted")), "{told:?}");
    });
}

#[test]
fn until_when_the_lease_of_another_machine_lasts_is_told() {
    let held = |expires_at| Error::LeaseHeld { execution: "x".to_owned(), owner: "far:7".to_owned(), expires_at };
    assert_eq!(held(None).to_string(), r#"execution "x" is being run by far:7; one writer at a time"#);
    assert_eq!(
        held(Some(1_798_761_599_000)).to_string(),
        "execution \"x\" is being run by far:7, whose lease ends at 2026-12-31T23:59:59Z unless it is heard of before; \
         one writer at a time"
    );
}
