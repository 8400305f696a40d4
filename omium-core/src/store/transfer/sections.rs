//! The stream of an exported run: sections one after the other, hashed on their way, within one zstd frame.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use crate::error::{Damage, Error, Result};
use crate::id::Digest;

const LEVEL: i32 = 9;
/// How much of a long section is in memory at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// Writes sections.
pub(super) struct Sink {
    frame: zstd::stream::Encoder<'static, BufWriter<File>>,
    hasher: blake3::Hasher,
}

impl Sink {
    pub fn new(file: BufWriter<File>) -> Result<Sink> {
        let frame = zstd::stream::Encoder::new(file, LEVEL).map_err(writing)?;
        Ok(Sink { frame, hasher: blake3::Hasher::new() })
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.frame.write_all(bytes).map_err(writing)
    }

    pub fn count(&mut self, count: u64) -> Result<()> {
        self.put(&count.to_le_bytes())
    }

    pub fn section<T>(&mut self, value: &T) -> Result<()>
    where
        T: wincode::Serialize<Src = T>,
    {
        let bytes = wincode::serialize(value).map_err(|source| Error::unavailable("encoding a record", source))?;
        self.count(bytes.len() as u64)?;
        self.put(&bytes)
    }

    /// Ends the stream with the hash of all that is in it; answers how long the file is.
    pub fn end(mut self) -> Result<u64> {
        let hash = *self.hasher.finalize().as_bytes();
        self.frame.write_all(&hash).map_err(writing)?;
        let file = self.frame.finish().map_err(writing)?;
        let file = file.into_inner().map_err(|error| writing(error.into_error()))?;
        Ok(file.metadata().map_err(writing)?.len())
    }
}

pub(super) fn writing(source: io::Error) -> Error {
    Error::unavailable("writing the exported run", source)
}

/// Reads sections. What a file claims allocates nothing: every section is grown as it is really there.
pub(super) struct Source {
    frame: zstd::stream::Decoder<'static, BufReader<File>>,
    hasher: blake3::Hasher,
    len: u64,
}

impl Source {
    pub fn new(file: BufReader<File>) -> Result<Source> {
        let frame = zstd::stream::Decoder::with_buffer(file).map_err(Damage::Block)?.single_frame();
        Ok(Source { frame, hasher: blake3::Hasher::new(), len: 0 })
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.frame.read_exact(&mut bytes).map_err(Damage::Block)?;
        self.hasher.update(&bytes);
        self.len += N as u64;
        Ok(bytes)
    }

    pub fn number(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Hands the next `len` bytes on, piece by piece.
    pub fn pieces(&mut self, len: u64, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES.min(usize::try_from(len).unwrap_or(usize::MAX))];
        let mut left = len;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.frame.read_exact(&mut buffer[..wanted]).map_err(Damage::Block)?;
            self.hasher.update(&buffer[..wanted]);
            each(&buffer[..wanted])?;
            left -= wanted as u64;
        }
        self.len += len;
        Ok(())
    }

    pub fn section<T>(&mut self) -> Result<T>
    where
        T: for<'a> wincode::Deserialize<'a, Dst = T>,
    {
        let len = self.number()?;
        let mut bytes = Vec::new();
        self.pieces(len, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(wincode::deserialize_exact(&bytes).map_err(Damage::Record)?)
    }

    pub fn sections<T>(&mut self) -> Result<Vec<T>>
    where
        T: for<'a> wincode::Deserialize<'a, Dst = T>,
    {
        let count = self.number()?;
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(self.section()?);
        }
        Ok(found)
    }

    /// The hash of everything read so far, and its length.
    pub fn read_so_far(&self) -> (Digest, u64) {
        (Digest(*self.hasher.finalize().as_bytes()), self.len)
    }

    /// Refuses a file that goes on.
    pub fn end(mut self) -> Result<()> {
        let mut more = [0];
        let in_frame = self.frame.read(&mut more).map_err(Damage::Block)?;
        let behind = self.frame.finish().read(&mut more).map_err(Damage::Block)?;
        if in_frame + behind > 0 { Err(Damage::Length("an exported run").into()) } else { Ok(()) }
    }
}
