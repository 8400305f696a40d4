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
fn a_renamed_step_diverges() {
    let record = vec![done(1, "a", 0), done(2, "b", 1), done(3, "c", 2)];
    let mut renamed = Cursor::new("x", record, false);
    renamed.claim(&ticket("a", 0, false)).unwrap();
    let divergence = renamed.claim(&ticket("b2", 1, false)).unwrap_err();
    assert_eq!(divergence.to_string(), "x@2 recorded b where the code now asks for b2");
}

fn answered(seq: u64, occurrence: u32) -> Result<Claimed, Box<Divergence>> {
    Ok(Claimed::Recorded { seq: Seq(seq), occurrence })
}

#[test]
fn what_is_on_record_is_answered_whatever_the_order() {
    for record_only in [false, true] {
        let record = vec![done(1, "a", 0), done(2, "b", 1), done(3, "c", 2)];
        let mut cursor = Cursor::new("x", record, record_only);
        assert_eq!(cursor.claim(&ticket("b", 0, false)), answered(2, 0));
        assert_eq!(cursor.claim(&ticket("a", 2, false)), answered(1, 0));
        // The strand has come to 2, and stays there.
        assert_eq!(cursor.claim(&ticket("new", 2, false)).unwrap_err().seq, Some(Seq(3)), "c is next and new unknown");
        assert_eq!(cursor.claim(&ticket("c", 2, false)), answered(3, 0));
    }
}

#[test]
fn what_another_scope_holds_answers_nobody_here() {
    let mut inner = done(2, "b", 0);
    inner.address.scope = "inner#0".to_owned();
    let mut cursor = Cursor::new("x", vec![done(1, "a", 0), inner], false);
    assert_eq!(cursor.claim(&ticket("b", 0, false)).unwrap_err().seq, Some(Seq(1)));
}

#[test]
fn equal_calls_out_of_order_are_answered_once_each() {
    let again = place(3, "a", 1, 2, false, Outcome::Done);
    let mut cursor = Cursor::new("x", vec![done(1, "a", 0), done(2, "b", 1), again], false);
    assert_eq!(cursor.claim(&ticket("b", 0, false)), answered(2, 0));
    assert_eq!(cursor.claim(&ticket("a", 2, false)), answered(3, 1));
    assert_eq!(cursor.claim(&ticket("a", 3, false)), answered(1, 0));
    assert_eq!(cursor.claim(&ticket("a", 3, false)), Ok(Claimed::Fresh { occurrence: 2 }));
}

#[test]
fn the_second_of_equal_calls_is_answered_when_the_first_was_lost() {
    // The first was under way in another strand when the run ended.
    let mut cursor = Cursor::new("x", vec![done(1, "b", 0), place(2, "a", 1, 0, true, Outcome::Done)], false);
    assert_eq!(cursor.claim(&ticket("a", 0, false)), answered(2, 1));
    assert_eq!(cursor.claim(&ticket("b", 2, false)), answered(1, 0));
    assert_eq!(cursor.claim(&ticket("a", 2, false)), Ok(Claimed::Fresh { occurrence: 0 }));
}

#[test]
fn a_failure_its_strand_went_on_from_comes_before_the_outcome_out_of_order() {
    let failed = place(2, "a", 0, 1, false, Outcome::Failed);
    let record = || vec![done(1, "b", 0), failed.clone(), done(3, "note", 2), done(4, "a", 3)];
    let mut cursor = Cursor::new("x", record(), false);
    assert_eq!(cursor.claim(&ticket("a", 0, false)), answered(2, 0));
    assert_eq!(cursor.claim(&ticket("note", 2, false)), answered(3, 0));
    assert_eq!(cursor.claim(&ticket("b", 3, false)), answered(1, 0));
    assert_eq!(cursor.claim(&ticket("a", 3, false)), answered(4, 0));
}

#[test]
fn an_effect_in_doubt_is_in_doubt_whatever_was_asked_before_it() {
    let intent = place(2, "pay", 0, 0, false, Outcome::Intent);
    let other = place(1, "fetch", 0, 0, true, Outcome::Done);
    let mut cursor = Cursor::new("x", vec![other, intent], false);
    let divergence = cursor.claim(&ticket("other", 0, false)).unwrap_err();
    assert_eq!(divergence.seq, Some(Seq(2)), "it is not on record, and pay is in doubt here");
    assert!(divergence.concurrent && divergence.to_string().contains("completes first"), "{divergence}");
    assert_eq!(cursor.claim(&ticket("fetch", 0, false)), answered(1, 0));
    assert_eq!(cursor.claim(&ticket("pay", 1, false)), Ok(Claimed::InDoubt { seq: Seq(2), occurrence: 0 }));
}

