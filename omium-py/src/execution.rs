//! `Execution`: what the store knows of one execution at the time of the call.

use omium_core::{ExecutionInfo, Standing, Store};
use pyo3::prelude::*;

use crate::error::Result;
use crate::value::{PyValue, detached, wrap};

#[pyclass(frozen, name = "Execution", module = "omium._omium")]
pub(crate) struct PyExecution {
    pub store: Store,
    pub info: ExecutionInfo,
}

#[pymethods]
impl PyExecution {
    #[getter]
    fn id(&self) -> &str {
        &self.info.id
    }
    #[getter]
    fn workflow(&self) -> &str {
        &self.info.workflow
    }
    #[getter]
    fn status(&self) -> &'static str {
        self.info.standing.as_str()
    }
    #[getter]
    fn orphaned(&self) -> bool {
        self.info.standing == Standing::Orphaned
    }
    #[getter]
    fn head(&self) -> u64 {
        self.info.head.0
    }
    #[getter]
    fn last_seq(&self) -> u64 {
        self.info.last.0
    }
    #[getter]
    fn created_ms(&self) -> u64 {
        self.info.created_ms
    }
    #[getter]
    fn updated_ms(&self) -> u64 {
        self.info.updated_ms
    }
    #[getter]
    fn forked_from(&self) -> Option<(&str, u64)> {
        self.info.forked_from.as_ref().map(|(id, seq)| (id.as_str(), seq.0))
    }
    #[getter]
    fn owner(&self) -> Option<&str> {
        self.info.owner.as_deref()
    }
    #[getter]
    fn source(&self) -> Option<&str> {
        self.info.source.as_deref()
    }
    #[getter]
    fn input(&self, py: Python<'_>) -> Result<Option<PyValue>> {
        Ok(wrap(detached(py, || self.store.execution_input(&self.info.id))?))
    }
    #[getter]
    fn result(&self, py: Python<'_>) -> Result<Option<PyValue>> {
        Ok(wrap(detached(py, || self.store.execution_result(&self.info.id))?))
    }
    #[getter]
    fn error(&self) -> Option<&str> {
        self.info.error.as_deref()
    }
    fn __repr__(&self) -> String {
        let ExecutionInfo { id, standing, head, .. } = &self.info;
        format!("Execution({id:?}, {}, head={head})", standing.as_str())
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyExecution>()
}
