//! An execution: one durable run of a workflow.

use crate::id::Seq;

/// What an execution is doing, as the store keeps it.
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

/// The word users see for what an execution is doing: its status, and of one that runs on paper only, whether somebody
/// died at it. Computed from the lease, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// As its status says.
    As(Status),
    /// Nobody runs it, and nobody died running it: it was forked, rolled back, answered, imported or given back.
    Ready,
    /// Whoever ran it died.
    Orphaned,
}

/// What is known of an execution's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// A host framework's thread, which nobody ever leased: whether somebody runs it cannot be known.
    Unknown,
    Free,
    Alive,
    Dead,
}

impl Standing {
    pub(crate) fn of(status: Status, hold: Hold) -> Standing {
        match (status, hold) {
            (Status::Running, Hold::Free) => Standing::Ready,
            (Status::Running, Hold::Dead) => Standing::Orphaned,
            _ => Standing::As(status),
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::As(status) => status.as_str(),
            Standing::Ready => "ready",
            Standing::Orphaned => "orphaned",
        }
    }

    /// What users name by `word`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Standing> {
        let own = [Standing::Ready, Standing::Orphaned].into_iter().find(|standing| standing.as_str() == word);
        own.or_else(|| Status::parse(word).map(Standing::As))
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
    /// What it is doing, on paper.
    pub status: Status,
    /// What it is doing, as users see it.
    pub standing: Standing,
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