#[test]
fn a_place_that_starts_again_is_answered_in_another_order_again() {
    let mut cursor = Cursor::new("x", vec![done(1, "a", 0), done(2, "b", 1)], false);
    for _ in 0..3 {
        assert_eq!(cursor.claim(&ticket("b", 0, false)), answered(2, 0));
        assert_eq!(cursor.claim(&ticket("a", 2, false)), answered(1, 0));
        cursor.restart("");
    }
}

#[test]
fn who_returns_in_the_order_of_the_record_waits_for_what_is_unasked() {
    let spawned = |seq, key| place(seq, key, 0, 0, true, Outcome::Done);
    let note = Place { kind: Kind::Note, ..spawned(1, "note") };
    let mut cursor = Cursor::new("x", vec![note, spawned(2, "b"), spawned(3, "a"), done(4, "main", 0)], false);
    assert!(!cursor.unasked_before("", Seq(2)));
    cursor.claim(&ticket("a", 0, true)).unwrap();
    assert!(cursor.unasked_before("", Seq(3)), "b");
    cursor.claim(&ticket("b", 0, true)).unwrap();
    assert!(!cursor.unasked_before("", Seq(3)) && cursor.unasked_before("", Seq(5)), "main");
    cursor.overlook("", Seq(5));
    assert!(!cursor.unasked_before("", Seq(5)));
    let alone = Cursor::new("x", vec![done(1, "a", 0), done(2, "b", 1)], false);
    assert!(!alone.unasked_before("", Seq(3)), "one strand has an order of its own");
}

/// What strands that run one after the other leave: each call has a small number for a name, and 0 fails.
fn record_of(strands: &[Vec<u8>], mixed: &[usize]) -> Vec<Place> {
    let mut at = vec![(0, Seq(0)); strands.len()];
    let mut seen: HashMap<u8, u32> = HashMap::new();
    let mut record = Vec::new();
    for turn in mixed {
        let strand = turn % strands.len();
        let (next, prev) = at[strand];
        let Some(&name) = strands[strand].get(next) else { continue };
        let seq = record.len() as u64 + 1;
        let occurrence = seen.entry(name).or_default();
        record.push(place(seq, &name.to_string(), *occurrence, prev.0, next == 0, Outcome::Done));
        *occurrence += 1;
        at[strand] = (next + 1, Seq(seq));
    }
    record
}

