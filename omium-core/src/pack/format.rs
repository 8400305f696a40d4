//! The bytes of a pack; docs/format.md draws them.
//!
//! ```text
//! magic "OMPK" | version u8 | codec u8 | reserved u16 | dictionary u32 | blocks u32 | chunks u32
//! block table: (raw_len u32, packed_len u32) per block
//! chunk table: (len u32, blake3 [u8; 32]) per chunk
//! header check: first 8 bytes of blake3 over all of the above
//! blocks: one zstd frame each
//! ```
//! The chunk table repeats what the index knows, so that the index can be rebuilt from packs alone.

use std::io;

use crate::error::Damage;
use crate::id::Digest;

const MAGIC: &[u8; 4] = b"OMPK";
const VERSION: u8 = 1;
/// zstd without a dictionary; other tags are reserved.
const CODEC_ZSTD: u8 = 1;
const FIXED_BYTES: usize = 20;
const BLOCK_ENTRY_BYTES: usize = 8;
const CHUNK_ENTRY_BYTES: usize = 36;
const CHECK_BYTES: usize = 8;
/// A block ends at the chunk border after this many bytes: reading one chunk unpacks one block.
const BLOCK_BYTES: usize = 256 << 10;
/// No block is larger: the largest chunk plus the block before it.
const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + (1 << 20);
const LEVEL: i32 = 3;

/// A chunk's place among the raw bytes of its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedChunk {
    pub digest: Digest,
    pub at: u64,
    pub len: u32,
}

/// Collects chunks, compressing block by block, so that a huge value needs no second copy in memory.
pub(crate) struct PackBuilder {
    compressor: zstd::bulk::Compressor<'static>,
    chunks: Vec<PackedChunk>,
    blocks: Vec<(u32, u32)>,
    open: Vec<u8>,
    packed: Vec<u8>,
    raw_len: u64,
}

impl PackBuilder {
    pub(crate) fn new() -> io::Result<PackBuilder> {
        Ok(PackBuilder {
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            chunks: Vec::new(),
            blocks: Vec::new(),
            open: Vec::new(),
            packed: Vec::new(),
            raw_len: 0,
        })
    }

    /// Adds a chunk and returns its index in the pack.
    pub(crate) fn add(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<usize> {
        self.chunks.push(PackedChunk { digest, at: self.raw_len, len: bytes.len() as u32 });
        self.raw_len += bytes.len() as u64;
        self.open.extend_from_slice(bytes);
        if self.open.len() >= BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(self.chunks.len() - 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// How many bytes its ended blocks take.
    pub(crate) fn packed_bytes(&self) -> usize {
        self.packed.len()
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let packed = self.compressor.compress(&self.open)?;
        self.blocks.push((self.open.len() as u32, packed.len() as u32));
        self.packed.extend_from_slice(&packed);
        self.open.clear();
        Ok(())
    }

    /// The chunks in order, and the pack's bytes as header and blocks.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<PackedChunk>, Vec<u8>, Vec<u8>)> {
        self.end_block()?;
        let mut head = Vec::with_capacity(Header::len(self.blocks.len(), self.chunks.len()).unwrap_or(FIXED_BYTES));
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&[VERSION, CODEC_ZSTD, 0, 0]);
        head.extend_from_slice(&0u32.to_le_bytes());
        head.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        head.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
        for (raw, packed) in &self.blocks {
            head.extend_from_slice(&raw.to_le_bytes());
            head.extend_from_slice(&packed.to_le_bytes());
        }
        for chunk in &self.chunks {
            head.extend_from_slice(&chunk.len.to_le_bytes());
            head.extend_from_slice(&chunk.digest.0);
        }
        let check = Digest::of(&head);
        head.extend_from_slice(&check.0[..CHECK_BYTES]);
        Ok((self.chunks, head, self.packed))
    }
}

/// The tables at the front of a pack.
#[derive(Debug)]
pub(crate) struct Header {
    pub chunks: Vec<PackedChunk>,
    blocks: Vec<Block>,
    len: usize,
}

/// Where a block is, among the raw bytes and in the pack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub raw_at: u64,
    pub raw_len: u32,
    pub packed_at: u64,
    pub packed_len: u32,
}

impl Header {
    fn len(blocks: usize, chunks: usize) -> Option<usize> {
        let tables = blocks.checked_mul(BLOCK_ENTRY_BYTES)?.checked_add(chunks.checked_mul(CHUNK_ENTRY_BYTES)?)?;
        tables.checked_add(FIXED_BYTES + CHECK_BYTES)
    }

    /// How many bytes the header takes, from its first [`Header::PREFIX`] bytes.
    pub(crate) fn measure(prefix: &[u8]) -> Result<usize, Damage> {
        let fixed = prefix.get(..FIXED_BYTES).ok_or(Damage::Length("a pack"))?;
        if &fixed[..4] != MAGIC {
            return Err(Damage::Checksum("a pack"));
        }
        if fixed[4] != VERSION || fixed[5] != CODEC_ZSTD || fixed[6..12] != [0; 6] {
            return Err(Damage::Unknown { what: "a pack", found: u64::from(fixed[4]) });
        }
        Header::len(word(fixed, 12) as usize, word(fixed, 16) as usize).ok_or(Damage::Length("a pack"))
    }

