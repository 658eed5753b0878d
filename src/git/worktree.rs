//! The files of a work tree: what git does not ignore, by the rules of a snapshot. Edge.
//!
//! May import: siblings.

#![expect(clippy::disallowed_methods, reason = "the work tree is in the file system")]

use super::snapshot::{Kind, Listing, MAX_DEPTH, from_path, joined, to_path};
use super::{Entry, Error, Repo, shown};
use std::io::Read;
use std::path::Path;

/// What a path of the work tree is; `None` where there is nothing, or a link leads there.
pub(super) fn kind(folder: &Path, path: &[u8]) -> Option<Kind> {
    let path = to_path(path);
    let mut at = folder.to_path_buf();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let std::path::Component::Normal(name) = part else { return None };
        at.push(name);
        let about = std::fs::symlink_metadata(&at).ok()?.file_type();
        if parts.peek().is_none() {
            return Some(told(about, &at));
        }
        if !about.is_dir() {
            return None;
        }
    }
    None
}

fn told(about: std::fs::FileType, at: &Path) -> Kind {
    if about.is_symlink() {
        Kind::Link
    } else if about.is_dir() {
        // A repository of its own.
        if at.join(".git").exists() { Kind::Submodule } else { Kind::Folder }
    } else if about.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

/// Reads a file that is no link.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let said = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => e.to_string(),
    };
    let file = std::fs::File::open(path).map_err(said)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {}", crate::text::size(limit)));
    }
    Ok(bytes)
}

/// The size of a file in bytes.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

/// Goes through a folder of the work tree.
pub(super) fn files(
    repo: &Repo,
    folder: &[u8],
    wanted: &dyn Fn(&[u8]) -> bool,
    listing: &mut Listing,
) -> Result<(), Error> {
    let Some(root) = repo.workdir() else { return Ok(()) };
    let inner = repo.lock();
    let index = inner.index().map_err(|e| super::unreadable("the index", &e))?;
    // What is tracked counts though it is ignored; so does a folder that holds such a file.
    let ignored = |path: &[u8], below: bool| {
        let path = to_path(path);
        inner.is_path_ignored(&path).unwrap_or(false)
            && if below { !holds(&index, &path) } else { index.get_path(&path, 0).is_none() }
    };
    let mut open = vec![(folder.to_vec(), 0usize)];
    while let Some((at, depth)) = open.pop() {
        let place = root.join(to_path(&at));
        let fail = |e: std::io::Error| {
            Error::repository(format!("cannot read the folder {}: {e}", shown(&place.to_string_lossy())))
        };
        let entries = match std::fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            if name.as_encoded_bytes().first() == Some(&b'.') {
                continue;
            }
            let path = joined(&at, &from_path(Path::new(&name)));
            let kind = told(entry.file_type().map_err(fail)?, &entry.path());
            match kind {
                Kind::Folder if depth < MAX_DEPTH && !ignored(&path, true) => open.push((path, depth + 1)),
                Kind::Folder => {}
                Kind::Submodule if ignored(&path, true) => {}
                Kind::Submodule => listing.take(Entry { path, kind, id: None }, wanted),
                _ if wanted(&path) && !ignored(&path, false) => {
                    listing.take(Entry { path, kind, id: None }, wanted);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the index has anything below a folder.
fn holds(index: &git2::Index, folder: &Path) -> bool {
    let mut prefix = folder.as_os_str().to_owned();
    prefix.push("/");
    index.find_prefix(Path::new(&prefix)).is_ok()
}
