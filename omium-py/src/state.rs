//! `State` and `Write`: what host frameworks record.

use omium_core::{State, Write};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::value::{PyValue, named};

#[pyclass(frozen, name = "State", module = "omium._omium")]
pub(crate) struct PyState(pub State);

#[pymethods]
impl PyState {
    #[getter]
    fn execution(&self) -> &str {
        &self.0.execution
    }
    #[getter]
    fn seq(&self) -> u64 {
        self.0.seq.0
    }
    #[getter]
    fn scope(&self) -> &str {
        &self.0.scope
    }
    #[getter]
    fn key(&self) -> &str {
        &self.0.key
    }
    #[getter]
    fn parent_key(&self) -> Option<&str> {
        self.0.parent_key.as_deref()
    }
    #[getter]
    fn created_ms(&self) -> u64 {
        self.0.created_ms
    }
    #[getter]
    fn body(&self) -> PyValue {
        PyValue(self.0.body.clone())
    }
    #[getter]
    fn meta(&self) -> PyValue {
        PyValue(self.0.meta.clone())
    }
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        named(py, self.0.values.clone())
    }
    #[getter]
    fn writes(&self) -> Vec<PyWrite> {
        self.0.writes.iter().cloned().map(PyWrite).collect()
    }
    fn __repr__(&self) -> String {
        format!("State({:?}@{}, key={:?})", self.0.execution, self.0.seq, self.0.key)
    }
}

#[pyclass(frozen, name = "Write", module = "omium._omium")]
pub(crate) struct PyWrite(Write);

#[pymethods]
impl PyWrite {
    #[getter]
    fn task(&self) -> &str {
        &self.0.task
    }
    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }
    #[getter]
    fn index(&self) -> i64 {
        self.0.index
    }
    #[getter]
    fn channel(&self) -> &str {
        &self.0.channel
    }
    #[getter]
    fn value(&self) -> PyValue {
        PyValue(self.0.value.clone())
    }
    fn __repr__(&self) -> String {
        format!("Write({:?}, {}, {:?})", self.0.task, self.0.index, self.0.channel)
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyState>()?;
    m.add_class::<PyWrite>()
}
