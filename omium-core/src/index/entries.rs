//! The log: one row per entry, its checked record inside (I1: nothing updates a row).

use rusqlite::{OptionalExtension, Row, params};

use super::{Index, RowSum};
use crate::error::{Damage, Error, Result};
use crate::id::{ExecutionRow, Seq};
use crate::model::{Kind, Record, Slot};

/// An entry's row.
#[derive(Clone, Debug)]
pub(crate) struct EntryRow {
    pub execution: ExecutionRow,
    pub seq: Seq,
    pub kind: Kind,
    pub scope: String,
    pub key: String,
    pub group: Option<String>,
    pub record: Record,
}

const COLUMNS: &str = "execution, seq, kind, scope, key, grp, sum, record";

pub(super) fn encode_slot(slot: &Slot) -> Result<Vec<u8>> {
    wincode::serialize(slot).map_err(|source| Error::unavailable("encoding a record", source))
}

pub(super) fn decode_slot(bytes: &[u8]) -> Result<Slot> {
    Ok(wincode::deserialize_exact(bytes).map_err(Damage::Record)?)
}

fn sum(execution: i64, seq: i64, kind: i64, scope: &str, key: &str, group: Option<&str>, record: &[u8]) -> RowSum {
    RowSum::new("entry")
        .number(execution)
        .number(seq)
        .number(kind)
        .bytes(scope.as_bytes())
        .bytes(key.as_bytes())
        .optional(group.map(str::as_bytes))
        .bytes(record)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<EntryRow>> {
    let (execution, seq, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (scope, key, group): (String, String, Option<String>) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let (stored, record): (Vec<u8>, Vec<u8>) = (row.get(6)?, row.get(7)?);
    let decode = || -> Result<EntryRow> {
        sum(execution, seq, kind, &scope, &key, group.as_deref(), &record).check(&stored, "an entry")?;
        let unknown = Damage::Unknown { what: "an entry's kind", found: kind as u64 };
        Ok(EntryRow {
            execution: ExecutionRow(execution),
            seq: Seq(seq as u64),
            kind: Kind::from_code(kind).ok_or(unknown)?,
            record: wincode::deserialize_exact(&record).map_err(Damage::Record)?,
            scope,
            key,
            group,
        })
    };
    Ok(decode())
}

impl Index {
    pub(crate) fn insert_entry(&self, entry: &EntryRow) -> Result<()> {
        let record =
            wincode::serialize(&entry.record).map_err(|source| Error::unavailable("encoding a record", source))?;
        let (execution, seq, kind) = (entry.execution.0, entry.seq.0 as i64, entry.kind.code());
        let sum = sum(execution, seq, kind, &entry.scope, &entry.key, entry.group.as_deref(), &record).end();
        self.connection
            .prepare_cached(
                "INSERT INTO entry(execution, seq, kind, scope, key, grp, sum, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![execution, seq, kind, entry.scope, entry.key, entry.group, &sum[..], record])?;
        Ok(())
    }

    pub(crate) fn entry(&self, execution: ExecutionRow, seq: Seq) -> Result<Option<EntryRow>> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE execution = ?1 AND seq = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row(params![execution.0, seq.0 as i64], read).optional()?.transpose()
    }

    /// What an entry is and where, without its record.
    pub(crate) fn entry_place(&self, execution: ExecutionRow, seq: Seq) -> Result<Option<(Kind, String)>> {
        let mut statement =
            self.connection.prepare_cached("SELECT kind, scope FROM entry WHERE execution = ?1 AND seq = ?2")?;
        let found = statement
            .query_row(params![execution.0, seq.0 as i64], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.and_then(|(kind, scope)| Some((Kind::from_code(kind)?, scope))))
    }

    /// Entries from `from` to `to` inclusive, in seq order.
    pub(crate) fn entries(
        &self,
        execution: ExecutionRow,
        from: Seq,
        to: Seq,
        mut each: impl FnMut(EntryRow) -> Result<()>,
    ) -> Result<()> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE execution = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let clamp = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![execution.0, clamp(from), clamp(to)])?;
        while let Some(row) = rows.next()? {
            each(read(row)??)?;
        }
        Ok(())
    }

    /// Every entry of the store, for marking and checking.
    pub(crate) fn all_entries(&self, mut each: impl FnMut(Result<EntryRow>) -> Result<()>) -> Result<()> {
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM entry"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(read(row)?)?;
        }
        Ok(())
    }

    /// Where states are: (scope, key, seq), by descending key, newest of a key first.
    pub(crate) fn state_places(
        &self,
        execution: ExecutionRow,
        scope: &str,
        before: Option<&str>,
        mut each: impl FnMut(&str, Seq) -> Result<bool>,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT key, seq FROM entry WHERE execution = ?1 AND scope = ?2 AND kind = 4 AND (?3 IS NULL OR key < ?3) \
             ORDER BY key DESC, seq DESC",
        )?;
        let mut rows = statement.query(params![execution.0, scope, before])?;
        while let Some(row) = rows.next()? {
            if !each(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, Seq(row.get::<_, i64>(1)? as u64))? {
                break;
            }
        }
        Ok(())
    }

    /// The seqs recorded with one key, newest first.
    pub(crate) fn state_seqs(&self, execution: ExecutionRow, scope: &str, key: &str) -> Result<Vec<Seq>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq FROM entry WHERE execution = ?1 AND scope = ?2 AND key = ?3 AND kind = 4 ORDER BY seq DESC",
        )?;
        let seqs =
            statement.query_map(params![execution.0, scope, key], |row| Ok(Seq(row.get::<_, i64>(0)? as u64)))?;
        Ok(seqs.collect::<Result<Vec<_>, _>>()?)
    }

    /// The scopes an execution has states in.
    pub(crate) fn state_scopes(&self, execution: ExecutionRow) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT scope FROM entry WHERE execution = ?1 AND kind = 4 ORDER BY scope")?;
        let scopes = statement.query_map([execution.0], |row| row.get(0))?;
        Ok(scopes.collect::<Result<Vec<_>, _>>()?)
    }

    /// (execution uid, scope, key) of the states of a group.
    pub(crate) fn group(&self, group: &str) -> Result<Vec<(String, String, String)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT x.uid, e.scope, e.key FROM entry e JOIN execution x ON x.id = e.execution WHERE e.grp = ?1",
        )?;
        let found = statement.query_map([group], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(found.collect::<Result<Vec<_>, _>>()?)
    }

    pub(crate) fn delete_entry(&self, execution: ExecutionRow, seq: Seq) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("DELETE FROM entry WHERE execution = ?1 AND seq = ?2")?;
        Ok(statement.execute(params![execution.0, seq.0 as i64])? > 0)
    }

    pub(crate) fn entry_count(&self, execution: Option<ExecutionRow>) -> Result<u64> {
        let mut statement =
            self.connection.prepare_cached("SELECT count(*) FROM entry WHERE ?1 IS NULL OR execution = ?1")?;
        Ok(statement.query_row([execution.map(|row| row.0)], |row| row.get::<_, i64>(0))? as u64)
    }
}
