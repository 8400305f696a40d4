//! A recorded value, read lazily.

use super::Store;
use crate::error::Result;
use crate::id::Digest;
use crate::model::{Entry, Slot};

/// A value in the store. Reading hashes it again.
#[derive(Clone, Debug)]
pub struct Value {
    pub(super) store: Store,
    pub(super) slot: Slot,
    pub(super) codec: String,
}

impl Value {
    /// The name of the codec that can read it.
    #[must_use]
    pub fn codec(&self) -> &str {
        &self.codec
    }

    /// How many bytes [`Value::read`] gives.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        match &self.slot {
            Slot::Inline { bytes, .. } => bytes.len() as u64,
            Slot::Stored { len, .. } => *len,
        }
    }

    /// The encoded bytes, exactly as written, or [`Error::Corrupted`](crate::Error::Corrupted).
    pub fn read(&self) -> Result<Vec<u8>> {
        match &self.slot {
            Slot::Inline { bytes, .. } => Ok(bytes.clone()),
            stored @ Slot::Stored { .. } => self.store.shared()?.bytes(stored),
        }
    }

    /// blake3 of the bytes: equal digests mean equal values.
    pub fn digest(&self) -> Result<Digest> {
        match &self.slot {
            Slot::Inline { bytes, .. } => Ok(Digest::of(bytes)),
            Slot::Stored { row, .. } => {
                let row = *row;
                self.store.shared()?.read(|index| Ok(index.value(row)?.root))
            }
        }
    }
}

impl Store {
    pub(super) fn value_of(&self, slot: &Slot, label: impl FnOnce(u16) -> Result<String>) -> Result<Value> {
        let (Slot::Inline { codec, .. } | Slot::Stored { codec, .. }) = slot;
        Ok(Value { store: self.clone(), slot: slot.clone(), codec: label(*codec)? })
    }

    fn entry_value(&self, entry: &Entry, slot: Option<&Slot>) -> Result<Option<Value>> {
        let label = |id| Ok(entry.names.get(&id).cloned().unwrap_or_default());
        slot.map(|slot| self.value_of(slot, label)).transpose()
    }

    /// What an entry's work returned.
    pub fn value(&self, entry: &Entry) -> Result<Option<Value>> {
        self.entry_value(entry, entry.record.value.as_ref())
    }

    /// What an entry's work was given.
    pub fn input(&self, entry: &Entry) -> Result<Option<Value>> {
        self.entry_value(entry, entry.record.input.as_ref())
    }

    /// What else was noted with an entry.
    pub fn meta(&self, entry: &Entry) -> Result<Option<Value>> {
        self.entry_value(entry, entry.record.meta.as_ref())
    }

    /// The named state values of an entry.
    pub fn values(&self, entry: &Entry) -> Result<Vec<(String, Value)>> {
        let mut values = Vec::new();
        for (name, slot) in &entry.record.values {
            let name = entry.names.get(name).cloned().unwrap_or_default();
            values.extend(self.entry_value(entry, Some(slot))?.map(|value| (name, value)));
        }
        Ok(values)
    }
}
