//! What a step costs, what reading its value back is of that, and what strands save: `cargo bench -p omium-benches --bench steps`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use omium_core::{Durability, Options, Result, Run, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const STEPS: usize = 400;

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    role: String,
    text: String,
    usage: BTreeMap<String, u64>,
}

fn messages(count: usize) -> Vec<Message> {
    let usage = BTreeMap::from([("input".to_owned(), 812), ("output".to_owned(), 96)]);
    let message = |n| Message {
        role: "assistant".to_owned(),
        text: format!("{n}: {}", "lorem ipsum ".repeat(30)),
        usage: usage.clone(),
    };
    (0..count).map(message).collect()
}

fn store(durability: Durability) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { durability, ..Options::default() };
    let store = Store::open_with(directory.path().join("s"), options).unwrap();
    (directory, store)
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed()
}

/// Of several rounds the fastest: what else the machine did is not in it.
fn fastest(rounds: usize, mut work: impl FnMut() -> Duration) -> Duration {
    (0..rounds).map(|_| work()).min().unwrap_or_default()
}

fn step_cost<T: Serialize + DeserializeOwned + Clone>(what: &str, value: &T) {
    let bytes = rmp_serde::to_vec_named(value).unwrap();
    let step = fastest(5, || {
        let (_directory, store) = store(Durability::Process);
        let mut run = store.begin("w", "x").unwrap();
        timed(|| (0..STEPS).for_each(|n| drop(run.step(&format!("s{n}"), || value.clone()).unwrap())))
    });
    let back = fastest(5, || timed(|| (0..STEPS).for_each(|_| drop(rmp_serde::from_slice::<T>(&bytes).unwrap()))));
    let each = |whole: Duration| whole.as_secs_f64() * 1e6 / STEPS as f64;
    println!(
        "{what:24} {:>8} bytes  step {:>9.1} us  of which reading back {:>8.2} us ({:.1}%)",
        bytes.len(),
        each(step),
        each(back),
        100.0 * each(back) / each(step)
    );
}

fn strands(count: usize) {
    const EACH: usize = 25;
    let work = |run: &mut Run| -> Result<()> { (0..EACH).try_for_each(|n| run.step(&format!("s{n}"), || n).map(drop)) };
    let beside = fastest(3, || {
        let (_directory, store) = store(Durability::Strict);
        let mut run = store.begin("w", "x").unwrap();
        timed(|| {
            run.scope(|scope| {
                (0..count).for_each(|_| drop(scope.spawn("strand", work)));
                Ok(())
            })
        })
    });
    let steps = count * EACH;
    println!("{count:2} strands, strict         {:>9.1} us a step", beside.as_secs_f64() * 1e6 / steps as f64);
}

fn main() {
    step_cost("a number", &7u32);
    step_cost("one message", &messages(1));
    step_cost("a hundred messages", &messages(100));
    step_cost("a thousand messages", &messages(1000));
    for count in [1, 4, 16] {
        strands(count);
    }
}
