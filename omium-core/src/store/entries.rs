//! Looking: executions, and the entries of one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::Vacant;

use super::Store;
use super::handle::Value;
use super::open::Shared;
use super::record::find;
use crate::error::{Damage, Error, Result};
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index};
use crate::machine::Lineage;
use crate::model::{Entry, ExecutionInfo, Hold, Slot, Standing};

/// Which executions to list. The default lists all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this workflow only.
    pub workflow: Option<String>,
    /// Doing this only.
    pub standing: Option<Standing>,
    /// Whose id begins so.
    pub prefix: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Store {
    /// What the store knows of an execution.
    pub fn info(&self, id: &str) -> Result<ExecutionInfo> {
        let (shared, now_ms) = (self.shared()?, self.now_ms());
        shared.read(|index| describe(&shared, index, find(index, id)?, now_ms))
    }

    /// Executions, newest first.
    pub fn executions(&self, filter: &Filter) -> Result<Vec<ExecutionInfo>> {
        let (shared, now_ms) = (self.shared()?, self.now_ms());
        let stands = |index: &Index, record: &ExecutionRecord| -> Result<bool> {
            let Some(wanted) = filter.standing else { return Ok(true) };
            let hold = hold(&shared, index, record, now_ms)?.0;
            Ok(Standing::of(record.state.status, hold) == wanted)
        };
        shared.read(|index| {
            let found = index.executions(filter.limit.unwrap_or(usize::MAX), |record| {
                Ok(filter.workflow.as_ref().is_none_or(|workflow| *workflow == record.workflow)
                    && filter.prefix.as_ref().is_none_or(|prefix| record.uid.starts_with(prefix.as_str()))
                    && stands(index, record)?)
            })?;
            found.into_iter().map(|record| describe(&shared, index, record, now_ms)).collect()
        })
    }

    /// What an execution was given when it began.
    pub fn execution_input(&self, id: &str) -> Result<Option<Value>> {
        self.execution_value(id, |record| record.input)
    }

    /// What it returned.
    pub fn execution_result(&self, id: &str) -> Result<Option<Value>> {
        self.execution_value(id, |record| record.result)
    }

    fn execution_value(&self, id: &str, which: impl FnOnce(ExecutionRecord) -> Option<Slot>) -> Result<Option<Value>> {
        self.shared()?.read(|index| {
            let slot = which(find(index, id)?);
            slot.map(|slot| self.value_of(&slot, |label| index.label_name(label))).transpose()
        })
    }

    /// One entry, live or not.
    pub fn entry(&self, id: &str, seq: Seq) -> Result<Entry> {
        self.shared()?.read(|index| {
            let record = find(index, id)?;
            let row = index.entry(record.row, seq)?.ok_or_else(|| missing(&record, seq))?;
            entry(index, &record, &index.lineage(&record)?, row)
        })
    }

    /// The last live entry at the address of `entry`; itself if there is no later one.
    pub(crate) fn latest_at(&self, id: &str, entry: &Entry) -> Result<Entry> {
        let same = |other: &Entry| {
            let (a, b) = (other, entry);
            (a.scope(), a.key(), a.occurrence()) == (b.scope(), b.key(), b.occurrence())
        };
        let later = self.entries(id, false, entry.seq(), None)?;
        Ok(later.into_iter().rfind(same).unwrap_or_else(|| entry.clone()))
    }

    /// The live entries after `after`, in order; those rollbacks left behind too when `all`.
    pub fn entries(&self, id: &str, all: bool, after: Seq, limit: Option<usize>) -> Result<Vec<Entry>> {
        self.shared()?.read(|index| {
            let record = find(index, id)?;
            let lineage = index.lineage(&record)?;
            let everything = [(Seq(1), record.state.last)];
            let ranges = if all { &everything[..] } else { lineage.ranges() };
            let limit = limit.unwrap_or(usize::MAX);
            let mut found = Vec::new();
            for &(from, to) in ranges {
                let mut next = from.max(after.next());
                // Read in bounded pieces, so that a limit bounds the work too.
                while next <= to && found.len() < limit {
                    let until = Seq(to.0.min(next.0.saturating_add((limit - found.len()) as u64 - 1)));
                    index.entries(record.row, next, until, |row| {
                        found.push(entry(index, &record, &lineage, row)?);
                        Ok(())
                    })?;
                    next = until.next();
                }
            }
            Ok(found)
        })
    }
}

fn missing(record: &ExecutionRecord, seq: Seq) -> Error {
    Error::EntryNotFound { execution: record.uid.clone(), seq, last: record.state.last }
}

/// An entry as users see it, with the names its numbers stand for.
pub(super) fn entry(index: &Index, execution: &ExecutionRecord, lineage: &Lineage, row: EntryRow) -> Result<Entry> {
    let mut names = BTreeMap::new();
    let labels = row.record.values.iter().map(|(label, _)| *label);
    let codecs = row.record.slots().map(|slot| match slot {
        Slot::Inline { codec, .. } | Slot::Stored { codec, .. } => *codec,
    });
    for label in labels.chain(codecs) {
        if let Vacant(vacant) = names.entry(label) {
            vacant.insert(index.label_name(label)?);
        }
    }
    Ok(Entry {
        execution: execution.uid.clone(),
        seq: row.seq,
        kind: row.kind,
        scope: row.scope,
        key: row.key,
        live: lineage.contains(row.seq),
        record: row.record,
        names,
    })
}

pub(super) fn describe(shared: &Shared, index: &Index, record: ExecutionRecord, now_ms: u64) -> Result<ExecutionInfo> {
    let (hold, owner) = hold(shared, index, &record, now_ms)?;
    Ok(ExecutionInfo {
        standing: Standing::of(record.state.status, hold),
        owner,
        id: record.uid,
        workflow: record.workflow,
        source: record.source,
        status: record.state.status,
        head: record.state.head,
        last: record.state.last,
        created_ms: record.created_ms,
        updated_ms: record.updated_ms,
        forked_from: record.forked_from,
        error: record.error,
    })
}

/// How its lease stands, and `host:pid` of whoever alive holds it.
fn hold(shared: &Shared, index: &Index, record: &ExecutionRecord, now_ms: u64) -> Result<(Hold, Option<String>)> {
    let Some(row) = record.owner else {
        return Ok((if record.state.token.0 == 0 { Hold::Unknown } else { Hold::Free }, None));
    };
    let owner = index.owner(row)?.filter(|owner| {
        if shared.liveness.is_me(owner) {
            shared.running.contains(&record.uid)
        } else {
            shared.liveness.alive(owner, now_ms).0
        }
    });
    let owner = owner.map(|owner| format!("{}:{}", owner.host, owner.pid));
    Ok((if owner.is_some() { Hold::Alive } else { Hold::Dead }, owner))
}

/// A row the index must have.
pub(super) fn must<T>(found: Option<T>, what: &'static str, id: i64) -> Result<T> {
    found.ok_or_else(|| Damage::Missing { what, id }.into())
}
