//! Recording states and pending writes of host frameworks, which bring their own keys and order their own writers.

use std::collections::BTreeMap;

use super::Store;
use super::commit::Patience;
use super::invocation::{Author, By};
use super::prepare::{Batch, Pending, Series};
use super::record::{Append, check_name};
use super::rollback::refuse_amid_rollback;
use super::state::{newest, noted_after, state_row};
use crate::error::Result;
use crate::id::Seq;
use crate::index::{EntryRow, WriteRow};
use crate::machine::{self, Command, Effect};
use crate::model::{Blob, Kind, Outcome, Record, Slot, Status};

/// A state to be recorded.
#[derive(Clone, Debug)]
pub struct NewState<'a> {
    /// The workflow of an execution that begins with it.
    pub workflow: &'a str,
    /// Where in the host's nesting it belongs.
    pub scope: &'a str,
    /// The host's id of it; of two states with one key the later counts.
    pub key: &'a str,
    /// The key of the state it was made from.
    pub parent: Option<&'a str>,
    /// What users see it called.
    pub name: &'a str,
    /// The host's own record of it.
    pub body: &'a Blob,
    /// The host's metadata.
    pub meta: &'a Blob,
    /// Named values: (name, codec, bytes).
    pub values: &'a [(&'a str, &'a str, &'a [u8])],
    /// Names of values taken over from the parent, unchanged.
    pub keep: &'a [&'a str],
    /// Something several states of several executions share, to find them by.
    pub group: Option<&'a str>,
    /// Whether it can be read without its ancestors; pruning keeps those of one that cannot.
    pub whole: bool,
    /// What the execution is doing now; None leaves it.
    pub status: Option<Status>,
    /// Who saves it.
    pub by: By<'a>,
}

/// Pending writes of one task.
#[derive(Clone, Debug)]
pub struct NewWrites<'a> {
    /// The workflow of an execution that begins with them.
    pub workflow: &'a str,
    /// The scope of the state they belong to.
    pub scope: &'a str,
    /// The key of the state they belong to, which need not exist yet.
    pub key: &'a str,
    /// The task.
    pub task: &'a str,
    /// Where the task is, for ordering.
    pub path: &'a str,
    /// (index, channel, codec, bytes).
    pub writes: &'a [(i64, &'a str, &'a str, &'a [u8])],
    /// Whether an index that is there already is replaced or kept.
    pub replace: bool,
    /// What the execution is doing now; None leaves it.
    pub status: Option<Status>,
    /// Who saves it.
    pub by: By<'a>,
}

impl Store {
    /// Records a state. The answer names values in `keep` the parent lacks: then nothing was written.
    pub fn put_state(&self, id: &str, new: &NewState<'_>) -> Result<Vec<String>> {
        check_name("an execution's id", id)?;
        self.know_series(id, new)?;
        let (id, now_ms) = (id.to_owned(), self.now_ms());
        let (workflow, scope, key) = (new.workflow.to_owned(), new.scope.to_owned(), new.key.to_owned());
        let (parent, group) = (new.parent.map(str::to_owned), new.group.map(str::to_owned));
        let (status, whole, author) = (new.status, new.whole, Author::of(new.by));
        let (with, by) = (self.shared()?, author.clone());
        let keep: Vec<String> = new.keep.iter().map(|name| (*name).to_owned()).collect();
        let append = Append {
            kind: Kind::State,
            outcome: Outcome::Done,
            scope: scope.clone(),
            key: key.clone(),
            name: new.name.to_owned(),
            occurrence: 0,
            prev: Seq::ZERO,
            spawned: false,
            started_ms: None,
            attempts: 1,
            error: None,
            usage: Vec::new(),
            settles: false,
        };
        let series_id = id.clone();
        let saved = self.place(
            self.options.durability,
            |batch| {
                let series = |what: &str| Some(Series::of(&[&series_id, new.scope, what, "state"]));
                let body = batch.add(&new.body.codec, &new.body.bytes, None)?;
                let meta = batch.add(&new.meta.codec, &new.meta.bytes, None)?;
                let values = new
                    .values
                    .iter()
                    .map(|(name, codec, bytes)| Ok(((*name).to_owned(), batch.add(codec, bytes, series(name))?)));
                Ok((body, meta, values.collect::<Result<Vec<_>>>()?))
            },
            move |index, placed, (body, meta, values)| {
                let mut execution = author.find_or_begin(index, &id, &workflow, now_ms)?;
                refuse_amid_rollback(index, &execution)?;
                let lineage = index.lineage(&execution)?;
                let parent_row = match &parent {
                    Some(parent) => state_row(index, &execution, &lineage, &scope, parent)?,
                    None => None,
                };
                let mut slots: BTreeMap<u16, Slot> = BTreeMap::new();
                let mut missing = Vec::new();
                for name in &keep {
                    let label = index.label(name)?;
                    let inherited =
                        parent_row.as_ref().and_then(|row| row.record.values.iter().find(|(l, _)| *l == label));
                    match inherited {
                        Some((label, slot)) => drop(slots.insert(*label, slot.clone())),
                        None => missing.push(name.clone()),
                    }
                }
                if !missing.is_empty() {
                    return Ok((None, missing));
                }
                for (name, pending) in values {
                    slots.insert(index.label(name)?, placed.slot(index, pending)?);
                }
                let told = index.writes(execution.row, &scope, &key)?.into_iter();
                let mut told =
                    told.filter(|write| lineage.counts(write.epoch, write.after)).filter_map(|write| write.status);
                let said =
                    told.next_back().filter(|told| (*told, status) != (Status::Running, Some(Status::Completed)));
                let writer = author.writer(&with, index, &execution, now_ms);
                let command = Command::Adopt { by: writer, status: said.or(status) };
                let (state, effect) = machine::apply(&execution.state, command)
                    .map_err(|refusal| author.refused(refusal, &with, index, &execution, now_ms))?;
                let Some(Effect::Append { seq, parent: head }) = effect else { return Ok((None, Vec::new())) };
                let from = parent_row.as_ref().map_or(head, |row| row.seq);
                let record = Record {
                    parent_key: parent.clone(),
                    whole,
                    value: Some(placed.slot(index, body)?),
                    meta: Some(placed.slot(index, meta)?),
                    values: slots.into_iter().collect(),
                    ..append.record(from, now_ms)
                };
                index.insert_entry(&EntryRow {
                    execution: execution.row,
                    seq,
                    kind: Kind::State,
                    scope: scope.clone(),
                    key: key.clone(),
                    group: group.clone(),
                    record,
                })?;
                execution.state = state;
                execution.updated_ms = now_ms;
                index.update_execution(&execution)?;
                author.saves(&scope, &key);
                Ok((Some(execution.row), Vec::new()))
            },
        )?;
        let (row, missing) = saved;
        row.into_iter().for_each(|row| by.saved(row));
        Ok(missing)
    }

