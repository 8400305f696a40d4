//! What a policy decides about a failure, and what of it is still to be done.

use super::failure::{Failure, of_entry};
use crate::error::Result;
use crate::id::Seq;
use crate::model::{Decision, Entry, Outcome, Status};
use crate::store::Store;

/// How many entries other strands may have added after a failure before the run had unwound.
const TAIL: u64 = 64;

/// A ladder: each rung is tried when the one before it did not help.
#[derive(Clone, Debug, Default)]
pub(super) struct Ladder {
    pub targets: Vec<String>,
    /// None: one for each target.
    pub rollbacks: Option<usize>,
    pub ask: bool,
}

impl Ladder {
    /// What is done about a failure of `step` whose retries are used up. None: nothing was asked for.
    pub(super) fn decide(&self, store: &Store, id: &str, step: &str, message: &str) -> Result<Option<Decision>> {
        if self.targets.is_empty() && !self.ask {
            return Ok(None);
        }
        let log = store.entries(id, true, Seq::ZERO, None)?;
        if let Some(target) = self.target(made(store, &log, step)?)
            && let Some(to) = before(&log, target)
        {
            return Ok(Some(Decision::Rollback { target: target.to_owned(), to: to.0 }));
        }
        if self.ask {
            let question = format!("{step} failed: {message}; answer 'retry', 'fail' or {{'value': ...}}");
            return Ok(Some(Decision::Ask { question }));
        }
        Ok(Some(Decision::Fail))
    }

    /// The step to go back to after so many rollbacks; None when there were enough.
    fn target(&self, made: usize) -> Option<&str> {
        let limit = self.rollbacks.unwrap_or(self.targets.len());
        let last = self.targets.last()?;
        (made < limit).then(|| self.targets.get(made).unwrap_or(last).as_str())
    }
}

/// How many rollbacks were made for failures of `step`, whatever lineage they are on.
fn made(store: &Store, log: &[Entry], step: &str) -> Result<usize> {
    let mut made = 0;
    for entry in log.iter().filter(|entry| entry.name() == step) {
        let decision = of_entry(store, entry)?.and_then(|(_, decision)| decision);
        made += usize::from(matches!(decision, Some(Decision::Rollback { .. })));
    }
    Ok(made)
}

/// Where to go back to so that the latest `target` runs anew, with everything it called.
fn before(log: &[Entry], target: &str) -> Option<Seq> {
    let live = || log.iter().filter(|entry| entry.live());
    let found = live().rfind(|entry| entry.name() == target && entry.outcome() == Outcome::Done)?;
    let path = found.path();
    let within = |entry: &Entry| {
        let rest = entry.scope().strip_prefix(path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '~', ':']))
    };
    live().find(|entry| entry.same_place(found) || within(entry)).map(Entry::parent)
}

/// The entry to go back to, when that was decided and a crash came first.
pub(super) fn pending(store: &Store, id: &str) -> Result<Option<Seq>> {
    let info = store.info(id)?;
    if info.status == Status::Completed {
        return Ok(None);
    }
    let tail = store.entries(id, false, Seq(info.head.0.saturating_sub(TAIL)), None)?;
    for entry in tail.iter().rev() {
        if let Some((_, Some(Decision::Rollback { to, .. }))) = of_entry(store, entry)? {
            return Ok(Some(Seq(to)));
        }
    }
    Ok(None)
}

/// Why `step` runs again after a rollback; None when it has finished since.
pub(super) fn repairs(store: &Store, id: &str, step: &str) -> Result<Option<Failure>> {
    let mut why = None;
    for entry in store.entries(id, true, Seq::ZERO, None)? {
        match of_entry(store, &entry)? {
            Some((failure, Some(Decision::Rollback { target, .. }))) if target == step => why = Some(failure),
            None if entry.live() && entry.name() == step && entry.outcome() == Outcome::Done => why = None,
            _ => {}
        }
    }
    Ok(why)
}
