//! From a record's slot to the bytes that were written. What is read is hashed again (I6).

use std::sync::Arc;

use super::kept::{Anchor, ChunkRef};
use super::open::Shared;
use super::prepare::front;
use crate::chunk::{Recipe, Token};
use crate::error::{Damage, Error, Result};
use crate::id::{ChunkRow, Digest, PackRow, ValueRow};
use crate::index::{Index, Location, StoredValue};
use crate::model::Slot;
use crate::pack::{Header, read_block};

impl Shared {
    /// The bytes of a slot, exactly as written.
    pub(crate) fn bytes(&self, slot: &Slot) -> Result<Vec<u8>> {
        match slot {
            // The record's checksum covers what lies inside it.
            Slot::Inline { bytes, .. } => Ok(bytes.clone()),
            Slot::Stored { row, .. } => {
                let (row, slot) = (*row, slot.clone());
                self.read(|index| self.value_bytes(index, row, &slot))
            }
        }
    }

    fn value_bytes(&self, index: &Index, row: ValueRow, slot: &Slot) -> Result<Vec<u8>> {
        let value = index.value(row)?;
        let bytes = self.assemble(index, &value)?;
        if let Slot::Stored { len, check, .. } = slot
            && (*len != value.len || *check != front(value.root))
        {
            return Err(Damage::Checksum("a value").into());
        }
        Ok(bytes)
    }

    /// Puts a value together and checks it against its root.
    pub(super) fn assemble(&self, index: &Index, value: &StoredValue) -> Result<Vec<u8>> {
        let tokens = self.tokens(index, value)?;
        let len = usize::try_from(value.len).map_err(|_| Damage::Length("a value"))?;
        let mut bytes = Vec::new();
        for token in &tokens {
            match token {
                Token::Literal(literal) => bytes.extend_from_slice(literal),
                Token::Chunk(row) => bytes.extend_from_slice(self.chunk(index, *row)?.bytes()),
            }
            // A damaged recipe may name anything any number of times; the length it must reach is known.
            if bytes.len() > len {
                return Err(Damage::Length("a value").into());
            }
        }
        let found = Digest::of(&bytes);
        if found != value.root || bytes.len() != len {
            return Err(Damage::Root { expected: value.root, found }.into());
        }
        Ok(bytes)
    }

    /// A value's recipe, read against its anchor.
    pub(super) fn tokens(&self, index: &Index, value: &StoredValue) -> Result<Vec<Token>> {
        let anchor = value.anchor.map(|row| self.anchor(index, row)).transpose()?;
        Ok(Recipe::decode(&value.recipe, anchor.as_ref().map(|anchor| anchor.tokens.as_slice()))?)
    }

    /// An anchor's recipe, which is always written in full.
    pub(super) fn anchor(&self, index: &Index, row: ValueRow) -> Result<Arc<Anchor>> {
        // Anchors by row share the cache with anchors by series: a row never looks like a 128-bit hash.
        let key = row.0 as u128;
        if let Some(anchor) = self.anchors.get(&key) {
            return Ok(anchor);
        }
        let tokens = Recipe::decode(&index.value(row)?.recipe, None)?;
        let anchor = Arc::new(Anchor { row, tokens });
        self.anchors.insert(key, Arc::clone(&anchor), anchor.tokens.len() + 1);
        Ok(anchor)
    }

    fn chunk(&self, index: &Index, row: ChunkRow) -> Result<ChunkRef> {
        if let Some(chunk) = self.chunks.get(&row) {
            return Ok(chunk);
        }
        let place = index.chunk(row)?;
        let header = self.header(index, place.pack)?;
        let block = header.block_of(place.at, place.len)?;
        let key = (place.pack, block.packed_at);
        let raw = match self.blocks.get(&key) {
            Some(raw) => raw,
            None => {
                let packed = self.pack_bytes(index, place.pack, block.packed_at, block.packed_len as usize)?;
                let raw = Arc::new(read_block(block, &packed)?);
                self.blocks.insert(key, Arc::clone(&raw), raw.len());
                raw
            }
        };
        let chunk = ChunkRef { block: raw, at: (place.at - block.raw_at) as usize, len: place.len as usize };
        self.chunks.insert(row, chunk.clone(), chunk.len);
        Ok(chunk)
    }

    pub(super) fn chunk_bytes(&self, index: &Index, row: ChunkRow) -> Result<Vec<u8>> {
        Ok(self.chunk(index, row)?.bytes().to_vec())
    }

    pub(super) fn header(&self, index: &Index, row: PackRow) -> Result<Arc<Header>> {
        if let Some(header) = self.headers.get(&row) {
            return Ok(header);
        }
        let prefix = self.pack_bytes(index, row, 0, Header::PREFIX)?;
        let header = Arc::new(Header::parse(&self.pack_bytes(index, row, 0, Header::measure(&prefix)?)?)?);
        self.headers.insert(row, Arc::clone(&header), header.chunks.len() + 1);
        Ok(header)
    }

    /// Part of a pack; an error when the pack is shorter.
    fn pack_bytes(&self, index: &Index, row: PackRow, at: u64, len: usize) -> Result<Vec<u8>> {
        let pack = index.pack(row)?;
        let bytes = match pack.location {
            Location::Inline => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                pack.bytes.get(at..at.saturating_add(len)).map(<[u8]>::to_vec)
            }
            Location::Segment(name) => match self.segments.read(&name, at, len) {
                Ok(bytes) => Some(bytes).filter(|bytes| bytes.len() == len),
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::corrupted(format!("segment {name}"), source));
                }
                Err(source) => return Err(Error::unavailable("reading a segment", source)),
            },
        };
        Ok(bytes.ok_or(Damage::Length("a pack"))?)
    }
}
