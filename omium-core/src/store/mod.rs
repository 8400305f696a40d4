//! The store: the only place where chunks, packs and the index meet.

mod backup;
mod cache;
mod cancel;
mod check;
mod commit;
mod durable;
mod entries;
mod fork;
mod gc;
mod handle;
mod invocation;
mod kept;
mod lease;
mod open;
mod options;
mod owner;
mod prepare;
mod prune;
mod read;
mod record;
mod rollback;
mod running;
mod state;
mod states;
mod stats;
mod transfer;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

pub use backup::Backup;
pub use check::{CheckReport, Depth};
pub use entries::Filter;
pub use fork::Edit;
pub use gc::Collected;
pub use handle::Value;
pub use invocation::{By, Seen};
pub(crate) use lease::{Begun, Purpose};
pub(crate) use open::Shared;
pub use options::{Durability, Options};
pub use prune::PrunePlan;
pub use record::Leased;
pub(crate) use record::{Append, Values};
pub use rollback::RollbackPlan;
pub(crate) use rollback::rollback_cut_short;
pub use state::{State, Write};
pub use states::{NewState, NewWrites};
pub use stats::Stats;

use crate::error::Result;
use crate::index::Journal;

/// Reports progress of long work: (done, of how many).
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// One store directory. Cheap to clone; handles on one directory share everything within a process.
///
/// A handle survives a fork of the process: the child opens the store anew at its first use.
#[derive(Clone)]
pub struct Store {
    directory: PathBuf,
    options: Options,
    shared: Arc<Mutex<Arc<Shared>>>,
}

impl Store {
    /// Opens the store in `directory`, and creates it if there is none.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path();
    /// let store = omium_core::Store::open(path.join(".omium"))?;
    /// let mut run = store.begin("research", "report-42")?;
    /// let sources: Vec<String> = run.step("search", || vec!["a paper".to_owned()])?;
    /// run.complete(&sources.len())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(directory: impl AsRef<Path>) -> Result<Store> {
        Store::open_with(directory, Options::default())
    }

    /// Opens the store in `directory` with other than the default options.
    pub fn open_with(directory: impl AsRef<Path>, options: Options) -> Result<Store> {
        let directory = directory.as_ref().to_path_buf();
        let shared = open::shared(&directory, &options)?;
        Ok(Store { directory, options, shared: Arc::new(Mutex::new(shared)) })
    }

    /// Empties the logs of all stores this process has open into their indexes: for a process about to end, whose
    /// handles nobody drops. Best effort: what stays in a log is as durable as it was.
    pub fn tidy_all() {
        open::tidy_all();
    }

    /// The directory, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// What an entry acknowledged through this handle survives.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// How the index makes commits atomic.
    pub fn journal(&self) -> Result<Journal> {
        Ok(self.shared()?.journal)
    }

    /// What the process shares, opened anew in a forked child.
    pub(crate) fn shared(&self) -> Result<Arc<Shared>> {
        let mut slot = self.shared.lock();
        if slot.pid != std::process::id() {
            let reopened = open::shared(&self.directory, &self.options)?;
            // SQLite forbids carrying a connection over a fork, even to close it: the parent's stay its own.
            std::mem::forget(std::mem::replace(&mut *slot, reopened));
        }
        Ok(Arc::clone(&slot))
    }

    /// Keeps code under a name, for every handle on this directory in this process.
    pub(crate) fn keep_code(&self, name: &str, code: Arc<dyn Any + Send + Sync>) -> Result<()> {
        self.shared()?.code.lock().insert(name.to_owned(), code);
        Ok(())
    }

    /// The code that was kept under a name last.
    pub(crate) fn kept_code(&self, name: &str) -> Result<Option<Arc<dyn Any + Send + Sync>>> {
        Ok(self.shared()?.code.lock().get(name).cloned())
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.options.clock.now_ms()
    }

    pub(crate) fn wait_ms(&self, ms: u64) {
        self.options.clock.wait_ms(ms);
    }

    pub(crate) fn nonce(&self) -> u128 {
        self.options.ids.nonce()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("directory", &self.directory).finish_non_exhaustive()
    }
}
