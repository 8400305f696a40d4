//! Reading an exported run, of this version and of those before it.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::portable::{Front, PortableEntry, PortableWrite};
use super::sections::Source;
use super::spool::{Piece, Spool, Spooled};
use super::{CHUNK, CHUNK_AGAIN, LITERAL, MAGIC, VERSION};
use crate::error::{Damage, Error, Result};
use crate::id::Digest;

/// A value, or a file of version 1, that claims to be longer is refused.
const RAW_BYTES_MAX: u64 = 16 << 30;
/// No cutter makes longer pieces.
const PIECE_BYTES_MAX: u32 = 16 << 20;

/// What a file holds: known to be whole, and as it was written.
pub(super) struct Exported {
    pub front: Front,
    pub entries: Vec<PortableEntry>,
    pub writes: Vec<PortableWrite>,
    pub values: Values,
}

/// The values of a file, on the disk.
pub(super) struct Values {
    found: Vec<Value>,
    spooled: Spooled,
}

struct Value {
    row: i64,
    root: Option<Digest>,
    pieces: Vec<Piece>,
}

impl Values {
    /// Each value by its old row; one at a time is in memory.
    pub fn each(&self) -> impl Iterator<Item = Result<(i64, Vec<u8>)>> {
        self.found.iter().map(|value| {
            let bytes = self.spooled.read(&value.pieces)?;
            if let Some(expected) = value.root {
                let found = Digest::of(&bytes);
                if found != expected {
                    return Err(Damage::Root { expected, found }.into());
                }
            }
            Ok((value.row, bytes))
        })
    }
}

pub(super) fn read(path: &Path, spool: Spool) -> Result<Exported> {
    let reading = |source| Error::unavailable("reading the exported run", source);
    let mut file = BufReader::new(File::open(path).map_err(reading)?);
    let mut head = [0; 12];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => head = [0; 12],
        other => other.map_err(reading)?,
    }
    if !head.starts_with(MAGIC) {
        return Err(Error::invalid(format!("{} is not an exported run", path.display())));
    }
    match u32::from_le_bytes([head[8], head[9], head[10], head[11]]) {
        1 => first(file, spool),
        VERSION => second(file, spool),
        other => {
            let needs = format!("a reader of exported runs of version {other}");
            Err(Error::FormatUnsupported { path: path.to_path_buf(), needs, knows: VERSION })
        }
    }
}

fn first(mut file: BufReader<File>, mut spool: Spool) -> Result<Exported> {
    let (mut len, mut expected) = ([0; 8], [0; 32]);
    file.read_exact(&mut len).and_then(|()| file.read_exact(&mut expected)).map_err(Damage::Block)?;
    let len = u64::from_le_bytes(len);
    if len > RAW_BYTES_MAX {
        return Err(too_long());
    }
    let mut source = Source::new(file)?;
    let (front, entries, writes) = (source.section()?, source.sections()?, source.sections()?);
    let mut found = Vec::new();
    for _ in 0..source.number()? {
        if source.number()? != 8 {
            return Err(too_long());
        }
        let row = i64::from_le_bytes(source.array()?);
        let piece = Piece { at: spool.len(), len: source.number()? };
        source.pieces(piece.len, |bytes| spool.add(bytes))?;
        found.push(Value { row, root: None, pieces: vec![piece] });
    }
    let (hash, read) = source.read_so_far();
    if read != len || hash.0 != expected {
        return Err(Damage::Checksum("an exported run").into());
    }
    source.end()?;
    Ok(Exported { front, entries, writes, values: Values { found, spooled: spool.whole()? } })
}

fn second(file: BufReader<File>, mut spool: Spool) -> Result<Exported> {
    let mut source = Source::new(file)?;
    let (front, entries, writes) = (source.section()?, source.sections()?, source.sections()?);
    let mut chunks = Vec::new();
    let mut found = Vec::new();
    for _ in 0..source.number()? {
        found.push(value(&mut source, &mut spool, &mut chunks)?);
    }
    let (hash, _) = source.read_so_far();
    if source.array()? != hash.0 {
        return Err(Damage::Checksum("an exported run").into());
    }
    source.end()?;
    Ok(Exported { front, entries, writes, values: Values { found, spooled: spool.whole()? } })
}

fn value(source: &mut Source, spool: &mut Spool, chunks: &mut Vec<Piece>) -> Result<Value> {
    let row = i64::from_le_bytes(source.array()?);
    let len = source.number()?;
    if len > RAW_BYTES_MAX {
        return Err(too_long());
    }
    let root = Digest(source.array()?);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut left = len;
    while left > 0 {
        let [kind] = source.array()?;
        let piece = match kind {
            LITERAL | CHUNK => {
                let len = u32::from_le_bytes(source.array()?);
                if len > PIECE_BYTES_MAX {
                    return Err(too_long());
                }
                let piece = Piece { at: spool.len(), len: u64::from(len) };
                source.pieces(piece.len, |bytes| spool.add(bytes))?;
                if kind == CHUNK {
                    chunks.push(piece);
                }
                piece
            }
            CHUNK_AGAIN => {
                let number = usize::try_from(source.number()?).ok();
                *number.and_then(|number| chunks.get(number)).ok_or(Damage::Length("an exported run"))?
            }
            other => return Err(Damage::Unknown { what: "a piece of an exported run", found: u64::from(other) }.into()),
        };
        left = left.checked_sub(piece.len).ok_or(Damage::Length("an exported run"))?;
        match pieces.last_mut() {
            // Most follow one another; a history of long lists has very many.
            Some(last) if last.at + last.len == piece.at => last.len += piece.len,
            _ => pieces.push(piece),
        }
    }
    Ok(Value { row, root: Some(root), pieces })
}

fn too_long() -> Error {
    Damage::Length("an exported run").into()
}
