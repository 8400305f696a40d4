//! Several processes on one store, and their sudden deaths.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use omium_core::{
    BoxError, Depth, Effect, EffectState, Error, Fallen, Options, Run, Seq, Standing, Status, Store, Workflow,
};

use crate::support::message;

const ROLE: &str = "OMIUM_TEST_ROLE";
const STORE: &str = "OMIUM_TEST_STORE";

/// Starts this very test program as a process that plays `role`.
fn child(role: &str, store: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(STORE, store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing in a normal run; in a child it plays its role.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let store = Store::open(std::env::var(STORE).unwrap()).unwrap();
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n@{line}").and_then(|()| out.flush()).unwrap();
    };
    let mut words = role.split(' ');
    let (verb, id) = (words.next().unwrap(), words.next().unwrap());
    if let "act" | "gather" = verb {
        say("begun".to_owned());
        if verb == "act" {
            act(&store, id).unwrap()
        } else {
            gather(&store, id).unwrap()
        }
        return say("done".to_owned());
    }
    let mut run = store.begin("w", id).unwrap();
    say("begun".to_owned());
    match verb {
        // Every acknowledged step is told to the parent, until somebody kills this process.
        "work" => {
            for n in 0..100_000 {
                let _: String = run.step(&format!("s{n}"), || message(n, 700 + n % 5000)).unwrap();
                say(format!("{n}"));
            }
        }
        "some" => {
            for n in 0..200 {
                let _: usize = run.step(&format!("s{n}"), || n).unwrap();
            }
            run.complete(&200).unwrap();
        }
        _ => {
            let _: u32 = run.step("a", || 1).unwrap();
            let options = Options { read_only: true, ..Options::default() };
            let second = Store::open_with(store.path(), options).unwrap();
            assert_eq!(second.info(id).unwrap().standing, Standing::As(Status::Running));
            say("seen alive".to_owned());
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

fn told(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix('@').map(str::to_owned))
}

#[test]
fn a_killed_run_loses_nothing_acknowledged_and_resumes_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut acknowledged = 0;
    for round in 0..12u64 {
        let mut worker = child("work x", &path);
        let mut lines = told(&mut worker);
        assert_eq!(lines.next().as_deref(), Some("begun"));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(15 + round * 7));
            worker.kill().unwrap();
            worker.wait().unwrap();
        });
        for line in lines {
            if let Ok(n) = line.parse::<usize>() {
                acknowledged = acknowledged.max(n + 1);
            }
        }
        killer.join().unwrap();
        let store = Store::open(&path).unwrap();
        let mut run = store.begin("w", "x").unwrap();
        for n in 0..acknowledged {
            let read: String = run.step(&format!("s{n}"), || panic!("step {n} was acknowledged")).unwrap();
            assert_eq!(read, message(n, 700 + n % 5000));
        }
        drop(run);
        assert!(store.check(Depth::Full, &mut |_, _| {}).unwrap().ok());
    }
    assert!(acknowledged > 20, "{acknowledged} steps in all");
}

#[test]
fn a_living_owner_holds_its_lease_and_a_dead_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut owner = child("hold x", &path);
    let mut said = told(&mut owner);
    assert_eq!(said.next().as_deref(), Some("begun"));
    // It has looked at itself through a second, read-only store, which must not cost it its lease.
    assert_eq!(said.next().as_deref(), Some("seen alive"));
    let store = Store::open(&path).unwrap();
    let error = store.begin("w", "x").unwrap_err();
    assert!(matches!(&error, Error::LeaseHeld { owner: by, .. } if by.ends_with(&owner.id().to_string())), "{error}");
    assert!(matches!(store.rollback("x", Seq(0)), Err(Error::LeaseHeld { .. })));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(store.info("x").unwrap().standing, Standing::Orphaned);
    drop(store.begin("w", "x").unwrap());
}

#[test]
fn processes_and_threads_write_one_store_without_a_lock_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut children: Vec<Child> = (0..4).map(|n| child(&format!("some p{n}"), &path)).collect();
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let path = path.clone();
            std::thread::spawn(move || {
                let store = Store::open(&path).unwrap();
                let mut run = store.begin("w", &format!("t{n}")).unwrap();
                for step in 0..200 {
                    let _: usize = run.step(&format!("s{step}"), || step).unwrap();
                }
                run.complete(&200).unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let store = Store::open(&path).unwrap();
    let found = store.executions(&omium_core::Filter::default()).unwrap();
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|execution| execution.last == Seq(200)));
    assert!(store.check(Depth::Full, &mut |_, _| {}).unwrap().ok());
}

const EFFECTS: usize = 6;

/// What the outside world knows: a line for everything that was done to it.
fn outside(store: &Path) -> Vec<String> {
    let lines = std::fs::read_to_string(store.join("../outside")).unwrap_or_default();
    lines.lines().map(str::to_owned).collect()
}

fn happens(store: &Path, line: &str) -> Result<(), BoxError> {
    std::thread::sleep(Duration::from_micros(400));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(store.join("../outside"))?;
    file.write_all(format!("{line}\n").as_bytes())?;
    std::thread::sleep(Duration::from_micros(400));
    Ok(())
}

/// Happened already, as a service tells that knows its idempotency keys; else it happens now.
fn happens_once(store: &Path, line: &str) -> Result<(), BoxError> {
    if outside(store).iter().any(|known| known == line) { Ok(()) } else { happens(store, line) }
}

