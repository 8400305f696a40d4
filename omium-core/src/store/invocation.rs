//! Invocations of a host framework: what one saw when it began decides whether it may save, and take the lease (I4).

use std::sync::Arc;

use parking_lot::Mutex;

use super::Store;
use super::lease::refuse_if_held;
use super::open::Shared;
use super::record::{Leased, check_name, find_leased, refused};
use super::state::newest;
use crate::error::{Error, Result};
use crate::id::{ExecutionRow, FencingToken};
use crate::index::{ExecutionRecord, Index};
use crate::machine::{Refusal, Writer};
use crate::model::Status;

/// The scope of a host's outermost states.
const OUTERMOST: &str = "";

/// What an invocation of a host framework saw of an execution when it began, and what it saved since.
#[derive(Clone, Debug)]
pub struct Seen {
    id: String,
    token: FencingToken,
    knows: Arc<Mutex<Knows>>,
}

#[derive(Debug, Default)]
struct Knows {
    /// None while there is no such execution. Rows are never used again, so a deleted execution is not mistaken for another.
    row: Option<ExecutionRow>,
    /// The greatest key of an outermost state that it saw, saved or runs from.
    newest: Option<String>,
}

/// Who saves a state or pending writes of a host framework.
#[derive(Clone, Copy, Debug, Default)]
pub enum By<'a> {
    /// Nobody's invocation: an edit from outside.
    #[default]
    Outside,
    /// An invocation that has taken no lease.
    Seen(&'a Seen),
    /// One that holds it.
    Leased(&'a Leased),
}

impl Seen {
    /// Whether there was ever a lease on it: then what runs it records more than states.
    #[must_use]
    pub fn leased_once(&self) -> bool {
        self.token > FencingToken(0)
    }

    /// The greatest key of an outermost state that it saw, saved or runs from.
    #[must_use]
    pub fn newest(&self) -> Option<String> {
        self.knows.lock().newest.clone()
    }

    /// It runs from the outermost state with `key` now, which it may save later: nothing that is older is in its way.
    pub fn runs_from(&self, key: &str) {
        let mut knows = self.knows.lock();
        if knows.newest.as_deref().is_none_or(|newest| newest < key) {
            knows.newest = Some(key.to_owned());
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn token(&self) -> FencingToken {
        self.token
    }

    /// Whether no state is newer than what this invocation runs from.
    pub(super) fn is_current(&self, index: &Index, record: &ExecutionRecord) -> Result<bool> {
        let found = newest(index, record, &index.lineage(record)?, OUTERMOST)?;
        Ok(found.is_none_or(|(key, _)| self.knows.lock().newest.as_ref().is_some_and(|known| key <= *known)))
    }

    pub(super) fn is_of(&self, record: &ExecutionRecord) -> bool {
        self.knows.lock().row.is_none_or(|row| row == record.row)
    }
}

impl Store {
    /// What an invocation of a host framework builds on that begins now. Refused while somebody living runs the execution,
    /// and when that was cancelled.
    pub fn observe(&self, id: &str) -> Result<Seen> {
        check_name("an execution's id", id)?;
        let (shared, now_ms) = (self.shared()?, self.now_ms());
        shared.running.refuse_other(id, None)?;
        shared.read(|index| {
            let mut seen =
                Seen { id: id.to_owned(), token: FencingToken(0), knows: Arc::new(Mutex::new(Knows::default())) };
            if let Some(record) = index.execution(id)? {
                refuse_if_held(&shared, index, &record, now_ms)?;
                if record.state.status == Status::Cancelled {
                    return Err(refused(Refusal::Finished(Status::Cancelled), &record));
                }
                seen.token = record.state.token;
                let found = newest(index, &record, &index.lineage(&record)?, OUTERMOST)?;
                *seen.knows.lock() = Knows { row: Some(record.row), newest: found.map(|(key, _)| key) };
            }
            Ok(seen)
        })
    }
}

/// Who saves, kept over a transaction.
#[derive(Clone)]
pub(super) enum Author {
    Outside,
    Seen(Seen),
    Leased(Leased),
}

impl Author {
    pub(super) fn of(by: By<'_>) -> Author {
        match by {
            By::Outside => Author::Outside,
            By::Seen(seen) => Author::Seen(seen.clone()),
            By::Leased(lease) => Author::Leased(lease.clone()),
        }
    }

    /// The execution it saves to, which begins with what an invocation that saw none saves first.
    pub(super) fn find_or_begin(
        &self,
        index: &Index,
        id: &str,
        workflow: &str,
        now_ms: u64,
    ) -> Result<ExecutionRecord> {
        let begin = || index.insert_execution(ExecutionRecord::new(id, workflow, now_ms));
        let fenced = || Err(Error::Fenced { execution: id.to_owned() });
        match (self, index.execution(id)?) {
            (Author::Leased(lease), _) => find_leased(index, lease),
            (Author::Seen(seen), Some(record)) => {
                if seen.is_of(&record) {
                    Ok(record)
                } else {
                    fenced()
                }
            }
            (Author::Seen(seen), None) => {
                if seen.knows.lock().row.is_none() {
                    begin()
                } else {
                    fenced()
                }
            }
            (Author::Outside, Some(record)) => Ok(record),
            (Author::Outside, None) => begin(),
        }
    }

    pub(super) fn writer(&self, shared: &Shared, index: &Index, record: &ExecutionRecord, now_ms: u64) -> Writer {
        match self {
            Author::Leased(lease) => Writer::Leased(lease.token),
            Author::Seen(seen) => Writer::Began(seen.token),
            Author::Outside => Writer::Outside { held: self.refuse_other(shared, index, record, now_ms).is_err() },
        }
    }

    /// What a refusal of the machine means to it: who holds the lease, if somebody living does.
    pub(super) fn refused(
        &self,
        refusal: Refusal,
        shared: &Shared,
        index: &Index,
        record: &ExecutionRecord,
        now_ms: u64,
    ) -> Error {
        match refusal {
            Refusal::Fenced | Refusal::Held => match self.refuse_other(shared, index, record, now_ms) {
                Err(held) => held,
                Ok(()) => refused(refusal, record),
            },
            Refusal::Finished(_) | Refusal::NoSuchEntry => refused(refusal, record),
        }
    }

    /// Called within the transaction: what the invocation saves is what it runs from next.
    pub(super) fn saves(&self, scope: &str, key: &str) {
        if let Author::Seen(seen) = self
            && scope == OUTERMOST
        {
            seen.runs_from(key);
        }
    }

    /// Called when the transaction has committed: from then on it is this execution, and no other one of its id.
    pub(super) fn saved(&self, row: ExecutionRow) {
        if let Author::Seen(seen) = self {
            seen.knows.lock().row.get_or_insert(row);
        }
    }

    fn refuse_other(&self, shared: &Shared, index: &Index, record: &ExecutionRecord, now_ms: u64) -> Result<()> {
        let own = match self {
            Author::Leased(lease) => Some(lease.key()),
            Author::Seen(_) | Author::Outside => None,
        };
        shared.running.refuse_other(&record.uid, own)?;
        refuse_if_held(shared, index, record, now_ms)
    }
}
