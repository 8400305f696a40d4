//! `Cel`: a condition in the Common Expression Language.

use super::{DEPTH_MAX, invalid, parsed, type_name};
use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::objects::{Key, Map};
use cel::{Context, Env, Program, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

/// Longer text is no condition a person wrote, and would nest deeper than a small stack bears.
const EXPRESSION_BYTES_MAX: usize = 2_000;

/// How much of an expression or of a message about it is shown.
const SHOWN_CHARS_MAX: usize = 200;

#[pyclass(frozen, module = "omium._omium")]
pub(crate) struct Cel {
    expression: String,
    program: Program,
}

#[pymethods]
impl Cel {
    #[new]
    fn new(py: Python<'_>, expression: String) -> PyResult<Cel> {
        if expression.len() > EXPRESSION_BYTES_MAX {
            let length = expression.len();
            return Err(invalid(py, format!("a condition of {length} bytes is too long: write a function instead")));
        }
        match parsed(|| environment().compile(&expression)) {
            Ok(Ok(program)) => Ok(Cel { expression, program }),
            Ok(Err(errors)) => Err(invalid(py, unreadable(&expression, &errors))),
            Err(why) => Err(invalid(py, format!("{:?} is no CEL expression: {why}", clip(&expression)))),
        }
    }

    #[getter]
    fn expression(&self) -> &str {
        &self.expression
    }

    #[getter]
    fn names(&self) -> Vec<String> {
        let mut free = BTreeSet::new();
        collect(self.program.expression(), &mut Vec::new(), &mut free);
        free.into_iter().map(str::to_owned).collect()
    }

    fn evaluate(&self, py: Python<'_>, variables: &Bound<'_, PyDict>) -> PyResult<bool> {
        let mut context = Context::with_env(environment().clone());
        for (name, value) in variables {
            context.add_variable_from_value(name.cast::<PyString>()?.to_str()?, plain(&value, 0)?);
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(self.failed(py, format!("it gives {} and not true or false", article(other.type_of())))),
            Err(error) => Err(self.failed(py, error.to_string())),
        }
    }

    fn __repr__(&self) -> String {
        format!("Cel({:?})", self.expression)
    }
}

impl Cel {
    fn failed(&self, py: Python<'_>, why: String) -> PyErr {
        invalid(py, format!("{:?} cannot be evaluated: {}", clip(&self.expression), clip(&why)))
    }
}

/// The standard functions; made once, for it is a large table.
fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| Arc::new(Env::stdlib()))
}

/// What the parser says of the first error, with its place.
fn unreadable(expression: &str, errors: &cel::ParseErrors) -> String {
    let shown = clip(expression);
    let Some(first) = errors.errors.first() else { return format!("{shown:?} is no CEL expression") };
    let (line, column) = first.pos;
    // The parser lists every token it would have taken, and gives its own errors with their fields.
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let message = match message.split_once("msg: \"") {
        Some((_, own)) => own.split('"').next().unwrap_or(own),
        None => message.split(" expecting {").next().unwrap_or(message),
    };
    let message = message.replace("'<EOF>'", "the end");
    format!("{shown:?} is no CEL expression: line {line}, column {}: {message}", column.max(1))
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn article(kind: impl std::fmt::Display) -> String {
    let kind = kind.to_string();
    if kind == "null" {
        return kind;
    }
    let vowel = kind.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// Adds the names an expression takes from outside; a macro such as `all` binds names of its own.
fn collect<'e>(node: &'e IdedExpr, bound: &mut Vec<&'e str>, free: &mut BTreeSet<&'e str>) {
    match &node.expr {
        Expr::Ident(name) => {
            // The parser's own names cannot be written by hand; types are names too.
            let known = name.starts_with('@') || name == "optional" || environment().types().find_type(name).is_some();
            if !known && !bound.contains(&name.as_str()) {
                free.insert(name);
            }
        }
        Expr::Call(call) => {
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                collect(part, bound, free);
            }
        }
        Expr::Comprehension(loop_) => {
            collect(&loop_.iter_range, bound, free);
            collect(&loop_.accu_init, bound, free);
            let outside = bound.len();
            bound.extend([loop_.iter_var.as_str(), loop_.accu_var.as_str()]);
            bound.extend(loop_.iter_var2.as_deref());
            for part in [&loop_.loop_cond, &loop_.loop_step, &loop_.result] {
                collect(part, bound, free);
            }
            bound.truncate(outside);
        }
        Expr::List(list) => list.elements.iter().for_each(|part| collect(part, bound, free)),
        Expr::Select(select) => collect(&select.operand, bound, free),
        Expr::Map(map) => map.entries.iter().for_each(|entry| collect_entry(&entry.expr, bound, free)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| collect_entry(&entry.expr, bound, free)),
        Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn collect_entry<'e>(entry: &'e EntryExpr, bound: &mut Vec<&'e str>, free: &mut BTreeSet<&'e str>) {
    match entry {
        EntryExpr::StructField(field) => collect(&field.value, bound, free),
        EntryExpr::MapEntry(pair) => {
            collect(&pair.key, bound, free);
            collect(&pair.value, bound, free);
        }
    }
}

/// A plain Python value as CEL sees it.
fn plain(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if depth > DEPTH_MAX {
        return Err(invalid(value.py(), format!("the value is nested deeper than {DEPTH_MAX} levels")));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if let Ok(int) = value.cast::<PyInt>() {
        // Beyond 64 bits CEL has doubles only.
        return Ok(match (int.extract::<i64>(), int.extract::<u64>()) {
            (Ok(signed), _) => signed.into(),
            (_, Ok(unsigned)) => unsigned.into(),
            _ => int.extract::<f64>()?.into(),
        });
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value().into());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let pairs = dict.iter().map(|(name, item)| Ok((key(&name)?, plain(&item, depth + 1)?)));
        return Ok(Value::Map(Map { map: Arc::new(pairs.collect::<PyResult<HashMap<_, _>>>()?) }));
    }
    if let Ok(list) = value.cast::<PyList>() {
        let items = list.iter().map(|item| plain(&item, depth + 1)).collect::<PyResult<Vec<_>>>()?;
        return Ok(Value::List(Arc::new(items)));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Value::Bytes(Arc::new(bytes.as_bytes().to_vec())));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    Err(invalid(value.py(), format!("CEL has no word for a {}", type_name(value))))
}

fn key(name: &Bound<'_, PyAny>) -> PyResult<Key> {
    if let Ok(text) = name.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if let Ok(flag) = name.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if let Ok(int) = name.cast::<PyInt>()
        && let Ok(signed) = int.extract::<i64>()
    {
        return Ok(signed.into());
    }
    Err(invalid(name.py(), format!("CEL has no word for a key that is a {}", type_name(name))))
}
