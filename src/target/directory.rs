//! The target `directory`: generations beside a link `current`, which leads to another one from
//! one moment to the next. May import: siblings, `change`, `model`, `disk`.
//!
//! ```text
//! live/target.json                       which directory it is: its lineage
//! live/current -> generations/000007-3f9ab2c41d07
//! live/generations/000007-3f9ab2c41d07/  named by the number and by the digest of its manifest
//!     .generation.json                   the manifest: inventory, origin, holds
//!     checkout-api/.policy.json          name, path and entry of the policy
//!     checkout-api/policies/checkout.lua its files
//! live/journal.json                      what the apply that runs is about to do
//! live/ledger.jsonl                      what was done
//! ```
//!
//! A generation is made in full beside the others, brought to the disk, and only then pointed at:
//! whoever reads `current` sees all of the old one or all of the new one.

#![expect(clippy::disallowed_methods, reason = "this is where a target's files are read")]

use super::generations::{self, MANIFEST};
use super::layout::{self, failed, folder_of, json};
use super::locks::Locks;
use super::{Claim, Error, Generation, Identity, Journal, Live, Lock, Operation, Refusal, Target};
use crate::change::Bundle;
use crate::disk;
use crate::model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What this kind of target is called.
pub const KIND: &str = "directory";

/// Version of what is written.
const FORMAT: u32 = 1;

/// Largest journal that is read, in bytes.
const MOST_JOURNAL: u64 = 1 << 30;

/// How many generations are kept, the live one among them.
const KEPT: usize = 50;

/// What `target.json` says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    format: u32,
    kind: String,
    lineage: String,
}

/// A directory that policies are applied to.
pub struct Directory {
    path: PathBuf,
    identity: Identity,
    locks: Locks,
    /// The generation that was live at the last write of this run: reading it once is enough, for
    /// its folder is named by the digest of its manifest.
    seen: Mutex<Option<(Generation, PathBuf)>>,
    /// Whether a live generation that is gone counts as one without policies.
    forgone: AtomicBool,
}

impl Directory {
    /// Opens a directory, which need not be there yet. Nothing is made.
    ///
    /// # Errors
    /// Where something else is there: a file, or a folder with files that luascale did not put there.
    pub fn open(path: &Path) -> Result<Directory, Error> {
        Directory::named(path, &path.to_string_lossy())
    }

