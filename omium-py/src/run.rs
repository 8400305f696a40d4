//! `Run` and `Claim`: the live handle of one execution.

use std::collections::BTreeMap;

use omium_core::{Blob, Call, Claim, Doubt, Entry, Error, Kind, Outcomes, Run, Seq, Status, Store};
use pyo3::prelude::*;

use crate::entry::PyEntry;
use crate::error::{Failure, Result};
use crate::value::{PyBlob, PyValue, blob, blobs, detached, wrap};

#[pyclass(frozen, name = "Claim", module = "omium._omium")]
pub(crate) struct PyClaim {
    store: Store,
    claim: Claim,
}

impl PyClaim {
    fn entry(&self, entry: Option<&Entry>) -> Option<PyEntry> {
        entry.map(|entry| PyEntry { store: self.store.clone(), entry: entry.clone() })
    }
}

#[pymethods]
impl PyClaim {
    #[getter]
    fn scope(&self) -> &str {
        self.claim.scope()
    }
    #[getter]
    fn name(&self) -> &str {
        self.claim.name()
    }
    #[getter]
    fn key(&self) -> &str {
        self.claim.key()
    }
    #[getter]
    fn occurrence(&self) -> u32 {
        self.claim.occurrence()
    }
    #[getter]
    fn path(&self) -> &str {
        self.claim.path()
    }
    #[getter]
    fn landed(&self) -> Option<u64> {
        self.claim.landed().map(|seq| seq.0)
    }
    #[getter]
    fn recorded(&self) -> Option<PyEntry> {
        self.entry(self.claim.recorded.as_ref())
    }
    #[getter]
    fn intent(&self) -> Option<PyEntry> {
        self.entry(self.claim.intent.as_ref())
    }
}

#[pyclass(frozen, name = "Run", module = "omium._omium")]
pub(crate) struct PyRun {
    pub store: Store,
    pub run: Run,
}

