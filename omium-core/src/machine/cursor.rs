//! Matching running code against the record, by address.
//!
//! An address is (scope, key, occurrence). Parallel code commits in any order, so order alone proves nothing;
//! but within one *strand* (a thread or task) the program is sequential, and every entry knows what its strand
//! had reached when it began. When the record holds a successor on the same strand and the code asks for
//! something that is not on record, the code has changed: that is a divergence, found before anything runs. What is on
//! record is answered wherever it is asked for, since a strand that waits for others asks in the order they complete.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Divergence;
use super::divergence::readable;
use super::task::{follows, is_joined, task_of};
use super::unasked::Unasked;
use crate::id::Seq;
use crate::model::{Address, Kind, Outcome, UNDO};

/// What the cursor needs to know of a recorded entry.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub seq: Seq,
    pub kind: Kind,
    pub address: Address,
    pub name: String,
    pub prev: Seq,
    pub spawned: bool,
    pub outcome: Outcome,
}

/// A place the code asks for.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub scope: String,
    pub key: String,
    pub name: String,
    pub prev: Seq,
    pub spawned: bool,
}

/// What the code gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Recorded there: answer it, run nothing.
    Recorded { seq: Seq, occurrence: u32 },
    /// An effect began there and left no receipt.
    InDoubt { seq: Seq, occurrence: u32 },
    /// Not recorded: run it.
    Fresh { occurrence: u32 },
}

/// The record of one execution as a running program sees it.
#[derive(Debug)]
pub(crate) struct Cursor {
    execution: String,
    places: Vec<Place>,
    /// What is recorded at an address: failures that were handled, and then the outcome.
    by_address: HashMap<Address, Vec<usize>>,
    /// What followed on a strand; None where the record has several successors, so that none is *the* next.
    by_strand: HashMap<(String, Seq), Option<usize>>,
    taken: HashMap<(String, String), BTreeSet<u32>>,
    failures: HashMap<Address, u32>,
    consumed: HashSet<Seq>,
    /// The failures on record, by scope and key.
    failed: HashMap<(String, String), Vec<usize>>,
    /// Failures from which their own strand went on.
    handled: HashSet<Seq>,
    unasked: Unasked,
    /// Scopes in which strands ran beside each other.
    concurrent: HashSet<String>,
    recorded: usize,
    answered: usize,
    record_only: bool,
}

impl Cursor {
    /// Over live entries in seq order. With `record_only` a miss is a divergence too.
    pub(crate) fn new(execution: &str, recorded: Vec<Place>, record_only: bool) -> Cursor {
        let lost = failures_without_a_place(&recorded, record_only);
        let kept = || recorded.iter().filter(|place| !lost.contains(&place.seq));
        let went_on: HashSet<Seq> = kept().filter(|place| place.kind != Kind::Note).map(|place| place.prev).collect();
        let failed = kept().filter(|place| place.outcome == Outcome::Failed).map(|place| place.seq);
        let mut cursor = Cursor {
            execution: execution.to_owned(),
            places: Vec::with_capacity(recorded.len()),
            by_address: HashMap::new(),
            by_strand: HashMap::new(),
            taken: HashMap::new(),
            failures: HashMap::new(),
            consumed: HashSet::new(),
            failed: HashMap::new(),
            handled: failed.filter(|seq| went_on.contains(seq)).collect(),
            unasked: Unasked::of(kept()),
            concurrent: kept().filter(|place| place.spawned).map(|place| place.address.scope.clone()).collect(),
            recorded: recorded.len(),
            answered: 0,
            record_only,
        };
        for place in recorded {
            if !lost.contains(&place.seq) {
                cursor.index(place);
            }
        }
        cursor
    }

    /// Adds an entry this very run has recorded, for code that runs at the same place again.
    pub(crate) fn add(&mut self, place: Place) {
        self.consumed.insert(place.seq);
        self.index(place);
    }

