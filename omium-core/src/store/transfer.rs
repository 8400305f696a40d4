//! An execution as one file: to be sent, kept, and replayed elsewhere. docs/format.md describes the bytes.

mod portable;
mod read;
mod sections;
mod spool;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use super::Store;
use super::check::complete;
use super::prepare::Pending;
use super::record::check_name;
use crate::error::{Damage, Error, Result};
use crate::id::{FencingToken, Seq};
use crate::index::{EntryRow, ExecutionRecord, WriteRow};
use crate::machine::{Epoch, State};
use crate::model::{ExecutionInfo, Kind, Slot};
use portable::{Front, PortableEntry, codecs, kind, status};
use read::{Exported, read};
use spool::Spool;

const MAGIC: &[u8; 8] = b"OMIUMRUN";
const VERSION: u32 = 2;
/// The kinds of pieces of a value.
const LITERAL: u8 = 0;
const CHUNK: u8 = 1;
const CHUNK_AGAIN: u8 = 2;

impl Store {
    /// Reads such a file into this store, under `new_id` if one is given.
    pub fn import(&self, path: &Path, new_id: Option<&str>) -> Result<ExecutionInfo> {
        let spool = Spool::new(&*self.shared()?, self.nonce())?;
        let Exported { front, entries, writes, values } = read(path, spool)?;
        let id = new_id.unwrap_or(&front.id).to_owned();
        check_name("an execution's id", &id)?;
        let labels: BTreeMap<u16, String> = front.labels.iter().cloned().collect();
        let codecs = codecs(&front, &entries, &writes, &labels)?;
        in_order(&front, &entries)?;
        let target = id.clone();
        let now_ms = self.now_ms();
        self.place(
            self.options.durability,
            |batch| {
                let add = |value: Result<(i64, Vec<u8>)>| {
                    let (row, bytes) = value?;
                    let codec = codecs.get(&row).ok_or(Damage::Length("an exported run"))?;
                    Ok((row, batch.add(codec, &bytes, None)?))
                };
                values.each().map(add).collect::<Result<BTreeMap<i64, Pending>>>()
            },
            move |index, placed, pending| {
                if index.execution(&id)?.is_some() {
                    return Err(Error::invalid(format!("execution {id:?} exists already; import it under another id")));
                }
                let label = |old: u16| index.label(labels.get(&old).ok_or(Damage::Length("an exported run"))?);
                let slot = |slot: &Slot| -> Result<Slot> {
                    match slot {
                        Slot::Inline { codec, bytes } => {
                            Ok(Slot::Inline { codec: label(*codec)?, bytes: bytes.clone() })
                        }
                        Slot::Stored { row, .. } => {
                            placed.slot(index, pending.get(&row.0).ok_or(Damage::Length("an exported run"))?)
                        }
                    }
                };
                let mut record = index.insert_execution(ExecutionRecord::new(&id, &front.workflow, now_ms))?;
                record.source.clone_from(&front.source);
                record.state = State {
                    status: status(front.status)?,
                    head: front.head,
                    last: front.last,
                    epoch: front.epochs.len() as u32,
                    token: FencingToken(1),
                };
                (record.created_ms, record.updated_ms) = (front.created_ms, front.updated_ms);
                record.error.clone_from(&front.error);
                record.input = front.input.as_ref().map(slot).transpose()?;
                record.result = front.result.as_ref().map(slot).transpose()?;
                index.update_execution(&record)?;
                for (number, base, start) in &front.epochs {
                    index.insert_epoch(record.row, Epoch { number: *number, base: *base, start: *start }, now_ms)?;
                }
                let lineage = index.lineage(&record)?;
                let live = entries.iter().filter(|entry| lineage.contains(entry.seq));
                let steps_only = live.clone().all(|entry| entry.kind != Kind::State.code() as u8);
                complete(&record, &lineage, live.count() as u64, steps_only)?;
                for entry in &entries {
                    let mut body = entry.record.clone();
                    for part in [&mut body.value, &mut body.input, &mut body.meta].into_iter().flatten() {
                        *part = slot(part)?;
                    }
                    for (name, value) in &mut body.values {
                        (*name, *value) = (label(*name)?, slot(value)?);
                    }
                    index.insert_entry(&EntryRow {
                        execution: record.row,
                        seq: entry.seq,
                        kind: kind(entry.kind)?,
                        scope: entry.scope.clone(),
                        key: entry.key.clone(),
                        group: entry.group.clone(),
                        record: body,
                    })?;
                }
                for write in &writes {
                    index.put_write(&WriteRow {
                        execution: record.row,
                        scope: write.scope.clone(),
                        key: write.key.clone(),
                        task: write.task.clone(),
                        index: write.index,
                        epoch: write.epoch,
                        after: write.after,
                        path: write.path.clone(),
                        channel: label(write.channel)?,
                        status: write.status.map(status).transpose()?,
                        slot: slot(&write.slot)?,
                    })?;
                }
                Ok(())
            },
        )?;
        self.info(&target)
    }
}

/// A file may say anything: what is taken in must hang together as a log does, for reading goes by it.
fn in_order(front: &Front, entries: &[PortableEntry]) -> Result<()> {
    let mut last = Seq::ZERO;
    for entry in entries {
        if entry.seq <= last || entry.seq > front.last || entry.record.parent >= entry.seq {
            return Err(Damage::Length("the log of an exported run").into());
        }
        last = entry.seq;
    }
    let mut start = Seq::ZERO;
    for (at, epoch) in front.epochs.iter().enumerate() {
        let (number, base, from) = *epoch;
        if number as usize != at + 1 || base > from || from < start || from > front.last {
            return Err(Damage::Length("the rollbacks of an exported run").into());
        }
        start = from;
    }
    if front.head > front.last {
        return Err(Damage::Length("the log of an exported run").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
