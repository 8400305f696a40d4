//! Rollback with compensations: undo the effects that fall, newest first, then move the head.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::key_of;
use super::ledger::{EffectRecord, EffectState};
use super::note::Note;
use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::model::{self, Blob, Entry, Kind, Outcome, UNDO, is_undo};
use crate::run::{Call, Outcomes, Run, decode_own, encode};
use crate::store::{Store, Value, rollback_cut_short};

/// The name of the note that a rollback began.
const BEGAN: &str = "rollback";

type TakeBack = dyn Fn(&Fallen) -> Result<(), BoxError> + Send + Sync;

/// What takes an effect back.
#[derive(Clone)]
pub(super) struct Undo(Arc<TakeBack>);

impl Undo {
    pub(super) fn new(undo: impl Fn(&Fallen) -> Result<(), BoxError> + Send + Sync + 'static) -> Undo {
        Undo(Arc::new(undo))
    }

    pub(super) fn register(self, store: &Store, effect: &str) -> Result<()> {
        store.keep_code(&code_name(effect), Arc::new(self))
    }

    fn registered(store: &Store, effect: &str) -> Result<Option<Undo>> {
        Ok(store.kept_code(&code_name(effect))?.and_then(|code| code.downcast_ref::<Undo>().cloned()))
    }
}

fn code_name(effect: &str) -> String {
    format!("undo {effect}")
}

impl Store {
    /// Says what takes the effects of a name back, in this process: for those whose rollback comes before the program has
    /// passed their [`Effect::undo`](crate::Effect::undo). It must not hold the store, which keeps it.
    pub fn register_undo<F>(&self, effect: &str, undo: F) -> Result<()>
    where
        F: Fn(&Fallen) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        Undo::new(undo).register(self, effect)
    }
}

/// An effect that falls in a rollback, newest first. It happened.
#[derive(Debug)]
pub struct Fallen {
    /// Its receipt.
    pub entry: Entry,
    /// The idempotency key its body had.
    pub idempotency_key: String,
    /// What it was identified by, such as an order's number; None where another language recorded it.
    pub key: Option<String>,
    receipt: Option<Value>,
}

impl Fallen {
    /// What the effect returned.
    pub fn receipt<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let what = || format!("the receipt of {:?}", self.entry.name());
        self.receipt.clone().map(|receipt| decode_own(&what(), Some(receipt))).transpose()
    }
}

impl Execution {
    /// Takes back what effects after `to` did outside, newest first, each by the undo it declares, and moves the head there.
    ///
    /// Nothing is erased. Each compensation is an effect on record itself: one that was undone is not undone again, and a
    /// rollback that was cut short goes on where it was when it is called again; until then the execution cannot be resumed.
    /// An effect that declares no undo is left standing, and so are those a fork took over, which are its original's. Refused
    /// before anything is undone: when an effect with an undo is in doubt ([`Error::InDoubt`]: answer, or resume), and when
    /// this process does not know its undo yet ([`Store::register_undo`]).
    pub fn rollback(&self, to: Seq) -> Result<()> {
        if let Some(effect) = self.unknown_undo(to)? {
            return Err(unknown(&effect));
        }
        self.compensate(to, &|record| record.note.undo, |fallen| self.undo_registered(fallen))
    }

    /// Like [`Execution::rollback`], but stops at an effect that nothing undoes instead of leaving it standing.
    pub(crate) fn rollback_all(&self, to: Seq) -> Result<()> {
        self.compensate(to, &|_| true, |fallen| self.undo_registered(fallen))
    }

    fn undo_registered(&self, fallen: &Fallen) -> Result<(), BoxError> {
        let undo = Undo::registered(self.store(), fallen.entry.name())?;
        undo.map_or_else(|| Err(unknown(fallen.entry.name()).into()), |undo| (undo.0)(fallen))
    }

    /// Rolls back to `to`, calling `undo` for every effect of this execution that falls, whatever it declares.
    ///
    /// Apart from that it is like [`Execution::rollback`]. When `undo` fails, the rollback stops there.
    pub fn rollback_with<E>(&self, to: Seq, undo: impl FnMut(&Fallen) -> Result<(), E>) -> Result<()>
    where
        E: Into<BoxError>,
    {
        self.compensate(to, &|_| true, undo)
    }

    /// Moves the head back and leaves every effect as it is outside.
    pub fn rollback_abandoning_effects(&self, to: Seq) -> Result<()> {
        self.store().rollback(self.id(), to).map(drop)
    }

    /// An effect that [`Execution::rollback`] would undo and whose undo this process does not know.
    pub(crate) fn unknown_undo(&self, to: Seq) -> Result<Option<String>> {
        let (_, fallen) = self.falling(to)?;
        for record in fallen.iter().filter(|record| record.note.undo) {
            if Undo::registered(self.store(), record.name())?.is_none() {
                return Ok(Some(record.name().to_owned()));
            }
        }
        Ok(None)
    }

    fn compensate<E: Into<BoxError>>(
        &self,
        to: Seq,
        undoes: &dyn Fn(&EffectRecord) -> bool,
        mut undo: impl FnMut(&Fallen) -> Result<(), E>,
    ) -> Result<()> {
        let (mut head, fallen) = self.falling(to)?;
        if fallen.iter().any(undoes) {
            let run = self.store().attach(&self.info()?.workflow, self.id())?;
            // Until there was the lease, somebody else may have run it on.
            let (_, mut fallen) = self.falling(to)?;
            fallen.retain(undoes);
            if let Some(doubtful) = fallen.iter().find(|record| record.state() == EffectState::InDoubt) {
                return Err(self.in_doubt(doubtful, to));
            }
            note_beginning(&run, self, to)?;
            for record in &fallen {
                compensate(&run, record, &mut undo)?;
            }
            head = self.info()?.head;
        }
        self.store().rollback_from(self.id(), to, Some(head)).map(drop)
    }

    fn in_doubt(&self, record: &EffectRecord, to: Seq) -> Error {
        let source = Box::new(Unanswered { execution: self.id().to_owned(), to });
        Error::InDoubt { effect: record.name().to_owned(), seq: record.intent.seq(), source: Some(source) }
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

#[derive(Debug, thiserror::Error)]
#[error(
    "{execution:?} cannot go back to {to} before that is known: resume it, answer whether it happened, or leave the effects as \
     they are (rollback_abandoning_effects)"
)]
struct Unanswered {
    execution: String,
    to: Seq,
}

/// The undo of an effect is code, and this process has not come by it.
fn unknown(effect: &str) -> Error {
    Error::invalid(format!(
        "nothing was given to undo {effect:?} with: tell it to Store::register_undo first, give an undo to rollback_with, or leave the \
         effects as they are (rollback_abandoning_effects)"
    ))
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
