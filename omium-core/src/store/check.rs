//! Checking a store: what is damaged, where, and what is lost by it.

use std::collections::HashSet;

use super::gc::reachable_values;
use super::open::Shared;
use super::{Progress, Store};
use crate::chunk::Token;
use crate::error::Result;
use crate::id::{ChunkRow, Digest, Seq};
use crate::index::{ExecutionRecord, Index, Location};
use crate::model::Kind;

/// How deep a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Structure: rows, checksums, recipes and the files they name.
    Quick,
    /// Every byte: all values put together and hashed.
    Full,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Executions seen.
    pub executions: u64,
    /// Entries seen.
    pub entries: u64,
    /// Values seen.
    pub values: u64,
    /// Chunks seen.
    pub chunks: u64,
    /// Damage, a sentence each.
    pub problems: Vec<String>,
    /// Harmless findings.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn found<T>(&mut self, what: impl FnOnce() -> String, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                let mut sentence = format!("{}: {error}", what());
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    sentence.push_str(": ");
                    sentence.push_str(&cause.to_string());
                    source = cause.source();
                }
                self.problems.push(sentence);
                None
            }
        }
    }
}

impl Store {
    /// Checks the store at one moment. Damage is reported, not repaired; nothing is written.
    pub fn check(&self, depth: Depth, progress: Progress<'_>) -> Result<CheckReport> {
        let shared = self.shared()?;
        // What was read before may hide what the disk has become since.
        shared.forget();
        let mut report = CheckReport::default();
        let checked = shared.read(|index| {
            check(&shared, index, depth, &mut report, progress);
            Ok(())
        });
        report.found(|| "the index".to_owned(), checked);
        Ok(report)
    }
}

fn check(shared: &Shared, index: &Index, depth: Depth, report: &mut CheckReport, progress: Progress<'_>) {
    for line in report.found(|| "the index".to_owned(), index.integrity(depth == Depth::Full)).unwrap_or_default() {
        report.problems.push(format!("the index: {line}"));
    }
    check_log(index, report);
    let Some(values) = report.found(|| "the values".to_owned(), index.value_rows()) else { return };
    let Some(packs) = report.found(|| "the packs".to_owned(), index.pack_rows()) else { return };
    let total = (values.len() + packs.len()) as u64;
    let chunks: HashSet<ChunkRow> =
        report.found(|| "the chunks".to_owned(), index.chunk_rows()).unwrap_or_default().into_iter().collect();
    report.chunks = chunks.len() as u64;
    let mut present = HashSet::new();
    for (row, _) in values {
        let sound = index.value(row).and_then(|value| {
            match depth {
                Depth::Full => drop(shared.assemble(index, &value)?),
                Depth::Quick => {
                    let missing = shared.tokens(index, &value)?.into_iter().find_map(|token| match token {
                        Token::Chunk(chunk) if !chunks.contains(&chunk) => Some(chunk),
                        _ => None,
                    });
                    missing.map_or(Ok(()), |chunk| index.chunk(chunk).map(drop))?;
                }
            }
            Ok(())
        });
        report.found(|| format!("value {}", row.0), sound);
        present.insert(row);
        report.values += 1;
        progress(report.values, total);
    }
    if let Some(reachable) = report.found(|| "the log".to_owned(), reachable_values(index)) {
        for row in reachable.difference(&present) {
            report.problems.push(format!("value {}: an entry names it and it is missing", row.0));
        }
    }
    for (done, pack) in packs.iter().enumerate() {
        report.found(|| format!("pack {}", pack.0), check_pack(shared, index, *pack, depth));
        progress(report.values + done as u64 + 1, total);
    }
    let names: HashSet<String> =
        report.found(|| "the segments".to_owned(), index.segment_names()).unwrap_or_default().into_iter().collect();
    for (name, size) in shared.segments.list().unwrap_or_default() {
        if !names.contains(&name) {
            report
                .notes
                .push(format!("segment {name} ({size} bytes) is named by nothing; gc removes it after an hour"));
        }
    }
}

fn check_pack(shared: &Shared, index: &Index, row: crate::id::PackRow, depth: Depth) -> Result<()> {
    let header = shared.header(index, row)?;
    let pack = index.pack(row)?;
    if header.pack_bytes() != pack.size {
        return Err(crate::error::Damage::Length("a pack").into());
    }
    if let Location::Segment(name) = &pack.location {
        let len =
            shared.segments.len(name).map_err(|source| crate::Error::corrupted(format!("segment {name}"), source))?;
        if len != pack.size {
            return Err(crate::error::Damage::Length("a segment").into());
        }
    }
    for (chunk, place) in index.chunks_of(row)? {
        header.block_of(place.at, place.len)?;
        if depth == Depth::Full {
            let found = Digest::of(&shared.chunk_bytes(index, chunk)?);
            if found != place.digest {
                return Err(crate::error::Damage::Root { expected: place.digest, found }.into());
            }
        }
    }
    Ok(())
}

fn check_log(index: &Index, report: &mut CheckReport) {
    let Some(executions) = report.found(|| "the executions".to_owned(), index.executions(usize::MAX, |_| Ok(true)))
    else {
        return;
    };
    for record in executions {
        report.executions += 1;
        let mut entries = 0;
        let checked = check_execution(index, &record, &mut entries);
        report.entries += entries;
        report.found(|| format!("execution {:?}", record.uid), checked);
    }
    let writes = index.all_writes(None, |write| write.map(drop));
    report.found(|| "pending writes".to_owned(), writes);
}

fn check_execution(index: &Index, record: &ExecutionRecord, entries: &mut u64) -> Result<()> {
    let lineage = index.lineage(record)?;
    let mut live = 0u64;
    let mut steps_only = true;
    index.entries(record.row, Seq(1), record.state.last, |entry| {
        *entries += 1;
        live += u64::from(lineage.contains(entry.seq));
        steps_only &= entry.kind != Kind::State;
        Ok(())
    })?;
    complete(record, &lineage, live, steps_only)
}

/// Steps are never pruned one by one: a gap in their log is damage, and would make a resume run them again.
pub(super) fn complete(
    record: &ExecutionRecord,
    lineage: &crate::machine::Lineage,
    live: u64,
    steps_only: bool,
) -> Result<()> {
    let expected: u64 = lineage.ranges().iter().map(|(from, to)| to.0 - from.0 + 1).sum();
    if steps_only && live != expected {
        let id = i64::try_from(expected - live.min(expected)).unwrap_or(i64::MAX);
        let source = crate::error::Damage::Missing { what: "entries of the log, in number:", id };
        return Err(crate::Error::corrupted(format!("the log of execution {:?}", record.uid), source));
    }
    Ok(())
}
