//! `Value`: a recorded value, read lazily.

use omium_core::{Blob, Value};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::error::{Failure, Result};

/// A codec name and encoded bytes, as Python gives them.
pub(crate) type PyBlob = (String, PyBackedBytes);

pub(crate) fn blob((codec, bytes): &PyBlob) -> Blob {
    Blob::new(codec.clone(), bytes.as_ref())
}

pub(crate) fn blobs(blob_in: Option<PyBlob>) -> Option<Blob> {
    blob_in.as_ref().map(blob)
}

#[pyclass(frozen, name = "Value", module = "omium._omium")]
pub(crate) struct PyValue(pub Value);

#[pymethods]
impl PyValue {
    #[getter]
    fn codec(&self) -> &str {
        self.0.codec()
    }

    #[getter]
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        let digest = py.detach(|| self.0.digest())?;
        Ok(PyBytes::new(py, &digest.0))
    }

    fn read<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.0.read())?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __repr__(&self) -> String {
        format!("Value(codec={:?}, size_bytes={})", self.0.codec(), self.0.size_bytes())
    }
}

pub(crate) fn wrap(value: Option<Value>) -> Option<PyValue> {
    value.map(PyValue)
}

pub(crate) fn named<'py>(py: Python<'py>, values: Vec<(String, Value)>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
    let dict = pyo3::types::PyDict::new(py);
    for (name, value) in values {
        dict.set_item(name, PyValue(value))?;
    }
    Ok(dict)
}

/// For getters that may read the index.
pub(crate) fn detached<T: Send>(py: Python<'_>, read: impl FnOnce() -> omium_core::Result<T> + Send) -> Result<T> {
    py.detach(read).map_err(Failure::from)
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyValue>()
}
