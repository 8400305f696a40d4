//! Values to msgpack and back, without a detour through Python objects of the wire format.
//!
//! What the format has a type for is written as it is; every other value is reduced by a callback to an
//! extension code and a payload, and revived from them by another.

mod decode;
mod elements;
mod encode;
mod refusal;
mod wire;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// How many containers may lie within each other: the same in both directions, so that what was written
/// can be read, and low enough for the stack of any thread.
const DEPTH_MAX: usize = 512;

/// Room made for a list before its elements are seen; beyond it a list grows with what is really there.
const RESERVE_MAX: usize = 1024;

/// From this size on, other threads run while bytes are hashed.
const DETACH_BYTES_MIN: usize = 64 * 1024;

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    encode::register(m)?;
    decode::register(m)?;
    elements::register(m)?;
    m.add_function(wrap_pyfunction!(digest, m)?)
}

/// 16 bytes of blake3.
#[pyfunction]
fn digest<'py>(py: Python<'py>, data: &Bound<'py, PyBytes>) -> Bound<'py, PyBytes> {
    let bytes = data.as_bytes();
    let hash = if bytes.len() < DETACH_BYTES_MIN { short_hash(bytes) } else { py.detach(|| short_hash(bytes)) };
    PyBytes::new(py, &hash)
}

/// 128 bits are enough to tell apart all values one process ever sees.
fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut short);
    short
}
