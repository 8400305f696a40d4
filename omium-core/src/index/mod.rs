//! The index: one SQLite database that names everything. Its commit is *the* commit (I3).

mod bytes;
mod chunks;
mod entries;
mod executions;
mod labels;
mod meta;
mod owners;
mod values;
mod writes;

use std::path::Path;
use std::time::Duration;

pub(crate) use bytes::Location;
pub(crate) use chunks::ChunkPlace;
pub(crate) use entries::EntryRow;
pub(crate) use executions::ExecutionRecord;
pub(crate) use meta::FORMAT;
pub(crate) use owners::Owner;
use rusqlite::{Connection, OpenFlags};
pub(crate) use values::StoredValue;
pub(crate) use writes::WriteRow;

use crate::error::{Damage, Error, Result};
use crate::id::Digest;

const SCHEMA: &str = include_str!("schema.sql");
/// "OMCU" read as a number: says in the file's first page whose it is.
const APPLICATION_ID: i32 = 0x4F4D_4355;
/// Writers queue before SQLite sees them, so this only bridges another process's checkpoint or open.
const BUSY_WAIT: Duration = Duration::from_secs(60);
const EMPTYING_WAIT: Duration = Duration::from_millis(200);
/// Kept statements; the store uses about fifty.
const STATEMENTS: usize = 80;
/// Pages after which the log is moved into the index: 1 MiB, which costs two syncs in some fifty commits and keeps the
/// log from outweighing a small store.
const LOG_PAGES: u32 = 256;
/// SQLite's own cache per connection, in KiB: the store caches what it decodes.
const CACHE_KIB: i32 = 8 << 10;

/// How SQLite makes commits atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// A write-ahead log, made durable by one shared fdatasync.
    Wal,
    /// A rollback journal, synced by SQLite itself: slower, and safe where shared memory is not.
    Delete,
}

impl Journal {
    /// The word users see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Journal::Wal => "wal",
            Journal::Delete => "delete",
        }
    }
}

/// One connection to the index, and the operations on its tables.
pub(crate) struct Index {
    connection: Connection,
}

impl Index {
    /// Opens a file that is there, to see whose it is. Not read only: a creation that was cut short left a journal
    /// which only a writer may roll back.
    pub(crate) fn open_to_recognise(path: &Path) -> Result<Index> {
        Index::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }

