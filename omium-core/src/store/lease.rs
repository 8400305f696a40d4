//! The lease on an execution: begin, settle, release. One writer at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::invocation::{Author, By, Seen};
use super::open::Shared;
use super::options::Durability;
use super::record::{Leased, check_name, find, find_leased, refused};
use super::{Store, open};
use crate::error::{Error, Result};
use crate::id::Seq;
use crate::index::{EntryRow, ExecutionRecord, Index};
use crate::machine::{self, Command, Place};
use crate::model::{Address, Blob, Kind, Record, Status};

/// An execution as a run finds it.
pub(crate) struct Begun {
    pub workflow: String,
    pub status: Status,
    /// None when the execution is finished: there is nothing to write.
    pub lease: Option<Leased>,
    pub epoch: u32,
    /// `host:pid` of the owner who died with the lease.
    pub taken_from: Option<String>,
    pub recorded: Recorded,
}

/// What the log holds when a run begins.
#[derive(Default)]
pub(crate) struct Recorded {
    /// The live entries, in order.
    pub places: Vec<Place>,
    /// Counters summed over all entries, live or not: what was paid stays paid.
    pub usage: BTreeMap<String, i64>,
}

/// Why somebody takes a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// To run the workflow. A finished execution is only read.
    Run,
    /// To work beside the workflow: compensations, answers. The status stays as it is, and a finished execution can be
    /// written to.
    Attach,
    /// To run an invocation of a host framework: as to attach, and not to a cancelled execution.
    Enter,
    /// The same for one that has begun already, if nobody was there meanwhile.
    Join(&'a Seen),
}

impl Store {
    /// Begins an execution, or resumes it, and takes its lease.
    pub(crate) fn begin_leased(
        &self,
        purpose: Purpose<'_>,
        workflow: &str,
        id: &str,
        input: Option<&Blob>,
        source: Option<&str>,
    ) -> Result<Begun> {
        check_name("a workflow's name", workflow)?;
        check_name("an execution's id", id)?;
        let shared = self.shared()?;
        shared.writer()?;
        shared.liveness.announce(|| self.nonce())?;
        // Within a process this is the lease; the row is for everybody else.
        shared.running.take(id)?;
        let begun = self.take_lease(&shared, purpose, workflow, id, input, source);
        let lease = begun.as_ref().ok().and_then(|begun| begun.lease.as_ref());
        shared.running.settle(id, lease.map(Leased::key));
        begun
    }

    fn take_lease(
        &self,
        shared: &Arc<Shared>,
        purpose: Purpose<'_>,
        workflow: &str,
        id: &str,
        input: Option<&Blob>,
        source: Option<&str>,
    ) -> Result<Begun> {
        let now_ms = self.now_ms();
        let (workflow, id, source) = (workflow.to_owned(), id.to_owned(), source.map(str::to_owned));
        let with = Arc::clone(shared);
        let runs = matches!(purpose, Purpose::Run);
        let enters = matches!(purpose, Purpose::Enter);
        let author = match purpose {
            Purpose::Join(seen) => Author::of(By::Seen(seen)),
            Purpose::Run | Purpose::Attach | Purpose::Enter => Author::Outside,
        };
        let by = author.clone();
        let (record, lease, taken_from) = self.place(
            self.options.durability,
            |batch| input.map(|blob| batch.add(&blob.codec, &blob.bytes, None)).transpose(),
            move |index, placed, input| {
                let known = index.execution(&id)?.is_some();
                let mut record = author.find_or_begin(index, &id, &workflow, now_ms)?;
                if !known {
                    record.input = input.as_ref().map(|pending| placed.slot(index, pending)).transpose()?;
                }
                if record.workflow != workflow {
                    return Err(Error::invalid(format!(
                        "execution {id:?} belongs to workflow {:?}, not {workflow:?}; use another id",
                        record.workflow
                    )));
                }
                let finished = matches!(record.state.status, Status::Completed | Status::Cancelled);
                if finished && runs {
                    return Ok((record, None, None));
                }
                refuse_if_held(&with, index, &record, now_ms)?;
                let dead = record.owner.map(|id| index.owner(id)).transpose()?.flatten();
                let dead = dead.filter(|owner| !with.liveness.is_me(owner));
                let dead = dead.map(|owner| format!("{}:{}", owner.host, owner.pid));
                let command = match &author {
                    Author::Seen(seen) => {
                        Command::Join { began: seen.token(), current: seen.is_current(index, &record)? }
                    }
                    Author::Outside | Author::Leased(_) if enters => Command::Enter,
                    Author::Outside | Author::Leased(_) => Command::Lease,
                };
                record.state = machine::apply(&record.state, command).map_err(|refusal| refused(refusal, &record))?.0;
                if runs {
                    record.state.status = Status::Running;
                    record.error = None;
                }
                record.owner = with.liveness.me(index, now_ms)?;
                record.updated_ms = now_ms;
                record.source = record.source.or(source.clone());
                index.update_execution(&record)?;
                let (row, token) = (record.row, record.state.token);
                let lease = Leased { id: id.clone(), row, token, source: source.clone() };
                Ok((record, Some(lease), dead))
            },
        )?;
        by.saved(record.row);
        Ok(Begun {
            status: record.state.status,
            lease,
            epoch: record.state.epoch,
            taken_from,
            recorded: recorded(shared, &record)?,
            workflow: record.workflow,
        })
    }

