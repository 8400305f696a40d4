//! What an intent says beside the effect's name: enough to settle or undo it in another process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::Entry;
use crate::run::{decode_own, encode};
use crate::store::Store;

/// The meta of an intent. Every language binding writes these fields, each only what it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The idempotency key.
    pub key: String,
    /// Whose effect it is: a fork carries the intents and receipts of its original along.
    pub execution: String,
    pub epoch: u32,
    /// Where the function is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub probe: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub undo: bool,
    /// Arguments that could not be recorded, with their types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<String, String>,
    /// It is known that the effect did not happen: it may begin anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cleared: bool,
    /// The language of the program that did it, where that is not Python: only such a program can undo it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of a compensation: the intent of the effect it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Note {
    pub(super) fn of(store: &Store, intent: &Entry) -> Result<Note> {
        let Some(meta) = store.meta(intent)? else {
            return Ok(Note { execution: intent.execution().to_owned(), ..Note::default() });
        };
        decode_own(&format!("the intent of {:?}", intent.name()), Some(meta))
    }

    pub(super) fn blob(&self) -> Result<crate::model::Blob> {
        encode("an intent", self)
    }
}
