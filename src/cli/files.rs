//! Files of a policy root: the policies in it, what they require, their samples. Edge.
//! The root is a folder of the file system, or one of a snapshot of a repository.
//!
//! Nothing outside the root is read on behalf of policy code, by a symbolic link neither.

#![expect(clippy::disallowed_methods, reason = "this is where the command reads files")]

use super::failure::Failure;
use crate::git::{self, Snapshot};
use crate::lua::Modules;
use crate::model::Finding;
use crate::text::{Source, Span, escaped, size};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Largest policy or module, in bytes. Real ones are a few kilobytes; the VM has a cap of its own.
pub const MAX_SOURCE: u64 = 4 << 20;

/// Largest sample, in bytes.
pub const MAX_SAMPLE: u64 = 512 << 20;

/// Deepest folder below the root that is searched.
const MAX_DEPTH: usize = 32;

/// The folder that `require` and sample paths start from.
#[derive(Clone)]
pub struct Root {
    /// As it is shown and joined.
    pub folder: PathBuf,
    place: Place,
}

/// Where folders lead, with every link followed: each is asked of the system once, and its files
/// are looked at by their own names alone.
#[derive(Default)]
pub struct Followed(Mutex<HashMap<PathBuf, PathBuf>>);

impl Followed {
    /// A path with every link followed, as [`std::fs::canonicalize`] gives it.
    ///
    /// # Errors
    /// Where there is nothing, or a folder on the way cannot be entered.
    pub fn real(&self, path: &Path) -> std::io::Result<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return std::fs::canonicalize(path);
        };
        // Elsewhere a name may be written in other cases than it has.
        if !cfg!(target_os = "linux") {
            return std::fs::canonicalize(path);
        }
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        // A thread that panicked holding the lock left it whole: folders are only added.
        let known = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = known().get(parent).cloned();
        let folder = match folder {
            Some(folder) => folder,
            None => {
                let folder = std::fs::canonicalize(parent)?;
                known().insert(parent.to_owned(), folder.clone());
                folder
            }
        };
        let real = folder.join(name);
        match std::fs::symlink_metadata(&real)?.is_symlink() {
            true => std::fs::canonicalize(path),
            false => Ok(real),
        }
    }
}

/// What a root is a folder of.
#[derive(Clone)]
enum Place {
    /// The file system: the folder with every link followed, to tell what is outside, and where
    /// the folders below it lead.
    Disk(PathBuf, Arc<Followed>),
    /// A side of a repository, which follows no link.
    Snapshot(Snapshot),
}

impl Root {
    /// A root at a folder.
    ///
    /// # Errors
    /// Where the folder is not there or cannot be entered.
    pub fn new(folder: &Path) -> Result<Root, Failure> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let canonical = std::fs::canonicalize(folder)
            .map_err(|e| Failure::environment(format!("cannot enter {}: {e}", shown(folder))))?;
        Ok(Root { folder: folder.to_owned(), place: Place::Disk(canonical, Arc::default()) })
    }

    /// A root at a folder of a snapshot; its path is from the repository's root on.
    pub fn at(folder: &Path, snapshot: Snapshot) -> Root {
        Root { folder: folder.to_owned(), place: Place::Snapshot(snapshot) }
    }

    /// Reads a policy or the configuration itself: a regular file below the root, wherever a
    /// symbolic link by its name leads.
    ///
    /// # Errors
    /// A sentence that says why it cannot be read.
    pub fn read_file(&self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        match &self.place {
            Place::Disk(canonical, followed) => {
                let real = followed.real(path).map_err(|e| said(&e))?;
                if !real.starts_with(canonical) {
                    return Err("a symbolic link leads outside the policy root".into());
                }
                read_below(&real, limit)
            }
            Place::Snapshot(snapshot) => snapshot.read(&git::from_path(path), limit),
        }
    }

    /// Reads a file that the policy or the configuration names, relative to the root.
    ///
    /// # Errors
    /// A sentence that says why it cannot be read.
    pub fn read(&self, relative: &str, limit: u64) -> Result<Vec<u8>, String> {
        let relative = Path::new(relative);
        let escapes = relative.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir));
        if escapes {
            return Err("it leads outside the policy root".into());
        }
        self.read_file(&self.folder.join(relative), limit)
    }

    /// The size of a file below the root in bytes, as far as it can be told without reading it.
    pub fn size(&self, relative: &str) -> u64 {
        let path = self.folder.join(relative);
        match &self.place {
            Place::Disk(..) => std::fs::metadata(path).map_or(0, |about| about.len()),
            Place::Snapshot(snapshot) => snapshot.size(&git::from_path(&path)),
        }
    }

    /// A path as it is written relative to the root, with `/` between its parts; `None` where
    /// it is not below it.
    pub fn relative(&self, path: &Path) -> Option<String> {
        match &self.place {
            Place::Disk(canonical, followed) => {
                let real = followed.real(path).ok()?;
                Some(shown(real.strip_prefix(canonical).ok()?))
            }
            Place::Snapshot(_) => Some(shown(path.strip_prefix(&self.folder).ok()?)),
        }
    }
}

