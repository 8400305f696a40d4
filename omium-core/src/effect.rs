//! Effects: steps that touch the outside world, with an intent on record before they begin (I9).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::model::{Blob, Entry, Kind, Outcome};
use crate::run::{Call, Claim, Outcomes, Run, encode};

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
}

/// What an intent says beside the effect's name: enough to settle it in another process.
#[derive(Serialize, Deserialize)]
struct Note {
    key: String,
    execution: String,
    epoch: u32,
    #[serde(default)]
    undo: bool,
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
        let idempotency_key = match &claim.intent {
            None => self.intend_with_key(&claim)?,
            Some(intent) => {
                let known = self.note(intent)?.key;
                if let Some(receipt) = self.settle_doubt(name, intent, &known, in_doubt)? {
                    return self.receipt(&claim, receipt);
                }
                known
            }
        };
        match body(&idempotency_key) {
            Ok(value) => self.receipt(&claim, value),
            Err(error) => {
                let source: BoxError = error.into();
                let seq = self.fail(&claim, &source.to_string(), Outcomes::default())?;
                self.reach(seq);
                Err(Error::Step { step: name.to_owned(), source })
            }
        }
    }

    fn intend_with_key(&self, claim: &Claim) -> Result<String> {
        let identity = format!("{}\0{}\0{}\0{}", self.id(), self.epoch(), claim.key(), claim.occurrence());
        let key = Digest::of(identity.as_bytes()).0[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let note = Note { key: key.clone(), execution: self.id().to_owned(), epoch: self.epoch(), undo: true };
        let meta = encode(claim.name(), &note)?;
        self.intend(claim, Outcomes { meta: Some(&meta), ..Outcomes::default() })?;
        Ok(key)
    }

    fn note(&self, intent: &Entry) -> Result<Note> {
        let meta = self.store().meta(intent)?.map(|meta| meta.read()).transpose()?.unwrap_or_default();
        let what = || format!("the intent of {:?}", intent.name());
        rmp_serde::from_slice(&meta).map_err(|source| Error::NotSerializable { what: what(), source: source.into() })
    }

    /// The receipt of an effect in doubt; None when it is to be done (again).
    fn settle_doubt<T>(&self, name: &str, intent: &Entry, key: &str, policy: InDoubt<'_, T>) -> Result<Option<T>> {
        let doubt = |source| Error::InDoubt { effect: name.to_owned(), seq: intent.seq(), source };
        match policy {
            InDoubt::Retry => Ok(None),
            InDoubt::Fail => Err(doubt(None)),
            InDoubt::Probe(probe) => probe(key).map_err(|source| doubt(Some(source))),
        }
    }

    fn receipt<T: Serialize>(&mut self, claim: &Claim, value: T) -> Result<T> {
        let blob = encode(claim.name(), &value)?;
        let seq = self.commit(claim, Outcomes { value: Some(&blob), ..Outcomes::default() })?;
        self.reach(seq);
        Ok(value)
    }
}

/// An effect that falls in a rollback, newest first.
#[derive(Debug)]
pub struct Fallen {
    /// Its receipt, or its intent when it is in doubt.
    pub entry: Entry,
    /// The idempotency key its body had.
    pub idempotency_key: String,
    receipt: Option<Vec<u8>>,
}

impl Fallen {
    /// What the effect returned; None when it is in doubt whether it happened.
    pub fn receipt<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let decode = |bytes: &Vec<u8>| rmp_serde::from_slice(bytes);
        let what = || format!("the receipt of {:?}", self.entry.name());
        let decoded = self.receipt.as_ref().map(decode).transpose();
        decoded.map_err(|source| Error::NotSerializable { what: what(), source: source.into() })
    }
}

impl Execution {
    /// Rolls back to `to`, calling `undo` for every effect that falls, newest first.
    ///
    /// Each compensation is an effect on record itself: one that was undone is not undone again, and a rollback that was
    /// cut short goes on where it was when it is called again. When `undo` fails, the rollback stops there.
    pub fn rollback_with<E>(&self, to: Seq, mut undo: impl FnMut(&Fallen) -> Result<(), E>) -> Result<()>
    where
        E: Into<BoxError>,
    {
        const SCOPE: &str = "undo";
        let store = self.store();
        let plan = store.plan_rollback(self.id(), to)?;
        let effects = plan.falls.iter().filter(|entry| entry.kind() == Kind::Effect && entry.scope() != SCOPE);
        let mut settled: Vec<(&str, u32)> = Vec::new();
        let run = store.attach(&self.info()?.workflow, self.id())?;
        for entry in effects {
            // A receipt comes before its intent here, and stands for both. A failed effect has nothing to undo.
            if settled.contains(&(entry.key(), entry.occurrence())) {
                continue;
            }
            settled.push((entry.key(), entry.occurrence()));
            if entry.outcome() == Outcome::Failed {
                continue;
            }
            let digest = Digest::of(&entry.seq().0.to_le_bytes());
            let call = Call {
                kind: Kind::Effect,
                scope: SCOPE,
                name: entry.name(),
                digest: &digest.0,
                prev: Seq::ZERO,
                spawned: true,
            };
            let claim = run.claim(call)?;
            if claim.recorded.as_ref().is_some_and(|entry| entry.outcome() == Outcome::Done) {
                continue;
            }
            if claim.intent.is_none() {
                run.intend_with_key(&claim)?;
            }
            let fallen = self.fallen(&run, &plan.falls, entry)?;
            match undo(&fallen) {
                Ok(()) => {
                    let none = Blob::msgpack(vec![0xc0]);
                    run.commit(&claim, Outcomes { value: Some(&none), ..Outcomes::default() })?;
                }
                Err(error) => {
                    let source: BoxError = error.into();
                    run.fail(&claim, &source.to_string(), Outcomes::default())?;
                    return Err(Error::Step { step: format!("the undoing of {}", entry.name()), source });
                }
            }
        }
        drop(run);
        self.rollback(to)
    }

    fn fallen(&self, run: &Run, falls: &[Entry], entry: &Entry) -> Result<Fallen> {
        let address = |other: &&Entry| other.key() == entry.key() && other.occurrence() == entry.occurrence();
        let intent = falls.iter().filter(address).find(|other| other.outcome() == Outcome::Intent);
        let receipt = if entry.outcome() == Outcome::Done { self.store().value(entry)? } else { None };
        Ok(Fallen {
            entry: entry.clone(),
            idempotency_key: intent
                .map(|intent| run.note(intent))
                .transpose()?
                .map(|note| note.key)
                .unwrap_or_default(),
            receipt: receipt.map(|receipt| receipt.read()).transpose()?,
        })
    }
}
