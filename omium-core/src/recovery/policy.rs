//! What may be asked of a step: checks before and after it, and what is done when it fails.

use serde::Serialize;

use super::decide::Ladder;
use super::failure::Failure;
use crate::error::{BoxError, Error, Result};
use crate::model::FailureKind;
use crate::run::Inputs;

/// How failed attempts are made again.
///
/// The waits double from `first_ms` up to `longest_ms`, and each is multiplied by a random factor between 0.5 and 1.5, so
/// that many failing callers do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many more attempts are made after the first.
    pub times: u32,
    /// The first wait.
    pub first_ms: u64,
    /// The longest wait.
    pub longest_ms: u64,
}

impl Retry {
    /// That many more attempts, the first after 100 ms.
    #[must_use]
    pub fn times(times: u32) -> Retry {
        Retry { times, first_ms: 100, longest_ms: 30_000 }
    }

    /// How long to wait after that attempt (1 is the first) failed; None when it was the last.
    pub(super) fn wait_ms(&self, attempt: u32, nonce: u128) -> Option<u64> {
        if attempt > self.times {
            return None;
        }
        let doubled = self.first_ms.saturating_mul(1 << (attempt - 1).min(32));
        let per_mille = 500 + (nonce % 1001) as u64;
        Some(doubled.min(self.longest_ms).saturating_mul(per_mille) / 1000)
    }
}

type Condition<'a> = Box<dyn Fn() -> bool + 'a>;
type Check<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;
type Classify<'a> = Box<dyn Fn(&BoxError) -> FailureKind + 'a>;

/// A step, what must hold before and after it, and what is done when it fails.
#[must_use = "Run::step_with runs it"]
pub struct Step<'a, T> {
    pub(super) name: &'a str,
    inputs: Option<Result<Inputs, String>>,
    pub(super) retry: Retry,
    requires: Vec<(&'a str, Condition<'a>)>,
    ensures: Vec<(&'a str, Check<'a, T>)>,
    pub(super) classify: Classify<'a>,
    pub(super) ladder: Ladder,
}

impl<'a, T> Step<'a, T> {
    /// A step that is like [`Run::try_step`] until more is asked of it.
    pub fn new(name: &'a str) -> Step<'a, T> {
        Step {
            name,
            inputs: None,
            retry: Retry::times(0),
            requires: Vec::new(),
            ensures: Vec::new(),
            classify: Box::new(|error| FailureKind::of(error.as_ref())),
            ladder: Ladder::default(),
        }
    }

    /// What its body uses, which is then a part of what the step is: see [`Run::step_given`](crate::Run::step_given).
    pub fn given<I: Serialize + ?Sized>(mut self, inputs: &I) -> Step<'a, T> {
        let inputs = Inputs::of(&format!("what step {:?} is given", self.name), inputs);
        self.inputs = Some(inputs.map_err(|error| error.to_string()));
        self
    }

    /// What must hold before it may run. A retry does not help against it.
    pub fn require(mut self, what: &'a str, holds: impl Fn() -> bool + 'a) -> Step<'a, T> {
        self.requires.push((what, Box::new(holds)));
        self
    }

    /// What must hold of its result before that is on record as done.
    pub fn ensure(mut self, what: &'a str, holds: impl Fn(&T) -> bool + 'a) -> Step<'a, T> {
        self.ensures.push((what, Box::new(holds)));
        self
    }

    /// First rung: tries it again, with waits. Attempts made before a crash count, and so does what was waited.
    pub fn retry(mut self, retry: Retry) -> Step<'a, T> {
        self.retry = retry;
        self
    }

    /// Second rung: goes back to before the latest step of that name, which runs again and is told why by
    /// [`Attempt::failure`]. Said more than once, the next failure goes back to the next name.
    pub fn roll_back_to(mut self, step: &str) -> Step<'a, T> {
        self.ladder.targets.push(step.to_owned());
        self
    }

    /// At most so many rollbacks are made for it in one execution; without this, one for each name.
    pub fn rollbacks(mut self, limit: usize) -> Step<'a, T> {
        self.ladder.rollbacks = Some(limit);
        self
    }

    /// Last rung: asks a person, who answers `"retry"`, `"fail"` or `{"value": ...}`.
    pub fn ask(mut self) -> Step<'a, T> {
        self.ladder.ask = true;
        self
    }

    /// Tells of what kind an error is, for errors [`FailureKind::of`] knows nothing of.
    pub fn classify(mut self, kind: impl Fn(&BoxError) -> FailureKind + 'a) -> Step<'a, T> {
        self.classify = Box::new(kind);
        self
    }

    /// What it was given; an error when that cannot be recorded.
    pub(super) fn inputs(&self) -> Result<Option<&Inputs>> {
        self.inputs.as_ref().map(|inputs| inputs.as_ref().map_err(|what| Error::invalid(what.clone()))).transpose()
    }

    pub(super) fn required(&self) -> Result<()> {
        self.passed(self.requires.iter().find(|(_, holds)| !holds()).map(|(what, _)| *what))
    }

    pub(super) fn ensured(&self, value: &T) -> Result<()> {
        self.passed(self.ensures.iter().find(|(_, holds)| !holds(value)).map(|(what, _)| *what))
    }

    fn passed(&self, failed: Option<&str>) -> Result<()> {
        match failed {
            None => Ok(()),
            Some(check) => Err(Error::CheckFailed { step: self.name.to_owned(), check: check.to_owned() }),
        }
    }
}

/// What a body is told of its own run.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// Why it runs again: the failure of the attempt before, or of the later step that went back to this one.
    pub failure: Option<Failure>,
}
