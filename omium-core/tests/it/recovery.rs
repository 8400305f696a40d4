//! Checks, recovery policies, and waiting, from Rust.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use omium_core::{
    Attempt, BoxError, Clock, Effect, Error, FailureKind, Options, Outcome, Retry, Run, Seq, Status, Step, Store,
    Workflow,
};

use crate::support::{ManualClock, everywhere};

type Text = Result<String, BoxError>;

fn says_something(text: &str) -> bool {
    !text.is_empty()
}

#[test]
fn what_does_not_pass_its_check_is_not_on_record_as_done() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let write = || Step::new("write").ensure("it says something", |text: &String| says_something(text));
        let error = run.step_with(write(), |_| Text::Ok(String::new())).unwrap_err();
        assert_eq!(error.to_string(), "\"write\" did not pass its check: it says something");
        let refused = Step::<String>::new("send").require("it is allowed", || false).retry(Retry::times(3));
        let error = run.step_with(refused, |_| -> Text { panic!("it may not run") }).unwrap_err();
        assert!(matches!(error, Error::CheckFailed { .. }), "{error}");
        drop(run);
        let execution = store.execution("x").unwrap();
        let failures = execution.failures().unwrap();
        let told: Vec<_> = failures.iter().map(|each| (each.step.as_str(), each.kind, each.check.as_deref())).collect();
        let check = FailureKind::FailedCheck;
        assert_eq!(told, [("write", check, Some("it says something")), ("send", check, Some("it is allowed"))]);
        assert!(execution.checkpoints().unwrap().iter().all(|entry| entry.outcome() == Outcome::Failed));
    });
}

#[test]
fn a_recorded_step_is_neither_checked_nor_run_again() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        run.step_with(Step::new("write"), |_| Text::Ok(String::new())).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let checked = Step::new("write")
            .require("allowed", || false)
            .ensure("it says something", |text: &String| says_something(text));
        assert_eq!(run.step_with(checked, |_| -> Text { panic!("recorded") }).unwrap(), "");
    });
}

#[test]
fn a_retry_waits_twice_as_long_each_time_and_is_told_why() {
    let clock = ManualClock::at(1_000);
    let directory = tempfile::tempdir().unwrap();
    let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
    let store = Store::open_with(directory.path().join("s"), options).unwrap();
    let mut run = store.begin("w", "x").unwrap();
    let seen = RefCell::new(Vec::new());
    let flaky = |attempt: &Attempt| {
        seen.borrow_mut()
            .push((clock.0.load(Ordering::SeqCst), attempt.failure.as_ref().map(|why| why.message.clone())));
        if attempt.number < 4 { Err(format!("no {}", attempt.number).into()) } else { Text::Ok("yes".to_owned()) }
    };
    let patient = Step::new("call").retry(Retry { times: 3, first_ms: 1_000, longest_ms: 2_000 });
    assert_eq!(run.step_with(patient, flaky).unwrap(), "yes");
    let seen = seen.into_inner();
    let why: Vec<_> = seen.iter().map(|(_, why)| why.as_deref()).collect();
    assert_eq!(why, [None, Some("no 1"), Some("no 2"), Some("no 3")]);
    for (pair, wait) in seen.windows(2).zip([1_000, 2_000, 2_000]) {
        let waited = pair[1].0 - pair[0].0;
        assert!((wait / 2..=wait * 3 / 2).contains(&waited), "{waited} ms instead of about {wait}");
    }
    drop(run);
    let entries = store.execution("x").unwrap().checkpoints().unwrap();
    let names: Vec<_> = entries.iter().map(|entry| (entry.name(), entry.attempts())).collect();
    assert_eq!(names, [("attempt", 1), ("attempt", 1), ("attempt", 1), ("call", 4)]);
}

