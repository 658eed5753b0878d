//! Opens the target that a command is about. May import: everything.

#![expect(clippy::disallowed_methods, reason = "a hint names the folders that are there")]

use super::failure::Failure;
use super::files;
use super::project::parent;
use crate::config::{self, Apply};
use crate::git;
use crate::target::directory::{Directory, KIND};
use crate::target::{Error, Target};
use std::path::{Component, Path, PathBuf};

/// A target and where its ledger lies.
pub struct Opened {
    /// The target.
    pub target: Box<dyn Target>,
    /// The ledger.
    pub ledger: PathBuf,
}

/// Opens the target that `--target` names: a kind under `apply:`, or `directory:PATH` from the
/// working directory; without it the only one under `apply:`. Paths there start at `folder`, that
/// of luascale.yaml; a directory to which nothing was applied yet is known by its path from `top`,
/// the repository's root. Nothing is made.
///
/// # Errors
/// No target, one that is not known, one that cannot be opened.
pub fn open(asked: Option<&str>, apply: &Apply, folder: &Path, top: &Path) -> Result<Opened, Failure> {
    let configured = apply.directory.as_ref().map(|path| folder.join(&path.value));
    let missing = |what: &str| {
        Err(Failure::usage(format!("there is no target: luascale.yaml has no `{what}:`"))
            .hint("write `apply: { directory: { path: live/ } }` there, or give --target directory:PATH"))
    };
    match (asked.map(|asked| asked.split_once(':').unwrap_or((asked, ""))), &apply.kubernetes) {
        (Some((KIND, path)), _) if !path.is_empty() => directory(Path::new(path), top),
        (Some((KIND, _)), _) => {
            configured.map_or_else(|| missing("apply.directory"), |path| directory(&path, top))
        }
        (Some((KUBERNETES, "")), Some(given)) => kubernetes(given, folder),
        (Some((KUBERNETES, "")), None) => missing("apply.kubernetes"),
        (None, None) => configured.map_or_else(|| missing("apply"), |path| directory(&path, top)),
        (None, Some(given)) if configured.is_none() => kubernetes(given, folder),
        (None, Some(_)) => Err(Failure::usage("luascale.yaml names two targets under `apply:`")
            .hint("say which one: --target directory, or --target kubernetes")),
        (Some((kind, _)), _) => Err(Failure::usage(format!("no kind of target is named {kind}"))
            .hint("there are `directory`, `directory:PATH` and `kubernetes`")),
    }
}

/// What the other kind of target is called.
const KUBERNETES: &str = "kubernetes";

#[cfg(feature = "online")]
fn kubernetes(given: &config::Kubernetes, folder: &Path) -> Result<Opened, Failure> {
    let context = given.context.as_ref().map(|context| context.value.as_str());
    let target = crate::target::kubernetes::Kubernetes::open(context, &given.namespace.value)?;
    let ledger = given.ledger.as_ref().map_or("luascale-ledger.jsonl", |ledger| ledger.value.as_str());
    let ledger = folder.join(ledger);
    super::output::checked(&ledger)?;
    Ok(Opened { target: Box::new(target), ledger })
}

#[cfg(not(feature = "online"))]
fn kubernetes(_: &config::Kubernetes, _: &Path) -> Result<Opened, Failure> {
    Err(Failure::usage("this luascale is built without the feature `online`, so it reaches no cluster")
        .hint("build it with `--features online`, or apply to a directory"))
}

