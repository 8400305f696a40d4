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

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Take the lease, to run or to change the lineage.
    Lease,
    /// Add an entry after the head, under a lease.
    Append { token: FencingToken },
    /// Add what somebody outside knows of an entry, under a lease: it has what waited for it go on, and revives nothing.
    Answer { token: FencingToken },
    /// Add an entry of a host framework, which orders its own writers and says what the run is doing.
    Adopt { status: Option<Status> },
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
        Command::Adopt { status } => {
            next.status = status.unwrap_or(state.status);
            Some(append(&mut next, state.head))
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
        Command::RollBack { to } if to == state.head => None,
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

#[cfg(test)]
mod tests;
