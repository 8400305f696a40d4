//! Effects: steps that touch the outside world, with an intent on record before they begin (I9).

mod ledger;
mod note;
mod undo;

pub use ledger::{EffectRecord, EffectState};
pub use undo::Fallen;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::model::{Entry, Kind, Outcome};
use crate::run::{Call, Claim, Outcomes, Run, encode};
use crate::store::Store;
use note::Note;

/// Asks the outside world for the receipt of an effect, by its idempotency key; None when it never happened.
type Probe<'a, T> = Box<dyn FnOnce(&str) -> Result<Option<T>, BoxError> + 'a>;

/// What an effect is, and how doubt about it is settled.
#[must_use = "Run::effect acts"]
pub struct Effect<'a, T> {
    name: &'a str,
    key: &'a str,
    in_doubt: InDoubt<'a, T>,
}

enum InDoubt<'a, T> {
    Probe(Probe<'a, T>),
    Retry,
    Ask,
    Fail,
}

impl<'a, T> Effect<'a, T> {
    /// An effect identified by its name and `key`, such as an order's number. In doubt it fails, for a person to look.
    pub fn new(name: &'a str, key: &'a str) -> Effect<'a, T> {
        Effect { name, key, in_doubt: InDoubt::Fail }
    }

    /// In doubt, asks `probe`, and does it again only when it never happened.
    pub fn probe(mut self, probe: impl FnOnce(&str) -> Result<Option<T>, BoxError> + 'a) -> Effect<'a, T> {
        self.in_doubt = InDoubt::Probe(Box::new(probe));
        self
    }

    /// In doubt, does it again with the same idempotency key: for services that know such keys.
    pub fn retry(mut self) -> Effect<'a, T> {
        self.in_doubt = InDoubt::Retry;
        self
    }

    /// In doubt, makes the execution wait for somebody who knows: [`Execution::answer`] with its receipt, or
    /// [`Execution::did_not_happen`].
    pub fn ask(mut self) -> Effect<'a, T> {
        self.in_doubt = InDoubt::Ask;
        self
    }
}

impl Run {
    /// Does `body` once per record: its intent is on the disk before it begins, its receipt before this returns.
    ///
    /// `body` gets an idempotency key, the same however often it is tried, and another one in every execution, in every
    /// fork and after a rollback.
    pub fn effect<T, E>(&mut self, effect: Effect<'_, T>, body: impl FnOnce(&str) -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let Effect { name, key, in_doubt } = effect;
        let digest = Digest::of(key.as_bytes());
        let call =
            Call { kind: Kind::Effect, scope: "", name, digest: &digest.0, prev: self.reached(), spawned: false };
        let claim = self.claim(call)?;
        if let Some(entry) = claim.recorded.clone() {
            return self.answer(name, &entry);
        }
        let begun = match &claim.intent {
            Some(intent) => self.own_note(intent)?.map(|note| (intent, note)),
            None => None,
        };
        let idempotency_key = match begun {
            None => {
                let note = Note { undo: true, ..self.new_note(&claim) };
                let given = encode(name, &Given { key: key.to_owned() })?;
                self.intend(
                    &claim,
                    Outcomes { input: Some(&given), meta: Some(&note.blob()?), ..Outcomes::default() },
                )?;
                note.key
            }
            Some((intent, note)) => {
                if !note.cleared
                    && let Some(receipt) = self.settle_doubt(name, intent, &note.key, in_doubt)?
                {
                    return self.receipt(&claim, receipt, None);
                }
                note.key
            }
        };
        let started_ms = Some(self.store().now_ms());
        match body(&idempotency_key) {
            Ok(value) => self.receipt(&claim, value, started_ms),
            Err(error) => {
                let source: BoxError = error.into();
                let outcome = Outcomes { started_ms, ..Outcomes::default() };
                let seq = self.fail(&claim, &source.to_string(), outcome)?;
                self.reach(seq);
                Err(Error::Step { step: name.to_owned(), source })
            }
        }
    }

