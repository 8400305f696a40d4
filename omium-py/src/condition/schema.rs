//! `Schema`: a condition as a JSON Schema.

use super::{DEPTH_MAX, invalid, parsed, type_name};
use jsonschema::Validator;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use serde_json::{Map, Number, Value};

#[pyclass(frozen, module = "omium._omium")]
pub(crate) struct Schema {
    validator: Validator,
}

#[pymethods]
impl Schema {
    #[new]
    fn new(py: Python<'_>, schema: &Bound<'_, PyDict>) -> PyResult<Schema> {
        let json = json(schema, 0)?;
        match parsed(|| jsonschema::options().offline().build(&json)) {
            Ok(Ok(validator)) => Ok(Schema { validator }),
            Ok(Err(error)) => {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
                Err(invalid(py, format!("this is no JSON Schema: {error}{place}")))
            }
            Err(why) => Err(invalid(py, format!("this is no JSON Schema: {why}"))),
        }
    }

    #[pyo3(signature = (value, *, limit = 10))]
    fn failures(&self, value: &Bound<'_, PyAny>, limit: usize) -> PyResult<Vec<(String, String)>> {
        let instance = json(value, 0)?;
        let errors = self.validator.iter_errors(&instance).take(limit);
        Ok(errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect())
    }
}

/// A plain Python value as JSON.
fn json(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > DEPTH_MAX {
        return Err(invalid(value.py(), format!("the value is nested deeper than {DEPTH_MAX} levels")));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.to_str()?.to_owned()));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(int) = value.cast::<PyInt>() {
        return match (int.extract::<i64>(), int.extract::<u64>()) {
            (Ok(signed), _) => Ok(signed.into()),
            (_, Ok(unsigned)) => Ok(unsigned.into()),
            _ => number(value, int.extract::<f64>()?),
        };
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return number(value, float.value());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut object = Map::new();
        for (name, item) in dict {
            let Ok(name) = name.cast::<PyString>() else {
                let kind = type_name(&name);
                return Err(invalid(value.py(), format!("JSON has no word for a key that is a {kind}")));
            };
            object.insert(name.to_str()?.to_owned(), json(&item, depth + 1)?);
        }
        return Ok(Value::Object(object));
    }
    if let Ok(list) = value.cast::<PyList>() {
        return list.iter().map(|item| json(&item, depth + 1)).collect::<PyResult<Vec<_>>>().map(Value::Array);
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    Err(invalid(value.py(), format!("JSON has no word for a {}", type_name(value))))
}

fn number(value: &Bound<'_, PyAny>, float: f64) -> PyResult<Value> {
    match Number::from_f64(float) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(invalid(value.py(), format!("JSON has no word for the number {float}"))),
    }
}
