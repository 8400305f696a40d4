//! Whether the owner of a lease still lives.
//!
//! On this machine an OS lock answers: every process that runs executions holds a record lock on a file of its
//! own, which the kernel drops when the process dies, however it dies, and which a forked child does not
//! inherit. Of a process on another machine we know only when it was last heard of.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::error::{Error, Result};
use crate::index::{Index, Owner};

/// A process on another machine counts as alive for this long after its last commit.
const SILENCE_MS_MAX: u64 = 60_000;
/// How often a running process says that it lives.
const SEEN_MS: u64 = 10_000;

/// The owners this process is, by process: a store may be open twice here, for writing and for reading. Their files must
/// not be touched, for closing any handle on one would drop its lock.
static OURS: LazyLock<Mutex<HashSet<(u32, u128)>>> = LazyLock::new(Mutex::default);

/// This process as an owner, and the way to ask about others.
pub(super) struct Liveness {
    directory: PathBuf,
    me: Mutex<Option<Me>>,
}

struct Me {
    id: i64,
    nonce: u128,
    seen_ms: u64,
    /// Its lock is the proof of life; closing any other handle on the file would drop it.
    _lock: File,
}

impl Liveness {
    pub(super) fn new(store: &Path) -> Liveness {
        Liveness { directory: store.join("owners"), me: Mutex::default() }
    }

    fn file(&self, nonce: u128) -> PathBuf {
        self.directory.join(format!("{nonce:032x}"))
    }

    /// Makes sure that this process has a locked file. Not inside a transaction: it touches the disk.
    pub(super) fn announce(&self, nonce: impl FnOnce() -> u128) -> Result<()> {
        let mut me = self.me.lock();
        if me.is_some() {
            return Ok(());
        }
        let unavailable = |source| Error::unavailable("announcing this process", source);
        fs::create_dir_all(&self.directory).map_err(unavailable)?;
        let nonce = nonce();
        let lock = OpenOptions::new().create_new(true).write(true).open(self.file(nonce)).map_err(unavailable)?;
        fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|source| unavailable(source.into()))?;
        OURS.lock().insert((std::process::id(), nonce));
        *me = Some(Me { id: 0, nonce, seen_ms: 0, _lock: lock });
        Ok(())
    }

    /// This process's row, made at its first lease and renewed while it runs.
    pub(super) fn me(&self, index: &Index, now_ms: u64) -> Result<Option<i64>> {
        let mut me = self.me.lock();
        let Some(me) = me.as_mut() else { return Ok(None) };
        // The transaction that made the row may have failed, so its presence is asked for, not assumed.
        let known = if me.id == 0 { None } else { index.owner(me.id)? };
        if known.is_none() {
            me.id = index.insert_owner(me.nonce, &host(), std::process::id(), now_ms)?;
            me.seen_ms = now_ms;
        } else if now_ms.abs_diff(me.seen_ms) >= SEEN_MS {
            index.see_owner(me.id, now_ms)?;
            me.seen_ms = now_ms;
        }
        Ok(Some(me.id))
    }

    pub(super) fn is_me(&self, owner: &Owner) -> bool {
        self.me.lock().as_ref().is_some_and(|me| me.nonce == owner.nonce)
    }

    /// Leaves the file to the process it belongs to.
    pub(super) fn disown(&mut self) {
        std::mem::forget(self.me.get_mut().take());
    }

    /// Whether `owner` may still be running, and until when that is assumed if it cannot be known.
    pub(super) fn alive(&self, owner: &Owner, now_ms: u64) -> (bool, Option<u64>) {
        if owner.host != host() {
            let until = owner.seen_ms.saturating_add(SILENCE_MS_MAX);
            return (now_ms < until, Some(until));
        }
        if OURS.lock().contains(&(std::process::id(), owner.nonce)) {
            return (true, None);
        }
        let Ok(file) = OpenOptions::new().write(true).open(self.file(owner.nonce)) else { return (false, None) };
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (false, None),
            Err(_) => (true, None),
        }
    }

    /// Removes what dead processes left.
    pub(super) fn forget(&self, owner: &Owner) {
        // A file that stays is asked about again; nothing depends on its absence.
        let _ = fs::remove_file(self.file(owner.nonce));
    }
}

impl Drop for Liveness {
    fn drop(&mut self) {
        if let Some(me) = self.me.lock().take() {
            OURS.lock().remove(&(std::process::id(), me.nonce));
            let _ = fs::remove_file(self.file(me.nonce));
        }
    }
}

/// This machine's name.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
