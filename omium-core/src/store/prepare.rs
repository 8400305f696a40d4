//! From encoded bytes to what a transaction can write quickly: cut, hash, compress, all outside any lock.

use std::collections::HashMap;
use std::sync::Arc;

use super::kept::Anchor;
use super::open::Shared;
use crate::chunk::{Grammar, INLINE_BYTES_MAX, Piece, Recipe, Token, cut};
use crate::error::{Error, Result};
use crate::id::{ChunkRow, Digest, ValueRow};
use crate::index::{ChunkPlace, Index, Location};
use crate::model::Slot;
use crate::pack::{INLINE_PACK_BYTES_MAX, PackBuilder, PackedChunk};

/// Names the values that follow one another: the same channel, or the same step, of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Series(pub u128);

impl Series {
    pub(super) fn of(parts: &[&str]) -> Series {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut number = [0u8; 16];
        number.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Series(u128::from_le_bytes(number))
    }
}

/// A value on its way into a record.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Inline { codec: String, bytes: Vec<u8> },
    Value { codec: String, index: usize },
}

struct Prepared {
    root: Digest,
    len: u64,
    body: Body,
    series: Option<Series>,
    anchor: Option<Arc<Anchor>>,
}

enum Body {
    /// An equal value is in the store.
    Known(ValueRow),
    Pieces(Vec<Part>),
}

enum Part {
    Literal(Vec<u8>),
    Known(ChunkRow),
    New(usize),
}

/// A pack that has grown to so many bytes is written, and another begun: no commit is whole in memory.
const PACK_BYTES_MAX: usize = 64 << 20;

/// The values of one commit, being prepared.
pub(super) struct Batch<'a> {
    shared: &'a Shared,
    collections: u64,
    last_chunk: i64,
    builder: PackBuilder,
    /// What is written of them so far.
    packs: Packs<'a>,
    new: HashMap<Digest, usize>,
    values: Vec<Prepared>,
}

/// Packs ready to be named by rows; those in segments are durable (I2).
struct Packs<'a> {
    shared: &'a Shared,
    name: &'a dyn Fn() -> u128,
    durable: bool,
    ready: Vec<Pack>,
    chunks: usize,
}

struct Pack {
    chunks: Vec<PackedChunk>,
    size: u64,
    location: Location,
    /// Of one inside the index.
    bytes: Option<Vec<u8>>,
}

impl Pack {
    fn segment(&self) -> Option<&str> {
        match &self.location {
            Location::Segment(name) => Some(name),
            Location::Inline => None,
        }
    }
}

/// A preparation that failed leaves nothing behind.
impl Drop for Packs<'_> {
    fn drop(&mut self) {
        // A file that stays is found by gc.
        self.ready.iter().filter_map(Pack::segment).for_each(|name| drop(self.shared.segments.remove(name)));
    }
}

impl Packs<'_> {
    fn add(&mut self, builder: PackBuilder) -> Result<()> {
        if builder.is_empty() {
            return Ok(());
        }
        let (chunks, head, blocks) = builder.finish().map_err(compressing)?;
        self.chunks += chunks.len();
        let size = (head.len() + blocks.len()) as u64;
        let (location, bytes) = if size > INLINE_PACK_BYTES_MAX as u64 {
            let name = format!("{:032x}", (self.name)());
            self.shared
                .segments
                .write(&name, &[&head, &blocks], self.durable)
                .map_err(|source| Error::unavailable("writing a segment", source))?;
            (Location::Segment(name), None)
        } else {
            (Location::Inline, Some([head, blocks].concat()))
        };
        self.ready.push(Pack { chunks, size, location, bytes });
        Ok(())
    }
}

fn compressing(source: std::io::Error) -> Error {
    Error::unavailable("compressing", source)
}

