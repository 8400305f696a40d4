//! Segment files: packs too large for the index. A file is durable before the row that names it (I2).

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The `seg/` directory of a store.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    directory: PathBuf,
}

/// The directory of segments within a store's.
pub(crate) const SEGMENTS: &str = "seg";
const SUFFIX: &str = "pack";
const UNFINISHED: &str = "tmp";

impl Segments {
    pub(crate) fn new(store: &Path) -> Segments {
        Segments { directory: store.join(SEGMENTS) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name).with_extension(SUFFIX)
    }

    /// Writes a segment and makes it durable. A crash at any point leaves at most a file nobody names.
    pub(crate) fn write(&self, name: &str, parts: &[&[u8]], durable: bool) -> io::Result<()> {
        if !self.directory.is_dir() {
            fs::create_dir_all(&self.directory)?;
            if durable && let Some(parent) = self.directory.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        let unfinished = self.path(name).with_extension(UNFINISHED);
        let written = (|| {
            let mut file = File::create(&unfinished)?;
            parts.iter().try_for_each(|part| file.write_all(part))?;
            if durable {
                file.sync_all()?;
            }
            fs::rename(&unfinished, self.path(name))
        })();
        if let Err(error) = written {
            // The disk may be full: what was begun must not stay. Its own failure would hide the cause.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        if durable { File::open(&self.directory)?.sync_all() } else { Ok(()) }
    }

    /// Copies a segment to another store, durable but for its name; false when there is none.
    pub(crate) fn copy(&self, name: &str, to: &Segments) -> io::Result<bool> {
        let mut source = match File::open(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        fs::create_dir_all(&to.directory)?;
        let unfinished = to.path(name).with_extension(UNFINISHED);
        let mut target = File::create(&unfinished)?;
        io::copy(&mut source, &mut target)?;
        target.sync_all()?;
        fs::rename(&unfinished, to.path(name))?;
        Ok(true)
    }

    /// Makes the names of the segments durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match File::open(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            opened => opened?.sync_all(),
        }
    }

    /// A file for what must not be in memory. It has no name any more, so nothing is left of it however its user ends.
    pub(crate) fn scratch(&self, name: &str) -> io::Result<File> {
        fs::create_dir_all(&self.directory)?;
        let unfinished = self.path(name).with_extension(UNFINISHED);
        let file = File::options().read(true).write(true).create_new(true).open(&unfinished)?;
        fs::remove_file(&unfinished)?;
        Ok(file)
    }

    /// Reads `len` bytes at `at`; fewer when the file ends.
    pub(crate) fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(name))?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    /// The names of the segments there are, with their sizes, and of files that were never finished.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(name) = Path::new(&entry.file_name()).file_stem().and_then(|stem| stem.to_str()) {
                found.push((name.to_owned(), entry.metadata()?.len()));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Removes files no row names that were last written before `before_ms` (milliseconds since 1970): a younger one
/// may be about to be named.
pub(crate) fn remove_stale(segments: &Segments, named: impl Fn(&str) -> bool, before_ms: u64) -> io::Result<()> {
    for (name, _) in segments.list()? {
        for suffix in [SUFFIX, UNFINISHED] {
            let path = segments.path(&name).with_extension(suffix);
            let unnamed = suffix == UNFINISHED || !named(&name);
            if unnamed && path.is_file() && written_ms(&path)? < before_ms {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

fn written_ms(path: &Path) -> io::Result<u64> {
    let modified = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH);
    // A file from before 1970 is as old as can be.
    Ok(modified.map_or(0, |since| since.as_millis() as u64))
}
