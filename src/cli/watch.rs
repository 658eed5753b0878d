//! `check --watch`: the check again whenever what it depends on changes, until Ctrl-C. Edge.
//!
//! The folders are watched anew for each round, before its check begins: what changes meanwhile
//! is not missed, and a folder that was removed and comes back is seen. May import: everything.

#![expect(clippy::disallowed_methods, reason = "whether a path is there decides what is watched")]

use super::args::Check;
use super::failure::Failure;
use super::files;
use super::terminal::Terminal;
use super::{Outcome, project};
use crate::config;
use notify::event::{CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long nothing may change before the next round: editors write in several steps.
const QUIET: Duration = Duration::from_millis(120);

/// Longest wait for quiet.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs a check at once and after each change.
///
/// # Errors
/// Where the system cannot watch; what a round comes to ends nothing.
pub fn run(args: &Check, terminal: &Terminal, round: &dyn Fn() -> Outcome) -> Outcome {
    let own: Vec<PathBuf> = [&args.output, &args.cache_dir].into_iter().flatten().map(|p| real(p)).collect();
    loop {
        let (tell, events) = channel();
        // Kept until the next round has a watcher of its own.
        let _watcher = watcher(&args.paths, tell)?;
        terminal.clear();
        if let Err(failure) = round() {
            terminal.fail(&failure);
        }
        terminal.say("watching for changes; Ctrl-C ends");
        until_changed(&events, &own)?;
    }
}

fn watcher(paths: &[PathBuf], tell: impl notify::EventHandler) -> Result<RecommendedWatcher, Failure> {
    let fail = |error: &notify::Error| {
        let failure = Failure::environment(format!("cannot watch for changes: {error}"));
        match error.kind {
            notify::ErrorKind::MaxFilesWatch => {
                failure.hint("the system's limit of watches is reached: raise fs.inotify.max_user_watches")
            }
            _ => failure,
        }
    };
    let mut watcher = notify::recommended_watcher(tell).map_err(|e| fail(&e))?;
    for (folder, mode) in folders(paths) {
        match watcher.watch(&folder, mode) {
            // It went away just now: the folder above it is watched in the next round.
            Err(error) if folder.exists() => return Err(fail(&error)),
            _ => {}
        }
    }
    Ok(watcher)
}

/// The folders whose changes can change the check: those asked for, the policy roots that files
/// require from, and those above that have a luascale.yaml; where one is not there, the nearest
/// one above it that is.
fn folders(paths: &[PathBuf]) -> BTreeMap<PathBuf, RecursiveMode> {
    let mut out: BTreeMap<PathBuf, RecursiveMode> = BTreeMap::new();
    let mut deep = |folder: PathBuf| out.insert(folder, RecursiveMode::Recursive);
    let mut flat = Vec::new();
    for path in paths {
        let path = real(path);
        if path.is_dir() {
            deep(path.clone());
        } else if let Some(parent) = path.parent().filter(|parent| parent.is_dir()) {
            deep(
                files::upward(parent, config::FILE_NAME)
                    .first()
                    .map_or_else(|| parent.to_owned(), |file| project::parent(file).to_owned()),
            );
        }
        let mut above = path.ancestors().skip(1).filter(|folder| folder.is_dir());
        if !path.exists() {
            flat.extend(above.next().map(Path::to_owned));
        }
        flat.extend(above.filter(|folder| folder.join(config::FILE_NAME).is_file()).map(Path::to_owned));
        // A folder that is removed and made again is told by the one above it.
        flat.extend(path.parent().map(Path::to_owned));
    }
    for folder in flat {
        out.entry(folder).or_insert(RecursiveMode::NonRecursive);
    }
    out
}

/// A path with links followed, as far as it is there.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Waits for a change that matters, and then for quiet.
fn until_changed(events: &Receiver<notify::Result<Event>>, own: &[PathBuf]) -> Result<(), Failure> {
    let gone = || Failure::environment("the system watches no more");
    while !events.recv().map_err(|_| gone())?.map_or(true, |event| matters(&event, own)) {}
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match events.recv_timeout(QUIET) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return Err(gone()),
        }
    }
    Ok(())
}

/// Whether an event can change the check. What the check itself writes cannot.
fn matters(event: &Event, own: &[PathBuf]) -> bool {
    let folder = match event.kind {
        EventKind::Access(_) => return false,
        EventKind::Create(CreateKind::Folder)
        | EventKind::Remove(RemoveKind::Folder)
        | EventKind::Modify(ModifyKind::Name(_)) => true,
        _ => false,
    };
    let read = |path: &PathBuf| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let inside_git = path.components().any(|part| part.as_os_str() == ".git");
        let ours = own.iter().any(|own| path.starts_with(own));
        let kind = matches!(extension, "lua" | "luau" | "yaml" | "yml" | "json")
            || matches!(name, ".gitignore" | ".ignore")
            || folder && extension.is_empty();
        kind && !inside_git && !ours
    };
    // Where events were lost there is no path, and anything may have changed.
    event.need_rescan() || event.paths.iter().any(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_matters_and_what_is_written_does_not() {
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let changed = EventKind::Modify(ModifyKind::Any);
        let own = [PathBuf::from("/p/out.json"), PathBuf::from("/p/cache")];
        for (kind, path, expected) in [
            (changed, "/p/web.lua", true),
            (changed, "/p/luascale.yaml", true),
            (changed, "/p/.gitignore", true),
            (EventKind::Create(CreateKind::Folder), "/p/new", true),
            (EventKind::Create(CreateKind::File), "/p/new", false),
            (EventKind::Access(notify::event::AccessKind::Any), "/p/web.lua", false),
            (changed, "/p/.git/x.lua", false),
            (changed, "/p/out.json", false),
            (EventKind::Create(CreateKind::Folder), "/p/cache/ab", false),
        ] {
            assert_eq!(matters(&event(kind, path), &own), expected, "{path}");
        }
        assert!(matters(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan), &own));
    }

    #[test]
    fn folders_that_can_change_the_check_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/luascale.yaml"), "").unwrap();
        std::fs::write(root.join("a/b/x.lua"), "").unwrap();
        let watched = |path: &str| folders(&[root.join(path)]);
        let a = root.join("a");
        assert_eq!(watched("a/b/x.lua").get(&a), Some(&RecursiveMode::Recursive));
        assert_eq!(watched("a/b").get(&a), Some(&RecursiveMode::NonRecursive));
        assert_eq!(watched("a/b").get(&a.join("b")), Some(&RecursiveMode::Recursive));
        assert!(watched("gone/for/good").contains_key(&root));
    }
}
