//! Effects: steps that touch the outside world, with an intent on record before they begin (I9).

mod doubt;
mod ledger;
mod note;
mod undo;

pub use doubt::Doubt;
pub use ledger::{EffectRecord, EffectState};
pub use undo::Fallen;
use undo::Undo;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::machine::Divergence;
use crate::model::{Entry, Kind};
use crate::run::{Claim, Outcomes, Recordable, Run, encode};
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
    undo: Option<Undo>,
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
        Effect { name, key, in_doubt: InDoubt::Fail, undo: None }
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

    /// What takes it back when a rollback goes behind it: see [`Execution::rollback`].
    ///
    /// It is known from here on, in this process, as if [`Store::register_undo`] had been given it. It must not hold the
    /// store, which keeps it.
    pub fn undo<F>(mut self, undo: F) -> Effect<'a, T>
    where
        F: Fn(&Fallen) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.undo = Some(Undo::new(undo));
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
        let Effect { name, key: key_given, in_doubt, undo } = effect;
        let declares_undo = undo.is_some();
        if let Some(undo) = undo {
            undo.register(self.store(), name)?;
        }
        let digest = Digest::of(key_given.as_bytes());
        let claim = self.claim(self.next(Kind::Effect, name, &digest.0))?;
        if let Some(entry) = claim.recorded.clone() {
            return self.answer(name, &entry);
        }
        if let Some(intent) = claim.intent.as_ref().filter(|_| self.is_record_only()) {
            return Err(ends_there(self.id(), name, intent).into());
        }
        let idempotency_key = match self.begun(&claim, in_doubt)? {
            Begun::Happened(receipt) => return self.receipt(&claim, &receipt, None),
            Begun::Under(key) => key,
            Begun::Not(key) => {
                let note = self.new_note(&claim);
                let note = Note { undo: declares_undo, key: key.unwrap_or_else(|| note.key.clone()), ..note };
                let given = encode(name, &Given { key: key_given.to_owned() })?;
                let outcome = Outcomes { input: Some(&given), meta: Some(&note.blob()?), ..Outcomes::default() };
                self.intend(&claim, outcome)?;
                note.key
            }
        };
        let started_ms = Some(self.store().now_ms());
        match body(&idempotency_key) {
            Ok(value) => self.receipt(&claim, &value, started_ms),
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
        let language = Some("rust".to_owned());
        Note { key, execution: self.id().to_owned(), epoch: self.epoch(), language, ..Note::default() }
    }

    /// What an effect is in whose place the code stands.
    fn begun<T>(&self, claim: &Claim, policy: InDoubt<'_, T>) -> Result<Begun<T>> {
        let Some(intent) = &claim.intent else { return Ok(Begun::Not(None)) };
        let doubt = self.doubt(intent)?;
        let note = Note::of(self.store(), intent)?;
        let own = match doubt {
            Doubt::Anew => return Ok(Begun::Not(None)),
            Doubt::Own if note.cleared => return Ok(Begun::Under(note.key)),
            Doubt::Own => true,
            Doubt::Taken => false,
        };
        Ok(match self.settle_doubt(claim.name(), intent, &note.key, policy)? {
            Settled::Happened(receipt) => Begun::Happened(receipt),
            Settled::DidNot | Settled::Again if own => Begun::Under(note.key),
            Settled::DidNot => Begun::Not(None),
            // The fork acts itself, and says so, but under the key that the service may know.
            Settled::Again => Begun::Not(Some(note.key)),
        })
    }

    fn settle_doubt<T>(&self, name: &str, intent: &Entry, key: &str, policy: InDoubt<'_, T>) -> Result<Settled<T>> {
        let doubt = |source| Error::InDoubt { effect: name.to_owned(), seq: intent.seq(), source };
        match policy {
            InDoubt::Retry => Ok(Settled::Again),
            InDoubt::Ask => Err(self.wait(intent.seq(), &did_it_happen(name))?),
            InDoubt::Fail => Err(doubt(None)),
            InDoubt::Probe(probe) => match probe(key).map_err(|source| doubt(Some(source)))? {
                Some(receipt) => Ok(Settled::Happened(receipt)),
                None => Ok(Settled::DidNot),
            },
        }
    }

    /// Records a receipt. One that cannot be recorded leaves the effect in doubt: it may have happened.
    fn receipt<T>(&mut self, claim: &Claim, receipt: &T, started_ms: Option<u64>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        match Recordable::of(&format!("effect {:?}", claim.name()), receipt) {
            Ok(recordable) => self.record(claim, recordable, Outcomes { started_ms, ..Outcomes::default() }),
            Err(error) => {
                // Called again, it is the same effect, in doubt, and not another one.
                self.abandon(claim);
                Err(error)
            }
        }
    }
}

/// What a policy says of an effect in doubt.
enum Settled<T> {
    Happened(T),
    DidNot,
    Again,
}

/// How far the effect at a claimed place has come.
enum Begun<T> {
    Happened(T),
    /// Its intent is on record, under this key.
    Under(String),
    /// It has no intent yet: it gets a key of its own, or goes on under its original's.
    Not(Option<String>),
}

/// Nothing runs in a replay, a probe neither.
fn ends_there(execution: &str, effect: &str, intent: &Entry) -> Box<Divergence> {
    Box::new(Divergence {
        execution: execution.to_owned(),
        seq: Some(intent.seq()),
        expected: None,
        found: format!("what became of {effect}, begun at @{}", intent.seq()),
        inputs_differ: false,
        concurrent: false,
        differences: Vec::new(),
    })
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
