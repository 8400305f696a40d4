//! A failure as it is kept in the meta of its entry: of what kind it is, and what was decided about it.

use serde::{Deserialize, Serialize};

/// What kind of trouble a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// It took too long.
    Timeout,
    /// Too many requests.
    RateLimit,
    /// A service did not answer, or refused.
    ProviderError,
    /// An effect failed.
    ToolError,
    /// A value that cannot be read or written.
    BadOutput,
    /// A check did not pass.
    FailedCheck,
    /// The code no longer does what the record says.
    Divergence,
    /// There was no budget left.
    Budget,
    /// The process died.
    Crash,
    /// It got nowhere: the same steps again and again, or none at all.
    Stuck,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// What a policy does about a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Decision {
    /// Go back to before the latest `target`, which is to run again.
    Rollback { target: String, to: u64 },
    /// Have a person decide.
    Ask { question: String },
    /// Nothing helps.
    Fail,
    /// Another action, of a program in another language.
    #[serde(other)]
    Other,
}

/// The meta of a failed entry.
#[derive(Serialize, Deserialize)]
pub(crate) struct FailureNote {
    pub failure: Told,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Decision>,
}

/// What is kept of an error.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(rename = "type")]
    pub kind: FailureKind,
    /// The name of its class.
    pub error: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}
