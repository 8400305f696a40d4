//! Passive records: what an execution, an entry and a value are. No I/O.

mod entry;
mod execution;
mod failure;
mod retention;
mod value;

pub(crate) use entry::{Address, Record, Slot, UNDO, is_of_rollback, is_undo, scope_within};
pub use entry::{Entry, Kind, Outcome};
pub(crate) use execution::Hold;
pub use execution::{ExecutionInfo, Standing, Status};
pub use failure::FailureKind;
pub(crate) use failure::{Decision, FailureNote, Told};
pub use retention::Retention;
pub use value::{Blob, codec};
