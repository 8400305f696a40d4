//! Steps: bodies that run once per record.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, Result};
use crate::model::{Blob, Entry, Kind, Outcome};
use crate::run::{Call, Outcomes, Run};

impl Run {
    /// Runs `body` once per record: what it returned is durable before this returns, and a resumed run gets
    /// it back without running `body` again.
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
        match body() {
            Ok(value) => {
                let blob = encode(name, &value)?;
                let outcome = Outcomes { value: Some(&blob), started_ms, ..Outcomes::default() };
                self.reached = self.commit(&claim, outcome)?;
                Ok(value)
            }
            Err(error) => {
                let source: BoxError = error.into();
                let outcome = Outcomes { started_ms, ..Outcomes::default() };
                self.reached = self.fail(&claim, &source.to_string(), outcome)?;
                Err(Error::Step { step: name.to_owned(), source })
            }
        }
    }

    /// What is on record, as the code would have got it.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self, name: &str, entry: &Entry) -> Result<T> {
        self.reached = entry.seq();
        match entry.outcome() {
            Outcome::Failed => Err(recorded_failure(name, entry)),
            Outcome::Done | Outcome::Intent => self.decode(name, entry),
        }
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, entry: &Entry) -> Result<T> {
        let bytes = self.store.value(entry)?.map(|value| value.read()).transpose()?.unwrap_or_default();
        rmp_serde::from_slice(&bytes)
            .map_err(|source| Error::NotSerializable { what: format!("step {what:?}"), source: source.into() })
    }
}

/// A failure the code handled when it was recorded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RecordedFailure(String);

fn recorded_failure(step: &str, entry: &Entry) -> Error {
    let source = RecordedFailure(entry.error().unwrap_or_default().to_owned());
    Error::Step { step: step.to_owned(), source: source.into() }
}

pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Blob> {
    let bytes = rmp_serde::to_vec_named(value);
    bytes
        .map(Blob::msgpack)
        .map_err(|source| Error::NotSerializable { what: format!("step {what:?}"), source: source.into() })
}
