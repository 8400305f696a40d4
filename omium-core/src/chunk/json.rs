//! The shape of JSON text, without its values. Grammar: RFC 8259.
//!
//! An element takes the white space and the comma after it along, so that pieces join by concatenation.

use super::node::{Children, Node};

/// The element at `at` with the separators after it, or None when the text there is not one.
pub(super) fn node(bytes: &[u8], at: usize) -> Option<Node> {
    let start = blank(bytes, at);
    let (body, end, children) = match bytes.get(start)? {
        b'[' => (blank(bytes, start + 1), container(bytes, start)?, Children::List),
        b'{' => (blank(bytes, start + 1), container(bytes, start)?, Children::Map),
        b'"' => (start, string(bytes, start)?, Children::None),
        _ => (start, scalar(bytes, start)?, Children::None),
    };
    Some(Node { body, end: separator(bytes, end), children })
}

/// Whether the container that began is over at `at`.
pub(super) fn closes(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), Some(b']' | b'}'))
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn separator(bytes: &[u8], at: usize) -> usize {
    let at = blank(bytes, at);
    if matches!(bytes.get(at), Some(b',' | b':')) { blank(bytes, at + 1) } else { at }
}

fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let len =
        bytes[at..].iter().take_while(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'E' | b'+' | b'-' | b'.')).count();
    (len > 0).then_some(at + len)
}

/// Passes a container by counting brackets outside strings: no recursion.
fn container(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = at;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string(bytes, at)?;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}
