//! Values: a root hash and a recipe each. Equal values are one row.

use rusqlite::{OptionalExtension, params};

use super::{Index, digest};
use crate::chunk::Recipe;
use crate::error::{Damage, Result};
use crate::id::{Digest, ValueRow};

/// A value's row.
#[derive(Clone, Debug)]
pub(crate) struct StoredValue {
    pub root: Digest,
    pub len: u64,
    pub anchor: Option<ValueRow>,
    pub recipe: Vec<u8>,
}

impl Index {
    pub(crate) fn insert_value(
        &self,
        root: Digest,
        len: u64,
        anchor: Option<ValueRow>,
        recipe: &Recipe,
    ) -> Result<ValueRow> {
        self.connection
            .prepare_cached("INSERT INTO value(root, len, anchor, recipe) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![&root.0[..], len as i64, anchor.map(|row| row.0), recipe.bytes])?;
        Ok(ValueRow(self.connection.last_insert_rowid()))
    }

    pub(crate) fn find_value(&self, root: Digest) -> Result<Option<ValueRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM value WHERE substr(root, 1, 8) = ?1 AND root = ?2 LIMIT 1")?;
        let found = statement.query_row(params![&root.0[..8], &root.0[..]], |row| row.get(0)).optional()?;
        Ok(found.map(ValueRow))
    }

    pub(crate) fn value(&self, row: ValueRow) -> Result<StoredValue> {
        let mut statement =
            self.connection.prepare_cached("SELECT root, len, anchor, recipe FROM value WHERE id = ?1")?;
        let found = statement
            .query_row([row.0], |row| {
                let (root, len): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
                Ok((root, len as u64, row.get::<_, Option<i64>>(2)?, row.get(3)?))
            })
            .optional()?;
        let (root, len, anchor, recipe) = found.ok_or(Damage::Missing { what: "value", id: row.0 })?;
        Ok(StoredValue { root: digest(&root)?, len, anchor: anchor.map(ValueRow), recipe })
    }

    /// (row, anchor) of every value.
    pub(crate) fn value_rows(&self) -> Result<Vec<(ValueRow, Option<ValueRow>)>> {
        let mut statement = self.connection.prepare("SELECT id, anchor FROM value ORDER BY id")?;
        let rows =
            statement.query_map([], |row| Ok((ValueRow(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(ValueRow))))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    pub(crate) fn delete_value(&self, row: ValueRow) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM value WHERE id = ?1")?.execute([row.0])?;
        Ok(())
    }

    pub(crate) fn value_count(&self) -> Result<u64> {
        Ok(self.connection.query_row("SELECT count(*) FROM value", [], |row| row.get::<_, i64>(0))? as u64)
    }

    pub(crate) fn logical_bytes(&self) -> Result<u64> {
        Ok(self.connection.query_row("SELECT coalesce(sum(len), 0) FROM value", [], |row| row.get::<_, i64>(0))? as u64)
    }
}
