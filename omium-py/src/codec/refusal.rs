//! Why a value cannot be encoded, and the path to it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

pub(super) enum Fault {
    /// An exception of Python code that was called.
    Raised(PyErr),
    /// A value that cannot be encoded; its path is completed on the way out.
    Refused(Box<Refusal>),
}

impl From<PyErr> for Fault {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

pub(super) struct Refusal {
    reason: &'static str,
    /// None when it is not the type that stands in the way.
    type_name: Option<String>,
    /// Innermost first.
    path: Vec<String>,
}

pub(super) fn refused(reason: &'static str, type_name: Option<String>) -> Fault {
    Fault::Refused(Box::new(Refusal { reason, type_name, path: Vec::new() }))
}

impl Fault {
    /// Adds the step that led to the refused value.
    pub(super) fn inside(mut self, segment: impl FnOnce() -> String) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.path.push(segment());
        }
        self
    }
}

/// How a path names the entry of a dict: `.name` where Python could, else `[repr]`.
pub(super) fn segment(key: &Bound<'_, PyAny>) -> String {
    let text = key.cast_exact::<PyString>().ok();
    let identifier = |text: &&Bound<'_, PyString>| {
        text.call_method0("isidentifier").and_then(|answer| answer.is_truthy()).unwrap_or(false)
    };
    if let Some(name) = text.filter(identifier) {
        return format!(".{name}");
    }
    match key.repr() {
        Ok(repr) => format!("[{}]", shortened(&repr.to_string_lossy(), 60)),
        Err(_) => format!("[{}]", key.get_type()),
    }
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

impl Refusal {
    pub(super) fn into_error(self, py: Python<'_>) -> PyErr {
        const SHOWN: usize = 16;
        let mut path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        if path.len() > 2 * SHOWN {
            path.splice(SHOWN..path.len() - SHOWN, ["..."]);
        }
        let path = format!("${}", path.concat());
        let of_type = self.type_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        let message = format!("the value at {path}{of_type} {}", self.reason);
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let make = || {
            let kwargs = PyDict::new(py);
            kwargs.set_item("path", &path)?;
            kwargs.set_item("type", self.type_name)?;
            CLASS.import(py, "omium.exceptions", "NotSerializable")?.call((message,), Some(&kwargs))
        };
        make().map_or_else(|error| error, PyErr::from_value)
    }
}
