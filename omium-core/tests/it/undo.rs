//! An undo per effect: a rollback takes back what declares how, newest first, each once.

use std::sync::Arc;

use omium_core::{BoxError, Effect, EffectState, Error, Execution, Fallen, Run, Seq, Step, Store, Workflow};
use parking_lot::Mutex;

use crate::support::everywhere;

#[derive(Clone, Default)]
struct Hotel {
    undone: Arc<Mutex<Vec<u32>>>,
    /// The room whose cancellation fails.
    trouble: Arc<Mutex<Option<u32>>>,
}

impl Hotel {
    fn cancel(&self) -> impl Fn(&Fallen) -> Result<(), BoxError> + Send + Sync + 'static {
        let hotel = self.clone();
        move |fallen| {
            let room: u32 = fallen.receipt()?.ok_or("no receipt")?;
            if *hotel.trouble.lock() == Some(room) {
                return Err("the hotel does not answer".into());
            }
            hotel.undone.lock().push(room);
            Ok(())
        }
    }

    fn book(&self, run: &mut Run, room: u32) -> Result<u32, Error> {
        let key = format!("room-{room}");
        run.effect(Effect::new("book", &key).undo(self.cancel()), |_| Ok::<u32, BoxError>(room))
    }
}

fn mail(run: &mut Run) -> Result<(), Error> {
    run.effect(Effect::new("mail", "me"), |_| Ok::<(), BoxError>(()))
}

fn booked(store: &Store, hotel: &Hotel) -> Execution {
    let mut run = store.begin("w", "x").unwrap();
    let _: u32 = run.step("plan", || 1).unwrap();
    hotel.book(&mut run, 1).unwrap();
    mail(&mut run).unwrap();
    hotel.book(&mut run, 2).unwrap();
    run.complete(&()).unwrap()
}

fn states(execution: &Execution) -> Vec<EffectState> {
    execution.effects().unwrap().iter().map(omium_core::EffectRecord::state).collect()
}

#[test]
fn a_rollback_undoes_what_declares_how() {
    everywhere(|store, _| {
        let hotel = Hotel::default();
        let execution = booked(store, &hotel);
        *hotel.trouble.lock() = Some(1);
        let stopped = execution.rollback(Seq(1)).unwrap_err();
        assert!(matches!(stopped, Error::Step { .. }), "{stopped}");
        assert_eq!(execution.unfinished_rollback().unwrap(), Some(Seq(1)));
        *hotel.trouble.lock() = None;
        execution.rollback(Seq(1)).unwrap();
        execution.rollback(Seq(1)).unwrap();
        assert_eq!(*hotel.undone.lock(), [2, 1], "newest first, each once");
        assert_eq!(states(&execution), [EffectState::Undone, EffectState::LeftStanding, EffectState::Undone]);
        assert_eq!(execution.info().unwrap().head, Seq(1));
    });
}

#[test]
fn what_no_code_can_undo_is_refused_before_anything_is() {
    everywhere(|store, path| {
        let hotel = Hotel::default();
        let other = Hotel::default();
        let head = booked(store, &hotel).info().unwrap().head;
        // Another process: another path to the same directory has nothing registered.
        let moved = path.with_file_name("moved");
        let execution = {
            std::fs::create_dir(&moved).unwrap();
            let file = moved.join("run.omx");
            store.export("x", &file).unwrap();
            let there = Store::open(moved.join("s")).unwrap();
            there.import(&file, None).unwrap();
            there.execution("x").unwrap()
        };
        let refused = execution.rollback(Seq(1)).unwrap_err().to_string();
        assert!(refused.contains("\"book\"") && refused.contains("register_undo"), "{refused}");
        assert_eq!(execution.info().unwrap().head, head, "nothing was begun");
        let there = Store::open(moved.join("s")).unwrap();
        there.register_undo("book", other.cancel()).unwrap();
        execution.rollback(Seq(1)).unwrap();
        assert_eq!((hotel.undone.lock().len(), other.undone.lock().clone()), (0, vec![2, 1]));
    });
}

#[test]
fn what_is_in_doubt_is_settled_before_a_rollback() {
    everywhere(|store, _| {
        let hotel = Hotel::default();
        let mut run = store.begin("w", "x").unwrap();
        hotel.book(&mut run, 1).unwrap();
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let book = Effect::new("book", "room-2").undo(hotel.cancel());
            run.effect(book, |_| -> Result<u32, BoxError> { std::panic::panic_any("killed") })
        }));
        assert!(killed.is_err());
        drop(run);
        let execution = store.execution("x").unwrap();
        let own = |fallen: &Fallen| hotel.cancel()(fallen);
        for refused in [execution.rollback(Seq(0)), execution.rollback_with(Seq(0), own)] {
            assert!(matches!(refused, Err(Error::InDoubt { seq: Seq(3), .. })));
        }
        assert_eq!(execution.unfinished_rollback().unwrap(), None);
        execution.answer(Seq(3), &2u32).unwrap();
        execution.rollback(Seq(0)).unwrap();
        assert_eq!(*hotel.undone.lock(), [2, 1]);
    });
}

#[test]
fn every_effect_can_be_given_up() {
    everywhere(|store, _| {
        let hotel = Hotel::default();
        let execution = booked(store, &hotel);
        execution.rollback_abandoning_effects(Seq(1)).unwrap();
        assert_eq!(states(&execution), [EffectState::LeftStanding; 3]);
        assert!(hotel.undone.lock().is_empty());
    });
}

#[test]
fn a_policy_that_goes_back_undoes_what_declares_how() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let hotel = Hotel::default();
    let report = Workflow::new("w", |run: &mut Run| {
        let plan: u32 = run
            .step_with(Step::new("plan"), |attempt| Ok::<_, BoxError>(if attempt.failure.is_some() { 2 } else { 1 }))?;
        hotel.book(run, plan)?;
        let check = Step::new("check").ensure("room 2", |room| *room == 2).roll_back_to("plan");
        run.step_with(check, |_| Ok::<_, BoxError>(plan))
    });
    // It stops in the middle of the rollback. Whoever opens the store next has not passed the effect yet.
    *hotel.trouble.lock() = Some(1);
    report.run(&Store::open(&path).unwrap(), "x").unwrap_err();
    *hotel.trouble.lock() = None;
    let store = Store::open(&path).unwrap();
    let execution = store.execution("x").unwrap();
    assert!(execution.unfinished_rollback().unwrap().is_some());
    assert!(execution.rollback(Seq(0)).unwrap_err().to_string().contains("register_undo"), "nothing is registered");
    assert_eq!(report.run(&store, "x").unwrap(), 2);
    assert_eq!(*hotel.undone.lock(), [1]);
}
