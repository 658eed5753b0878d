//! The ledger as a file: what was done to targets, a line of JSON each. What a line is and how
//! lines are chained is in `change::chain`. Edge; may import: the core, `disk`.

#![expect(clippy::disallowed_methods, reason = "this is where the ledger is read and written")]

pub use crate::change::chain::{Anchor, Did, Entry, Fault, Line, Verdict, head, lines, verify};

use crate::change::canonical::canonical;
use crate::change::chain::{digest, split};
use crate::change::live::Head;
use crate::disk;
use crate::text::size;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Largest ledger that is read, in bytes: about a million lines.
const MOST_BYTES: u64 = 1 << 30;

/// Reads a ledger; nothing where there is none.
///
/// # Errors
/// A sentence that says why it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {}", path.display(), disk::said(&error));
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(format!("cannot read {}: it is no regular file", path.display()));
    }
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(cannot)?,
    };
    if file.metadata().map_err(cannot)?.len() > MOST_BYTES {
        return Err(format!("cannot read {}: it is larger than {}", path.display(), size(MOST_BYTES)));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Appends a line, on the disk when this returns, and gives where the ledger ends now. A last
/// line whose writing was interrupted is taken away first: nobody was told of it.
///
/// # Errors
/// A sentence that says why it cannot be written.
pub fn append(path: &Path, entry: Entry) -> Result<Head, String> {
    let cannot = |error: io::Error| format!("cannot write {}: {}", path.display(), disk::said(&error));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        disk::folders(folder).map_err(cannot)?;
    }
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(format!("cannot write {}: it is no regular file", path.display()));
    }
    let mut file = File::options().create(true).read(true).append(true).open(path).map_err(cannot)?;
    file.lock().map_err(cannot)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(cannot)?;
    Read::by_ref(&mut file).take(MOST_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    let (raw, torn) = split(&bytes);
    let whole = raw.iter().map(|line| line.len() + 1).sum::<usize>();
    let mut text = Vec::new();
    if torn {
        file.set_len(whole as u64).map_err(cannot)?;
    } else if whole > bytes.len() {
        text.push(b'\n');
    }
    let last = head(&bytes);
    let mut line = Line {
        line: last.as_ref().map_or(1, |head| head.lines + 1),
        prev: last.map(|head| head.digest),
        entry,
        digest: String::new(),
    };
    line.digest = digest(&line);
    let value = serde_json::to_value(&line).map_err(|error| format!("cannot write a line: {error}"))?;
    text.extend(canonical(&value).bytes());
    text.push(b'\n');
    if let Err(error) = disk::append(&mut file, &text) {
        // What was written of it is taken back where that can be done; else it is a torn line.
        let _ = file.set_len(whole.min(bytes.len()) as u64);
        return Err(cannot(error));
    }
    disk::sync_folder(path.parent()).map_err(cannot)?;
    Ok(Head { lines: line.line, digest: line.digest })
}

#[cfg(test)]
mod tests;
