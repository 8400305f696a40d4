//! Forking and copying: rows that share every state byte with the original (I5).

use std::collections::HashMap;

use super::Store;
use super::prepare::Pending;
use super::record::{check_name, find};
use super::state::{noted_after, state_row};
use crate::error::{Error, Result};
use crate::id::{FencingToken, Seq};
use crate::index::{ExecutionRecord, Index};
use crate::machine::{Epoch, Lineage, State};
use crate::model::{Blob, Slot, Status};

/// A recorded value to be another one in the fork.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The entry whose value is replaced.
    pub seq: Seq,
    /// The value the fork has there.
    pub value: Blob,
}

impl Store {
    /// Begins a new execution with the lineage of `id` up to `at`. The original is not touched.
    pub(crate) fn copy_lineage(&self, id: &str, at: Seq, new_id: &str, edits: &[Edit]) -> Result<()> {
        check_name("an execution's id", new_id)?;
        let (from, to, now_ms) = (id.to_owned(), new_id.to_owned(), self.now_ms());
        let seqs: Vec<Seq> = edits.iter().map(|edit| edit.seq).collect();
        self.place(
            self.options.durability,
            |batch| {
                edits
                    .iter()
                    .map(|edit| batch.add(&edit.value.codec, &edit.value.bytes, None))
                    .collect::<Result<Vec<_>>>()
            },
            move |index, placed, pending: &Vec<Pending>| {
                let source = find(index, &from)?;
                if at > source.state.last || (at != Seq::ZERO && index.entry(source.row, at)?.is_none()) {
                    return Err(Error::EntryNotFound { execution: from.clone(), seq: at, last: source.state.last });
                }
                let path = lineage_to(index, &source, at)?;
                if let Some(seq) = seqs.iter().find(|seq| !path.contains(**seq)) {
                    return Err(Error::EntryNotFound { execution: from.clone(), seq: *seq, last: at });
                }
                let slots = seqs.iter().zip(pending).map(|(seq, pending)| Ok((*seq, placed.slot(index, pending)?)));
                let edits = slots.collect::<Result<HashMap<Seq, Slot>>>()?;
                let mut fork = duplicate(index, &source, &to, at, now_ms)?;
                fork.forked_from = Some((from.clone(), at));
                index.update_execution(&fork)?;
                copy_entries(index, &source, &fork, &path, &edits)?;
                copy_writes(index, &source, &fork, at)
            },
        )
    }

    /// Copies the live entries and pending writes of `id` under `new_id`.
    pub fn copy(&self, id: &str, new_id: &str) -> Result<()> {
        check_name("an execution's id", new_id)?;
        let (from, to, now_ms) = (id.to_owned(), new_id.to_owned(), self.now_ms());
        self.shared()?.commit(self.options.durability, move |index| {
            let source = find(index, &from)?;
            let head = source.state.head;
            let mut copy = duplicate(index, &source, &to, head, now_ms)?;
            copy.state.status = source.state.status;
            copy.result = source.result.clone();
            copy.error = source.error.clone();
            index.update_execution(&copy)?;
            let path = index.lineage(&source)?;
            copy_entries(index, &source, &copy, &path, &HashMap::new())?;
            copy_writes(index, &source, &copy, head)
        })
    }
}

fn lineage_to(index: &Index, source: &ExecutionRecord, at: Seq) -> Result<Lineage> {
    let mut record = source.clone();
    record.state.head = at;
    index.lineage(&record)
}

/// A new execution of the same workflow, its log ending at `head`.
fn duplicate(index: &Index, source: &ExecutionRecord, id: &str, head: Seq, now_ms: u64) -> Result<ExecutionRecord> {
    if index.execution(id)?.is_some() {
        return Err(Error::invalid(format!("execution {id:?} exists already; choose another id or delete it first")));
    }
    let mut record = ExecutionRecord::new(id, &source.workflow, now_ms);
    record.source.clone_from(&source.source);
    record.input.clone_from(&source.input);
    // The rollbacks before `head` come along: they say which seqs of the log are not on the way to it.
    let epochs: Vec<Epoch> = index.epochs(source.row)?.into_iter().filter(|epoch| epoch.start < head).collect();
    record.state = State { head, last: head, status: Status::Running, epoch: epochs.len() as u32, ..State::new() };
    // Known to be held by nobody, also where the original is a host framework's thread that nobody ever leased.
    record.state.token = source.state.token.max(FencingToken(1));
    let record = index.insert_execution(record)?;
    epochs.into_iter().try_for_each(|epoch| index.insert_epoch(record.row, epoch, now_ms))?;
    Ok(record)
}

fn copy_entries(
    index: &Index,
    source: &ExecutionRecord,
    target: &ExecutionRecord,
    path: &Lineage,
    edits: &HashMap<Seq, Slot>,
) -> Result<()> {
    // Collected by pieces: a cursor over the table that is being written to would see its own rows.
    const PIECE: u64 = 1000;
    for &(from, to) in path.ranges() {
        let mut next = from;
        while next <= to {
            let until = Seq(to.0.min(next.0 + PIECE - 1));
            let mut rows = Vec::new();
            index.entries(source.row, next, until, |row| {
                rows.push(row);
                Ok(())
            })?;
            for mut row in rows {
                row.execution = target.row;
                if let Some(slot) = edits.get(&row.seq) {
                    row.record.value = Some(slot.clone());
                }
                index.insert_entry(&row)?;
            }
            next = until.next();
        }
    }
    Ok(())
}

/// Copies the pending writes that count at `at`. At the head those are all live ones; further back, what was
/// written after `at` belongs to work the fork is to do again.
fn copy_writes(index: &Index, source: &ExecutionRecord, target: &ExecutionRecord, at: Seq) -> Result<()> {
    let lineage = index.lineage(source)?;
    let at_head = at == source.state.head;
    let mut writes = Vec::new();
    index.all_writes(Some(source.row), |write| {
        let write = write?;
        let state = state_row(index, source, &lineage, &write.scope, &write.key)?.map(|row| row.seq);
        let after = noted_after(&write, state);
        if lineage.counts(write.epoch, after) && (at_head || after < at) {
            writes.push(write);
        }
        Ok(())
    })?;
    // Of one task's writes the latest epoch counts, so it is written last.
    writes.sort_by_key(|write| write.epoch);
    for mut write in writes {
        write.execution = target.row;
        write.epoch = write.epoch.min(target.state.epoch);
        index.put_write(&write)?;
    }
    Ok(())
}
