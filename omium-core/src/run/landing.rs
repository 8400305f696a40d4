//! Commits of one run that are in the air, so that whoever commits returns knowing what was recorded before it.
//!
//! Threads that share a transaction are woken in any order. Concurrent code may go on by what returns first, and a
//! resume gives back in the order of the record; so live calls return in that order too. Here each commit waits until
//! those with a lower seq have their seq as well; a binding then lets them return one after the other.

use std::collections::BTreeSet;

use parking_lot::{Condvar, Mutex};

use crate::error::Result;
use crate::id::Seq;

#[derive(Debug, Default)]
pub(super) struct Landing {
    air: Mutex<Air>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Air {
    tickets: u64,
    /// Tickets of commits whose seq is not known yet.
    flying: BTreeSet<u64>,
    /// Everything up to it is known, or none of this run's.
    floor: Option<Seq>,
    landed: BTreeSet<Seq>,
}

impl Air {
    /// Whether an entry before `seq` may be that of a commit which began before `ticket`.
    fn lacks(&self, seq: Seq, ticket: u64) -> bool {
        let dense = self.floor.is_some_and(|floor| {
            seq.0 <= floor.0 || self.landed.range(Seq(floor.0 + 1)..seq).count() as u64 == seq.0 - floor.0 - 1
        });
        !dense && self.flying.first().is_some_and(|&first| first < ticket)
    }
}

impl Landing {
    /// Runs one commit. `known` is told its seq before anybody with a higher one returns from here.
    pub(super) fn of(&self, commit: impl FnOnce() -> Result<Seq>, known: impl FnOnce(Seq)) -> Result<Seq> {
        let ticket = {
            let mut air = self.air.lock();
            air.tickets += 1;
            let ticket = air.tickets;
            air.flying.insert(ticket);
            ticket
        };
        let result = commit();
        let mut air = self.air.lock();
        air.flying.remove(&ticket);
        if let Ok(seq) = result {
            known(seq);
            air.landed.insert(seq);
            let later = air.tickets + 1;
            self.changed.notify_all();
            while air.lacks(seq, later) {
                self.changed.wait(&mut air);
            }
            let floor = air.floor.map_or(seq, |floor| floor.max(seq));
            air.floor = Some(floor);
            air.landed = air.landed.split_off(&Seq(floor.0 + 1));
        } else {
            self.changed.notify_all();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread;

    use super::*;

    #[test]
    fn whoever_returns_knows_all_that_was_recorded_before() {
        let landing = Arc::new(Landing::default());
        let first = Arc::new(AtomicU64::new(0));
        let (go, wait) = mpsc::channel::<()>();
        let begun = Arc::new(Barrier::new(2));
        let slow = thread::spawn({
            let (landing, first, begun) = (landing.clone(), first.clone(), begun.clone());
            move || {
                let commit = || {
                    begun.wait();
                    wait.recv().unwrap();
                    Ok(Seq(1))
                };
                landing.of(commit, |seq| first.store(seq.0, Ordering::SeqCst)).unwrap();
            }
        });
        begun.wait();
        let (landed, has_landed) = mpsc::channel();
        let quick = thread::spawn({
            let (landing, first) = (landing.clone(), first.clone());
            move || {
                landing.of(|| Ok(Seq(2)), |_| landed.send(()).unwrap()).unwrap();
                first.load(Ordering::SeqCst)
            }
        });
        // 2 has its seq, and 1 has none yet.
        has_landed.recv().unwrap();
        go.send(()).unwrap();
        assert_eq!(quick.join().unwrap(), 1);
        slow.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_what_begins_later_or_fails() {
        let landing = Landing::default();
        assert_eq!(landing.of(|| Ok(Seq(3)), |_| ()).unwrap(), Seq(3));
        // What another process recorded in between is no commit of this run.
        assert_eq!(landing.of(|| Ok(Seq(7)), |_| ()).unwrap(), Seq(7));
        let inner = || landing.of(|| Ok(Seq(8)), |_| ());
        let outer = landing.of(
            || {
                inner()?;
                Err(crate::error::Error::invalid("no"))
            },
            |_| (),
        );
        assert!(outer.is_err());
        assert_eq!(landing.of(|| Ok(Seq(9)), |_| ()).unwrap(), Seq(9));
    }
}
