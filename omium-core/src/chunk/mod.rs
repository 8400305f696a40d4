//! Cutting encoded values at the borders of their structure, and writing them down as recipes of chunks.
//!
//! Cutting knows no value types: pieces are ranges of the encoded bytes, and joining is concatenation, so
//! what comes back is byte for byte what went in, whatever the cutter made of it.

mod json;
mod msgpack;
mod node;
mod recipe;
mod split;

pub(crate) use recipe::{Recipe, Token};
pub(crate) use split::{Grammar, Piece, cut};

/// Pieces shorter than this stay literal in the recipe: a row of their own would cost more than they save.
pub(crate) const LITERAL_BYTES_MAX: usize = 255;

/// Values up to this size stay in their entry's record.
pub(crate) const INLINE_BYTES_MAX: usize = 511;