    fn index(&mut self, place: Place) {
        let index = self.places.len();
        if !place.spawned {
            let next = self.by_strand.entry((place.address.scope.clone(), place.prev)).or_insert(Some(index));
            // A later entry at the same address is the one that counts: a receipt after its intent. One at another
            // address says that what looked like one strand was several.
            let same = next.is_none_or(|at| at == index || self.places[at].address == place.address);
            *next = if next.is_some() && same { Some(index) } else { None };
        }
        if place.outcome == Outcome::Failed {
            let call = (place.address.scope.clone(), place.address.key.clone());
            self.failed.entry(call).or_default().push(index);
        }
        let at_address = self.by_address.entry(place.address.clone()).or_default();
        // A receipt settles its intent, which then no longer counts.
        at_address.retain(|&at| self.places[at].outcome != Outcome::Intent);
        at_address.push(index);
        self.places.push(place);
    }

    /// Forgets what was claimed in `scope` and below, so that code which runs there again is answered again.
    pub(crate) fn restart(&mut self, scope: &str) {
        let within = |at: &str| at.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.taken.retain(|(at, _), _| !within(at));
        self.failures.retain(|address, _| !within(&address.scope));
        for place in self.places.iter().filter(|place| within(&place.address.scope)) {
            self.consumed.remove(&place.seq);
        }
    }

    /// Takes the place for `ticket`, or tells how the code differs from the record.
    pub(crate) fn claim(&mut self, ticket: &Ticket) -> Result<Claimed, Box<Divergence>> {
        if !ticket.spawned
            && let Some(&Some(index)) = self.by_strand.get(&(ticket.scope.clone(), ticket.prev))
            && !self.consumed.contains(&self.places[index].seq)
        {
            if self.places[index].address.key == ticket.key {
                return Ok(self.answer(index));
            }
            return match self.out_of_order(ticket) {
                Some(other) => Ok(self.answer(other)),
                None => Err(self.divergence(Some(index), ticket)),
            };
        }
        let occurrence = self.lowest_free(ticket);
        let address = Address { scope: ticket.scope.clone(), key: ticket.key.clone(), occurrence };
        match self.at_address(&address, ticket).or_else(|| self.failed_here(ticket)) {
            Some(index) => Ok(self.answer(index)),
            None if self.record_only => {
                let nearest = self.nearest(ticket);
                Err(self.divergence(nearest, ticket))
            }
            None => {
                self.take(&ticket.scope, &ticket.key, occurrence);
                Ok(Claimed::Fresh { occurrence })
            }
        }
    }

    /// What the record holds of that call, where the strand went on to another one when it was recorded.
    fn out_of_order(&self, ticket: &Ticket) -> Option<usize> {
        let Ticket { scope, key, .. } = ticket;
        let at = |occurrence| Address { scope: scope.clone(), key: key.clone(), occurrence };
        let first = self.lowest_free(ticket);
        self.at_address(&at(first), ticket).or_else(|| {
            // Of equal calls the first may have been under way when the run ended, and the second on record.
            let taken = self.taken.get(&(scope.clone(), key.clone()));
            let same = |place: &&Place| place.address.scope == *scope && place.address.key == *key;
            let recorded = self.places.iter().filter(same).map(|place| place.address.occurrence);
            let next = recorded.filter(|each| taken.is_none_or(|taken| !taken.contains(each))).min()?;
            self.at_address(&at(next), ticket)
        })
    }

    /// What answers at an address: what this very point of the program left there, else a failure that its strand went
    /// on from, else the last outcome. A failure is answered once; what comes after it at the same address is another
    /// try.
    fn at_address(&self, address: &Address, ticket: &Ticket) -> Option<usize> {
        let open = |at: &&usize| !self.consumed.contains(&self.places[**at].seq);
        let here = |at: &&usize| {
            let place = &self.places[**at];
            place.prev == ticket.prev && place.spawned == ticket.spawned
        };
        let at_address = self.by_address.get(address)?;
        let tried = |at: &&usize| self.places[**at].outcome == Outcome::Failed && !open(at);
        at_address
            .iter()
            .find(|at| open(at) && here(at))
            .copied()
            .or_else(|| self.failed_here(ticket))
            .or_else(|| at_address.iter().copied().find(|at| open(&at) && self.handled.contains(&self.places[*at].seq)))
            .or_else(|| at_address.iter().copied().rev().find(|at| !tried(&at)))
    }