#[test]
fn a_crash_starts_neither_the_attempts_nor_their_wait_anew() {
    let clock = ManualClock::at(1_000);
    let directory = tempfile::tempdir().unwrap();
    let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
    let store = Store::open_with(directory.path().join("s"), options).unwrap();
    let seen = RefCell::new(Vec::new());
    let patient = || Step::<String>::new("call").retry(Retry { times: 2, first_ms: 1_000, longest_ms: 1_000 });
    let failing = |attempt: &Attempt| {
        seen.borrow_mut().push((attempt.number, attempt.failure.as_ref().map(|why| why.message.clone())));
        Text::Err(format!("no {}", attempt.number).into())
    };
    let killed = |run: &mut Run, body: &dyn Fn(&Attempt) -> Text| {
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.step_with(patient(), body)));
        assert!(died.is_err());
    };

    // Killed while it waits, it waits for what is left; had the clock jumped back, no longer than it was to wait at all.
    clock.panic_on_wait();
    killed(&mut store.begin("w", "x").unwrap(), &failing);
    clock.0.fetch_sub(900, Ordering::SeqCst);
    let resumed_ms = clock.now_ms();
    killed(&mut store.begin("w", "x").unwrap(), &|attempt| {
        assert_eq!((attempt.number, attempt.failure.as_ref().unwrap().message.as_str()), (2, "no 1"));
        assert!((500..=1_500).contains(&(clock.now_ms() - resumed_ms)), "the wait of the first failure");
        panic!("killed in an attempt")
    });

    // An attempt that was cut off is made again; then none is left, and the step has failed.
    let error = store.begin("w", "x").unwrap().step_with(patient(), failing).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no 3");
    let no = |number: u32| Some(format!("no {number}"));
    assert_eq!(*seen.borrow(), [(1, None), (2, no(1)), (3, no(2))]);

    // A resume begins anew what was given up.
    seen.borrow_mut().clear();
    store.begin("w", "x").unwrap().step_with(patient(), failing).unwrap_err();
    assert_eq!(*seen.borrow(), [(1, None), (2, no(1)), (3, no(2))]);
}

/// A plan that is bad until it is told so, and a report that is made of it.
fn research(run: &mut Run, effects: &RefCell<Vec<String>>) -> Result<String, Error> {
    let topic: String = run.step("topic", || "agents".to_owned())?;
    let plan: String = run.step_with(Step::new("plan"), |attempt| {
        Text::Ok(attempt.failure.as_ref().map_or(String::new(), |why| format!("{topic}, as {} said", why.step)))
    })?;
    run.effect(Effect::new("mail", "draft"), |_| {
        effects.borrow_mut().push(format!("mailed {plan:?}"));
        Ok::<_, BoxError>(plan.clone())
    })?;
    let write =
        Step::new("write").ensure("it says something", |text: &String| says_something(text)).roll_back_to("plan");
    run.step_with(write, |_| Text::Ok(plan.clone()))
}

#[test]
fn a_failure_goes_back_to_where_its_value_came_from() {
    everywhere(|store, _| {
        let effects = RefCell::new(Vec::new());
        let workflow = Workflow::new("research", |run: &mut Run| research(run, &effects)).undo(|fallen| {
            effects.borrow_mut().push(format!("took back {:?}", fallen.receipt::<String>()?));
            Ok(())
        });
        let report = workflow.run(store, "x").unwrap();
        assert_eq!(report, "agents, as write said");
        let expected =
            ["mailed \"\"", "took back Some(\"\")", "mailed \"agents, as write said\""].map(str::to_owned).to_vec();
        assert_eq!(*effects.borrow(), expected);
        assert_eq!(workflow.run(store, "x").unwrap(), report, "finished, it is answered from the record");
        assert_eq!(effects.borrow().len(), 3);
        assert_eq!(store.info("x").unwrap().status, Status::Completed);
        let failures = store.execution("x").unwrap().failures().unwrap();
        assert_eq!(failures.iter().map(|each| (each.step.as_str(), each.live)).collect::<Vec<_>>(), [("write", false)]);
    });
}

#[test]
fn a_crash_between_the_decision_and_the_rollback_changes_nothing() {
    everywhere(|store, _| {
        let effects = RefCell::new(Vec::new());
        let mut run = store.begin("research", "x").unwrap();
        assert!(matches!(research(&mut run, &effects), Err(Error::GoesBack { to: Seq(1), .. })));
        drop(run);
        let stops = Workflow::new("research", |run: &mut Run| research(run, &effects)).run(store, "x").unwrap_err();
        assert!(stops.to_string().contains("the undoing of mail"), "an effect stands in its way: {stops}");
        let workflow = Workflow::new("research", |run: &mut Run| research(run, &effects)).undo(|_| Ok(()));
        assert_eq!(workflow.run(store, "x").unwrap(), "agents, as write said");
    });
}

#[test]
fn going_back_has_a_limit() {
    everywhere(|store, _| {
        let planned = AtomicU64::new(0);
        let workflow = Workflow::new("w", |run: &mut Run| {
            run.step("plan", || planned.fetch_add(1, Ordering::SeqCst))?;
            let write = Step::new("write").ensure("never", |_| false).roll_back_to("plan").rollbacks(3);
            run.step_with(write, |_| Text::Ok(String::new()))
        });
        assert!(matches!(workflow.run(store, "x"), Err(Error::CheckFailed { .. })));
        assert_eq!(planned.load(Ordering::SeqCst), 4);
        assert_eq!(store.info("x").unwrap().status, Status::Failed);
        assert!(workflow.run(store, "x").is_err());
        assert_eq!(planned.load(Ordering::SeqCst), 4, "the limit counts over resumes");
    });
}