impl<'a> Batch<'a> {
    /// `name` makes names for segments; `durable` says whether they survive the loss of power.
    pub(super) fn start(shared: &'a Shared, name: &'a dyn Fn() -> u128, durable: bool) -> Result<Batch<'a>> {
        let (collections, last_chunk) = shared.read(|index| Ok((index.collections()?, index.last_chunk()?)))?;
        let builder = PackBuilder::new().map_err(compressing)?;
        let packs = Packs { shared, name, durable, ready: Vec::new(), chunks: 0 };
        Ok(Batch { shared, collections, last_chunk, builder, packs, new: HashMap::new(), values: Vec::new() })
    }

    /// Prepares one value. Its recipe is diffed against the series' anchor, if one is known.
    pub(super) fn add(&mut self, codec: &str, bytes: &[u8], series: Option<Series>) -> Result<Pending> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Pending::Inline { codec: codec.to_owned(), bytes: bytes.to_vec() });
        }
        let root = Digest::of(bytes);
        let anchor = series.and_then(|series| self.shared.anchors.get(&series.0));
        let body = match self.shared.read(|index| index.find_value(root))? {
            Some(row) => Body::Known(row),
            None => Body::Pieces(self.cut(codec, bytes)?),
        };
        self.values.push(Prepared { root, len: bytes.len() as u64, body, series, anchor });
        Ok(Pending::Value { codec: codec.to_owned(), index: self.values.len() - 1 })
    }

    fn cut(&mut self, codec: &str, bytes: &[u8]) -> Result<Vec<Part>> {
        let pieces = cut(bytes, Grammar::of(codec));
        let hashes: Vec<Option<Digest>> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(_) => None,
                Piece::Chunk(range) => Some(Digest::of(&bytes[range.clone()])),
            })
            .collect();
        let known = self.probe(&hashes)?;
        let mut parts = Vec::with_capacity(pieces.len());
        for ((piece, hash), known) in pieces.into_iter().zip(hashes).zip(known) {
            parts.push(match (piece, hash, known) {
                (_, _, Some(row)) => Part::Known(row),
                (Piece::Chunk(range), Some(hash), None) => Part::New(self.pack(hash, &bytes[range])?),
                (Piece::Literal(range) | Piece::Chunk(range), _, _) => Part::Literal(bytes[range].to_vec()),
            });
        }
        Ok(parts)
    }

    /// Which hashes have a row already: first from memory, the rest in one read.
    fn probe(&self, hashes: &[Option<Digest>]) -> Result<Vec<Option<ChunkRow>>> {
        let cached = |hash: &Option<Digest>| hash.and_then(|hash| self.shared.known.get(&hash));
        let mut known: Vec<Option<ChunkRow>> = hashes.iter().map(cached).collect();
        let misses = || (0..hashes.len()).filter(|&at| hashes[at].is_some());
        if self.last_chunk == 0 || misses().all(|at| known[at].is_some()) {
            return Ok(known);
        }
        self.shared.read(|index| {
            for at in misses() {
                if let (Some(hash), None) = (hashes[at], known[at])
                    && let Some(row) = index.find_chunk(hash)?
                {
                    self.shared.known.insert(hash, row, 1);
                    known[at] = Some(row);
                }
            }
            Ok(())
        })?;
        Ok(known)
    }

    fn pack(&mut self, hash: Digest, bytes: &[u8]) -> Result<usize> {
        if let Some(&index) = self.new.get(&hash) {
            return Ok(index);
        }
        let index = self.packs.chunks + self.builder.add(hash, bytes).map_err(compressing)?;
        self.new.insert(hash, index);
        if self.builder.packed_bytes() >= PACK_BYTES_MAX {
            let full = std::mem::replace(&mut self.builder, PackBuilder::new().map_err(compressing)?);
            self.packs.add(full)?;
        }
        Ok(index)
    }

    /// Ends the preparation.
    pub(super) fn seal(self) -> Result<Sealed> {
        let mut packs = self.packs;
        packs.add(self.builder)?;
        Ok(Sealed {
            collections: self.collections,
            last_chunk: self.last_chunk,
            packs: std::mem::take(&mut packs.ready),
            values: self.values,
        })
    }
}

