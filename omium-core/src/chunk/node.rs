//! An element of encoded bytes, as a grammar sees it.

/// An element: where its content begins, where it ends, what it holds.
pub(super) struct Node {
    pub body: usize,
    pub end: usize,
    pub children: Children,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Children {
    None,
    List,
    Map,
    /// One element inside an extension, if its bytes are one.
    Wrapped,
}
