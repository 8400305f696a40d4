//! Effects from Rust: never silently repeated, undone in reverse order, once.

use std::cell::RefCell;

use omium_core::{BoxError, Effect, Error, Seq};

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
            undone.borrow_mut().push(room);
            Ok::<(), BoxError>(())
        });
        assert!(matches!(stops, Err(Error::Step { .. })));
        assert_ne!(execution.info().unwrap().head, Seq(1), "it stopped before the head moved");
        let finish = |fallen: &omium_core::Fallen| {
            undone.borrow_mut().push(fallen.receipt()?.unwrap());
            Ok::<(), Error>(())
        };
        execution.rollback_with(Seq(1), finish).unwrap();
        assert_eq!(*undone.borrow(), [3, 2, 1]);
        assert_eq!(execution.info().unwrap().head, Seq(1));
        execution.rollback_with(Seq(1), |_| Err::<(), _>("nothing is left to undo")).unwrap();
    });
}
