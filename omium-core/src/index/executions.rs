//! Executions and the epochs their rollbacks opened.

use rusqlite::{OptionalExtension, Row, params};

use super::{Index, RowSum};
use crate::error::{Damage, Result};
use crate::id::{ExecutionRow, FencingToken, Seq};
use crate::machine::{Epoch, Lineage, State};
use crate::model::{Slot, Status};

/// An execution's row.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionRecord {
    pub row: ExecutionRow,
    pub uid: String,
    pub workflow: String,
    pub source: Option<String>,
    pub state: State,
    pub owner: Option<i64>,
    pub created_ms: u64,
    pub updated_ms: u64,
    pub forked_from: Option<(String, Seq)>,
    pub error: Option<String>,
    pub input: Option<Slot>,
    pub result: Option<Slot>,
}

const COLUMNS: &str = "id, uid, workflow, source, status, head, last, epoch, token, owner, created_ms, updated_ms, \
                       forked_uid, forked_seq, error, input, result, sum";

impl ExecutionRecord {
    pub(crate) fn new(uid: &str, workflow: &str, now_ms: u64) -> ExecutionRecord {
        ExecutionRecord {
            row: ExecutionRow(0),
            uid: uid.to_owned(),
            workflow: workflow.to_owned(),
            source: None,
            state: State::new(),
            owner: None,
            created_ms: now_ms,
            updated_ms: now_ms,
            forked_from: None,
            error: None,
            input: None,
            result: None,
        }
    }

    fn sum(&self, input: Option<&[u8]>, result: Option<&[u8]>) -> RowSum {
        let State { status, head, last, epoch, token } = &self.state;
        let forked = self.forked_from.as_ref();
        RowSum::new("execution")
            .bytes(self.uid.as_bytes())
            .bytes(self.workflow.as_bytes())
            .optional(self.source.as_ref().map(String::as_bytes))
            .number(status.code())
            .number(head.0 as i64)
            .number(last.0 as i64)
            .number(i64::from(*epoch))
            .number(token.0 as i64)
            .number(self.owner.unwrap_or(-1))
            .number(self.created_ms as i64)
            .number(self.updated_ms as i64)
            .optional(forked.map(|(uid, _)| uid.as_bytes()))
            .number(forked.map_or(-1, |(_, seq)| seq.0 as i64))
            .optional(self.error.as_ref().map(String::as_bytes))
            .optional(input)
            .optional(result)
    }
}

fn slot_bytes(slot: Option<&Slot>) -> Result<Option<Vec<u8>>> {
    slot.map(super::entries::encode_slot).transpose()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<ExecutionRecord>> {
    let status: i64 = row.get(4)?;
    let number = |at: usize| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(at)? as u64) };
    let forked: Option<String> = row.get(12)?;
    let (input, result): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(15)?, row.get(16)?);
    let Some(status) = Status::from_code(status) else {
        return Ok(Err(Damage::Unknown { what: "an execution's status", found: status as u64 }.into()));
    };
    let mut record = ExecutionRecord {
        row: ExecutionRow(row.get(0)?),
        uid: row.get(1)?,
        workflow: row.get(2)?,
        source: row.get(3)?,
        state: State {
            status,
            head: Seq(number(5)?),
            last: Seq(number(6)?),
            epoch: number(7)? as u32,
            token: FencingToken(number(8)?),
        },
        owner: row.get(9)?,
        created_ms: number(10)?,
        updated_ms: number(11)?,
        forked_from: match forked {
            Some(uid) => Some((uid, Seq(number(13)?))),
            None => None,
        },
        error: row.get(14)?,
        input: None,
        result: None,
    };
    let sum: Vec<u8> = row.get(17)?;
    if let Err(damage) = record.sum(input.as_deref(), result.as_deref()).check(&sum, "an execution") {
        return Ok(Err(damage.into()));
    }
    let slots = || -> Result<(Option<Slot>, Option<Slot>)> {
        let decode = |bytes: Option<Vec<u8>>| bytes.map(|bytes| super::entries::decode_slot(&bytes)).transpose();
        Ok((decode(input)?, decode(result)?))
    };
    Ok(slots().map(|(input, result)| {
        record.input = input;
        record.result = result;
        record
    }))
}