/// Opens the target that `--target` names, or that the nearest luascale.yaml upward with an
/// `apply:` has, as it lies on the disk: for what an operator does to a target, which needs no repository.
///
/// # Errors
/// As [`open`]; a luascale.yaml that cannot be used.
pub fn configured(asked: Option<&str>) -> Result<Opened, Failure> {
    // A target that is named in full needs no luascale.yaml, so none can stand in the way.
    if asked.and_then(|asked| asked.split_once(':')).is_some_and(|(_, path)| !path.is_empty()) {
        return open(asked, &Apply::default(), Path::new("."), Path::new("."));
    }
    for path in files::upward(Path::new("."), config::FILE_NAME) {
        let name = files::shown(&path);
        let without = "or name the target itself, which needs no luascale.yaml: --target directory:PATH";
        let bytes = files::read_limited(&path, files::MAX_SOURCE)
            .map_err(|why| Failure::usage(format!("cannot read {name}: {why}")).hint(without))?;
        let source =
            files::source(&name, bytes).map_err(|finding| Failure::usage(finding.message).hint(without))?;
        let (config, findings) = config::parse(&source);
        if let Some(finding) = findings.first() {
            return Err(Failure::usage(format!("{name} cannot be used: {}", finding.message))
                .hint("luascale check shows all that is wrong in it")
                .hint(without));
        }
        if config.apply != Apply::default() {
            return open(asked, &config.apply, parent(&path), parent(&path));
        }
    }
    let opened = open(asked, &Apply::default(), Path::new("."), Path::new("."));
    opened.map_err(|failure| match below().filter(|_| asked.is_none()) {
        Some(folder) => failure
            .hint(format!("{folder} has a {} of its own: run it there, `cd {folder}`", config::FILE_NAME)),
        None => failure,
    })
}

/// The first folder here that has a luascale.yaml of its own.
fn below() -> Option<String> {
    let entries = std::fs::read_dir(".").ok()?.filter_map(Result::ok);
    let with = entries.filter(|entry| entry.path().join(config::FILE_NAME).is_file());
    with.map(|entry| files::shown(Path::new(&entry.file_name()))).min()
}

fn directory(path: &Path, top: &Path) -> Result<Opened, Failure> {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (full, top) = (whole(path), whole(top));
    let name = files::shown(full.strip_prefix(&top).unwrap_or(&full));
    // As people would write it: from the working directory where it lies below it, without `./`.
    let here = std::path::absolute(".").unwrap_or_default();
    let below = path.strip_prefix(&here).unwrap_or(path);
    let path: PathBuf = below.components().filter(|part| *part != Component::CurDir).collect();
    let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
    if let Some(why) = git::tracked(&path)? {
        let shown = files::shown(&path);
        return Err(Failure::usage(format!("{shown} {why}: what is committed there would be trusted"))
            .hint(format!(
                "keep the target out of git: git rm -r --cached {shown}, and /{shown}/ in .gitignore"
            ))
            .hint("a target is a folder of its own, no link in a work tree"));
    }
    let target = Directory::named(&path, &name)?;
    Ok(Opened { target: Box::new(target), ledger: Directory::ledger(&path) })
}

/// Numbers as people write them, ascending: `1 to 4, 6`.
pub fn ranges(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let words = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let said = Failure::environment(error.to_string());
        match error {
            Error::Locked(lock) => Failure::environment(format!(
                "another apply is at work: {} holds the lock {} since {}, last heard of at {}",
                lock.holder,
                lock.id,
                lock.acquired.said(),
                lock.renewed.said()
            ))
            .hint("wait for it with --lock-timeout 5m")
            .hint(format!("where it is certain that it is gone: luascale unlock --id {}", lock.id)),
            Error::Fenced(id) => Failure::environment(format!(
                "the lock of this run ({id}) was taken away, so nothing more was written"
            ))
            .hint("see what is live with `luascale drift`, then run it again: it goes on where this ended"),
            Error::Conflict { id, found } => Failure::environment(format!(
                "conflict: {id}: {found} is live, neither what was there before nor what was to come; nothing was overwritten"
            ))
            .hint("somebody else changed it: see `luascale drift`"),
            Error::Interrupted(id) => said
                .hint("run `luascale apply` again to finish it")
                .hint(format!("or leave it as it is: luascale unlock --id {id} --abandon")),
            Error::Lost { kept, .. } if kept.is_empty() => said.hint("no generation is kept to go back to"),
            Error::Lost { kept, .. } => said
                .hint("luascale rollback --to N makes an earlier one live again")
                .hint(format!("kept: {}", ranges(&kept))),
            Error::Missing(_) => said.hint("`luascale ledger show` lists what was applied"),
            _ => said,
        }
    }
}
