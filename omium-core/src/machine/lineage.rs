//! Which entries are live: the path from the head back to the beginning.
//!
//! Entries are numbered in commit order, so between two rollbacks they form a line. A rollback opens an
//! *epoch*: what comes after hangs off the epoch's base. The path is then a handful of ranges, found in time
//! proportional to the number of rollbacks, not of entries.

use crate::id::Seq;

/// What one rollback opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// From 1; the time before the first rollback is epoch 0.
    pub number: u32,
    /// The entry rolled back to.
    pub base: Seq,
    /// The last entry when it happened: entries of this epoch come after it.
    pub start: Seq,
}

/// The live entries of an execution, as ascending ranges, and the epochs the path leads through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    ranges: Vec<(Seq, Seq)>,
    /// Epochs on the path with the entry at which it leaves them; the tip, where writing goes on, has none.
    path: Vec<(u32, Option<Seq>)>,
}

impl Lineage {
    /// The path to `head`, given every epoch in order.
    pub(crate) fn new(epochs: &[Epoch], head: Seq) -> Lineage {
        let tip = epochs.last().map_or(0, |epoch| epoch.number);
        let mut ranges = Vec::new();
        let mut path = vec![(tip, None)];
        let mut at = head;
        while at != Seq::ZERO {
            let epoch = epochs.iter().rev().find(|epoch| epoch.start < at);
            let (number, start, base) = epoch.map_or((0, Seq::ZERO, Seq::ZERO), |e| (e.number, e.start, e.base));
            if number != tip {
                path.push((number, Some(at)));
            }
            ranges.push((start.next(), at));
            at = base;
        }
        ranges.reverse();
        Lineage { ranges, path }
    }

    pub(crate) fn contains(&self, seq: Seq) -> bool {
        self.ranges.iter().any(|&(from, to)| from <= seq && seq <= to)
    }

    /// The live ranges, ascending.
    pub(crate) fn ranges(&self) -> &[(Seq, Seq)] {
        &self.ranges
    }

    /// Whether something noted in `epoch`, when `after` was the head, still counts.
    ///
    /// Going back to an entry undoes whatever came after it, pending writes included: the tasks behind them
    /// run again.
    pub(crate) fn counts(&self, epoch: u32, after: Seq) -> bool {
        self.path.iter().any(|&(number, exit)| number == epoch && exit.is_none_or(|exit| after < exit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u32, base: u64, start: u64) -> Epoch {
        Epoch { number, base: Seq(base), start: Seq(start) }
    }

    #[test]
    fn ranges_of_nested_rollbacks() {
        let epochs = [epoch(1, 2, 5), epoch(2, 6, 8)];
        let lineage = Lineage::new(&epochs, Seq(10));
        let ranges: Vec<_> = lineage.ranges().iter().map(|(a, b)| (a.0, b.0)).collect();
        assert_eq!(ranges, [(1, 2), (6, 6), (9, 10)]);
        assert!(lineage.contains(Seq(6)) && !lineage.contains(Seq(7)) && !lineage.contains(Seq(3)));
    }

    #[test]
    fn a_rollback_undoes_what_was_noted_after_its_base() {
        let lineage = Lineage::new(&[epoch(1, 3, 5)], Seq(3));
        let counts = |epoch, after| lineage.counts(epoch, Seq(after));
        assert!(counts(0, 2), "noted before 3 was there");
        assert!(!counts(0, 3) && !counts(0, 5));
        assert!(counts(1, 3), "noted since");
    }

    #[test]
    fn going_back_to_what_a_rollback_left_brings_its_notes_back() {
        // 1-2-3-4-5, back to 3, 6 there, then back to 5: 4 was made from what was noted on 3 in epoch 0.
        let lineage = Lineage::new(&[epoch(1, 3, 5), epoch(2, 5, 6)], Seq(5));
        let counts = |epoch, after| lineage.counts(epoch, Seq(after));
        assert!(counts(0, 3) && counts(0, 4) && !counts(0, 5));
        assert!(!counts(1, 3) && !counts(1, 6));
        assert!(counts(2, 5));
    }

    #[test]
    fn without_rollbacks_everything_counts() {
        let lineage = Lineage::new(&[], Seq(4));
        assert!(lineage.counts(0, Seq(0)) && lineage.counts(0, Seq(4)));
    }
}
