//! A report that fails its check goes back to its plan: `cargo run --example repair`.
//!
//! The mail that had gone out by then is taken back first, and goes out again with what the repaired plan says.

use omium_core::{BoxError, Effect, Step, Store, Workflow};

fn plan(repairs: Option<&str>) -> Vec<String> {
    match repairs {
        None => vec![],
        Some(why) => {
            println!("  planning again, because {why}");
            vec!["a survey".to_owned(), "a handbook".to_owned()]
        }
    }
}

fn main() -> Result<(), BoxError> {
    let store = Store::open(std::env::temp_dir().join("omium-repair"))?;
    let research = Workflow::new("research", |run| {
        let sources: Vec<String> = run.step_with(Step::new("plan"), |attempt| {
            Ok::<_, BoxError>(plan(attempt.failure.as_ref().map(|failure| failure.message.as_str())))
        })?;
        let mail = Effect::new("mail", "announcement").retry().undo(|fallen| {
            println!("  taking back {:?}", fallen.receipt::<String>()?);
            Ok(())
        });
        run.effect(mail, |key| {
            println!("  mailing: {} sources (key {})", sources.len(), &key[..8]);
            Ok::<_, BoxError>(format!("mail-{}", &key[..8]))
        })?;
        let write = Step::new("write")
            .ensure("the report names a source", |report: &String| report.contains("survey"))
            .roll_back_to("plan")
            .ask();
        run.step_with(write, |_| Ok::<_, BoxError>(format!("A report on {}.", sources.join(" and "))))
    });
    println!("{}", research.run(&store, "report-42")?);
    for failure in store.execution("report-42")?.failures()? {
        println!("  on record: {} @{} {}", failure.step, failure.seq, failure.message);
    }

    // So that the next run begins anew.
    store.delete("report-42")?;
    Ok(())
}
