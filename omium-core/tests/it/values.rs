//! What a program gets live is what a resumed run gets, for types that serde does not read as it wrote them.

use std::fmt::Debug;

use omium_core::{BoxError, Effect, Error, Outcome, Run, Seq, Step, Store, Workflow};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::everywhere;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Draft {
    text: Option<Option<String>>,
    #[serde(skip)]
    cached: u32,
    #[serde(default, skip_serializing)]
    tokens: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Reply {
    Note { note: Option<u8> },
    Call { tool: String, id: u64 },
    Amount(f32),
    Text(String),
    Many(Vec<Reply>),
}

/// Written as another thing than it is read as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unreadable {
    #[serde(skip_serializing)]
    number: u32,
}

/// Cannot be read back now and then only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Sometimes {
    Good(u8),
    #[serde(skip_deserializing)]
    Bad(String),
}

fn draft() -> impl Strategy<Value = Draft> {
    let text = proptest::option::of(proptest::option::of("[a-z]{0,9}"));
    (text, any::<u32>(), any::<Vec<u8>>()).prop_map(|(text, cached, tokens)| Draft { text, cached, tokens })
}

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        any::<Option<u8>>().prop_map(|note| Reply::Note { note }),
        ("[a-z]{0,9}", any::<u64>()).prop_map(|(tool, id)| Reply::Call { tool, id }),
        (-1e6f32..1e6).prop_map(Reply::Amount),
        "[a-z]{0,9}".prop_map(Reply::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Reply::Many))
}

/// What every way of recording a value gives.
fn all<T: Serialize + DeserializeOwned + Clone>(run: &mut Run, value: &T) -> Result<Vec<T>, Error> {
    Ok(vec![
        run.step("step", || value.clone())?,
        run.try_step("try", || Ok::<T, BoxError>(value.clone()))?,
        run.step_with(Step::new("checked"), |_| Ok::<T, BoxError>(value.clone()))?,
        run.effect(Effect::new("effect", "1"), |_| Ok::<T, BoxError>(value.clone()))?,
    ])
}

fn agrees<T: Serialize + DeserializeOwned + Clone + Debug + PartialEq>(store: &Store, id: &str, value: &T) {
    let live = Workflow::new("w", |run| all(run, value)).run(store, id).unwrap();
    let mut run = store.begin("w", id).unwrap();
    assert!(run.is_record_only());
    let resumed = all(&mut run, value).unwrap();
    assert_eq!(live, resumed);
    assert_eq!(store.execution(id).unwrap().result::<Vec<T>>().unwrap().unwrap(), live);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_returned_live_is_what_a_resume_returns(drafts in proptest::collection::vec(draft(), 0..4), reply in reply()) {
        let directory = tempfile::tempdir().unwrap();
        let options = omium_core::Options { durability: omium_core::Durability::Process, ..Default::default() };
        let store = Store::open_with(directory.path().join("s"), options).unwrap();
        agrees(&store, "drafts", &drafts);
        agrees(&store, "reply", &reply);
        agrees(&store, "both", &(Some(Some(reply)), drafts));
    }
}

#[test]
fn a_nested_option_is_what_was_recorded_of_it() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let live: Option<Option<u8>> = run.step("a", || Some(None)).unwrap();
        assert_eq!(live, None, "this is what a resumed run gets");
        let draft = Draft { text: None, cached: 7, tokens: vec![1] };
        assert_eq!(run.step("b", || draft.clone()).unwrap(), Draft { cached: 0, tokens: vec![], ..draft });
        let seen = std::cell::RefCell::new(None);
        let checked = Step::new("c").ensure("it is as on record", |value: &Option<Option<u8>>| {
            *seen.borrow_mut() = Some(*value);
            true
        });
        run.step_with(checked, |_| Ok::<_, BoxError>(Some(None))).unwrap();
        assert_eq!(seen.take(), Some(None), "a check sees what will be on record");
    });
}

