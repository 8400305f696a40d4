//! Reading the states of host frameworks, each with its pending writes.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Store;
use super::handle::Value;
use crate::error::Result;
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index, WriteRow};
use crate::machine::Lineage;
use crate::model::Slot;

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
    /// The state with `key`, or the live one with the greatest key.
    pub fn get_state(&self, id: &str, scope: &str, key: Option<&str>) -> Result<Option<State>> {
        self.shared()?.read(|index| {
            let Some(execution) = index.execution(id)? else { return Ok(None) };
            let lineage = index.lineage(&execution)?;
            let row = match key {
                Some(key) => state_row(index, &execution, &lineage, scope, key)?,
                None => {
                    let newest = newest(index, &execution, &lineage, scope)?;
                    newest.map(|(_, seq)| entry_row(index, &execution, seq)).transpose()?
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

fn entry_row(index: &Index, execution: &ExecutionRecord, seq: Seq) -> Result<EntryRow> {
    super::entries::must(index.entry(execution.row, seq)?, "entry", seq.0 as i64)
}

/// Key and place of the live state with the greatest key.
pub(super) fn newest(
    index: &Index,
    execution: &ExecutionRecord,
    lineage: &Lineage,
    scope: &str,
) -> Result<Option<(String, Seq)>> {
    let mut newest = None;
    index.state_places(execution.row, scope, None, |key, seq| {
        newest = lineage.contains(seq).then(|| (key.to_owned(), seq));
        Ok(newest.is_none())
    })?;
    Ok(newest)
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