    /// An execution as its record has it, for reading along: takes no lease and writes nothing.
    pub(crate) fn begin_recorded(&self, id: &str) -> Result<Begun> {
        let shared = self.shared()?;
        let record = shared.read(|index| find(index, id))?;
        let recorded = recorded(&shared, &record)?;
        let (status, epoch) = (record.state.status, record.state.epoch);
        Ok(Begun { workflow: record.workflow, status, lease: None, epoch, taken_from: None, recorded })
    }

    /// Ends or suspends a run and gives its lease back.
    pub(crate) fn settle(
        &self,
        lease: &Leased,
        status: Status,
        result: Option<&Blob>,
        error: Option<String>,
    ) -> Result<()> {
        let now_ms = self.now_ms();
        let shared = self.shared()?;
        let (lease, given_back) = (lease.clone(), lease.clone());
        self.place(
            self.options.durability,
            |batch| result.map(|blob| batch.add(&blob.codec, &blob.bytes, None)).transpose(),
            move |index, placed, result| {
                let mut record = find_leased(index, &lease)?;
                let command = Command::Settle { token: lease.token, status };
                record.state = machine::apply(&record.state, command).map_err(|refusal| refused(refusal, &record))?.0;
                record.result = result.as_ref().map(|pending| placed.slot(index, pending)).transpose()?;
                record.error = error.clone();
                if status == Status::Completed {
                    // Code that was answered all the way is the code of the record, wherever it moved to.
                    record.source = lease.source.clone().or(record.source);
                }
                record.owner = None;
                record.updated_ms = now_ms;
                index.update_execution(&record)
            },
        )?;
        shared.running.give_back(&given_back.id, given_back.key());
        Ok(())
    }

    /// Gives a lease back without a word about the run. Somebody who took it over keeps it.
    pub(crate) fn release(&self, lease: &Leased) -> Result<()> {
        let shared = self.shared()?;
        let (lease, given_back) = (lease.clone(), lease.clone());
        // Nothing depends on this surviving: a dead owner's lease does not block.
        let released = shared.commit(Durability::Process, move |index| {
            let Some(mut record) = index.execution(&lease.id)? else { return Ok(()) };
            if (record.row, record.state.token) == lease.key() && record.owner.is_some() {
                record.owner = None;
                index.update_execution(&record)?;
            }
            Ok(())
        });
        shared.running.give_back(&given_back.id, given_back.key());
        released
    }
}

/// Refuses while somebody else, who is or may be alive, holds the lease.
pub(super) fn refuse_if_held(
    shared: &open::Shared,
    index: &Index,
    record: &ExecutionRecord,
    now_ms: u64,
) -> Result<()> {
    let Some(owner) = record.owner.map(|id| index.owner(id)).transpose()?.flatten() else { return Ok(()) };
    if shared.liveness.is_me(&owner) {
        return Ok(());
    }
    match shared.liveness.alive(&owner, now_ms) {
        (false, _) => Ok(()),
        (true, expires_at) => Err(Error::LeaseHeld {
            execution: record.uid.clone(),
            owner: format!("{}:{}", owner.host, owner.pid),
            expires_at,
        }),
    }
}

/// The log as a run wants it.
fn recorded(shared: &Shared, record: &ExecutionRecord) -> Result<Recorded> {
    shared.read(|index| {
        let mut recorded = Recorded::default();
        let mut steps_only = true;
        let lineage = index.lineage(record)?;
        index.entries(record.row, Seq(1), record.state.last, |entry| {
            let EntryRow { seq, kind, scope, key, record, .. } = entry;
            for (counter, count) in record.usage {
                *recorded.usage.entry(counter).or_default() += count;
            }
            if lineage.contains(seq) {
                let Record { name, occurrence, prev, spawned, outcome, .. } = record;
                steps_only &= kind != Kind::State;
                let address = Address { scope, key, occurrence };
                recorded.places.push(Place { seq, kind, address, name, prev, spawned, outcome });
            }
            Ok(())
        })?;
        super::check::complete(record, &lineage, recorded.places.len() as u64, steps_only)?;
        Ok(recorded)
    })
}