proptest::proptest! {
    /// However the strands take turns when they run again, all that is on record is answered once, to calls of its own
    /// key, and nothing else is; what then is not on record takes a place that is nobody's.
    #[test]
    fn every_order_of_the_same_calls_is_answered(
        strands in proptest::collection::vec(proptest::collection::vec(0u8..4, 1..6), 1..5),
        first in proptest::collection::vec(0usize..64, 0..60),
        again in proptest::collection::vec(0usize..64, 0..60),
        shuffled in proptest::bool::ANY,
    ) {
        let record = record_of(&strands, &first);
        let keys: HashMap<Seq, String> = record.iter().map(|p| (p.seq, p.address.key.clone())).collect();
        let mut cursor = Cursor::new("x", record, false);
        let mut asks: Vec<(usize, Vec<u8>)> = strands.iter().cloned().enumerate().collect();
        if shuffled {
            for (_, calls) in &mut asks {
                calls.reverse();
            }
        }
        let mut at = vec![(0, Seq(0)); asks.len()];
        let mut answered = BTreeSet::new();
        let mut fresh = HashSet::new();
        let mut next_seq = keys.len() as u64;
        let mut diverged = false;
        for turn in again.iter().copied().chain((0..asks.len()).flat_map(|strand| [strand; 6])) {
            let strand = turn % asks.len();
            let (next, prev) = at[strand];
            let Some(&name) = asks[strand].1.get(next) else { continue };
            let key = name.to_string();
            let ticket = Ticket { spawned: next == 0, ..ticket(&key, prev.0, false) };
            let seq = match cursor.claim(&ticket) {
                Ok(Claimed::Recorded { seq, .. }) => {
                    proptest::prop_assert_eq!(&keys[&seq], &key);
                    proptest::prop_assert!(answered.insert(seq), "answered twice");
                    seq
                }
                Ok(Claimed::Fresh { occurrence }) => {
                    proptest::prop_assert!(fresh.insert((key.clone(), occurrence)), "one place for two calls");
                    next_seq += 1;
                    cursor.add(place(next_seq, &key, occurrence, prev.0, next == 0, Outcome::Done));
                    Seq(next_seq)
                }
                Ok(Claimed::InDoubt { .. }) => unreachable!("no effects"),
                Err(_) => {
                    // Nothing of that name is left on record.
                    let left = keys.iter().any(|(seq, other)| *other == key && !answered.contains(seq));
                    proptest::prop_assert!(!left, "{key} is on record");
                    diverged = true;
                    break;
                }
            };
            at[strand] = (next + 1, prev.max(seq));
        }
        proptest::prop_assert!(diverged || answered.len() == keys.len());
    }
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
fn equal_calls_that_failed_beside_each_other_are_each_answered_in_their_strand() {
    let failed = |seq, prev, spawned| place(seq, "a", 0, prev, spawned, Outcome::Failed);
    let record = vec![
        failed(1, 0, true),
        failed(2, 0, true),
        failed(3, 1, false),
        failed(4, 2, false),
        done(5, "after", 3),
        place(6, "after", 1, 4, false, Outcome::Done),
    ];
    let mut cursor = Cursor::new("x", record, false);
    assert_eq!(cursor.claim(&ticket("a", 0, true)), answered(1, 0));
    assert_eq!(cursor.claim(&ticket("a", 0, true)), answered(2, 0));
    assert_eq!(cursor.claim(&ticket("a", 2, false)), answered(4, 0));
    assert_eq!(cursor.claim(&ticket("a", 1, false)), answered(3, 0));
    assert_eq!(cursor.claim(&ticket("after", 3, false)), answered(5, 0));
    assert_eq!(cursor.claim(&ticket("after", 4, false)), answered(6, 1));
}

#[test]
fn equal_calls_that_failed_at_once_had_places_of_their_own_and_are_each_answered() {
    let failed = |seq, occurrence| place(seq, "a", occurrence, 0, true, Outcome::Failed);
    let after = |seq, prev| place(seq, "after", seq as u32, prev, false, Outcome::Done);
    let record = vec![failed(1, 1), failed(2, 0), after(3, 1), after(4, 2)];
    let mut cursor = Cursor::new("x", record, false);
    assert_eq!(cursor.claim(&ticket("a", 0, true)), answered(2, 0));
    assert_eq!(cursor.claim(&ticket("a", 0, true)), answered(1, 1));
    assert_eq!(cursor.claim(&ticket("a", 0, true)), Ok(Claimed::Fresh { occurrence: 0 }));
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
fn a_failure_in_a_task_is_handled_by_what_followed_that_task_alone() {
    let within = |seq, key, scope: &str, outcome| {
        let mut place = place(seq, key, 0, 0, true, outcome);
        place.address.scope = scope.to_owned();
        place
    };
    let ask = Ticket { scope: "node/a.1@00".to_owned(), ..ticket("a", 0, true) };
    let after =
        |place| Cursor::new("x", vec![within(1, "a", "node/a.1@00", Outcome::Failed), place], false).claim(&ask);
    let tried_again = Ok(Claimed::Fresh { occurrence: 0 });
    let answered = Ok(Claimed::Recorded { seq: Seq(1), occurrence: 0 });
    assert_eq!(after(within(2, "state", "", Outcome::Done)), tried_again, "the framework saved what came before");
    assert_eq!(after(within(2, "b", "node/b.1@00", Outcome::Done)), tried_again, "a task beside it went on");
    assert_eq!(after(within(2, "b", "node/a.1@00", Outcome::Done)), answered);
    assert_eq!(after(within(2, "b", "node/b.2@11", Outcome::Done)), answered);
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

#[test]
fn a_compensation_that_failed_is_tried_again_at_its_place() {
    let undo = |seq, outcome| {
        let mut place = place(seq, "charge", 0, 0, true, outcome);
        place.address.scope = UNDO.to_owned();
        place
    };
    // What was answered since does not mean that somebody handled the failure.
    let record = vec![undo(1, Outcome::Intent), undo(2, Outcome::Failed), done(3, "refund", 0)];
    let mut cursor = Cursor::new("x", record, false);
    let again = Ticket { scope: UNDO.to_owned(), ..ticket("charge", 0, true) };
    assert_eq!(cursor.claim(&again), Ok(Claimed::InDoubt { seq: Seq(1), occurrence: 0 }));
}
