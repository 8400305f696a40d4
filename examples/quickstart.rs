//! A run that survives: `cargo run --example quickstart`, as often as you like.
//!
//! With an argument, the process ends itself in the middle, as a crash would; run it again to see it go on.

use omium_core::{BoxError, Seq, Store};

fn search(topic: &str) -> Vec<String> {
    println!("  searching for {topic}");
    vec![format!("{topic}: a survey"), format!("{topic}: a handbook")]
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
    let sources: Vec<String> = run.step("search", || search("durable agents"))?;
    if crash {
        std::process::abort();
    }
    let report: String = run.step("write", || write(&sources, "plain"))?;
    let execution = run.complete(&report)?;
    println!("{report}");

    // Every finished step left a checkpoint.
    for checkpoint in execution.checkpoints()? {
        println!("  {} {} ({} bytes)", checkpoint.seq(), checkpoint.name(), checkpoint.size_bytes());
    }

    // A fork shares the history before it: the search is not done again.
    let fork = execution.fork(Seq(1), "report-42-formal")?;
    let mut run = fork.resume()?;
    let sources: Vec<String> = run.step("search", || search("durable agents"))?;
    let formal: String = run.step("write", || write(&sources, "formal"))?;
    run.complete(&formal)?;
    println!("{formal}");

    // So that the next run begins anew.
    store.delete("report-42")?;
    store.delete("report-42-formal")?;
    Ok(())
}
