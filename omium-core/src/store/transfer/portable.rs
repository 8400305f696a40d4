//! The records of an exported run: the index's own, without what is local to a store.

use std::collections::BTreeMap;

use wincode::{SchemaRead, SchemaWrite};

use crate::error::{Damage, Result};
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index, WriteRow};
use crate::model::{Kind, Record, Slot, Status};

/// The front of the file: everything but entries, writes and values.
#[derive(SchemaRead, SchemaWrite)]
pub(super) struct Front {
    pub id: String,
    pub workflow: String,
    pub source: Option<String>,
    pub status: u8,
    pub head: Seq,
    pub last: Seq,
    pub created_ms: u64,
    pub updated_ms: u64,
    pub error: Option<String>,
    pub input: Option<Slot>,
    pub result: Option<Slot>,
    pub epochs: Vec<(u32, Seq, Seq)>,
    pub labels: Vec<(u16, String)>,
}

#[derive(SchemaRead, SchemaWrite)]
pub(super) struct PortableEntry {
    pub seq: Seq,
    pub kind: u8,
    pub scope: String,
    pub key: String,
    pub group: Option<String>,
    pub record: Record,
}

#[derive(SchemaRead, SchemaWrite)]
pub(super) struct PortableWrite {
    pub scope: String,
    pub key: String,
    pub task: String,
    pub index: i64,
    pub epoch: u32,
    pub after: Seq,
    pub path: String,
    pub channel: u16,
    pub status: Option<u8>,
    pub slot: Slot,
}

pub(super) fn front(index: &Index, record: ExecutionRecord, labels: Vec<(u16, String)>) -> Result<Front> {
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

pub(super) fn portable(entry: EntryRow) -> PortableEntry {
    let EntryRow { seq, kind, scope, key, group, record, .. } = entry;
    PortableEntry { seq, kind: kind.code() as u8, scope, key, group, record }
}

pub(super) fn portable_write(write: WriteRow) -> PortableWrite {
    let WriteRow { scope, key, task, index, epoch, after, path, channel, status, slot, .. } = write;
    let status = status.map(|status| status.code() as u8);
    PortableWrite { scope, key, task, index, epoch, after, path, channel, status, slot }
}

/// The codec of each stored value, by its old row: the same bytes are cut by the same grammar again.
pub(super) fn codecs(
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

pub(super) fn status(code: u8) -> Result<Status> {
    let unknown = Damage::Unknown { what: "an exported run's status", found: u64::from(code) };
    Ok(Status::from_code(i64::from(code)).ok_or(unknown)?)
}

pub(super) fn kind(code: u8) -> Result<Kind> {
    let unknown = Damage::Unknown { what: "an exported entry's kind", found: u64::from(code) };
    Ok(Kind::from_code(i64::from(code)).ok_or(unknown)?)
}