/// A commit's values, ready for a transaction.
pub(super) struct Sealed {
    collections: u64,
    last_chunk: i64,
    packs: Vec<Pack>,
    values: Vec<Prepared>,
}

/// Values in the store, as far as the transaction goes.
pub(super) struct Placed {
    slots: Vec<(ValueRow, u64, u64)>,
    /// New anchors and chunk rows, to be remembered once the transaction stands.
    pub anchors: Vec<(Series, Arc<Anchor>)>,
    pub known: Vec<(Digest, ChunkRow)>,
}

impl Sealed {
    /// The segments to remove if the transaction does not happen.
    pub(super) fn segments(&self) -> Vec<String> {
        self.packs.iter().filter_map(Pack::segment).map(str::to_owned).collect()
    }

    /// Writes packs, chunks and values; None when a garbage collection came in between, and rows that were
    /// known while preparing may be gone.
    pub(super) fn place(self, index: &Index) -> Result<Option<Placed>> {
        if index.collections()? != self.collections {
            return Ok(None);
        }
        let mut placed = Placed { slots: Vec::new(), anchors: Vec::new(), known: Vec::new() };
        let mut rows = Vec::new();
        // Others may have stored the same bytes meanwhile; only then is it worth asking again.
        let ask = !self.packs.is_empty() && index.last_chunk()? != self.last_chunk;
        for new in &self.packs {
            let pack = index.insert_pack(&new.location, new.size, new.bytes.as_deref())?;
            for chunk in &new.chunks {
                let found = if ask { index.find_chunk(chunk.digest)? } else { None };
                let row = match found {
                    Some(row) => row,
                    None => {
                        index.insert_chunk(&ChunkPlace { digest: chunk.digest, pack, at: chunk.at, len: chunk.len })?
                    }
                };
                rows.push(row);
                placed.known.push((chunk.digest, row));
            }
        }
        for value in self.values {
            let (root, len, series) = (value.root, value.len, value.series);
            let row = match value.body {
                Body::Known(row) => row,
                Body::Pieces(parts) => match index.find_value(root)? {
                    Some(row) => row,
                    None => {
                        let tokens = tokens(parts, &rows);
                        let anchor = value.anchor;
                        let recipe = Recipe::encode(&tokens, anchor.as_ref().map(|anchor| anchor.tokens.as_slice()));
                        let on = anchor.filter(|_| recipe.anchored).map(|anchor| anchor.row);
                        let row = index.insert_value(root, len, on, &recipe)?;
                        if let (Some(series), false) = (series, recipe.anchored) {
                            placed.anchors.push((series, Arc::new(Anchor { row, tokens })));
                        }
                        row
                    }
                },
            };
            placed.slots.push((row, len, front(root)));
        }
        Ok(Some(placed))
    }
}

impl Placed {
    /// The value as a record holds it.
    pub(super) fn slot(&self, index: &Index, pending: &Pending) -> Result<Slot> {
        Ok(match pending {
            Pending::Inline { codec, bytes } => Slot::Inline { codec: index.label(codec)?, bytes: bytes.clone() },
            Pending::Value { codec, index: at } => {
                let (row, len, check) = self.slots[*at];
                Slot::Stored { row, codec: index.label(codec)?, len, check }
            }
        })
    }
}

fn tokens(parts: Vec<Part>, rows: &[ChunkRow]) -> Vec<Token> {
    let token = |part| match part {
        Part::Literal(bytes) => Token::Literal(bytes),
        Part::Known(row) => Token::Chunk(row),
        Part::New(at) => Token::Chunk(rows[at]),
    };
    parts.into_iter().map(token).collect()
}

/// The front of a root, kept beside the row that holds it.
pub(super) fn front(root: Digest) -> u64 {
    let mut front = [0u8; 8];
    front.copy_from_slice(&root.0[..8]);
    u64::from_le_bytes(front)
}
