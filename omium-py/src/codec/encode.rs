//! Python values to msgpack.

use super::DEPTH_MAX;
use super::refusal::{Fault, refused, segment};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use rmp::encode as msgpack;
use rmp::encode::buffer::ByteBuf;
use std::ops::Range;

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(encode, m)?)
}

/// msgpack of None, bool, int, float, str, bytes, list and dict (exact types).
///
/// Everything else goes to `reduce`, which answers (extension code 0-127, payload to encode in turn) or
/// None: then NotSerializable is raised with the path to the value. `canonical` sorts the keys of
/// dicts, for digests.
#[pyfunction]
#[pyo3(signature = (value, reduce, *, canonical = false))]
fn encode<'py>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    reduce: &Bound<'py, PyAny>,
    canonical: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoder = Encoder { out: ByteBuf::new(), reduce, canonical, ancestors: Vec::new() };
    match encoder.value(value) {
        Ok(()) => Ok(PyBytes::new(py, encoder.out.as_slice())),
        Err(Fault::Raised(error)) => Err(error),
        Err(Fault::Refused(refusal)) => Err(refusal.into_error(py)),
    }
}

struct Encoder<'a, 'py> {
    out: ByteBuf,
    reduce: &'a Bound<'py, PyAny>,
    canonical: bool,
    /// The addresses of the containers and reduced objects around the present value: all are borrowed by
    /// a caller further up, so an address stands for one object.
    ancestors: Vec<usize>,
}

impl<'py> Encoder<'_, 'py> {
    fn value(&mut self, value: &Bound<'py, PyAny>) -> Result<(), Fault> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.text(text);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.dict(dict);
        }
        if let Ok(int) = value.cast_exact::<PyInt>() {
            return self.int(int);
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.within(list, |this| this.list(list));
        }
        if let Ok(float) = value.cast_exact::<PyFloat>() {
            let Ok(()) = msgpack::write_f64(&mut self.out, float.value());
        } else if value.is_none() {
            let Ok(()) = msgpack::write_nil(&mut self.out);
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            let Ok(()) = msgpack::write_bool(&mut self.out, flag.is_true());
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            let bytes = bytes.as_bytes();
            let Ok(_) = msgpack::write_bin_len(&mut self.out, length(bytes.len())?);
            self.out.as_mut_vec().extend_from_slice(bytes);
        } else {
            return self.reduced(value);
        }
        Ok(())
    }

    fn text(&mut self, text: &Bound<'py, PyString>) -> Result<(), Fault> {
        // Lone surrogates have no UTF-8.
        let Ok(utf8) = text.to_str() else { return self.reduced(text) };
        let Ok(_) = msgpack::write_str_len(&mut self.out, length(utf8.len())?);
        self.out.as_mut_vec().extend_from_slice(utf8.as_bytes());
        Ok(())
    }

    fn int(&mut self, int: &Bound<'py, PyInt>) -> Result<(), Fault> {
        if let Ok(value) = int.extract::<i64>() {
            let Ok(_) = msgpack::write_sint(&mut self.out, value);
        } else if let Ok(value) = int.extract::<u64>() {
            let Ok(_) = msgpack::write_uint(&mut self.out, value);
        } else {
            return self.reduced(int);
        }
        Ok(())
    }

    fn list(&mut self, list: &Bound<'py, PyList>) -> Result<(), Fault> {
        let count = list.len();
        let Ok(_) = msgpack::write_array_len(&mut self.out, length(count)?);
        for index in 0..count {
            // By index, and asked again each time: `reduce` may change the list.
            let item = list.get_item(index).map_err(|_| changed())?;
            self.value(&item).map_err(|fault| fault.inside(|| format!("[{index}]")))?;
        }
        if list.len() == count { Ok(()) } else { Err(changed().into()) }
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>) -> Result<(), Fault> {
        // A copy, because `reduce` may change the dict.
        let entries = dict.copy()?;
        if entries.iter().all(|(key, _)| key.is_exact_instance_of::<PyString>()) {
            return self.within(dict, |this| this.entries(&entries));
        }
        self.within(dict, |this| match this.ask(dict)? {
            Some((code, payload)) => this.extension(code, &payload),
            None => this.entries(&entries),
        })
    }

    fn entries(&mut self, entries: &Bound<'py, PyDict>) -> Result<(), Fault> {
        let Ok(_) = msgpack::write_map_len(&mut self.out, length(entries.len())?);
        let start = self.out.as_slice().len();
        let mut ranges: Vec<(Range<usize>, usize)> = Vec::new();
        for (key, item) in entries.iter() {
            let key_start = self.out.as_slice().len();
            self.value(&key).map_err(|fault| fault.inside(|| segment(&key)))?;
            let key_end = self.out.as_slice().len();
            self.value(&item).map_err(|fault| fault.inside(|| segment(&key)))?;
            if self.canonical {
                ranges.push((key_start - start..key_end - start, self.out.as_slice().len() - start));
            }
        }
        if self.canonical {
            let unsorted = self.out.as_mut_vec().split_off(start);
            ranges.sort_by(|(a, _), (b, _)| unsorted[a.clone()].cmp(&unsorted[b.clone()]));
            for (key, end) in ranges {
                self.out.as_mut_vec().extend_from_slice(&unsorted[key.start..end]);
            }
        }
        Ok(())
    }

    fn reduced(&mut self, value: &Bound<'py, PyAny>) -> Result<(), Fault> {
        self.within(value, |this| match this.ask(value)? {
            Some((code, payload)) => this.extension(code, &payload),
            None => {
                let name = value.get_type().fully_qualified_name()?.to_string();
                Err(refused("is of a type that has no encoding: return plain data, or register the type", Some(name)))
            }
        })
    }

    fn ask(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<(i8, Bound<'py, PyAny>)>> {
        let answer = self.reduce.call1((value,))?;
        if answer.is_none() {
            return Ok(None);
        }
        let (code, payload) = answer.extract::<(i64, Bound<'py, PyAny>)>()?;
        match i8::try_from(code) {
            Ok(code @ 0..) => Ok(Some((code, payload))),
            _ => Err(PyValueError::new_err(format!("reduce gave extension code {code}: it must be 0 to 127"))),
        }
    }

    fn extension(&mut self, code: i8, payload: &Bound<'py, PyAny>) -> Result<(), Fault> {
        let start = self.out.as_slice().len();
        self.value(payload)?;
        // The head holds the length of what it precedes, so it is put in front afterwards.
        let mut head = ByteBuf::with_capacity(6);
        let Ok(_) = msgpack::write_ext_meta(&mut head, length(self.out.as_slice().len() - start)?, code);
        self.out.as_mut_vec().splice(start..start, head.into_vec());
        Ok(())
    }

    /// Writes what lies inside `outer`, unless that is endless.
    fn within(
        &mut self,
        outer: &Bound<'py, PyAny>,
        write: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let address = outer.as_ptr() as usize;
        if self.ancestors.contains(&address) {
            return Err(refused("contains itself: record its parts, which refer to each other by key", None));
        }
        if self.ancestors.len() == DEPTH_MAX {
            return Err(refused("is nested more than 512 levels deep: record it in flat parts", None));
        }
        self.ancestors.push(address);
        write(self)?;
        self.ancestors.pop();
        Ok(())
    }
}

fn length(len: usize) -> Result<u32, Fault> {
    u32::try_from(len).map_err(|_| refused("is longer than 4 GiB: record it in parts", None))
}

fn changed() -> PyErr {
    PyRuntimeError::new_err("a list changed while it was encoded: copy it before it is shared with another thread")
}
