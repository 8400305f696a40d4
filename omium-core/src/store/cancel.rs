//! Ending an execution from outside, and removing one.

use super::Store;
use super::lease::refuse_if_held;
use super::record::{find, refused};
use crate::error::Result;
use crate::machine::{self, Command};

impl Store {
    /// Ends an execution. Whoever runs it may record nothing more.
    pub fn cancel(&self, id: &str) -> Result<()> {
        let (id, now_ms) = (id.to_owned(), self.now_ms());
        self.shared()?.commit(self.options.durability, move |index| {
            let mut record = find(index, &id)?;
            record.state =
                machine::apply(&record.state, Command::Cancel).map_err(|refusal| refused(refusal, &record))?.0;
            record.owner = None;
            record.updated_ms = now_ms;
            index.update_execution(&record)
        })
    }

    /// Removes an execution with its whole history; false when there is none. Its bytes go with the next gc.
    pub fn delete(&self, id: &str) -> Result<bool> {
        let shared = self.shared()?;
        shared.running.refuse_other(id, None)?;
        let (id, now_ms, with) = (id.to_owned(), self.now_ms(), shared.clone());
        shared.commit(self.options.durability, move |index| {
            let Some(record) = index.execution(&id)? else { return Ok(false) };
            refuse_if_held(&with, index, &record, now_ms)?;
            index.delete_execution(record.row)?;
            Ok(true)
        })
    }
    /// Removes an execution even while somebody runs it, who may record nothing more; false when there is none.
    pub fn delete_running(&self, id: &str) -> Result<bool> {
        let shared = self.shared()?;
        let uid = id.to_owned();
        let deleted = shared.commit(self.options.durability, move |index| {
            let Some(record) = index.execution(&uid)? else { return Ok(false) };
            index.delete_execution(record.row)?;
            Ok(true)
        })?;
        shared.running.forget(id);
        Ok(deleted)
    }
}
