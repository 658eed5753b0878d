//! Which files differ between two sides, renames followed. May import: siblings.

use super::snapshot::shown_path;
use super::{Error, Oid, Repo, Side, unreadable};
use git2::{Delta, DiffFindOptions, DiffOptions};

/// Beyond this many files that came or went, only those that moved unchanged are taken for
/// renamed: finding the like of each takes the square of their number.
const MOST_COMPARED: usize = 400;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its content, mode or kind differs.
    Changed,
    /// It has another path, and maybe another content.
    Renamed,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// What became of it.
    pub kind: Kind,
    /// Its path before.
    pub before: Option<Vec<u8>>,
    /// Its path after.
    pub after: Option<Vec<u8>>,
    /// Its blob before.
    pub before_id: Option<Oid>,
    /// Its blob after; of a work tree it is not always known.
    pub after_id: Option<Oid>,
}

impl FileChange {
    /// As it is shown: the path, or both of them.
    pub fn shown(&self) -> String {
        match (&self.before, &self.after) {
            (Some(a), Some(b)) if a != b => format!("{} -> {}", shown_path(a), shown_path(b)),
            (_, Some(path)) | (Some(path), None) => shown_path(path),
            (None, None) => String::new(),
        }
    }
}

impl Repo {
    /// The files that differ between two sides, in the order of their paths. The older one is
    /// never the work tree.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn changes(&self, before: &Side, after: &Side) -> Result<Vec<FileChange>, Error> {
        let repo = self.lock();
        let fail = |e: git2::Error| unreadable("the difference", &e);
        let tree = |side: &Side| match side {
            Side::Commit(id) => repo
                .find_commit(*id)
                .map_err(|e| super::missing(&repo, *id, &e))
                .and_then(|commit| commit.tree().map_err(fail))
                .map(Some),
            Side::WorkTree | Side::Empty => Ok(None),
        };
        let old = tree(before)?;
        let mut options = DiffOptions::new();
        // Contents are not looked at here: what is binary does not matter.
        options.skip_binary_check(true).context_lines(0).ignore_submodules(true);
        let mut diff = if *after == Side::WorkTree {
            options.include_untracked(true).recurse_untracked_dirs(true).show_untracked_content(false);
            repo.diff_tree_to_workdir_with_index(old.as_ref(), Some(&mut options)).map_err(fail)?
        } else {
            let new = tree(after)?;
            repo.diff_tree_to_tree(old.as_ref(), new.as_ref(), Some(&mut options)).map_err(fail)?
        };
        let moved =
            diff.deltas().filter(|d| !matches!(d.status(), Delta::Modified | Delta::Typechange)).count();
        let mut find = DiffFindOptions::new();
        find.renames(true).for_untracked(true).rename_limit(MOST_COMPARED);
        if moved > MOST_COMPARED {
            find.exact_match_only(true);
        }
        diff.find_similar(Some(&mut find)).map_err(fail)?;
        let mut changes: Vec<FileChange> = diff.deltas().filter_map(|delta| told(&delta)).collect();
        changes.sort_by(|a, b| {
            (a.after.as_ref().or(a.before.as_ref())).cmp(&b.after.as_ref().or(b.before.as_ref()))
        });
        Ok(changes)
    }
}

fn told(delta: &git2::DiffDelta<'_>) -> Option<FileChange> {
    let path = |file: git2::DiffFile<'_>| file.path_bytes().map(<[u8]>::to_vec);
    let id = |file: git2::DiffFile<'_>| Some(file.id()).filter(|id| !id.is_zero());
    let (before, after) = (path(delta.old_file()), path(delta.new_file()));
    let (before_id, after_id) = (id(delta.old_file()), id(delta.new_file()));
    Some(match delta.status() {
        Delta::Added | Delta::Untracked | Delta::Copied => {
            FileChange { kind: Kind::Added, before: None, after, before_id: None, after_id }
        }
        Delta::Deleted => FileChange { kind: Kind::Removed, before, after: None, before_id, after_id: None },
        Delta::Modified | Delta::Typechange | Delta::Conflicted | Delta::Unreadable => {
            FileChange { kind: Kind::Changed, before, after, before_id, after_id }
        }
        Delta::Renamed => FileChange { kind: Kind::Renamed, before, after, before_id, after_id },
        Delta::Unmodified | Delta::Ignored => return None,
    })
}
