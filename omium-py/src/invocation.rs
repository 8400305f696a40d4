//! `Seen`, and who saves the states of a host framework.

use omium_core::{By, Leased, Seen};
use pyo3::prelude::*;

use crate::error::Result;
use crate::run::PyRun;

#[pyclass(frozen, name = "Seen", module = "omium._omium")]
pub(crate) struct PySeen(pub Seen);

#[pymethods]
impl PySeen {
    #[getter]
    fn leased_once(&self) -> bool {
        self.0.leased_once()
    }
    #[getter]
    fn newest(&self) -> Option<String> {
        self.0.newest()
    }
    fn runs_from(&self, key: &str) {
        self.0.runs_from(key);
    }
}

/// `by` as Python gives it: what an invocation saw, or the run that has its lease.
#[derive(FromPyObject)]
pub(crate) enum PyBy {
    Seen(Py<PySeen>),
    Run(Py<PyRun>),
}

/// It without the interpreter.
pub(crate) enum Author {
    Outside,
    Seen(Seen),
    Leased(Leased),
}

impl Author {
    pub(crate) fn of(by: Option<&PyBy>) -> Result<Author> {
        Ok(match by {
            None => Author::Outside,
            Some(PyBy::Seen(seen)) => Author::Seen(seen.get().0.clone()),
            Some(PyBy::Run(run)) => Author::Leased(run.get().run.lease()?.clone()),
        })
    }

    pub(crate) fn by(&self) -> By<'_> {
        match self {
            Author::Outside => By::Outside,
            Author::Seen(seen) => By::Seen(seen),
            Author::Leased(lease) => By::Leased(lease),
        }
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PySeen>()
}