impl Index {
    pub(crate) fn execution(&self, uid: &str) -> Result<Option<ExecutionRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM execution WHERE uid = ?1");
        self.connection.prepare_cached(&sql)?.query_row([uid], read).optional()?.transpose()
    }

    /// Newest first. The filter answers whether a record is wanted, before the limit counts it.
    pub(crate) fn executions(
        &self,
        limit: usize,
        wanted: impl Fn(&ExecutionRecord) -> Result<bool>,
    ) -> Result<Vec<ExecutionRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM execution ORDER BY id DESC");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()?
            && found.len() < limit
        {
            let record = read(row)??;
            if wanted(&record)? {
                found.push(record);
            }
        }
        Ok(found)
    }

    pub(crate) fn execution_count(&self) -> Result<u64> {
        Ok(self.connection.query_row("SELECT count(*) FROM execution", [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Inserts, and answers the record with its row.
    pub(crate) fn insert_execution(&self, mut record: ExecutionRecord) -> Result<ExecutionRecord> {
        self.connection
            .prepare_cached(
                "INSERT INTO execution(uid, workflow, status, head, last, epoch, token, created_ms, updated_ms, sum) \
                 VALUES (?1, ?2, 0, 0, 0, 0, 0, 0, 0, x'')",
            )?
            .execute(params![record.uid, record.workflow])?;
        record.row = ExecutionRow(self.connection.last_insert_rowid());
        self.update_execution(&record)?;
        Ok(record)
    }

    pub(crate) fn update_execution(&self, record: &ExecutionRecord) -> Result<()> {
        let (input, result) = (slot_bytes(record.input.as_ref())?, slot_bytes(record.result.as_ref())?);
        let sum = record.sum(input.as_deref(), result.as_deref()).end();
        let State { status, head, last, epoch, token } = &record.state;
        let forked = record.forked_from.as_ref();
        self.connection
            .prepare_cached(
                "UPDATE execution SET source=?2, status=?3, head=?4, last=?5, epoch=?6, token=?7, owner=?8, created_ms=?9, \
                 updated_ms=?10, forked_uid=?11, forked_seq=?12, error=?13, input=?14, result=?15, sum=?16 WHERE id=?1",
            )?
            .execute(params![
                record.row.0,
                record.source,
                status.code(),
                head.0 as i64,
                last.0 as i64,
                epoch,
                token.0 as i64,
                record.owner,
                record.created_ms as i64,
                record.updated_ms as i64,
                forked.map(|(uid, _)| uid),
                forked.map(|(_, seq)| seq.0 as i64),
                record.error,
                input,
                result,
                &sum[..],
            ])?;
        Ok(())
    }

    /// Removes an execution with everything that belongs to it alone.
    pub(crate) fn delete_execution(&self, row: ExecutionRow) -> Result<()> {
        for table in ["entry", "write", "epoch"] {
            self.connection.execute(&format!("DELETE FROM {table} WHERE execution = ?1"), [row.0])?;
        }
        self.connection.execute("DELETE FROM execution WHERE id = ?1", [row.0])?;
        Ok(())
    }

    pub(crate) fn insert_epoch(&self, row: ExecutionRow, epoch: Epoch, now_ms: u64) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO epoch(execution, number, base, start, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![row.0, epoch.number, epoch.base.0 as i64, epoch.start.0 as i64, now_ms as i64])?;
        Ok(())
    }

    pub(crate) fn epochs(&self, row: ExecutionRow) -> Result<Vec<Epoch>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, base, start FROM epoch WHERE execution = ?1 ORDER BY number")?;
        let epochs = statement.query_map([row.0], |row| {
            let number = |at| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(at)? as u64) };
            Ok(Epoch { number: number(0)? as u32, base: Seq(number(1)?), start: Seq(number(2)?) })
        })?;
        Ok(epochs.collect::<Result<Vec<_>, _>>()?)
    }

    pub(crate) fn lineage(&self, record: &ExecutionRecord) -> Result<Lineage> {
        if record.state.epoch == 0 {
            return Ok(Lineage::new(&[], record.state.head));
        }
        let epochs = self.epochs(record.row)?;
        // Epochs carry no checksum of their own: their shape must hold, or the path would not end.
        let sound = epochs.len() == record.state.epoch as usize
            && epochs
                .iter()
                .enumerate()
                .all(|(at, e)| e.number as usize == at + 1 && e.base <= e.start && e.start <= record.state.last);
        if !sound {
            return Err(Damage::Checksum("an execution's rollbacks").into());
        }
        Ok(Lineage::new(&epochs, record.state.head))
    }
}
