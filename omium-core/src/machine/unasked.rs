//! What the code has not asked for yet where strands ran beside each other.
//!
//! Concurrent code may decide by the order in which calls complete. A binding can give recorded outcomes back in the
//! order of the record: it lets one wait while something recorded before it is unasked. Nothing here decides what is
//! answered, so a wait that was given up costs no more than the order.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::cursor::Place;
use crate::id::Seq;
use crate::model::{Kind, Outcome};

/// By scope; one in which everything happened on one strand has an order anyway, and is not here.
#[derive(Debug, Default)]
pub(super) struct Unasked {
    scopes: HashMap<String, BTreeSet<Seq>>,
}

impl Unasked {
    /// Of a record, but for the places that answer nobody.
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a Place> + Clone) -> Unasked {
        let calls = || places.clone().filter(|place| place.kind != Kind::Note && place.outcome != Outcome::Intent);
        let several: HashSet<&str> = calls().filter(|place| place.spawned).map(scope).collect();
        let mut scopes: HashMap<String, BTreeSet<Seq>> = HashMap::new();
        for place in calls().filter(|place| several.contains(scope(place))) {
            scopes.entry(scope(place).to_owned()).or_default().insert(place.seq);
        }
        Unasked { scopes }
    }

    /// The code asks for it now.
    pub(super) fn asked(&mut self, scope: &str, seq: Seq) {
        if let Some(seqs) = self.scopes.get_mut(scope) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.scopes.remove(scope);
            }
        }
    }

    /// Whether something in that scope was recorded before `seq`.
    pub(super) fn before(&self, scope: &str, seq: Seq) -> bool {
        self.scopes.get(scope).and_then(BTreeSet::first).is_some_and(|&first| first < seq)
    }

    /// Nobody waits for what was recorded before `seq` any more.
    pub(super) fn overlook(&mut self, scope: &str, seq: Seq) {
        if let Some(seqs) = self.scopes.get_mut(scope) {
            *seqs = seqs.split_off(&seq);
        }
    }
}

fn scope(place: &Place) -> &str {
    &place.address.scope
}
