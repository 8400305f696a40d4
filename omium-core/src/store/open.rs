//! Opening a directory: create, recognise, refuse; once per process and directory.

use std::any::Any;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Condvar, Mutex};

use super::cache::Cache;
use super::commit::{Committer, Patience};
use super::durable::DurableLog;
use super::kept::{Anchor, BlockKey, ChunkRef};
use super::options::{Durability, Options};
use super::owner::Liveness;
use super::running::Running;
use crate::error::{BoxError, Error, Result};
use crate::id::{ChunkRow, Digest, PackRow};
use crate::index::{FORMAT, Index, Journal};
use crate::pack::{Header, Segments};

pub(super) const INDEX_FILE: &str = "index.db";
pub(super) const QUEUE_FILE: &str = "lock";
/// Decompressed blocks and the chunks cut from them, in bytes per generation.
const BLOCK_BYTES_MAX: usize = 16 << 20;
/// Rows of chunks by hash, and headers and anchors, in entries and tokens per generation.
const CHUNKS_KNOWN_MAX: usize = 200_000;
const ANCHOR_TOKENS_MAX: usize = 500_000;
const HEADER_CHUNKS_MAX: usize = 100_000;
/// Connections kept for reading; more are opened and closed as threads need them.
const READERS_KEPT: usize = 4;

/// What all handles on one directory share within a process.
pub(crate) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) pid: u32,
    pub(super) journal: Journal,
    writer: Option<Committer>,
    readers: Mutex<Vec<Index>>,
    pub(super) segments: Segments,
    pub(super) liveness: Liveness,
    pub(super) running: Running,
    pub(super) known: Cache<Digest, ChunkRow>,
    pub(super) anchors: Cache<u128, Arc<Anchor>>,
    pub(super) headers: Cache<PackRow, Arc<Header>>,
    pub(super) blocks: Cache<BlockKey, Arc<Vec<u8>>>,
    pub(super) chunks: Cache<ChunkRow, ChunkRef>,
    flusher: Mutex<Option<Arc<Flusher>>>,
    /// Code that upper floors keep beside the store, by name. It ends with the process.
    pub(super) code: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

/// Stores by directory and by whether they are read only.
type Opened = HashMap<(PathBuf, bool), Weak<Shared>>;

static OPEN: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);

/// What the system said, and of which path.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {1}", path = .0.display())]
pub(super) struct AtPath(pub PathBuf, #[source] pub std::io::Error);

#[derive(Debug, thiserror::Error)]
#[error("{0} was opened for reading only")]
struct ReadOnly(String);

/// The shared half of the store in `directory`.
pub(super) fn shared(directory: &Path, options: &Options) -> Result<Arc<Shared>> {
    let missing = !directory.join(INDEX_FILE).is_file();
    if missing && (!options.create || options.read_only || directory.is_file()) {
        return Err(Error::NotAStore { path: directory.to_path_buf() });
    }
    if missing && !may_become_a_store(directory) {
        return Err(Error::NotAStore { path: directory.to_path_buf() });
    }
    if missing {
        fs::create_dir_all(directory).map_err(|source| {
            Error::unavailable("creating the store's directory", AtPath(directory.to_path_buf(), source))
        })?;
    }
    let canonical =
        directory.canonicalize().map_err(|source| Error::unavailable("finding the store's directory", source))?;
    let key = (canonical.clone(), options.read_only);
    let mut open = OPEN.lock();
    if let Some(shared) = open.get(&key).and_then(Weak::upgrade) {
        if shared.pid == std::process::id() {
            return Ok(shared);
        }
        // Another process's, inherited by a fork: it is not ours to close.
        std::mem::forget(shared);
    }
    let shared = Arc::new(Shared::open(canonical, options)?);
    open.retain(|_, weak| weak.strong_count() > 0);
    open.insert(key, Arc::downgrade(&shared));
    Ok(shared)
}

/// Whether nothing of anybody else's is in `directory`. A creation that was cut short leaves only names of ours.
fn may_become_a_store(directory: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(directory) else { return true };
    let ours = |name: &str| name == QUEUE_FILE || name.starts_with(INDEX_FILE);
    entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(ours)))
}

