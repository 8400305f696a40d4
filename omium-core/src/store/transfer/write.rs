//! Writing an exported run: one pass, each chunk once, and no value whole in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::super::Store;
use super::super::open::Shared;
use super::super::prepare::front as front_of_root;
use super::super::record::find;
use super::portable::{front, portable, portable_write};
use super::sections::{Sink, writing};
use super::{CHUNK, CHUNK_AGAIN, LITERAL, MAGIC, VERSION};
use crate::chunk::Token;
use crate::error::{Damage, Result};
use crate::id::{ChunkRow, Digest, Seq};
use crate::index::Index;
use crate::model::Slot;

impl Store {
    /// Writes an execution with its whole history to `path`; answers the file's size.
    pub fn export(&self, id: &str, path: &Path) -> Result<u64> {
        // The whole file or none.
        let unfinished = unfinished(path);
        let written = self.write_run(id, &unfinished);
        let moved = written.and_then(|len| fs::rename(&unfinished, path).map(|()| len).map_err(writing));
        if moved.is_err() {
            // It may never have come to be; its own failure would hide the cause.
            let _ = fs::remove_file(&unfinished);
        }
        moved
    }

    fn write_run(&self, id: &str, path: &Path) -> Result<u64> {
        let shared = self.shared()?;
        shared.read(|index| {
            let record = find(index, id)?;
            let (row, last) = (record.row, record.state.last);
            let mut noted = Noted::default();
            let mut entries = 0;
            index.entries(row, Seq(1), last, |entry| {
                entries += 1;
                entry.record.slots().for_each(|slot| noted.slot(slot));
                noted.labels.extend(entry.record.values.iter().map(|(name, _)| *name));
                Ok(())
            })?;
            let mut writes = 0;
            index.all_writes(Some(row), |write| {
                let write = write?;
                writes += 1;
                noted.slot(&write.slot);
                noted.labels.insert(write.channel);
                Ok(())
            })?;
            record.input.iter().chain(&record.result).for_each(|slot| noted.slot(slot));
            let Noted { labels, values } = noted;
            let labels =
                labels.into_iter().map(|label| Ok((label, index.label_name(label)?))).collect::<Result<_>>()?;

            let mut file = BufWriter::new(File::create(path).map_err(writing)?);
            file.write_all(&[&MAGIC[..], &VERSION.to_le_bytes()].concat()).map_err(writing)?;
            let mut sink = Sink::new(file)?;
            sink.section(&front(index, record, labels)?)?;
            sink.count(entries)?;
            index.entries(row, Seq(1), last, |entry| sink.section(&portable(entry)))?;
            sink.count(writes)?;
            index.all_writes(Some(row), |write| sink.section(&portable_write(write?)))?;
            sink.count(values.len() as u64)?;
            let mut numbers = HashMap::new();
            values.values().try_for_each(|slot| write_value(&shared, index, slot, &mut numbers, &mut sink))?;
            sink.end()
        })
    }
}

/// What the entries and writes of an execution name.
#[derive(Default)]
struct Noted {
    labels: BTreeSet<u16>,
    values: BTreeMap<i64, Slot>,
}

impl Noted {
    fn slot(&mut self, slot: &Slot) {
        let (Slot::Inline { codec, .. } | Slot::Stored { codec, .. }) = slot;
        self.labels.insert(*codec);
        if let Slot::Stored { row, .. } = slot {
            self.values.insert(row.0, slot.clone());
        }
    }
}

fn write_value(
    shared: &Shared,
    index: &Index,
    slot: &Slot,
    numbers: &mut HashMap<ChunkRow, u64>,
    sink: &mut Sink,
) -> Result<()> {
    let Slot::Stored { row, len, check, .. } = slot else { return Ok(()) };
    let value = index.value(*row)?;
    if *len != value.len || *check != front_of_root(value.root) {
        return Err(Damage::Checksum("a value").into());
    }
    sink.put(&row.0.to_le_bytes())?;
    sink.count(value.len)?;
    sink.put(&value.root.0)?;
    let mut hasher = blake3::Hasher::new();
    for token in shared.tokens(index, &value)? {
        match token {
            Token::Literal(bytes) => {
                hasher.update(&bytes);
                sink.put(&piece(LITERAL, &bytes))?;
            }
            Token::Chunk(row) => {
                let bytes = shared.chunk_bytes(index, row)?;
                hasher.update(&bytes);
                let next = numbers.len() as u64;
                let number = *numbers.entry(row).or_insert(next);
                if number == next {
                    sink.put(&piece(CHUNK, &bytes))?;
                } else {
                    sink.put(&[&[CHUNK_AGAIN][..], &number.to_le_bytes()].concat())?;
                }
            }
        }
    }
    // I6: what went out is what was written.
    let found = Digest(*hasher.finalize().as_bytes());
    if found != value.root || hasher.count() != value.len {
        return Err(Damage::Root { expected: value.root, found }.into());
    }
    Ok(())
}

fn piece(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// Beside the file, so that it can be renamed to it.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}
