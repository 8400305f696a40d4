//! States and pending writes of host frameworks, which bring their own keys and order their own writers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::Store;
use super::commit::Patience;
use super::handle::Value;
use super::prepare::{Batch, Pending, Series};
use super::record::{Append, check_name};
use crate::error::Result;
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index, WriteRow};
use crate::machine::{self, Command, Effect, Lineage};
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
}

/// A recorded state.
#[derive(Clone, Debug)]
pub struct State {
    /// The execution.
    pub execution: String,
    /// Its place in the log.
    pub seq: Seq,
    /// Where in the host's nesting it belongs.
    pub scope: String,
    /// The host's id of it.
    pub key: String,
    /// The key of the state it was made from.
    pub parent_key: Option<String>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// The host's own record of it.
    pub body: Value,
    /// The host's metadata.
    pub meta: Value,
    /// Named values.
    pub values: Vec<(String, Value)>,
    /// Pending writes, by (path, task, index).
    pub writes: Vec<Write>,
}

/// A pending write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The task that made it.
    pub task: String,
    /// Where the task is.
    pub path: String,
    /// Its number among the task's writes.
    pub index: i64,
    /// The channel it is for.
    pub channel: String,
    /// What was written.
    pub value: Value,
}

impl Store {
    /// Records a state. The answer names values in `keep` the parent lacks: then nothing was written.
    pub fn put_state(&self, id: &str, new: &NewState<'_>) -> Result<Vec<String>> {
        check_name("an execution's id", id)?;
        self.know_series(id, new)?;
        let (id, now_ms) = (id.to_owned(), self.now_ms());
        let (workflow, scope, key) = (new.workflow.to_owned(), new.scope.to_owned(), new.key.to_owned());
        let (parent, group) = (new.parent.map(str::to_owned), new.group.map(str::to_owned));
        let (status, whole) = (new.status, new.whole);
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
        };
        let series_id = id.clone();
        self.place(
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
                let mut execution = find_or_begin(index, &id, &workflow, now_ms)?;
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
                    return Ok(missing);
                }
                for (name, pending) in values {
                    slots.insert(index.label(name)?, placed.slot(index, pending)?);
                }
                let told = index.writes(execution.row, &scope, &key)?.into_iter();
                let mut told =
                    told.filter(|write| lineage.counts(write.epoch, write.after)).filter_map(|write| write.status);
                let command = Command::Adopt { status: told.next_back().or(status) };
                let (state, effect) = machine::apply(&execution.state, command)
                    .map_err(|refusal| super::record::refused(refusal, &execution))?;
                let Some(Effect::Append { seq, parent: head }) = effect else { return Ok(Vec::new()) };
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
                Ok(Vec::new())
            },
        )
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
        let prepare = |batch: &mut Batch<'_>| {
            let writes = new
                .writes
                .iter()
                .map(|(at, channel, codec, bytes)| Ok((*at, (*channel).to_owned(), batch.add(codec, bytes, None)?)));
            writes.collect::<Result<Vec<(i64, String, Pending)>>>()
        };
        // The state these writes lead to follows at once.
        self.place_with(self.options.durability, Patience::Company, prepare, move |index, placed, writes| {
            let mut execution = find_or_begin(index, &id, &workflow, now_ms)?;
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
            execution.state.status = status.unwrap_or(execution.state.status);
            execution.updated_ms = now_ms;
            index.update_execution(&execution)
        })
    }

    /// The state with `key`, or the live one with the greatest key.
    pub fn get_state(&self, id: &str, scope: &str, key: Option<&str>) -> Result<Option<State>> {
        self.shared()?.read(|index| {
            let Some(execution) = index.execution(id)? else { return Ok(None) };
            let lineage = index.lineage(&execution)?;
            let row = match key {
                Some(key) => state_row(index, &execution, &lineage, scope, key)?,
                None => {
                    let mut newest = None;
                    index.state_places(execution.row, scope, None, |_, seq| {
                        newest = Some(seq).filter(|seq| lineage.contains(*seq));
                        Ok(newest.is_none())
                    })?;
                    newest.map(|seq| entry_row(index, &execution, seq)).transpose()?
                }
            };
            row.map(|row| self.state(index, &execution, &lineage, row)).transpose()
        })
    }

    /// Live states by descending key, of all executions when `id` is None.
    pub fn list_states(
        &self,
        id: Option<&str>,
        scope: Option<&str>,
        before: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<State>> {
        let limit = limit.unwrap_or(usize::MAX);
        self.shared()?.read(|index| {
            let executions = match id {
                Some(id) => index.execution(id)?.into_iter().collect(),
                None => index.executions(usize::MAX, |_| Ok(true))?,
            };
            let mut places = Vec::new();
            let mut lineages = Vec::new();
            for (which, execution) in executions.iter().enumerate() {
                let lineage = index.lineage(execution)?;
                let scopes = match scope {
                    Some(scope) => vec![scope.to_owned()],
                    None => index.state_scopes(execution.row)?,
                };
                for scope in scopes {
                    let mut taken = 0;
                    let mut last: Option<String> = None;
                    index.state_places(execution.row, &scope, before, |key, seq| {
                        // Of one key the newest comes first, and it is the one that counts.
                        if lineage.contains(seq) && last.as_deref() != Some(key) {
                            places.push((Reverse(key.to_owned()), which, scope.clone(), seq));
                            last = Some(key.to_owned());
                            taken += 1;
                        }
                        Ok(taken < limit)
                    })?;
                }
                lineages.push(lineage);
            }
            places.sort();
            places.truncate(limit);
            let states = places.into_iter().map(|(_, which, _, seq)| {
                let row = entry_row(index, &executions[which], seq)?;
                self.state(index, &executions[which], &lineages[which], row)
            });
            states.collect()
        })
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

    /// (execution, scope, key) of every state recorded with `group`.
    pub fn group_states(&self, group: &str) -> Result<Vec<(String, String, String)>> {
        self.shared()?.read(|index| index.group(group))
    }

    fn state(&self, index: &Index, execution: &ExecutionRecord, lineage: &Lineage, row: EntryRow) -> Result<State> {
        let named = |label| index.label_name(label);
        let value = |slot: &Slot| self.value_of(slot, named);
        let part = |slot: Option<&Slot>| value(super::entries::must(slot, "the body of entry", row.seq.0 as i64)?);
        // Of what a task wrote at one index, the latest epoch counts.
        let mut latest: HashMap<(String, i64), WriteRow> = HashMap::new();
        for write in index.writes(execution.row, &row.scope, &row.key)? {
            if lineage.counts(write.epoch, noted_after(&write, Some(row.seq))) {
                latest.insert((write.task.clone(), write.index), write);
            }
        }
        let mut writes: Vec<WriteRow> = latest.into_values().collect();
        writes.sort_by(|a, b| (&a.path, &a.task, a.index).cmp(&(&b.path, &b.task, b.index)));
        let writes = writes.into_iter().map(|write| {
            let (channel, value) = (named(write.channel)?, value(&write.slot)?);
            Ok(Write { task: write.task, path: write.path, index: write.index, channel, value })
        });
        Ok(State {
            execution: execution.uid.clone(),
            seq: row.seq,
            parent_key: row.record.parent_key.clone(),
            created_ms: row.record.created_ms,
            body: part(row.record.value.as_ref())?,
            meta: part(row.record.meta.as_ref())?,
            values: row
                .record
                .values
                .iter()
                .map(|(name, slot)| Ok((named(*name)?, value(slot)?)))
                .collect::<Result<_>>()?,
            writes: writes.collect::<Result<_>>()?,
            scope: row.scope,
            key: row.key,
        })
    }
}

fn find_or_begin(index: &Index, id: &str, workflow: &str, now_ms: u64) -> Result<ExecutionRecord> {
    match index.execution(id)? {
        Some(execution) => Ok(execution),
        None => index.insert_execution(ExecutionRecord::new(id, workflow, now_ms)),
    }
}

fn entry_row(index: &Index, execution: &ExecutionRecord, seq: Seq) -> Result<EntryRow> {
    super::entries::must(index.entry(execution.row, seq)?, "entry", seq.0 as i64)
}

/// Where in the log a pending write counts as made: never before the state it belongs to, even if it landed
/// first. Otherwise going back to that state would leave the work done that is to be done again.
pub(super) fn noted_after(write: &WriteRow, state: Option<Seq>) -> Seq {
    state.map_or(write.after, |seq| write.after.max(seq))
}

/// The newest live entry with `key`, else the newest one.
pub(super) fn state_row(
    index: &Index,
    execution: &ExecutionRecord,
    lineage: &Lineage,
    scope: &str,
    key: &str,
) -> Result<Option<EntryRow>> {
    let seqs = index.state_seqs(execution.row, scope, key)?;
    let chosen = seqs.iter().find(|seq| lineage.contains(**seq)).or(seqs.first());
    chosen.map(|seq| entry_row(index, execution, *seq)).transpose()
}
