//! Effects from Rust: never silently repeated, undone in reverse order, once.

use std::cell::RefCell;

use omium_core::{BoxError, By, Effect, EffectState, Error, Execution, NewState, Seq, Status};

use crate::support::everywhere;

/// A body that dies: the process would be gone, here only the run is.
fn die(run: &mut omium_core::Run, effect: Effect<'_, u32>) {
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.effect(effect, |_| -> Result<u32, BoxError> { std::panic::panic_any("killed") })
    }));
    assert!(unwound.is_err());
}

#[test]
fn an_effect_in_doubt_is_settled_by_its_policy() {
    everywhere(|store, _| {
        die(&mut store.begin("w", "x").unwrap(), Effect::new("charge", "order-1"));
        let mut run = store.begin("w", "x").unwrap();
        let error = run.effect(Effect::new("charge", "order-1"), |_| Ok::<u32, BoxError>(1)).unwrap_err();
        assert!(matches!(error, Error::InDoubt { seq: Seq(1), .. }), "{error}");
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let broken = Effect::new("charge", "order-1").probe(|_| Err("no network".into()));
        assert!(matches!(run.effect(broken, |_| Ok::<u32, BoxError>(1)), Err(Error::InDoubt { source: Some(_), .. })));
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let happened = Effect::new("charge", "order-1").probe(|_| Ok(Some(7)));
        let receipt = run.effect(happened, |_| -> Result<u32, BoxError> { panic!("it happened") });
        assert_eq!(receipt.unwrap(), 7);
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let recorded =
            run.effect(Effect::new("charge", "order-1"), |_| -> Result<u32, BoxError> { panic!("recorded") });
        assert_eq!(recorded.unwrap(), 7);
    });
}

#[test]
fn a_retry_has_the_same_key_and_a_fork_another() {
    everywhere(|store, _| {
        let keys = RefCell::new(Vec::new());
        let charge = |run: &mut omium_core::Run| {
            run.effect(Effect::new("charge", "order-1").retry(), |key| {
                keys.borrow_mut().push(key.to_owned());
                Ok::<u32, BoxError>(1)
            })
            .unwrap()
        };
        let mut run = store.begin("w", "x").unwrap();
        run.effect(Effect::new("charge", "order-1").retry(), |key| {
            keys.borrow_mut().push(key.to_owned());
            Err::<u32, _>("refused")
        })
        .unwrap_err();
        drop(run);
        charge(&mut store.begin("w", "x").unwrap());
        let execution = store.execution("x").unwrap();
        charge(&mut execution.fork(Seq(0), "y").unwrap().resume().unwrap());
        execution.rollback_with(Seq(0), |_| Ok::<(), BoxError>(())).unwrap();
        charge(&mut execution.resume().unwrap());
        let keys = keys.into_inner();
        assert_eq!(keys[0], keys[1], "tried again");
        assert!(keys[1] != keys[2] && keys[1] != keys[3] && keys[2] != keys[3], "{keys:?}");
    });
}

#[test]
fn a_rollback_undoes_each_effect_once_and_in_reverse() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("plan", || 0).unwrap();
        for n in 1..=3u32 {
            run.effect(Effect::new("book", &format!("room-{n}")), |_| Ok::<u32, BoxError>(n)).unwrap();
        }
        let execution = run.complete(&()).unwrap();
        let undone = RefCell::new(Vec::new());
        let stops = execution.rollback_with(Seq(1), |fallen| {
            let room: u32 = fallen.receipt()?.unwrap();
            if room == 1 && undone.borrow().len() == 2 {
                return Err("the hotel does not answer".into());
            }
            assert!(!fallen.idempotency_key.is_empty());
            assert_eq!(fallen.key, Some(format!("room-{room}")), "what is undone is told by more than its receipt");
            undone.borrow_mut().push(room);
            Ok::<(), BoxError>(())
        });
        assert!(matches!(stops, Err(Error::Step { .. })));
        assert_ne!(execution.info().unwrap().head, Seq(1), "it stopped before the head moved");
        assert_eq!(execution.unfinished_rollback().unwrap(), Some(Seq(1)));
        let refused = execution.resume().unwrap_err();
        assert!(refused.to_string().contains("was cut short"), "nothing runs on from half a rollback: {refused}");
        assert_eq!(states(&execution), [EffectState::UndoFailed, EffectState::Undone, EffectState::Undone]);
        let blob = omium_core::Blob::new("none", Vec::new());
        let state = NewState {
            workflow: "w",
            scope: "",
            key: "1",
            parent: None,
            name: "node",
            body: &blob,
            meta: &blob,
            values: &[],
            keep: &[],
            group: None,
            whole: true,
            status: None,
            by: By::Outside,
        };
        let state = store.put_state("x", &state);
        assert!(state.unwrap_err().to_string().contains("was cut short"), "nor does a host");
        let finish = |fallen: &omium_core::Fallen| {
            undone.borrow_mut().push(fallen.receipt()?.unwrap());
            Ok::<(), Error>(())
        };
        execution.rollback_with(Seq(1), finish).unwrap();
        assert_eq!(*undone.borrow(), [3, 2, 1]);
        assert_eq!(execution.info().unwrap().head, Seq(1));
        assert_eq!(states(&execution), [EffectState::Undone; 3]);
        assert_eq!(execution.unfinished_rollback().unwrap(), None);
        execution.rollback_with(Seq(1), |_| Err::<(), _>("nothing is left to undo")).unwrap();
        drop(execution.resume().unwrap());
    });
}

