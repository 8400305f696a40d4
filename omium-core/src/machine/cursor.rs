//! Matching running code against the record, by address.
//!
//! An address is (scope, key, occurrence). Parallel code commits in any order, so order alone proves nothing;
//! but within one *strand* (a thread or task) the program is sequential, and every entry knows what its strand
//! had reached when it began. When the record holds a successor on the same strand and the code asks for
//! something else there, the code has changed: that is a divergence, found before anything runs.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Divergence;
use super::divergence::readable;
use crate::id::Seq;
use crate::model::{Address, Kind, Outcome};

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
    recorded: usize,
    answered: usize,
    record_only: bool,
}

impl Cursor {
    /// Over live entries in seq order. With `record_only` a miss is a divergence too.
    pub(crate) fn new(execution: &str, recorded: Vec<Place>, record_only: bool) -> Cursor {
        let lost = failures_without_a_place(&recorded, record_only);
        let mut cursor = Cursor {
            execution: execution.to_owned(),
            places: Vec::with_capacity(recorded.len()),
            by_address: HashMap::new(),
            by_strand: HashMap::new(),
            taken: HashMap::new(),
            failures: HashMap::new(),
            consumed: HashSet::new(),
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
            if self.places[index].address.key != ticket.key {
                return Err(self.divergence(Some(index), ticket));
            }
            return Ok(self.answer(index));
        }
        let occurrence = self.lowest_free(ticket);
        let address = Address { scope: ticket.scope.clone(), key: ticket.key.clone(), occurrence };
        match self.at_address(&address, ticket) {
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

    /// What answers at an address: what this very point of the program left there, else the last outcome. A
    /// failure is answered once; what comes after it at the same address is another try.
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
            .or_else(|| at_address.iter().rev().find(|at| !tried(at)))
            .copied()
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
/// while, by a note that says so. A replay only looks, and leaves out just those that a later try has settled.
fn failures_without_a_place(recorded: &[Place], record_only: bool) -> HashSet<Seq> {
    let continued: HashSet<Seq> =
        recorded.iter().filter(|place| place.kind != Kind::Note).map(|place| place.prev).collect();
    let ended: HashSet<Seq> = recorded.iter().filter(|place| place.is_ended_note()).map(|place| place.prev).collect();
    let mut goes_on = false;
    let mut later: HashSet<(&Address, Seq, bool)> = HashSet::new();
    let mut lost = HashSet::new();
    for place in recorded.iter().rev() {
        // The code that handles a failure has moved on; another try at the very same point was a resume's.
        let settled = !later.insert((&place.address, place.prev, place.spawned));
        if place.outcome == Outcome::Failed {
            let handled = !ended.contains(&place.seq) && (goes_on || continued.contains(&place.seq));
            if settled || !(handled || record_only) {
                lost.insert(place.seq);
            }
        }
        goes_on |= place.goes_on();
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: u64, key: &str, occurrence: u32, prev: u64, spawned: bool, outcome: Outcome) -> Place {
        let address = Address { scope: String::new(), key: key.to_owned(), occurrence };
        Place { seq: Seq(seq), kind: Kind::Step, address, name: key.to_owned(), prev: Seq(prev), spawned, outcome }
    }

    fn ticket(key: &str, prev: u64, spawned: bool) -> Ticket {
        Ticket { scope: String::new(), key: key.to_owned(), name: key.to_owned(), prev: Seq(prev), spawned }
    }

    fn done(seq: u64, key: &str, prev: u64) -> Place {
        place(seq, key, 0, prev, false, Outcome::Done)
    }

    #[test]
    fn the_record_answers_and_then_the_code_runs_live() {
        let mut cursor = Cursor::new("x", vec![done(1, "a", 0), done(2, "b", 1)], false);
        assert_eq!(cursor.claim(&ticket("a", 0, false)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("b", 1, false)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("b", 2, false)), Ok(Claimed::Fresh { occurrence: 1 }));
        assert_eq!((cursor.answered(), cursor.len()), (2, 2));
    }

    #[test]
    fn renamed_and_reordered_steps_diverge() {
        let record = || vec![done(1, "a", 0), done(2, "b", 1), done(3, "c", 2)];
        let mut renamed = Cursor::new("x", record(), false);
        renamed.claim(&ticket("a", 0, false)).unwrap();
        let divergence = renamed.claim(&ticket("b2", 1, false)).unwrap_err();
        assert_eq!(divergence.to_string(), "x@2 recorded b where the code now asks for b2");
        let mut reordered = Cursor::new("x", record(), false);
        assert_eq!(reordered.claim(&ticket("b", 0, false)).unwrap_err().seq, Some(Seq(1)));
    }

    #[test]
    fn a_nested_divergence_is_named_without_digests() {
        let scope = "compose~4e6a9f3ec54cd39ed263052f#0/again~4e6a9f3ec54cd39ed263052f#2~1";
        assert_eq!(readable(scope, "search"), "compose/again#2~1/search");
    }

    #[test]
    fn parallel_steps_match_in_any_order() {
        let spawned = |seq, key| place(seq, key, 0, 0, true, Outcome::Done);
        let mut cursor = Cursor::new("x", vec![spawned(1, "c"), spawned(2, "a")], false);
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("b", 0, true)), Ok(Claimed::Fresh { occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("c", 0, true)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
    }

    #[test]
    fn a_failed_attempt_gives_its_occurrence_back() {
        let mut cursor = Cursor::new("x", Vec::new(), false);
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 1 }));
        cursor.give_back("", "a", 0);
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 2 }));
    }

    #[test]
    fn a_handled_failure_is_answered_and_an_unhandled_one_is_tried_again() {
        let failed = place(1, "a", 0, 0, false, Outcome::Failed);
        let mut handled = Cursor::new("x", vec![failed.clone(), done(2, "b", 1)], false);
        assert_eq!(handled.claim(&ticket("a", 0, false)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
        let mut unhandled = Cursor::new("x", vec![failed], false);
        assert_eq!(unhandled.claim(&ticket("a", 0, false)), Ok(Claimed::Fresh { occurrence: 0 }));
    }

    #[test]
    fn each_of_several_failures_is_answered_once() {
        // Both tries failed and nothing came after the second: it ended the run.
        let failed = |seq, prev| place(seq, "a", 0, prev, false, Outcome::Failed);
        let mut cursor = Cursor::new("x", vec![failed(1, 0), failed(2, 1)], false);
        assert_eq!(cursor.claim(&ticket("a", 0, false)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("a", 1, false)), Ok(Claimed::Fresh { occurrence: 0 }));
    }

    #[test]
    fn failures_of_parallel_calls_the_code_went_on_from_are_answered_each() {
        let strand = |seq, key, outcome| place(seq, key, 0, 0, true, outcome);
        let gathered = || vec![strand(1, "a", Outcome::Failed), strand(2, "b", Outcome::Failed), done(3, "note", 0)];
        for record_only in [false, true] {
            let mut cursor = Cursor::new("x", gathered(), record_only);
            assert_eq!(cursor.claim(&ticket("b", 0, true)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
            assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
            assert_eq!(cursor.claim(&ticket("note", 0, false)), Ok(Claimed::Recorded { seq: Seq(3), occurrence: 0 }));
        }
    }

    #[test]
    fn a_failure_that_a_resume_settled_is_not_answered() {
        let strand = |seq, outcome| place(seq, "a", 0, 0, true, outcome);
        for record_only in [false, true] {
            let record = vec![strand(1, Outcome::Failed), strand(2, Outcome::Done), done(3, "b", 0)];
            let mut cursor = Cursor::new("x", record, record_only);
            assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
        }
    }

    #[test]
    fn the_failure_that_ended_a_run_is_tried_again_though_its_siblings_went_on() {
        let strand = |seq, key, outcome| place(seq, key, 0, 0, true, outcome);
        let note = Place { kind: Kind::Note, ..place(3, ENDED, 0, 1, true, Outcome::Done) };
        let record = vec![strand(1, "a", Outcome::Failed), strand(2, "b", Outcome::Done), note];
        let mut cursor = Cursor::new("x", record.clone(), false);
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 0 }));
        let mut replay = Cursor::new("x", record, true);
        assert_eq!(replay.claim(&ticket("a", 0, true)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
    }

    #[test]
    fn a_spawned_call_gets_its_own_failure_before_the_outcome() {
        let failed = place(1, "a", 0, 0, true, Outcome::Failed);
        let mut cursor = Cursor::new("x", vec![failed, done(2, "a", 1)], false);
        assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("a", 1, false)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
    }

    #[test]
    fn a_replay_answers_the_failure_a_run_ended_with_notes_after_it() {
        let note = Place { kind: Kind::Note, ..place(3, "n", 0, 0, true, Outcome::Done) };
        let record = vec![done(1, "a", 0), place(2, "b", 0, 1, false, Outcome::Failed), note];
        let mut cursor = Cursor::new("x", record, true);
        cursor.claim(&ticket("a", 0, false)).unwrap();
        assert_eq!(cursor.claim(&ticket("b", 1, false)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
    }

    #[test]
    fn a_receipt_settles_its_intent() {
        let intent = place(1, "charge", 0, 0, false, Outcome::Intent);
        let receipt = place(2, "charge", 0, 0, false, Outcome::Done);
        let mut open = Cursor::new("x", vec![intent.clone()], false);
        assert_eq!(open.claim(&ticket("charge", 0, false)), Ok(Claimed::InDoubt { seq: Seq(1), occurrence: 0 }));
        let mut settled = Cursor::new("x", vec![intent, receipt], false);
        assert_eq!(settled.claim(&ticket("charge", 0, false)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
    }

    #[test]
    fn a_strand_that_was_several_proves_nothing() {
        // Two calls from copies of one context: both say that nothing came before them.
        let mut cursor = Cursor::new("x", vec![done(1, "a", 0), done(2, "b", 0)], false);
        assert_eq!(cursor.claim(&ticket("a", 0, false)), Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 }));
        assert_eq!(cursor.claim(&ticket("b", 0, false)), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
    }

    #[test]
    fn code_that_starts_again_is_answered_again() {
        let within = |seq, key: &str, scope: &str| {
            let mut place = done(seq, key, 0);
            place.address.scope = scope.to_owned();
            place
        };
        let ask = |scope: &str| Ticket { scope: scope.to_owned(), ..ticket("a", 0, false) };
        let mut cursor = Cursor::new("x", vec![within(1, "a", "node/1")], false);
        cursor.claim(&ask("node/1")).unwrap();
        assert_eq!(cursor.claim(&ask("node/2")), Ok(Claimed::Fresh { occurrence: 0 }));
        cursor.add(within(2, "a", "node/2"));
        cursor.restart("node/2");
        assert_eq!(cursor.claim(&ask("node/2")), Ok(Claimed::Recorded { seq: Seq(2), occurrence: 0 }));
        assert_eq!(cursor.claim(&ask("node/1")), Ok(Claimed::Fresh { occurrence: 1 }), "another scope went on");
    }

    #[test]
    fn a_replay_runs_nothing_that_is_not_recorded() {
        let mut cursor = Cursor::new("x", vec![done(1, "a", 0)], true);
        cursor.claim(&ticket("a", 0, false)).unwrap();
        let divergence = cursor.claim(&ticket("b", 1, false)).unwrap_err();
        assert_eq!(divergence.to_string(), "the code asks for b, which the record of x does not hold");
    }
}
