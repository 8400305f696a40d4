//! Checks, and what is done about failures: retry, go back and repair, ask a person, fail.
//!
//! A check is a gate: a step whose result does not pass it is not on record as done. What a policy decides about a failure
//! stands in the failed entry, so that a crash between the decision and the deed changes nothing.

mod attempts;
mod decide;
mod failure;
mod policy;
mod step;
mod workflow;

pub use failure::Failure;
pub use policy::{Attempt, Retry, Step};
pub use workflow::Workflow;
