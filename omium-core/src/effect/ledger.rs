//! Every effect of an execution with its state, read from the log.

use std::collections::{HashMap, HashSet};

use serde::de::DeserializeOwned;

use super::note::Note;
use crate::error::Result;
use crate::execution::Execution;
use crate::id::Seq;
use crate::model::{Entry, Kind, Outcome, UNDO, is_undo};
use crate::run::decode_own;
use crate::store::Store;

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// It happened.
    Done,
    /// It began, and nobody knows whether it happened.
    InDoubt,
    /// Its body failed.
    Failed,
    /// It began, and is known not to have happened.
    DidNotHappen,
    /// A rollback took it back.
    Undone,
    /// Its compensation failed.
    UndoFailed,
    /// Its compensation began, and left no receipt.
    BeingUndone,
    /// A rollback went back behind it, and it stays as it is outside.
    LeftStanding,
    /// It is the effect of the execution this one was forked from, with the receipt it has there.
    Copied,
}

/// One effect: its intent, what it came to, and its compensation.
#[derive(Clone, Debug)]
pub struct EffectRecord {
    /// Its intent.
    pub intent: Entry,
    /// Its receipt or its failure.
    pub outcome: Option<Entry>,
    /// What is on record of its compensation: intent, receipt or failure.
    pub undo: Option<Entry>,
    pub(super) note: Note,
    undo_cleared: bool,
}

impl EffectRecord {
    /// The seq of its outcome; of its intent while it has none.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.outcome.as_ref().unwrap_or(&self.intent).seq()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.intent.name()
    }

    /// The key its body had.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.note.key
    }

    /// What became of it.
    #[must_use]
    pub fn state(&self) -> EffectState {
        let done = |outcome: &Entry| outcome.outcome() == Outcome::Done;
        if !self.is_own() && (self.undo.is_some() || self.outcome.as_ref().is_some_and(done)) {
            return EffectState::Copied;
        }
        match (&self.undo, &self.outcome) {
            (Some(undo), _) => match undo.outcome() {
                Outcome::Done if self.undo_cleared => EffectState::DidNotHappen,
                Outcome::Done => EffectState::Undone,
                Outcome::Failed => EffectState::UndoFailed,
                Outcome::Intent => EffectState::BeingUndone,
            },
            (None, None) if self.note.cleared => EffectState::DidNotHappen,
            (None, None) => EffectState::InDoubt,
            (None, Some(outcome)) if outcome.outcome() == Outcome::Failed => EffectState::Failed,
            (None, Some(outcome)) if outcome.live() || self.is_compensation() => EffectState::Done,
            (None, Some(_)) => EffectState::LeftStanding,
        }
    }

    /// False for one that a fork took over from the execution that did it.
    pub(super) fn is_own(&self) -> bool {
        self.note.execution == self.intent.execution()
    }

    /// Whether it is what an undo did; a rollback never undoes that again.
    pub(super) fn is_compensation(&self) -> bool {
        is_undo(self.intent.scope())
    }

    /// What it returned; None while it has no receipt.
    pub fn receipt<T: DeserializeOwned>(&self, store: &Store) -> Result<Option<T>> {
        let done = self.outcome.as_ref().filter(|outcome| outcome.outcome() == Outcome::Done);
        let Some(value) = done.map(|done| store.value(done)).transpose()?.flatten() else { return Ok(None) };
        decode_own(&format!("the receipt of {:?}", self.name()), Some(value)).map(Some)
    }
}

impl Execution {
    /// Every effect on record, in the order they began, those a rollback left behind included.
    pub fn effects(&self) -> Result<Vec<EffectRecord>> {
        let mut ledger = Ledger::default();
        for entry in self.store().entries(self.id(), true, Seq::ZERO, None)? {
            if entry.kind() == Kind::Effect {
                ledger.read(self.store(), entry)?;
            }
        }
        ledger.concerning(self.store())
    }

    /// Those of which somebody has to say whether they happened.
    pub(crate) fn doubtful(&self) -> Result<Vec<EffectRecord>> {
        let live = self.checkpoints()?;
        let went_on = |from: Seq| live.iter().any(|entry| entry.kind() != Kind::Note && entry.prev() == from);
        let mut records = self.effects()?;
        records.retain(|record| match record.state() {
            EffectState::InDoubt => record.intent.live(),
            // A failure the code did not go on from ended the run; the effect may have happened all the same.
            EffectState::Failed => {
                record.outcome.as_ref().is_some_and(|outcome| outcome.live() && !went_on(outcome.seq()))
            }
            _ => false,
        });
        Ok(records)
    }
}

type Address = (String, String, u32);

#[derive(Default)]
struct Ledger {
    records: Vec<EffectRecord>,
    latest: HashMap<Address, usize>,
    by_intent: HashMap<u64, usize>,
    /// Which effect a compensation is of, and whether it found that there was nothing to undo.
    undoes: HashMap<Address, (usize, bool)>,
}

impl Ledger {
    fn read(&mut self, store: &Store, entry: Entry) -> Result<()> {
        let address = (entry.scope().to_owned(), entry.key().to_owned(), entry.occurrence());
        if entry.scope() == UNDO {
            return self.undoing(store, address, entry);
        }
        let known = self.latest.get(&address).copied();
        if entry.outcome() != Outcome::Intent {
            if let Some(at) = known {
                self.records[at].outcome = Some(entry);
            }
            return Ok(());
        }
        let note = Note::of(store, &entry)?;
        let seq = entry.seq().0;
        let at = match known {
            // Begun again under the same key, after a failure or the news that it had not happened.
            Some(at) if self.records[at].note.key == note.key => {
                let record = &mut self.records[at];
                (record.intent, record.note, record.outcome) = (entry, note, None);
                at
            }
            _ => {
                self.records.push(EffectRecord { intent: entry, outcome: None, undo: None, note, undo_cleared: false });
                self.records.len() - 1
            }
        };
        self.latest.insert(address, at);
        self.by_intent.insert(seq, at);
        Ok(())
    }

    /// Those that this execution has to do with. The intent of another one, in a fork, only as long as it is not settled.
    fn concerning(self, store: &Store) -> Result<Vec<EffectRecord>> {
        let Ledger { records, latest, .. } = self;
        let open: HashSet<usize> = latest.into_values().collect();
        let mut concerning = Vec::new();
        for (at, record) in records.into_iter().enumerate() {
            let taken = !record.is_own() && record.outcome.is_none();
            if !taken || (open.contains(&at) && !store.is_accounted_for(&record.intent)?) {
                concerning.push(record);
            }
        }
        Ok(concerning)
    }

    fn undoing(&mut self, store: &Store, address: Address, entry: Entry) -> Result<()> {
        // What is remarked of a failure is the failure.
        if entry.outcome() != Outcome::Failed {
            let note = Note::of(store, &entry)?;
            if let Some(&at) = note.undoes.and_then(|seq| self.by_intent.get(&seq)) {
                self.undoes.insert(address.clone(), (at, note.cleared));
            }
        }
        if let Some(&(at, cleared)) = self.undoes.get(&address) {
            self.records[at].undo = Some(entry);
            self.records[at].undo_cleared = cleared;
        }
        Ok(())
    }
}