    /// An equal call that failed at this very point in a strand beside the others: each gave its place back, and the
    /// first of them is answered already.
    fn failed_here(&self, ticket: &Ticket) -> Option<usize> {
        let failed = self.failed.get(&(ticket.scope.clone(), ticket.key.clone()))?;
        let open = |place: &Place| !self.consumed.contains(&place.seq);
        let here = |place: &Place| place.prev == ticket.prev && place.spawned == ticket.spawned;
        failed.iter().copied().find(|&at| open(&self.places[at]) && here(&self.places[at]))
    }

    /// Notes a failure, answered or new, and gives its place back: it does not consume an occurrence.
    pub(crate) fn fail(&mut self, scope: &str, key: &str, occurrence: u32) {
        let address = Address { scope: scope.to_owned(), key: key.to_owned(), occurrence };
        *self.failures.entry(address).or_default() += 1;
        self.give_back(scope, key, occurrence);
    }

    /// How often the call at this address has failed so far in this run: what it calls in turn must not be
    /// answered with what an earlier, failed attempt called.
    pub(crate) fn failures(&self, scope: &str, key: &str, occurrence: u32) -> u32 {
        let address = Address { scope: scope.to_owned(), key: key.to_owned(), occurrence };
        self.failures.get(&address).copied().unwrap_or(0)
    }

    /// Gives a place back.
    pub(crate) fn give_back(&mut self, scope: &str, key: &str, occurrence: u32) {
        if let Some(taken) = self.taken.get_mut(&(scope.to_owned(), key.to_owned())) {
            taken.remove(&occurrence);
        }
    }

    pub(crate) fn consumed(&self, seq: Seq) -> bool {
        self.consumed.contains(&seq)
    }

    /// Whether the record holds something before `seq` in that scope which the code has not asked for, and another
    /// strand still may.
    pub(crate) fn unasked_before(&self, scope: &str, seq: Seq) -> bool {
        self.unasked.before(scope, seq)
    }

    /// Waits no longer for what was recorded before `seq` in that scope.
    pub(crate) fn overlook(&mut self, scope: &str, seq: Seq) {
        self.unasked.overlook(scope, seq);
    }

    /// Whether anything but failures and notes was recorded after `seq`.
    pub(crate) fn goes_on_after(&self, seq: Seq) -> bool {
        self.places.iter().rev().take_while(|place| place.seq > seq).any(Place::goes_on)
    }

