//! The shape of MessagePack, without its values: where an element ends and what it contains.
//! Wire format: the MessagePack specification, github.com/msgpack/msgpack/blob/master/spec.md.

use super::node::{Children, Node};

/// The element at `at`, or None when the bytes there are not one complete element.
pub(super) fn node(bytes: &[u8], at: usize) -> Option<Node> {
    let (head, content) = head(bytes, at)?;
    let body = at.checked_add(head)?;
    let (end, children) = match content {
        Content::Bytes(len) => (body.checked_add(len)?, Children::None),
        Content::Extension(len) => (body.checked_add(len)?, Children::Wrapped),
        Content::Elements(count) => (skip(bytes, body, count)?, Children::List),
        Content::Pairs(count) => (skip(bytes, body, count.checked_mul(2)?)?, Children::Map),
    };
    (end <= bytes.len()).then_some(Node { body, end, children })
}

enum Content {
    Bytes(usize),
    Extension(usize),
    Elements(u64),
    Pairs(u64),
}

/// Passes `count` elements without recursion, so that depth costs no stack.
fn skip(bytes: &[u8], from: usize, count: u64) -> Option<usize> {
    let mut at = from;
    let mut left = count;
    while left > 0 {
        // Every element is at least one byte: a count beyond the input is a lie, and would only waste time.
        if left > (bytes.len().checked_sub(at)?) as u64 {
            return None;
        }
        let (head, content) = head(bytes, at)?;
        at = at.checked_add(head)?;
        left -= 1;
        match content {
            Content::Bytes(len) | Content::Extension(len) => at = at.checked_add(len)?,
            Content::Elements(n) => left = left.checked_add(n)?,
            Content::Pairs(n) => left = left.checked_add(n.checked_mul(2)?)?,
        }
        if at > bytes.len() {
            return None;
        }
    }
    Some(at)
}

/// The length of the head at `at`, and what follows it.
fn head(bytes: &[u8], at: usize) -> Option<(usize, Content)> {
    let tag = *bytes.get(at)?;
    let sized = |width: usize| -> Option<usize> {
        let field = bytes.get(at + 1..at + 1 + width)?;
        Some(field.iter().fold(0usize, |value, byte| value << 8 | *byte as usize))
    };
    Some(match tag {
        0x00..=0x7f | 0xe0..=0xff | 0xc0..=0xc3 => (1, Content::Bytes(0)),
        0x80..=0x8f => (1, Content::Pairs(u64::from(tag & 0x0f))),
        0x90..=0x9f => (1, Content::Elements(u64::from(tag & 0x0f))),
        0xa0..=0xbf => (1, Content::Bytes(usize::from(tag & 0x1f))),
        0xc4 | 0xd9 => (2, Content::Bytes(sized(1)?)),
        0xc5 | 0xda => (3, Content::Bytes(sized(2)?)),
        0xc6 | 0xdb => (5, Content::Bytes(sized(4)?)),
        0xc7 => (3, Content::Extension(sized(1)?)),
        0xc8 => (4, Content::Extension(sized(2)?)),
        0xc9 => (6, Content::Extension(sized(4)?)),
        0xca | 0xce | 0xd2 => (5, Content::Bytes(0)),
        0xcb | 0xcf | 0xd3 => (9, Content::Bytes(0)),
        0xcc | 0xd0 => (2, Content::Bytes(0)),
        0xcd | 0xd1 => (3, Content::Bytes(0)),
        0xd4..=0xd8 => (2, Content::Extension(1 << (tag - 0xd4))),
        0xdc => (3, Content::Elements(sized(2)? as u64)),
        0xdd => (5, Content::Elements(sized(4)? as u64)),
        0xde => (3, Content::Pairs(sized(2)? as u64)),
        0xdf => (5, Content::Pairs(sized(4)? as u64)),
    })
}
