//! What can go wrong, by what the caller can do about it.
//!
//! The variants are few and prescriptive. What exactly happened is in the [`source`] chain, whose types are
//! private to the module that found it.
//!
//! [`source`]: std::error::Error::source

use std::path::PathBuf;

use crate::clock::utc;
use crate::id::Seq;
use crate::machine::Divergence;

/// The result of everything that touches a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error a caller's own code may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the store or the run refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Check the id, or begin the execution first.
    #[error("the store has no execution {id:?}")]
    ExecutionNotFound {
        /// The id asked for.
        id: String,
    },
    /// Choose a seq the log has.
    #[error("execution {execution:?} has no entry {seq} (its log ends at {last})")]
    EntryNotFound {
        /// The execution asked.
        execution: String,
        /// The seq asked for.
        seq: Seq,
        /// The last seq of the log.
        last: Seq,
    },
    /// Wait for the owner, or end it: one writer at a time.
    #[error("execution {execution:?} is being run by {owner}{}; one writer at a time", until(*.expires_at))]
    LeaseHeld {
        /// The execution asked for.
        execution: String,
        /// `host:pid` of the owner.
        owner: String,
        /// Milliseconds since 1970 after which the lease may be taken over, if the owner is on another machine.
        expires_at: Option<u64>,
    },
    /// Stop: somebody else has taken this execution over, and nothing more of this run will be recorded.
    #[error("execution {execution:?} was taken over, cancelled or deleted; this run may record nothing more")]
    Fenced {
        /// The execution that was taken over.
        execution: String,
    },
    /// The code no longer does what the record says. Restore the code, roll back to before the change, or fork.
    #[error(transparent)]
    Divergence(#[from] Box<Divergence>),
    /// Do not trust this store: check it, and restore what it names from a copy.
    #[error("the store is damaged: {what}")]
    Corrupted {
        /// What is damaged.
        what: String,
        /// What found it.
        #[source]
        source: BoxError,
    },
    /// Free space, make the directory writable or repair the disk, then do it again: nothing was acknowledged.
    #[error("{action} failed")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        #[source]
        source: BoxError,
    },
    /// Name another directory, or an empty or missing one to begin a new store.
    #[error("{path} is not an omium store", path = path.display())]
    NotAStore {
        /// The directory asked for.
        path: PathBuf,
    },
    /// Use a version of omium that knows this format.
    #[error("{path} needs {needs}; this version reads formats up to {knows}", path = path.display())]
    FormatUnsupported {
        /// The store's directory.
        path: PathBuf,
        /// What the store asks of its reader.
        needs: String,
        /// The newest format this version knows.
        knows: u32,
    },
    /// Correct the call.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it, and what would be right.
        what: String,
    },
    /// Find out whether it happened, then settle it: nothing was done again.
    #[error("effect {effect:?} began (entry {seq}) and left no receipt; it is in doubt whether it happened")]
    InDoubt {
        /// The effect's name.
        effect: String,
        /// Its intent.
        seq: Seq,
        /// Why the probe could not tell, if there was one.
        #[source]
        source: Option<BoxError>,
    },
    /// Settle them first, fork from where they had begun, or give them up: nothing was copied.
    #[error(
        "{execution:?} cannot be forked at {at}: {} after it may have happened, and the fork would do it again without \
         asking; settle it (resume or answer {execution:?}), fork at an entry from @{} on, where its policy settles it in \
         the fork, or give it up (--abandon-effects)",
        listed(effects),
        latest(effects)
    )]
    Unsettled {
        /// The execution that was to be forked.
        execution: String,
        /// Where.
        at: Seq,
        /// The effects in doubt after that: their names and intents.
        effects: Vec<(String, Seq)>,
    },
    /// The code under the run failed; the source is its error.
    #[error("step {step:?} failed")]
    Step {
        /// The step's name.
        step: String,
        /// The error it returned.
        #[source]
        source: BoxError,
    },
    /// Look at what the step was given and at what it made: nothing of it is on record as done.
    #[error("{step:?} did not pass its check: {check}")]
    CheckFailed {
        /// The step's name.
        step: String,
        /// What was to hold.
        check: String,
    },
    /// Run the program again: the recovery policy of a step goes back to before an earlier one, which made what the step
    /// was given. [`Workflow::run`](crate::Workflow::run) does so by itself.
    #[error("execution {execution:?} goes back to entry {to}")]
    GoesBack {
        /// The execution.
        execution: String,
        /// Where its head belongs now: [`Execution::rollback`](crate::Execution::rollback).
        to: Seq,
        /// What failed.
        #[source]
        source: BoxError,
    },
    /// Have it answered, then resume: the execution waits, and this run of it has ended.
    #[error("{question} (answer {execution}@{seq}, then resume)")]
    Waiting {
        /// The execution.
        execution: String,
        /// The entry of the question.
        seq: Seq,
        /// What it waits to be told.
        question: String,
    },
    /// Give the value a form that serde writes, and reads as it wrote it.
    #[error("{what}")]
    NotSerializable {
        /// Which value could not be written or read, and what to do.
        what: String,
        /// What the codec said.
        #[source]
        source: BoxError,
    },
}

/// Of an owner on another machine only silence tells.
fn until(expires_at: Option<u64>) -> String {
    expires_at.map(|ms| format!(", whose lease ends at {} unless it is heard of before", utc(ms))).unwrap_or_default()
}

impl Error {
    pub(crate) fn corrupted(what: impl Into<String>, source: impl Into<BoxError>) -> Error {
        Error::Corrupted { what: what.into(), source: source.into() }
    }

    pub(crate) fn unavailable(action: &'static str, source: impl Into<BoxError>) -> Error {
        Error::Unavailable { action, source: source.into() }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Error {
        Error::Invalid { what: what.into() }
    }
}

fn listed(effects: &[(String, Seq)]) -> String {
    effects.iter().map(|(name, seq)| format!("{name}@{seq}")).collect::<Vec<_>>().join(", ")
}

fn latest(effects: &[(String, Seq)]) -> Seq {
    effects.iter().map(|(_, seq)| *seq).max().unwrap_or(Seq::ZERO)
}

/// A row, frame or recipe that does not say what was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the checksum of {0} does not match its content")]
    Checksum(&'static str),
    #[error("{0} ends early or goes on too long")]
    Length(&'static str),
    #[error("{what} holds {found}, which no version writes")]
    Unknown { what: &'static str, found: u64 },
    #[error("{what} {id} is missing")]
    Missing { what: &'static str, id: i64 },
    #[error("the value's hash is {found}, not {expected}")]
    Root { expected: crate::id::Digest, found: crate::id::Digest },
    #[error("a record cannot be decoded")]
    Record(#[from] wincode::ReadError),
    #[error("a compressed block cannot be decoded")]
    Block(#[source] std::io::Error),
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Error {
        let what = match &damage {
            Damage::Checksum(what) | Damage::Length(what) => (*what).to_owned(),
            Damage::Unknown { what, .. } => (*what).to_owned(),
            Damage::Missing { what, id } => format!("{what} {id}"),
            Damage::Root { .. } => "a value".to_owned(),
            Damage::Record(_) => "a record".to_owned(),
            Damage::Block(_) => "a pack".to_owned(),
        };
        Error::corrupted(what, damage)
    }
}

impl From<rusqlite::Error> for Error {
    /// SQLite's own verdict decides whether data is damaged or the disk is in the way.
    fn from(source: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Error::corrupted("the index", source),
            // A column of another type than the schema's strict one can only come from damage.
            None => Error::corrupted("the index", source),
            Some(_) => Error::unavailable("the index", source),
        }
    }
}
