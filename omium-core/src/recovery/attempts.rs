//! The attempts of one step: each that failed and is made again is on record, with when the next one is due.
//!
//! So a crash between two attempts, or in the middle of one, starts neither their number nor the wait anew.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::policy::Retry;
use crate::error::Result;
use crate::id::Seq;
use crate::model::{Entry, Kind, Outcome, Told};
use crate::run::{Call, Claim, Outcomes, Run, decode_own, encode};

const NAME: &str = "attempt";

/// How far the attempts of a step have come.
#[derive(Default)]
pub(super) struct Made {
    pub number: u32,
    /// That of the last one.
    pub failure: Option<Failure>,
    /// What is left of the wait before the next.
    pub left_ms: u64,
    /// How often the step was given up before, and then begun anew by a resume.
    pub round: u32,
}

#[derive(Serialize, Deserialize)]
struct Note {
    /// In seconds.
    wait: f64,
    until_ms: u64,
    failure: Told,
}

impl Run {
    /// What is on record of earlier runs.
    pub(super) fn attempts_made(&self, claim: &Claim, retry: &Retry) -> Result<Made> {
        let mut made = Made::default();
        if retry.times == 0 || self.recorded() == 0 {
            return Ok(made);
        }
        loop {
            let mut last = None;
            for number in 1..=retry.times {
                let at = self.claim(call(claim, self.reached(), &digest(made.round, number)))?;
                let Some(entry) = at.recorded else {
                    self.abandon(&at);
                    break;
                };
                let note = self.read(&entry)?;
                let longest_ms = (note.wait * 1000.0).round() as u64;
                made.number = number;
                // The clock may have been set since: what is left is within what was to be waited.
                made.left_ms = note.until_ms.saturating_sub(self.store().now_ms()).min(longest_ms);
                made.failure = Some(note.failure.of_attempt(claim.name(), number));
                last = Some(entry);
            }
            match last {
                Some(last) if self.given_up(claim, &last)? => made = Made { round: made.round + 1, ..Made::default() },
                _ => return Ok(made),
            }
        }
    }

    /// Records that an attempt failed and when the next one is due.
    pub(super) fn attempt_failed(&self, claim: &Claim, made: &Made, told: Told, wait_ms: u64) -> Result<()> {
        let note = Note {
            wait: wait_ms as f64 / 1000.0,
            until_ms: self.store().now_ms().saturating_add(wait_ms),
            failure: told,
        };
        let value = encode("a failed attempt", &note)?;
        let at = self.claim(call(claim, self.reached(), &digest(made.round, made.number)))?;
        self.commit(&at, Outcomes { value: Some(&value), ..Outcomes::default() })?;
        Ok(())
    }

    fn read(&self, entry: &Entry) -> Result<Note> {
        decode_own("a failed attempt", self.store().value(entry)?)
    }

    /// Whether the step failed for good after that entry.
    fn given_up(&self, claim: &Claim, last: &Entry) -> Result<bool> {
        let later = self.store().entries(self.id(), false, last.seq(), None)?;
        Ok(later.iter().any(|each| {
            each.outcome() == Outcome::Failed
                && (each.scope(), each.key(), each.occurrence()) == (claim.scope(), claim.key(), claim.occurrence())
        }))
    }
}

fn digest(round: u32, number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&round.to_be_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A place inside the step, of a strand of its own: nothing that the code does depends on it.
fn call<'a>(claim: &'a Claim, prev: Seq, digest: &'a [u8]) -> Call<'a> {
    Call { kind: Kind::Note, scope: claim.path(), name: NAME, digest, prev, spawned: true }
}
