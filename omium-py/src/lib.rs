//! `omium._omium`: omium-core for Python.

mod codec;

use pyo3::prelude::*;

#[pymodule]
fn _omium(m: &Bound<'_, PyModule>) -> PyResult<()> {
    codec::register(m)
}
