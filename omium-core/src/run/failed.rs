//! Failures between a program and its record: an error of omium's own is the same kind again on a resume.

use crate::error::{BoxError, Error, Result};
use crate::model::{Decision, Entry, FailureKind, FailureNote, Told};
use crate::run::encode;
use crate::store::Store;

const CHECK_FAILED: &str = "CheckFailed";
pub(super) const NOT_SERIALIZABLE: &str = "NotSerializable";

/// A failure the code handled when it was recorded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RecordedFailure(String);

impl Told {
    pub(crate) fn of(kind: FailureKind, error: &BoxError) -> Told {
        let own = error.downcast_ref::<Error>();
        let (class, condition) = match own {
            Some(Error::CheckFailed { check, .. }) => (CHECK_FAILED, Some(check.clone())),
            Some(Error::NotSerializable { .. }) => (NOT_SERIALIZABLE, None),
            _ => ("Error", None),
        };
        Told { kind, error: class.to_owned(), message: error.to_string(), condition }
    }
}

/// What is on record about the failure of an entry; None when nothing readable is, as of a host's own.
pub(crate) fn failure_note(store: &Store, entry: &Entry) -> Result<Option<FailureNote>> {
    let Some(meta) = store.meta(entry)? else { return Ok(None) };
    Ok(rmp_serde::from_slice(&meta.read()?).ok())
}

/// The meta of a failed entry.
pub(crate) fn failed_meta(failure: Told, recovery: Option<Decision>) -> Result<crate::model::Blob> {
    encode("a failure", &FailureNote { failure, recovery })
}

/// The error the code got when that failure was recorded.
pub(super) fn recorded_failure(store: &Store, step: &str, entry: &Entry) -> Result<Error> {
    let source = Box::new(RecordedFailure(entry.error().unwrap_or_default().to_owned()));
    let told = failure_note(store, entry)?.map(|note| note.failure);
    Ok(match told {
        Some(Told { error, condition: Some(check), .. }) if error == CHECK_FAILED => {
            Error::CheckFailed { step: step.to_owned(), check }
        }
        Some(Told { error, message, .. }) if error == NOT_SERIALIZABLE => {
            Error::NotSerializable { what: message, source }
        }
        _ => Error::Step { step: step.to_owned(), source },
    })
}
