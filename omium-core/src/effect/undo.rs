//! Rollback with compensations: undo the effects that fall, newest first, then move the head.

use serde::de::DeserializeOwned;

use super::key_of;
use super::ledger::{EffectRecord, EffectState};
use super::note::Note;
use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::model::{self, Blob, Entry, Kind, Outcome, UNDO, is_undo};
use crate::run::{Call, Outcomes, Run, decode_own, encode};
use crate::store::{Value, rollback_cut_short};

/// The name of the note that a rollback began.
const BEGAN: &str = "rollback";

/// An effect that falls in a rollback, newest first.
#[derive(Debug)]
pub struct Fallen {
    /// Its receipt, or its intent when it is in doubt.
    pub entry: Entry,
    /// The idempotency key its body had.
    pub idempotency_key: String,
    /// What it was identified by, such as an order's number; None where another language recorded it.
    pub key: Option<String>,
    receipt: Option<Value>,
}

impl Fallen {
    /// What the effect returned; None when it is in doubt whether it happened.
    pub fn receipt<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let what = || format!("the receipt of {:?}", self.entry.name());
        self.receipt.clone().map(|receipt| decode_own(&what(), Some(receipt))).transpose()
    }
}

impl Execution {
    /// Rolls back to `to`, calling `undo` for every effect of this execution that falls, newest first.
    ///
    /// Each compensation is an effect on record itself: one that was undone is not undone again, and a rollback that was
    /// cut short goes on where it was when it is called again; until then the execution cannot be resumed. When `undo`
    /// fails, the rollback stops there. Effects a fork took over are those of its original, and stay.
    pub fn rollback_with<E>(&self, to: Seq, mut undo: impl FnMut(&Fallen) -> Result<(), E>) -> Result<()>
    where
        E: Into<BoxError>,
    {
        let (mut head, mut fallen) = self.falling(to)?;
        if !fallen.is_empty() {
            let run = self.store().attach(&self.info()?.workflow, self.id())?;
            // Until there was the lease, somebody else may have run it on.
            (_, fallen) = self.falling(to)?;
            note_beginning(&run, self, to)?;
            for record in &fallen {
                compensate(&run, record, &mut undo)?;
            }
            head = self.info()?.head;
        }
        self.store().rollback_from(self.id(), to, Some(head)).map(drop)
    }

    /// The head, and the effects of its own that fall when it goes back to `to`, newest first.
    fn falling(&self, to: Seq) -> Result<(Seq, Vec<EffectRecord>)> {
        let plan = self.plan_rollback(to)?;
        let falls = |record: &EffectRecord| plan.falls.iter().any(|entry| entry.seq() == record.seq());
        let mut fallen = self.effects()?;
        fallen.retain(|record| record.is_own() && !record.is_compensation() && falls(record) && stands(record));
        fallen.sort_by_key(|record| std::cmp::Reverse(record.seq()));
        Ok((plan.head, fallen))
    }

    /// Where a rollback that was cut short was going.
    pub fn unfinished_rollback(&self) -> Result<Option<Seq>> {
        let live = self.checkpoints()?;
        if !live.last().is_some_and(is_of_rollback) {
            return Ok(None);
        }
        let began =
            live.iter().rfind(|entry| entry.kind() == Kind::Note && entry.name() == BEGAN && is_of_rollback(entry));
        let Some(value) = began.map(|note| self.store().value(note)).transpose()?.flatten() else { return Ok(None) };
        let (to, _abandons): (u64, bool) = decode_own("a rollback", Some(value))?;
        Ok(Some(Seq(to)))
    }

    /// Refuses an answer that would follow on half a rollback; what a compensation asks is part of it.
    pub(crate) fn refuse_half_undone(&self, asked: Seq) -> Result<()> {
        if self.unfinished_rollback()?.is_some() && !is_undo(self.store().entry(self.id(), asked)?.scope()) {
            return Err(rollback_cut_short(self.id()));
        }
        Ok(())
    }
}

fn is_of_rollback(entry: &Entry) -> bool {
    model::is_of_rollback(entry.kind(), entry.scope())
}

/// Whether there is something of it outside that may be undone.
fn stands(record: &EffectRecord) -> bool {
    !matches!(record.state(), EffectState::Undone | EffectState::DidNotHappen | EffectState::Failed)
}

/// Notes where a rollback goes, unless that is what was noted last.
fn note_beginning(run: &Run, execution: &Execution, to: Seq) -> Result<()> {
    if execution.unfinished_rollback()? == Some(to) {
        return Ok(());
    }
    let value = encode("a rollback", &(to.0, false))?;
    let digest = Digest::of(&to.0.to_le_bytes());
    loop {
        let claim = run.claim(call(Kind::Note, BEGAN, &digest))?;
        if claim.recorded.is_none() {
            run.commit(&claim, Outcomes { value: Some(&value), ..Outcomes::default() })?;
            return Ok(());
        }
    }
}

fn call<'a>(kind: Kind, name: &'a str, digest: &'a Digest) -> Call<'a> {
    Call { kind, scope: UNDO, name, digest: &digest.0, prev: Seq::ZERO, spawned: true }
}

/// Undoes one effect, once: what is undone already is passed over, what was interrupted is done again.
fn compensate<E: Into<BoxError>>(
    run: &Run,
    record: &EffectRecord,
    undo: &mut impl FnMut(&Fallen) -> Result<(), E>,
) -> Result<()> {
    let digest = Digest::of(&record.intent.seq().0.to_le_bytes());
    let claim = run.claim(call(Kind::Effect, record.name(), &digest))?;
    if claim.recorded.as_ref().is_some_and(|entry| entry.outcome() == Outcome::Done) {
        return Ok(());
    }
    if claim.intent.is_none() {
        let note = Note { undoes: Some(record.intent.seq().0), ..run.new_note(&claim) };
        run.intend(&claim, Outcomes { meta: Some(&note.blob()?), ..Outcomes::default() })?;
    }
    let done = record.outcome.as_ref().filter(|outcome| outcome.outcome() == Outcome::Done);
    let receipt = done.map(|done| run.store().value(done)).transpose()?.flatten();
    let fallen = Fallen {
        entry: record.outcome.as_ref().unwrap_or(&record.intent).clone(),
        idempotency_key: record.idempotency_key().to_owned(),
        key: key_of(run.store(), &record.intent)?,
        receipt,
    };
    match undo(&fallen) {
        Ok(()) => {
            let none: Blob = encode("a compensation", &())?;
            run.commit(&claim, Outcomes { value: Some(&none), ..Outcomes::default() })?;
            Ok(())
        }
        Err(error) => {
            let source: BoxError = error.into();
            run.fail(&claim, &source.to_string(), Outcomes::default())?;
            Err(Error::Step { step: format!("the undoing of {}", record.name()), source })
        }
    }
}
