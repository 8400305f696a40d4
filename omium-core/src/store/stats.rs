//! How much there is.

use std::fs;

use super::Store;
use super::open::Shared;
use crate::error::{Error, Result};
use crate::index::FORMAT;

/// How much a store holds and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Executions.
    pub executions: u64,
    /// Entries, live or not.
    pub entries: u64,
    /// Distinct values above the inline size.
    pub values: u64,
    /// Distinct chunks.
    pub chunks: u64,
    /// Bytes of the store's files.
    pub disk_bytes: u64,
    /// Bytes of all distinct values, each counted in full.
    pub logical_bytes: u64,
    /// The store's format.
    pub format: u32,
}

impl Store {
    /// Counts what the store holds.
    pub fn stats(&self) -> Result<Stats> {
        let shared = self.shared()?;
        let disk_bytes = self.disk_bytes()?;
        shared.read(|index| {
            Ok(Stats {
                executions: index.execution_count()?,
                entries: index.entry_count(None)?,
                values: index.value_count()?,
                chunks: index.chunk_count()?,
                disk_bytes,
                logical_bytes: index.logical_bytes()?,
                format: index.compatibility().map_or(FORMAT, |compatibility| compatibility.format),
            })
        })
    }

    pub(super) fn disk_bytes(&self) -> Result<u64> {
        let shared: &Shared = &*self.shared()?;
        let measuring = |source| Error::unavailable("measuring the store", source);
        let mut bytes = 0;
        for entry in fs::read_dir(&shared.directory).map_err(measuring)? {
            let metadata = entry.map_err(measuring)?.metadata();
            // A journal may vanish between being listed and being measured.
            bytes += metadata.ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len());
        }
        let segments = shared.segments.list().map_err(measuring)?;
        Ok(bytes + segments.iter().map(|(_, size)| size).sum::<u64>())
    }
}
