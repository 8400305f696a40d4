//! What the caches of an open store hold.

use std::sync::Arc;

use crate::chunk::Token;
use crate::id::{PackRow, ValueRow};

/// A block of a pack.
pub(super) type BlockKey = (PackRow, u64);

/// A chunk inside a decompressed block.
#[derive(Clone)]
pub(super) struct ChunkRef {
    pub block: Arc<Vec<u8>>,
    pub at: usize,
    pub len: usize,
}

impl ChunkRef {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.block[self.at..self.at + self.len]
    }
}

/// A value other recipes of its series are diffed against.
pub(super) struct Anchor {
    pub row: ValueRow,
    pub tokens: Vec<Token>,
}