    /// Makes the parent's values the anchors of what follows them, when this process has not seen them.
    fn know_series(&self, id: &str, new: &NewState<'_>) -> Result<()> {
        let shared = self.shared()?;
        let series = |name: &str| Series::of(&[id, new.scope, name, "state"]);
        let unknown: Vec<_> =
            new.values.iter().filter(|(name, ..)| shared.anchors.get(&series(name).0).is_none()).collect();
        let Some(parent) = new.parent.filter(|_| !unknown.is_empty()) else { return Ok(()) };
        shared.read(|index| {
            let Some(execution) = index.execution(id)? else { return Ok(()) };
            let lineage = index.lineage(&execution)?;
            let Some(row) = state_row(index, &execution, &lineage, new.scope, parent)? else { return Ok(()) };
            for (name, ..) in unknown {
                let Some(label) = index.find_label(name)? else { continue };
                if let Some((_, Slot::Stored { row, .. })) = row.record.values.iter().find(|(l, _)| *l == label) {
                    let anchor = shared.anchor(index, index.value(*row)?.anchor.unwrap_or(*row))?;
                    let weight = anchor.tokens.len() + 1;
                    shared.anchors.insert(series(name).0, anchor, weight);
                }
            }
            Ok(())
        })
    }

    /// Records pending writes of a task.
    pub fn put_writes(&self, id: &str, new: &NewWrites<'_>) -> Result<()> {
        check_name("an execution's id", id)?;
        let (id, now_ms) = (id.to_owned(), self.now_ms());
        let (workflow, scope, key) = (new.workflow.to_owned(), new.scope.to_owned(), new.key.to_owned());
        let (task, path, replace, status) = (new.task.to_owned(), new.path.to_owned(), new.replace, new.status);
        let (author, with) = (Author::of(new.by), self.shared()?);
        let by = author.clone();
        let prepare = |batch: &mut Batch<'_>| {
            let writes = new
                .writes
                .iter()
                .map(|(at, channel, codec, bytes)| Ok((*at, (*channel).to_owned(), batch.add(codec, bytes, None)?)));
            writes.collect::<Result<Vec<(i64, String, Pending)>>>()
        };
        // The state these writes lead to follows at once.
        let row =
            self.place_with(self.options.durability, Patience::Company, prepare, move |index, placed, writes| {
                let mut execution = author.find_or_begin(index, &id, &workflow, now_ms)?;
                let lineage = index.lineage(&execution)?;
                let state = state_row(index, &execution, &lineage, &scope, &key)?.map(|row| row.seq);
                let mut there = index.writes(execution.row, &scope, &key)?;
                there.retain(|write| write.task == task && lineage.counts(write.epoch, noted_after(write, state)));
                for (at, channel, pending) in writes {
                    if !replace && there.iter().any(|write| write.index == *at) {
                        continue;
                    }
                    index.put_write(&WriteRow {
                        execution: execution.row,
                        scope: scope.clone(),
                        key: key.clone(),
                        task: task.clone(),
                        index: *at,
                        epoch: execution.state.epoch,
                        after: execution.state.head,
                        path: path.clone(),
                        channel: index.label(channel)?,
                        status,
                        slot: placed.slot(index, pending)?,
                    })?;
                }
                // A task's word that it goes on may come late, after the state that its superstep ended with.
                let late = status == Some(Status::Running)
                    && newest(index, &execution, &lineage, &scope)?.is_some_and(|(newest, _)| newest > key);
                let writer = author.writer(&with, index, &execution, now_ms);
                let command = Command::Pend { by: writer, status: status.filter(|_| !late) };
                execution.state = machine::apply(&execution.state, command)
                    .map_err(|refusal| author.refused(refusal, &with, index, &execution, now_ms))?
                    .0;
                execution.updated_ms = now_ms;
                index.update_execution(&execution)?;
                Ok(execution.row)
            })?;
        by.saved(row);
        Ok(())
    }

    /// Removes states by (scope, key), with their pending writes; answers how many entries went.
    pub fn delete_states(&self, id: &str, keys: &[(String, String)]) -> Result<usize> {
        let (id, keys) = (id.to_owned(), keys.to_vec());
        self.shared()?.commit(self.options.durability, move |index| {
            let Some(execution) = index.execution(&id)? else { return Ok(0) };
            let mut gone = 0;
            for (scope, key) in &keys {
                for seq in index.state_seqs(execution.row, scope, key)? {
                    gone += usize::from(index.delete_entry(execution.row, seq)?);
                }
                index.delete_writes(execution.row, scope, key)?;
            }
            Ok(gone)
        })
    }
}
