//! Waiting for people and for time. A question or a timer is an intent; its answer, or its end, is the receipt at the
//! same address.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::effect::did_it_happen;
use crate::error::{Error, Result};
use crate::execution::Execution;
use crate::id::{Digest, Seq};
use crate::model::{Blob, Entry, Kind, Outcome, is_undo};
use crate::run::{Claim, Outcomes, Run, decode_own, encode};

/// What an execution waits to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its entry, to answer it by.
    pub seq: Seq,
    /// Its text.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    question: String,
}

#[derive(Serialize, Deserialize)]
struct Timer {
    until_ms: u64,
}

impl Run {
    /// The answer somebody gave to the question, in this run or in an earlier one.
    ///
    /// While there is none the execution waits: this run of it ends with [`Error::Waiting`], which the program lets
    /// pass. [`Execution::answer`] gives the answer, and a resumed run goes on from here.
    pub fn ask<T: DeserializeOwned>(&mut self, question: &str) -> Result<T> {
        let claim = self.claim_wait(Kind::Signal, "ask", question)?;
        if let Some(entry) = claim.recorded.clone() {
            return self.answer(question, &entry);
        }
        let asked = encode(question, &Asked { question: question.to_owned() })?;
        let seq = match &claim.intent {
            Some(intent) => intent.seq(),
            None => self.intend(&claim, Outcomes { input: Some(&asked), ..Outcomes::default() })?,
        };
        Err(self.wait(seq, question)?)
    }

    /// Waits so many milliseconds, and after a crash only for what is left. Never longer than asked, whatever the clock
    /// does meanwhile.
    pub fn sleep_ms(&mut self, ms: u64) -> Result<()> {
        let claim = self.claim_wait(Kind::Timer, "sleep", &ms.to_string())?;
        if let Some(entry) = &claim.recorded {
            self.reach(entry.seq());
            return Ok(());
        }
        let now_ms = self.store().now_ms();
        let left = match &claim.intent {
            Some(intent) => self.timer(intent)?.until_ms.saturating_sub(now_ms).min(ms),
            None => {
                let timer = encode("a timer", &Timer { until_ms: now_ms.saturating_add(ms) })?;
                self.intend(&claim, Outcomes { meta: Some(&timer), ..Outcomes::default() })?;
                ms
            }
        };
        self.store().wait_ms(left);
        let none = encode("a timer", &())?;
        let seq = self.commit(&claim, Outcomes { value: Some(&none), ..Outcomes::default() })?;
        self.reach(seq);
        Ok(())
    }

    fn claim_wait(&self, kind: Kind, name: &str, what: &str) -> Result<Claim> {
        let digest = Digest::of(what.as_bytes());
        self.claim(self.next(kind, name, &digest.0))
    }

    fn timer(&self, intent: &Entry) -> Result<Timer> {
        decode_own("a timer", self.store().meta(intent)?)
    }
}

impl Execution {
    /// The questions nobody has answered yet, and the effects in doubt, oldest first.
    ///
    /// While a rollback is cut short only what its compensations ask: it goes back behind the others.
    pub fn questions(&self) -> Result<Vec<Question>> {
        let undoing = self.unfinished_rollback()?.is_some();
        let counts = |entry: &Entry| !undoing || is_undo(entry.scope());
        let mut open: Vec<(Entry, Question)> = Vec::new();
        for entry in self.checkpoints()?.into_iter().filter(|entry| entry.kind() == Kind::Signal) {
            if entry.outcome() == Outcome::Intent {
                let text = self.asked(&entry)?;
                let seq = entry.seq();
                open.push((entry, Question { seq, text }));
            } else {
                open.retain(|(asked, _)| !asked.same_place(&entry));
            }
        }
        let doubts = self.doubtful()?.into_iter().filter(|record| counts(&record.intent));
        let asked = open.into_iter().filter(|(entry, _)| counts(entry));
        let mut questions: Vec<Question> = asked.map(|(_, question)| question).collect();
        questions
            .extend(doubts.map(|record| Question { seq: record.intent.seq(), text: did_it_happen(record.name()) }));
        questions.sort_by_key(|question| question.seq);
        Ok(questions)
    }

    /// Answers the question at `seq`, an effect in doubt with its receipt; nothing runs.
    pub fn answer<T: Serialize>(&self, seq: Seq, answer: &T) -> Result<()> {
        if !self.questions()?.iter().any(|question| question.seq == seq) {
            self.refuse_half_undone(seq)?;
            return Err(Error::invalid(format!("execution {:?} asks nothing at entry {seq}", self.id())));
        }
        let blob: Blob = encode("the answer", answer)?;
        let run = self.store().attach(&self.info()?.workflow, self.id())?;
        let claim = run.claim_at(seq)?;
        run.commit(&claim, Outcomes { value: Some(&blob), ..Outcomes::default() })?;
        Ok(())
    }

    fn asked(&self, intent: &Entry) -> Result<String> {
        let Some(input) = self.store().input(intent)? else { return Ok(intent.name().to_owned()) };
        let asked: Asked = decode_own("a question", Some(input))?;
        Ok(asked.question)
    }
}
