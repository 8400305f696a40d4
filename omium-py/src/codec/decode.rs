//! msgpack to Python values.

use super::wire::{Head, Malformed, head};
use super::{DEPTH_MAX, RESERVE_MAX};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(decode, m)?)
}

/// Undoes encode. `revive` gets the extension code and its decoded payload.
///
/// Raises ValueError on bytes that are not one complete value, and beyond 512 levels.
#[pyfunction]
#[pyo3(signature = (data, revive))]
fn decode<'py>(data: &Bound<'py, PyBytes>, revive: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut decoder = Decoder { bytes: data.as_bytes(), at: 0, revive };
    let value = decoder.value(0)?;
    if decoder.at == decoder.bytes.len() { Ok(value) } else { Err(decoder.fault("bytes follow the value")) }
}

impl From<Malformed> for PyErr {
    fn from(Malformed { at, reason }: Malformed) -> Self {
        PyValueError::new_err(format!("not msgpack: at byte {at}, {reason}"))
    }
}

struct Decoder<'a, 'py> {
    /// Ends where the innermost extension ends, so that its content cannot reach beyond.
    bytes: &'a [u8],
    at: usize,
    revive: &'a Bound<'py, PyAny>,
}

impl<'py> Decoder<'_, 'py> {
    fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.revive.py();
        let start = self.at;
        let (head, body) = head(self.bytes, start)?;
        self.at = body;
        Ok(match head {
            Head::Nil => py.None().into_bound(py),
            Head::Bool(value) => PyBool::new(py, value).to_owned().into_any(),
            Head::Int(value) => PyInt::new(py, value).into_any(),
            Head::Uint(value) => PyInt::new(py, value).into_any(),
            Head::Float(value) => PyFloat::new(py, value).into_any(),
            Head::Str(len) => match PyString::from_bytes(py, self.take(len)) {
                Ok(text) => text.into_any(),
                Err(_) => return Err(Malformed { at: start, reason: "a string is not UTF-8" }.into()),
            },
            Head::Bin(len) => PyBytes::new(py, self.take(len)).into_any(),
            Head::Ext(..) | Head::Array(_) | Head::Map(_) if depth == DEPTH_MAX => {
                return Err(Malformed { at: start, reason: "the value is nested more than 512 levels deep" }.into());
            }
            Head::Ext(code, len) => self.extension(code, len, depth)?,
            Head::Array(count) => self.list(count, depth)?,
            Head::Map(count) => self.dict(count, depth)?,
        })
    }

    fn list(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let mut items = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(PyList::new(self.revive.py(), items)?.into_any())
    }

    fn dict(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.revive.py();
        let dict = PyDict::new(py);
        for index in 0..count {
            let at = self.at;
            let key = self.value(depth + 1)?;
            let item = self.value(depth + 1)?;
            if let Err(error) = dict.set_item(key, item) {
                if !error.is_instance_of::<PyTypeError>(py) {
                    return Err(error);
                }
                let fault = PyErr::from(Malformed { at, reason: "a map has a key that is not hashable" });
                fault.set_cause(py, Some(error));
                return Err(fault);
            }
            if dict.len() != index + 1 {
                return Err(Malformed { at, reason: "a map has the same key twice" }.into());
            }
        }
        Ok(dict.into_any())
    }

    fn extension(&mut self, code: i8, len: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let payload = if code < 0 {
            // The format's own extensions, of which the timestamp is one, hold bytes and no value.
            PyBytes::new(self.revive.py(), self.take(len)).into_any()
        } else {
            let outer = self.bytes;
            self.bytes = &outer[..self.at + len];
            let payload = self.value(depth + 1)?;
            if self.at != self.bytes.len() {
                return Err(self.fault("bytes follow the value in an extension"));
            }
            self.bytes = outer;
            payload
        };
        self.revive.call1((code, payload))
    }

    /// The next `len` bytes; `head` has seen that they are there.
    fn take(&mut self, len: usize) -> &[u8] {
        let start = self.at;
        self.at += len;
        &self.bytes[start..self.at]
    }

    fn fault(&self, reason: &'static str) -> PyErr {
        Malformed { at: self.at, reason }.into()
    }
}
