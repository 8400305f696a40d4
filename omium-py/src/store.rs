//! `Store`: one store directory. Every method releases the GIL around the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omium_core::{
    Depth, Durability, Edit, Error, Execution, Filter, NewState, NewWrites, Options, Retention, Seq, Standing, Status,
    Store,
};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::entry::{PyEntry, wrap_all};
use crate::error::{Failure, Result};
use crate::execution::PyExecution;
use crate::invocation::{Author, PyBy, PySeen};
use crate::plan::{PyCheckReport, PyPrunePlan, PyRollbackPlan};
use crate::run::PyRun;
use crate::state::PyState;
use crate::value::{PyBlob, blob, blobs, detached};

#[pyclass(frozen, name = "Store", module = "omium._omium")]
pub(crate) struct PyStore {
    path: PathBuf,
    store: Mutex<Option<Store>>,
}

impl PyStore {
    fn open(&self) -> Result<Store> {
        self.store.lock().clone().ok_or_else(|| invalid("this store was closed; open it again"))
    }
}

fn invalid(what: impl Into<String>) -> Failure {
    Failure::from(Error::Invalid { what: what.into() })
}

fn status_of(word: Option<&str>) -> Result<Option<Status>> {
    word.map(|word| Status::parse(word).ok_or_else(|| invalid(format!("{word:?} is not a status")))).transpose()
}

