//! What a run is promised, on every kind of store.

use omium_core::{Error, Kind, Outcome, Seq, Standing, Status};

use crate::support::everywhere;

#[test]
fn a_finished_step_never_runs_again() {
    everywhere(|store, _| {
        let mut run = store.begin("research", "r").unwrap();
        let first: Vec<String> = run.step("search", || vec!["a".to_owned()]).unwrap();
        drop(run);
        let mut run = store.begin("research", "r").unwrap();
        let again: Vec<String> = run.step("search", || panic!("it is recorded")).unwrap();
        assert_eq!(first, again);
        assert_eq!((run.recorded(), run.replayed(), run.ran()), (1, 1, 0));
        let execution = run.complete(&"done").unwrap();
        assert_eq!(execution.result::<String>().unwrap().as_deref(), Some("done"));
        assert_eq!(execution.info().unwrap().status, Status::Completed);
    });
}

#[test]
fn a_finished_execution_answers_from_its_record_and_writes_nothing() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("one", || 1).unwrap();
        run.complete(&1).unwrap();
        let mut run = store.begin("w", "x").unwrap();
        assert!(run.is_record_only());
        assert_eq!(run.step::<u32>("one", || panic!("recorded")).unwrap(), 1);
        let miss = run.step::<u32>("two", || panic!("nothing runs")).unwrap_err();
        assert!(matches!(miss, Error::Divergence(_)), "{miss}");
        assert_eq!(store.info("x").unwrap().last, Seq(1));
    });
}

#[test]
fn a_rollback_moves_the_head_and_erases_nothing() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        for (name, value) in [("a", 1), ("b", 2), ("c", 3)] {
            let _: u32 = run.step(name, || value).unwrap();
        }
        let execution = run.complete(&3).unwrap();
        let plan = execution.plan_rollback(Seq(1)).unwrap();
        let falls: Vec<u64> = plan.falls.iter().map(|entry| entry.seq().0).collect();
        assert_eq!(falls, [3, 2]);
        assert_eq!(execution.info().unwrap().head, Seq(3), "a plan does nothing");
        execution.rollback(Seq(1)).unwrap();
        execution.rollback(Seq(1)).unwrap();
        assert_eq!(execution.info().unwrap().head, Seq(1));
        let mut run = execution.resume().unwrap();
        assert_eq!(run.step::<u32>("a", || panic!("kept")).unwrap(), 1);
        assert_eq!(run.step::<u32>("b", || 20).unwrap(), 20);
        drop(run);
        let live: Vec<u64> = execution.checkpoints().unwrap().iter().map(|entry| entry.seq().0).collect();
        assert_eq!(live, [1, 4]);
        let all = store.entries("x", true, Seq::ZERO, None).unwrap();
        let states: Vec<_> = all.iter().map(|entry| (entry.seq().0, entry.parent().0, entry.live())).collect();
        assert_eq!(states, [(1, 0, true), (2, 1, false), (3, 2, false), (4, 1, true)]);
        // Going back to what a rollback left behind brings it back.
        execution.rollback(Seq(3)).unwrap();
        let mut run = execution.resume().unwrap();
        for (name, value) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(run.step::<u32>(name, || panic!("kept")).unwrap(), value);
        }
    });
}

#[test]
fn rolling_back_to_the_beginning_and_past_the_end() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        let execution = run.complete(&1).unwrap();
        let error = execution.rollback(Seq(9)).unwrap_err();
        assert_eq!(error.to_string(), "execution \"x\" has no entry 9 (its log ends at 1)");
        execution.rollback(Seq(0)).unwrap();
        assert!(execution.checkpoints().unwrap().is_empty());
        let mut run = execution.resume().unwrap();
        assert_eq!(run.step::<u32>("a", || 5).unwrap(), 5);
    });
}

#[test]
fn a_fork_shares_the_past_and_nothing_else() {
    everywhere(|store, _| {
        let big = crate::support::message(1, 200_000);
        let mut run = store.begin("w", "x").unwrap();
        let _: String = run.step("a", || big.clone()).unwrap();
        let _: u32 = run.step("b", || 2).unwrap();
        let original = run.complete(&2).unwrap();
        let before = store.stats().unwrap();
        let fork = original.fork(Seq(1), "y").unwrap();
        let after = store.stats().unwrap();
        assert_eq!((before.values, before.chunks), (after.values, after.chunks), "no state byte is written");
        assert_eq!(fork.info().unwrap().forked_from, Some(("x".to_owned(), Seq(1))));
        let mut run = fork.resume().unwrap();
        assert_eq!(run.step::<String>("a", || panic!("shared")).unwrap(), big);
        assert_eq!(run.step::<u32>("b", || 22).unwrap(), 22);
        run.complete(&22).unwrap();
        assert_eq!(original.result::<u32>().unwrap(), Some(2));
        assert!(store.delete("x").unwrap());
        store.gc(&mut |_, _| {}).unwrap();
        assert_eq!(store.value(&fork.checkpoints().unwrap()[0]).unwrap().unwrap().read().unwrap().len(), big.len() + 5);
        assert!(matches!(original.fork(Seq(1), "z"), Err(Error::ExecutionNotFound { .. })));
        assert!(matches!(fork.fork(Seq(1), "y"), Err(Error::Invalid { .. })));
    });
}

