//! Where a command writes what it was asked for: reports, plans, signatures, baselines. May
//! import: everything.
//!
//! A repository's files are anybody's who may commit to it. A link among them could lead what is
//! written to any file of whoever runs the command, so none of a work tree is written through;
//! those outside of work trees are their owner's, and count.

#![expect(clippy::disallowed_methods, reason = "this is where reports are written")]

use super::failure::Failure;
use super::files::shown;
use crate::disk;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Most links on the way to a file; as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Writes a file: whoever reads it sees the old contents or the new ones, in whole. What is no
/// regular file, as a pipe or a terminal, is written to as it is.
///
/// # Errors
/// Where the way there has a link in a work tree, or the disk does not take it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| cannot(path, &disk::said(&error));
    let place = place(path)?;
    let about = match std::fs::metadata(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other.map_err(failed)?),
    };
    if about.as_ref().is_some_and(std::fs::Metadata::is_dir) {
        return Err(cannot(path, "it is a folder"));
    }
    if is_device(&place) || about.as_ref().is_some_and(|about| !about.is_file()) {
        return std::fs::write(&place, bytes).map_err(failed);
    }
    let kept = about.map(|about| about.permissions());
    match disk::replace(&place, bytes, kept) {
        // A file that is a mount of its own has no place to rename to, and one in a folder that is
        // closed has none beside it: it is written in place.
        Err(error) if place.is_file() && in_place(&error) => std::fs::write(&place, bytes).map_err(failed),
        other => other.map_err(failed),
    }
}

/// Makes a folder to write into, and those above it.
///
/// # Errors
/// Those of [`write`].
pub fn folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(place(path)?).map_err(|error| cannot(path, &disk::said(&error)))
}

/// Fails where a path leads through a link in a work tree; nothing is written.
///
/// # Errors
/// A sentence that names the link.
pub fn checked(path: &Path) -> Result<(), Failure> {
    place(path).map(|_| ())
}

fn cannot(path: &Path, why: &str) -> Failure {
    Failure::environment(format!("cannot write {}: {why}", shown(path)))
}

fn in_place(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ResourceBusy | CrossesDevices)
}

/// Whether a path is one that the system makes up: a terminal, the other end of a pipe, or a file
/// that is open already and must not be replaced.
fn is_device(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder))
}

/// Where a path leads: every link outside of work trees followed, none in one.
fn place(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: &io::Error| cannot(path, &disk::said(error));
    let mut at = match path.is_absolute() {
        true => PathBuf::new(),
        false => std::env::current_dir().map_err(|error| failed(&error))?,
    };
    let mut left: VecDeque<Part> = parts(path).collect();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        let next = match part {
            Part::Root(root) => {
                at = root;
                continue;
            }
            Part::Up => {
                at.pop();
                continue;
            }
            Part::Name(name) => at.join(name),
        };
        let link = std::fs::symlink_metadata(&next).is_ok_and(|about| about.is_symlink());
        if !link || is_device(&next) {
            at = next;
            continue;
        }
        if in_work_tree(&at) {
            return Err(Failure::usage(format!(
                "{} is a link in a work tree, and nothing is written through one",
                shown(&next)
            ))
            .hint("a commit may have put it there: remove it, or name another path"));
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(cannot(path, "its links lead in a circle"));
        }
        let to = std::fs::read_link(&next).map_err(|error| failed(&error))?;
        parts(&to).collect::<Vec<_>>().into_iter().rev().for_each(|part| left.push_front(part));
    }
    Ok(at)
}

/// A step of a path.
enum Part {
    Root(PathBuf),
    Up,
    Name(OsString),
}

fn parts(path: &Path) -> impl Iterator<Item = Part> + '_ {
    let prefix: PathBuf = path
        .components()
        .take_while(|part| matches!(part, Component::Prefix(_) | Component::RootDir))
        .collect();
    let root = path.has_root().then_some(Part::Root(prefix));
    root.into_iter().chain(path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(Part::Name(name.to_owned())),
        Component::ParentDir => Some(Part::Up),
        Component::CurDir | Component::Prefix(_) | Component::RootDir => None,
    }))
}

/// Whether a folder, which no link leads to, is in a work tree.
fn in_work_tree(folder: &Path) -> bool {
    folder.ancestors().any(|above| std::fs::symlink_metadata(above.join(".git")).is_ok())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn nothing_is_written_through_a_link_of_a_work_tree() {
        let outer = tempfile::tempdir().unwrap();
        let outer = std::fs::canonicalize(outer.path()).unwrap();
        let tree = outer.join("tree");
        std::fs::create_dir_all(tree.join(".git")).unwrap();
        std::fs::create_dir_all(tree.join("sub/deep")).unwrap();
        std::fs::create_dir(outer.join("own")).unwrap();
        std::fs::write(outer.join("own/bashrc"), "mine").unwrap();
        symlink(outer.join("own/bashrc"), tree.join("plan.json")).unwrap();
        symlink("../../own", tree.join("sub/reports")).unwrap();
        symlink("deep", tree.join("sub/inside")).unwrap();
        symlink("/nowhere/at/all", tree.join("dangling")).unwrap();
        symlink("sub/reports", tree.join("twice")).unwrap();
        symlink("round", tree.join("round")).unwrap();
        // Somebody's own way into the work tree changes nothing.
        symlink(&tree, outer.join("way")).unwrap();
        for path in [
            "tree/plan.json",
            "tree/sub/reports/bashrc",
            "tree/sub/reports/../own/bashrc",
            "tree/sub/inside/x",
            "tree/dangling",
            "tree/twice/bashrc",
            "tree/round",
            "way/plan.json",
            "way/sub/deep/../reports/new",
        ] {
            let path = outer.join(path);
            let failure = write(&path, b"theirs").unwrap_err();
            assert!(failure.error.contains("is a link in a work tree"), "{}: {failure}", path.display());
            assert!(folder(&path).is_err() && checked(&path).is_err());
        }
        assert_eq!(std::fs::read_to_string(outer.join("own/bashrc")).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(outer.join("own")).unwrap().count(), 1);
        for path in ["tree/sub/deep/x", "way/y", "tree/plan.txt"] {
            write(&outer.join(path), b"ours").unwrap();
            assert_eq!(std::fs::read_to_string(outer.join(path)).unwrap(), "ours");
        }
    }

    #[test]
    fn a_link_of_ones_own_stays_one_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("far")).unwrap();
        std::fs::write(at("far/a"), "old").unwrap();
        std::fs::set_permissions(at("far/a"), std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::hard_link(at("far/a"), at("kept")).unwrap();
        symlink("far/a", at("a")).unwrap();
        symlink("far/new", at("new")).unwrap();
        symlink("a", at("b")).unwrap();
        symlink("circle", at("circle")).unwrap();
        write(&at("b"), b"one").unwrap();
        write(&at("new"), b"two").unwrap();
        assert_eq!(std::fs::read_to_string(at("far/a")).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(at("far/new")).unwrap(), "two");
        // In one moment: who had the old file open still reads it.
        assert_eq!(std::fs::read_to_string(at("kept")).unwrap(), "old");
        assert_eq!(std::fs::metadata(at("far/a")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(at("b")).unwrap().is_symlink());
        assert!(write(&at("circle"), b"").unwrap_err().error.contains("circle"));
        assert!(write(&at("far"), b"").unwrap_err().error.contains("it is a folder"));
        assert!(write(&at("none/x"), b"").unwrap_err().error.contains("there is no such file"));
        write(Path::new("/dev/null"), b"x").unwrap();
    }
}
