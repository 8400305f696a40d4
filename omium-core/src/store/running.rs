//! The executions this process runs: within a process, this is the lease.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::error::Error;
use crate::id::{ExecutionRow, FencingToken};

/// Which lease it is: a deleted execution's is never mistaken for that of another one of the same id.
pub(super) type LeaseKey = (ExecutionRow, FencingToken);

#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<String, Option<LeaseKey>>>);

impl Running {
    /// Takes the place, before it is known which lease that will be.
    pub(super) fn take(&self, id: &str) -> Result<(), Error> {
        let mut held = self.0.lock();
        if held.contains_key(id) {
            return Err(here(id));
        }
        held.insert(id.to_owned(), None);
        Ok(())
    }

    /// What was taken is this lease; without one the place is free again.
    pub(super) fn settle(&self, id: &str, hold: Option<LeaseKey>) {
        let mut held = self.0.lock();
        match hold {
            Some(hold) => drop(held.insert(id.to_owned(), Some(hold))),
            None => drop(held.remove(id)),
        }
    }

    /// Gives a lease back; that of somebody who came after it stays.
    pub(super) fn give_back(&self, id: &str, hold: LeaseKey) {
        let mut held = self.0.lock();
        if held.get(id) == Some(&Some(hold)) {
            held.remove(id);
        }
    }

    /// The execution is gone, and with it whatever lease there was on it.
    pub(super) fn forget(&self, id: &str) {
        let mut held = self.0.lock();
        if matches!(held.get(id), Some(Some(_))) {
            held.remove(id);
        }
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.lock().contains_key(id)
    }

    /// Refuses while a lease other than `own` is held here.
    pub(super) fn refuse_other(&self, id: &str, own: Option<LeaseKey>) -> Result<(), Error> {
        match self.0.lock().get(id) {
            Some(hold) if own.is_none() || *hold != own => Err(here(id)),
            _ => Ok(()),
        }
    }
}

fn here(id: &str) -> Error {
    let owner = format!("{}:{} (this process)", super::owner::host(), std::process::id());
    Error::LeaseHeld { execution: id.to_owned(), owner, expires_at: None }
}
