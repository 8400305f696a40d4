//! A copy of a store in use. Nobody waits for it, and what it holds is one moment after it began.
//!
//! The index is copied in one read transaction. Whatever segment it names is there already (I2) and never changes; only a
//! collection removes one, and then the index of now names it no longer: the copy begins again from a newer index and
//! keeps the segments it has.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::check::{CheckReport, Depth};
use super::open::{INDEX_FILE, QUEUE_FILE, Shared};
use super::{Options, Progress, Store};
use crate::error::{Error, Result};
use crate::index::Index;
use crate::pack::{SEGMENTS, Segments};

/// Where the copy is made within its directory. Until it is whole and sound that holds no index, and is no store.
const UNFINISHED: &str = "unfinished";
/// As many collections may come between before the copy gives up.
const ATTEMPTS: usize = 20;

/// A finished copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of its files.
    pub bytes: u64,
    /// What a full check of it found; it is sound.
    pub report: CheckReport,
}

#[derive(Debug, thiserror::Error)]
#[error("collections kept removing what was to be copied; try again when none runs")]
struct Overtaken;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsound(String);

impl Store {
    /// Copies the store to `directory`, which is new or empty, while others go on writing.
    ///
    /// Every entry acknowledged before this was called is in the copy. Each byte of it is read back before it becomes a
    /// store; a copy that was cut short is none.
    pub fn backup(&self, directory: impl AsRef<Path>, progress: Progress<'_>) -> Result<Backup> {
        let (shared, directory) = (self.shared()?, directory.as_ref());
        let made = make_target(&shared, directory)?;
        let unfinished = directory.join(UNFINISHED);
        let copied = fs::create_dir(&unfinished)
            .map_err(copying)
            .and_then(|()| copy(&shared, &unfinished, progress))
            .and_then(|backup| finish(&unfinished, directory).map(|()| backup));
        if copied.is_err() {
            // What cannot be removed is named by the next try; this failure says more.
            let _ = fs::remove_dir_all(&unfinished);
            if made {
                let _ = fs::remove_dir(directory);
            }
        }
        copied
    }
}

fn copying(source: std::io::Error) -> Error {
    Error::unavailable("copying the store", source)
}

/// Refuses a directory that holds anything. Answers whether it was made.
fn make_target(shared: &Shared, directory: &Path) -> Result<bool> {
    let named = directory.display();
    if fs::metadata(directory).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::invalid(format!("{named} is a file: name a directory that is new or empty")));
    }
    let found = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        other => Some(other.map_err(copying)?),
    };
    let made = found.is_none();
    for entry in found.into_iter().flatten() {
        let name = entry.map_err(copying)?.file_name();
        if name == UNFINISHED {
            return Err(Error::invalid(format!(
                "a backup to {named} was cut short, or is being made: remove {named}/{UNFINISHED}, or name another directory"
            )));
        }
        // What a file system of its own begins with.
        if name != "lost+found" {
            return Err(Error::invalid(format!("{named} is not empty: name a directory that is new or empty")));
        }
    }
    fs::create_dir_all(directory).map_err(copying)?;
    if directory.canonicalize().map_err(copying)?.starts_with(&shared.directory) {
        if made {
            let _ = fs::remove_dir(directory);
        }
        return Err(Error::invalid(format!("{named} lies inside the store: name a directory beside it")));
    }
    Ok(made)
}

fn copy(shared: &Shared, to: &Path, progress: Progress<'_>) -> Result<Backup> {
    let index = to.join(INDEX_FILE);
    let segments = Segments::new(to);
    for _ in 0..ATTEMPTS {
        if index.exists() {
            fs::remove_file(&index).map_err(copying)?;
        }
        Index::open_read_only(&shared.directory.join(INDEX_FILE))?.copy_to(&index)?;
        let sizes = Index::open_read_only(&index)?.read(Index::segment_sizes)?;
        if copy_segments(shared, &segments, &sizes, progress)? {
            for (name, _) in segments.list().map_err(copying)? {
                if !sizes.contains_key(&name) {
                    segments.remove(&name).map_err(copying)?;
                }
            }
            return settle(to, &index, &segments, progress);
        }
    }
    Err(Error::unavailable("copying the store", Overtaken))
}

/// Copies the segments that are not there yet; false when a collection has removed one of them.
fn copy_segments(
    shared: &Shared,
    to: &Segments,
    sizes: &BTreeMap<String, u64>,
    progress: Progress<'_>,
) -> Result<bool> {
    let total: u64 = sizes.values().sum();
    let mut done = 0;
    for (name, size) in sizes {
        // Copying is the first half of the work, reading back the second.
        progress(done, 2 * total);
        if to.len(name).is_err() && !shared.segments.copy(name, to).map_err(copying)? {
            if shared.read(Index::segment_names)?.contains(name) {
                return Err(Error::corrupted(format!("segment {name}"), std::io::Error::from(ErrorKind::NotFound)));
            }
            return Ok(false);
        }
        done += size;
    }
    Ok(true)
}

/// Makes the copy durable and reads all of it back.
fn settle(to: &Path, index: &Path, segments: &Segments, progress: Progress<'_>) -> Result<Backup> {
    File::create(to.join(QUEUE_FILE)).map_err(copying)?;
    File::open(index).and_then(|file| file.sync_all()).map_err(copying)?;
    segments.sync().map_err(copying)?;
    let index_bytes = fs::metadata(index).map_err(copying)?.len();
    let segment_bytes: u64 = segments.list().map_err(copying)?.iter().map(|(_, size)| size).sum();
    let bytes = index_bytes + segment_bytes;
    let copy = Store::open_with(to, Options { read_only: true, create: false, ..Options::default() })?;
    let report = copy.check(Depth::Full, &mut |done, total| {
        progress(bytes + (u128::from(bytes) * u128::from(done) / u128::from(total.max(1))) as u64, 2 * bytes);
    })?;
    match report.problems.first() {
        None => Ok(Backup { bytes, report }),
        Some(first) => {
            let what = format!("its copy has {} problems, so there is no backup", report.problems.len());
            Err(Error::corrupted(what, Unsound(first.clone())))
        }
    }
}

/// Moves the copy to its place, the index last: with that the directory is a store.
fn finish(unfinished: &Path, directory: &Path) -> Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|opened| opened.sync_all());
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_path_buf);
    (|| {
        for name in [SEGMENTS, QUEUE_FILE, INDEX_FILE] {
            let from: PathBuf = unfinished.join(name);
            if from.exists() {
                sync(directory)?;
                fs::rename(from, directory.join(name))?;
            }
        }
        fs::remove_dir_all(unfinished)?;
        sync(directory)?;
        sync(&parent.unwrap_or_else(|| PathBuf::from(".")))
    })()
    .map_err(copying)
}
