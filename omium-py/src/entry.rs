//! `Entry`: one immutable record of an execution's log.

use omium_core::{Entry, Store};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Result;
use crate::value::{PyValue, detached, named, wrap};

#[pyclass(frozen, name = "Entry", module = "omium._omium")]
pub(crate) struct PyEntry {
    pub store: Store,
    pub entry: Entry,
}

#[pymethods]
impl PyEntry {
    #[getter]
    fn execution(&self) -> &str {
        self.entry.execution()
    }
    #[getter]
    fn seq(&self) -> u64 {
        self.entry.seq().0
    }
    #[getter]
    fn parent(&self) -> u64 {
        self.entry.parent().0
    }
    #[getter]
    fn kind(&self) -> &'static str {
        self.entry.kind().as_str()
    }
    #[getter]
    fn status(&self) -> &'static str {
        self.entry.outcome().as_str()
    }
    #[getter]
    fn name(&self) -> &str {
        self.entry.name()
    }
    #[getter]
    fn scope(&self) -> &str {
        self.entry.scope()
    }
    #[getter]
    fn key(&self) -> &str {
        self.entry.key()
    }
    #[getter]
    fn occurrence(&self) -> u32 {
        self.entry.occurrence()
    }
    #[getter]
    fn prev(&self) -> u64 {
        self.entry.prev().0
    }
    #[getter]
    fn spawned(&self) -> bool {
        self.entry.spawned()
    }
    #[getter]
    fn path(&self) -> String {
        self.entry.path()
    }
    #[getter]
    fn live(&self) -> bool {
        self.entry.live()
    }
    #[getter]
    fn created_ms(&self) -> u64 {
        self.entry.created_ms()
    }
    #[getter]
    fn duration_ms(&self) -> u64 {
        self.entry.duration_ms()
    }
    #[getter]
    fn attempts(&self) -> u32 {
        self.entry.attempts()
    }
    #[getter]
    fn size_bytes(&self) -> u64 {
        self.entry.size_bytes()
    }
    #[getter]
    fn value(&self) -> Result<Option<PyValue>> {
        Ok(wrap(self.store.value(&self.entry)?))
    }
    #[getter]
    fn input(&self) -> Result<Option<PyValue>> {
        Ok(wrap(self.store.input(&self.entry)?))
    }
    #[getter]
    fn meta(&self) -> Result<Option<PyValue>> {
        Ok(wrap(self.store.meta(&self.entry)?))
    }
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        named(py, self.store.values(&self.entry).map_err(crate::error::Failure::from)?)
    }
    #[getter]
    fn error(&self) -> Option<&str> {
        self.entry.error()
    }
    #[getter]
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let usage = PyDict::new(py);
        for (name, count) in self.entry.usage() {
            usage.set_item(name, count)?;
        }
        Ok(usage)
    }
    fn is_accounted_for(&self, py: Python<'_>) -> Result<bool> {
        detached(py, || self.store.is_accounted_for(&self.entry))
    }
    fn __repr__(&self) -> String {
        let (entry, kind) = (&self.entry, self.entry.kind().as_str());
        format!("Entry({:?}@{}, {kind} {:?})", entry.execution(), entry.seq(), entry.name())
    }
}

pub(crate) fn wrap_all(store: &Store, entries: Vec<Entry>) -> Vec<PyEntry> {
    entries.into_iter().map(|entry| PyEntry { store: store.clone(), entry }).collect()
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyEntry>()
}
