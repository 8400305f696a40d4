//! Steps: bodies that run once per record.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, Result};
use crate::model::{Entry, FailureKind, Kind, Outcome, Told};
use crate::run::failed::{NOT_SERIALIZABLE, failed_meta, recorded_failure};
use crate::run::value::{Recordable, decode};
use crate::run::{Call, Claim, Outcomes, Run};

impl Run {
    /// Runs `body` once per record: what it returned is durable before this returns, and a resumed run gets
    /// it back without running `body` again.
    ///
    /// What this returns is what was recorded, read back, so that a resumed run gets the very same. A value that cannot be
    /// read back is a failure of the step: [`Error::NotSerializable`].
    pub fn step<T: Serialize + DeserializeOwned>(&mut self, name: &str, body: impl FnOnce() -> T) -> Result<T> {
        self.try_step(name, || Ok::<T, BoxError>(body()))
    }

    /// Like [`Run::step`] for a body that can fail. A failure is recorded and returned as [`Error::Step`]; the
    /// same step tried again takes the same place.
    pub fn try_step<T, E>(&mut self, name: &str, body: impl FnOnce() -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let call = Call { kind: Kind::Step, scope: "", name, digest: &[], prev: self.reached, spawned: false };
        let claim = self.claim(call)?;
        if let Some(entry) = &claim.recorded {
            return self.answer(name, entry);
        }
        let started_ms = Some(self.store.now_ms());
        let error = match body() {
            Ok(value) => match Recordable::of(&format!("step {name:?}"), &value) {
                Ok(recordable) => return self.record(&claim, recordable, 1, started_ms),
                Err(error) => error,
            },
            Err(error) => Error::Step { step: name.to_owned(), source: error.into() },
        };
        self.record_failure(&claim, &error, started_ms)?;
        Err(error)
    }

    /// Records what the code gets, and has reached with it.
    pub(crate) fn record<T>(
        &mut self,
        claim: &Claim,
        recordable: Recordable<T>,
        attempts: u32,
        started_ms: Option<u64>,
    ) -> Result<T> {
        let outcome = Outcomes { value: Some(&recordable.blob), attempts, started_ms, ..Outcomes::default() };
        let seq = self.commit(claim, outcome)?;
        self.reach(seq);
        Ok(recordable.value)
    }

    fn record_failure(&mut self, claim: &Claim, error: &Error, started_ms: Option<u64>) -> Result<()> {
        let outcome = Outcomes { started_ms, ..Outcomes::default() };
        let seq = match error {
            Error::Step { source, .. } => self.fail(claim, &source.to_string(), outcome)?,
            own => {
                let (error, message) = (NOT_SERIALIZABLE.to_owned(), own.to_string());
                let told = Told { kind: FailureKind::BadOutput, error, message: message.clone(), condition: None };
                let meta = failed_meta(told, None)?;
                self.fail(claim, &message, Outcomes { meta: Some(&meta), ..outcome })?
            }
        };
        self.reach(seq);
        Ok(())
    }

    /// What is on record, as the code would have got it.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self, name: &str, entry: &Entry) -> Result<T> {
        self.reach(entry.seq());
        match entry.outcome() {
            Outcome::Failed => Err(recorded_failure(&self.store, name, entry)?),
            Outcome::Done | Outcome::Intent => decode(&self.store, entry),
        }
    }
}