    /// As [`Directory::open`], with the name by which plans know it as long as nothing was applied
    /// to it: the same on every machine that plans for it.
    ///
    /// # Errors
    /// Those of [`Directory::open`].
    pub fn named(path: &Path, name: &str) -> Result<Directory, Error> {
        let mark = path.join("target.json");
        let id = match disk::read(&mark, 1 << 20) {
            Ok(bytes) => {
                let read: Mark = serde_json::from_slice(&bytes).map_err(|error| {
                    Error::Damaged(format!("{} is not as it was written: {error}", mark.display()))
                })?;
                if read.format != FORMAT || read.kind != KIND {
                    let what = format!("{} format {}", read.kind, read.format);
                    let why =
                        format!("{} says {what}; this luascale knows {KIND} format {FORMAT}", mark.display());
                    return Err(Error::Damaged(why));
                }
                read.lineage
            }
            // Not there, or not even its folder is one.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                unused(path)?;
                Identity::new_at(name)
            }
            Err(error) => return Err(failed("read", &mark)(error)),
        };
        let identity = Identity { kind: KIND.into(), id };
        Ok(Directory {
            path: path.to_owned(),
            identity,
            locks: Locks::of(path),
            seen: Mutex::new(None),
            forgone: AtomicBool::new(false),
        })
    }

    /// Where the ledger lies.
    pub fn ledger(path: &Path) -> PathBuf {
        path.join("ledger.jsonl")
    }

    fn journal_file(&self) -> PathBuf {
        self.path.join("journal.json")
    }

    fn current(&self) -> PathBuf {
        self.path.join("current")
    }

    fn generations(&self) -> PathBuf {
        self.path.join("generations")
    }

    fn staging(&self) -> PathBuf {
        self.generations().join(".staging")
    }

    /// The folder that `current` leads to; none where nothing was ever applied.
    fn live_folder(&self) -> Result<Option<PathBuf>, Error> {
        let link = self.current();
        let to = match std::fs::read_link(&link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The first apply makes its generation before it is pointed at, under its journal.
                let first = self.journal_file().exists() || generations::all(&self.generations())?.is_empty();
                return if first && !self.is_forgone() { Ok(None) } else { self.lost("is gone") };
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Err(self.no_link());
            }
            Err(error) => return Err(failed("read", &link)(error)),
            Ok(to) => to,
        };
        let name = to.strip_prefix("generations").ok().and_then(Path::to_str).filter(|n| !n.contains('/'));
        let Some(name) = name.filter(|name| generations::number(name).is_some()) else {
            return self.lost(&format!("leads to {}, which is no generation", to.display()));
        };
        Ok(Some(self.generations().join(name)))
    }

    /// The generation that is live and its folder; none where nothing was ever applied.
    fn live_generation(&self) -> Result<Option<(Generation, PathBuf)>, Error> {
        let Some(folder) = self.live_folder()? else { return Ok(None) };
        if generations::is_whole(&folder) {
            return Ok(Some((generations::read(&folder)?, folder)));
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let gone = if folder.exists() { "no folder with a manifest any more" } else { "gone" };
        self.lost(&format!("leads to generations/{name}, which is {gone}"))?;
        let serial = generations::number(&name).into_iter().chain(self.kept()?).max().unwrap_or_default();
        Ok(Some((Generation::gone(serial), folder)))
    }

    /// Says that something else stands in the place of the link, and what to do about it.
    fn no_link(&self) -> Error {
        let link = self.current();
        let kept = self.kept().unwrap_or_default();
        let kept: Vec<String> = kept.iter().map(u64::to_string).collect();
        Error::Damaged(format!(
            "{} is a {} and no link any more: move it away, then luascale rollback --to N makes a generation live again \
             (kept: {})",
            link.display(),
            if link.is_dir() { "folder" } else { "file" },
            if kept.is_empty() { "none".to_owned() } else { kept.join(", ") }
        ))
    }

    fn is_forgone(&self) -> bool {
        self.forgone.load(Ordering::Relaxed)
    }

    /// The numbers of the generations that are there.
    fn kept(&self) -> Result<Vec<u64>, Error> {
        Ok(generations::all(&self.generations())?.into_iter().map(|(number, _)| number).collect())
    }

    /// The folder that stands for a live generation that is gone, where that was agreed to.
    fn lost(&self, why: &str) -> Result<Option<PathBuf>, Error> {
        if self.is_forgone() {
            return Ok(Some(self.generations().join("gone")));
        }
        let what = format!("{} {why}", self.current().display());
        Err(Error::Lost { what, kept: self.kept()? })
    }

    /// Digest of a policy as it is live.
    fn digest(&self, current: Option<&(Generation, PathBuf)>, id: &str) -> Result<Option<String>, Error> {
        let Some((generation, folder)) = current else { return Ok(None) };
        if !generation.inventory.contains_key(id) {
            return Ok(None);
        }
        Ok(layout::read(&folder.join(folder_of(id)))?.map(|policy| policy.digest))
    }

    /// What is live, read once.
    fn look(&self, current: Option<&(Generation, PathBuf)>) -> Result<Live, Error> {
        let Some((generation, folder)) = current else { return Ok(Live::default()) };
        let mut live = Live {
            serial: generation.serial,
            commit: generation.origin.commit.clone(),
            governed: generation.origin.governed.clone(),
            inventory: generation.inventory.clone(),
            applied: generation.applied.clone(),
            hold: generation.hold.clone(),
            ..Live::default()
        };
        live.foreign = self.beside()?;
        if !generations::is_whole(folder) {
            return Ok(live);
        }
        let mut own = vec![MANIFEST.to_owned()];
        for id in generation.inventory.keys() {
            let name = folder_of(id);
            if let Some(policy) = layout::read(&folder.join(&name))? {
                live.policies.insert(id.clone(), policy);
            }
            own.push(name);
        }
        for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
            let name = entry.map_err(failed("read", folder))?.file_name().to_string_lossy().into_owned();
            if !own.contains(&name) {
                live.foreign.push(format!("current/{name}"));
            }
        }
        live.foreign.sort();
        Ok(live)
    }

    /// What lies in the directory beside what luascale put there. Names with a dot before them are
    /// others' business: version control, file systems, editors.
    fn beside(&self) -> Result<Vec<String>, Error> {
        let own = ["target.json", "journal.json", "ledger.jsonl", "generations", "current"];
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed("read", &self.path))? {
            let name = entry.map_err(failed("read", &self.path))?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && !own.contains(&name.as_str()) {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// Whether the lock is ours and the journal is the one that is written down; then does it.
    fn journaled<T>(
        &self,
        lock: &Lock,
        journal: &Journal,
        change: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.locks.fenced(lock, || match self.journal()? {
            Some(written) if written.id != journal.id => Err(Error::Interrupted(written.id)),
            _ => change(),
        })
    }

    /// Fails where a generation came that the journal does not know.
    fn in_order(&self, journal: &Journal, serial: u64) -> Result<(), Error> {
        let conflict = |found: String| Err(Error::Conflict { id: "current".into(), found });
        if serial != journal.serial {
            return conflict(format!("generation {serial}"));
        }
        let (highest, run) = generations::highest(&self.generations())?;
        if highest > serial && run.as_deref() != Some(journal.id.as_str()) {
            return conflict(format!("generation {serial}, though {highest} came after it,"));
        }
        Ok(())
    }

    /// Makes the next generation in full in the staging folder.
    fn stage(&self, current: Option<&(Generation, PathBuf)>, journal: &Journal) -> Result<Generation, Error> {
        let staging = self.staging();
        let next = Generation::next(current.map(|(generation, _)| generation), journal);
        disk::folders(&staging).map_err(failed("make", &staging))?;
        for id in next.inventory.keys() {
            let (name, staged) = (folder_of(id), staging.join(folder_of(id)));
            let Some((_, folder)) = current else { continue };
            // What somebody took away by hand stays away, and in the inventory: `drift` says so.
            let there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
            if !there(&staged) && there(&folder.join(&name)) {
                layout::copy(&folder.join(&name), &staged).map_err(failed("write", &staged))?;
            }
        }
        Ok(next)
    }
}

/// Fails where a path is no folder, or one with files that are none of luascale's.
fn unused(path: &Path) -> Result<(), Error> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::Unavailable(format!("{} is no folder", path.display())));
        }
        Err(error) => return Err(failed("read", path)(error)),
        Ok(entries) => entries,
    };
    let own = ["journal.json", "ledger.jsonl", "generations", "README.md"];
    for entry in entries {
        let name = entry.map_err(failed("read", path))?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !own.contains(&name.as_str()) {
            return Err(Error::Unavailable(format!(
                "{} holds {name}, which luascale did not put there; name a folder that is empty or not there",
                path.display()
            )));
        }
    }
    Ok(())
}

