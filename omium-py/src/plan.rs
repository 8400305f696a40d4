//! Plans and reports: what would be done, and what was found.

use omium_core::{CheckReport, PrunePlan, RollbackPlan, Store};
use pyo3::prelude::*;

use crate::entry::{PyEntry, wrap_all};

#[pyclass(frozen, name = "RollbackPlan", module = "omium._omium")]
pub(crate) struct PyRollbackPlan {
    pub store: Store,
    pub plan: RollbackPlan,
}

#[pymethods]
impl PyRollbackPlan {
    #[getter]
    fn execution(&self) -> &str {
        &self.plan.execution
    }
    #[getter]
    fn to(&self) -> u64 {
        self.plan.to.0
    }
    #[getter]
    fn head(&self) -> u64 {
        self.plan.head.0
    }
    #[getter]
    fn falls(&self) -> Vec<PyEntry> {
        wrap_all(&self.store, self.plan.falls.clone())
    }
}

#[pyclass(frozen, name = "PrunePlan", module = "omium._omium")]
pub(crate) struct PyPrunePlan(pub PrunePlan);

#[pymethods]
impl PyPrunePlan {
    #[getter]
    fn executions(&self) -> Vec<String> {
        self.0.executions.clone()
    }
    #[getter]
    fn entries(&self) -> Vec<(String, Vec<u64>)> {
        self.0.entries.iter().map(|(id, seqs)| (id.clone(), seqs.iter().map(|seq| seq.0).collect())).collect()
    }
    #[getter]
    fn entry_count(&self) -> u64 {
        self.0.entry_count
    }
}

#[pyclass(frozen, name = "CheckReport", module = "omium._omium")]
pub(crate) struct PyCheckReport(pub CheckReport);

#[pymethods]
impl PyCheckReport {
    #[getter]
    fn ok(&self) -> bool {
        self.0.ok()
    }
    #[getter]
    fn executions(&self) -> u64 {
        self.0.executions
    }
    #[getter]
    fn entries(&self) -> u64 {
        self.0.entries
    }
    #[getter]
    fn values(&self) -> u64 {
        self.0.values
    }
    #[getter]
    fn chunks(&self) -> u64 {
        self.0.chunks
    }
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.0.problems.clone()
    }
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes.clone()
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyRollbackPlan>()?;
    m.add_class::<PyPrunePlan>()?;
    m.add_class::<PyCheckReport>()
}
