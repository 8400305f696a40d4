//! An execution as one file: to be sent, kept, and replayed elsewhere. docs/format.md describes the bytes.

mod sections;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use wincode::{SchemaRead, SchemaWrite};

use super::Store;
use super::check::complete;
use super::prepare::Pending;
use super::record::{check_name, find};
use crate::error::{Damage, Error, Result};
use crate::id::{Digest, FencingToken, Seq};
use crate::index::{EntryRow, ExecutionRecord, Index, WriteRow};
use crate::machine::{Epoch, State};
use crate::model::{ExecutionInfo, Kind, Record, Slot, Status};
use sections::{Reader, Sections};

const MAGIC: &[u8; 8] = b"OMIUMRUN";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 8 + 32;
/// A file that claims to unpack to more is refused before anything is allocated.
const RAW_BYTES_MAX: u64 = 16 << 30;
const LEVEL: i32 = 9;

/// The front of the file: everything but entries, writes and values.
#[derive(SchemaRead, SchemaWrite)]
struct Front {
    id: String,
    workflow: String,
    source: Option<String>,
    status: u8,
    head: Seq,
    last: Seq,
    created_ms: u64,
    updated_ms: u64,
    error: Option<String>,
    input: Option<Slot>,
    result: Option<Slot>,
    epochs: Vec<(u32, Seq, Seq)>,
    labels: Vec<(u16, String)>,
}

#[derive(SchemaRead, SchemaWrite)]
struct PortableEntry {
    seq: Seq,
    kind: u8,
    scope: String,
    key: String,
    group: Option<String>,
    record: Record,
}

#[derive(SchemaRead, SchemaWrite)]
struct PortableWrite {
    scope: String,
    key: String,
    task: String,
    index: i64,
    epoch: u32,
    after: Seq,
    path: String,
    channel: u16,
    status: Option<u8>,
    slot: Slot,
}

impl Store {
    /// Writes an execution with its whole history to `path`; answers the file's size.
    pub fn export(&self, id: &str, path: &Path) -> Result<u64> {
        let shared = self.shared()?;
        let raw = shared.read(|index| {
            let record = find(index, id)?;
            let mut sections = Sections::default();
            let mut values: BTreeMap<i64, Slot> = BTreeMap::new();
            let mut labels = BTreeMap::new();
            let mut note = |slot: &Slot| {
                let (Slot::Inline { codec, .. } | Slot::Stored { codec, .. }) = slot;
                labels.insert(*codec, ());
                if let Slot::Stored { row, .. } = slot {
                    values.insert(row.0, slot.clone());
                }
            };
            let (mut entries, mut writes, mut names) = (Vec::new(), Vec::new(), Vec::new());
            index.entries(record.row, Seq(1), record.state.last, |entry| {
                entry.record.slots().for_each(&mut note);
                names.extend(entry.record.values.iter().map(|(name, _)| *name));
                entries.push(portable(entry));
                Ok(())
            })?;
            index.all_writes(Some(record.row), |write| {
                let write = write?;
                note(&write.slot);
                names.push(write.channel);
                writes.push(portable_write(write));
                Ok(())
            })?;
            record.input.iter().chain(&record.result).for_each(&mut note);
            labels.extend(names.into_iter().map(|name| (name, ())));
            let labels =
                labels.into_keys().map(|label| Ok((label, index.label_name(label)?))).collect::<Result<_>>()?;
            sections.add(&encode(&front(index, record, labels)?)?);
            sections.many(entries.iter().map(encode))?;
            sections.many(writes.iter().map(encode))?;
            sections.count(values.len());
            for (row, slot) in values {
                sections.add(&row.to_le_bytes());
                sections.add(&shared.bytes(&slot)?);
            }
            Ok(sections.bytes)
        })?;
        let packed = zstd::bulk::compress(&raw, LEVEL).map_err(|source| Error::unavailable("compressing", source))?;
        let head =
            [&MAGIC[..], &VERSION.to_le_bytes(), &(raw.len() as u64).to_le_bytes(), &Digest::of(&raw).0].concat();
        let bytes = [head, packed].concat();
        fs::write(path, &bytes).map_err(|source| Error::unavailable("writing the exported run", source))?;
        Ok(bytes.len() as u64)
    }

