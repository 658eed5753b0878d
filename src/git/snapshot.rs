//! The files of one side, read by path: blobs by their identifiers, never through the work tree
//! of a commit. May import: siblings.

use super::{Error, Oid, Repo, Side, shown, unreadable, worktree};
use git2::{ErrorCode, ObjectType};
use std::path::{Path, PathBuf};

/// Deepest folder that is searched.
pub(super) const MAX_DEPTH: usize = 32;

/// Largest pointer file of Git LFS, in bytes.
const LFS_LARGEST: usize = 1024;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A symbolic link; named, never followed.
    Link,
    /// A submodule; named, never entered.
    Submodule,
    /// A folder.
    Folder,
    /// A pipe, a device, a socket of a work tree.
    Other,
}

/// A path of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the repository's root, `/` between its parts; git knows bytes.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The blob, of a commit's file.
    pub id: Option<Oid>,
}

/// A path that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// As it is shown.
    pub path: String,
    /// Why.
    pub why: &'static str,
}

/// The files below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Regular files, sorted by path.
    pub files: Vec<Entry>,
    /// Links and submodules among what was wanted.
    pub skipped: Vec<Skipped>,
}

/// The files of one side.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) repo: Repo,
    side: Side,
    tree: Option<Oid>,
}

impl Repo {
    /// The files of a side.
    ///
    /// # Errors
    /// Where the commit or its tree is not there, or a bare repository is asked for its work tree.
    pub fn snapshot(&self, side: &Side) -> Result<Snapshot, Error> {
        let tree = match side {
            Side::Commit(id) => {
                let repo = self.lock();
                let commit = repo.find_commit(*id).map_err(|error| super::missing(&repo, *id, &error))?;
                Some(commit.tree_id())
            }
            Side::WorkTree if self.workdir().is_none() => {
                return Err(Error::usage("a bare repository has no work tree").hint("name a commit"));
            }
            Side::WorkTree | Side::Empty => None,
        };
        Ok(Snapshot { repo: self.clone(), side: *side, tree })
    }
}

impl Snapshot {
    /// The side.
    pub fn side(&self) -> Side {
        self.side
    }

