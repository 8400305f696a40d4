//! One fdatasync of the log for everybody who waits for one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use parking_lot::{Condvar, Mutex};

use super::open::AtPath;
use crate::error::{Error, Result};

/// Makes commits durable, together.
///
/// A commit is a place in the write-ahead log. Whoever waits while nobody syncs does it for all commits made
/// until then; the others wait for that. SQLite's frames are checksummed and chained, so whatever part of the
/// log reaches the disk is a prefix of whole commits.
pub(super) struct DurableLog {
    log: PathBuf,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    committed: u64,
    durable: u64,
    syncing: bool,
    /// After a failed fsync the kernel may have dropped the pages: nothing after it can be trusted.
    failed: bool,
    file: Option<File>,
}

#[derive(Debug, thiserror::Error)]
#[error("an earlier sync failed, so nothing written since can be trusted; reopen the store")]
struct Poisoned;

impl DurableLog {
    pub(super) fn new(log: PathBuf) -> DurableLog {
        DurableLog { log, progress: Mutex::new(Progress::default()), changed: Condvar::new() }
    }

    /// Notes a commit; the answer is what to wait for.
    pub(super) fn committed(&self) -> u64 {
        let mut progress = self.progress.lock();
        progress.committed += 1;
        progress.committed
    }

    /// Returns when commit `ticket`, and with it every earlier one, survives the loss of power.
    pub(super) fn wait(&self, ticket: u64) -> Result<()> {
        self.synced(ticket)
            .map_err(|source| Error::unavailable("making the log durable", AtPath(self.log.clone(), source)))
    }

    fn synced(&self, ticket: u64) -> io::Result<()> {
        let mut progress = self.progress.lock();
        loop {
            if progress.failed {
                return Err(io::Error::other(Poisoned));
            }
            if progress.durable >= ticket {
                return Ok(());
            }
            if progress.syncing {
                self.changed.wait(&mut progress);
                continue;
            }
            progress.syncing = true;
            let covers = progress.committed;
            let file = progress.file.take();
            drop(progress);
            let synced = self.sync(file);
            progress = self.progress.lock();
            progress.syncing = false;
            self.changed.notify_all();
            match synced {
                Ok(file) => {
                    progress.file = Some(file);
                    progress.durable = progress.durable.max(covers);
                }
                Err(error) => {
                    progress.failed = true;
                    return Err(error);
                }
            }
        }
    }

    /// Waits for everything committed so far.
    pub(super) fn flush(&self) -> Result<()> {
        let committed = self.progress.lock().committed;
        self.wait(committed)
    }

    fn sync(&self, file: Option<File>) -> io::Result<File> {
        // A log that was deleted and made anew has another inode; syncing the old one would prove nothing.
        let inode = fs::metadata(&self.log)?.ino();
        let file = match file {
            Some(file) if file.metadata()?.ino() == inode => file,
            _ => File::open(&self.log)?,
        };
        file.sync_data()?;
        Ok(file)
    }
}
