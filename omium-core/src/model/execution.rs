//! An execution: one durable run of a workflow.

use crate::id::Seq;

/// What an execution is doing. *Orphaned* is computed from the lease and never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Somebody runs it, or died running it.
    Running,
    /// It waits for a signal, a person or a time.
    Waiting,
    /// It ended with a result.
    Completed,
    /// It ended with an error; resuming tries again.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl Status {
    /// The word users see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// The status users name by `word`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Status> {
        [Status::Running, Status::Waiting, Status::Completed, Status::Failed, Status::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Status::Running => 0,
            Status::Waiting => 1,
            Status::Completed => 2,
            Status::Failed => 3,
            Status::Cancelled => 4,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Status> {
        [Status::Running, Status::Waiting, Status::Completed, Status::Failed, Status::Cancelled]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

/// What the store knows of an execution at one moment.
#[derive(Clone, Debug)]
pub struct ExecutionInfo {
    /// Its id, chosen by the caller.
    pub id: String,
    /// The workflow it runs.
    pub workflow: String,
    /// Where the workflow's code is, as its caller named it.
    pub source: Option<String>,
    /// What it is doing.
    pub status: Status,
    /// Running, leased once, and nobody alive holds the lease.
    pub orphaned: bool,
    /// `host:pid` of whoever alive holds the lease.
    pub owner: Option<String>,
    /// The entry it continues from.
    pub head: Seq,
    /// The last entry of its log, live or not.
    pub last: Seq,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// Milliseconds since 1970.
    pub updated_ms: u64,
    /// The execution and entry it was forked from.
    pub forked_from: Option<(String, Seq)>,
    /// `Class: message` of the error it ended with.
    pub error: Option<String>,
}
