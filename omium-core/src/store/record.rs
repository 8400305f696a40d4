//! Writing to an execution: entries and their values, in one transaction.

use std::sync::Arc;

use super::Store;
use super::commit::Patience;
use super::open::Shared;
use super::options::Durability;
use super::prepare::{Batch, Pending, Placed, Series};
use super::running::LeaseKey;
use crate::error::{Error, Result};
use crate::id::{ExecutionRow, FencingToken, Seq};
use crate::index::{EntryRow, ExecutionRecord, Index};
use crate::machine::{self, Command, Effect, Refusal};
use crate::model::{Blob, Kind, Outcome, Record, Slot, Status};

/// A lease on an execution.
#[derive(Clone, Debug)]
pub struct Leased {
    pub(crate) id: String,
    pub(crate) row: ExecutionRow,
    pub(crate) token: FencingToken,
    /// Where the code that runs under it is: the execution's source, once that code has recorded something.
    pub(crate) source: Option<String>,
}

impl Leased {
    pub(super) fn key(&self) -> LeaseKey {
        (self.row, self.token)
    }
}

/// An entry to be added, before its values are in the store.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    pub kind: Kind,
    pub outcome: Outcome,
    pub scope: String,
    pub key: String,
    pub name: String,
    pub occurrence: u32,
    pub prev: Seq,
    pub spawned: bool,
    pub started_ms: Option<u64>,
    pub attempts: u32,
    pub error: Option<String>,
    pub usage: Vec<(String, i64)>,
    /// Whether somebody outside settles with it what code had begun.
    pub settles: bool,
}

impl Append {
    pub(super) fn record(&self, parent: Seq, now_ms: u64) -> Record {
        Record {
            parent,
            outcome: self.outcome,
            name: self.name.clone(),
            occurrence: self.occurrence,
            prev: self.prev,
            spawned: self.spawned,
            created_ms: now_ms,
            duration_ms: self.started_ms.map_or(0, |started| now_ms.saturating_sub(started)),
            attempts: self.attempts,
            parent_key: None,
            whole: true,
            value: None,
            input: None,
            meta: None,
            values: Vec::new(),
            error: self.error.clone(),
            usage: self.usage.clone(),
        }
    }
}

/// The values of an entry, by their place in the record.
#[derive(Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    pub value: Option<&'a Blob>,
    pub input: Option<&'a Blob>,
    pub meta: Option<&'a Blob>,
}

