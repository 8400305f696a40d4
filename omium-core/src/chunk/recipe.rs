//! A recipe: how to put a value together again, as literals and chunk ids, diffed against an anchor.
//!
//! Chunks are named by their local row, never by their hash: a flat list of 32-byte hashes alone would make
//! the history of a growing list quadratic. The bytes are described in docs/format.md.

use std::collections::HashMap;

use crate::error::Damage;
use crate::id::ChunkRow;

/// One piece of a stored value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Token {
    Literal(Vec<u8>),
    Chunk(ChunkRow),
}

/// A recipe beyond this many tokens of its own is written in full and becomes an anchor.
const OWN_TOKENS_MAX: usize = 64;
/// Recipes above this size are worth compressing.
const PLAIN_BYTES_MAX: usize = 96;
/// No value has more pieces than this; a recipe that says so is damaged.
const TOKENS_MAX: usize = 1 << 28;

const FULL: u8 = 0;
const DELTA: u8 = 1;
const COMPRESSED: u8 = 2;

const OP_LITERAL: u64 = 0;
const OP_CHUNKS: u64 = 1;
const OP_COPY: u64 = 2;
const OP_SEEK: u64 = 3;

/// An encoded recipe and whether it needs its anchor to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub bytes: Vec<u8>,
    pub anchored: bool,
}

impl Recipe {
    /// Writes `tokens`, against `anchor` when that is shorter.
    pub(crate) fn encode(tokens: &[Token], anchor: Option<&[Token]>) -> Recipe {
        if let Some(anchor) = anchor
            && let Some(ops) = diff(tokens, anchor)
        {
            return Recipe { bytes: finish(DELTA, &ops), anchored: true };
        }
        let mut ops = Ops::default();
        tokens.iter().for_each(|token| ops.own(token));
        Recipe { bytes: finish(FULL, &ops.end()), anchored: false }
    }

    /// Reads tokens back; every length is checked against what is there.
    pub(crate) fn decode(bytes: &[u8], anchor: Option<&[Token]>) -> Result<Vec<Token>, Damage> {
        let (&mode, rest) = bytes.split_first().ok_or(Damage::Length("a recipe"))?;
        let plain;
        let ops = if mode & COMPRESSED != 0 {
            let (len, used) = varint(rest).ok_or(Damage::Length("a recipe"))?;
            let limit = usize::try_from(len).ok().filter(|len| *len <= TOKENS_MAX).ok_or(Damage::Length("a recipe"))?;
            plain = zstd::bulk::decompress(&rest[used..], limit).map_err(Damage::Block)?;
            plain.as_slice()
        } else {
            rest
        };
        let anchor = match (mode & !COMPRESSED, anchor) {
            (FULL, _) => &[],
            (DELTA, Some(anchor)) => anchor,
            (DELTA, None) => return Err(Damage::Length("an anchor")),
            (other, _) => return Err(Damage::Unknown { what: "a recipe", found: u64::from(other) }),
        };
        replay(ops, anchor)
    }
}

/// The differences between `tokens` and `anchor` position by position, or None when a full recipe is better.
///
/// Positions are aligned first, because the head of a growing list changes with every append and everything
/// behind it stays where it was. After a miss the anchor is searched once, so that dropping the oldest
/// element of a list, which moves all others, still costs one seek.
fn diff(tokens: &[Token], anchor: &[Token]) -> Option<Vec<u8>> {
    let mut positions: Option<HashMap<&Token, usize>> = None;
    let mut ops = Ops::default();
    let mut own = 0usize;
    let mut cursor = 0usize;
    for token in tokens {
        if anchor.get(cursor) == Some(token) {
            ops.copy();
            cursor += 1;
            continue;
        }
        if matches!(token, Token::Chunk(_)) {
            let positions = positions.get_or_insert_with(|| anchor.iter().enumerate().map(|(at, t)| (t, at)).collect());
            if let Some(&found) = positions.get(token) {
                ops.seek(cursor, found);
                ops.copy();
                cursor = found + 1;
                own += 1;
                continue;
            }
        }
        own += 1;
        if own > OWN_TOKENS_MAX {
            return None;
        }
        ops.own(token);
        cursor += 1;
    }
    Some(ops.end())
}

/// Operations as they are written, with runs joined.
#[derive(Default)]
struct Ops {
    bytes: Vec<u8>,
    copies: u64,
    chunks: Vec<i64>,
    last_chunk: i64,
}

