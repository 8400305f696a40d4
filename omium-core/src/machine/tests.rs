use proptest::prelude::*;

use super::*;

fn state(status: Status, head: u64, last: u64, epoch: u32, token: u64) -> State {
    State { status, head: Seq(head), last: Seq(last), epoch, token: FencingToken(token) }
}

#[test]
fn table() {
    use Status::{Cancelled, Completed, Failed, Running};
    let token = FencingToken;
    let open = |number, base, start| Some(Effect::Open(Epoch { number, base: Seq(base), start: Seq(start) }));
    let added = |seq, parent| Some(Effect::Append { seq: Seq(seq), parent: Seq(parent) });
    let table = [
        (state(Running, 0, 0, 0, 0), Command::Lease, Ok((state(Running, 0, 0, 0, 1), None))),
        (
            state(Running, 0, 0, 0, 1),
            Command::Append { token: token(1) },
            Ok((state(Running, 1, 1, 0, 1), added(1, 0))),
        ),
        (state(Running, 2, 4, 1, 3), Command::Append { token: token(2) }, Err(Refusal::Fenced)),
        (
            state(Running, 2, 4, 1, 3),
            Command::Append { token: token(3) },
            Ok((state(Running, 5, 5, 1, 3), added(5, 2))),
        ),
        (
            state(Cancelled, 2, 2, 0, 3),
            Command::Append { token: token(3) },
            Ok((state(Cancelled, 3, 3, 0, 3), added(3, 2))),
        ),
        (
            state(Running, 4, 4, 0, 0),
            Command::Adopt { by: Writer::Outside { held: false }, status: Some(Completed) },
            Ok((state(Completed, 5, 5, 0, 0), added(5, 4))),
        ),
        (
            state(Running, 4, 4, 0, 2),
            Command::Adopt { by: Writer::Outside { held: true }, status: None },
            Err(Refusal::Held),
        ),
        (
            state(Running, 4, 4, 0, 2),
            Command::Adopt { by: Writer::Leased(token(2)), status: None },
            Ok((state(Running, 5, 5, 0, 2), added(5, 4))),
        ),
        (
            state(Running, 4, 4, 0, 2),
            Command::Adopt { by: Writer::Leased(token(1)), status: None },
            Err(Refusal::Fenced),
        ),
        (
            state(Running, 4, 4, 0, 0),
            Command::Adopt { by: Writer::Began(token(0)), status: None },
            Ok((state(Running, 5, 5, 0, 0), added(5, 4))),
        ),
        (
            state(Running, 4, 4, 0, 1),
            Command::Adopt { by: Writer::Began(token(0)), status: None },
            Err(Refusal::Fenced),
        ),
        (
            state(Cancelled, 4, 4, 0, 1),
            Command::Adopt { by: Writer::Outside { held: false }, status: Some(Running) },
            Err(Refusal::Finished(Cancelled)),
        ),
        (
            state(Running, 4, 4, 0, 0),
            Command::Pend { by: Writer::Began(token(0)), status: Some(Failed) },
            Ok((state(Failed, 4, 4, 0, 0), None)),
        ),
        (
            state(Running, 4, 4, 0, 1),
            Command::Pend { by: Writer::Began(token(0)), status: Some(Failed) },
            Err(Refusal::Fenced),
        ),
        (
            state(Completed, 4, 4, 0, 0),
            Command::Pend { by: Writer::Began(token(0)), status: Some(Running) },
            Ok((state(Completed, 4, 4, 0, 0), None)),
        ),
        (state(Failed, 4, 4, 0, 1), Command::Enter, Ok((state(Failed, 4, 4, 0, 2), None))),
        (state(Cancelled, 4, 4, 0, 1), Command::Enter, Err(Refusal::Finished(Cancelled))),
        (
            state(Running, 4, 4, 0, 0),
            Command::Join { began: token(0), current: true },
            Ok((state(Running, 4, 4, 0, 1), None)),
        ),
        (state(Running, 4, 4, 0, 0), Command::Join { began: token(0), current: false }, Err(Refusal::Fenced)),
        (state(Running, 4, 4, 0, 1), Command::Join { began: token(0), current: true }, Err(Refusal::Fenced)),
        (
            state(Running, 4, 4, 0, 1),
            Command::Settle { token: token(1), status: Failed },
            Ok((state(Failed, 4, 4, 0, 1), None)),
        ),
        (state(Running, 4, 4, 0, 2), Command::Settle { token: token(1), status: Failed }, Err(Refusal::Fenced)),
        (state(Running, 4, 4, 0, 2), Command::Cancel, Ok((state(Cancelled, 4, 4, 0, 3), None))),
        (state(Completed, 4, 4, 0, 2), Command::Cancel, Err(Refusal::Finished(Completed))),
        (
            state(Completed, 4, 4, 0, 2),
            Command::RollBack { to: Seq(1) },
            Ok((state(Running, 1, 4, 1, 3), open(1, 1, 4))),
        ),
        (state(Completed, 4, 4, 0, 2), Command::RollBack { to: Seq(4) }, Ok((state(Completed, 4, 4, 0, 2), None))),
        (
            state(Cancelled, 4, 4, 0, 2),
            Command::RollBack { to: Seq(4) },
            Ok((state(Running, 4, 4, 1, 3), open(1, 4, 4))),
        ),
        (state(Completed, 4, 4, 0, 2), Command::RollBack { to: Seq(5) }, Err(Refusal::NoSuchEntry)),
    ];
    for (before, command, expected) in table {
        assert_eq!(apply(&before, command), expected, "{command:?} on {before:?}");
    }
}