/// Books, and is dissatisfied with its first plan: goes back behind all it booked, and books again.
fn act(store: &Store, id: &str) -> Result<(), Error> {
    let path = store.path();
    let book = |run: &mut Run, name: &str| {
        let probe = |key: &str| {
            let done = outside(path).iter().any(|line| line.starts_with(&format!("do {key}")));
            Ok(done.then(|| key.to_owned()))
        };
        let owned = path.to_owned();
        let undo = move |fallen: &Fallen| happens_once(&owned, &format!("undo {}", fallen.idempotency_key));
        run.effect(Effect::new("book", name).probe(probe).undo(undo), |key| {
            happens(path, &format!("do {key} {name}")).map(|()| key.to_owned())
        })
    };
    Workflow::new("act", |run: &mut Run| {
        let plan: usize = run.step_with(omium_core::Step::new("plan"), |attempt| {
            Ok::<_, BoxError>(usize::from(attempt.failure.is_some()))
        })?;
        for n in 0..EFFECTS {
            book(run, &format!("room-{n}"))?;
        }
        let check = omium_core::Step::new("check").ensure("planned twice", |plan| *plan == 1).roll_back_to("plan");
        run.step_with(check, |_| Ok::<_, BoxError>(plan))
    })
    .run(store, id)?;
    Ok(())
}

#[test]
fn effects_happen_once_and_are_undone_once_whenever_it_is_killed() {
    let mut kills = 0u64;
    for round in 0..8u64 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        for tries in 0.. {
            let mut worker = child("act x", &path);
            let mut lines = told(&mut worker);
            assert_eq!(lines.next().as_deref(), Some("begun"));
            // Longer and longer, so that it ends on a busy machine, too.
            let wait = Duration::from_millis((kills * 7 + round * 3) % 17 + tries / 8);
            let killer = std::thread::spawn(move || {
                std::thread::sleep(wait);
                worker.kill().unwrap();
                worker.wait().unwrap();
            });
            let finished = lines.last().as_deref() == Some("done");
            killer.join().unwrap();
            kills += 1;
            if finished {
                break;
            }
        }
        let store = Store::open(&path).unwrap();
        let outside = outside(&path);
        let effects = store.execution("x").unwrap().effects().unwrap();
        let states: Vec<_> = effects.iter().map(|effect| effect.state()).collect();
        assert_eq!(states, [[EffectState::Undone; EFFECTS], [EffectState::Done; EFFECTS]].concat());
        let done = |n: usize| format!("do {} room-{}", effects[n].idempotency_key(), n % EFFECTS);
        let undone = (0..EFFECTS).rev().map(|n| format!("undo {}", effects[n].idempotency_key()));
        let expected: Vec<String> =
            (0..EFFECTS).map(done).chain(undone).chain((EFFECTS..2 * EFFECTS).map(done)).collect();
        assert_eq!(outside, expected, "after {kills} kills");
    }
    assert!(kills > 16, "{kills} kills");
}

const STRANDS: usize = 4;
const IN_EACH: usize = 5;

/// The same calls in every strand; only the strand tells them apart.
fn gather(store: &Store, id: &str) -> Result<(), Error> {
    let path = store.path();
    let pay = |run: &mut Run, strand: usize, n: usize| {
        let probe = |key: &str| Ok(outside(path).iter().find(|line| line.starts_with(key)).cloned());
        run.effect(Effect::new("pay", "me").probe(probe), |key| {
            let line = format!("{key} {strand}.{n}");
            happens(path, &line).map(|()| line)
        })
    };
    let work = |run: &mut Run, strand: usize| {
        let made = (0..IN_EACH).map(|n| {
            let planned: usize = run.step("plan", || strand * IN_EACH + n)?;
            Ok((planned, pay(run, strand, n)?))
        });
        made.collect::<Result<Vec<(usize, String)>, Error>>()
    };
    Workflow::new("gather", |run: &mut Run| {
        run.scope(|scope| {
            let strands: Vec<_> =
                (0..STRANDS).map(|strand| scope.spawn("work", move |run| work(run, strand))).collect();
            strands.into_iter().map(omium_core::Strand::join).collect::<Result<Vec<_>, Error>>()
        })
    })
    .run(store, id)?;
    Ok(())
}

#[test]
fn strands_that_are_killed_are_answered_with_their_own_record() {
    let mut kills = 0u64;
    for round in 0..4u64 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        for tries in 0.. {
            let mut worker = child("gather x", &path);
            let mut lines = told(&mut worker);
            assert_eq!(lines.next().as_deref(), Some("begun"));
            let wait = Duration::from_millis((kills * 5 + round * 3) % 13 + tries / 8);
            let killer = std::thread::spawn(move || {
                std::thread::sleep(wait);
                worker.kill().unwrap();
                worker.wait().unwrap();
            });
            let finished = lines.last().as_deref() == Some("done");
            killer.join().unwrap();
            kills += 1;
            if finished {
                break;
            }
        }
        let store = Store::open(&path).unwrap();
        let result: Vec<Vec<(usize, String)>> = store.execution("x").unwrap().result().unwrap().unwrap();
        let mut paid = outside(&path);
        assert_eq!(paid.len(), STRANDS * IN_EACH, "each once: {paid:?}");
        for (strand, made) in result.iter().enumerate() {
            for (n, (planned, receipt)) in made.iter().enumerate() {
                assert_eq!(*planned, strand * IN_EACH + n);
                assert!(receipt.ends_with(&format!(" {strand}.{n}")), "{receipt} is of strand {strand}");
                paid.retain(|line| line != receipt);
            }
        }
        assert!(paid.is_empty(), "receipts of nobody: {paid:?}");
    }
    assert!(kills > 8, "{kills} kills");
}
