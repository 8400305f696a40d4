//! What an open intent means to whoever comes upon it: a run at its place, a fork, or a person who is asked.
//!
//! An effect that had begun where a fork begins is its original's. What is not settled there is settled in the fork as it would
//! be in the original: by the effect's policy, under the original's idempotency key.

use super::ledger::EffectRecord;
use super::note::Note;
use crate::error::{Error, Result};
use crate::execution::Execution;
use crate::id::Seq;
use crate::model::{Entry, Outcome};
use crate::run::Run;
use crate::store::{Edit, Store};

/// Whose effect an open intent is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// This execution's: it is settled by its policy, and is done (again) under the same idempotency key.
    Own,
    /// That of the execution this one was forked from: it is settled by its policy, under the original's key. When it never
    /// happened it is a new effect here.
    Taken,
    /// Nobody's any more: it is accounted for, and what runs here is a new effect.
    Anew,
}

/// What the original's own log says of an intent that a fork took over.
enum Original {
    /// It came to an outcome there, or is known not to have happened.
    Settled,
    /// It failed there, or its run ended before it left an outcome.
    Unsettled,
    /// `host:pid` of who is running it.
    UnderWay(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{execution:?}, which began it, is being run by {owner}: run this one when that has ended")]
struct UnderWay {
    execution: String,
    owner: String,
}

impl Run {
    /// Whose effect the open intent at a claimed place is about.
    ///
    /// [`Error::InDoubt`] when the execution that began it is being run now: nobody can know yet what it comes to.
    pub fn doubt(&self, intent: &Entry) -> Result<Doubt> {
        let note = Note::of(self.store(), intent)?;
        if note.execution == self.id() {
            let anew = note.epoch < self.epoch() && left_behind(self.store(), intent)?;
            return Ok(if anew { Doubt::Anew } else { Doubt::Own });
        }
        if note.cleared {
            return Ok(Doubt::Anew);
        }
        match original(self.store(), intent, &note)? {
            Original::Settled => Ok(Doubt::Anew),
            Original::Unsettled => Ok(Doubt::Taken),
            Original::UnderWay(owner) => {
                let source = Box::new(UnderWay { execution: note.execution, owner });
                Err(Error::InDoubt { effect: intent.name().to_owned(), seq: intent.seq(), source: Some(source) })
            }
        }
    }
}

impl Store {
    /// Whether an open intent asks nothing of anybody: it did not happen, or it came to an outcome that its place does not
    /// show, because a rollback left that behind or a fork began before it.
    pub fn is_accounted_for(&self, intent: &Entry) -> Result<bool> {
        let note = Note::of(self, intent)?;
        if note.cleared {
            return Ok(true);
        }
        if note.execution == intent.execution() {
            return left_behind(self, intent);
        }
        Ok(matches!(original(self, intent, &note)?, Original::Settled))
    }
}

/// Whether a rollback went back to between an intent and its outcome: then that rollback has accounted for the effect.
fn left_behind(store: &Store, intent: &Entry) -> Result<bool> {
    let later = store.entries(intent.execution(), true, intent.seq(), None)?;
    Ok(later.iter().any(|entry| !entry.live() && entry.outcome() != Outcome::Intent && entry.same_place(intent)))
}

/// A copied entry has the seq of its original.
fn original(store: &Store, intent: &Entry, note: &Note) -> Result<Original> {
    let log = match store.entries(&note.execution, true, Seq(intent.seq().0 - 1), None) {
        Ok(log) => log,
        Err(Error::ExecutionNotFound { .. }) => return Ok(Original::Unsettled),
        Err(error) => return Err(error),
    };
    let mut at_place = log.iter().filter(|entry| entry.same_place(intent));
    let begun = at_place.next().filter(|entry| entry.seq() == intent.seq() && entry.outcome() == Outcome::Intent);
    match begun.map(|begun| Note::of(store, begun)).transpose()? {
        Some(begun) if begun.key == note.key => {}
        // Another execution that was given the same id.
        _ => return Ok(Original::Unsettled),
    }
    let mut failed = false;
    for entry in at_place {
        match entry.outcome() {
            Outcome::Done => return Ok(Original::Settled),
            Outcome::Failed if !entry.live() => return Ok(Original::Settled),
            Outcome::Failed => failed = true,
            Outcome::Intent => {
                let later = Note::of(store, entry)?;
                if later.key != note.key {
                    break;
                }
                if later.cleared {
                    return Ok(Original::Settled);
                }
                failed = false;
            }
        }
    }
    let owner = if failed { None } else { store.info(&note.execution)?.owner };
    Ok(owner.map_or(Original::Unsettled, Original::UnderWay))
}

impl Execution {
    /// A new execution that shares this one's history up to `at`. The original is not touched.
    ///
    /// [`Error::Unsettled`] when effects after `at` are in doubt: the fork would make them without knowing of the first ones.
    /// One that had begun by `at` is settled in the fork by its policy.
    pub fn fork(&self, at: Seq, id: &str) -> Result<Execution> {
        self.fork_with(at, id, &[])
    }

    /// A fork in which some recorded values are others.
    pub fn fork_with(&self, at: Seq, id: &str, edits: &[Edit]) -> Result<Execution> {
        self.refuse_unsettled_after(at)?;
        self.fork_abandoning_effects(at, id, edits)
    }

    /// A fork that gives up the effects in doubt after `at`: it makes them anew, whether they happened or not.
    pub fn fork_abandoning_effects(&self, at: Seq, id: &str, edits: &[Edit]) -> Result<Execution> {
        self.store().copy_lineage(self.id(), at, id, edits)?;
        self.store().execution(id)
    }

    fn refuse_unsettled_after(&self, at: Seq) -> Result<()> {
        // Whoever runs it settles them; a fork of an earlier point has nothing to do with what goes on there.
        if self.info()?.owner.is_some() {
            return Ok(());
        }
        let falls = self.plan_rollback(at)?.falls;
        let unknown = |record: &EffectRecord| falls.iter().any(|entry| entry.seq() == record.intent.seq());
        let effects: Vec<(String, Seq)> = self
            .doubtful()?
            .into_iter()
            .filter(unknown)
            .map(|record| (record.name().to_owned(), record.intent.seq()))
            .collect();
        if effects.is_empty() {
            return Ok(());
        }
        Err(Error::Unsettled { execution: self.id().to_owned(), at, effects })
    }
}
