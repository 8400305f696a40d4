//! `omium._omium`: omium-core for Python. The stub `_omium.pyi` is its documentation.

mod codec;
mod condition;
mod entry;
mod error;
mod execution;
mod invocation;
mod plan;
mod run;
mod state;
mod store;
mod value;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _omium(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    codec::register(m)?;
    condition::register(m)?;
    value::register(m)?;
    entry::register(m)?;
    execution::register(m)?;
    run::register(m)?;
    invocation::register(m)?;
    state::register(m)?;
    plan::register(m)?;
    store::register(m)
}