    /// How many recorded entries were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered
    }

    /// How many entries the record held.
    pub(crate) fn len(&self) -> usize {
        self.recorded
    }

    fn answer(&mut self, index: usize) -> Claimed {
        let (seq, outcome) = (self.places[index].seq, self.places[index].outcome);
        let Address { scope, key, occurrence } = self.places[index].address.clone();
        self.consumed.insert(seq);
        for &at in &self.by_address[&self.places[index].address] {
            if at <= index {
                // What an earlier try left there is not asked for any more.
                self.unasked.asked(&scope, self.places[at].seq);
            }
        }
        self.answered += 1;
        if outcome == Outcome::Failed {
            self.fail(&scope, &key, occurrence);
        } else {
            self.take(&scope, &key, occurrence);
        }
        match outcome {
            Outcome::Intent => Claimed::InDoubt { seq, occurrence },
            Outcome::Done | Outcome::Failed => Claimed::Recorded { seq, occurrence },
        }
    }

    fn take(&mut self, scope: &str, key: &str, occurrence: u32) {
        self.taken.entry((scope.to_owned(), key.to_owned())).or_default().insert(occurrence);
    }

    fn lowest_free(&self, ticket: &Ticket) -> u32 {
        let Some(taken) = self.taken.get(&(ticket.scope.clone(), ticket.key.clone())) else { return 0 };
        // A loop takes 0, 1, 2 ...: then the set is full up to its length, and the common case is one look.
        let full = taken.len() as u32;
        if taken.last().is_some_and(|last| last + 1 == full) {
            return full;
        }
        (0..full).find(|occurrence| !taken.contains(occurrence)).unwrap_or(full)
    }

    /// The entry a reader would compare a miss with: next on the strand, else the same name, else the last.
    fn nearest(&self, ticket: &Ticket) -> Option<usize> {
        let strand = self.by_strand.get(&(ticket.scope.clone(), ticket.prev)).copied().flatten();
        let unconsumed = |index: &usize| !self.consumed.contains(&self.places[*index].seq);
        let same_name = || {
            (0..self.places.len())
                .filter(unconsumed)
                .find(|&i| self.places[i].name == ticket.name && self.places[i].address.scope == ticket.scope)
        };
        strand.filter(unconsumed).or_else(same_name)
    }

    fn divergence(&self, nearest: Option<usize>, ticket: &Ticket) -> Box<Divergence> {
        let place = nearest.map(|index| &self.places[index]);
        Box::new(Divergence {
            execution: self.execution.clone(),
            seq: place.map(|place| place.seq),
            expected: place.map(|place| readable(&place.address.scope, &place.name)),
            found: readable(&ticket.scope, &ticket.name),
            inputs_differ: place.is_some_and(|place| place.name == ticket.name),
            concurrent: !self.record_only && self.concurrent.contains(&ticket.scope),
            differences: Vec::new(),
        })
    }
}

/// The name of the notes that say which failure ended a run.
pub(crate) const ENDED: &str = "ended";

impl Place {
    fn is_ended_note(&self) -> bool {
        self.kind == Kind::Note && self.name == ENDED
    }

    fn goes_on(&self) -> bool {
        self.outcome != Outcome::Failed && self.kind != Kind::Note
    }
}

/// Failures that are not answered, but tried again.
///
/// The code handled a failure if it went on: then it is answered, for what came after depends on it. A failure that ended
/// the run is tried again. It is known by being the last thing that happened, or, where parallel strands went on for a
/// while, by a note that says so. In a host framework, which stops and saves when it likes, it is the last thing in its
/// task, and no task followed. A compensation that failed has stopped its rollback, whatever was answered since. A
/// replay only looks, and leaves out just those that a later try has settled.
fn failures_without_a_place(recorded: &[Place], record_only: bool) -> HashSet<Seq> {
    let continued: HashSet<Seq> =
        recorded.iter().filter(|place| place.kind != Kind::Note).map(|place| place.prev).collect();
    let ended: HashSet<Seq> = recorded.iter().filter(|place| place.is_ended_note()).map(|place| place.prev).collect();
    let mut goes_on = false;
    let mut joined = false;
    let mut tasks: HashSet<&str> = HashSet::new();
    let mut later: HashSet<(&Address, Seq, bool)> = HashSet::new();
    let mut lost = HashSet::new();
    for place in recorded.iter().rev() {
        // The code that handles a failure has moved on; another try at the very same point was a resume's, unless an
        // equal call failed there in a strand beside it, which went on.
        let again = !later.insert((&place.address, place.prev, place.spawned));
        let settled = again && !continued.contains(&place.seq);
        if place.outcome == Outcome::Failed {
            let stopped = place.address.scope == UNDO || ended.contains(&place.seq);
            let went_on = match task_of(&place.address.scope) {
                Some(task) => tasks.iter().any(|later| follows(later, task)) || (joined && is_joined(task)),
                None => goes_on,
            };
            let handled = !stopped && (went_on || continued.contains(&place.seq));
            if settled || !(handled || record_only) {
                lost.insert(place.seq);
            }
        }
        if place.goes_on() {
            goes_on = true;
            let task = task_of(&place.address.scope);
            joined |= task.is_none();
            tasks.extend(task);
        }
    }
    lost
}

#[cfg(test)]
mod tests;
