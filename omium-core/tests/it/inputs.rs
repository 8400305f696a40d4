//! What a step is given: equal by value, and readable where it differs.

use std::collections::HashMap;

use omium_core::{BoxError, Error, Seq, Step};
use serde::Serialize;

use crate::support::everywhere;

#[derive(Serialize)]
struct Brief<'a> {
    topic: &'a str,
    sources: Vec<&'a str>,
    options: HashMap<String, u32>,
}

fn brief<'a>(topic: &'a str, last: &'a str) -> Brief<'a> {
    // A new map has another order of its own.
    let options = (0..20).map(|n| (format!("option {n}"), n)).collect();
    Brief { topic, sources: vec!["survey", last], options }
}

#[test]
fn equal_inputs_are_the_same_step_and_others_are_not() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let first: u32 = run.step_given("write", &brief("agents", "book"), || 1).unwrap();
        let second: u32 = run.step_given("write", &brief("agents", "paper"), || 2).unwrap();
        let again: u32 = run.step_given("write", &brief("agents", "book"), || 3).unwrap();
        assert_eq!([first, second, again], [1, 2, 3], "the same once more is another call");
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let mut recorded = |last| run.step_given::<_, u32>("write", &brief("agents", last), || panic!("recorded"));
        assert_eq!(["book", "paper", "book"].map(|last| recorded(last).unwrap()), [1, 2, 3]);
        let entry = store.entry("x", Seq(1)).unwrap();
        assert!(store.input(&entry).unwrap().unwrap().size_bytes() > 100, "they are kept for a reader");
    });
}

#[test]
fn changed_inputs_are_a_divergence_that_says_what_changed() {
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let _: u32 = run.step_given("write", &brief("agents", "book"), || 1).unwrap();
        drop(run);
        let mut run = store.begin("w", "x").unwrap();
        let other = run.step_given::<_, u32>("write", &brief("bots", "paper"), || panic!("nothing runs")).unwrap_err();
        assert!(matches!(other, Error::Divergence(_)), "{other}");
        let text = other.to_string();
        for said in ["with other inputs", r#"topic was "agents", is "bots""#, r#"sources[1] was "book", is "paper""#] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert!(!text.contains("option"), "what is the same is not told: {text}");
    });
}

#[test]
fn a_step_with_a_policy_is_known_by_its_inputs_too() {
    everywhere(|store, _| {
        let write = |id: &str, topic: &str, body: fn() -> u32| {
            let mut run = store.begin("w", id)?;
            run.step_with(Step::new("write").given(topic), |_| Ok::<_, BoxError>(body()))
        };
        assert_eq!(write("x", "agents", || 1).unwrap(), 1);
        assert_eq!(write("x", "agents", || panic!("recorded")).unwrap(), 1);
        let other = write("x", "bots", || panic!("nothing runs")).unwrap_err().to_string();
        assert!(other.contains(r#"was "agents", is "bots""#), "{other}");
    });
}

#[test]
fn what_cannot_be_written_is_refused_before_the_body_runs() {
    struct Client;
    impl Serialize for Client {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a live connection"))
        }
    }
    everywhere(|store, _| {
        let mut run = store.begin("w", "x").unwrap();
        let refused = run.step_given::<_, u32>("ask", &Client, || panic!("nothing runs")).unwrap_err();
        assert!(refused.to_string().contains("what step \"ask\" is given"), "{refused}");
        let refused = run.step_with(Step::new("ask").given(&Client), |_| -> Result<u32, BoxError> { panic!() });
        assert!(refused.unwrap_err().to_string().contains("what step \"ask\" is given"));
        assert_eq!(run.ran(), 0);
    });
}
