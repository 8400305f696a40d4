//! The code no longer does what the record says.

use std::fmt;

use crate::id::Seq;

/// The record holds another entry at this point than the code asks for. Raised before anything ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The execution.
    pub execution: String,
    /// The nearest recorded entry, the one the record expects here when there is one.
    pub seq: Option<Seq>,
    /// Its address, readable.
    pub expected: Option<String>,
    /// The address the code asked for, readable.
    pub found: String,
    /// Whether it is the inputs that differ, not the name.
    pub inputs_differ: bool,
    /// Whether strands ran beside each other there: then the order in which they completed may be what differs.
    pub concurrent: bool,
    /// The first of those differences, readable, where the record has the inputs.
    pub differences: Vec<String>,
}

const ORDER: &str = "\nIf what comes next depends on which of several parallel calls completes first, take their results in \
                     an order of their own (gather, map of a pool, sorted results), or make the choice in a step.";

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { execution, found, .. } = self;
        match (self.seq, &self.expected) {
            (Some(seq), Some(expected)) if self.inputs_differ => {
                write!(f, "{execution}@{seq} recorded {expected} with other inputs than the code now gives {found}")?;
                if self.differences.is_empty() { Ok(()) } else { write!(f, ": {}", self.differences.join("; ")) }
            }
            (Some(seq), Some(expected)) => {
                write!(f, "{execution}@{seq} recorded {expected} where the code now asks for {found}")
            }
            _ => write!(f, "the code asks for {found}, which the record of {execution} does not hold"),
        }?;
        if self.concurrent { f.write_str(ORDER) } else { Ok(()) }
    }
}

impl std::error::Error for Divergence {}

/// A scope for people: without the digests that make its elements unique.
pub(super) fn readable(scope: &str, name: &str) -> String {
    let element = |element: &str| -> String {
        let (key, occurrence) = element.rsplit_once('#').unwrap_or((element, "0"));
        let name = match key.rsplit_once('~') {
            Some((name, digest)) if digest.len() == 24 && digest.bytes().all(|b| b.is_ascii_hexdigit()) => name,
            _ => key,
        };
        if occurrence == "0" { name.to_owned() } else { format!("{name}#{occurrence}") }
    };
    let outer = scope.split('/').filter(|part| !part.is_empty()).map(element);
    outer.chain([name.to_owned()]).collect::<Vec<_>>().join("/")
}
