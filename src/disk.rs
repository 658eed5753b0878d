//! Writing to a disk so that a kill or a full disk leaves the old state or the new one. Every
//! step that changes something is counted, and a test may have the process killed, or the disk
//! fail, at any of them. May import: `text`.

#![expect(clippy::disallowed_methods, reason = "this is where a target's files are written")]

use crate::text::size;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many files are brought to the disk at a time.
const WRITERS: usize = 8;

/// Steps done so far.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// How many steps were done so far: a test wants to know where it may have one fail.
pub fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

/// What a test has go wrong: `kill:7` at the seventh step, `full:7` from then on, `slow:7` so many
/// milliseconds at each. Builds with debug assertions alone look for it.
const FAULT: &str = "LUASCALE_TEST_FAULT";

fn fault() -> Option<&'static (String, u64)> {
    static READ: OnceLock<Option<(String, u64)>> = OnceLock::new();
    READ.get_or_init(|| {
        let text = cfg!(debug_assertions).then(|| std::env::var(FAULT).ok()).flatten()?;
        let (what, at) = text.split_once(':')?;
        Some((what.to_owned(), at.parse().ok()?))
    })
    .as_ref()
}

/// Counts a step that is about to be done; a test has it fail here.
pub fn step() -> io::Result<()> {
    let now = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    match fault() {
        Some((what, at)) if what == "kill" && now == *at => {
            #[cfg(unix)]
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            std::process::abort()
        }
        Some((what, at)) if what == "slow" => {
            std::thread::sleep(std::time::Duration::from_millis(*at));
            Ok(())
        }
        Some((what, at)) if what == "full" && now >= *at => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

/// A file that was not there before: whatever has its name, a link too, is taken away and never
/// written through.
fn fresh(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            File::create_new(path)
        }
        other => other,
    }
}

/// A new file with its contents, on the disk when this returns. What was there is replaced.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step()?;
    let mut file = fresh(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step()?;
    file.write_all(second)?;
    step()?;
    file.sync_all()
}

/// A new file with its contents, which [`settle`] brings to the disk with all others.
pub fn draft(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step()?;
    let mut file = fresh(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step()?;
    file.write_all(second)
}

/// Brings all files and folders below a folder, and itself, to the disk. Several at a time: a file
/// system that is asked for many at once does them in few writes.
pub fn settle(folder: &Path) -> io::Result<()> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(path) = all.get(at).cloned() {
        at += 1;
        // A link is part of its folder.
        if std::fs::symlink_metadata(&path)?.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                if !entry.file_type()?.is_symlink() {
                    all.push(entry.path());
                }
            }
        }
    }
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        while let Some(path) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            step()?;
            File::open(path)?.sync_all()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS).map(|_| scope.spawn(work)).collect();
        let done =
            threads.into_iter().map(|thread| thread.join().unwrap_or(Err(io::ErrorKind::Other.into())));
        done.fold(Ok(()), Result::and)
    })
}

/// A regular file with at most so many bytes; a link, a pipe or a device is none.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let about = std::fs::symlink_metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    if about.len() > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {}", size(most))));
    }
    std::fs::read(path)
}

/// A file's contents replaced in one moment: whoever reads it sees the old or the new ones. The
/// name beside it that is used on the way must be free for this. `kept` are permissions that the
/// new one is to have.
pub fn replace(path: &Path, bytes: &[u8], kept: Option<std::fs::Permissions>) -> io::Result<()> {
    let beside = beside(path);
    let written = write(&beside, bytes).and_then(|()| match kept {
        Some(kept) => std::fs::set_permissions(&beside, kept),
        None => Ok(()),
    });
    written.and_then(|()| rename(&beside, path)).inspect_err(|_| {
        // What was written of it is of no use.
        let _ = std::fs::remove_file(&beside);
    })
}

/// A link that leads elsewhere from one moment to the next.
#[cfg(unix)]
pub fn point(link: &Path, to: &Path) -> io::Result<()> {
    let beside = beside(link);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    step()?;
    std::os::unix::fs::symlink(to, &beside)?;
    rename(&beside, link)
}

/// A link that leads elsewhere from one moment to the next.
#[cfg(not(unix))]
pub fn point(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "it needs symbolic links as Unix has them"))
}

/// Renames, and has the folder on the disk when this returns.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step()?;
    std::fs::rename(from, to)?;
    step()?;
    sync_folder(to.parent())
}

/// A folder; none of those above it is made.
pub fn folder(path: &Path) -> io::Result<()> {
    step()?;
    std::fs::create_dir(path)
}

/// A folder and those above it, where they are not there.
pub fn folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folders(parent)?;
    }
    match folder(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(path.parent()),
    }
}

/// Removes a file, if it is there, and has that on the disk when this returns.
pub fn remove(path: &Path) -> io::Result<()> {
    step()?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            step()?;
            sync_folder(path.parent())
        }
    }
}

/// Removes a folder with all that is in it, if it is there.
pub fn clear(path: &Path) -> io::Result<()> {
    step()?;
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Appends to a file, on the disk when this returns.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    step()?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step()?;
    file.write_all(second)?;
    step()?;
    file.sync_all()
}

/// Has the names in a folder on the disk.
pub fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What a disk's error means, in words.
pub fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".into(),
        io::ErrorKind::ReadOnlyFilesystem => "it is on a file system that is read-only".into(),
        io::ErrorKind::FileTooLarge => "it would be larger than this process may write".into(),
        _ => error.to_string(),
    }
}

/// A hidden name beside a file, for what is to take its place.
fn beside(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!(".{}.new", name.trim_start_matches('.')))
}
