//! A run that survives: `cargo run --example quickstart`, as often as you like.
//!
//! With an argument, the process ends itself in the middle, as a crash would; run it again to see it go on.

use omium_core::{BoxError, Result, Run, Seq, Store};

fn search(topic: &str, where_at: &str) -> Vec<String> {
    println!("  searching for {topic} in {where_at}");
    vec![format!("{topic}: a {where_at} survey")]
}

/// In both places at the same time. Each strand records what it does in a scope of its own.
fn search_everywhere(run: &mut Run, topic: &str) -> Result<Vec<String>> {
    run.scope(|scope| {
        let web = scope.spawn("web", |run| run.step("search", || search(topic, "web")));
        let library = scope.spawn("library", |run| run.step("search", || search(topic, "library")));
        Ok([web.join()?, library.join()?].concat())
    })
}

fn write(sources: &[String], style: &str) -> String {
    println!("  writing, {style}");
    format!("A {style} report on {}.", sources.join(" and "))
}

fn main() -> Result<(), BoxError> {
    let crash = std::env::args().nth(1).is_some();
    let store = Store::open(std::env::temp_dir().join("omium-quickstart"))?;

    // `begin` begins, or resumes and takes the lease: one writer at a time.
    let mut run = store.begin("research", "report-42")?;
    println!("{} steps are on record", run.recorded());
    let sources = search_everywhere(&mut run, "durable agents")?;
    if crash {
        std::process::abort();
    }
    // What it is given is recorded, too: other sources would be another report, and no answer from the record.
    let report: String = run.step_given("write", &sources, || write(&sources, "plain"))?;
    let execution = run.complete(&report)?;
    println!("{report}");

    // Every finished step left a checkpoint.
    for checkpoint in execution.checkpoints()? {
        println!("  {} {} ({} bytes)", checkpoint.seq(), checkpoint.name(), checkpoint.size_bytes());
    }

    // A fork shares the history before it: the searches are not done again.
    let fork = execution.fork(Seq(2), "report-42-formal")?;
    let mut run = fork.resume()?;
    let sources = search_everywhere(&mut run, "durable agents")?;
    let formal: String = run.step_given("write", &sources, || write(&sources, "formal"))?;
    run.complete(&formal)?;
    println!("{formal}");

    // So that the next run begins anew.
    store.delete("report-42")?;
    store.delete("report-42-formal")?;
    Ok(())
}
