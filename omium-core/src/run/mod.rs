//! The live handle: code asks for a place in the record, and leaves its outcome there.

mod claim;
mod failed;
mod inputs;
mod landing;
mod scope;
mod step;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

pub use claim::{Call, Claim, Outcomes};
pub(crate) use failed::{failed_meta, failure_note};
pub(crate) use inputs::Inputs;
pub use scope::{Scope, Strand};
pub(crate) use value::{Recordable, decode_own, encode};

use landing::Landing;

use crate::error::{Error, Result};
use crate::execution::Execution;
use crate::id::Seq;
use crate::machine::{Cursor, ENDED};
use crate::model::{Blob, Kind, Status, is_undo};
use crate::store::{Begun, Leased, Purpose, Store, rollback_cut_short};

/// A running execution, which holds its lease: one writer at a time.
///
/// [`Run::step`] is all a sequential program needs. [`Run::claim`] and what follows it are for code that brings
/// its own scopes, inputs and threads, such as a language binding.
#[must_use = "a run that is dropped without Run::complete stays unfinished, to be resumed"]
#[derive(Debug)]
pub struct Run {
    live: Arc<Live>,
    /// Of what this handle's strand records.
    scope: String,
    /// What this handle's own strand has reached.
    reached: Seq,
    /// How often it has begun strands beside each other.
    scopes: u32,
}

/// What the strands of a run share.
#[derive(Debug)]
struct Live {
    store: Store,
    id: String,
    workflow: String,
    lease: Option<Leased>,
    cursor: Mutex<Cursor>,
    status: Mutex<Status>,
    ran: Mutex<u64>,
    landing: Landing,
    usage: Mutex<BTreeMap<String, i64>>,
    epoch: u32,
    taken_from: Option<String>,
    pid: u32,
}

impl Run {
    pub(crate) fn begin(
        store: &Store,
        purpose: Purpose<'_>,
        workflow: &str,
        id: &str,
        input: Option<&Blob>,
        source: Option<&str>,
    ) -> Result<Run> {
        let runs_on = matches!(purpose, Purpose::Run);
        let begun = store.begin_leased(purpose, workflow, id, input, source)?;
        let undoing =
            begun.lease.is_some() && begun.recorded.places.last().is_some_and(|place| is_undo(&place.address.scope));
        let run = Run::new(store, id, begun);
        // Code must not run forward from effects of which some are undone and others are not.
        if runs_on && undoing {
            return Err(rollback_cut_short(id));
        }
        Ok(run)
    }

    pub(crate) fn replay(store: &Store, id: &str) -> Result<Run> {
        Ok(Run::new(store, id, store.begin_recorded(id)?))
    }

    fn new(store: &Store, id: &str, begun: Begun) -> Run {
        let record_only = begun.lease.is_none();
        let live = Live {
            store: store.clone(),
            id: id.to_owned(),
            workflow: begun.workflow,
            cursor: Mutex::new(Cursor::new(id, begun.recorded.places, record_only)),
            lease: begun.lease,
            status: Mutex::new(begun.status),
            ran: Mutex::new(0),
            landing: Landing::default(),
            usage: Mutex::new(begun.recorded.usage),
            epoch: begun.epoch,
            taken_from: begun.taken_from,
            pid: std::process::id(),
        };
        Run { live: Arc::new(live), scope: String::new(), reached: Seq::ZERO, scopes: 0 }
    }