    /// Reads such a file into this store, under `new_id` if one is given.
    pub fn import(&self, path: &Path, new_id: Option<&str>) -> Result<ExecutionInfo> {
        let bytes = fs::read(path).map_err(|source| Error::unavailable("reading the exported run", source))?;
        let raw = unpack(path, &bytes)?;
        let mut sections = Reader { rest: &raw };
        let front: Front = decode(sections.take()?)?;
        let entries = sections.many(decode::<PortableEntry>)?;
        let writes = sections.many(decode::<PortableWrite>)?;
        let values = sections.pairs()?;
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
                let add = |(row, bytes): &(i64, &[u8])| {
                    let codec = codecs.get(row).ok_or(Damage::Length("an exported run"))?;
                    Ok((*row, batch.add(codec, bytes, None)?))
                };
                values.iter().map(add).collect::<Result<BTreeMap<i64, Pending>>>()
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

fn front(index: &Index, record: ExecutionRecord, labels: Vec<(u16, String)>) -> Result<Front> {
    let epochs = index.epochs(record.row)?.into_iter().map(|epoch| (epoch.number, epoch.base, epoch.start)).collect();
    Ok(Front {
        id: record.uid,
        workflow: record.workflow,
        source: record.source,
        status: record.state.status.code() as u8,
        head: record.state.head,
        last: record.state.last,
        created_ms: record.created_ms,
        updated_ms: record.updated_ms,
        error: record.error,
        input: record.input,
        result: record.result,
        epochs,
        labels,
    })
}

fn portable(entry: EntryRow) -> PortableEntry {
    let EntryRow { seq, kind, scope, key, group, record, .. } = entry;
    PortableEntry { seq, kind: kind.code() as u8, scope, key, group, record }
}

fn portable_write(write: WriteRow) -> PortableWrite {
    let WriteRow { scope, key, task, index, epoch, after, path, channel, status, slot, .. } = write;
    let status = status.map(|status| status.code() as u8);
    PortableWrite { scope, key, task, index, epoch, after, path, channel, status, slot }
}

/// The codec of each stored value, by its old row: the same bytes are cut by the same grammar again.
fn codecs(
    front: &Front,
    entries: &[PortableEntry],
    writes: &[PortableWrite],
    labels: &BTreeMap<u16, String>,
) -> Result<BTreeMap<i64, String>> {
    let mut codecs = BTreeMap::new();
    let slots = front.input.iter().chain(&front.result).chain(writes.iter().map(|write| &write.slot));
    for slot in slots.chain(entries.iter().flat_map(|entry| entry.record.slots())) {
        if let Slot::Stored { row, codec, .. } = slot {
            let name = labels.get(codec).ok_or(Damage::Length("an exported run"))?;
            codecs.insert(row.0, name.clone());
        }
    }
    Ok(codecs)
}

fn status(code: u8) -> Result<Status> {
    let unknown = Damage::Unknown { what: "an exported run's status", found: u64::from(code) };
    Ok(Status::from_code(i64::from(code)).ok_or(unknown)?)
}

fn kind(code: u8) -> Result<Kind> {
    let unknown = Damage::Unknown { what: "an exported entry's kind", found: u64::from(code) };
    Ok(Kind::from_code(i64::from(code)).ok_or(unknown)?)
}

fn encode<T>(value: &T) -> Result<Vec<u8>>
where
    T: wincode::Serialize<Src = T>,
{
    wincode::serialize(value).map_err(|source| Error::unavailable("encoding a record", source))
}

fn decode<'a, T>(bytes: &'a [u8]) -> Result<T>
where
    T: wincode::Deserialize<'a, Dst = T>,
{
    Ok(wincode::deserialize_exact(bytes).map_err(Damage::Record)?)
}

fn unpack(path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
    let head = bytes.get(..HEAD_BYTES).filter(|head| head.starts_with(MAGIC));
    let head = head.ok_or_else(|| Error::invalid(format!("{} is not an exported run", path.display())))?;
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if version != VERSION {
        let needs = format!("a reader of exported runs of version {version}");
        return Err(Error::FormatUnsupported { path: path.to_path_buf(), needs, knows: VERSION });
    }
    let mut len = [0u8; 8];
    len.copy_from_slice(&head[12..20]);
    let len = u64::from_le_bytes(len);
    if len > RAW_BYTES_MAX {
        return Err(Damage::Length("an exported run").into());
    }
    // Grown as it is read: what the file claims allocates nothing.
    let mut raw = Vec::new();
    let unpacked = zstd::stream::Decoder::with_buffer(&bytes[HEAD_BYTES..]).map_err(Damage::Block)?;
    unpacked.take(len.saturating_add(1)).read_to_end(&mut raw).map_err(Damage::Block)?;
    if raw.len() as u64 != len || Digest::of(&raw).0 != head[20..] {
        return Err(Damage::Checksum("an exported run").into());
    }
    Ok(raw)
}

#[cfg(test)]
mod tests;
