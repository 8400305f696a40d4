//! Conditions over plain values: expressions in CEL and JSON Schemas, compiled once and evaluated often.
//!
//! Nothing in them can act: an expression computes a truth value from what it is given, and a schema refers to
//! nothing outside itself.

mod expression;
mod schema;

use pyo3::prelude::*;

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<expression::Cel>()?;
    m.add_class::<schema::Schema>()
}

/// How deep a value may be nested, as in the codec: what was recorded can be checked.
const DEPTH_MAX: usize = 512;

/// An `InvalidInput` with that message.
fn invalid(py: Python<'_>, message: String) -> PyErr {
    let made = py
        .import("omium.exceptions")
        .and_then(|module| module.getattr("InvalidInput"))
        .and_then(|class| class.call1((message,)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Runs a parser that is not ours: text that makes it panic is told like any other text it cannot read, and its
/// depth does not depend on the stack of the thread that asks.
fn parsed<T: Send>(parse: impl FnOnce() -> T + Send) -> Result<T, String> {
    const STACK_BYTES: usize = 16 * 1024 * 1024;
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, parse);
        let parser = parser.map_err(|error| format!("no thread for the parser: {error}"))?;
        parser.join().map_err(|_| "the parser failed on it".to_owned())
    })
}

/// The type of a value, for a message.
fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().qualname().map_or_else(|_| "value".to_owned(), |name| name.to_string())
}
