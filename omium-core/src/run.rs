//! The live handle: code asks for a place in the record, and leaves its outcome there.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::Seq;
use crate::machine::{Claimed, Cursor, ENDED, Place, Ticket};
use crate::model::{Address, Blob, Entry, Kind, Outcome, Status, scope_within};
use crate::store::{Append, Begun, Durability, Leased, Purpose, Store, Values};

/// A running execution, which holds its lease: one writer at a time.
///
/// [`Run::step`] is all a sequential program needs. [`Run::claim`] and what follows it are for code that brings
/// its own scopes, inputs and threads, such as a language binding.
#[must_use = "a run that is dropped without Run::complete stays unfinished, to be resumed"]
#[derive(Debug)]
pub struct Run {
    store: Store,
    id: String,
    workflow: String,
    lease: Option<Leased>,
    cursor: Mutex<Cursor>,
    status: Mutex<Status>,
    ran: Mutex<u64>,
    usage: Mutex<BTreeMap<String, i64>>,
    epoch: u32,
    taken_from: Option<String>,
    pid: u32,
    /// What this handle's own strand has reached.
    reached: Seq,
}

/// What a piece of code is, for finding its place.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What it records.
    pub kind: Kind,
    /// The path of the claim around it; empty at the top.
    pub scope: &'a str,
    /// Its name.
    pub name: &'a str,
    /// A digest of its inputs; empty when only the name identifies it.
    pub digest: &'a [u8],
    /// The seq its strand (thread or task) has reached.
    pub prev: Seq,
    /// Whether it is the first call of a new strand.
    pub spawned: bool,
}

/// A place in the record. Finish it with [`Run::commit`], [`Run::fail`] or [`Run::abandon`].
#[derive(Clone, Debug)]
pub struct Claim {
    kind: Kind,
    scope: String,
    name: String,
    key: String,
    occurrence: u32,
    prev: Seq,
    spawned: bool,
    path: String,
    /// The outcome, when there is one: the code must not run.
    pub recorded: Option<Entry>,
    /// An effect that began and left no receipt.
    pub intent: Option<Entry>,
}

impl Claim {
    /// The scope it is in.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Name and digest of the inputs.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
    /// The how-manieth with this scope and key.
    #[must_use]
    pub fn occurrence(&self) -> u32 {
        self.occurrence
    }
    /// The scope of whatever the claimed code calls in turn.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// What is left at a claimed place.
#[derive(Clone, Debug, Default)]
pub struct Outcomes<'a> {
    /// What the code returned, or what is to be known of its failure.
    pub value: Option<&'a Blob>,
    /// What it was given.
    pub input: Option<&'a Blob>,
    /// Remarks.
    pub meta: Option<&'a Blob>,
    /// Counters.
    pub usage: Vec<(String, i64)>,
    /// How often it was tried; 0 counts as once.
    pub attempts: u32,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<u64>,
}

impl Run {
    pub(crate) fn begin(
        store: &Store,
        purpose: Purpose,
        workflow: &str,
        id: &str,
        input: Option<&Blob>,
        source: Option<&str>,
    ) -> Result<Run> {
        Ok(Run::new(store, id, store.begin_leased(purpose, workflow, id, input, source)?))
    }

    pub(crate) fn replay(store: &Store, id: &str) -> Result<Run> {
        Ok(Run::new(store, id, store.begin_recorded(id)?))
    }

    fn new(store: &Store, id: &str, begun: Begun) -> Run {
        let record_only = begun.lease.is_none();
        Run {
            store: store.clone(),
            id: id.to_owned(),
            workflow: begun.workflow,
            cursor: Mutex::new(Cursor::new(id, begun.recorded.places, record_only)),
            lease: begun.lease,
            status: Mutex::new(begun.status),
            ran: Mutex::new(0),
            usage: Mutex::new(begun.recorded.usage),
            epoch: begun.epoch,
            taken_from: begun.taken_from,
            pid: std::process::id(),
            reached: Seq::ZERO,
        }
    }

