//! What history ever asked of who applies: for a target that keeps no record of what governs it.
//! May import: everything.
//!
//! Without a record a commit that drops `approval:` and a next one that names another target would
//! switch it off: the base has it no more. So the most that the base's history ever asked for is
//! asked for, and a key counts where every list had it that was in force meanwhile.

use super::approvals::{SIGNERS, named, reviewed};
use super::failure::Failure;
use super::files;
use crate::change::governed::Governed;
use crate::change::signers::{self, Signer};
use crate::config::{self, Approval, Config};
use crate::git::{self, Asked, Oid, Repo, Side};
use crate::text::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What history asked for.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The most that it asked for, as the last commit that did says it.
    pub governed: Governed,
    /// That commit; none where approval was never asked for.
    pub commit: Option<Oid>,
    /// Whose signatures it lets count.
    pub signers: Vec<Signer>,
    /// Each list that was in force, by names and keys.
    pub lists: Vec<BTreeSet<String>>,
    /// Whether a shallow clone has not all of it.
    pub cut: bool,
}

/// What a commit said: the approval in force, and the file of signers.
struct Said {
    approval: Approval,
    signers: String,
}

/// Goes through the history of a base, for a policy root; and where the head has not all of the
/// default branch, as one with a history of its own, through that of the default branch too.
///
/// # Errors
/// Where history cannot be read.
pub fn past(repo: &Repo, base: Oid, head: Oid, folder: &Path) -> Result<Past, Failure> {
    let own = of(repo, base, folder)?;
    match repo.default_branch() {
        Ok((_, tip)) if !repo.descends(head, tip)? => Ok(own.or_stricter(of(repo, tip, folder)?)),
        _ => Ok(own),
    }
}

fn of(repo: &Repo, commit: Oid, folder: &Path) -> Result<Past, Failure> {
    let mut history = History { repo, folder, configs: BTreeMap::new() };
    let configs = folder.ancestors().map(|at| git::from_path(&at.join(config::FILE_NAME))).collect();
    let mut past = Past::default();
    let mut commits = history.touching(commit, configs, None, &mut past)?;
    let folders: BTreeSet<PathBuf> = commits.iter().flat_map(|(_, folders)| folders.clone()).collect();
    let mut lists = BTreeSet::new();
    for (commit, folders) in &commits {
        for said in history.said(*commit, folders)? {
            lists.insert(said.signers.into_bytes());
        }
    }
    if lists.is_empty() {
        return Ok(past);
    }
    for (commit, folders) in history.touching(commit, lists, Some(&folders), &mut past)? {
        if !commits.iter().any(|(known, _)| *known == commit) {
            commits.push((commit, folders));
        }
    }
    let order: Vec<Oid> = repo.history(commit, usize::MAX)?;
    let place: BTreeMap<Oid, usize> = order.into_iter().zip(0..).collect();
    commits.sort_by_key(|(commit, _)| place.get(commit).copied());
    for (commit, folders) in commits {
        for said in history.said(commit, &folders)? {
            let listed = history.signers(commit, &said.signers)?;
            let names: BTreeSet<String> = listed.iter().flatten().map(named).collect();
            if listed.is_some() && !past.lists.contains(&names) {
                past.lists.push(names.clone());
            }
            let reviews = said.approval.reviews.unwrap_or(1);
            if past.commit.is_none() || reviews > past.governed.reviews {
                let reviewed = reviewed(&said.approval);
                let branch = said.approval.branch.map(|branch| branch.value);
                past.governed = Governed { reviews, branch, signers: names.into_iter().collect(), reviewed };
                past.commit = Some(commit);
                past.signers = listed.unwrap_or_default();
            }
        }
    }
    Ok(past)
}

impl Past {
    /// What this and another history ask for together.
    fn or_stricter(self, other: Past) -> Past {
        let stricter = other.governed.reviews > self.governed.reviews;
        let (mut one, two) = if stricter { (other, self) } else { (self, other) };
        one.lists.extend(two.lists);
        one.cut |= two.cut;
        one
    }

    /// What it asks for beyond what is asked for without it, in words; nothing where that is as much.
    pub fn beyond(&self, needed: u32) -> Option<String> {
        let said = self.commit.filter(|_| self.governed.reviews > needed);
        if let Some(commit) = said {
            let people = if self.governed.reviews == 1 { "person" } else { "people" };
            let (n, short) = (self.governed.reviews, git::short(commit));
            return Some(format!(
                "history asked for the approval of {n} {people} ({short}), and was overridden"
            ));
        }
        self.cut.then(|| "this clone has not all of history, which was not asked".to_owned())
    }
}

struct History<'a> {
    repo: &'a Repo,
    folder: &'a Path,
    configs: BTreeMap<Oid, Config>,
}

impl History<'_> {
    /// The commits that touch files, each with the folders to ask for what was in force: those
    /// given, else the policy root, and where a luascale.yaml was renamed, its older folder.
    fn touching(
        &self,
        head: Oid,
        paths: BTreeSet<Vec<u8>>,
        given: Option<&BTreeSet<PathBuf>>,
        past: &mut Past,
    ) -> Result<Vec<(Oid, BTreeSet<PathBuf>)>, Failure> {
        let touches = self.repo.touches(head, &[Asked { since: None, paths }])?;
        past.cut |= touches.cut.is_some();
        let mut found: Vec<(Oid, BTreeSet<PathBuf>)> = Vec::new();
        for touch in touches.all {
            let folder = git::to_path(&touch.path).parent().map(PathBuf::from).unwrap_or_default();
            let folder = if self.folder.starts_with(&folder) { self.folder.to_owned() } else { folder };
            let folders = given.cloned().unwrap_or_else(|| BTreeSet::from([folder]));
            match found.iter_mut().find(|(commit, _)| *commit == touch.commit) {
                Some((_, known)) => known.extend(folders),
                None => found.push((touch.commit, folders)),
            }
        }
        Ok(found)
    }

    /// What a commit asks for in folders; nothing where it asks nobody.
    fn said(&mut self, commit: Oid, folders: &BTreeSet<PathBuf>) -> Result<Vec<Said>, Failure> {
        let snapshot = self.repo.snapshot(&Side::Commit(commit))?;
        let mut all = Vec::new();
        for folder in folders {
            // The nearest `approval:` is taken whole. What else is wrong in the file does not matter here.
            for at in folder.ancestors() {
                let path = git::from_path(&at.join(config::FILE_NAME));
                let Some(blob) = snapshot.entry(&path)?.and_then(|entry| entry.id) else { continue };
                let config = self.configs.entry(blob).or_insert_with(|| {
                    let bytes = snapshot.blob(blob, files::MAX_SOURCE).unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    config::parse(&Source::new(config::FILE_NAME, text)).0
                });
                let Some(approval) = config.approval.clone() else { continue };
                if approval.reviews != Some(0) {
                    let list = approval.allowed_signers.as_ref().map_or(SIGNERS, |path| path.value.as_str());
                    all.push(Said { signers: files::shown(&at.join(list)), approval });
                }
                break;
            }
        }
        Ok(all)
    }

    /// The signers of a commit; none where it has no such file.
    fn signers(&self, commit: Oid, path: &str) -> Result<Option<Vec<Signer>>, Failure> {
        let snapshot = self.repo.snapshot(&Side::Commit(commit))?;
        if snapshot.entry(path.as_bytes())?.is_none() {
            return Ok(None);
        }
        // One that cannot be read lets nobody sign.
        let bytes = snapshot.read(path.as_bytes(), files::MAX_SOURCE).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(signers::parse(&Source::new(path, text)).0))
    }
}
