//! Which format a store is in, and who may read and write it.

use rusqlite::{OptionalExtension, params};

use super::Index;
use crate::error::{Damage, Result};

/// The newest format this version reads and writes.
pub(crate) const FORMAT: u32 = 1;
/// Feature bits this version knows: none yet. An unknown one may change the meaning of any byte.
const FEATURES: u64 = 0;
/// The cutter's name: how values are cut decides what is shared, never what is read.
const CUTTER: &str = "elements-1+fastcdc-v2020-nl2";

/// What a store asks of the code that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compatibility {
    pub format: u32,
    pub min_reader: u32,
    pub min_writer: u32,
    pub features: u64,
}

impl Compatibility {
    /// Why this version must not read the store, if it must not.
    pub(crate) fn refusal(&self) -> Option<String> {
        let unknown = self.features & !FEATURES;
        if self.min_reader > FORMAT {
            Some(format!("a reader of format {} (it is in format {})", self.min_reader, self.format))
        } else if unknown != 0 {
            Some(format!("features {unknown:#x}"))
        } else {
            None
        }
    }

    /// Why this version must not write to the store, if it must not.
    pub(crate) fn write_refusal(&self) -> Option<String> {
        (self.min_writer > FORMAT)
            .then(|| format!("a writer of format {} (it is in format {})", self.min_writer, self.format))
    }
}

impl Index {
    pub(super) fn write_compatibility(&self, identity: u128) -> Result<()> {
        let one = u64::from(FORMAT).to_le_bytes();
        for (name, value) in [
            ("format", &one[..]),
            ("min_reader", &one),
            ("min_writer", &one),
            ("features", &FEATURES.to_le_bytes()),
            ("identity", &identity.to_le_bytes()),
            ("cutter", CUTTER.as_bytes()),
            ("gc", &0u64.to_le_bytes()),
        ] {
            self.connection.execute("INSERT INTO meta(name, value) VALUES (?1, ?2)", params![name, value])?;
        }
        Ok(())
    }

    fn number(&self, name: &'static str) -> Result<u64> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let bytes = bytes.ok_or(Damage::Missing { what: name, id: 0 })?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| Damage::Length("the store's header"))?))
    }

    pub(crate) fn compatibility(&self) -> Result<Compatibility> {
        let small = |name| -> Result<u32> { Ok(u32::try_from(self.number(name)?).unwrap_or(u32::MAX)) };
        Ok(Compatibility {
            format: small("format")?,
            min_reader: small("min_reader")?,
            min_writer: small("min_writer")?,
            features: self.number("features")?,
        })
    }

    /// Counts garbage collections: rows known before the last one may be gone.
    pub(crate) fn collections(&self) -> Result<u64> {
        self.number("gc")
    }

    pub(crate) fn count_collection(&self) -> Result<()> {
        let next = (self.collections()? + 1).to_le_bytes();
        self.connection.execute("UPDATE meta SET value = ?1 WHERE name = 'gc'", [&next[..]])?;
        Ok(())
    }
}