impl Modules for Root {
    fn find(&self, name: &str) -> Result<Source, String> {
        let word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if !name.split('.').all(word) {
            return Err("a module is named by words with dots between them, such as \"lib.thresholds\" for lib/thresholds.lua".into());
        }
        let relative = format!("{}.lua", name.replace('.', "/"));
        let bytes = self.read(&relative, MAX_SOURCE).map_err(|why| format!("{relative}: {why}"))?;
        let shown = shown(&self.folder.join(&relative));
        source(&shown, bytes).map_err(|finding| finding.message)
    }
}

/// Reads a file of a repository. A pipe or a device could be waited for without end: what a
/// repository holds is a regular file.
fn read_below(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let about = std::fs::symlink_metadata(path).map_err(|e| said(&e))?;
    match (about.is_file(), about.is_dir()) {
        (true, _) => read_limited(path, limit),
        (_, true) => Err("it is a folder".into()),
        _ => Err("it is no regular file".into()),
    }
}

/// Reads a file given on the command line, which may be a pipe.
///
/// # Errors
/// A sentence that says why it cannot be read.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|e| said(&e))?;
    let about = file.metadata().map_err(|e| said(&e))?;
    if about.is_dir() {
        return Err("it is a folder".into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(limit)).unwrap_or(0) + 1);
    // One byte past the limit tells a file that grew, or a device, from one that fits.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| said(&e))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {}", size(limit)));
    }
    Ok(bytes)
}

/// Reads a regular file, and nothing that may wait for a writer or never end.
///
/// # Errors
/// As [`read_limited`]; where it is a pipe or a device.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|e| said(&e))?;
    if !about.is_file() && !about.is_dir() {
        return Err("it is no regular file".into());
    }
    read_limited(path, limit)
}

/// Makes a source of a file's bytes.
///
/// # Errors
/// A finding where they are no text.
pub fn source(name: &str, bytes: Vec<u8>) -> Result<Source, Finding> {
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => {
            let at = text.find('\0').unwrap_or_default();
            let source = Source::new(name, text.replace('\0', "\u{fffd}"));
            Err(Finding::error("not-text", format!("{name} is no text: a zero byte at {at}"))
                .at(&source, Span::new(at, at), "here")
                .help("a policy is plain Lua in UTF-8"))
        }
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
            Err(Finding::error("not-text", format!("{name} is not UTF-8: byte {at} begins no character"))
                .at(&source, Span::new(at, at), "here")
                .help("save the file as UTF-8"))
        }
    }
}

/// The Lua files below a folder, sorted. Hidden files and folders, links to folders, and what
/// `.gitignore`, `.ignore` and `.git/info/exclude` name are left out; the folder itself never is,
/// since somebody asked for it. What one person's own git ignores plays no part: a check gives the
/// same everywhere.
///
/// # Errors
/// Where a folder cannot be read.
pub fn lua_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut walk = ignore::WalkBuilder::new(folder);
    walk.max_depth(Some(MAX_DEPTH + 1)).git_global(false).require_git(false);
    let mut found = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| {
            let why = error.io_error().map_or_else(|| error.to_string(), said);
            Failure::environment(format!("cannot read a folder in {}: {why}", shown(folder)))
        })?;
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let path = entry.into_path();
        if !is_folder && path.extension().is_some_and(|e| e == "lua" || e == "luau") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A path as people read it: `/` between its parts, no `./` in front; characters that would steer
/// the terminal escaped.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    escaped(text.strip_prefix("./").unwrap_or(&text))
}