    /// The execution's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.live.id
    }

    /// The workflow it runs.
    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.live.workflow
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.live.status.lock()
    }

    /// Whether everything is answered from the record and nothing runs.
    #[must_use]
    pub fn is_record_only(&self) -> bool {
        self.live.lease.is_none()
    }

    /// How many entries the record held when the run began.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.live.cursor.lock().len()
    }

    /// How many of them were answered so far.
    #[must_use]
    pub fn replayed(&self) -> usize {
        self.live.cursor.lock().answered()
    }

    /// How many entries this run added so far.
    #[must_use]
    pub fn ran(&self) -> u64 {
        *self.live.ran.lock()
    }

    /// How many rollbacks the execution had when the run began.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.live.epoch
    }

    /// `host:pid` of the process that died with this execution's lease, if one did.
    #[must_use]
    pub fn taken_from(&self) -> Option<&str> {
        self.live.taken_from.as_deref()
    }

    /// Counters summed over the whole log, those of abandoned lineages and of this run included.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<String, i64> {
        self.live.usage.lock().clone()
    }

    /// Forgets what was claimed in `scope` and below: code that runs there again is answered from the record
    /// again, entries of this very run included.
    pub fn restart(&self, scope: &str) {
        self.live.cursor.lock().restart(scope);
    }

    /// Whether a recorded entry was answered in this run.
    #[must_use]
    pub fn consumed(&self, seq: Seq) -> bool {
        self.live.cursor.lock().consumed(seq)
    }

    /// Whether the record holds something before `seq` in that scope which the code has not asked for, though strands
    /// ran beside each other there: one that waits for it returns in the order of the record.
    #[must_use]
    pub fn unasked_before(&self, scope: &str, seq: Seq) -> bool {
        self.live.cursor.lock().unasked_before(scope, seq)
    }

    /// Waits no longer for what was recorded before `seq` in that scope: nobody asks for it.
    pub fn overlook(&self, scope: &str, seq: Seq) {
        self.live.cursor.lock().overlook(scope, seq);
    }

    /// Ends the run with its result.
    pub fn complete<T: Serialize>(self, result: &T) -> Result<Execution> {
        let blob = encode("the result", result)?;
        self.finish(Status::Completed, Some(&blob), None)?;
        Ok(Execution::new(self.live.store.clone(), self.live.id.clone()))
    }

    /// Ends or suspends the run. A run that only reads the record has nothing to end.
    pub fn finish(&self, status: Status, result: Option<&Blob>, error: Option<String>) -> Result<()> {
        if let Some(lease) = &self.live.lease {
            self.own()?;
            self.live.store.settle(lease, status, result, error)?;
            *self.live.status.lock() = status;
        }
        Ok(())
    }

    /// Ends the run with an error. `ended_by` are the failures on record that led to it: resuming tries them again, even if
    /// parallel strands went on recording after them.
    pub fn fail_run(&self, error: String, ended_by: &[Seq]) -> Result<()> {
        for &seq in ended_by {
            let parallel = self.live.lease.is_some() && self.live.cursor.lock().goes_on_after(seq);
            if parallel {
                let digest = seq.0.to_le_bytes();
                let call = Call { kind: Kind::Note, scope: "", name: ENDED, digest: &digest, prev: seq, spawned: true };
                let claim = self.claim(call)?;
                self.commit(&claim, Outcomes::default())?;
            }
        }
        self.finish(Status::Failed, None, Some(error))
    }

    /// Ends this run of an execution that waits to be told something; returns the error that says so.
    pub(crate) fn wait(&self, seq: Seq, question: &str) -> Result<Error> {
        let waiting = Error::Waiting { execution: self.live.id.clone(), seq, question: question.to_owned() };
        self.finish(Status::Waiting, None, Some(waiting.to_string()))?;
        Ok(waiting)
    }

    /// Gives the lease back and leaves the execution as it is, to be resumed by anybody.
    pub fn release(&self) -> Result<()> {
        self.live.release()
    }

    /// The place of a call on this handle's strand, in its scope.
    pub(crate) fn next<'a>(&'a self, kind: Kind, name: &'a str, digest: &'a [u8]) -> Call<'a> {
        Call { kind, scope: &self.scope, name, digest, prev: self.reached, spawned: false }
    }

    /// The lease, for what is saved beside the run: [`By::Leased`](crate::By::Leased).
    pub fn lease(&self) -> Result<&Leased> {
        self.own()
    }

    pub(crate) fn reached(&self) -> Seq {
        self.reached
    }

    /// The strand has come to that entry. Answers out of order do not take it back.
    pub(crate) fn reach(&mut self, seq: Seq) {
        self.reached = self.reached.max(seq);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.live.store
    }
}

impl Live {
    fn release(&self) -> Result<()> {
        match &self.lease {
            Some(lease) if self.pid == std::process::id() => self.store.release(lease),
            _ => Ok(()),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A lease that stays is one whose owner dies with the process; nobody is there to be told.
        let _ = self.release();
    }
}
