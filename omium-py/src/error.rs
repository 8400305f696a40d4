//! Each kind of core error as the Python exception that mirrors it.

use std::error::Error as _;

use omium_core::Error;
use pyo3::PyErr;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a call into the core gives back to Python.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A core error on its way to Python.
pub(crate) struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        Python::attach(|py| raise(py, &failure.0).unwrap_or_else(|error| error))
    }
}

fn raise(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let attributes = PyDict::new(py);
    let class = match error {
        Error::ExecutionNotFound { .. } => "ExecutionNotFound",
        Error::EntryNotFound { .. } => "EntryNotFound",
        Error::LeaseHeld { owner, expires_at, .. } => {
            attributes.set_item("owner", owner)?;
            attributes.set_item("expires_at", expires_at.map(|ms| ms as f64 / 1000.0))?;
            "LeaseHeld"
        }
        Error::Fenced { .. } => "Fenced",
        Error::Divergence(divergence) => {
            attributes.set_item("execution", &divergence.execution)?;
            attributes.set_item("seq", divergence.seq.map(|seq| seq.0))?;
            attributes.set_item("expected", &divergence.expected)?;
            attributes.set_item("found", &divergence.found)?;
            "Divergence"
        }
        Error::InDoubt { .. } => "InDoubt",
        Error::Unsettled { execution, effects, .. } => {
            attributes.set_item("execution", execution)?;
            attributes.set_item("seq", effects.first().map(|(_, seq)| seq.0))?;
            "InDoubt"
        }
        Error::Corrupted { .. } => "StoreCorrupted",
        Error::Unavailable { .. } => "StoreUnavailable",
        Error::NotAStore { .. } => "NotAStore",
        Error::FormatUnsupported { .. } => "FormatUnsupported",
        Error::Invalid { .. } => "InvalidInput",
        Error::NotSerializable { .. } => "NotSerializable",
        // A kind this binding does not know yet is still one of ours.
        _ => "OmiumError",
    };
    let class = py.import("omium.exceptions")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message(error),), Some(&attributes))?))
}

/// The error and its causes in one line: Python has no other place for what the system said.
fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        // SQLite's own text comes twice, the second time behind its number.
        let said = next
            .strip_prefix("Error code ")
            .and_then(|rest| rest.split_once(": "))
            .map_or(next.as_str(), |(_, text)| text);
        if !message.contains(said) {
            message.push_str(": ");
            message.push_str(&next);
        }
        cause = source.source();
    }
    message
}