impl Ops {
    fn own(&mut self, token: &Token) {
        self.end_copies();
        match token {
            Token::Chunk(ChunkRow(row)) => self.chunks.push(*row),
            Token::Literal(bytes) => {
                self.end_chunks();
                self.op(OP_LITERAL, bytes.len() as u64);
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    fn copy(&mut self) {
        self.end_chunks();
        self.copies += 1;
    }

    fn seek(&mut self, from: usize, to: usize) {
        self.end_chunks();
        self.end_copies();
        self.op(OP_SEEK, zigzag(to as i64 - from as i64));
    }

    fn end(mut self) -> Vec<u8> {
        self.end_chunks();
        self.end_copies();
        self.bytes
    }

    fn end_copies(&mut self) {
        if self.copies > 0 {
            let copies = std::mem::take(&mut self.copies);
            self.op(OP_COPY, copies);
        }
    }

    fn end_chunks(&mut self) {
        if self.chunks.is_empty() {
            return;
        }
        let chunks = std::mem::take(&mut self.chunks);
        self.op(OP_CHUNKS, chunks.len() as u64);
        for row in chunks {
            push_varint(&mut self.bytes, zigzag(row - self.last_chunk));
            self.last_chunk = row;
        }
    }

    fn op(&mut self, kind: u64, number: u64) {
        push_varint(&mut self.bytes, number << 2 | kind);
    }
}

fn finish(mode: u8, ops: &[u8]) -> Vec<u8> {
    if ops.len() > PLAIN_BYTES_MAX
        && let Ok(packed) = zstd::bulk::compress(ops, 1)
        && packed.len() + 4 < ops.len()
    {
        let mut bytes = vec![mode | COMPRESSED];
        push_varint(&mut bytes, ops.len() as u64);
        bytes.extend_from_slice(&packed);
        return bytes;
    }
    [&[mode], ops].concat()
}

fn replay(mut ops: &[u8], anchor: &[Token]) -> Result<Vec<Token>, Damage> {
    const WHAT: Damage = Damage::Length("a recipe");
    let mut tokens = Vec::new();
    let mut cursor = 0usize;
    let mut last_chunk = 0i64;
    let next = |ops: &mut &[u8]| -> Result<u64, Damage> {
        let (value, used) = varint(ops).ok_or(WHAT)?;
        *ops = &ops[used..];
        Ok(value)
    };
    while !ops.is_empty() {
        let op = next(&mut ops)?;
        let number = op >> 2;
        let count = usize::try_from(number).map_err(|_| WHAT)?;
        match op & 3 {
            OP_LITERAL => {
                let (literal, rest) = ops.split_at_checked(count).ok_or(WHAT)?;
                tokens.push(Token::Literal(literal.to_vec()));
                ops = rest;
                cursor = cursor.saturating_add(1);
            }
            OP_CHUNKS => {
                // Each id is at least one byte, so this bounds the allocation too.
                if count > ops.len() {
                    return Err(WHAT);
                }
                for _ in 0..count {
                    last_chunk = last_chunk.checked_add(unzigzag(next(&mut ops)?)).ok_or(WHAT)?;
                    tokens.push(Token::Chunk(ChunkRow(last_chunk)));
                }
                cursor = cursor.saturating_add(count);
            }
            OP_COPY => {
                let end = cursor.checked_add(count).ok_or(WHAT)?;
                tokens.extend_from_slice(anchor.get(cursor..end).ok_or(WHAT)?);
                cursor = end;
            }
            _ => {
                let to = i64::try_from(cursor).ok().and_then(|at| at.checked_add(unzigzag(number))).ok_or(WHAT)?;
                cursor = usize::try_from(to).map_err(|_| WHAT)?;
            }
        }
        if tokens.len() > TOKENS_MAX {
            return Err(WHAT);
        }
    }
    Ok(tokens)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// LEB128: the value and how many bytes it took.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(head: u8, chunks: impl IntoIterator<Item = i64>) -> Vec<Token> {
        let chunks = chunks.into_iter().map(|row| Token::Chunk(ChunkRow(row)));
        [Token::Literal(vec![0xdc, 0, head])].into_iter().chain(chunks).collect()
    }

    #[test]
    fn an_append_costs_a_few_bytes_however_long_the_list() {
        let anchor = list(1, (0..5000).map(|i| i * 3));
        let recipe = Recipe::encode(&list(2, (0..5001).map(|i| i * 3)), Some(&anchor));
        assert!(recipe.anchored && recipe.bytes.len() < 16, "{} bytes", recipe.bytes.len());
    }

    #[test]
    fn dropping_the_oldest_element_costs_one_seek() {
        let anchor = list(1, 0..5000);
        let recipe = Recipe::encode(&list(1, 1..5000), Some(&anchor));
        assert!(recipe.anchored && recipe.bytes.len() < 16, "{} bytes", recipe.bytes.len());
    }

    #[test]
    fn what_differs_too_much_is_written_in_full() {
        assert!(!Recipe::encode(&list(1, 9000..9100), Some(&list(1, 0..100))).anchored);
    }

    fn token() -> impl Strategy<Value = Token> {
        prop_oneof![
            (0i64..60).prop_map(|row| Token::Chunk(ChunkRow(row))),
            proptest::collection::vec(any::<u8>(), 0..5).prop_map(Token::Literal),
        ]
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            tokens in proptest::collection::vec(token(), 0..200),
            anchor in proptest::option::of(proptest::collection::vec(token(), 0..200)),
        ) {
            let recipe = Recipe::encode(&tokens, anchor.as_deref());
            let needed = if recipe.anchored { anchor.as_deref() } else { None };
            prop_assert_eq!(Recipe::decode(&recipe.bytes, needed).unwrap(), tokens);
        }

        #[test]
        fn damaged_recipes_are_refused_or_read_but_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            anchor in proptest::collection::vec(token(), 0..20),
        ) {
            let _ = Recipe::decode(&bytes, Some(&anchor));
        }

        #[test]
        fn varints_round_trip(value in any::<u64>(), signed in any::<i64>()) {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            prop_assert_eq!(varint(&bytes), Some((value, bytes.len())));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }
}
