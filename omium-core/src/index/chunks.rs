//! Chunks: where the bytes with a given hash are.

use rusqlite::{OptionalExtension, params};

use super::{Index, digest};
use crate::error::{Damage, Result};
use crate::id::{ChunkRow, Digest, PackRow};

/// A chunk's place in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub digest: Digest,
    pub pack: PackRow,
    pub at: u64,
    pub len: u32,
}

impl Index {
    pub(crate) fn insert_chunk(&self, place: &ChunkPlace) -> Result<ChunkRow> {
        self.connection
            .prepare_cached("INSERT INTO chunk(digest, pack, at, len) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![&place.digest.0[..], place.pack.0, place.at as i64, place.len])?;
        Ok(ChunkRow(self.connection.last_insert_rowid()))
    }

    pub(crate) fn find_chunk(&self, digest: Digest) -> Result<Option<ChunkRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM chunk WHERE substr(digest, 1, 8) = ?1 AND digest = ?2 LIMIT 1")?;
        let found = statement.query_row(params![&digest.0[..8], &digest.0[..]], |row| row.get(0)).optional()?;
        Ok(found.map(ChunkRow))
    }

    pub(crate) fn chunk(&self, row: ChunkRow) -> Result<ChunkPlace> {
        let mut statement = self.connection.prepare_cached("SELECT digest, pack, at, len FROM chunk WHERE id = ?1")?;
        let found = statement
            .query_row([row.0], |row| {
                let (hash, pack, at): (Vec<u8>, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok((hash, pack, at as u64, row.get(3)?))
            })
            .optional()?;
        let (hash, pack, at, len) = found.ok_or(Damage::Missing { what: "chunk", id: row.0 })?;
        Ok(ChunkPlace { digest: digest(&hash)?, pack: PackRow(pack), at, len })
    }

    /// Rows of every chunk.
    pub(crate) fn chunk_rows(&self) -> Result<Vec<ChunkRow>> {
        let mut statement = self.connection.prepare("SELECT id FROM chunk ORDER BY id")?;
        let rows = statement.query_map([], |row| row.get(0).map(ChunkRow))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// The chunks of one pack.
    pub(crate) fn chunks_of(&self, pack: PackRow) -> Result<Vec<(ChunkRow, ChunkPlace)>> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM chunk WHERE pack = ?1 ORDER BY at")?;
        let rows = statement.query_map([pack.0], |row| row.get(0).map(ChunkRow))?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(|row| Ok((row, self.chunk(row)?))).collect()
    }

    /// The last chunk row ever given.
    pub(crate) fn last_chunk(&self) -> Result<i64> {
        Ok(self.connection.prepare_cached("SELECT coalesce(max(id), 0) FROM chunk")?.query_row([], |row| row.get(0))?)
    }

    pub(crate) fn move_chunk(&self, row: ChunkRow, pack: PackRow, at: u64) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE chunk SET pack = ?2, at = ?3 WHERE id = ?1")?
            .execute(params![row.0, pack.0, at as i64])?;
        Ok(())
    }

    pub(crate) fn delete_chunk(&self, row: ChunkRow) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([row.0])?;
        Ok(())
    }

    pub(crate) fn chunk_count(&self) -> Result<u64> {
        Ok(self.connection.query_row("SELECT count(*) FROM chunk", [], |row| row.get::<_, i64>(0))? as u64)
    }
}