#[test]
fn a_fork_of_what_was_rolled_back_goes_on_too() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        for n in 0..6u32 {
            let _: u32 = run.step(&format!("s{n}"), || n).unwrap();
        }
        drop(run);
        store.rollback("x", Seq(2)).unwrap();
        let mut run = store.begin("w", "x").unwrap();
        for n in 0..4u32 {
            let _: u32 = run.step(&format!("s{n}"), || n + 10).unwrap();
        }
        drop(run);
        let fork = store.execution("x").unwrap().fork(Seq(8), "y").unwrap();
        let seqs: Vec<u64> = fork.checkpoints().unwrap().iter().map(|entry| entry.seq().0).collect();
        assert_eq!(seqs, [1, 2, 7, 8]);
        let mut run = fork.resume().unwrap();
        for (n, value) in [(0, 0), (1, 1), (2, 12), (3, 13)] {
            assert_eq!(run.step::<u32>(&format!("s{n}"), || panic!("shared")).unwrap(), value);
        }
        let _: u32 = run.step("s4", || 24).unwrap();
        drop(run);
        fork.rollback(Seq(7)).unwrap();
        assert_eq!(fork.checkpoints().unwrap().len(), 3);
        assert!(store.check(omium_core::Depth::Full, &mut |_, _| {}).unwrap().ok());
    });
}

#[test]
fn an_edited_fork_has_another_past() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        let original = run.complete(&1).unwrap();
        let value = omium_core::Blob::msgpack(rmp_serde::to_vec_named(&7u32).unwrap());
        let fork = original.fork_with(Seq(1), "y", &[omium_core::Edit { seq: Seq(1), value }]).unwrap();
        assert_eq!(fork.resume().unwrap().step::<u32>("a", || panic!("recorded")).unwrap(), 7);
        assert_eq!(original.replay().unwrap().step::<u32>("a", || panic!("recorded")).unwrap(), 1);
    });
}

#[test]
fn renaming_a_step_diverges_before_anything_runs() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("search", || 1).unwrap();
        let _: u32 = run.step("write", || 2).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(run.step::<u32>("search", || panic!("recorded")).unwrap(), 1);
        let error = run.step::<u32>("compose", || panic!("nothing may run")).unwrap_err();
        assert_eq!(error.to_string(), "x@2 recorded write where the code now asks for compose");
    });
}

#[test]
fn a_failed_step_is_recorded_and_tried_again() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let error = run.try_step::<u32, _>("a", || Err("no luck")).unwrap_err();
        assert!(matches!(&error, Error::Step { step, .. } if step == "a"), "{error}");
        run.finish(Status::Failed, None, Some("no luck".to_owned())).unwrap();
        drop(run);
        let failed = store.entry("x", Seq(1)).unwrap();
        assert_eq!((failed.outcome(), failed.error()), (Outcome::Failed, Some("no luck")));
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(run.step::<u32>("a", || 4).unwrap(), 4, "it ended the run, so it is tried again");
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(run.step::<u32>("a", || panic!("recorded now")).unwrap(), 4);
    });
}

#[test]
fn a_failure_the_code_handled_is_answered_as_a_failure() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        run.try_step::<u32, _>("a", || Err("no luck")).unwrap_err();
        let _: u32 = run.step("instead", || 5).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let error = run.try_step::<u32, std::fmt::Error>("a", || panic!("it failed, on record")).unwrap_err();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no luck");
        assert_eq!(run.step::<u32>("instead", || panic!("recorded")).unwrap(), 5);
    });
}

#[test]
fn a_cancelled_run_may_record_nothing_more() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("a", || 1).unwrap();
        store.cancel("x").unwrap();
        let error = run.step::<u32>("b", || 2).unwrap_err();
        assert!(matches!(error, Error::Fenced { .. }), "{error}");
        drop(run);
        let info = store.info("x").unwrap();
        assert_eq!((info.status, info.last), (Status::Cancelled, Seq(1)));
        assert!(matches!(store.cancel("x"), Err(Error::Invalid { .. })));
    });
}

#[test]
fn two_runs_of_one_execution_exclude_each_other() {
    everywhere(|store, _| {
        let run = store.begin("w", "x").unwrap();
        let second = store.begin("w", "x").unwrap_err();
        assert!(matches!(&second, Error::LeaseHeld { owner, .. } if owner.contains(&std::process::id().to_string())));
        assert!(matches!(store.rollback("x", Seq(0)), Err(Error::LeaseHeld { .. })));
        assert!(matches!(store.delete("x"), Err(Error::LeaseHeld { .. })));
        assert!(store.info("x").unwrap().owner.is_some());
        drop(run);
        let info = store.info("x").unwrap();
        assert_eq!((info.standing, info.owner), (Standing::Ready, None));
        drop(store.begin("w", "x").unwrap());
    });
}

#[test]
fn any_unicode_names_anything() {
    everywhere(|store, _| {
        for id in ["", " ", "user@host", "a\0b", "日本語 🦀", &"long ".repeat(2000)] {
            let mut run = store.begin(id, id).unwrap();
            let _: String = run.step(id, || id.to_owned()).unwrap();
            run.complete(&id).unwrap();
            let entry = store.entry(id, Seq(1)).unwrap();
            assert_eq!((entry.name(), entry.kind()), (id, Kind::Step));
            assert_eq!(store.execution(id).unwrap().result::<String>().unwrap().as_deref(), Some(id));
        }
        let huge = "x".repeat(70_000);
        assert!(matches!(store.begin("w", &huge), Err(Error::Invalid { .. })));
        assert!(store.check(omium_core::Depth::Full, &mut |_, _| {}).unwrap().ok());
    });
}

#[test]
fn a_workflow_keeps_to_its_own_executions() {
    everywhere(|store, _| {
        store.begin("w", "x").unwrap().complete(&0).unwrap();
        let error = store.begin("other", "x").unwrap_err();
        assert_eq!(error.to_string(), "execution \"x\" belongs to workflow \"w\", not \"other\"; use another id");
    });
}