    /// The note of an intent to be written at a place.
    fn new_note(&self, claim: &Claim) -> Note {
        let address = format!("{}\0{}\0{}", claim.scope(), claim.key(), claim.occurrence());
        let identity = format!("{}\0{}\0{address}", self.id(), self.epoch());
        let key = Digest::of(identity.as_bytes()).0[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Note { key, execution: self.id().to_owned(), epoch: self.epoch(), ..Note::default() }
    }

    /// The note of an open intent, if it is about an effect that may have to be settled here.
    ///
    /// Another execution's, in a fork, is not. Nor is one that a rollback went back to between it and its outcome: then
    /// that rollback has accounted for the effect, and what runs now is a new one.
    fn own_note(&self, intent: &Entry) -> Result<Option<Note>> {
        let note = Note::of(self.store(), intent)?;
        if note.execution != self.id() {
            return Ok(None);
        }
        if note.epoch < self.epoch() {
            let later = self.store().entries(self.id(), true, intent.seq(), None)?;
            let settled =
                |entry: &Entry| !entry.live() && entry.outcome() != Outcome::Intent && entry.same_place(intent);
            if later.iter().any(settled) {
                return Ok(None);
            }
        }
        Ok(Some(note))
    }

    /// The receipt of an effect in doubt; None when it is to be done (again).
    fn settle_doubt<T>(&self, name: &str, intent: &Entry, key: &str, policy: InDoubt<'_, T>) -> Result<Option<T>> {
        let doubt = |source| Error::InDoubt { effect: name.to_owned(), seq: intent.seq(), source };
        match policy {
            InDoubt::Retry => Ok(None),
            InDoubt::Ask => Err(self.wait(intent.seq(), &did_it_happen(name))?),
            InDoubt::Fail => Err(doubt(None)),
            InDoubt::Probe(probe) => probe(key).map_err(|source| doubt(Some(source))),
        }
    }

    fn receipt<T: Serialize>(&mut self, claim: &Claim, value: T, started_ms: Option<u64>) -> Result<T> {
        let blob = encode(claim.name(), &value)?;
        let seq = self.commit(claim, Outcomes { value: Some(&blob), started_ms, ..Outcomes::default() })?;
        self.reach(seq);
        Ok(value)
    }
}

/// The input of an intent, for people to tell one effect from another, and for those who undo it.
#[derive(Serialize, Deserialize)]
struct Given {
    key: String,
}

/// What the effect of that intent was identified by; None where no [`Effect`] wrote it.
fn key_of(store: &Store, intent: &Entry) -> Result<Option<String>> {
    let Some(input) = store.input(intent)? else { return Ok(None) };
    let given = rmp_serde::from_slice::<Given>(&input.read()?);
    Ok(given.ok().map(|given| given.key))
}

/// The question an effect in doubt asks.
pub(crate) fn did_it_happen(name: &str) -> String {
    format!("did {name} happen?")
}

impl Execution {
    /// Settles an effect in doubt: it never happened, and is done when the execution is resumed. `seq` is its intent.
    pub fn did_not_happen(&self, seq: Seq) -> Result<()> {
        let doubtful = self.doubtful()?;
        let Some(record) = doubtful.iter().find(|record| record.intent.seq() == seq) else {
            return Err(Error::invalid(format!("execution {:?} has no effect in doubt at entry {seq}", self.id())));
        };
        self.refuse_half_undone(seq)?;
        let note = Note { cleared: true, ..Note::of(self.store(), &record.intent)? };
        let run = self.store().attach(&self.info()?.workflow, self.id())?;
        let claim = run.claim_at(seq)?;
        let input = match self.store().input(&record.intent)? {
            Some(input) => Some(crate::model::Blob::new(input.codec().to_owned(), input.read()?)),
            None => None,
        };
        run.intend(&claim, Outcomes { input: input.as_ref(), meta: Some(&note.blob()?), ..Outcomes::default() })?;
        Ok(())
    }
}