#[pymethods]
impl PyRun {
    #[getter]
    fn id(&self) -> &str {
        self.run.id()
    }
    #[getter]
    fn workflow(&self) -> &str {
        self.run.workflow()
    }
    #[getter]
    fn status(&self) -> &'static str {
        self.run.status().as_str()
    }
    #[getter]
    fn mode(&self) -> &'static str {
        if self.run.is_record_only() { "record" } else { "live" }
    }
    #[getter]
    fn epoch(&self) -> u32 {
        self.run.epoch()
    }
    #[getter]
    fn taken_from(&self) -> Option<&str> {
        self.run.taken_from()
    }
    #[getter]
    fn usage(&self) -> BTreeMap<String, i64> {
        self.run.usage()
    }
    #[getter]
    fn resumed(&self) -> bool {
        self.run.recorded() > 0
    }
    #[getter]
    fn input(&self, py: Python<'_>) -> Result<Option<PyValue>> {
        Ok(wrap(detached(py, || self.store.execution_input(self.run.id()))?))
    }
    #[getter]
    fn recorded(&self) -> usize {
        self.run.recorded()
    }
    #[getter]
    fn replayed(&self) -> usize {
        self.run.replayed()
    }
    #[getter]
    fn ran(&self) -> u64 {
        self.run.ran()
    }

    #[pyo3(signature = (kind, scope, name, digest, *, prev = 0, spawned = false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn claim(
        &self,
        py: Python<'_>,
        kind: &str,
        scope: &str,
        name: &str,
        digest: &[u8],
        prev: u64,
        spawned: bool,
    ) -> Result<PyClaim> {
        let call = Call { kind: kind_of(kind)?, scope, name, digest, prev: Seq(prev), spawned };
        let claim = detached(py, || self.run.claim(call))?;
        Ok(PyClaim { store: self.store.clone(), claim })
    }

    fn claim_at(&self, py: Python<'_>, seq: u64) -> Result<PyClaim> {
        let claim = detached(py, || self.run.claim_at(Seq(seq)))?;
        Ok(PyClaim { store: self.store.clone(), claim })
    }

    #[pyo3(signature = (claim, value, *, input = None, meta = None, usage = None, attempts = 1, started_ms = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn commit(
        &self,
        py: Python<'_>,
        claim: &PyClaim,
        value: PyBlob,
        input: Option<PyBlob>,
        meta: Option<PyBlob>,
        usage: Option<BTreeMap<String, i64>>,
        attempts: u32,
        started_ms: Option<u64>,
    ) -> Result<u64> {
        let left = Left { value: Some(value), input, meta, usage: usage.unwrap_or_default(), attempts, started_ms };
        detached(py, || left.with(|outcomes| self.run.commit(&claim.claim, outcomes)))
    }

    #[pyo3(signature = (claim, *, input = None, meta = None))]
    fn intend(&self, py: Python<'_>, claim: &PyClaim, input: Option<PyBlob>, meta: Option<PyBlob>) -> Result<u64> {
        let left = Left { value: None, input, meta, usage: BTreeMap::new(), attempts: 1, started_ms: None };
        detached(py, || left.with(|outcomes| self.run.intend(&claim.claim, outcomes)))
    }

    #[pyo3(signature = (claim, error, *, value = None, input = None, meta = None, usage = None, attempts = 1, started_ms = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    fn fail(
        &self,
        py: Python<'_>,
        claim: &PyClaim,
        error: &str,
        value: Option<PyBlob>,
        input: Option<PyBlob>,
        meta: Option<PyBlob>,
        usage: Option<BTreeMap<String, i64>>,
        attempts: u32,
        started_ms: Option<u64>,
    ) -> Result<u64> {
        let left = Left { value, input, meta, usage: usage.unwrap_or_default(), attempts, started_ms };
        detached(py, || left.with(|outcomes| self.run.fail(&claim.claim, error, outcomes)))
    }

    fn doubt(&self, py: Python<'_>, intent: &PyEntry) -> Result<&'static str> {
        Ok(match detached(py, || self.run.doubt(&intent.entry))? {
            Doubt::Own => "own",
            Doubt::Taken => "taken",
            Doubt::Anew => "anew",
        })
    }

    fn abandon(&self, claim: &PyClaim) {
        self.run.abandon(&claim.claim);
    }

    #[pyo3(signature = (name, value, *, scope = "", prev = 0, meta = None))]
    fn checkpoint(
        &self,
        py: Python<'_>,
        name: &str,
        value: PyBlob,
        scope: &str,
        prev: u64,
        meta: Option<PyBlob>,
    ) -> Result<u64> {
        let call = Call { kind: Kind::State, scope, name, digest: &[], prev: Seq(prev), spawned: false };
        let left =
            Left { value: Some(value), input: None, meta, usage: BTreeMap::new(), attempts: 1, started_ms: None };
        detached(py, || {
            let claim = self.run.claim(call)?;
            match &claim.recorded {
                Some(entry) => Ok(entry.seq()),
                None => left.with(|outcomes| self.run.commit(&claim, outcomes)).map(Seq),
            }
        })
        .map(|seq| seq.0)
    }

    fn complete(&self, py: Python<'_>, result: Option<PyBlob>) -> Result<()> {
        let result = blobs(result);
        detached(py, || self.run.finish(Status::Completed, result.as_ref(), None))
    }

    #[pyo3(signature = (error, ended_by = Vec::new()))]
    fn fail_run(&self, py: Python<'_>, error: String, ended_by: Vec<u64>) -> Result<()> {
        let ended_by: Vec<Seq> = ended_by.into_iter().map(Seq).collect();
        detached(py, || self.run.fail_run(error, &ended_by))
    }

    fn wait(&self, py: Python<'_>, reason: String) -> Result<()> {
        detached(py, || self.run.finish(Status::Waiting, None, Some(reason)))
    }

    fn release(&self, py: Python<'_>) -> Result<()> {
        detached(py, || self.run.release())
    }

    fn restart(&self, scope: &str) {
        self.run.restart(scope);
    }

    fn consumed(&self, seq: u64) -> bool {
        self.run.consumed(Seq(seq))
    }

    fn unasked_before(&self, scope: &str, seq: u64) -> bool {
        self.run.unasked_before(scope, Seq(seq))
    }

    fn overlook(&self, scope: &str, seq: u64) {
        self.run.overlook(scope, Seq(seq));
    }

    fn __repr__(&self) -> String {
        format!("Run({:?}, {})", self.run.id(), self.run.status().as_str())
    }
}

/// What Python leaves at a place.
struct Left {
    value: Option<PyBlob>,
    input: Option<PyBlob>,
    meta: Option<PyBlob>,
    usage: BTreeMap<String, i64>,
    attempts: u32,
    started_ms: Option<u64>,
}

impl Left {
    fn with(self, record: impl FnOnce(Outcomes<'_>) -> omium_core::Result<Seq>) -> omium_core::Result<u64> {
        let [value, input, meta]: [Option<Blob>; 3] =
            [&self.value, &self.input, &self.meta].map(|given| given.as_ref().map(blob));
        let outcomes = Outcomes {
            value: value.as_ref(),
            input: input.as_ref(),
            meta: meta.as_ref(),
            usage: self.usage.into_iter().collect(),
            attempts: self.attempts,
            started_ms: self.started_ms,
        };
        record(outcomes).map(|seq| seq.0)
    }
}

pub(crate) fn kind_of(word: &str) -> Result<Kind> {
    Kind::parse(word).ok_or_else(|| Failure::from(Error::Invalid { what: format!("{word:?} is not a kind of entry") }))
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyClaim>()?;
    m.add_class::<PyRun>()
}
