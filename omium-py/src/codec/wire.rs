//! The heads of msgpack values, checked against the input. Pure: no Python in here.
//!
//! Wire format: the MessagePack specification, github.com/msgpack/msgpack/blob/master/spec.md.

/// What a value is, without its content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Length in bytes; they follow the head, and are all there.
    Str(usize),
    Bin(usize),
    /// Code and length in bytes.
    Ext(i8, usize),
    /// Number of elements, no more than there are bytes left.
    Array(usize),
    /// Number of entries, no more than half of the bytes left.
    Map(usize),
}

/// Where and why bytes are not msgpack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) reason: &'static str,
}

/// The head at `at`, and the offset of what follows it.
pub(super) fn head(bytes: &[u8], at: usize) -> Result<(Head, usize), Malformed> {
    let cut = Malformed { at, reason: "the value is cut off" };
    let tag = *bytes.get(at).ok_or(cut)?;
    let mut next = at + 1;
    let mut field = |width: usize| -> Result<u64, Malformed> {
        let taken = next.checked_add(width).and_then(|end| bytes.get(next..end)).ok_or(cut)?;
        next += width;
        Ok(taken.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let head = match tag {
        0x00..=0x7f => Head::Int(i64::from(tag)),
        0x80..=0x8f => Head::Map(usize::from(tag & 0x0f)),
        0x90..=0x9f => Head::Array(usize::from(tag & 0x0f)),
        0xa0..=0xbf => Head::Str(usize::from(tag & 0x1f)),
        0xc0 => Head::Nil,
        0xc1 => return Err(Malformed { at, reason: "0xc1 begins no value" }),
        0xc2 | 0xc3 => Head::Bool(tag == 0xc3),
        0xc4..=0xc6 => Head::Bin(field(1 << (tag - 0xc4))? as usize),
        0xc7..=0xc9 => {
            let len = field(1 << (tag - 0xc7))? as usize;
            Head::Ext(field(1)? as i8, len)
        }
        0xca => Head::Float(f64::from(f32::from_bits(field(4)? as u32))),
        0xcb => Head::Float(f64::from_bits(field(8)?)),
        0xcc..=0xcf => Head::Uint(field(1 << (tag - 0xcc))?),
        0xd0 => Head::Int(i64::from(field(1)? as i8)),
        0xd1 => Head::Int(i64::from(field(2)? as i16)),
        0xd2 => Head::Int(i64::from(field(4)? as i32)),
        0xd3 => Head::Int(field(8)? as i64),
        0xd4..=0xd8 => Head::Ext(field(1)? as i8, 1 << (tag - 0xd4)),
        0xd9..=0xdb => Head::Str(field(1 << (tag - 0xd9))? as usize),
        0xdc | 0xdd => Head::Array(field(2 << (tag - 0xdc))? as usize),
        0xde | 0xdf => Head::Map(field(2 << (tag - 0xde))? as usize),
        0xe0..=0xff => Head::Int(i64::from(tag as i8)),
    };
    // An element takes at least one byte: a count beyond the input is a lie, found before room is made for it.
    let left = bytes.len() - next;
    let fits = match head {
        Head::Str(len) | Head::Bin(len) | Head::Ext(_, len) | Head::Array(len) => len <= left,
        Head::Map(len) => len <= left / 2,
        _ => true,
    };
    if fits { Ok((head, next)) } else { Err(cut) }
}

/// The offset after the value at `at`. Without recursion, so that depth costs no stack.
pub(super) fn skip(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let mut next = at;
    let mut pending: usize = 1;
    while pending > 0 {
        // Bounds the work by the input when nested counts add up to more than it can hold.
        if pending > bytes.len() - next {
            return Err(Malformed { at: next, reason: "the value is cut off" });
        }
        let (head, body) = head(bytes, next)?;
        pending -= 1;
        next = body;
        match head {
            Head::Str(len) | Head::Bin(len) | Head::Ext(_, len) => next += len,
            Head::Array(count) => pending += count,
            Head::Map(count) => pending += 2 * count,
            Head::Nil | Head::Bool(_) | Head::Int(_) | Head::Uint(_) | Head::Float(_) => {}
        }
    }
    Ok(next)
}