/// Empties the log of every open store.
pub(super) fn tidy_all() {
    let open: Vec<Arc<Shared>> = OPEN.lock().values().filter_map(Weak::upgrade).collect();
    for shared in open {
        if shared.pid != std::process::id() {
            std::mem::forget(shared);
        } else if let (Some(writer), Journal::Wal) = (&shared.writer, shared.journal) {
            shared.readers.lock().clear();
            let _ = writer.exclusively(Index::empty_log);
        }
    }
}

impl Shared {
    fn open(directory: PathBuf, options: &Options) -> Result<Shared> {
        let path = directory.join(INDEX_FILE);
        let (writer, reader, journal) = if options.read_only {
            let index = open_foreign(&directory, Index::open_read_only(&path))?;
            recognise(&directory, &index, true)?;
            (None, Some(index), Journal::Wal)
        } else {
            let journal = options.journal.unwrap_or_else(|| journal_for(&directory));
            (Some(committer(&directory, &path, journal, options)?), None, journal)
        };
        Ok(Shared {
            pid: std::process::id(),
            journal,
            writer,
            readers: Mutex::new(reader.into_iter().collect()),
            segments: Segments::new(&directory),
            liveness: Liveness::new(&directory),
            running: Running::default(),
            known: Cache::new(CHUNKS_KNOWN_MAX),
            anchors: Cache::new(ANCHOR_TOKENS_MAX),
            headers: Cache::new(HEADER_CHUNKS_MAX),
            blocks: Cache::new(BLOCK_BYTES_MAX),
            chunks: Cache::new(BLOCK_BYTES_MAX),
            flusher: Mutex::default(),
            code: Mutex::default(),
            directory,
        })
    }

    pub(super) fn writer(&self) -> Result<&Committer> {
        self.writer
            .as_ref()
            .ok_or_else(|| Error::unavailable("writing to the store", ReadOnly(self.directory.display().to_string())))
    }

    /// Runs `read` on a connection of its own, in one read transaction.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Index) -> Result<T>) -> Result<T> {
        let kept = self.readers.lock().pop();
        let index = match kept {
            Some(index) => index,
            None => Index::open_read_only(&self.directory.join(INDEX_FILE))?,
        };
        let done = index.read(read);
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT {
            readers.push(index);
        }
        done
    }

    /// Commits `job` as durably as asked.
    pub(crate) fn commit<T: Send + 'static>(
        self: &Arc<Shared>,
        durability: Durability,
        job: impl FnOnce(&Index) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.commit_with(durability, Patience::None, job)
    }

    /// Commits `job`, waiting for company if that is wanted.
    pub(super) fn commit_with<T: Send + 'static>(
        self: &Arc<Shared>,
        durability: Durability,
        patience: Patience,
        job: impl FnOnce(&Index) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.writer()?.commit(durability, patience, job)?;
        if let Durability::Batch(ms) = durability {
            self.flush_every(ms);
        }
        Ok(done)
    }

    /// Forgets what a garbage collection may have made untrue.
    pub(super) fn forget(&self) {
        self.known.clear();
        self.anchors.clear();
        self.headers.clear();
        self.blocks.clear();
        self.chunks.clear();
    }

    /// Starts the thread that makes batches durable, once.
    fn flush_every(self: &Arc<Shared>, ms: u32) {
        let mut slot = self.flusher.lock();
        if slot.is_some() || self.journal != Journal::Wal {
            return;
        }
        let flusher = Arc::new(Flusher::default());
        *slot = Some(Arc::clone(&flusher));
        let shared = Arc::downgrade(self);
        std::thread::spawn(move || flusher.run(&shared, ms));
    }

    pub(super) fn flush(&self) -> Result<()> {
        match (&self.writer, self.journal) {
            (Some(writer), Journal::Wal) => writer.log.flush(),
            _ => Ok(()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            // A forked child drops its parent's store: SQLite forbids even closing it here.
            std::mem::forget(self.writer.take());
            std::mem::forget(std::mem::take(self.readers.get_mut()));
            self.liveness.disown();
            return;
        }
        // The last connection to close empties the log into the index, which one for reading cannot.
        self.readers.get_mut().clear();
        if let Some(flusher) = self.flusher.lock().take() {
            flusher.stop();
            // What was acknowledged in a batch is made durable before the files close; a failure here has
            // nobody to go to, and the next open finds whatever the disk has.
            let _ = self.flush();
        }
    }
}

