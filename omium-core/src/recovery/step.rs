//! Running a step that has checks or a recovery policy.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::decide::repairs;
use super::failure::of_entry;
use super::policy::{Attempt, Step};
use crate::error::{BoxError, Error, Result};
use crate::id::Seq;
use crate::model::{Decision, Entry, FailureKind, Told};
use crate::run::{Claim, Outcomes, Recordable, Run, failed_meta};

/// How a step goes on after a person was asked.
enum GoOn<T> {
    Again,
    Given(T),
}

/// A failure that was put on record.
struct Failed {
    seq: Seq,
    error: Error,
    decision: Option<Decision>,
}

impl Run {
    /// Runs a step that has checks or a recovery policy: see [`Step`]. Its failures are kept with their kind, and with what
    /// was decided about them.
    pub fn step_with<T, E>(&mut self, step: Step<'_, T>, mut body: impl FnMut(&Attempt) -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let mut given = None;
        loop {
            let claim = self.claim_step(step.name, step.inputs()?)?;
            let failed = match (&claim.recorded, given.take()) {
                (Some(entry), _) => match self.answer(step.name, entry) {
                    Ok(value) => return Ok(value),
                    Err(error) => self.recorded_failure(entry, error)?,
                },
                (None, Some(value)) => {
                    let started_ms = Some(self.store().now_ms());
                    let outcome = Outcomes {
                        started_ms,
                        input: step.inputs()?.map(|inputs| &inputs.blob),
                        ..Outcomes::default()
                    };
                    return self.record(&claim, Recordable::of(&said(step.name), &value)?, outcome);
                }
                (None, None) => match self.attempts(&claim, &step, &mut body)? {
                    Ok(value) => return Ok(value),
                    Err(failed) => failed,
                },
            };
            self.reach(failed.seq);
            match self.carry(failed)? {
                GoOn::Again => {}
                GoOn::Given(value) => given = Some(value),
            }
        }
    }

    /// Attempts until one passes; the last failure is on record when this returns it.
    fn attempts<T: Serialize + DeserializeOwned, E: Into<BoxError>>(
        &mut self,
        claim: &Claim,
        step: &Step<'_, T>,
        body: &mut impl FnMut(&Attempt) -> Result<T, E>,
    ) -> Result<Result<T, Failed>> {
        let repairs = if self.epoch() == 0 { None } else { repairs(self.store(), self.id(), step.name)? };
        let mut made = self.attempts_made(claim, &step.retry)?;
        let mut attempt = Attempt { number: made.number + 1, failure: made.failure.take().or(repairs) };
        if made.left_ms > 0 {
            self.store().wait_ms(made.left_ms);
        }
        let started_ms = self.store().now_ms();
        loop {
            let (error, wait_ms) = match once(step, &attempt, body) {
                Ok(value) => {
                    let (attempts, started_ms) = (attempt.number, Some(started_ms));
                    let outcome = Outcomes {
                        attempts,
                        started_ms,
                        input: step.inputs()?.map(|inputs| &inputs.blob),
                        ..Outcomes::default()
                    };
                    return self.record(claim, value, outcome).map(Ok);
                }
                Err(Unpassed::Required(error)) => (error, None),
                Err(Unpassed::Failed(error)) => (error, step.retry.wait_ms(attempt.number, self.store().nonce())),
            };
            if ends_the_run(&error) {
                self.abandon(claim);
                return Err(own(error, step.name));
            }
            let kind = (step.classify)(&error);
            let Some(wait_ms) = wait_ms else {
                return self.give_up(claim, step, &attempt, (kind, error), started_ms).map(Err);
            };
            let told = Told::of(kind, &error);
            attempt.failure = Some(told.of_attempt(step.name, attempt.number));
            made.number = attempt.number;
            self.attempt_failed(claim, &made, told, wait_ms)?;
            attempt.number += 1;
            self.store().wait_ms(wait_ms);
        }
    }

    fn give_up<T>(
        &self,
        claim: &Claim,
        step: &Step<'_, T>,
        attempt: &Attempt,
        (kind, error): (FailureKind, BoxError),
        started_ms: u64,
    ) -> Result<Failed> {
        let message = error.to_string();
        let decision = step.ladder.decide(self.store(), self.id(), step.name, &message)?;
        let meta = failed_meta(Told::of(kind, &error), decision.clone())?;
        let outcome = Outcomes {
            meta: Some(&meta),
            input: step.inputs()?.map(|inputs| &inputs.blob),
            attempts: attempt.number,
            started_ms: Some(started_ms),
            ..Outcomes::default()
        };
        let seq = self.fail(claim, &message, outcome)?;
        Ok(Failed { seq, error: own(error, step.name), decision })
    }

    fn recorded_failure(&self, entry: &Entry, error: Error) -> Result<Failed> {
        let decision = of_entry(self.store(), entry)?.and_then(|(_, decision)| decision);
        Ok(Failed { seq: entry.seq(), error, decision })
    }

    /// Does what was decided about a failure.
    fn carry<T: DeserializeOwned>(&mut self, failed: Failed) -> Result<GoOn<T>> {
        match failed.decision {
            Some(Decision::Rollback { to, .. }) if !self.is_record_only() => {
                Err(Error::GoesBack { execution: self.id().to_owned(), to: Seq(to), source: failed.error.into() })
            }
            // Whatever else is answered is no answer, and the question is asked again.
            Some(Decision::Ask { question }) => loop {
                match self.ask(&question)? {
                    Answer::Word(word) if word == "retry" => return Ok(GoOn::Again),
                    Answer::Word(word) if word == "fail" => return Err(failed.error),
                    Answer::Given { value } => return Ok(GoOn::Given(value)),
                    Answer::Word(_) | Answer::Unknown(_) => {}
                }
            },
            _ => Err(failed.error),
        }
    }
}

/// What a person may answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Word(String),
    Given { value: T },
    Unknown(IgnoredAny),
}

/// Why an attempt did not pass.
enum Unpassed {
    Required(BoxError),
    Failed(BoxError),
}

/// One attempt. Its checks see what will be on record.
fn once<T: Serialize + DeserializeOwned, E: Into<BoxError>>(
    step: &Step<'_, T>,
    attempt: &Attempt,
    body: &mut impl FnMut(&Attempt) -> Result<T, E>,
) -> Result<Recordable<T>, Unpassed> {
    step.required().map_err(|error| Unpassed::Required(error.into()))?;
    let value = body(attempt).map_err(|error| Unpassed::Failed(error.into()))?;
    let recordable = Recordable::of(&said(step.name), &value).map_err(|error| Unpassed::Failed(error.into()))?;
    step.ensured(&recordable.value).map_err(|error| Unpassed::Failed(error.into()))?;
    Ok(recordable)
}

fn said(step: &str) -> String {
    format!("step {step:?}")
}

/// Whether an error is about the run itself: it is no outcome of the step, and no policy deals with it.
fn ends_the_run(error: &BoxError) -> bool {
    let own = error.downcast_ref::<Error>();
    own.is_some_and(|own| {
        !matches!(own, Error::CheckFailed { .. } | Error::Step { .. } | Error::NotSerializable { .. })
    })
}

/// The error a caller gets: omium's own as it is, any other as that of the step.
fn own(error: BoxError, step: &str) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => *own,
        Err(source) => Error::Step { step: step.to_owned(), source },
    }
}
