//! Sharing the elements of lists that grow: a history of states decodes each of them once.

use super::wire::{Head, Malformed, head, skip};
use super::{RESERVE_MAX, short_hash};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<ElementCache>()
}

type Seen = HashMap<[u8; 16], Py<PyAny>>;

/// Decodes msgpack lists and keeps each distinct object element once.
///
/// A history of N states of one growing list then holds every element once, not N times.
#[pyclass(module = "omium._omium", frozen)]
struct ElementCache {
    decode: Py<PyAny>,
    /// Never locked while Python code may run: that code may come back to this cache.
    seen: Mutex<Seen>,
}

#[pymethods]
impl ElementCache {
    #[new]
    fn new(decode: Py<PyAny>) -> Self {
        Self { decode, seen: Mutex::default() }
    }

    /// The decoded value; elements of a top-level list that are extension objects are shared.
    fn decode<'py>(&self, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        let bytes = data.as_bytes();
        let elements = elements(bytes)?;
        if !elements.iter().any(|(shared, _)| *shared) {
            return self.decode.bind(py).call1((data,));
        }
        let mut items = Vec::with_capacity(elements.len());
        for (shared, range) in elements {
            let element = &bytes[range];
            items.push(if shared { self.shared(py, element)? } else { self.decoded(py, element)? });
        }
        Ok(PyList::new(py, items)?.into_any())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.decode)?;
        // Locked means in use, and what is in use is not garbage.
        self.seen.try_lock().map_or(Ok(()), |seen| seen.values().try_for_each(|object| visit.call(object)))
    }

    fn __clear__(&self) {
        // Dropped after the lock: the last reference to an object may run its finaliser.
        let objects = std::mem::take(&mut *self.seen());
        drop(objects);
    }
}

impl ElementCache {
    fn shared<'py>(&self, py: Python<'py>, element: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let key = short_hash(element);
        if let Some(object) = self.seen().get(&key) {
            return Ok(object.bind(py).clone());
        }
        let object = self.decoded(py, element)?;
        // Another thread may have been first while this one decoded: its object is the one to share.
        let kept = self.seen().entry(key).or_insert_with(|| object.clone().unbind()).bind(py).clone();
        Ok(kept)
    }

    fn decoded<'py>(&self, py: Python<'py>, element: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode.bind(py).call1((PyBytes::new(py, element),))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each element of a top-level array and whether it is an extension object; none when it is no array.
fn elements(bytes: &[u8]) -> Result<Vec<(bool, Range<usize>)>, Malformed> {
    let (Head::Array(count), mut at) = head(bytes, 0)? else { return Ok(Vec::new()) };
    let mut elements = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        let (element, _) = head(bytes, at)?;
        let end = skip(bytes, at)?;
        elements.push((matches!(element, Head::Ext(..)), at..end));
        at = end;
    }
    if at == bytes.len() { Ok(elements) } else { Err(Malformed { at, reason: "bytes follow the value" }) }
}
