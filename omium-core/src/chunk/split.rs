//! Where to cut: at element borders, and inside what is too large for that by content.

use std::ops::Range;

use fastcdc::v2020::{FastCDC, Normalization};

use super::node::{Children, Node};
use super::{LITERAL_BYTES_MAX, json, msgpack};

/// A list above this is cut per element; smaller ones are one piece.
const LIST_BYTES_MIN: usize = 2 << 10;
/// A map or extension above this is cut inside: below, it is an element worth keeping whole.
const ELEMENT_BYTES_MAX: usize = 16 << 10;
/// A leaf above this is cut by content.
const LEAF_BYTES_MAX: usize = 64 << 10;
/// Opaque bytes above this are cut coarsely.
const OPAQUE_BYTES_FINE: usize = 1 << 20;
/// A run of small elements ends at a border the content chooses, between these sizes.
const RUN_BYTES_MIN: usize = 1 << 10;
const RUN_BYTES_MAX: usize = 8 << 10;
/// How many containers deep to look for borders.
const DEPTH_MAX: usize = 6;

/// How the bytes are to be read while cutting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    MessagePack,
    Json,
    Opaque,
}

impl Grammar {
    /// The grammar of a codec: its own name, or what follows the last slash of a host's label.
    pub(crate) fn of(codec: &str) -> Grammar {
        match codec.rsplit('/').next() {
            Some("msgpack") => Grammar::MessagePack,
            Some("json") => Grammar::Json,
            _ => Grammar::Opaque,
        }
    }

    fn node(self, bytes: &[u8], at: usize) -> Option<Node> {
        match self {
            Grammar::MessagePack => msgpack::node(bytes, at),
            Grammar::Json => json::node(bytes, at),
            Grammar::Opaque => None,
        }
    }
}

/// A piece of the encoded bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Small: stays in the recipe.
    Literal(Range<usize>),
    /// Becomes a chunk.
    Chunk(Range<usize>),
}

/// Cuts `bytes` into pieces that join to `bytes` again.
pub(crate) fn cut(bytes: &[u8], grammar: Grammar) -> Vec<Piece> {
    let mut cutter = Cutter { bytes, grammar, pieces: Vec::new(), run: 0..0 };
    // Bytes that are not what their codec says are opaque: they still come back exactly.
    match grammar.node(bytes, 0) {
        Some(node) if node.end == bytes.len() => cutter.element(0, &node, 0),
        _ => cutter.opaque(0..bytes.len()),
    }
    cutter.flush();
    cutter.pieces
}

struct Cutter<'a> {
    bytes: &'a [u8],
    grammar: Grammar,
    pieces: Vec<Piece>,
    /// Small elements seen and not yet made into a piece.
    run: Range<usize>,
}

impl Cutter<'_> {
    fn element(&mut self, at: usize, node: &Node, depth: usize) {
        let len = node.end - at;
        let open = depth < DEPTH_MAX
            && match node.children {
                Children::None => false,
                Children::List => depth == 0 || len > LIST_BYTES_MIN,
                Children::Map => depth == 0 || len > ELEMENT_BYTES_MAX,
                Children::Wrapped => len > ELEMENT_BYTES_MAX,
            };
        if open && len > LITERAL_BYTES_MAX && self.children(at, node, depth) {
            return;
        }
        if len <= LITERAL_BYTES_MAX {
            self.small(at..node.end);
        } else {
            self.flush();
            self.leaf(at..node.end);
        }
    }

    /// Cuts inside; false, with nothing changed, when the content is not made of whole elements.
    fn children(&mut self, at: usize, node: &Node, depth: usize) -> bool {
        let mut nodes = Vec::new();
        let mut next = node.body;
        while next < node.end && !(self.grammar == Grammar::Json && json::closes(self.bytes, next)) {
            match self.grammar.node(&self.bytes[..node.end], next) {
                Some(child) if child.end > next => {
                    let end = child.end;
                    nodes.push((next, child));
                    next = end;
                }
                _ => return false,
            }
        }
        if node.children == Children::Wrapped && nodes.len() != 1 {
            return false;
        }
        // The head holds the length, which changes with every append: alone, it spares its neighbours.
        self.flush();
        self.run = at..node.body;
        self.flush();
        for (at, child) in &nodes {
            self.element(*at, child, depth + 1);
        }
        if next < node.end {
            self.small(next..node.end);
        }
        true
    }

    /// Adds a small element to the run, which ends where the element's own bytes say so.
    fn small(&mut self, range: Range<usize>) {
        let last = &self.bytes[range.clone()];
        self.run = if self.run.is_empty() { range } else { self.run.start..range.end };
        let chosen =
            last.iter().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte))) % 16 == 0;
        if self.run.len() >= RUN_BYTES_MAX || (self.run.len() >= RUN_BYTES_MIN && chosen) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let run = std::mem::replace(&mut self.run, 0..0);
        if run.is_empty() {
            return;
        }
        self.pieces.push(if run.len() <= LITERAL_BYTES_MAX { Piece::Literal(run) } else { Piece::Chunk(run) });
    }

    fn leaf(&mut self, range: Range<usize>) {
        if range.len() > LEAF_BYTES_MAX {
            self.by_content(range, 4 << 10, 16 << 10, 64 << 10);
        } else {
            self.pieces.push(Piece::Chunk(range));
        }
    }

    fn opaque(&mut self, range: Range<usize>) {
        match range.len() {
            0 => {}
            len if len <= LITERAL_BYTES_MAX => self.pieces.push(Piece::Literal(range)),
            len if len <= OPAQUE_BYTES_FINE => self.by_content(range, 1 << 10, 4 << 10, 16 << 10),
            _ => self.by_content(range, 4 << 10, 16 << 10, 64 << 10),
        }
    }

    /// FastCDC v2020 with normalisation level 2; the format names this cutter, so it may not change silently.
    fn by_content(&mut self, range: Range<usize>, min: usize, average: usize, max: usize) {
        let source = &self.bytes[range.clone()];
        for chunk in FastCDC::with_level(source, min, average, max, Normalization::Level2) {
            let start = range.start + chunk.offset;
            self.pieces.push(Piece::Chunk(start..start + chunk.length));
        }
    }
}

#[cfg(test)]
mod tests;