#[test]
fn a_value_that_cannot_be_read_back_is_not_recorded_as_done() {
    everywhere(|store, _| {
        let bad = || Unreadable { number: 1 };
        let mut run = store.begin("w", "x").unwrap();
        let live = run.step("write", bad).unwrap_err();
        let text = live.to_string();
        assert!(matches!(live, Error::NotSerializable { .. }), "{live}");
        assert!(
            text.contains("step \"write\"") && text.contains("Unreadable") && text.contains("a map of 0"),
            "{text}"
        );
        // Code that goes on from it is told the same by a resume.
        let _: u32 = run.step("instead", || 1).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let resumed = run.step("write", || -> Unreadable { panic!("it went on from the failure") }).unwrap_err();
        assert!(matches!(resumed, Error::NotSerializable { .. }), "{resumed}");
        assert_eq!(resumed.to_string(), text);
        assert_eq!(run.step::<u32>("instead", || panic!("recorded")).unwrap(), 1);
        let entries = store.execution("x").unwrap().checkpoints().unwrap();
        assert!(entries.iter().all(|entry| entry.name() != "write" || entry.outcome() == Outcome::Failed));
    });
}

#[test]
fn a_policy_tries_again_what_cannot_be_read_back() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let again = Step::new("write").retry(omium_core::Retry { times: 1, first_ms: 0, longest_ms: 0 });
        let value = run.step_with(again, |attempt| {
            Ok::<_, BoxError>(if attempt.number == 1 { Sometimes::Bad("x".into()) } else { Sometimes::Good(2) })
        });
        assert_eq!(value.unwrap(), Sometimes::Good(2));
        let given_up =
            run.step_with(Step::new("again"), |_| Ok::<_, BoxError>(Sometimes::Bad("y".into()))).unwrap_err();
        assert!(matches!(given_up, Error::NotSerializable { .. }), "{given_up}");
        let _: u32 = run.step("instead", || 1).unwrap();
        drop(run);
        let resumed = store.begin("w", "x").unwrap();
        let mut run = resumed;
        let value = run.step_with(Step::new("write"), |_| -> Result<Sometimes, BoxError> { panic!("recorded") });
        assert_eq!(value.unwrap(), Sometimes::Good(2));
        let error = run.step_with(Step::<Sometimes>::new("again"), |_| -> Result<_, BoxError> { panic!("recorded") });
        assert_eq!(error.unwrap_err().to_string(), given_up.to_string());
    });
}

#[test]
fn a_check_that_did_not_pass_is_the_same_error_on_a_resume() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let short = || Step::new("write").ensure("it is short", |text: &String| text.len() < 3);
        let live = run.step_with(short(), |_| Ok::<_, BoxError>("long".to_owned())).unwrap_err();
        assert!(matches!(&live, Error::CheckFailed { check, .. } if check == "it is short"), "{live}");
        let _: u32 = run.step("instead", || 1).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let resumed = run.step_with(short(), |_| -> Result<String, BoxError> { panic!("recorded") }).unwrap_err();
        assert!(matches!(&resumed, Error::CheckFailed { check, .. } if check == "it is short"), "{resumed}");
    });
}

#[test]
fn a_receipt_that_cannot_be_read_back_leaves_the_effect_in_doubt() {
    everywhere(|store, _| {
        let acted = std::cell::Cell::new(0);
        let pay = |run: &mut Run| {
            run.effect(Effect::new("pay", "7"), |_| {
                acted.set(acted.get() + 1);
                Ok::<_, BoxError>(Unreadable { number: 1 })
            })
        };
        let mut run = store.begin("w", "x").unwrap();
        assert!(matches!(pay(&mut run), Err(Error::NotSerializable { .. })));
        assert!(matches!(pay(&mut run), Err(Error::InDoubt { seq: Seq(1), .. })), "in the same run");
        drop(run);
        assert!(matches!(pay(&mut store.begin("w", "x").unwrap()), Err(Error::InDoubt { seq: Seq(1), .. })));
        assert_eq!(acted.get(), 1);
    });
}

#[test]
fn a_type_that_changed_is_named_with_what_is_on_record() {
    everywhere(|store, _| {
        #[derive(Serialize, Deserialize)]
        struct Page {
            title: String,
            body: String,
        }
        let mut run = store.begin("w", "x").unwrap();
        let page = || Page { title: "A".to_owned(), body: "secret text".to_owned() };
        run.step("fetch", page).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let error = run.step::<Vec<u32>>("fetch", || panic!("recorded")).unwrap_err().to_string();
        for said in ["x@1", "step \"fetch\"", "a map of 2 (title, body)", "Vec<u32>", "restore the type"] {
            assert!(error.contains(said), "{said} in {error}");
        }
        assert!(!error.contains("secret"), "values do not belong into logs: {error}");
    });
}