/// Tells the thread that syncs batches to stop.
#[derive(Default)]
struct Flusher {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    fn run(&self, shared: &Weak<Shared>, ms: u32) {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            self.changed.wait_for(&mut stopped, std::time::Duration::from_millis(u64::from(ms)));
            let Some(shared) = shared.upgrade() else { return };
            // A failed sync poisons the log: the next strict commit reports it.
            let _ = shared.flush();
        }
    }

    fn stop(&self) {
        // The thread itself may be dropping the last handle, so nobody waits for it.
        if let Some(mut stopped) = self.stopped.try_lock() {
            *stopped = true;
        }
        self.changed.notify_all();
    }
}

fn committer(directory: &Path, path: &Path, journal: Journal, options: &Options) -> Result<Committer> {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK)
        .map_err(|source| Error::unavailable("writing to the store", AtPath(directory.to_path_buf(), source.into())))?;
    // Looked at before anything is written: somebody else's directory gets no file of ours.
    if fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        recognise(directory, &open_foreign(directory, Index::open_to_recognise(path))?, false)?;
    }
    let queue_path = directory.join(QUEUE_FILE);
    let queue = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&queue_path)
        .map_err(|source| Error::unavailable("opening the store's lock", AtPath(queue_path.clone(), source)))?;
    // Two processes may create one store at once: the second finds it made.
    queue.lock().map_err(|source| Error::unavailable("queueing for the store", source))?;
    let opened: Result<Index> = (|| {
        let index = Index::open(path, journal)?;
        if index.belongs()?.is_none() {
            index.create(options.ids.nonce())?;
            sync_directory(directory)?;
        }
        recognise(directory, &index, false)?;
        Ok(index)
    })();
    let unlocked = queue.unlock().map_err(|source| Error::unavailable("leaving the store's queue", source));
    let index = opened?;
    unlocked?;
    let log = DurableLog::new(directory.join(format!("{INDEX_FILE}-wal")));
    Ok(Committer::new(index, journal, queue, queue_path, log))
}

/// A new file is durable only when the directory that names it is.
fn sync_directory(directory: &Path) -> Result<()> {
    let parents = [Some(directory), directory.parent()];
    for place in parents.into_iter().flatten() {
        File::open(place)
            .and_then(|opened| opened.sync_all())
            .map_err(|source| Error::unavailable("making the new store durable", source))?;
    }
    Ok(())
}

/// Tells a file of another kind from the store's own whose first page is destroyed: beside that one lies its lock.
fn open_foreign(directory: &Path, opened: Result<Index>) -> Result<Index> {
    match opened {
        Err(Error::Corrupted { source, .. }) if is_not_a_database(&source) && !directory.join(QUEUE_FILE).is_file() => {
            Err(Error::NotAStore { path: directory.to_path_buf() })
        }
        other => other,
    }
}

/// Refuses what is no store, and what asks for more than this version knows.
fn recognise(directory: &Path, index: &Index, read_only: bool) -> Result<()> {
    let not_a_store = || Error::NotAStore { path: directory.to_path_buf() };
    match index.belongs() {
        Ok(Some(true)) => {}
        Ok(None) if !read_only => return Ok(()),
        Ok(None | Some(false)) => return Err(not_a_store()),
        Err(other) => return Err(other),
    }
    let compatibility = index.compatibility()?;
    let refusal = if read_only {
        compatibility.refusal()
    } else {
        compatibility.refusal().or_else(|| compatibility.write_refusal())
    };
    match refusal {
        None => Ok(()),
        Some(needs) => Err(Error::FormatUnsupported { path: directory.to_path_buf(), needs, knows: FORMAT }),
    }
}

fn is_not_a_database(source: &BoxError) -> bool {
    let sqlite = source.downcast_ref::<rusqlite::Error>();
    sqlite.and_then(rusqlite::Error::sqlite_error_code) == Some(rusqlite::ErrorCode::NotADatabase)
}

/// A write-ahead log needs memory shared between all who open it, which file systems of the network lack.
fn journal_for(directory: &Path) -> Journal {
    // Magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, AFS, Ceph, 9P, Coda, NCP.
    const NETWORK: [u64; 9] =
        [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F, 0x00C3_6400, 0x0102_1997, 0x7375_7245, 0x564C];
    match rustix::fs::statfs(directory) {
        Ok(status) if NETWORK.contains(&(status.f_type as u64 & 0xFFFF_FFFF)) => Journal::Delete,
        _ => Journal::Wal,
    }
}
