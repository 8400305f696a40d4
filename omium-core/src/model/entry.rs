//! An entry: one immutable record of an execution's log (I1).

use std::collections::BTreeMap;

use wincode::{SchemaRead, SchemaWrite};

use crate::id::{Digest, Seq, ValueRow};

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A named unit of work and its result.
    Step,
    /// A step that touches the outside world.
    Effect,
    /// A model call.
    Llm,
    /// A tool call.
    Tool,
    /// A state of the caller's or a host framework's choosing.
    State,
    /// A value sent into the execution.
    Signal,
    /// A time it waited for.
    Timer,
    /// A remark, such as a failure.
    Note,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Step, Kind::Effect, Kind::Llm, Kind::Tool, Kind::State, Kind::Signal, Kind::Timer, Kind::Note];

    /// The word users see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Step => "step",
            Kind::Effect => "effect",
            Kind::Llm => "llm",
            Kind::Tool => "tool",
            Kind::State => "state",
            Kind::Signal => "signal",
            Kind::Timer => "timer",
            Kind::Note => "note",
        }
    }

    /// The kind users name by `word`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Kind::Step => 0,
            Kind::Effect => 1,
            Kind::Llm => 2,
            Kind::Tool => 3,
            Kind::State => 4,
            Kind::Signal => 5,
            Kind::Timer => 6,
            Kind::Note => 7,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How the recorded work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SchemaRead, SchemaWrite)]
pub enum Outcome {
    /// It returned a value.
    Done,
    /// It raised an error.
    Failed,
    /// An effect began; its receipt is a later entry with the same address.
    Intent,
}

impl Outcome {
    /// The word users see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Intent => "intent",
        }
    }
}

/// Where in the program an entry belongs: matching on resume is by this, not by order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub scope: String,
    pub key: String,
    pub occurrence: u32,
}

/// A value inside a record: small ones stay in it, all others live once in the store.
#[derive(Clone, Debug, PartialEq, Eq, SchemaRead, SchemaWrite)]
pub(crate) enum Slot {
    Inline {
        codec: u16,
        bytes: Vec<u8>,
    },
    /// `check` is the front of the value's root: a row that was swapped for another must not pass.
    Stored {
        row: ValueRow,
        codec: u16,
        len: u64,
        check: u64,
    },
}

/// The part of an entry that no query looks into, in bincode's wire format.
#[derive(Clone, Debug, PartialEq, Eq, SchemaRead, SchemaWrite)]
pub(crate) struct Record {
    pub parent: Seq,
    pub outcome: Outcome,
    pub name: String,
    pub occurrence: u32,
    pub prev: Seq,
    pub spawned: bool,
    pub created_ms: u64,
    pub duration_ms: u64,
    pub attempts: u32,
    pub parent_key: Option<String>,
    /// Whether a state can be read without its ancestors.
    pub whole: bool,
    pub value: Option<Slot>,
    pub input: Option<Slot>,
    pub meta: Option<Slot>,
    pub values: Vec<(u16, Slot)>,
    pub error: Option<String>,
    pub usage: Vec<(String, i64)>,
}

impl Record {
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let single = [&self.value, &self.input, &self.meta].into_iter().flatten();
        single.chain(self.values.iter().map(|(_, slot)| slot))
    }
}

/// One immutable record of an execution's log. Values are read through the [`Store`](crate::Store).
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) execution: String,
    pub(crate) seq: Seq,
    pub(crate) kind: Kind,
    pub(crate) scope: String,
    pub(crate) key: String,
    pub(crate) live: bool,
    pub(crate) record: Record,
    pub(crate) names: BTreeMap<u16, String>,
}

impl Entry {
    /// The execution whose log this is.
    #[must_use]
    pub fn execution(&self) -> &str {
        &self.execution
    }
    /// Its place in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }
    /// The entry it continues from.
    #[must_use]
    pub fn parent(&self) -> Seq {
        self.record.parent
    }
    /// What it records.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// How that ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.record.outcome
    }
    /// The step's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.record.name
    }
    /// The steps, agents or tasks around it.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }
    /// Name and digest of the inputs.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
    /// The how-manieth with this scope and key, from 0.
    #[must_use]
    pub fn occurrence(&self) -> u32 {
        self.record.occurrence
    }
    /// What its own strand (thread or task) had reached when it began.
    #[must_use]
    pub fn prev(&self) -> Seq {
        self.record.prev
    }
    /// Whether it was the first of its strand.
    #[must_use]
    pub fn spawned(&self) -> bool {
        self.record.spawned
    }
    /// The scope of what it called.
    #[must_use]
    pub fn path(&self) -> String {
        scope_within(&self.scope, &self.key, self.record.occurrence, 0)
    }
    /// Whether the other one is of the same place in the program: an intent and its receipt, a failure and the attempt
    /// after it.
    #[must_use]
    pub fn same_place(&self, other: &Entry) -> bool {
        (self.scope(), self.key(), self.occurrence()) == (other.scope(), other.key(), other.occurrence())
    }
    /// Whether it lies on the lineage of the head.
    #[must_use]
    pub fn live(&self) -> bool {
        self.live
    }
    /// Milliseconds since 1970.
    #[must_use]
    pub fn created_ms(&self) -> u64 {
        self.record.created_ms
    }
    /// How long the work took.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.record.duration_ms
    }
    /// How often it was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }
    /// `Class: message` when it failed.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.record.error.as_deref()
    }
    /// Counters, such as tokens and cost.
    #[must_use]
    pub fn usage(&self) -> &[(String, i64)] {
        &self.record.usage
    }
    /// Encoded size of the value and the named state values.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let size = |slot: &Slot| match slot {
            Slot::Inline { bytes, .. } => bytes.len() as u64,
            Slot::Stored { len, .. } => *len,
        };
        self.record.value.as_ref().map_or(0, size) + self.record.values.iter().map(|(_, slot)| size(slot)).sum::<u64>()
    }
}

/// The scope inside a call. Names may hold anything, so their slashes are escaped; a very long key would repeat in every
/// entry below it, so it is named by its hash. `failures` before it at the same address set it apart from those.
pub(crate) fn scope_within(scope: &str, key: &str, occurrence: u32, failures: u32) -> String {
    const KEY_BYTES_MAX: usize = 200;
    let mut element = key.replace('%', "%25").replace('/', "%2F");
    if element.len() > KEY_BYTES_MAX {
        element = Digest::of(element.as_bytes()).to_string();
    }
    let again = if failures > 0 { format!("~{failures}") } else { String::new() };
    let own = format!("{element}#{occurrence}{again}");
    if scope.is_empty() { own } else { format!("{scope}/{own}") }
}

/// The scope compensations are recorded in.
pub(crate) const UNDO: &str = "undo";

/// Whether a scope is that of compensations, or inside one.
pub(crate) fn is_undo(scope: &str) -> bool {
    scope.strip_prefix(UNDO).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether such an entry is part of a rollback: its note, a compensation, or what a compensation did. The states of a host
/// framework are never: it may have a scope of that name.
pub(crate) fn is_of_rollback(kind: Kind, scope: &str) -> bool {
    kind != Kind::State && is_undo(scope)
}