    /// The execution's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workflow it runs.
    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.lock()
    }

    /// Whether everything is answered from the record and nothing runs.
    #[must_use]
    pub fn is_record_only(&self) -> bool {
        self.lease.is_none()
    }

    /// How many entries the record held when the run began.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.cursor.lock().len()
    }

    /// How many of them were answered so far.
    #[must_use]
    pub fn replayed(&self) -> usize {
        self.cursor.lock().answered()
    }

    /// How many entries this run added so far.
    #[must_use]
    pub fn ran(&self) -> u64 {
        *self.ran.lock()
    }

    /// How many rollbacks the execution had when the run began.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// `host:pid` of the process that died with this execution's lease, if one did.
    #[must_use]
    pub fn taken_from(&self) -> Option<&str> {
        self.taken_from.as_deref()
    }

    /// Counters summed over the whole log, those of abandoned lineages and of this run included.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<String, i64> {
        self.usage.lock().clone()
    }

    /// Forgets what was claimed in `scope` and below: code that runs there again is answered from the record
    /// again, entries of this very run included.
    pub fn restart(&self, scope: &str) {
        self.cursor.lock().restart(scope);
    }

    /// Whether a recorded entry was answered in this run.
    #[must_use]
    pub fn consumed(&self, seq: Seq) -> bool {
        self.cursor.lock().consumed(seq)
    }

    /// Runs `body` once per record: what it returned is durable before this returns, and a resumed run gets
    /// it back without running `body` again.
    pub fn step<T: Serialize + DeserializeOwned>(&mut self, name: &str, body: impl FnOnce() -> T) -> Result<T> {
        self.try_step(name, || Ok::<T, BoxError>(body()))
    }

    /// Like [`Run::step`] for a body that can fail. A failure is recorded and returned as [`Error::Step`]; the
    /// same step tried again takes the same place.
    pub fn try_step<T, E>(&mut self, name: &str, body: impl FnOnce() -> Result<T, E>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        let call = Call { kind: Kind::Step, scope: "", name, digest: &[], prev: self.reached, spawned: false };
        let claim = self.claim(call)?;
        if let Some(entry) = &claim.recorded {
            return self.answer(name, entry);
        }
        let started_ms = Some(self.store.now_ms());
        match body() {
            Ok(value) => {
                let blob = encode(name, &value)?;
                let outcome = Outcomes { value: Some(&blob), started_ms, ..Outcomes::default() };
                self.reached = self.commit(&claim, outcome)?;
                Ok(value)
            }
            Err(error) => {
                let source: BoxError = error.into();
                let outcome = Outcomes { started_ms, ..Outcomes::default() };
                self.reached = self.fail(&claim, &source.to_string(), outcome)?;
                Err(Error::Step { step: name.to_owned(), source })
            }
        }
    }

    /// Takes the next place for `call`. A divergence is found here, before anything runs.
    pub fn claim(&self, call: Call<'_>) -> Result<Claim> {
        let ticket = Ticket {
            scope: call.scope.to_owned(),
            key: key(call.name, call.digest),
            name: call.name.to_owned(),
            prev: call.prev,
            spawned: call.spawned,
        };
        let (claimed, failures) = {
            let mut cursor = self.cursor.lock();
            let claimed = cursor.claim(&ticket)?;
            let (Claimed::Recorded { occurrence, .. }
            | Claimed::InDoubt { occurrence, .. }
            | Claimed::Fresh { occurrence }) = &claimed;
            let failures = cursor.failures(&ticket.scope, &ticket.key, *occurrence);
            (claimed, failures)
        };
        let (recorded, intent, occurrence) = match claimed {
            Claimed::Recorded { seq, occurrence } => (Some(self.store.entry(&self.id, seq)?), None, occurrence),
            Claimed::InDoubt { seq, occurrence } => (None, Some(self.store.entry(&self.id, seq)?), occurrence),
            Claimed::Fresh { occurrence } => (None, None, occurrence),
        };
        Ok(Claim {
            kind: call.kind,
            path: scope_within(&ticket.scope, &ticket.key, occurrence, failures),
            scope: ticket.scope,
            name: ticket.name,
            key: ticket.key,
            occurrence,
            prev: call.prev,
            spawned: call.spawned,
            recorded,
            intent,
        })
    }

    /// The place of a recorded entry, taken again: to settle an intent from outside the program.
    pub fn claim_at(&self, seq: Seq) -> Result<Claim> {
        let entry = self.store.entry(&self.id, seq)?;
        let latest = self.store.latest_at(&self.id, &entry)?;
        let ticket = Ticket {
            scope: entry.scope().to_owned(),
            key: entry.key().to_owned(),
            name: entry.name().to_owned(),
            prev: entry.prev(),
            spawned: entry.spawned(),
        };
        let intent = latest.outcome() == Outcome::Intent;
        Ok(Claim {
            kind: entry.kind(),
            path: entry.path(),
            occurrence: entry.occurrence(),
            recorded: Some(latest.clone()).filter(|_| !intent),
            intent: Some(latest).filter(|_| intent),
            scope: ticket.scope,
            name: ticket.name,
            key: ticket.key,
            prev: ticket.prev,
            spawned: ticket.spawned,
        })
    }

    /// Records what the claimed code returned.
    pub fn commit(&self, claim: &Claim, outcome: Outcomes<'_>) -> Result<Seq> {
        self.append(claim, Outcome::Done, None, self.store.durability(), &outcome)
    }

    /// Records that an effect is about to begin; durable on disk before this returns, in every mode (I9).
    pub fn intend(&self, claim: &Claim, outcome: Outcomes<'_>) -> Result<Seq> {
        self.append(claim, Outcome::Intent, None, Durability::Strict, &outcome)
    }

    /// Records that the claimed code failed, and gives its place back.
    pub fn fail(&self, claim: &Claim, error: &str, outcome: Outcomes<'_>) -> Result<Seq> {
        let seq = self.append(claim, Outcome::Failed, Some(error.to_owned()), self.store.durability(), &outcome)?;
        self.cursor.lock().fail(&claim.scope, &claim.key, claim.occurrence);
        Ok(seq)
    }

    /// Gives a place back without a record.
    pub fn abandon(&self, claim: &Claim) {
        self.cursor.lock().give_back(&claim.scope, &claim.key, claim.occurrence);
    }

    /// Ends the run with its result.
    pub fn complete<T: Serialize>(self, result: &T) -> Result<Execution> {
        let blob = encode("the result", result)?;
        self.finish(Status::Completed, Some(&blob), None)?;
        Ok(Execution::new(self.store.clone(), self.id.clone()))
    }

    /// Ends or suspends the run. A run that only reads the record has nothing to end.
    pub fn finish(&self, status: Status, result: Option<&Blob>, error: Option<String>) -> Result<()> {
        if let Some(lease) = &self.lease {
            self.own()?;
            self.store.settle(lease, status, result, error)?;
            *self.status.lock() = status;
        }
        Ok(())
    }

    /// Ends the run with an error. `ended_by` are the failures on record that led to it: resuming tries them again, even if
    /// parallel strands went on recording after them.
    pub fn fail_run(&self, error: String, ended_by: &[Seq]) -> Result<()> {
        for &seq in ended_by {
            let parallel = self.lease.is_some() && self.cursor.lock().goes_on_after(seq);
            if parallel {
                let digest = seq.0.to_le_bytes();
                let call = Call { kind: Kind::Note, scope: "", name: ENDED, digest: &digest, prev: seq, spawned: true };
                let claim = self.claim(call)?;
                self.commit(&claim, Outcomes::default())?;
            }
        }
        self.finish(Status::Failed, None, Some(error))
    }

    /// Gives the lease back and leaves the execution as it is, to be resumed by anybody.
    pub fn release(&self) -> Result<()> {
        match &self.lease {
            Some(lease) if self.pid == std::process::id() => self.store.release(lease),
            _ => Ok(()),
        }
    }

    /// What is on record, as the code would have got it.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self, name: &str, entry: &Entry) -> Result<T> {
        self.reached = entry.seq();
        match entry.outcome() {
            Outcome::Failed => Err(recorded_failure(name, entry)),
            Outcome::Done | Outcome::Intent => self.decode(name, entry),
        }
    }

    pub(crate) fn reached(&self) -> Seq {
        self.reached
    }

    pub(crate) fn reach(&mut self, seq: Seq) {
        self.reached = seq;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    fn append(
        &self,
        claim: &Claim,
        outcome: Outcome,
        error: Option<String>,
        durability: Durability,
        left: &Outcomes<'_>,
    ) -> Result<Seq> {
        let lease = self.own()?;
        let entry = Append {
            kind: claim.kind,
            outcome,
            scope: claim.scope.clone(),
            key: claim.key.clone(),
            name: claim.name.clone(),
            occurrence: claim.occurrence,
            prev: claim.prev,
            spawned: claim.spawned,
            started_ms: left.started_ms,
            attempts: left.attempts.max(1),
            error,
            usage: left.usage.clone(),
        };
        let values = Values { value: left.value, input: left.input, meta: left.meta };
        let seq = self.store.append(lease, durability, entry, values)?;
        *self.ran.lock() += 1;
        for (counter, count) in &left.usage {
            *self.usage.lock().entry(counter.clone()).or_default() += count;
        }
        if outcome != Outcome::Failed {
            let Claim { kind, scope, key, name, occurrence, prev, spawned, .. } = claim.clone();
            let address = Address { scope, key, occurrence };
            self.cursor.lock().add(Place { seq, kind, address, name, prev, spawned, outcome });
        }
        Ok(seq)
    }

    /// The lease, if this process may still use it: a forked child may not write for its parent.
    fn own(&self) -> Result<&Leased> {
        match &self.lease {
            Some(lease) if self.pid == std::process::id() => Ok(lease),
            Some(_) => Err(Error::Fenced { execution: self.id.clone() }),
            None => {
                Err(Error::invalid(format!("execution {:?} is only being replayed; nothing may be recorded", self.id)))
            }
        }
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, entry: &Entry) -> Result<T> {
        let bytes = self.store.value(entry)?.map(|value| value.read()).transpose()?.unwrap_or_default();
        rmp_serde::from_slice(&bytes)
            .map_err(|source| Error::NotSerializable { what: format!("step {what:?}"), source: source.into() })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A lease that stays is one whose owner dies with the process; nobody is there to be told.
        let _ = self.release();
    }
}

/// A failure the code handled when it was recorded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RecordedFailure(String);

fn recorded_failure(step: &str, entry: &Entry) -> Error {
    let source = RecordedFailure(entry.error().unwrap_or_default().to_owned());
    Error::Step { step: step.to_owned(), source: source.into() }
}

pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Blob> {
    let bytes = rmp_serde::to_vec_named(value);
    bytes
        .map(Blob::msgpack)
        .map_err(|source| Error::NotSerializable { what: format!("step {what:?}"), source: source.into() })
}

/// A key: the name, and the digest of the inputs when they matter.
fn key(name: &str, digest: &[u8]) -> String {
    if digest.is_empty() {
        return name.to_owned();
    }
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}~{hex}")
}
