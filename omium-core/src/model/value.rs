//! A value on its way in: encoded bytes with the name of their codec.

/// Names of the codecs whose bytes the store knows how to cut; every other name is opaque to it.
pub mod codec {
    /// MessagePack: cut at the borders of its elements.
    pub const MSGPACK: &str = "msgpack";
    /// JSON text: cut at the borders of its elements.
    pub const JSON: &str = "json";
    /// Opaque bytes: cut by content.
    pub const RAW: &str = "raw";
}

/// Encoded bytes and the name of the codec that can read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// One of [`codec`], or a host's own name; a name ending in `/msgpack` or `/json` is cut like it.
    pub codec: String,
    /// The encoded bytes; what is read back is exactly these.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// MessagePack bytes.
    #[must_use]
    pub fn msgpack(bytes: Vec<u8>) -> Blob {
        Blob { codec: codec::MSGPACK.to_owned(), bytes }
    }

    /// Bytes under a codec's name.
    pub fn new(codec: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Blob {
        Blob { codec: codec.into(), bytes: bytes.into() }
    }
}
