//! A handle on one execution, running or not.

use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::id::Seq;
use crate::model::{Blob, Entry, ExecutionInfo};
use crate::run::{Run, decode_own};
use crate::store::{Purpose, RollbackPlan, Seen, Store};

/// One durable run of a workflow, addressed by its id.
#[derive(Clone, Debug)]
pub struct Execution {
    store: Store,
    id: String,
}

impl Execution {
    pub(crate) fn new(store: Store, id: String) -> Execution {
        Execution { store, id }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What the store knows of it now.
    pub fn info(&self) -> Result<ExecutionInfo> {
        self.store.info(&self.id)
    }

    /// Everything one can return to, oldest first: each finished step leaves one.
    pub fn checkpoints(&self) -> Result<Vec<Entry>> {
        self.store.entries(&self.id, false, Seq::ZERO, None)
    }

    /// What it returned, when it is completed.
    pub fn result<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(value) = self.store.execution_result(&self.id)? else { return Ok(None) };
        decode_own(&format!("the result of {:?}", self.id), Some(value)).map(Some)
    }

    /// What [`Execution::rollback`] would do.
    pub fn plan_rollback(&self, to: Seq) -> Result<RollbackPlan> {
        self.store.plan_rollback(&self.id, to)
    }

    /// Continues it: takes the lease, and answers from the record up to the head.
    pub fn resume(&self) -> Result<Run> {
        Run::begin(&self.store, Purpose::Run, &self.info()?.workflow, &self.id, None, None)
    }

    /// Runs code against the record: nothing is written, and what is not recorded is a divergence.
    pub fn replay(&self) -> Result<Run> {
        Run::replay(&self.store, &self.id)
    }
}

impl Store {
    /// Begins an execution of `workflow`, or resumes it, and takes its lease: one writer at a time.
    ///
    /// On a finished execution the run answers from the record and writes nothing.
    pub fn begin(&self, workflow: &str, id: &str) -> Result<Run> {
        Run::begin(self, Purpose::Run, workflow, id, None, None)
    }

    /// Like [`Store::begin`], recording what the workflow was given and where its code is.
    pub fn begin_with(&self, workflow: &str, id: &str, input: Option<&Blob>, source: Option<&str>) -> Result<Run> {
        Run::begin(self, Purpose::Run, workflow, id, input, source)
    }

    /// Takes the lease to work beside the workflow, whatever the execution's status, which stays as it is.
    pub fn attach(&self, workflow: &str, id: &str) -> Result<Run> {
        Run::begin(self, Purpose::Attach, workflow, id, None, None)
    }

    /// Takes the lease to run an invocation of a host framework, as [`Store::attach`] does; a cancelled execution gives none.
    pub fn enter(&self, workflow: &str, id: &str) -> Result<Run> {
        Run::begin(self, Purpose::Enter, workflow, id, None, None)
    }

    /// Takes it for an invocation that has begun, unless somebody had it meanwhile, or saved a newer state.
    pub fn join(&self, workflow: &str, seen: &Seen) -> Result<Run> {
        Run::begin(self, Purpose::Join(seen), workflow, seen.id(), None, None)
    }

    /// The handle of an execution that exists.
    pub fn execution(&self, id: &str) -> Result<Execution> {
        self.info(id)?;
        Ok(Execution::new(self.clone(), id.to_owned()))
    }
}
