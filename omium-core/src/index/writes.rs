//! Pending writes of a host framework's tasks. They may land before the state they belong to, so nothing
//! here refers to an entry.

use rusqlite::{Row, params};

use super::entries::{decode_slot, encode_slot};
use super::{Index, RowSum};
use crate::error::Result;
use crate::id::{ExecutionRow, Seq};
use crate::model::{Slot, Status};

/// A pending write's row.
#[derive(Clone, Debug)]
pub(crate) struct WriteRow {
    pub execution: ExecutionRow,
    pub scope: String,
    pub key: String,
    pub task: String,
    pub index: i64,
    pub epoch: u32,
    pub after: Seq,
    pub path: String,
    pub channel: u16,
    pub status: Option<Status>,
    pub slot: Slot,
}

const COLUMNS: &str = "execution, scope, key, task, idx, epoch, after, path, channel, status, sum, slot";

impl WriteRow {
    fn sum(&self, slot: &[u8]) -> RowSum {
        RowSum::new("write")
            .number(self.execution.0)
            .bytes(self.scope.as_bytes())
            .bytes(self.key.as_bytes())
            .bytes(self.task.as_bytes())
            .number(self.index)
            .number(i64::from(self.epoch))
            .number(self.after.0 as i64)
            .bytes(self.path.as_bytes())
            .number(i64::from(self.channel))
            .number(self.status.map_or(-1, Status::code))
            .bytes(slot)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<WriteRow>> {
    let slot: Vec<u8> = row.get(11)?;
    let sum: Vec<u8> = row.get(10)?;
    let status: Option<i64> = row.get(9)?;
    let mut write = WriteRow {
        execution: ExecutionRow(row.get(0)?),
        scope: row.get(1)?,
        key: row.get(2)?,
        task: row.get(3)?,
        index: row.get(4)?,
        epoch: row.get(5)?,
        after: Seq(row.get::<_, i64>(6)? as u64),
        path: row.get(7)?,
        channel: row.get(8)?,
        status: status.and_then(Status::from_code),
        slot: Slot::Inline { codec: 0, bytes: Vec::new() },
    };
    let decode = || -> Result<Slot> {
        write.sum(&slot).check(&sum, "a pending write")?;
        decode_slot(&slot)
    };
    Ok(decode().map(|slot| {
        write.slot = slot;
        write
    }))
}

impl Index {
    pub(crate) fn put_write(&self, write: &WriteRow) -> Result<()> {
        let slot = encode_slot(&write.slot)?;
        let sum = write.sum(&slot).end();
        self.connection
            .prepare_cached(&format!(
                "INSERT OR REPLACE INTO write({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
            ))?
            .execute(params![
                write.execution.0,
                write.scope,
                write.key,
                write.task,
                write.index,
                write.epoch,
                write.after.0 as i64,
                write.path,
                write.channel,
                write.status.map(Status::code),
                &sum[..],
                slot,
            ])?;
        Ok(())
    }

    /// The writes of one state, of every epoch, in (path, task, index, epoch) order.
    pub(crate) fn writes(&self, execution: ExecutionRow, scope: &str, key: &str) -> Result<Vec<WriteRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM write WHERE execution = ?1 AND scope = ?2 AND key = ?3 ORDER BY path, task, idx, epoch"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![execution.0, scope, key], read)?;
        rows.map(|row| row?).collect()
    }

    /// Every pending write of an execution, or of the store.
    pub(crate) fn all_writes(
        &self,
        execution: Option<ExecutionRow>,
        mut each: impl FnMut(Result<WriteRow>) -> Result<()>,
    ) -> Result<()> {
        let sql = format!("SELECT {COLUMNS} FROM write WHERE ?1 IS NULL OR execution = ?1");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([execution.map(|row| row.0)])?;
        while let Some(row) = rows.next()? {
            each(read(row)?)?;
        }
        Ok(())
    }

    pub(crate) fn delete_writes(&self, execution: ExecutionRow, scope: &str, key: &str) -> Result<()> {
        self.connection
            .prepare_cached("DELETE FROM write WHERE execution = ?1 AND scope = ?2 AND key = ?3")?
            .execute(params![execution.0, scope, key])?;
        Ok(())
    }
}
