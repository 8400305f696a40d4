//! A pack: the new chunks of one commit, compressed in blocks that can be read one by one.

mod format;
mod segment;

pub(crate) use format::{Header, PackBuilder, PackedChunk, read_block};
pub(crate) use segment::{SEGMENTS, Segments, remove_stale};

/// Packs above this go to a segment file; below, they live in the index, one row each.
pub(crate) const INLINE_PACK_BYTES_MAX: usize = 256 << 10;
