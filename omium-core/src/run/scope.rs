//! Strands of one program beside each other, each in a thread and a scope of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use parking_lot::Mutex;

use super::{Live, Run};
use crate::error::{Error, Result};
use crate::id::Seq;
use crate::machine::strand_scope;

/// What a strand failed with, until somebody is told.
type Slot = Arc<Mutex<Option<Error>>>;

/// Where strands begin: see [`Run::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    threads: &'scope thread::Scope<'scope, 'env>,
    live: Arc<Live>,
    /// The scope of the strand that spawns.
    around: String,
    reached: Seq,
    /// The how-manieth of the scopes of that strand.
    number: u32,
    spawned: RefCell<HashMap<String, u32>>,
    failures: RefCell<Vec<Slot>>,
}

/// A strand that was spawned.
#[must_use = "a strand that nobody joins is waited for, and what it returns is dropped"]
pub struct Strand<'scope, T> {
    thread: ScopedJoinHandle<'scope, Option<T>>,
    failure: Slot,
}

impl Run {
    /// Does things beside each other: each strand that `body` spawns gets a [`Run`] of its own, in a thread of its own, and
    /// records what it does in a scope of its own. Returns when all of them have ended.
    ///
    /// A resumed program must spawn strands of the same names in the same order; what they do meanwhile may end in any order.
    /// When they commit at the same time they share a sync of the disk. An error that `body` does not see, of a strand it has
    /// not joined, is returned.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = omium_core::Store::open(directory.path().join(".omium"))?;
    /// let mut run = store.begin("research", "report-42")?;
    /// let found = run.scope(|scope| {
    ///     let web = scope.spawn("web", |run| run.step("search", || "a page".to_owned()));
    ///     let books = scope.spawn("books", |run| run.step("search", || "a book".to_owned()));
    ///     Ok([web.join()?, books.join()?])
    /// })?;
    /// assert_eq!(found, ["a page", "a book"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope<'env, T, F>(&mut self, body: F) -> Result<T>
    where
        F: for<'scope> FnOnce(&Scope<'scope, 'env>) -> Result<T>,
    {
        self.scopes += 1;
        let (done, failures) = thread::scope(|threads| {
            let scope = Scope {
                threads,
                live: Arc::clone(&self.live),
                around: self.scope.clone(),
                reached: self.reached,
                number: self.scopes,
                spawned: RefCell::default(),
                failures: RefCell::default(),
            };
            (body(&scope), scope.failures.into_inner())
        });
        let done = done?;
        let unseen = failures.into_iter().find_map(|failure| failure.lock().take());
        unseen.map_or(Ok(done), Err)
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Begins a strand. Its name tells it from the others; of strands of one name, their order does.
    pub fn spawn<T, F>(&self, name: &str, body: F) -> Strand<'scope, T>
    where
        F: FnOnce(&mut Run) -> Result<T> + Send + 'scope,
        T: Send + 'scope,
    {
        let mut spawned = self.spawned.borrow_mut();
        let again = spawned.entry(name.to_owned()).or_default();
        let scope = strand_scope(&self.around, name, self.number, *again);
        *again += 1;
        let mut run = Run { live: Arc::clone(&self.live), scope, reached: self.reached, scopes: 0 };
        let failure = Slot::default();
        self.failures.borrow_mut().push(Arc::clone(&failure));
        let slot = Arc::clone(&failure);
        let thread = self.threads.spawn(move || body(&mut run).map_err(|error| slot.lock().replace(error)).ok());
        Strand { thread, failure }
    }
}

impl<T> Strand<'_, T> {
    /// What the strand returned, when it has ended. A panic in it goes on here.
    pub fn join(self) -> Result<T> {
        match self.thread.join() {
            Ok(Some(done)) => Ok(done),
            Ok(None) => {
                Err(self.failure.lock().take().unwrap_or_else(|| Error::invalid("the strand's error was taken")))
            }
            Err(panic) => resume_unwind(panic),
        }
    }
}