impl Target for Directory {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn shown(&self) -> String {
        format!("the directory {}", self.path.display())
    }

    fn live(&self) -> Result<Live, Error> {
        // An apply that ends in between may take an old generation away while it is read.
        for _ in 0..5 {
            let current = self.live_generation()?;
            let live = self.look(current.as_ref());
            let now = self.live_generation()?;
            if now.map(|(_, folder)| folder) == current.map(|(_, folder)| folder) {
                return live;
            }
        }
        Err(Error::Unavailable(format!("{} changes faster than it can be read", self.current().display())))
    }

    fn validate(&self, operations: &[Operation]) -> Result<Vec<Refusal>, Error> {
        let unfit = |operation: &Operation| {
            let why = layout::unfit(operation.after.as_ref()?)?;
            Some(Refusal { id: operation.id.clone(), why })
        };
        Ok(operations.iter().filter_map(unfit).collect())
    }

    fn holder(&self) -> Result<Option<Lock>, Error> {
        self.locks.holder()
    }

    fn lock(&self, claim: &Claim, now: Time) -> Result<Lock, Error> {
        self.locks.take(claim, now)
    }

    fn renew(&self, lock: &Lock, now: Time) -> Result<Lock, Error> {
        self.locks.renew(lock, now)
    }

    fn release(&self, lock: &Lock) -> Result<(), Error> {
        self.locks.release(lock)
    }

    fn unlock(&self, id: &str) -> Result<Lock, Error> {
        self.locks.unlock(id)
    }

