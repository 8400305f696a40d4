//! Forks and doubt: what may have happened in the original is not done again in a fork without a word.

use std::cell::RefCell;

use omium_core::{BoxError, Effect, EffectState, Error, Execution, Run, Seq, Status, Store};

use crate::support::everywhere;

/// The outside world: the keys it was asked to act for.
#[derive(Default)]
struct Bank(RefCell<Vec<String>>);

impl Bank {
    fn charge(&self, key: &str) -> Result<String, BoxError> {
        self.0.borrow_mut().push(key.to_owned());
        Ok(key.to_owned())
    }

    fn find(&self, key: &str) -> Result<Option<String>, BoxError> {
        Ok(self.0.borrow().iter().find(|known| *known == key).cloned())
    }

    fn charged(&self) -> usize {
        self.0.borrow().len()
    }
}

fn pay<'a>() -> Effect<'a, String> {
    Effect::new("pay", "order-7")
}

/// `plan`, then `pay`, whose process dies when it has acted, or before.
fn dies_in_pay(store: &Store, bank: &Bank, acted: bool) -> Execution {
    let mut run = store.begin("w", "x").unwrap();
    let _: u32 = run.step("plan", || 1).unwrap();
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.effect(pay(), |key| -> Result<String, BoxError> {
            if acted {
                bank.charge(key)?;
            }
            std::panic::panic_any("killed")
        })
    }));
    assert!(killed.is_err());
    drop(run);
    store.execution("x").unwrap()
}

fn resumed(execution: &Execution) -> Run {
    let mut run = execution.resume().unwrap();
    let _: u32 = run.step("plan", || panic!("recorded")).unwrap();
    run
}

fn states(execution: &Execution) -> Vec<EffectState> {
    execution.effects().unwrap().iter().map(omium_core::EffectRecord::state).collect()
}

#[test]
fn the_probe_is_asked_under_the_key_of_the_original() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let original = dies_in_pay(store, &bank, true);
        store.cancel("x").unwrap();
        let fork = original.fork(Seq(2), "y").unwrap();
        // And a fork of the fork, which has not been settled there either.
        let later = fork.fork(Seq(2), "z").unwrap();
        for fork in [&fork, &later] {
            assert_eq!(states(fork), [EffectState::InDoubt]);
            let receipt = resumed(fork).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
            assert_eq!(receipt, bank.0.borrow()[0]);
            assert_eq!(states(fork), [EffectState::Copied]);
            let undone = |_: &omium_core::Fallen| Err::<(), _>("it is the original's");
            fork.rollback_with(Seq(0), undone).unwrap();
        }
        assert_eq!(bank.charged(), 1);
    });
}

#[test]
fn what_never_happened_in_the_original_is_done_with_the_key_of_the_fork() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let original = dies_in_pay(store, &bank, false);
        let fork = original.fork(Seq(2), "y").unwrap();
        let asked = RefCell::new(String::new());
        let probe = |key: &str| {
            asked.replace(key.to_owned());
            bank.find(key)
        };
        let receipt = resumed(&fork).effect(pay().probe(probe), |key| bank.charge(key)).unwrap();
        assert_ne!(receipt, *asked.borrow());
        assert_eq!(states(&fork), [EffectState::Done]);
        // The original has not been settled by that.
        let own = resumed(&original).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
        assert_eq!((own, bank.charged()), (asked.into_inner(), 2));
    });
}

#[test]
fn every_policy_is_what_it_would_be_in_the_original() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let original = dies_in_pay(store, &bank, true);
        let never = |_: &str| -> Result<String, BoxError> { panic!("it may have happened") };

        let fails = original.fork(Seq(2), "fail").unwrap();
        let error = resumed(&fails).effect(pay(), never).unwrap_err();
        assert!(matches!(error, Error::InDoubt { seq: Seq(2), .. }), "{error}");

        let asks = original.fork(Seq(2), "ask").unwrap();
        let waits = resumed(&asks).effect(pay().ask(), never).unwrap_err();
        assert!(matches!(waits, Error::Waiting { seq: Seq(2), .. }), "{waits}");
        assert_eq!(asks.info().unwrap().status, Status::Waiting);
        assert_eq!(asks.questions().unwrap()[0].text, "did pay happen?");
        asks.answer(Seq(2), &"told").unwrap();
        assert_eq!(resumed(&asks).effect(pay().ask(), never).unwrap(), "told");

        let denied = original.fork(Seq(2), "denied").unwrap();
        denied.did_not_happen(Seq(2)).unwrap();
        let receipt = resumed(&denied).effect(pay().ask(), |key| bank.charge(key)).unwrap();
        assert_ne!(receipt, bank.0.borrow()[0], "a new effect has a key of its own");

        let retries = original.fork(Seq(2), "retry").unwrap();
        let receipt = resumed(&retries).effect(pay().retry(), |key| bank.charge(key)).unwrap();
        assert_eq!(receipt, bank.0.borrow()[0], "for a service that acts once per key");
        assert_eq!(states(&retries), [EffectState::Done], "the fork acted, so it answers for it");
    });
}

