//! The commit: jobs of all threads in one transaction, processes in a queue, one sync for all.
//!
//! Everything slow (encoding, cutting, hashing, compressing) has happened before a job comes here. The
//! thread that finds nobody leading runs every job that waits, its own among them, in one transaction. In front of
//! SQLite's lock stands a `flock`, because SQLite lets waiting writers starve for seconds, and the kernel
//! queues them. The sync happens outside both locks.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::durable::DurableLog;
use super::options::Durability;
use crate::error::{Error, Result};
use crate::index::{Index, Journal};

/// The one way to change a store.
pub(super) struct Committer {
    index: Mutex<Index>,
    journal: Journal,
    /// Held by whichever process commits.
    queue: File,
    queue_path: PathBuf,
    jobs: Mutex<Jobs>,
    changed: Condvar,
    pub(super) log: DurableLog,
}

#[derive(Default)]
struct Jobs {
    waiting: Vec<Job>,
    led: bool,
}

/// Whether a commit goes at once, or waits a moment for others to share a transaction and a sync with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    /// For what is known to be followed by another commit at once. Half the syncs are worth the wait.
    Company,
}

/// How long a patient commit waits: an order below the sync it hopes to share.
const COMPANY_WAIT: Duration = Duration::from_millis(1);

struct Job {
    /// Answers whether its part of the transaction is to stand.
    run: Box<dyn FnOnce(&Index) -> bool + Send>,
    outcome: Arc<Mutex<Outcome>>,
}

#[derive(Default)]
enum Outcome {
    #[default]
    Waiting,
    Committed(u64),
    Failed(Arc<Error>),
}

/// The transaction several jobs shared could not be committed.
#[derive(Debug, thiserror::Error)]
#[error("the transaction could not be committed")]
struct NotCommitted(#[source] Arc<Error>);

impl Committer {
    pub(super) fn new(index: Index, journal: Journal, queue: File, queue_path: PathBuf, log: DurableLog) -> Committer {
        Committer {
            index: Mutex::new(index),
            journal,
            queue,
            queue_path,
            jobs: Mutex::default(),
            changed: Condvar::new(),
            log,
        }
    }

    /// Runs `job` in a transaction and returns when that is as durable as asked. When the job fails it has
    /// changed nothing.
    pub(super) fn commit<T: Send + 'static>(
        &self,
        durability: Durability,
        patience: Patience,
        job: impl FnOnce(&Index) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = Arc::new(Mutex::new(None));
        let outcome = Arc::new(Mutex::new(Outcome::Waiting));
        let run = {
            let answer = Arc::clone(&answer);
            Box::new(move |index: &Index| {
                let done = job(index);
                let stands = done.is_ok();
                *answer.lock() = Some(done);
                stands
            })
        };
        let ticket = self.enqueue(patience, Job { run, outcome: Arc::clone(&outcome) })?;
        let answer = answer.lock().take();
        // A job that was never run has no answer: its transaction did not begin, and enqueue has said why.
        let answer = answer.unwrap_or_else(|| Err(Error::unavailable("committing", NotRun)))?;
        if durability == Durability::Strict && self.journal == Journal::Wal {
            self.log.wait(ticket)?;
        }
        Ok(answer)
    }

    fn enqueue(&self, patience: Patience, job: Job) -> Result<u64> {
        let outcome = Arc::clone(&job.outcome);
        let mut jobs = self.jobs.lock();
        jobs.waiting.push(job);
        if patience == Patience::Company && !jobs.led {
            // Whoever comes meanwhile leads, and takes this job along.
            self.changed.wait_for(&mut jobs, COMPANY_WAIT);
        }
        loop {
            match &*outcome.lock() {
                Outcome::Committed(ticket) => return Ok(*ticket),
                Outcome::Failed(error) => {
                    let shared = NotCommitted(Arc::clone(error));
                    return Err(match &**error {
                        Error::Corrupted { what, .. } => Error::corrupted(what.clone(), shared),
                        _ => Error::unavailable("committing", shared),
                    });
                }
                Outcome::Waiting => {}
            }
            if jobs.led {
                self.changed.wait(&mut jobs);
                continue;
            }
            jobs.led = true;
            let batch = std::mem::take(&mut jobs.waiting);
            drop(jobs);
            self.lead(batch);
            jobs = self.jobs.lock();
            jobs.led = false;
            self.changed.notify_all();
        }
    }

    fn lead(&self, batch: Vec<Job>) {
        let outcomes: Vec<_> = batch.iter().map(|job| Arc::clone(&job.outcome)).collect();
        let settle = |to: &dyn Fn() -> Outcome| outcomes.iter().for_each(|outcome| *outcome.lock() = to());
        match self.exclusively(|index| transact(index, batch)) {
            Ok(()) => {
                let ticket = self.log.committed();
                settle(&|| Outcome::Committed(ticket));
            }
            Err(error) => {
                let error = Arc::new(error);
                settle(&|| Outcome::Failed(Arc::clone(&error)));
            }
        }
    }

    /// Runs `work` while no other process commits.
    pub(super) fn exclusively<T>(&self, work: impl FnOnce(&Index) -> Result<T>) -> Result<T> {
        let index = self.index.lock();
        self.queue.lock().map_err(|source| Error::unavailable("queueing for the store", source))?;
        let done = self.is_there().and_then(|()| work(&index));
        let unlocked = self.queue.unlock().map_err(|source| Error::unavailable("leaving the store's queue", source));
        let done = done?;
        unlocked?;
        Ok(done)
    }
}

impl Committer {
    /// Refuses to commit to files that nobody can open any more: it would succeed, and nothing be kept.
    fn is_there(&self) -> Result<()> {
        let ours = |there: &Metadata| self.queue.metadata().is_ok_and(|open| open.ino() == there.ino());
        if fs::metadata(&self.queue_path).is_ok_and(|there| ours(&there)) {
            return Ok(());
        }
        let store = self.queue_path.parent().unwrap_or(&self.queue_path);
        Err(Error::unavailable("writing to the store", Gone(store.display().to_string())))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} was deleted, or replaced by another, while it was open: start the program again")]
struct Gone(String);

#[derive(Debug, thiserror::Error)]
#[error("the transaction did not begin")]
struct NotRun;

/// One transaction. A job that fails leaves no trace; a batch of one needs no savepoint for that.
fn transact(index: &Index, batch: Vec<Job>) -> Result<()> {
    if batch.len() == 1 {
        let ended = index.write(|index| {
            for job in batch {
                if !(job.run)(index) {
                    return Err(Error::unavailable("committing", Refused));
                }
            }
            Ok(())
        });
        return match ended {
            // The job keeps its own error; rolling back was all there was to do.
            Err(Error::Unavailable { source, .. }) if source.is::<Refused>() => Ok(()),
            other => other,
        };
    }
    index.write(|index| batch.into_iter().try_for_each(|job| index.nested(|index| (job.run)(index))))
}

/// Rolls a transaction back whose only job said no.
#[derive(Debug, thiserror::Error)]
#[error("the job refused")]
struct Refused;
