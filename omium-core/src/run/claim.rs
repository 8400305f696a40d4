//! Places in the record: claimed by code before it runs, and left with its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::id::Seq;
use crate::machine::{Claimed, Place, Ticket};
use crate::model::{Address, Blob, Entry, Kind, Outcome, scope_within};
use crate::run::Run;
use crate::store::{Append, Durability, Leased, Values};

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
    settles: bool,
    /// The seq of what was committed last; 0 before that.
    landed: Arc<AtomicU64>,
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
    /// The entry its outcome has become, as soon as that is recorded: before the commit returns.
    #[must_use]
    pub fn landed(&self) -> Option<Seq> {
        Some(Seq(self.landed.load(Ordering::Acquire))).filter(|&seq| seq != Seq::ZERO)
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
            let mut cursor = self.live.cursor.lock();
            let claimed = cursor.claim(&ticket)?;
            let (Claimed::Recorded { occurrence, .. }
            | Claimed::InDoubt { occurrence, .. }
            | Claimed::Fresh { occurrence }) = &claimed;
            let failures = cursor.failures(&ticket.scope, &ticket.key, *occurrence);
            (claimed, failures)
        };
        let (recorded, intent, occurrence) = match claimed {
            Claimed::Recorded { seq, occurrence } => {
                (Some(self.live.store.entry(&self.live.id, seq)?), None, occurrence)
            }
            Claimed::InDoubt { seq, occurrence } => {
                (None, Some(self.live.store.entry(&self.live.id, seq)?), occurrence)
            }
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
            settles: false,
            landed: Arc::default(),
            recorded,
            intent,
        })
    }

    /// The place of a recorded entry, taken again: to settle an intent from outside the program.
    pub fn claim_at(&self, seq: Seq) -> Result<Claim> {
        let entry = self.live.store.entry(&self.live.id, seq)?;
        let latest = self.live.store.latest_at(&self.live.id, &entry)?;
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
            landed: Arc::default(),
            occurrence: entry.occurrence(),
            recorded: Some(latest.clone()).filter(|_| !intent),
            intent: Some(latest).filter(|_| intent),
            scope: ticket.scope,
            name: ticket.name,
            key: ticket.key,
            prev: ticket.prev,
            spawned: ticket.spawned,
            settles: true,
        })
    }

    /// Records what the claimed code returned.
    pub fn commit(&self, claim: &Claim, outcome: Outcomes<'_>) -> Result<Seq> {
        self.append(claim, Outcome::Done, None, self.live.store.durability(), &outcome)
    }

    /// Records that an effect is about to begin; durable on disk before this returns, in every mode (I9).
    pub fn intend(&self, claim: &Claim, outcome: Outcomes<'_>) -> Result<Seq> {
        self.append(claim, Outcome::Intent, None, Durability::Strict, &outcome)
    }

    /// Records that the claimed code failed, and gives its place back.
    pub fn fail(&self, claim: &Claim, error: &str, outcome: Outcomes<'_>) -> Result<Seq> {
        let seq =
            self.append(claim, Outcome::Failed, Some(error.to_owned()), self.live.store.durability(), &outcome)?;
        self.live.cursor.lock().fail(&claim.scope, &claim.key, claim.occurrence);
        Ok(seq)
    }

    /// Gives a place back without a record.
    pub fn abandon(&self, claim: &Claim) {
        self.live.cursor.lock().give_back(&claim.scope, &claim.key, claim.occurrence);
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
            settles: claim.settles,
        };
        let values = Values { value: left.value, input: left.input, meta: left.meta };
        let outcome_known = |seq: Seq| {
            if outcome != Outcome::Intent {
                claim.landed.store(seq.0, Ordering::Release);
            }
        };
        let append = || self.live.store.append(lease, durability, entry, values);
        let seq = self.live.landing.of(append, outcome_known)?;
        *self.live.ran.lock() += 1;
        for (counter, count) in &left.usage {
            *self.live.usage.lock().entry(counter.clone()).or_default() += count;
        }
        if outcome != Outcome::Failed {
            let Claim { kind, scope, key, name, occurrence, prev, spawned, .. } = claim.clone();
            let address = Address { scope, key, occurrence };
            self.live.cursor.lock().add(Place { seq, kind, address, name, prev, spawned, outcome });
        }
        Ok(seq)
    }

    /// The lease, if this process may still use it: a forked child may not write for its parent.
    pub(super) fn own(&self) -> Result<&Leased> {
        match &self.live.lease {
            Some(lease) if self.live.pid == std::process::id() => Ok(lease),
            Some(_) => Err(Error::Fenced { execution: self.live.id.clone() }),
            None => Err(Error::invalid(format!(
                "execution {:?} is only being replayed; nothing may be recorded",
                self.live.id
            ))),
        }
    }
}

/// A key: the name, and the digest of the inputs when they matter.
fn key(name: &str, digest: &[u8]) -> String {
    if digest.is_empty() {
        return name.to_owned();
    }
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}~{hex}")
}