/// A path by which the same file of the disk is known to be the same.
pub fn key(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A word of a command line, with what would steer the terminal or a pipeline's runner escaped.
pub fn shown_word(word: &std::ffi::OsStr) -> String {
    crate::report::line(&word.to_string_lossy())
}

/// The files of this name in a folder and those above it, the nearest first. A repository's root is
/// the last folder looked at.
pub fn upward(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A relative folder is joined with `..` only as far as its canonical form goes up.
    let Ok(start) = std::fs::canonicalize(folder) else { return found };
    let mut shown = folder.to_owned();
    for real in start.ancestors() {
        let candidate = shown.join(name);
        if candidate.is_file() {
            found.push(candidate);
        }
        if real.join(".git").exists() {
            break;
        }
        shown = if shown.file_name().is_some() && !shown.ends_with("..") {
            shown.parent().map(Path::to_owned).unwrap_or_default()
        } else {
            shown.join("..")
        };
    }
    found
}

/// Where the names of files start, for programs that know files from the repository's root. Outside
/// of a repository it is the working directory.
pub fn base() -> crate::report::places::Base {
    let Ok(here) = std::fs::canonicalize(".") else { return Default::default() };
    let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
    let prefix = here.strip_prefix(root).map(shown).unwrap_or_default();
    crate::report::places::Base { prefix, root: shown(root) }
}

/// What an input error means, without the operating system's number.
fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn require_stays_inside_the_root() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("lib")).unwrap();
        std::fs::write(root.join("lib/a.lua"), "return 1").unwrap();
        std::fs::write(outer.path().join("secret.lua"), "return 2").unwrap();
        let root = Root::new(&root).unwrap();
        assert_eq!(&*root.find("lib.a").unwrap().text, "return 1");
        for name in ["..secret", "../secret", "/etc/passwd", "lib/a", "", "lib.", "lib..a", "a b"] {
            assert!(root.find(name).unwrap_err().contains("words with dots"), "{name}");
        }
        assert!(root.find("lib.none").unwrap_err().contains("no such file"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.lua"), outer.path().join("root/out.lua"))
                .unwrap();
            assert!(root.find("out").unwrap_err().contains("outside"));
            std::os::unix::fs::symlink(outer.path(), outer.path().join("root/up")).unwrap();
            assert!(root.find("up.secret").unwrap_err().contains("outside"));
        }
        assert!(root.read("../secret.lua", 100).unwrap_err().contains("outside"));
    }

    #[test]
    fn a_path_is_shown_without_what_steers_a_terminal() {
        assert_eq!(shown(Path::new("./a\u{202e}b\u{1b}[1m/ü.lua")), "a\\u{202e}b\\u{1b}[1m/ü.lua");
    }

    #[test]
    fn binary_and_foreign_text_are_findings() {
        assert!(source("x", vec![b'a', 0]).unwrap_err().message.contains("zero byte"));
        assert!(source("x", vec![b'a', 0xff]).unwrap_err().message.contains("UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn a_policy_is_a_regular_file_below_its_root() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("root");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), "hunter2").unwrap();
        std::fs::write(folder.join("own.lua"), "return 1").unwrap();
        std::os::unix::fs::symlink("own.lua", folder.join("link.lua")).unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("out.lua")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("device.lua")).unwrap();
        let root = Root::new(&folder).unwrap();
        assert!(root.read_file(&folder.join("link.lua"), 100).is_ok());
        for name in ["out.lua", "device.lua"] {
            assert!(root.read_file(&folder.join(name), 100).unwrap_err().contains("outside"), "{name}");
        }
        let dev = Root::new(Path::new("/dev")).unwrap();
        assert!(dev.read_file(Path::new("/dev/null"), 100).unwrap_err().contains("regular"));
    }

    #[test]
    fn large_files_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, [0; 11]).unwrap();
        assert!(read_limited(&path, 10).unwrap_err().contains("larger"));
        assert_eq!(read_limited(&path, 11).unwrap().len(), 11);
        assert!(read_limited(folder.path(), 10).unwrap_err().contains("folder"));
    }

    #[test]
    fn the_nearest_file_upward_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(folder.path().join("x.yaml"), "").unwrap();
        std::fs::write(folder.path().join("a/x.yaml"), "").unwrap();
        let both = [folder.path().join("a/x.yaml"), folder.path().join("x.yaml")];
        assert_eq!(upward(&deep, "x.yaml"), both);
        assert_eq!(upward(&deep, "no-such-file.yaml"), Vec::<PathBuf>::new());
        std::fs::create_dir(folder.path().join("a/.git")).unwrap();
        assert_eq!(upward(&deep, "x.yaml"), both[..1]);
    }
}
