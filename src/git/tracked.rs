//! Whether a folder is git's own, so that what lies there may come by a commit. May import:
//! siblings.

#![expect(clippy::disallowed_methods, reason = "whether a path is a link is told by the file system")]

use super::{Error, from_path, not_opened};
use git2::{ErrorCode, Repository};
use std::path::{Component, Path, PathBuf};

/// Why what lies at a path could have come by a commit, in a few words: HEAD or the index has
/// something at or below it, or a link stands at the path itself in a work tree. Nothing where it
/// lies in no work tree.
///
/// # Errors
/// Where that cannot be told.
pub fn tracked(path: &Path) -> Result<Option<&'static str>, Error> {
    let whole = std::path::absolute(path).map_err(|e| Error::repository(e.to_string()))?;
    // Without the slash at its end, so that a link is seen as one.
    let whole: PathBuf = whole.components().collect();
    let Some(start) = whole.ancestors().skip(1).find(|at| at.is_dir()) else { return Ok(None) };
    let start = std::fs::canonicalize(start).map_err(|e| Error::repository(e.to_string()))?;
    let none: [&std::ffi::OsStr; 0] = [];
    let repo = match Repository::open_ext(&start, git2::RepositoryOpenFlags::empty(), none) {
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        other => other.map_err(|error| not_opened(&error, &start))?,
    };
    let Some(top) = repo.workdir().and_then(|top| std::fs::canonicalize(top).ok()) else { return Ok(None) };
    if std::fs::symlink_metadata(&whole).is_ok_and(|about| about.is_symlink()) {
        return Ok(Some("is a link"));
    }
    let Some(real) = real(&whole) else { return Ok(Some("cannot be told from a path in git")) };
    let Ok(below) = real.strip_prefix(&top) else { return Ok(None) };
    let unreadable = |error: git2::Error| super::unreadable("what git has", &error);
    let name = from_path(below);
    let index = repo.index().map_err(unreadable)?;
    let inside = |path: &[u8]| {
        name.is_empty()
            || path
                .strip_prefix(name.as_slice())
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    };
    if index.iter().any(|entry| inside(&entry.path)) {
        return Ok(Some("is in git"));
    }
    match repo.head().and_then(|head| head.peel_to_tree()) {
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
        Err(error) => Err(unreadable(error)),
        Ok(tree) if name.is_empty() => Ok((!tree.is_empty()).then_some("is in git")),
        Ok(tree) => Ok(tree.get_path(below).is_ok().then_some("is in git")),
    }
}

/// A path without links and dots, whose last parts need not be there.
fn real(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().find(|at| at.exists())?;
    let mut real = std::fs::canonicalize(there).ok()?;
    for part in path.strip_prefix(there).ok()?.components() {
        match part {
            Component::Normal(name) => real.push(name),
            Component::ParentDir => drop(real.pop()),
            _ => {}
        }
    }
    Some(real)
}