    /// Opens for writing, and creates the tables in a new file.
    pub(crate) fn open(path: &Path, journal: Journal) -> Result<Index> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let index = Index::connect(path, flags)?;
        // The page size is fixed by the first write, so it comes before the journal mode.
        index.connection.execute_batch("PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;")?;
        index.journal(journal)?;
        Ok(index)
    }

    /// Opens for reading only; works in a directory that cannot be written.
    pub(crate) fn open_read_only(path: &Path) -> Result<Index> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let opened = Index::connect(path, flags).and_then(|index| index.application_id().map(|_| index));
        if !matches!(opened, Err(Error::Unavailable { .. })) {
            return opened;
        }
        // Without a place for its shared memory SQLite reads a log only when told nobody writes.
        let encoded: String = path.display().to_string().chars().flat_map(percent).collect();
        Index::connect(Path::new(&format!("file:{encoded}?immutable=1")), flags)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Index> {
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| Error::unavailable("opening the index", source))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(BUSY_WAIT)?;
        connection.execute_batch(&format!(
            "PRAGMA cache_size=-{CACHE_KIB}; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
        ))?;
        Ok(Index { connection })
    }

    fn journal(&self, journal: Journal) -> Result<()> {
        let (mode, synchronous) = match journal {
            // NORMAL syncs at checkpoints; what acknowledges a commit is the store's own fdatasync of the log.
            Journal::Wal => ("wal", "NORMAL"),
            // FULL does not sync the directory after the journal is gone, and can lose the last commit.
            Journal::Delete => ("delete", "EXTRA"),
        };
        let got: String = self.connection.query_row(&format!("PRAGMA journal_mode={mode}"), [], |row| row.get(0))?;
        if got != mode {
            return Err(Error::unavailable(
                "choosing the index's journal",
                Damage::Unknown { what: "the journal mode", found: 0 },
            ));
        }
        self.connection
            .execute_batch(&format!("PRAGMA synchronous={synchronous}; PRAGMA wal_autocheckpoint={LOG_PAGES};"))?;
        Ok(())
    }

    /// Who the file says it belongs to; 0 in a new file.
    fn application_id(&self) -> Result<i32> {
        Ok(self.connection.query_row("PRAGMA application_id", [], |row| row.get(0))?)
    }

    /// Whether there are tables, and whether they are omium's.
    pub(crate) fn belongs(&self) -> Result<Option<bool>> {
        let tables: i64 = self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 { Ok(None) } else { Ok(Some(self.application_id()? == APPLICATION_ID)) }
    }

    /// Creates the tables. The caller holds the store's lock.
    pub(crate) fn create(&self, identity: u128) -> Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let created = self
            .connection
            .execute_batch(&format!("PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT}; {SCHEMA}"))
            .map_err(Error::from)
            .and_then(|()| self.write_compatibility(identity));
        self.end(created)
    }

    /// Runs `work` in one write transaction.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Index) -> Result<T>) -> Result<T> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self);
        self.end(done)
    }

    /// Runs `work` in one read transaction: everything it sees is of one moment.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Index) -> Result<T>) -> Result<T> {
        self.connection.execute_batch("BEGIN")?;
        let done = work(self);
        self.end(done)
    }

    fn end<T>(&self, done: Result<T>) -> Result<T> {
        match done {
            Ok(value) => match self.connection.execute_batch("COMMIT") {
                Ok(()) => Ok(value),
                Err(error) => {
                    self.undo();
                    Err(error.into())
                }
            },
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    /// Ends a transaction that failed. SQLite may have ended it already, which is the same to us.
    fn undo(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Runs one of several jobs of a transaction: when it answers false it leaves no trace, and the others stand.
    pub(crate) fn nested(&self, job: impl FnOnce(&Index) -> bool) -> Result<()> {
        self.connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        if !job(self) {
            self.connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        self.connection.prepare_cached("RELEASE job")?.execute([])?;
        Ok(())
    }

    /// Gives free pages back to the file system and empties the log.
    pub(crate) fn shrink(&self, journal: Journal) -> Result<()> {
        // Each step of the pragma frees one page, so it is stepped to its end.
        let mut statement = self.connection.prepare("PRAGMA incremental_vacuum")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        if journal == Journal::Wal { self.empty_log() } else { Ok(()) }
    }

    /// Writes all of it, as it is at one moment, to a new file. Others go on writing meanwhile where the journal is a log.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<()> {
        let path =
            path.to_str().ok_or_else(|| Error::invalid(format!("{path:?} is no Unicode: name another place")))?;
        self.connection.execute("VACUUM INTO ?1", [path])?;
        Ok(())
    }

    /// Moves what the log holds into the index and cuts the log to nothing, as far as readers allow.
    pub(crate) fn empty_log(&self) -> Result<()> {
        // Somebody who reads is not worth a long wait: the log is emptied another time.
        self.connection.busy_timeout(EMPTYING_WAIT)?;
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.connection.busy_timeout(BUSY_WAIT)?;
        Ok(emptied?)
    }

    /// SQLite's own check of its structure: empty when sound.
    pub(crate) fn integrity(&self, full: bool) -> Result<Vec<String>> {
        let pragma = if full { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
        let mut statement = self.connection.prepare(pragma)?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

fn percent(character: char) -> Vec<char> {
    match character {
        '%' => "%25".chars().collect(),
        '?' => "%3f".chars().collect(),
        '#' => "%23".chars().collect(),
        other => vec![other],
    }
}

/// A checksum over the columns of a row: SQLite keeps none, and a flipped bit must not pass for data.
pub(crate) struct RowSum(blake3::Hasher);

impl RowSum {
    pub(crate) fn new(table: &str) -> RowSum {
        let mut hasher = blake3::Hasher::new();
        hasher.update(table.as_bytes());
        RowSum(hasher)
    }

    pub(crate) fn number(mut self, number: i64) -> RowSum {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> RowSum {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn optional(self, bytes: Option<&[u8]>) -> RowSum {
        match bytes {
            None => self.number(-1),
            Some(bytes) => self.bytes(bytes),
        }
    }

    pub(crate) fn end(self) -> [u8; 8] {
        let mut sum = [0; 8];
        sum.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        sum
    }

    pub(crate) fn check(self, stored: &[u8], what: &'static str) -> Result<(), Damage> {
        if self.end() == stored { Ok(()) } else { Err(Damage::Checksum(what)) }
    }
}

/// 32 bytes of a BLOB column as a digest.
fn digest(bytes: &[u8]) -> Result<Digest, Damage> {
    Ok(Digest(bytes.try_into().map_err(|_| Damage::Length("a digest"))?))
}
