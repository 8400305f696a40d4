//! Steps: bodies that run once per record.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, Result};
use crate::model::{Entry, FailureKind, Kind, Outcome, Told};
use crate::run::failed::{NOT_SERIALIZABLE, failed_meta, recorded_failure};
use crate::run::value::{Recordable, decode};
use crate::run::{Claim, Inputs, Outcomes, Run};

impl Run {
    /// Runs `body` once per record: what it returned is durable before this returns, and a resumed run gets
    /// it back without running `body` again.
    ///
    /// What this returns is what was recorded, read back, so that a resumed run gets the very same. A value that cannot be
    /// read back is a failure of the step: [`Error::NotSerializable`].
    pub fn step<T: Serialize + DeserializeOwned>(&mut self, name: &str, body: impl FnOnce() -> T) -> Result<T> {
        self.try_step(name, || Ok::<T, BoxError>(body()))
    }

    /// Like [`Run::step`] for a body that uses `inputs`: they are recorded, and a step that was given others is another step.
    ///
    /// So a resume with changed inputs is a [`Divergence`](crate::Divergence) that says what changed, and never an answer to
    /// another question. Equal values are equal inputs; a `HashMap` has no order, a `HashSet` should be a `BTreeSet`.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = omium_core::Store::open(directory.path().join(".omium"))?;
    /// let write = |id: &str, sources: &[&str]| -> omium_core::Result<usize> {
    ///     store.begin("research", id)?.step_given("write", sources, || sources.len())
    /// };
    /// assert_eq!(write("report-42", &["a survey"])?, 1);
    /// let diverged = write("report-42", &["a handbook"]).unwrap_err().to_string();
    /// assert!(diverged.contains(r#"[0] was "a survey", is "a handbook""#), "{diverged}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step_given<I, T>(&mut self, name: &str, inputs: &I, body: impl FnOnce() -> T) -> Result<T>
    where
        I: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        self.try_step_given(name, inputs, || Ok::<T, BoxError>(body()))
    }

    /// Like [`Run::step_given`] for a body that can fail.
    pub fn try_step_given<I, T, E>(&mut self, name: &str, inputs: &I, body: impl FnOnce() -> Result<T, E>) -> Result<T>
    where
        I: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let inputs = Inputs::of(&format!("what step {name:?} is given"), inputs)?;
        self.run_step(name, Some(&inputs), body)
    }

    /// Like [`Run::step`] for a body that can fail. A failure is recorded and returned as [`Error::Step`]; the
    /// same step tried again takes the same place.
    pub fn try_step<T, E>(&mut self, name: &str, body: impl FnOnce() -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        self.run_step(name, None, body)
    }

    fn run_step<T, E>(&mut self, name: &str, inputs: Option<&Inputs>, body: impl FnOnce() -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let claim = self.claim_step(name, inputs)?;
        if let Some(entry) = &claim.recorded {
            return self.answer(name, entry);
        }
        let started_ms = Some(self.live.store.now_ms());
        let error = match body() {
            Ok(value) => match Recordable::of(&format!("step {name:?}"), &value) {
                Ok(recordable) => {
                    let outcome =
                        Outcomes { started_ms, input: inputs.map(|inputs| &inputs.blob), ..Outcomes::default() };
                    return self.record(&claim, recordable, outcome);
                }
                Err(error) => error,
            },
            Err(error) => Error::Step { step: name.to_owned(), source: error.into() },
        };
        let outcome = Outcomes { started_ms, input: inputs.map(|inputs| &inputs.blob), ..Outcomes::default() };
        self.record_failure(&claim, &error, outcome)?;
        Err(error)
    }

    /// The place of a step, which is known by its name and by what it is given.
    pub(crate) fn claim_step(&self, name: &str, inputs: Option<&Inputs>) -> Result<Claim> {
        let digest = inputs.map_or(&[][..], |inputs| &inputs.digest.0);
        self.claim(self.next(Kind::Step, name, digest)).map_err(|error| self.explained(error, name, inputs))
    }

    /// Records what the code gets, and has reached with it.
    pub(crate) fn record<T>(&mut self, claim: &Claim, recordable: Recordable<T>, outcome: Outcomes<'_>) -> Result<T> {
        let seq = self.commit(claim, Outcomes { value: Some(&recordable.blob), ..outcome })?;
        self.reach(seq);
        Ok(recordable.value)
    }

    fn record_failure(&mut self, claim: &Claim, error: &Error, outcome: Outcomes<'_>) -> Result<()> {
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
            Outcome::Failed => Err(recorded_failure(&self.live.store, name, entry)?),
            Outcome::Done | Outcome::Intent => decode(&self.live.store, entry),
        }
    }
}
