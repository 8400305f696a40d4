//! How a store is opened.

use std::sync::Arc;

use crate::clock::{Clock, IdSource, System};
use crate::error::{Error, Result};
use crate::index::Journal;

/// What an acknowledged entry survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power: acknowledged after the disk has it. The default.
    Strict,
    /// The death of the process, not of the machine.
    Process,
    /// The death of the process; the loss of power too, except for the last so many milliseconds.
    Batch(u32),
}

impl Durability {
    /// The durability users name: `strict`, `process`, `batch` (10 ms) or `batch(MS)`.
    pub fn parse(word: &str) -> Result<Durability> {
        match word {
            "strict" => return Ok(Durability::Strict),
            "process" => return Ok(Durability::Process),
            "batch" => return Ok(Durability::Batch(10)),
            _ => {}
        }
        let number = word.strip_prefix("batch(").and_then(|rest| rest.strip_suffix(')'));
        match number.and_then(|ms| ms.trim().parse().ok()) {
            Some(ms @ 1..=60_000) => Ok(Durability::Batch(ms)),
            _ => Err(Error::invalid(format!(
                "durability {word:?} is not one of \"strict\", \"process\" and \"batch(MS)\" with MS from 1 to 60000"
            ))),
        }
    }
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Durability::Strict => f.write_str("strict"),
            Durability::Process => f.write_str("process"),
            Durability::Batch(ms) => write!(f, "batch({ms})"),
        }
    }
}

/// How a store is opened; [`Options::default`] is what [`Store::open`](crate::Store::open) uses.
#[derive(Clone)]
pub struct Options {
    /// What an acknowledged entry survives.
    pub durability: Durability,
    /// Whether a missing or empty directory becomes a new store.
    pub create: bool,
    /// Whether nothing may be written, not even a lock.
    pub read_only: bool,
    /// The index's journal; None chooses by the kind of file system.
    pub journal: Option<Journal>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            durability: Durability::Strict,
            create: true,
            read_only: false,
            journal: None,
            clock: Arc::new(System),
            ids: Arc::new(System),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for durability in [Durability::Strict, Durability::Process, Durability::Batch(25)] {
            assert_eq!(Durability::parse(&durability.to_string()).unwrap(), durability);
        }
        for wrong in ["", "Strict", "batch(0)", "batch(x)", "batch(60001)"] {
            assert!(Durability::parse(wrong).is_err(), "{wrong}");
        }
    }
}
