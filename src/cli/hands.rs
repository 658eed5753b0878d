//! Who had a hand in the policies that a plan changes: since each was last applied, or ever where
//! it never was. May import: everything.

use super::failure::Failure;
use super::files;
use super::revision::entry_json;
use crate::change::Bundle;
use crate::change::live::{Live, Operation};
use crate::config::{self, Config};
use crate::git::{self, Asked, Oid, Repo, Side, Touch, Written};
use crate::text::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What helps where a clone does not have all of history.
pub const DEEPER: &str = "a fetch-depth of 0 (git fetch --unshallow) brings it";

/// Who had a hand in it.
#[derive(Debug, Default)]
pub struct Hands {
    /// They, with the commits.
    pub written: Vec<Written>,
    /// The commits that have a hand in each policy, by its name.
    pub commits: BTreeMap<String, BTreeSet<Oid>>,
    /// Why not all of them are known, in a sentence.
    pub unknown: Option<String>,
}

/// Where policies lie, and what was done to them.
pub struct Policies<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The commit that is planned.
    pub head: Oid,
    /// The policy root, from the repository's root on.
    pub folder: &'a Path,
    /// What is live.
    pub live: &'a Live,
}

impl Policies<'_> {
    /// Who had a hand in what some operations change: in every file of the version that is live
    /// and of the one that is to be, in its entry under `policies:`, and in the kinds of gateways
    /// that luascale.yaml adds to it; of what is deleted, in luascale.yaml as a whole.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn hands(&self, operations: &[&Operation]) -> Result<Hands, Failure> {
        let mut asked = Vec::new();
        for operation in operations {
            let since = match self.live.came(&operation.id).and_then(|came| came.commit) {
                None => None,
                Some(commit) => match commit.parse::<Oid>().ok().filter(|id| self.repo.commit(*id).is_ok()) {
                    Some(id) => Some(id),
                    None if self.repo.is_shallow() => {
                        let short = commit.get(..9).unwrap_or(&commit);
                        let why = format!(
                            "the commit that {} was applied from ({short}) is not in this clone",
                            operation.id
                        );
                        return Ok(Hands::unknown(&why, Some(DEEPER)));
                    }
                    // In no branch any more: whoever ever had a hand in it.
                    None => None,
                },
            };
            if let Some(path) = self.lost(operation, since)? {
                return Ok(Hands::unknown(
                    &format!("git has no file {path}, which is part of {}", operation.id),
                    None,
                ));
            }
            asked.push(Asked { since, paths: self.paths(operation) });
        }
        let touches = self.repo.touches(self.head, &asked)?;
        if touches.cut.is_some() {
            return Ok(Hands::unknown("this clone is shallow", Some(DEEPER)));
        }
        let mut hands = Hands::default();
        let mut configs = Configs { policies: self, known: BTreeMap::new() };
        for touch in &touches.all {
            if let Some(operation) = operations.get(touch.asked)
                && (!is_config(&touch.path) || configs.concerns(touch, operation)?)
            {
                hands.commits.entry(operation.id.clone()).or_default().insert(touch.commit);
            }
        }
        for commit in hands.commits.values().flatten().copied().collect::<BTreeSet<Oid>>() {
            hands.written.extend(self.repo.people(commit)?);
        }
        Ok(hands)
    }

    /// A file that git does not have where the policy had it: by a name that is written in another way,
    /// its history would be taken for empty.
    fn lost(&self, operation: &Operation, since: Option<Oid>) -> Result<Option<String>, Failure> {
        let side = |commit: Oid| self.repo.snapshot(&Side::Commit(commit));
        let (bundle, snapshot) = match (&operation.after, &operation.replaced, since) {
            (Some(after), _, _) => (after, side(self.head)?),
            (None, Some(before), Some(since)) => (before, side(since)?),
            _ => return Ok(None),
        };
        for path in bundle.files.keys() {
            let mut there = false;
            for path in self.places(path) {
                there = there || snapshot.entry(&git::from_path(&path))?.is_some();
            }
            if !there {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    }

    /// Where a file of a version lies: below the policy root; a kind of gateway that a folder above adds
    /// has its path from the repository's root on.
    fn places(&self, path: &str) -> [PathBuf; 2] {
        [self.folder.join(path), PathBuf::from(path)]
    }

    /// The files that an operation is about.
    fn paths(&self, operation: &Operation) -> BTreeSet<Vec<u8>> {
        let mut paths = BTreeSet::new();
        for bundle in [&operation.replaced, &operation.after].into_iter().flatten() {
            let inside = bundle.files.keys().flat_map(|path| self.places(path));
            let file = self.folder.join(&bundle.path);
            let config = file.ancestors().skip(1).map(|folder| folder.join(config::FILE_NAME));
            paths.extend(inside.chain(config).map(|path| git::from_path(&path)));
        }
        paths
    }
}

impl Hands {
    fn unknown(why: &str, help: Option<&str>) -> Hands {
        let help = help.map_or(String::new(), |help| format!("; {help}"));
        let unknown = format!("{why}, so it cannot be told who had a hand in the change{help}");
        Hands { unknown: Some(unknown), ..Hands::default() }
    }
}

fn is_config(path: &[u8]) -> bool {
    path == config::FILE_NAME.as_bytes() || path.ends_with(format!("/{}", config::FILE_NAME).as_bytes())
}

/// The configurations of history, each read once.
struct Configs<'a> {
    policies: &'a Policies<'a>,
    known: BTreeMap<Oid, Option<Config>>,
}

impl Configs<'_> {
    /// Whether a commit that touches a luascale.yaml has a hand in a policy.
    fn concerns(&mut self, touch: &Touch, operation: &Operation) -> Result<bool, Failure> {
        // Where it goes, whatever a configuration says may be why.
        if operation.after.is_none() {
            return Ok(true);
        }
        let folder = git::to_path(&touch.path).parent().map(PathBuf::from).unwrap_or_default();
        let (before, after) = (self.read(touch.before)?, self.read(touch.after)?);
        let (Some(before), Some(after)) = (before, after) else { return Ok(true) };
        for bundle in [&operation.replaced, &operation.after].into_iter().flatten() {
            let whole = self.policies.folder.join(&bundle.path);
            let Ok(path) = whole.strip_prefix(&folder) else { return Ok(true) };
            let entry =
                |config: &Config| config.policy(&files::shown(path)).map(|found| entry_json(&found.table));
            if entry(&before) != entry(&after) || (has_kinds(bundle) && kinds(&before) != kinds(&after)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a file says; an empty one where there is none, nothing where it cannot be used.
    fn read(&mut self, blob: Option<Oid>) -> Result<Option<Config>, Failure> {
        let Some(blob) = blob else { return Ok(Some(Config::default())) };
        if let Some(known) = self.known.get(&blob) {
            return Ok(known.clone());
        }
        let snapshot = self.policies.repo.snapshot(&Side::Commit(self.policies.head))?;
        let bytes = snapshot.blob(blob, files::MAX_SOURCE).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let parsed = text.map(|text| config::parse(&Source::new(config::FILE_NAME, text)));
        let config = parsed.filter(|(_, findings)| findings.is_empty()).map(|(config, _)| config);
        self.known.insert(blob, config.clone());
        Ok(config)
    }
}

/// Whether a policy has kinds of gateways of its own: files that are no Lua.
fn has_kinds(bundle: &Bundle) -> bool {
    bundle.files.keys().any(|path| path.ends_with(".yaml") || path.ends_with(".yml"))
}

fn kinds(config: &Config) -> Vec<&str> {
    config.catalogue.iter().map(|file| file.value.as_str()).collect()
}