/// A log as a list of (seq, parent) and the head, kept the slow and obvious way.
#[derive(Default)]
struct Model {
    parents: Vec<u64>,
    head: u64,
}

impl Model {
    fn path(&self) -> Vec<u64> {
        let mut path = Vec::new();
        let mut at = self.head;
        while at != 0 {
            path.push(at);
            at = self.parents[at as usize - 1];
        }
        path.reverse();
        path
    }
}

proptest! {
    /// The live lineage is the path from the head through the parents, whatever was appended and rolled back.
    #[test]
    fn lineage_is_the_path_from_the_head(steps in proptest::collection::vec(0u64..40, 1..60)) {
        let mut model = Model::default();
        let mut at = apply(&State::new(), Command::Lease).unwrap().0;
        let mut epochs = Vec::new();
        for step in steps {
            let command = if step < 20 {
                Command::Append { token: at.token }
            } else {
                Command::RollBack { to: Seq(step % (at.last.0 + 1)) }
            };
            let (next, effect) = apply(&at, command).unwrap();
            match effect {
                Some(Effect::Append { seq, parent }) => {
                    prop_assert_eq!(seq.0, model.parents.len() as u64 + 1);
                    model.parents.push(parent.0);
                    model.head = seq.0;
                }
                Some(Effect::Open(epoch)) => {
                    epochs.push(epoch);
                    model.head = epoch.base.0;
                }
                None => prop_assert_eq!(at.head, next.head),
            }
            at = next;
            let lineage = Lineage::new(&epochs, at.head);
            let live: Vec<u64> = (1..=at.last.0).filter(|seq| lineage.contains(Seq(*seq))).collect();
            prop_assert_eq!(live, model.path());
        }
    }

    /// I4 for hosts. However invocations begin, take the lease, save, and are cancelled and rolled back beside each other:
    /// who saves is the newest holder of the lease, or nobody has held it since that invocation began.
    #[test]
    fn nobody_saves_who_began_before_the_lease_was_taken(steps in proptest::collection::vec((0usize..4, 0u8..7), 1..80)) {
        #[derive(Clone, Copy, Default)]
        struct Invocation { began: Option<Writer>, outdated: bool }
        let mut at = State::new();
        let mut all = [Invocation::default(); 4];
        for (who, what) in steps {
            let Invocation { began, outdated } = all[who];
            let command = match (what, began) {
                (0, _) => {
                    all[who] = Invocation { began: Some(Writer::Began(at.token)), outdated: false };
                    continue;
                }
                (1, Some(Writer::Began(began))) => Command::Join { began, current: true },
                (1 | 2, None) => Command::Enter,
                (1..=4, Some(by)) => Command::Adopt { by, status: None },
                (5, _) => Command::Cancel,
                (6, _) => Command::RollBack { to: Seq(at.head.0 / 2) },
                _ => continue,
            };
            let Ok((next, _)) = apply(&at, command) else {
                let refused = outdated || at.status == Status::Cancelled || command == Command::Cancel;
                prop_assert!(refused, "{command:?} on {at:?}");
                continue;
            };
            if let Command::Adopt { .. } | Command::Join { .. } = command {
                prop_assert!(!outdated, "{command:?} on {at:?}");
                prop_assert!(at.status != Status::Cancelled);
            }
            if next.token != at.token {
                all.iter_mut().for_each(|each| each.outdated = each.began.is_some());
            }
            if let Command::Enter | Command::Join { .. } = command {
                all[who] = Invocation { began: Some(Writer::Leased(next.token)), outdated: false };
            }
            at = next;
        }
    }
}