#[test]
fn a_person_decides_what_nothing_else_helps_against() {
    everywhere(|store, _| {
        let tried = AtomicU64::new(0);
        let workflow = Workflow::new("w", |run: &mut Run| {
            let n: u64 = run.step_with(Step::new("price").ask(), |_| {
                tried.fetch_add(1, Ordering::SeqCst);
                Err::<u64, BoxError>("no idea".into())
            })?;
            run.step("double", || n * 2)
        });
        let ask = |id: &str| {
            let waits = workflow.run(store, id).unwrap_err();
            assert!(matches!(waits, Error::Waiting { .. }), "{waits}");
            assert_eq!(store.info(id).unwrap().status, Status::Waiting);
            let questions = store.execution(id).unwrap().questions().unwrap();
            assert!(questions[0].text.starts_with("price failed: no idea; answer "), "{questions:?}");
            assert_eq!(questions.len(), 1);
            questions[0].seq
        };
        #[derive(serde::Serialize)]
        struct Given {
            value: u64,
        }
        let seq = ask("x");
        let execution = store.execution("x").unwrap();
        assert!(matches!(execution.answer(Seq(99), &1), Err(Error::Invalid { .. })));
        execution.answer(seq, &"what?").unwrap();
        let again = ask("x");
        execution.answer(again, &"retry").unwrap();
        let once_more = ask("x");
        assert_eq!(tried.load(Ordering::SeqCst), 2);
        execution.answer(once_more, &Given { value: 21 }).unwrap();
        assert_eq!(workflow.run(store, "x").unwrap(), 42);
        assert_eq!(workflow.run(store, "x").unwrap(), 42);
        assert_eq!(tried.load(Ordering::SeqCst), 2);
        let seq = ask("y");
        store.execution("y").unwrap().answer(seq, &"fail").unwrap();
        let gives_up = workflow.run(store, "y").unwrap_err();
        assert!(matches!(gives_up, Error::Step { .. }), "{gives_up}");
        assert_eq!(store.info("y").unwrap().status, Status::Failed);
    });
}

#[test]
fn a_question_survives_the_process_and_is_asked_once() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let waits = run.ask::<String>("which flight?").unwrap_err();
        assert_eq!(waits.to_string(), "which flight? (answer x@1, then resume)");
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        assert!(run.ask::<String>("which flight?").is_err());
        drop(run);
        let execution = store.execution("x").unwrap();
        execution.answer(Seq(1), &"LH 400").unwrap();
        assert!(execution.questions().unwrap().is_empty());
        assert_eq!(execution.info().unwrap().error, None, "what it waited for is there");
        let mut run = execution.resume().unwrap();
        assert_eq!(run.ask::<String>("which flight?").unwrap(), "LH 400");
    });
}

#[test]
fn a_timer_waits_for_what_is_left_and_never_longer() {
    for (clock_moves, left) in [(4_000i64, 6_000), (60_000, 0), (-50_000, 10_000)] {
        let clock = ManualClock::at(100_000);
        let directory = tempfile::tempdir().unwrap();
        let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
        let store = Store::open_with(directory.path().join("s"), options).unwrap();
        let mut run = store.begin("w", "x").unwrap();
        let claim = {
            // The intent of a sleep, and then the process is gone.
            let slept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                clock.panic_on_wait();
                run.sleep_ms(10_000)
            }));
            assert!(slept.is_err());
            clock.0.store((100_000 + clock_moves) as u64, Ordering::SeqCst);
            clock.0.load(Ordering::SeqCst)
        };
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        run.sleep_ms(10_000).unwrap();
        assert_eq!(clock.0.load(Ordering::SeqCst) - claim, left);
        run.sleep_ms(10_000).unwrap();
        assert_eq!(clock.0.load(Ordering::SeqCst) - claim, left + 10_000, "a second sleep is another one");
    }
}

#[test]
fn errors_tell_their_kind_through_what_wraps_them() {
    let timed_out = std::io::Error::from(std::io::ErrorKind::TimedOut);
    let wrapped = Error::Step { step: "s".to_owned(), source: timed_out.into() };
    assert_eq!(FailureKind::of(&wrapped), FailureKind::Timeout);
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(FailureKind::of(&refused), FailureKind::ProviderError);
    assert_eq!(FailureKind::of(&std::fmt::Error), FailureKind::Other);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s")).unwrap();
    let mut run = store.begin("w", "x").unwrap();
    let limited = Step::<String>::new("call").classify(|_| FailureKind::RateLimit);
    run.step_with(limited, |_| Text::Err("429".into())).unwrap_err();
    drop(run);
    assert_eq!(store.execution("x").unwrap().failures().unwrap()[0].kind, FailureKind::RateLimit);
}
