//! The values of an exported run on their way in: on the disk, not in memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;

use super::super::open::Shared;
use crate::error::{Error, Result};

/// A stretch of the spool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub at: u64,
    pub len: u64,
}

/// Bytes put aside, in a file that has no name and ends with its handle.
pub(super) struct Spool {
    file: BufWriter<File>,
    len: u64,
}

impl Spool {
    pub fn new(shared: &Shared, name: u128) -> Result<Spool> {
        let file = shared.segments.scratch(&format!("{name:032x}")).map_err(spooling)?;
        Ok(Spool { file: BufWriter::new(file), len: 0 })
    }

    /// Where the next bytes will be.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        self.file.write_all(bytes).map_err(spooling)
    }

    /// Ends the writing.
    pub fn whole(self) -> Result<Spooled> {
        let file = self.file.into_inner().map_err(|error| spooling(error.into_error()))?;
        Ok(Spooled { file })
    }
}

/// What was put aside.
pub(super) struct Spooled {
    file: File,
}

impl Spooled {
    /// The pieces, joined. Grown piece by piece: what they claim to be together allocates nothing.
    pub fn read(&self, pieces: &[Piece]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for piece in pieces {
            let from = bytes.len();
            bytes.resize(from + piece.len as usize, 0);
            self.file.read_exact_at(&mut bytes[from..], piece.at).map_err(spooling)?;
        }
        Ok(bytes)
    }
}

fn spooling(source: std::io::Error) -> Error {
    Error::unavailable("putting an exported run aside", source)
}
