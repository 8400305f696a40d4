//! Rolling back: plan, show, act. The head moves; no entry is erased and no state byte written (I5).

use super::Store;
use super::lease::refuse_if_held;
use super::record::{find, refused};
use crate::error::{Error, Result};
use crate::id::Seq;
use crate::index::{ExecutionRecord, Index};
use crate::machine::{self, Command, Effect, Refusal};
use crate::model::{Entry, is_of_rollback};

/// What a rollback would do. Nothing has happened yet.
#[derive(Clone, Debug)]
pub struct RollbackPlan {
    /// The execution.
    pub execution: String,
    /// Where its head would be.
    pub to: Seq,
    /// Where its head is.
    pub head: Seq,
    /// The entries that leave the live lineage, newest first.
    pub falls: Vec<Entry>,
}

impl Store {
    /// What moving the head of `id` to `to` would do.
    pub fn plan_rollback(&self, id: &str, to: Seq) -> Result<RollbackPlan> {
        let execution = self.info(id)?;
        if to > execution.last {
            return Err(Error::EntryNotFound { execution: id.to_owned(), seq: to, last: execution.last });
        }
        let live = self.entries(id, false, Seq::ZERO, None)?;
        // Going back to an entry on the lineage, only what comes after it falls; to one an earlier rollback
        // left behind, everything after the point where the two paths part.
        let keeps = self.shared()?.read(|index| {
            let mut record = find(index, id)?;
            let lineage = index.lineage(&record)?;
            if lineage.contains(to) || to == Seq::ZERO {
                return Ok(None);
            }
            record.state.head = to;
            Ok(Some(index.lineage(&record)?))
        })?;
        let stays = |entry: &Entry| keeps.as_ref().map_or(entry.seq() <= to, |path| path.contains(entry.seq()));
        let falls = live.into_iter().rev().filter(|entry| !stays(entry)).collect();
        Ok(RollbackPlan { execution: id.to_owned(), to, head: execution.head, falls })
    }

    /// Moves the head of `id` to `to`, fencing whoever ran it. Done already: does nothing.
    ///
    /// A rollback does not undo what steps did to the outside world.
    pub fn rollback(&self, id: &str, to: Seq) -> Result<RollbackPlan> {
        self.rollback_from(id, to, None)
    }

    /// The same, if its head is still `head`: what was recorded after that, nobody has undone.
    pub fn rollback_from(&self, id: &str, to: Seq, head: Option<Seq>) -> Result<RollbackPlan> {
        let plan = self.plan_rollback(id, to)?;
        let shared = self.shared()?;
        shared.running.refuse_other(id, None)?;
        let (id, now_ms, with) = (id.to_owned(), self.now_ms(), shared.clone());
        shared.commit(self.options.durability, move |index| {
            let mut record = find(index, &id)?;
            refuse_if_held(&with, index, &record, now_ms)?;
            if head.is_some_and(|head| head != record.state.head && to != record.state.head) {
                return Err(Error::Fenced { execution: id.clone() });
            }
            let (state, effect) =
                machine::apply(&record.state, Command::RollBack { to }).map_err(|refusal| match refusal {
                    Refusal::NoSuchEntry => {
                        Error::EntryNotFound { execution: id.clone(), seq: to, last: record.state.last }
                    }
                    other => refused(other, &record),
                })?;
            let Some(Effect::Open(epoch)) = effect else { return Ok(()) };
            index.insert_epoch(record.row, epoch, now_ms)?;
            record.state = state;
            record.owner = None;
            record.result = None;
            record.error = None;
            record.updated_ms = now_ms;
            index.update_execution(&record)
        })?;
        Ok(plan)
    }
}

/// Why nothing is added to an execution of which some effects are undone and others are not yet.
pub(crate) fn rollback_cut_short(id: &str) -> Error {
    Error::invalid(format!("a rollback of {id:?} was cut short: ask for it again, then run on"))
}

/// For hosts, which bring no lease: their states do not follow on half a rollback.
pub(super) fn refuse_amid_rollback(index: &Index, execution: &ExecutionRecord) -> Result<()> {
    match index.entry_place(execution.row, execution.state.head)? {
        Some((kind, scope)) if is_of_rollback(kind, &scope) => Err(rollback_cut_short(&execution.uid)),
        _ => Ok(()),
    }
}
