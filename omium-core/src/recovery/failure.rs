//! Failures: of what kind an error is, and what is on record about one.

use std::error::Error as StdError;
use std::io::ErrorKind;

use crate::error::{Error, Result};
use crate::execution::Execution;
use crate::id::Seq;
use crate::model::{Decision, Entry, FailureKind, Outcome, Told};
use crate::run::failure_note;
use crate::store::Store;

impl FailureKind {
    /// What an error says of itself, or what caused it.
    #[must_use]
    pub fn of(error: &(dyn StdError + 'static)) -> FailureKind {
        std::iter::successors(Some(error), |&error| error.source()).find_map(known).unwrap_or(FailureKind::Other)
    }
}

fn known(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        return match io.kind() {
            ErrorKind::TimedOut => Some(FailureKind::Timeout),
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Some(FailureKind::ProviderError),
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Some(FailureKind::BadOutput),
            _ => None,
        };
    }
    match error.downcast_ref::<Error>()? {
        Error::CheckFailed { .. } => Some(FailureKind::FailedCheck),
        Error::Divergence(_) => Some(FailureKind::Divergence),
        Error::NotSerializable { .. } => Some(FailureKind::BadOutput),
        Error::InDoubt { .. } => Some(FailureKind::ToolError),
        _ => None,
    }
}

/// One failure of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of what kind it is.
    pub kind: FailureKind,
    /// The step that failed.
    pub step: String,
    /// Its entry.
    pub seq: Seq,
    /// What its error said.
    pub message: String,
    /// The check that did not pass, if it was one.
    pub check: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it lies on the lineage of the head.
    pub live: bool,
}

impl Told {
    /// The failure of an attempt that is not the last: it has no entry as a failure.
    pub(super) fn of_attempt(&self, step: &str, number: u32) -> Failure {
        Failure {
            kind: self.kind,
            step: step.to_owned(),
            seq: Seq::ZERO,
            message: self.message.clone(),
            check: self.condition.clone(),
            attempts: number,
            live: true,
        }
    }
}

/// What is on record about the failure of an entry: None when it did not fail, or nothing readable is.
pub(super) fn of_entry(store: &Store, entry: &Entry) -> Result<Option<(Failure, Option<Decision>)>> {
    if entry.outcome() != Outcome::Failed {
        return Ok(None);
    }
    // A failure of a plain step, or of a host's own, says no more than its entry.
    let note = failure_note(store, entry)?;
    let told = note.as_ref().map(|note| &note.failure);
    let failure = Failure {
        kind: told.map_or(FailureKind::Other, |told| told.kind),
        step: entry.name().to_owned(),
        seq: entry.seq(),
        message: told.map_or_else(|| entry.error().unwrap_or_default().to_owned(), |told| told.message.clone()),
        check: told.and_then(|told| told.condition.clone()),
        attempts: entry.attempts(),
        live: entry.live(),
    };
    Ok(Some((failure, note.and_then(|note| note.recovery))))
}

impl Execution {
    /// Every failure on record, oldest first, those a rollback left behind included.
    pub fn failures(&self) -> Result<Vec<Failure>> {
        let log = self.store().entries(self.id(), true, Seq::ZERO, None)?;
        let found = log.iter().map(|entry| of_entry(self.store(), entry));
        found.filter_map(|each| each.map(|each| each.map(|(failure, _)| failure)).transpose()).collect()
    }
}