    /// How many bytes [`Header::measure`] wants.
    pub(crate) const PREFIX: usize = FIXED_BYTES;

    /// Reads the header at the front of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Header, Damage> {
        let len = Header::measure(bytes)?;
        let head = bytes.get(..len).ok_or(Damage::Length("a pack"))?;
        let (tables, check) = head.split_at(len - CHECK_BYTES);
        if Digest::of(tables).0[..CHECK_BYTES] != *check {
            return Err(Damage::Checksum("a pack"));
        }
        let (block_count, chunk_count) = (word(tables, 12) as usize, word(tables, 16) as usize);
        let (block_table, chunk_table) = tables[FIXED_BYTES..].split_at(block_count * BLOCK_ENTRY_BYTES);
        let mut blocks = Vec::with_capacity(block_count);
        let (mut raw_at, mut packed_at) = (0u64, len as u64);
        for entry in block_table.chunks_exact(BLOCK_ENTRY_BYTES) {
            let (raw_len, packed_len) = (word(entry, 0), word(entry, 4));
            blocks.push(Block { raw_at, raw_len, packed_at, packed_len });
            raw_at += u64::from(raw_len);
            packed_at += u64::from(packed_len);
        }
        let mut chunks = Vec::with_capacity(chunk_count);
        let mut at = 0u64;
        for entry in chunk_table.chunks_exact(CHUNK_ENTRY_BYTES) {
            let mut digest = [0u8; 32];
            digest.copy_from_slice(&entry[4..]);
            chunks.push(PackedChunk { digest: Digest(digest), at, len: word(entry, 0) });
            at += u64::from(word(entry, 0));
        }
        if at != raw_at {
            return Err(Damage::Length("a pack"));
        }
        Ok(Header { chunks, blocks, len })
    }

    /// How many bytes the whole pack takes.
    pub(crate) fn pack_bytes(&self) -> u64 {
        self.blocks.last().map_or(self.len as u64, |block| block.packed_at + u64::from(block.packed_len))
    }

    /// The block that holds the chunk at `at`; a chunk never spans two.
    pub(crate) fn block_of(&self, at: u64, len: u32) -> Result<Block, Damage> {
        let index = self.blocks.partition_point(|block| block.raw_at + u64::from(block.raw_len) <= at);
        let block = *self.blocks.get(index).ok_or(Damage::Length("a pack"))?;
        let within = at >= block.raw_at && at + u64::from(len) <= block.raw_at + u64::from(block.raw_len);
        if within { Ok(block) } else { Err(Damage::Length("a pack")) }
    }
}

/// Unpacks one block.
pub(crate) fn read_block(block: Block, packed: &[u8]) -> Result<Vec<u8>, Damage> {
    let len = block.raw_len as usize;
    if len > BLOCK_BYTES_MAX {
        return Err(Damage::Length("a pack"));
    }
    let raw = zstd::bulk::decompress(packed, len).map_err(Damage::Block)?;
    if raw.len() == len { Ok(raw) } else { Err(Damage::Length("a pack")) }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0u8; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn build(chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = PackBuilder::new().unwrap();
        for chunk in chunks {
            builder.add(Digest::of(chunk), chunk).unwrap();
        }
        let (_, head, packed) = builder.finish().unwrap();
        [head, packed].concat()
    }

    fn read(pack: &[u8]) -> Result<Vec<Vec<u8>>, Damage> {
        let header = Header::parse(pack)?;
        let chunk = |chunk: &PackedChunk| {
            let block = header.block_of(chunk.at, chunk.len)?;
            let range = block.packed_at as usize..block.packed_at as usize + block.packed_len as usize;
            let raw = read_block(block, pack.get(range).ok_or(Damage::Length("a pack"))?)?;
            let from = (chunk.at - block.raw_at) as usize;
            Ok(raw[from..from + chunk.len as usize].to_vec())
        };
        header.chunks.iter().map(chunk).collect()
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..3000), 1..20)) {
            prop_assert_eq!(read(&build(&chunks)).unwrap(), chunks);
        }

        #[test]
        fn a_flipped_bit_never_yields_other_chunks(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 1..8),
            at in any::<proptest::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut pack = build(&chunks);
            let at = at.index(pack.len());
            pack[at] ^= 1 << bit;
            // zstd blocks carry no checksum: what slips through must then fail the chunk's own hash.
            if let Ok(read) = read(&pack) {
                let intact = read.iter().zip(&chunks).filter(|(a, b)| Digest::of(a) == Digest::of(b));
                for (a, b) in intact {
                    prop_assert_eq!(a, b);
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[b"OMPK\x01\x01\0\0\0\0\0\0".as_slice(), &bytes].concat());
        }
    }

    #[test]
    fn many_blocks_are_read_one_by_one() {
        let chunks: Vec<Vec<u8>> = (0..40u32).map(|i| i.to_le_bytes().repeat(16_000)).collect();
        let pack = build(&chunks);
        assert!(Header::parse(&pack).unwrap().blocks.len() > 5);
        assert_eq!(read(&pack).unwrap(), chunks);
    }
}