fn states(execution: &Execution) -> Vec<EffectState> {
    execution.effects().unwrap().iter().map(omium_core::EffectRecord::state).collect()
}

#[test]
fn nothing_is_answered_on_half_a_rollback_and_no_head_is_moved_that_moved_meanwhile() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        run.effect(Effect::new("book", "room"), |_| Ok::<u32, BoxError>(1)).unwrap();
        drop(run.ask::<String>("really?").unwrap_err());
        drop(run);
        let execution = store.execution("x").unwrap();
        let asked = execution.questions().unwrap()[0].seq;
        execution.rollback_with(Seq(0), |_| Err::<(), _>("the hotel does not answer")).unwrap_err();
        assert_eq!(execution.questions().unwrap(), [], "it goes back behind what was asked");
        let refused = execution.answer(asked, &"yes").unwrap_err();
        assert!(refused.to_string().contains("was cut short"), "{refused}");
        assert_eq!(execution.unfinished_rollback().unwrap(), Some(Seq(0)));
        assert!(matches!(store.rollback_from("x", Seq(0), Some(asked)), Err(Error::Fenced { .. })));
        let head = execution.info().unwrap().head;
        store.rollback_from("x", Seq(0), Some(head)).unwrap();
        store.rollback_from("x", Seq(0), Some(head)).unwrap();
    });
}

#[test]
fn a_fork_has_effects_of_its_own() {
    everywhere(|store, _| {
        let charge = |run: &mut omium_core::Run, order: &str| {
            run.effect(Effect::new("charge", order), |key| Ok::<String, BoxError>(key.to_owned())).unwrap()
        };
        let mut run = store.begin("w", "x").unwrap();
        let first = charge(&mut run, "order-1");
        die(&mut run, Effect::new("mail", "order-1"));
        drop(run);
        let original = store.execution("x").unwrap();
        let fork = original.fork(Seq(3), "y").unwrap();
        assert_eq!(states(&original), [EffectState::Done, EffectState::InDoubt]);
        assert_eq!(states(&fork), [EffectState::Copied, EffectState::InDoubt]);
        let mut run = fork.resume().unwrap();
        assert_eq!(charge(&mut run, "order-1"), first, "on record, as it was");
        let mail = Effect::new("mail", "order-1").probe(|_| Ok(None));
        run.effect(mail, |_| Ok::<u32, BoxError>(1)).unwrap();
        drop(run);
        let undone = RefCell::new(Vec::new());
        fork.rollback_with(Seq(0), |fallen| {
            undone.borrow_mut().push(fallen.entry.name().to_owned());
            Ok::<(), BoxError>(())
        })
        .unwrap();
        assert_eq!(*undone.borrow(), ["mail"], "the charge is the original's, and stays");
    });
}

#[test]
fn somebody_who_knows_settles_a_doubt() {
    everywhere(|store, _| {
        let charge = |id: &str, body: fn() -> u32| {
            let mut run = store.begin("w", id)?;
            run.effect(Effect::new("charge", "order-1").ask(), |_| Ok::<u32, BoxError>(body()))
        };
        for id in ["happened", "did not"] {
            die(&mut store.begin("w", id).unwrap(), Effect::new("charge", "order-1").ask());
            let waits = charge(id, || panic!("it may have happened")).unwrap_err();
            assert!(matches!(waits, Error::Waiting { seq: Seq(1), .. }), "{waits}");
            assert_eq!(store.info(id).unwrap().status, Status::Waiting);
            let questions = store.execution(id).unwrap().questions().unwrap();
            assert_eq!((questions.len(), questions[0].text.as_str()), (1, "did charge happen?"));
        }
        store.execution("happened").unwrap().answer(Seq(1), &7u32).unwrap();
        assert_eq!(charge("happened", || panic!("it happened")).unwrap(), 7);
        let did_not = store.execution("did not").unwrap();
        did_not.did_not_happen(Seq(1)).unwrap();
        assert!(did_not.questions().unwrap().is_empty());
        assert_eq!(states(&did_not), [EffectState::DidNotHappen]);
        assert_eq!(charge("did not", || 8).unwrap(), 8);
        assert_eq!(states(&did_not), [EffectState::Done]);
        assert!(matches!(did_not.did_not_happen(Seq(1)), Err(Error::Invalid { .. })));
    });
}

#[test]
fn an_effect_whose_failure_ended_the_run_can_be_settled() {
    everywhere(|store, _| {
        for (id, happened) in [("x", true), ("y", false)] {
            let mut run = store.begin("w", id).unwrap();
            run.effect(Effect::new("charge", "order-1"), |_| Err::<u32, _>("the bank hung up")).unwrap_err();
            drop(run);
            let mut run = store.begin("w", id).unwrap();
            let error = run.effect(Effect::new("charge", "order-1"), |_| Ok::<u32, BoxError>(1)).unwrap_err();
            let Error::InDoubt { seq, .. } = error else { panic!("{error}") };
            drop(run);
            let execution = store.execution(id).unwrap();
            assert_eq!(execution.questions().unwrap()[0].seq, seq);
            if happened {
                execution.answer(seq, &7).unwrap();
            } else {
                execution.did_not_happen(seq).unwrap();
            }
            assert_eq!(execution.questions().unwrap(), []);
            let mut run = execution.resume().unwrap();
            let receipt = run.effect(Effect::new("charge", "order-1"), |_| Ok::<u32, BoxError>(1)).unwrap();
            assert_eq!(receipt, if happened { 7 } else { 1 });
        }
    });
}
