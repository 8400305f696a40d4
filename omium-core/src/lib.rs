//! A crashed, wrong or abandoned agent run continues from its last good step: nothing acknowledged is lost, and
//! nothing already paid for is paid again.
//!
//! omium-core is the durable log of such runs, in process, on a content-addressed store in one directory. It has no
//! server and no async runtime.
//!
//! ```
//! use omium_core::{Seq, Store};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join(".omium");
//! let store = Store::open(&path)?;
//! let mut run = store.begin("research", "report-42")?; // begins, or resumes and takes the lease
//! let sources: Vec<String> = run.step("search", || vec!["durable agents".to_owned()])?;
//! let report: String = run.step("write", || format!("on {}", sources.join(", ")))?;
//! let execution = run.complete(&report)?;
//!
//! for checkpoint in execution.checkpoints()? {
//!     println!("{} {} {} bytes", checkpoint.seq(), checkpoint.name(), checkpoint.size_bytes());
//! }
//!
//! // A rollback moves the head and erases nothing; a fork shares the history before it.
//! execution.rollback(Seq(1))?;
//! let mut run = execution.fork(Seq(1), "report-42-formal")?.resume()?;
//! let sources: Vec<String> = run.step("search", || unreachable!("it is recorded"))?;
//! assert_eq!(sources, ["durable agents"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! A step's outcome is on the disk before [`Run::step`] returns (see [`Durability`]). A step that was in flight when
//! the process died runs again: at least once, not exactly once. What touches the outside world is an [`Effect`]: never
//! silently repeated, and undone by [`Execution::rollback`]. A [`Step`] may have checks and a recovery policy, which
//! a [`Workflow`] carries out.
//!
//! # Where things are
//!
//! ARCHITECTURE.md has the layers and the way of one step through them, docs/format.md the bytes on disk.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod chunk;
mod clock;
mod effect;
mod error;
mod execution;
mod id;
mod index;
mod machine;
mod model;
mod pack;
mod recovery;
mod run;
mod store;
mod wait;

pub use clock::{Clock, IdSource, System};
pub use effect::{Doubt, Effect, EffectRecord, EffectState, Fallen};
pub use error::{BoxError, Error, Result};
pub use execution::Execution;
pub use id::{Digest, FencingToken, Seq};
pub use index::Journal;
pub use machine::Divergence;
pub use model::{Blob, Entry, ExecutionInfo, FailureKind, Kind, Outcome, Retention, Standing, Status, codec};
pub use recovery::{Attempt, Failure, Retry, Step, Workflow};
pub use run::{Call, Claim, Outcomes, Run, Scope, Strand};
pub use store::{
    Backup, By, CheckReport, Collected, Depth, Durability, Edit, Filter, Leased, NewState, NewWrites, Options,
    Progress, PrunePlan, RollbackPlan, Seen, State, Stats, Store, Value, Write,
};
pub use wait::Question;