#[test]
fn a_failure_that_ended_the_original_is_a_doubt_in_the_fork() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("plan", || 1).unwrap();
        let hung_up = |key: &str| bank.charge(key).and_then(|_| Err::<String, BoxError>("the bank hung up".into()));
        run.effect(pay(), hung_up).unwrap_err();
        drop(run);
        let original = store.execution("x").unwrap();
        for at in [2, 3] {
            let fork = original.fork(Seq(at), &format!("y{at}")).unwrap();
            assert_eq!(fork.questions().unwrap().len(), 1);
            let receipt = resumed(&fork).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
            assert_eq!((receipt, bank.charged()), (bank.0.borrow()[0].clone(), 1));
        }
    });
}

#[test]
fn a_fork_from_before_an_effect_in_doubt_is_told_of_it() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let original = dies_in_pay(store, &bank, true);
        let refused = original.fork(Seq(1), "y").unwrap_err();
        assert!(
            matches!(&refused, Error::Unsettled { effects, .. } if effects == &[("pay".to_owned(), Seq(2))]),
            "{refused}"
        );
        let text = refused.to_string();
        assert!(text.contains("pay@2") && text.contains("--abandon-effects"), "{text}");
        assert!(matches!(store.execution("y"), Err(Error::ExecutionNotFound { .. })));
        let fork = original.fork_abandoning_effects(Seq(1), "y", &[]).unwrap();
        resumed(&fork).effect(pay(), |key| bank.charge(key)).unwrap();
        assert_eq!(bank.charged(), 2);
        // Settled, it is in nobody's way.
        resumed(&original).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
        original.fork(Seq(1), "z").unwrap();
    });
}

#[test]
fn what_the_original_settled_the_fork_does_itself() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let original = dies_in_pay(store, &bank, true);
        let early = original.fork(Seq(2), "early").unwrap();
        resumed(&original).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
        // Forked from before the receipt, which everybody knows there is: an effect of its own, as from before the intent.
        for fork in [early, original.fork(Seq(2), "late").unwrap()] {
            assert_eq!(states(&fork), []);
            assert_eq!(fork.questions().unwrap(), []);
            resumed(&fork).effect(pay(), |key| bank.charge(key)).unwrap();
            assert_eq!(states(&fork), [EffectState::Done]);
        }
        assert_eq!(bank.charged(), 3);
    });
}

#[test]
fn an_effect_under_way_in_the_original_is_waited_for() {
    everywhere(|store, _| {
        let bank = Bank::default();
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step("plan", || 1).unwrap();
        run.effect(pay(), |key| {
            let fork = store.execution("x")?.fork(Seq(2), "y")?;
            let refused = resumed(&fork).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap_err();
            assert!(matches!(refused, Error::InDoubt { source: Some(_), .. }), "{refused}");
            // An earlier point has nothing to do with it.
            store.execution("x")?.fork(Seq(1), "z")?;
            bank.charge(key)
        })
        .unwrap();
        drop(run);
        assert_eq!(bank.charged(), 1);
    });
}

#[test]
fn nothing_runs_in_a_replay_of_an_effect_in_doubt() {
    everywhere(|store, _| {
        let original = dies_in_pay(store, &Bank::default(), true);
        for policy in [pay().retry(), pay().probe(|_| panic!("nobody is asked")), pay().ask(), pay()] {
            let mut run = original.replay().unwrap();
            let _: u32 = run.step("plan", || panic!("recorded")).unwrap();
            let ends = run.effect(policy, |_| -> Result<String, BoxError> { panic!("nothing runs") }).unwrap_err();
            assert!(matches!(ends, Error::Divergence(_)), "{ends}");
        }
    });
}

#[test]
fn a_copy_under_another_id_forgets_no_doubt() {
    everywhere(|store, _| {
        let bank = Bank::default();
        dies_in_pay(store, &bank, true);
        store.copy("x", "y").unwrap();
        store.delete("x").unwrap();
        let copy = store.execution("y").unwrap();
        let receipt = resumed(&copy).effect(pay().probe(|key| bank.find(key)), |key| bank.charge(key)).unwrap();
        assert_eq!((receipt, bank.charged()), (bank.0.borrow()[0].clone(), 1));
    });
}