#[pymethods]
impl PyStore {
    #[new]
    #[pyo3(signature = (path, *, durability = "strict", create = true, read_only = false))]
    fn new(py: Python<'_>, path: PathBuf, durability: &str, create: bool, read_only: bool) -> Result<PyStore> {
        let options = Options { durability: Durability::parse(durability)?, create, read_only, ..Options::default() };
        let store = detached(py, || Store::open_with(&path, options))?;
        Ok(PyStore { path, store: Mutex::new(Some(store)) })
    }

    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }
    #[getter]
    fn durability(&self) -> Result<String> {
        Ok(self.open()?.durability().to_string())
    }
    #[getter]
    fn journal(&self) -> Result<&'static str> {
        Ok(self.open()?.journal()?.as_str())
    }

    fn close(&self, py: Python<'_>) {
        let store = self.store.lock().take();
        py.detach(|| drop(store));
    }

    #[pyo3(signature = (workflow, id, *, input = None, source = None, mode = "live"))]
    fn begin(
        &self,
        py: Python<'_>,
        workflow: &str,
        id: &str,
        input: Option<PyBlob>,
        source: Option<&str>,
        mode: &str,
    ) -> Result<PyRun> {
        let store = self.open()?;
        let input = blobs(input);
        let run = match mode {
            "live" => detached(py, || store.begin_with(workflow, id, input.as_ref(), source))?,
            "record" => detached(py, || store.execution(id)?.replay())?,
            "attach" => detached(py, || store.attach(workflow, id))?,
            "enter" => detached(py, || store.enter(workflow, id))?,
            other => {
                let modes = "\"live\", \"record\", \"attach\" and \"enter\"";
                return Err(invalid(format!("mode {other:?} is not one of {modes}")));
            }
        };
        Ok(PyRun { store, run })
    }

    fn observe(&self, py: Python<'_>, id: &str) -> Result<PySeen> {
        let store = self.open()?;
        detached(py, || store.observe(id)).map(PySeen)
    }

    fn join(&self, py: Python<'_>, workflow: &str, seen: &PySeen) -> Result<PyRun> {
        let store = self.open()?;
        let run = detached(py, || store.join(workflow, &seen.0))?;
        Ok(PyRun { store, run })
    }

    fn execution(&self, py: Python<'_>, id: &str) -> Result<PyExecution> {
        let store = self.open()?;
        let info = detached(py, || store.info(id))?;
        Ok(PyExecution { store, info })
    }

    #[pyo3(signature = (*, workflow = None, status = None, prefix = None, limit = None))]
    fn executions(
        &self,
        py: Python<'_>,
        workflow: Option<String>,
        status: Option<&str>,
        prefix: Option<String>,
        limit: Option<usize>,
    ) -> Result<Vec<PyExecution>> {
        let store = self.open()?;
        let unknown = |word: &str| invalid(format!("{word:?} is not a status"));
        let standing = status.map(|word| Standing::parse(word).ok_or_else(|| unknown(word))).transpose()?;
        let filter = Filter { workflow, standing, prefix, limit };
        let found = detached(py, || store.executions(&filter))?;
        Ok(found.into_iter().map(|info| PyExecution { store: store.clone(), info }).collect())
    }

    fn entry(&self, py: Python<'_>, id: &str, seq: u64) -> Result<PyEntry> {
        let store = self.open()?;
        let entry = detached(py, || store.entry(id, Seq(seq)))?;
        Ok(PyEntry { store, entry })
    }

    #[pyo3(signature = (id, *, all = false, after = 0, limit = None))]
    fn entries(&self, py: Python<'_>, id: &str, all: bool, after: u64, limit: Option<usize>) -> Result<Vec<PyEntry>> {
        let store = self.open()?;
        let entries = detached(py, || store.entries(id, all, Seq(after), limit))?;
        Ok(wrap_all(&store, entries))
    }

    fn cancel(&self, py: Python<'_>, id: &str) -> Result<()> {
        let store = self.open()?;
        detached(py, || store.cancel(id))
    }

    fn plan_rollback(&self, py: Python<'_>, id: &str, to: u64) -> Result<PyRollbackPlan> {
        let store = self.open()?;
        let plan = detached(py, || store.plan_rollback(id, Seq(to)))?;
        Ok(PyRollbackPlan { store, plan })
    }

    #[pyo3(signature = (id, to, head = None))]
    fn rollback(&self, py: Python<'_>, id: &str, to: u64, head: Option<u64>) -> Result<PyRollbackPlan> {
        let store = self.open()?;
        let plan = detached(py, || store.rollback_from(id, Seq(to), head.map(Seq)))?;
        Ok(PyRollbackPlan { store, plan })
    }

    #[pyo3(signature = (id, at, new_id, *, edits = Vec::new(), abandon_effects = false))]
    fn fork(
        &self,
        py: Python<'_>,
        id: &str,
        at: u64,
        new_id: &str,
        edits: Vec<(u64, PyBlob)>,
        abandon_effects: bool,
    ) -> Result<PyExecution> {
        let store = self.open()?;
        let edits: Vec<Edit> = edits.iter().map(|(seq, value)| Edit { seq: Seq(*seq), value: blob(value) }).collect();
        let info = detached(py, || {
            let original = store.execution(id)?;
            let fork = if abandon_effects { Execution::fork_abandoning_effects } else { Execution::fork_with };
            fork(&original, Seq(at), new_id, &edits)?.info()
        })?;
        Ok(PyExecution { store, info })
    }

    fn delete(&self, py: Python<'_>, id: &str) -> Result<bool> {
        let store = self.open()?;
        detached(py, || store.delete(id))
    }

    fn delete_running(&self, py: Python<'_>, id: &str) -> Result<bool> {
        let store = self.open()?;
        detached(py, || store.delete_running(id))
    }

    fn copy(&self, py: Python<'_>, id: &str, new_id: &str) -> Result<()> {
        let store = self.open()?;
        detached(py, || store.copy(id, new_id))
    }

    #[pyo3(signature = (execution, scope, key, parent, *, name, body, meta, values, keep = Vec::new(), group = None,
                        whole = true, status = None, by = None, workflow = "langgraph"))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn put_state(
        &self,
        py: Python<'_>,
        execution: &str,
        scope: &str,
        key: &str,
        parent: Option<&str>,
        name: &str,
        body: PyBlob,
        meta: PyBlob,
        values: Vec<(String, String, PyBackedBytes)>,
        keep: Vec<String>,
        group: Option<&str>,
        whole: bool,
        status: Option<&str>,
        by: Option<PyBy>,
        workflow: &str,
    ) -> Result<Vec<String>> {
        let store = self.open()?;
        let (status, author) = (status_of(status)?, Author::of(by.as_ref())?);
        let (body, meta) = (blob(&body), blob(&meta));
        let values: Vec<_> =
            values.iter().map(|(name, codec, bytes)| (name.as_str(), codec.as_str(), bytes.as_ref())).collect();
        let keep: Vec<_> = keep.iter().map(String::as_str).collect();
        let (body, meta, values, keep) = (&body, &meta, values.as_slice(), keep.as_slice());
        let by = author.by();
        let new = NewState { workflow, scope, key, parent, name, body, meta, values, keep, group, whole, status, by };
        detached(py, || store.put_state(execution, &new))
    }

    #[pyo3(signature = (execution, scope, key, task, path, writes, *, replace, status = None, by = None, workflow = "langgraph"))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn put_writes(
        &self,
        py: Python<'_>,
        execution: &str,
        scope: &str,
        key: &str,
        task: &str,
        path: &str,
        writes: Vec<(i64, String, String, PyBackedBytes)>,
        replace: bool,
        status: Option<&str>,
        by: Option<PyBy>,
        workflow: &str,
    ) -> Result<()> {
        let store = self.open()?;
        let (status, author) = (status_of(status)?, Author::of(by.as_ref())?);
        let writes: Vec<_> = writes
            .iter()
            .map(|(at, channel, codec, bytes)| (*at, channel.as_str(), codec.as_str(), bytes.as_ref()))
            .collect();
        let by = author.by();
        let new = NewWrites { workflow, scope, key, task, path, writes: &writes, replace, status, by };
        detached(py, || store.put_writes(execution, &new))
    }

    #[pyo3(signature = (execution, scope, key = None))]
    fn get_state(&self, py: Python<'_>, execution: &str, scope: &str, key: Option<&str>) -> Result<Option<PyState>> {
        let store = self.open()?;
        Ok(detached(py, || store.get_state(execution, scope, key))?.map(PyState))
    }

    #[pyo3(signature = (execution, *, scope = None, before = None, limit = None))]
    fn list_states(
        &self,
        py: Python<'_>,
        execution: Option<&str>,
        scope: Option<&str>,
        before: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<PyState>> {
        let store = self.open()?;
        let states = detached(py, || store.list_states(execution, scope, before, limit))?;
        Ok(states.into_iter().map(PyState).collect())
    }

    fn delete_states(&self, py: Python<'_>, execution: &str, keys: Vec<(String, String)>) -> Result<usize> {
        let store = self.open()?;
        detached(py, || store.delete_states(execution, &keys))
    }

    fn group_states(&self, py: Python<'_>, group: &str) -> Result<Vec<(String, String, String)>> {
        let store = self.open()?;
        detached(py, || store.group_states(group))
    }

    #[pyo3(signature = (*, keep_last = None, older_than_ms = None, abandoned = false, execution = None))]
    fn plan_prune(
        &self,
        py: Python<'_>,
        keep_last: Option<usize>,
        older_than_ms: Option<u64>,
        abandoned: bool,
        execution: Option<&str>,
    ) -> Result<PyPrunePlan> {
        let store = self.open()?;
        let policy = Retention { keep_last, older_than_ms, abandoned };
        Ok(PyPrunePlan(detached(py, || store.plan_prune(&policy, execution))?))
    }

    #[pyo3(signature = (plan, progress = None))]
    fn prune(&self, py: Python<'_>, plan: &PyPrunePlan, progress: Option<Py<PyAny>>) -> PyResult<u64> {
        let store = self.open()?;
        let mut reporter = Reporter::new(progress);
        let gone = detached(py, || store.prune(&plan.0, &mut |done, total| reporter.tell(done, total)))?;
        reporter.end()?;
        Ok(gone)
    }

    #[pyo3(signature = (progress = None))]
    fn gc(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<(u64, u64)> {
        let store = self.open()?;
        let mut reporter = Reporter::new(progress);
        let collected = detached(py, || store.gc(&mut |done, total| reporter.tell(done, total)))?;
        reporter.end()?;
        Ok((collected.chunks, collected.bytes))
    }

    #[pyo3(signature = (*, full = false, progress = None))]
    fn check(&self, py: Python<'_>, full: bool, progress: Option<Py<PyAny>>) -> PyResult<PyCheckReport> {
        let store = self.open()?;
        let mut reporter = Reporter::new(progress);
        let depth = if full { Depth::Full } else { Depth::Quick };
        let report = detached(py, || store.check(depth, &mut |done, total| reporter.tell(done, total)))?;
        reporter.end()?;
        Ok(PyCheckReport(report))
    }

    #[pyo3(signature = (directory, progress = None))]
    fn backup(
        &self,
        py: Python<'_>,
        directory: PathBuf,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(u64, PyCheckReport)> {
        let store = self.open()?;
        let mut reporter = Reporter::new(progress);
        let backup = detached(py, || store.backup(&directory, &mut |done, total| reporter.tell(done, total)))?;
        reporter.end()?;
        Ok((backup.bytes, PyCheckReport(backup.report)))
    }

    fn export(&self, py: Python<'_>, id: &str, path: PathBuf) -> Result<u64> {
        let store = self.open()?;
        detached(py, || store.export(id, &path))
    }

    #[pyo3(signature = (path, new_id = None))]
    fn import_(&self, py: Python<'_>, path: PathBuf, new_id: Option<&str>) -> Result<PyExecution> {
        let store = self.open()?;
        let info = detached(py, || store.import(&path, new_id))?;
        Ok(PyExecution { store, info })
    }

    fn stats(&self, py: Python<'_>) -> Result<BTreeMap<&'static str, u64>> {
        let store = self.open()?;
        let stats = detached(py, || store.stats())?;
        Ok(BTreeMap::from([
            ("executions", stats.executions),
            ("entries", stats.entries),
            ("values", stats.values),
            ("chunks", stats.chunks),
            ("disk_bytes", stats.disk_bytes),
            ("logical_bytes", stats.logical_bytes),
            ("format", u64::from(stats.format)),
        ]))
    }

    fn __repr__(&self) -> String {
        format!("Store({:?})", self.path)
    }
}

#[pyfunction]
fn tidy(py: Python<'_>) {
    py.detach(Store::tidy_all);
}

/// Calls back into Python now and then; an exception there is kept and raised when the work is done.
struct Reporter {
    callback: Option<Py<PyAny>>,
    told: u64,
    failure: Option<PyErr>,
}

impl Reporter {
    fn new(callback: Option<Py<PyAny>>) -> Reporter {
        Reporter { callback, told: 0, failure: None }
    }

    fn tell(&mut self, done: u64, total: u64) {
        // Taking the GIL for every row would cost more than the row.
        let due = done >= total || done >= self.told + (total / 200).max(1);
        let Some(callback) = self.callback.as_ref().filter(|_| due && self.failure.is_none()) else { return };
        self.told = done;
        self.failure = Python::attach(|py| callback.call1(py, (done, total)).err());
    }

    fn end(self) -> PyResult<()> {
        self.failure.map_or(Ok(()), Err)
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyStore>()?;
    // Nobody drops what a module holds when the interpreter ends, so the logs are emptied here.
    m.py().import("atexit")?.call_method1("register", (wrap_pyfunction!(tidy, m)?,))?;
    Ok(())
}
