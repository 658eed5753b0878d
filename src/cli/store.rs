//! Where a command's files come from: the file system, or a snapshot of a repository. Both are
//! gone through by the same rules, so that a revision holds what a checkout of it would.
//! May import: everything.

#![expect(clippy::disallowed_methods, reason = "one of the two stores is the file system")]

use super::failure::Failure;
use super::files::{self, Followed, Root};
use crate::git::{self, Kind, Skipped, Snapshot};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Where files come from.
pub enum Store<'a> {
    /// The file system, from the working directory on.
    Disk,
    /// A side of a repository; paths are from its root on.
    Snapshot(&'a Snapshot, RefCell<Vec<Skipped>>),
}

/// What a path given on the command line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// A folder.
    Folder,
    /// A file, or something that is to be read as one.
    File,
    /// Nothing: of two sides, one may lack it.
    Absent,
}

impl<'a> Store<'a> {
    /// The files of a snapshot.
    pub fn of(snapshot: &'a Snapshot) -> Store<'a> {
        Store::Snapshot(snapshot, RefCell::default())
    }

    /// What was left out so far, and why.
    pub fn skipped(self) -> Vec<Skipped> {
        match self {
            Store::Disk => Vec::new(),
            Store::Snapshot(_, skipped) => {
                let mut skipped = skipped.into_inner();
                skipped.sort();
                skipped.dedup();
                skipped
            }
        }
    }

    /// What a path is.
    ///
    /// # Errors
    /// On the disk, where there is nothing; where it cannot be told.
    pub fn given(&self, path: &Path) -> Result<Given, Failure> {
        match self {
            Store::Disk => {
                let about = std::fs::metadata(path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        Failure::usage(format!("there is no {}", files::shown(path)))
                            .hint("give a policy file, or a folder with policies in it")
                    }
                    _ => Failure::environment(format!("cannot read {}: {error}", files::shown(path))),
                })?;
                Ok(if about.is_dir() { Given::Folder } else { Given::File })
            }
            Store::Snapshot(snapshot, _) => Ok(match snapshot.entry(&git::from_path(path))? {
                Some(entry) if entry.kind == Kind::Folder => Given::Folder,
                Some(_) => Given::File,
                None => Given::Absent,
            }),
        }
    }

    /// The Lua files below a folder, sorted.
    ///
    /// # Errors
    /// Where a folder cannot be read.
    pub fn lua_files(&self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        match self {
            Store::Disk => files::lua_files(folder),
            Store::Snapshot(snapshot, skipped) => {
                let wanted = |path: &[u8]| path.ends_with(b".lua") || path.ends_with(b".luau");
                let listing = snapshot.files(&git::from_path(folder), &wanted)?;
                skipped.borrow_mut().extend(listing.skipped);
                Ok(listing.files.iter().map(|entry| git::to_path(&entry.path)).collect())
            }
        }
    }

    /// The files of this name in a folder and those above it, the nearest first.
    pub fn upward(&self, folder: &Path, name: &str) -> Vec<PathBuf> {
        match self {
            Store::Disk => files::upward(folder, name),
            Store::Snapshot(snapshot, _) => {
                let is_file = |path: &PathBuf| matches!(snapshot.entry(&git::from_path(path)), Ok(Some(entry)) if entry.kind == Kind::File);
                folder.ancestors().map(|at| at.join(name)).filter(is_file).collect()
            }
        }
    }

    /// A path by which the same file is known to be the same.
    pub fn key(&self, path: &Path, followed: &Followed) -> PathBuf {
        match self {
            Store::Disk => followed.real(path).unwrap_or_else(|_| path.to_owned()),
            Store::Snapshot(..) => path.to_owned(),
        }
    }

    /// A root at a folder.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn root(&self, folder: &Path) -> Result<Root, Failure> {
        match self {
            Store::Disk => Root::new(folder),
            Store::Snapshot(snapshot, _) => Ok(Root::at(folder, (*snapshot).clone())),
        }
    }

    /// The folder that holds a path.
    pub fn parent<'p>(&self, path: &'p Path) -> &'p Path {
        match (self, path.parent()) {
            (_, Some(parent)) if !parent.as_os_str().is_empty() => parent,
            (Store::Disk, _) => Path::new("."),
            (Store::Snapshot(..), _) => Path::new(""),
        }
    }
}

impl From<git::Error> for Failure {
    fn from(error: git::Error) -> Failure {
        let failure = match error.fault {
            git::Fault::Usage => Failure::usage(error.message),
            git::Fault::Repository => Failure::environment(error.message),
        };
        error.hints.into_iter().fold(failure, Failure::hint)
    }
}
