//! The pure state machine of one execution: `apply(state, command) -> (state, effects) | refusal`.
//!
//! No I/O, no clock, no randomness: what is decided here is tested as a table and with properties, and the
//! store carries it out inside one transaction.

mod cursor;
mod divergence;
mod lineage;
mod task;
mod unasked;

pub(crate) use cursor::{Claimed, Cursor, ENDED, Place, Ticket};
pub use divergence::Divergence;
pub(crate) use lineage::{Epoch, Lineage};
pub(crate) use task::strand_scope;

use crate::id::{FencingToken, Seq};
use crate::model::Status;

/// All that decides what may happen next to an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub status: Status,
    pub head: Seq,
    pub last: Seq,
    pub epoch: u32,
    pub token: FencingToken,
}

impl State {
    pub(crate) fn new() -> State {
        State { status: Status::Running, head: Seq::ZERO, last: Seq::ZERO, epoch: 0, token: FencingToken(0) }
    }
}

/// Who saves for a host framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// An invocation that holds the lease.
    Leased(FencingToken),
    /// One that has none, with the token there was when it began.
    Began(FencingToken),
    /// No invocation: an edit from outside, while `held` says whether somebody living has the lease.
    Outside { held: bool },
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Take the lease, to run or to change the lineage.
    Lease,
    /// Take the lease for an invocation of a host framework, which a cancelled execution does not give.
    Enter,
    /// Take it for an invocation that has begun already: `current` says whether what it runs from is the newest state.
    Join { began: FencingToken, current: bool },
    /// Add an entry after the head, under a lease.
    Append { token: FencingToken },
    /// Add what somebody outside knows of an entry, under a lease: it has what waited for it go on, and revives nothing.
    Answer { token: FencingToken },
    /// Add a state of a host framework, which says what the run is doing.
    Adopt { by: Writer, status: Option<Status> },
    /// Note pending writes of a host framework: no entry.
    Pend { by: Writer, status: Option<Status> },
    /// End or suspend the run.
    Settle { token: FencingToken, status: Status },
    /// End it for whoever runs it.
    Cancel,
    /// Move the head.
    RollBack { to: Seq },
}

/// What the store must write for a command to have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Append { seq: Seq, parent: Seq },
    Open(Epoch),
}

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Fenced,
    /// Somebody living holds the lease.
    Held,
    Finished(Status),
    NoSuchEntry,
}

/// Decides one command. The state and the effects belong into one transaction.
pub(crate) fn apply(state: &State, command: Command) -> Result<(State, Option<Effect>), Refusal> {
    let mut next = state.clone();
    let effect = match command {
        Command::Lease => {
            next.token = FencingToken(state.token.0 + 1);
            None
        }
        Command::Enter => {
            open_to_hosts(state)?;
            next.token = FencingToken(state.token.0 + 1);
            None
        }
        Command::Join { began, current } => {
            fence(state, began)?;
            open_to_hosts(state)?;
            // Two that began from one state and saved beside each other: the one that is not on top has lost.
            if !current {
                return Err(Refusal::Fenced);
            }
            next.token = FencingToken(state.token.0 + 1);
            None
        }
        Command::Append { token } => {
            fence(state, token)?;
            // What is noted on a cancelled execution does not revive it.
            if state.status != Status::Cancelled {
                next.status = Status::Running;
            }
            Some(append(&mut next, state.head))
        }
        Command::Answer { token } => {
            fence(state, token)?;
            if !matches!(state.status, Status::Completed | Status::Cancelled) {
                next.status = Status::Running;
            }
            Some(append(&mut next, state.head))
        }
        Command::Adopt { by, status } => {
            admit(state, by)?;
            next.status = status.unwrap_or(state.status);
            Some(append(&mut next, state.head))
        }
        Command::Pend { by, status } => {
            admit(state, by)?;
            // An answer to what has ended has nothing go on.
            let revives = state.status == Status::Completed && status == Some(Status::Running);
            next.status = status.filter(|_| !revives).unwrap_or(state.status);
            None
        }
        Command::Settle { token, status } => {
            fence(state, token)?;
            next.status = status;
            None
        }
        Command::Cancel => match state.status {
            Status::Completed | Status::Cancelled => return Err(Refusal::Finished(state.status)),
            Status::Running | Status::Waiting | Status::Failed => {
                next.status = Status::Cancelled;
                next.token = FencingToken(state.token.0 + 1);
                None
            }
        },
        Command::RollBack { to } if to > state.last => return Err(Refusal::NoSuchEntry),
        // A cancelled execution goes on from its very head, if that is asked for.
        Command::RollBack { to } if to == state.head && state.status != Status::Cancelled => None,
        Command::RollBack { to } => {
            next.head = to;
            next.epoch = state.epoch + 1;
            next.status = Status::Running;
            // Whoever ran the old lineage may not append to the new one (I4).
            next.token = FencingToken(state.token.0 + 1);
            Some(Effect::Open(Epoch { number: next.epoch, base: to, start: state.last }))
        }
    };
    Ok((next, effect))
}

fn append(next: &mut State, parent: Seq) -> Effect {
    let seq = next.last.next();
    next.last = seq;
    next.head = seq;
    Effect::Append { seq, parent }
}

fn fence(state: &State, token: FencingToken) -> Result<(), Refusal> {
    if token == state.token { Ok(()) } else { Err(Refusal::Fenced) }
}

/// Whether a host may save (I4).
fn admit(state: &State, by: Writer) -> Result<(), Refusal> {
    match by {
        Writer::Leased(token) | Writer::Began(token) => fence(state, token)?,
        Writer::Outside { held: true } => return Err(Refusal::Held),
        Writer::Outside { held: false } => {}
    }
    open_to_hosts(state)
}

/// A host begins its work anew by itself, so that only a rollback takes a cancellation back.
fn open_to_hosts(state: &State) -> Result<(), Refusal> {
    match state.status {
        Status::Cancelled => Err(Refusal::Finished(state.status)),
        Status::Running | Status::Waiting | Status::Failed | Status::Completed => Ok(()),
    }
}

#[cfg(test)]
mod tests;