    fn journal(&self) -> Result<Option<Journal>, Error> {
        let path = self.journal_file();
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
            Ok(about) if !about.is_file() => {
                return Err(Error::Damaged(format!("{} is no file", path.display())));
            }
            Ok(about) if about.len() > MOST_JOURNAL => {
                return Err(Error::Damaged(format!("{} is too large", path.display())));
            }
            Ok(_) => {}
        }
        let bytes = std::fs::read(&path).map_err(failed("read", &path))?;
        let journal: Journal = serde_json::from_slice(&bytes).map_err(|error| {
            Error::Damaged(format!("{} is not as it was written: {error}", path.display()))
        })?;
        if !super::locks::is_plain(&journal.id) {
            return Err(Error::Damaged(format!("{} names a run that is none", path.display())));
        }
        Ok(Some(journal))
    }

    fn begin(&self, lock: &Lock, journal: &Journal) -> Result<(), Error> {
        self.journaled(lock, journal, || {
            let finished = self.live_generation()?.is_some_and(|(live, _)| live.run == journal.id);
            if finished {
                return Ok(());
            }
            let serial = self.live_generation()?.map_or(0, |(live, _)| live.serial);
            self.in_order(journal, serial)?;
            let path = self.journal_file();
            if !path.exists() {
                disk::replace(&path, &json(journal), None).map_err(failed("write", &path))?;
            }
            let mark = self.path.join("target.json");
            if !mark.exists() {
                let says = Mark { format: FORMAT, kind: KIND.into(), lineage: journal.id.clone() };
                disk::replace(&mark, &json(&says), None).map_err(failed("write", &mark))?;
            }
            let staging = self.staging();
            disk::clear(&staging).map_err(failed("clear", &staging))?;
            disk::folders(&staging).map_err(failed("make", &staging))
        })
    }

    fn write(&self, lock: &Lock, _: &Journal, operation: &Operation) -> Result<(), Error> {
        if let Some(why) = operation.after.as_ref().and_then(layout::unfit) {
            return Err(Error::Refused(Refusal { id: operation.id.clone(), why }));
        }
        // Whoever has the lock found its journal in `begin`; it is not read again for each.
        self.locks.fenced(lock, || {
            let folder = self.live_folder()?;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.as_ref().map(|(_, folder)| folder) != folder.as_ref() {
                *seen = self.live_generation()?;
            }
            let live = self.digest(seen.as_ref(), &operation.id)?;
            if live != operation.before {
                let found = live.unwrap_or_else(|| "nothing".into());
                return Err(Error::Conflict { id: operation.id.clone(), found });
            }
            let Some(bundle) = &operation.after else { return Ok(()) };
            let folder = self.staging().join(folder_of(&operation.id));
            disk::clear(&folder).map_err(failed("clear", &folder))?;
            layout::write(&folder, &operation.id, bundle).map_err(failed("write", &folder))
        })
    }

    fn finish(&self, lock: &Lock, journal: &Journal) -> Result<Generation, Error> {
        self.journaled(lock, journal, || {
            let current = self.live_generation()?;
            if let Some((live, _)) = current.as_ref().filter(|(live, _)| live.run == journal.id) {
                return Ok(live.clone());
            }
            self.in_order(journal, current.as_ref().map_or(0, |(live, _)| live.serial))?;
            for operation in &journal.operations {
                let live = self.digest(current.as_ref(), &operation.id)?;
                if live != operation.before && live != operation.result() {
                    let found = live.unwrap_or_else(|| "nothing".into());
                    return Err(Error::Conflict { id: operation.id.clone(), found });
                }
            }
            let generation = self.stage(current.as_ref(), journal)?;
            let staging = self.staging();
            let made = generations::seal(&staging, &self.generations(), &generation)?;
            let link = self.current();
            disk::point(&link, &Path::new("generations").join(made)).map_err(failed("write", &link))?;
            Ok(generation)
        })
    }

    fn close(&self, lock: &Lock, journal: &Journal) -> Result<(), Error> {
        self.journaled(lock, journal, || {
            let live = self.live_generation()?;
            let path = self.journal_file();
            disk::remove(&path).map_err(failed("remove", &path))?;
            let staging = self.staging();
            disk::clear(&staging).map_err(failed("clear", &staging))?;
            let live = live.map_or(0, |(live, _)| live.serial);
            generations::tidy(&self.generations(), live, &journal.id, KEPT)
        })
    }

    fn history(&self) -> Result<Vec<Generation>, Error> {
        let live = self.live_generation()?.map_or(0, |(live, _)| live.serial);
        let all = generations::all(&self.generations())?;
        all.into_iter()
            .filter(|(number, _)| *number <= live)
            .map(|(_, folder)| generations::read(&folder))
            .collect()
    }

    fn forgo(&self) {
        self.forgone.store(true, Ordering::Relaxed);
    }

    fn generation(&self, serial: u64) -> Result<BTreeMap<String, Bundle>, Error> {
        let all = generations::all(&self.generations())?;
        let (_, folder) = all.iter().find(|(number, _)| *number == serial).ok_or(Error::Missing(serial))?;
        let wanted = generations::read(folder)?.inventory;
        let mut policies = BTreeMap::new();
        for (id, digest) in wanted {
            // A policy that was edited by hand may lie as it was applied in an older generation.
            let mut found = None;
            for (_, folder) in std::iter::once(&(serial, folder.clone())).chain(all.iter().rev()) {
                found = layout::read(&folder.join(folder_of(&id)))?.filter(|policy| policy.digest == digest);
                if found.is_some() {
                    break;
                }
            }
            let policy = found.ok_or_else(|| {
                Error::Damaged(format!(
                    "{id} of generation {serial} is not kept as it was applied: it was edited by hand"
                ))
            })?;
            policies.insert(id, policy.bundle);
        }
        Ok(policies)
    }
}
