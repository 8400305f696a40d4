//! One binary for all integration tests: one file for each claim.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed unwrap is a failed test")]
#![allow(clippy::disallowed_methods, reason = "a test may sleep and ask for its environment")]

mod backup;
mod effects;
mod exports;
mod forks;
mod golden;
mod growth;
mod hosts;
mod inputs;
mod layers;
mod processes;
mod promises;
mod recovery;
mod size;
mod standing;
mod strands;
mod support;
mod trouble;
mod undo;
mod values;