impl Store {
    /// Prepares values, then runs `job` with them in a transaction; again if a garbage collection came between.
    pub(super) fn place<P, T>(
        &self,
        durability: Durability,
        prepare: impl Fn(&mut Batch<'_>) -> Result<P>,
        job: impl Fn(&Index, &Placed, &P) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T>
    where
        P: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.place_with(durability, Patience::None, prepare, job)
    }

    /// Like [`Store::place`], waiting for company if that is wanted.
    pub(super) fn place_with<P, T>(
        &self,
        durability: Durability,
        patience: Patience,
        prepare: impl Fn(&mut Batch<'_>) -> Result<P>,
        job: impl Fn(&Index, &Placed, &P) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T>
    where
        P: Send + Sync + 'static,
        T: Send + 'static,
    {
        let shared = self.shared()?;
        let job = Arc::new(job);
        loop {
            let name = || self.nonce();
            let mut batch = Batch::start(&shared, &name, durability != Durability::Process)?;
            let prepared = prepare(&mut batch)?;
            let sealed = batch.seal()?;
            let segments = sealed.segments();
            let committed = {
                let job = Arc::clone(&job);
                shared.commit_with(durability, patience, move |index| match sealed.place(index)? {
                    None => Ok(None),
                    Some(placed) => job(index, &placed, &prepared).map(|done| Some((done, placed))),
                })
            };
            match committed {
                Ok(Some((done, placed))) => {
                    remember(&shared, placed);
                    return Ok(done);
                }
                Ok(None) => {
                    discard(&shared, &segments);
                    shared.forget();
                }
                Err(error) => {
                    // After a failed commit it is not known whether the row is there: then the file stays.
                    if !matches!(error, Error::Unavailable { .. }) {
                        discard(&shared, &segments);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Adds an entry under a lease.
    pub(crate) fn append(
        &self,
        lease: &Leased,
        durability: Durability,
        entry: Append,
        values: Values<'_>,
    ) -> Result<Seq> {
        check_name("a step's name", &entry.name)?;
        let now_ms = self.now_ms();
        let shared = self.shared()?;
        let lease = lease.clone();
        let series = |what| Some(Series::of(&[&lease.id, &entry.scope, &entry.name, what]));
        let (value, input, meta) = (series("value"), series("input"), series("meta"));
        let entry = entry.clone();
        let lease = lease.clone();
        self.place(
            durability,
            |batch| {
                let mut add = |blob: Option<&Blob>, series| {
                    blob.map(|blob| batch.add(&blob.codec, &blob.bytes, series)).transpose()
                };
                Ok([add(values.value, value)?, add(values.input, input)?, add(values.meta, meta)?])
            },
            move |index, placed, [value, input, meta]| {
                let mut execution = find_leased(index, &lease)?;
                let token = lease.token;
                let command = if entry.settles { Command::Answer { token } } else { Command::Append { token } };
                let (state, effect) =
                    machine::apply(&execution.state, command).map_err(|refusal| refused(refusal, &execution))?;
                let Some(Effect::Append { seq, parent }) = effect else { return Ok(execution.state.head) };
                let slot = |pending: &Option<Pending>| -> Result<Option<Slot>> {
                    pending.as_ref().map(|pending| placed.slot(index, pending)).transpose()
                };
                let record = Record {
                    value: slot(value)?,
                    input: slot(input)?,
                    meta: slot(meta)?,
                    ..entry.record(parent, now_ms)
                };
                index.insert_entry(&EntryRow {
                    execution: execution.row,
                    seq,
                    kind: entry.kind,
                    scope: entry.scope.clone(),
                    key: entry.key.clone(),
                    group: None,
                    record,
                })?;
                execution.state = state;
                if execution.state.status == Status::Running {
                    // What ended it, or what it waited for, is over: this entry goes on from there.
                    execution.error = None;
                }
                if entry.kind != Kind::Note {
                    // What is noted of code, such as that it diverged, does not say that the record is of its making.
                    execution.source = lease.source.clone().or(execution.source);
                }
                execution.updated_ms = now_ms;
                shared.liveness.me(index, now_ms)?;
                index.update_execution(&execution)?;
                Ok(seq)
            },
        )
    }
}

/// The execution, or the error that says there is none.
pub(super) fn find(index: &Index, id: &str) -> Result<ExecutionRecord> {
    index.execution(id)?.ok_or_else(|| Error::ExecutionNotFound { id: id.to_owned() })
}

/// The execution a lease is on, which may be gone, and another one of its id be there.
pub(super) fn find_leased(index: &Index, lease: &Leased) -> Result<ExecutionRecord> {
    let found = index.execution(&lease.id)?.filter(|record| record.row == lease.row);
    found.ok_or_else(|| Error::Fenced { execution: lease.id.clone() })
}

/// What a refusal of the machine means to the caller.
pub(super) fn refused(refusal: Refusal, record: &ExecutionRecord) -> Error {
    match refusal {
        Refusal::Fenced | Refusal::Held => Error::Fenced { execution: record.uid.clone() },
        Refusal::Finished(Status::Cancelled) => Error::invalid(format!(
            "execution {0:?} was cancelled: go on under another id, or roll it back, to its head if nothing is to fall",
            record.uid
        )),
        Refusal::Finished(status) => {
            Error::invalid(format!("execution {:?} is {} already", record.uid, status.as_str()))
        }
        Refusal::NoSuchEntry => Error::EntryNotFound {
            execution: record.uid.clone(),
            seq: record.state.last.next(),
            last: record.state.last,
        },
    }
}

/// Names go into keys and onto screens: any Unicode, but not a novel.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    const NAME_BYTES_MAX: usize = 64 << 10;
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!("{what} may have {NAME_BYTES_MAX} bytes, not {}", name.len())));
    }
    Ok(())
}

fn remember(shared: &Shared, placed: Placed) {
    for (digest, row) in placed.known {
        shared.known.insert(digest, row, 1);
    }
    for (series, anchor) in placed.anchors {
        let weight = anchor.tokens.len() + 1;
        shared.anchors.insert(series.0, anchor, weight);
    }
}

/// Removes segments no row names. A file that stays is found by gc.
fn discard(shared: &Shared, segments: &[String]) {
    segments.iter().for_each(|name| drop(shared.segments.remove(name)));
}
