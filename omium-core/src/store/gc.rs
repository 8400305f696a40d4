//! Garbage collection: mark what is reachable, sweep the rest, give the space back (I7).
//!
//! Counting references would cost more than it saves: a thousand states of a growing list hold half a million
//! references. Marking reads every recipe once. It happens in the sweeping transaction itself, with every
//! other writer queued behind it, so nothing can become reachable between the two.

use std::collections::{BTreeMap, HashSet};

use super::open::Shared;
use super::{Progress, Store};
use crate::chunk::Token;
use crate::error::{Error, Result};
use crate::id::{ChunkRow, PackRow, ValueRow};
use crate::index::{Index, Location};
use crate::model::Slot;
use crate::pack::{INLINE_PACK_BYTES_MAX, PackBuilder, remove_stale};

/// A segment nobody names may be about to be named by a commit in another process.
const STALE_MS: u64 = 3_600_000;

/// What a garbage collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Values removed.
    pub values: u64,
    /// Chunks removed.
    pub chunks: u64,
    /// Bytes given back to the file system.
    pub bytes: u64,
}

impl Store {
    /// Removes what no head, history, pending write or result reaches, and gives its space back.
    pub fn gc(&self, progress: Progress<'_>) -> Result<Collected> {
        let shared = self.shared()?;
        let before = self.disk_bytes()?;
        let writer = shared.writer()?;
        let (mut collected, unnamed) = writer.exclusively(|index| {
            index.write(|index| {
                let swept = sweep(&shared, index, || format!("{:032x}", self.nonce()), progress)?;
                index.count_collection()?;
                Ok(swept)
            })
        })?;
        shared.forget();
        // A segment goes only after the disk has forgotten its row: the reverse of I2.
        writer.log.committed();
        shared.flush()?;
        let segments = |source| Error::unavailable("removing a segment", source);
        for name in unnamed {
            shared.segments.remove(&name).map_err(segments)?;
        }
        let named: HashSet<String> = shared.read(|index| Ok(index.segment_names()?.into_iter().collect()))?;
        let before_ms = self.now_ms().saturating_sub(STALE_MS);
        remove_stale(&shared.segments, |name| named.contains(name), before_ms).map_err(segments)?;
        self.forget_dead_owners(&shared)?;
        writer.exclusively(|index| index.shrink(shared.journal))?;
        collected.bytes = before.saturating_sub(self.disk_bytes()?);
        Ok(collected)
    }

    fn forget_dead_owners(&self, shared: &std::sync::Arc<Shared>) -> Result<()> {
        let now_ms = self.now_ms();
        let with = shared.clone();
        shared.commit(self.options.durability, move |index| {
            for owner in index.idle_owners()? {
                if !with.liveness.is_me(&owner) && !with.liveness.alive(&owner, now_ms).0 {
                    index.delete_owner(owner.id)?;
                    with.liveness.forget(&owner);
                }
            }
            Ok(())
        })
    }
}

/// Every value some record names, with the anchors of their recipes.
pub(super) fn reachable_values(index: &Index) -> Result<HashSet<ValueRow>> {
    let mut values = HashSet::new();
    let mut mark = |slot: &Slot| {
        if let Slot::Stored { row, .. } = slot {
            values.insert(*row);
        }
    };
    index.all_entries(|entry| {
        entry?.record.slots().for_each(&mut mark);
        Ok(())
    })?;
    index.all_writes(None, |write| {
        mark(&write?.slot);
        Ok(())
    })?;
    for record in index.executions(usize::MAX, |_| Ok(true))? {
        record.input.iter().chain(&record.result).for_each(&mut mark);
    }
    // An anchor has no anchor, so one step closes the set.
    let anchors: Vec<ValueRow> = index
        .value_rows()?
        .into_iter()
        .filter(|(row, _)| values.contains(row))
        .filter_map(|(_, anchor)| anchor)
        .collect();
    values.extend(anchors);
    Ok(values)
}

fn sweep(
    shared: &Shared,
    index: &Index,
    mut name: impl FnMut() -> String,
    progress: Progress<'_>,
) -> Result<(Collected, Vec<String>)> {
    let values = reachable_values(index)?;
    let rows = index.value_rows()?;
    let packs = index.pack_rows()?;
    let total = (rows.len() + packs.len()) as u64;
    let mut done = 0;
    let mut step = |progress: &mut dyn FnMut(u64, u64)| {
        done += 1;
        progress(done, total);
    };
    let mut collected = Collected::default();
    let mut chunks: HashSet<ChunkRow> = HashSet::new();
    for (row, _) in rows {
        if values.contains(&row) {
            let tokens = shared.tokens(index, &index.value(row)?)?;
            chunks.extend(tokens.iter().filter_map(|token| match token {
                Token::Chunk(chunk) => Some(*chunk),
                Token::Literal(_) => None,
            }));
        } else {
            index.delete_value(row)?;
            collected.values += 1;
        }
        step(progress);
    }
    let mut unnamed = Vec::new();
    for pack in packs {
        collected.chunks += sweep_pack(shared, index, pack, &chunks, &mut name, &mut unnamed)?;
        step(progress);
    }
    Ok((collected, unnamed))
}

/// Removes a pack's dead chunks; when less than half of its bytes live, moves those to a pack of their own.
fn sweep_pack(
    shared: &Shared,
    index: &Index,
    pack: PackRow,
    live: &HashSet<ChunkRow>,
    name: &mut impl FnMut() -> String,
    unnamed: &mut Vec<String>,
) -> Result<u64> {
    let of_pack = index.chunks_of(pack)?;
    let stored: u64 = shared.header(index, pack)?.chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
    let (kept, dead): (Vec<_>, Vec<_>) = of_pack.into_iter().partition(|(row, _)| live.contains(row));
    for (row, _) in &dead {
        index.delete_chunk(*row)?;
    }
    let kept_bytes: u64 = kept.iter().map(|(_, place)| u64::from(place.len)).sum();
    if kept_bytes * 2 >= stored && !kept.is_empty() {
        return Ok(dead.len() as u64);
    }
    let compressing = |source| Error::unavailable("compressing", source);
    let mut builder = PackBuilder::new().map_err(compressing)?;
    let mut moved: BTreeMap<ChunkRow, usize> = BTreeMap::new();
    for (row, place) in &kept {
        let bytes = shared.chunk_bytes(index, *row)?;
        moved.insert(*row, builder.add(place.digest, &bytes).map_err(compressing)?);
    }
    if !kept.is_empty() {
        let (chunks, head, blocks) = builder.finish().map_err(compressing)?;
        let bytes = [head, blocks].concat();
        let small = bytes.len() <= INLINE_PACK_BYTES_MAX;
        let location = if small { Location::Inline } else { Location::Segment(name()) };
        if let Location::Segment(name) = &location {
            let writing = |source| Error::unavailable("writing a segment", source);
            shared.segments.write(name, &[&bytes], true).map_err(writing)?;
        }
        let target = index.insert_pack(&location, bytes.len() as u64, small.then_some(bytes.as_slice()))?;
        for (row, at) in moved {
            index.move_chunk(row, target, chunks[at].at)?;
        }
    }
    if let Location::Segment(name) = index.pack(pack)?.location {
        unnamed.push(name);
    }
    index.delete_pack(pack)?;
    Ok(dead.len() as u64)
}
