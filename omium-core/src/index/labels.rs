//! Names that recur in every row, once: codecs and channels.

use rusqlite::OptionalExtension;

use super::Index;
use crate::error::{Damage, Error, Result};

impl Index {
    /// The number of `name`, new if need be.
    pub(crate) fn label(&self, name: &str) -> Result<u16> {
        let known = self.find_label(name)?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.connection.prepare_cached("INSERT INTO label(name) VALUES (?1)")?.execute([name])?;
        // 65,535 distinct codec and channel names mean that names carry data.
        u16::try_from(self.connection.last_insert_rowid()).map_err(|_| {
            Error::invalid("this store has 65535 different channel and codec names already; put what varies into the value, not the name")
        })
    }

    pub(crate) fn find_label(&self, name: &str) -> Result<Option<u16>> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM label WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    pub(crate) fn label_name(&self, id: u16) -> Result<String> {
        let mut statement = self.connection.prepare_cached("SELECT name FROM label WHERE id = ?1")?;
        let name = statement.query_row([id], |row| row.get(0)).optional()?;
        Ok(name.ok_or(Damage::Missing { what: "label", id: i64::from(id) })?)
    }
}