    /// What a path is; `None` where there is nothing. The empty path is the root.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn entry(&self, path: &[u8]) -> Result<Option<Entry>, Error> {
        let entry = |kind, id| Ok(Some(Entry { path: path.to_vec(), kind, id }));
        if path.is_empty() {
            return entry(Kind::Folder, None);
        }
        match (self.side, self.tree) {
            (Side::WorkTree, _) => {
                let Some(folder) = self.repo.workdir() else { return Ok(None) };
                Ok(worktree::kind(folder, path).map(|kind| Entry { path: path.to_vec(), kind, id: None }))
            }
            (_, Some(tree)) => {
                let repo = self.repo.lock();
                let tree = repo.find_tree(tree).map_err(|e| unreadable("a tree", &e))?;
                match tree.get_path(&to_path(path)) {
                    Ok(found) => entry(kind(found.filemode(), found.kind()), Some(found.id())),
                    Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                    Err(error) => Err(unreadable(&shown_path(path), &error)),
                }
            }
            (_, None) => Ok(None),
        }
    }

    /// The bytes of a regular file; a sentence where it cannot be read, is none, or is longer than
    /// `limit` bytes.
    ///
    /// # Errors
    /// The sentence.
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>, String> {
        let entry = self.entry(path).map_err(|error| error.message)?;
        let entry = entry.ok_or_else(|| self.linked(path).unwrap_or("there is no such file").to_string())?;
        if let Some(why) = why_skipped(entry.kind) {
            return Err(why.into());
        }
        match entry.kind {
            Kind::Folder => return Err("it is a folder".into()),
            Kind::Other => return Err("it is no regular file".into()),
            _ => {}
        }
        let bytes = match entry.id {
            Some(id) => self.blob(id, limit)?,
            None => match self.repo.workdir() {
                Some(folder) => worktree::read(&folder.join(to_path(path)), limit)?,
                None => return Err("there is no such file".into()),
            },
        };
        if is_lfs(&bytes) {
            return Err("it is a Git LFS pointer, and what it points to is not in the repository; \
                        keep policies and recordings in git itself"
                .into());
        }
        Ok(bytes)
    }

    /// The size of a file in bytes; 0 where there is none.
    pub fn size(&self, path: &[u8]) -> u64 {
        match self.entry(path) {
            Ok(Some(Entry { id: Some(id), kind: Kind::File, .. })) => {
                let repo = self.repo.lock();
                repo.odb().and_then(|odb| odb.read_header(id)).map_or(0, |(size, _)| size as u64)
            }
            Ok(Some(Entry { kind: Kind::File, .. })) => {
                self.repo.workdir().map_or(0, |folder| worktree::size(&folder.join(to_path(path))))
            }
            _ => 0,
        }
    }

    /// A blob by its identifier.
    ///
    /// # Errors
    /// A sentence where it is not there or longer than `limit` bytes.
    pub fn blob(&self, id: Oid, limit: u64) -> Result<Vec<u8>, String> {
        let repo = self.repo.lock();
        let odb = repo.odb().map_err(|e| super::said(&e))?;
        let absent = |e: git2::Error| match e.code() {
            ErrorCode::NotFound => {
                "its content is not in this clone: a partial clone fetches it with `git fetch \
                                    --refetch --no-filter`"
                    .to_string()
            }
            _ => super::said(&e),
        };
        let (size, _) = odb.read_header(id).map_err(absent)?;
        if size as u64 > limit {
            return Err(format!("it is larger than {}", crate::text::size(limit)));
        }
        let object = odb.read(id).map_err(absent)?;
        Ok(object.data().to_vec())
    }

    /// The regular files below a folder whose paths are wanted, with what was left out among
    /// them. Hidden files and folders are not looked at.
    ///
    /// # Errors
    /// Where the repository or a folder cannot be read.
    pub fn files(&self, folder: &[u8], wanted: &dyn Fn(&[u8]) -> bool) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        match (self.side, self.tree) {
            (Side::WorkTree, _) => worktree::files(&self.repo, folder, wanted, &mut listing)?,
            (_, Some(tree)) => self.tree_files(tree, folder, wanted, &mut listing)?,
            (_, None) => {}
        }
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.skipped.sort();
        Ok(listing)
    }

    fn tree_files(
        &self,
        tree: Oid,
        folder: &[u8],
        wanted: &dyn Fn(&[u8]) -> bool,
        listing: &mut Listing,
    ) -> Result<(), Error> {
        let repo = self.repo.lock();
        let fail = |e: git2::Error| unreadable("a tree", &e);
        let mut tree = repo.find_tree(tree).map_err(fail)?;
        if !folder.is_empty() {
            let below = match tree.get_path(&to_path(folder)) {
                Ok(entry) => entry,
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(()),
                Err(error) => return Err(fail(error)),
            };
            tree = match below.to_object(&repo).map(|object| object.into_tree()) {
                Ok(Ok(tree)) => tree,
                _ => return Ok(()),
            };
        }
        // The walk's own roots are texts; this one keeps bytes.
        let mut open = vec![(tree, folder.to_vec(), 0usize)];
        while let Some((tree, at, depth)) = open.pop() {
            for entry in tree.iter() {
                let name = entry.name_bytes();
                if name.first() == Some(&b'.') {
                    continue;
                }
                let path = joined(&at, name);
                let kind = kind(entry.filemode(), entry.kind());
                if kind == Kind::Folder {
                    if depth < MAX_DEPTH {
                        open.push((repo.find_tree(entry.id()).map_err(fail)?, path, depth + 1));
                    }
                    continue;
                }
                listing.take(Entry { path, kind, id: Some(entry.id()) }, wanted);
            }
        }
        Ok(())
    }

    /// Why nothing is at a path: a link or a submodule is in its way.
    fn linked(&self, path: &[u8]) -> Option<&'static str> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.filter_map(|end| self.entry(path.get(..end)?).ok()?).find_map(|entry| why_skipped(entry.kind))
    }
}

impl Listing {
    /// Takes a path that is no folder.
    pub(super) fn take(&mut self, entry: Entry, wanted: &dyn Fn(&[u8]) -> bool) {
        match why_skipped(entry.kind) {
            None if entry.kind == Kind::File && wanted(&entry.path) => self.files.push(entry),
            // A submodule may hold policies; a link is told where a policy by its name was wanted.
            Some(why) if entry.kind == Kind::Submodule || wanted(&entry.path) => {
                self.skipped.push(Skipped { path: shown_path(&entry.path), why });
            }
            _ => {}
        }
    }
}

fn why_skipped(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Link => Some("it is a symbolic link, which is not followed in a repository"),
        Kind::Submodule => Some("it is a submodule, whose files are in another repository"),
        Kind::File | Kind::Folder | Kind::Other => None,
    }
}

/// Whether a file is a pointer of Git LFS.
/// Source: the specification of Git LFS, version 1.
pub fn is_lfs(bytes: &[u8]) -> bool {
    bytes.len() <= LFS_LARGEST && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

fn kind(mode: i32, object: Option<ObjectType>) -> Kind {
    match (mode & 0o170_000, object) {
        (0o120_000, _) => Kind::Link,
        (0o160_000, _) | (_, Some(ObjectType::Commit)) => Kind::Submodule,
        (0o040_000, _) | (_, Some(ObjectType::Tree)) => Kind::Folder,
        _ => Kind::File,
    }
}

/// Two paths as one.
pub(super) fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = folder.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// A path of git as one of the system.
pub fn to_path(path: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Path::new(std::ffi::OsStr::from_bytes(path)).to_path_buf()
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(String::from_utf8_lossy(path).into_owned())
    }
}

/// A path of the system, relative and plain, as one of git.
pub fn from_path(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if cfg!(windows) {
        bytes.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
    } else {
        bytes.to_vec()
    }
}

/// A path of git as it is shown.
pub fn shown_path(path: &[u8]) -> String {
    shown(&String::from_utf8_lossy(path))
}
