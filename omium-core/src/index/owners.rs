//! Who may hold leases: one row per process that ever ran an execution here.

use rusqlite::{OptionalExtension, params};

use super::Index;
use crate::error::Result;

/// A process that runs, or ran, executions of this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub id: i64,
    pub nonce: u128,
    pub host: String,
    pub pid: u32,
    /// When a process on another machine was last heard of.
    pub seen_ms: u64,
}

impl Index {
    pub(crate) fn insert_owner(&self, nonce: u128, host: &str, pid: u32, now_ms: u64) -> Result<i64> {
        self.connection.execute(
            "INSERT INTO owner(nonce, host, pid, seen_ms) VALUES (?1, ?2, ?3, ?4)",
            params![&nonce.to_le_bytes()[..], host, pid, now_ms as i64],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    pub(crate) fn owner(&self, id: i64) -> Result<Option<Owner>> {
        let mut statement =
            self.connection.prepare_cached("SELECT nonce, host, pid, seen_ms FROM owner WHERE id = ?1")?;
        let found = statement.query_row([id], |row| {
            let nonce: Vec<u8> = row.get(0)?;
            let nonce = u128::from_le_bytes(nonce.try_into().unwrap_or([0; 16]));
            Ok(Owner { id, nonce, host: row.get(1)?, pid: row.get(2)?, seen_ms: row.get::<_, i64>(3)? as u64 })
        });
        Ok(found.optional()?)
    }

    pub(crate) fn see_owner(&self, id: i64, now_ms: u64) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE owner SET seen_ms = ?2 WHERE id = ?1")?
            .execute(params![id, now_ms as i64])?;
        Ok(())
    }

    /// Removes owners that hold nothing and answers their nonces.
    pub(crate) fn idle_owners(&self) -> Result<Vec<Owner>> {
        let mut statement = self
            .connection
            .prepare("SELECT id FROM owner WHERE id NOT IN (SELECT owner FROM execution WHERE owner IS NOT NULL)")?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        let mut owners = Vec::new();
        for id in ids {
            owners.extend(self.owner(id)?);
        }
        Ok(owners)
    }

    pub(crate) fn delete_owner(&self, id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM owner WHERE id = ?1", [id])?;
        Ok(())
    }
}
