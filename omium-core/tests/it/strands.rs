//! Parallel strands: each is answered with its own record, whatever the order they ended in.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use omium_core::{BoxError, Effect, Error, Run, Scope, Seq};

use crate::support::everywhere;

/// The same name in every strand: only the strand tells the calls apart.
fn look(run: &mut Run, what: u32, ran: &AtomicU32) -> Result<u32, Error> {
    let found: u32 = run.step("look", || {
        ran.fetch_add(1, Ordering::SeqCst);
        what
    })?;
    run.step("weigh", || found * 10)
}

fn all(run: &mut Run, ran: &AtomicU32) -> Result<Vec<u32>, Error> {
    run.scope(|scope| {
        let strands: Vec<_> = (1..=8).map(|n| scope.spawn("look", move |run| look(run, n, ran))).collect();
        strands.into_iter().map(omium_core::Strand::join).collect()
    })
}

#[test]
fn each_strand_is_answered_with_its_own_record() {
    everywhere(|store, _| {
        let ran = AtomicU32::new(0);
        let expected: Vec<u32> = (1..=8).map(|n| n * 10).collect();
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(all(&mut run, &ran).unwrap(), expected);
        assert_eq!(run.step::<u32>("after", || 1).unwrap(), 1);
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(all(&mut run, &ran).unwrap(), expected);
        assert_eq!(run.step::<u32>("after", || panic!("recorded")).unwrap(), 1);
        assert_eq!((ran.load(Ordering::SeqCst), run.replayed(), run.ran()), (8, 17, 0));
    });
}

#[test]
fn strands_run_at_the_same_time() {
    everywhere(|store, _| {
        let together = Barrier::new(4);
        let mut run = store.begin("w", "x").unwrap();
        run.scope(|scope| {
            for _ in 0..4 {
                drop(scope.spawn("meet", |run| run.step("meet", || together.wait().is_leader())));
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(run.ran(), 4);
    });
}

#[test]
fn a_strand_in_a_strand_and_a_scope_after_a_scope() {
    everywhere(|store, _| {
        let nested = |run: &mut Run, base: u32| {
            run.scope(|scope| {
                let inner =
                    |scope: &Scope<'_, '_>, n: u32| scope.spawn("in", move |run| run.step("leaf", || base + n)).join();
                Ok(inner(scope, 1)? + inner(scope, 2)?)
            })
        };
        let both = |run: &mut Run| -> Result<[u32; 3], Error> {
            let first = run.scope(|scope| {
                let a = scope.spawn("a", |run| nested(run, 10));
                let b = scope.spawn("b", |run| nested(run, 20));
                Ok([a.join()?, b.join()?])
            })?;
            Ok([first[0], first[1], nested(run, 30)?])
        };
        let live = both(&mut store.begin("w", "x").unwrap()).unwrap();
        assert_eq!(live, [23, 43, 63]);
        let mut run = store.begin("w", "x").unwrap();
        assert_eq!(both(&mut run).unwrap(), live);
        assert_eq!((run.replayed(), run.ran()), (6, 0));
    });
}

#[test]
fn a_failure_that_ended_the_run_is_tried_again_though_others_went_on() {
    everywhere(|store, _| {
        let works = |failing: bool| {
            let recorded = Arc::new(Barrier::new(2));
            let mut run = store.begin("w", "x").unwrap();
            run.scope(|scope| {
                let (first, second) = (Arc::clone(&recorded), recorded);
                let fails = scope.spawn("fails", move |run| {
                    let tried = run.try_step("try", || if failing { Err("no answer") } else { Ok(1u32) });
                    first.wait();
                    tried
                });
                let goes_on = scope.spawn("goes on", move |run| {
                    second.wait();
                    run.step("later", || 2u32)
                });
                Ok(goes_on.join()? + fails.join()?)
            })
        };
        assert!(matches!(works(true), Err(Error::Step { .. })));
        assert_eq!(works(false).unwrap(), 3, "tried again");
    });
}

#[test]
fn a_failure_the_program_went_on_from_is_answered_again() {
    everywhere(|store, _| {
        let program = |id: &str, in_strand: bool, failing: fn() -> Result<u32, BoxError>| -> Result<u32, Error> {
            let mut run = store.begin("w", id)?;
            let tried = run.scope(|scope| {
                let strand = scope.spawn("a", |run| {
                    let tried = run.try_step("try", failing);
                    if in_strand { Ok(tried.unwrap_or(7)) } else { tried }
                });
                strand.join()
            });
            let value = tried.unwrap_or(7);
            run.step("after", || value)
        };
        for in_strand in [true, false] {
            let id = format!("{in_strand}");
            assert_eq!(program(&id, in_strand, || Err("no answer".into())).unwrap(), 7);
            assert_eq!(program(&id, in_strand, || panic!("it went on from the failure")).unwrap(), 7);
        }
    });
}

#[test]
fn an_error_that_nobody_joins_is_not_lost_and_effects_keep_their_strand() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let lost = run.scope(|scope| {
            drop(scope.spawn("a", |run| run.try_step("fail", || Err::<u32, _>("no answer"))));
            Ok(())
        });
        assert!(matches!(lost, Err(Error::Step { .. })));
        let keys = run.scope(|scope| {
            let pay = |run: &mut Run| run.effect(Effect::new("pay", "7"), |key| Ok::<_, BoxError>(key.to_owned()));
            Ok([scope.spawn("a", pay).join()?, scope.spawn("b", pay).join()?])
        });
        let keys = keys.unwrap();
        assert_ne!(keys[0], keys[1], "two effects");
        assert_eq!(store.execution("x").unwrap().effects().unwrap().len(), 2);
    });
}

#[test]
fn changed_code_in_a_strand_diverges() {
    everywhere(|store, _| {
        let program = |name: &'static str| {
            let mut run = store.begin("w", "x").unwrap();
            run.scope(|scope| scope.spawn("a", move |run| run.step(name, || 1u32)).join())
        };
        program("one").unwrap();
        let diverged = program("two").unwrap_err();
        assert!(matches!(diverged, Error::Divergence(_)), "{diverged}");
        assert_eq!(store.info("x").unwrap().last, Seq(1));
    });
}
