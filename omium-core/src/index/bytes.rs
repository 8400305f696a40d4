//! Packs: where their bytes are, and the bytes of the small ones.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::Index;
use crate::error::{Damage, Result};
use crate::id::PackRow;

/// Where a pack's bytes are. The codes are disk format; 2 is kept for object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the row.
    Inline,
    /// In a segment file of that name.
    Segment(String),
}

/// A pack's row.
#[derive(Clone, Debug)]
pub(crate) struct PackBytes {
    pub location: Location,
    pub size: u64,
    /// Present for [`Location::Inline`].
    pub bytes: Vec<u8>,
}

impl Index {
    pub(crate) fn insert_pack(&self, location: &Location, size: u64, bytes: Option<&[u8]>) -> Result<PackRow> {
        let (code, name) = match location {
            Location::Inline => (0, None),
            Location::Segment(name) => (1, Some(name)),
        };
        self.connection
            .prepare_cached("INSERT INTO pack(location, name, size, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![code, name, size as i64, bytes])?;
        Ok(PackRow(self.connection.last_insert_rowid()))
    }

    pub(crate) fn pack(&self, row: PackRow) -> Result<PackBytes> {
        let mut statement =
            self.connection.prepare_cached("SELECT location, name, size, bytes FROM pack WHERE id = ?1")?;
        let found = statement
            .query_row([row.0], |row| {
                let (code, name): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
                let bytes: Option<Vec<u8>> = row.get(3)?;
                Ok((code, name, row.get::<_, i64>(2)? as u64, bytes.unwrap_or_default()))
            })
            .optional()?;
        let (code, name, size, bytes) = found.ok_or(Damage::Missing { what: "pack", id: row.0 })?;
        let location = match (code, name) {
            (0, None) => Location::Inline,
            (1, Some(name)) => Location::Segment(name),
            (other, _) => return Err(Damage::Unknown { what: "a pack's location", found: other as u64 }.into()),
        };
        Ok(PackBytes { location, size, bytes })
    }

    pub(crate) fn pack_rows(&self) -> Result<Vec<PackRow>> {
        let mut statement = self.connection.prepare("SELECT id FROM pack ORDER BY id")?;
        let rows = statement.query_map([], |row| row.get(0).map(PackRow))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// The names of the segment files the index knows.
    pub(crate) fn segment_names(&self) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare("SELECT name FROM pack WHERE location = 1")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// The segments there are to be, with their sizes.
    pub(crate) fn segment_sizes(&self) -> Result<BTreeMap<String, u64>> {
        let mut statement = self.connection.prepare("SELECT name, size FROM pack WHERE location = 1")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<BTreeMap<_, _>, _>>()?)
    }

    pub(crate) fn delete_pack(&self, row: PackRow) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM pack WHERE id = ?1")?.execute([row.0])?;
        Ok(())
    }
}
