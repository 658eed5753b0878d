//! A policy's story: the commits that made it what it is, over merges and renames. May import:
//! everything.

use super::compare::differences;
use super::failure::Failure;
use super::project::Project;
use super::revision::{self, Revision, Scope, Versioned};
use crate::change::difference::Differing;
use crate::git::{self, Commit, FileChange, Oid, Repo, Side};
use crate::lua::Limits;
use crate::model::finding::did_you_mean;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most commits that are gone through.
const MOST: usize = 200_000;

/// A commit that changed the policy.
pub struct Entry {
    /// The commit.
    pub commit: Commit,
    /// What it did to the policy; `None` where the policy does not load at it.
    pub change: Option<Differing>,
    /// The policy's name at it.
    pub id: String,
    /// Whether a shallow clone begins here: what the commit did to the policy cannot be told, and
    /// [`Entry::change`] has it as new.
    pub cut: bool,
}

/// What is known of the policy at a commit: its name and the files that it is made of.
#[derive(Clone, PartialEq, Eq)]
struct State {
    id: String,
    paths: BTreeSet<PathBuf>,
}

/// The files that a policy is made of, its configuration too.
fn paths(policy: &Versioned) -> BTreeSet<PathBuf> {
    let sources = policy.sources.iter().chain([&policy.request.source]).chain(&policy.request.catalogue);
    sources.map(|source| PathBuf::from(&*source.name)).collect()
}

/// A policy at a commit and its project, by its name; its file is sought by the name's text first.
///
/// # Errors
/// Where there is no such policy.
pub fn find(repo: &Repo, at: Oid, id: &str, limits: Limits) -> Result<(Versioned, Option<Project>), Failure> {
    let side = Side::Commit(at);
    let snapshot = repo.snapshot(&side)?;
    let names = |path: &Path| {
        let bytes = snapshot.read(&git::from_path(path), super::files::MAX_SOURCE).unwrap_or_default();
        memchr::memmem::find(&bytes, id.as_bytes()).is_some()
            || path.file_stem().is_some_and(|stem| stem == id)
    };
    let scope = Scope { paths: &[], only: Some(&names) };
    let near = revision::load(repo, &side, scope, limits, "")?;
    if let Some(found) = near.policy(id).cloned() {
        let project = near.projects.into_iter().nth(found.project);
        return Ok((found, project));
    }
    let all = revision::load(repo, &side, Scope::default(), limits, "")?;
    if let Some(found) = all.policy(id).cloned() {
        let project = all.projects.into_iter().nth(found.project);
        return Ok((found, project));
    }
    let names = all.policies.iter().map(|policy| policy.id.as_str());
    let failure = Failure::usage(format!("no policy is named {} at {}", git::shown(id), git::short(at)));
    Err(match did_you_mean(id, names) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("give the name that it has at the newest commit"),
    })
}

/// The story of a policy, from a commit back: newest first.
///
/// # Errors
/// Where there is no such policy, or the repository cannot be read.
pub fn story(repo: &Repo, from: Oid, id: &str, limits: Limits) -> Result<Vec<Entry>, Failure> {
    let (newest, _) = find(repo, from, id, limits)?;
    let mut states: BTreeMap<Oid, State> = BTreeMap::new();
    states.insert(from, State { id: id.to_string(), paths: paths(&newest) });
    let mut entries = Vec::new();
    for commit in repo.history(from, MOST)? {
        let Some(state) = states.remove(&commit) else { continue };
        let commit = repo.commit(commit)?;
        if commit.parents.is_empty() {
            // Where history begins, or was cut off.
            let cut = repo.is_cut(commit.id);
            entries.extend(step(repo, &commit, None, &state, limits)?.0.map(|entry| Entry { cut, ..entry }));
            continue;
        }
        let mut steps = Vec::new();
        let mut same = None;
        for parent in &commit.parents {
            let files = repo.changes(&Side::Commit(*parent), &Side::Commit(commit.id))?;
            if !touches(&files, &state) {
                same = Some(*parent);
                break;
            }
            steps.push((*parent, files));
        }
        if let Some(parent) = same {
            // As one of its parents has it: the story goes on there.
            states.entry(parent).or_insert(state);
            continue;
        }
        let merge = steps.len() > 1;
        for (at, (parent, files)) in steps.into_iter().enumerate() {
            let (entry, before) = step(repo, &commit, Some((parent, files)), &state, limits)?;
            // A merge that is like none of its parents is told once, against the first.
            if !merge || at == 0 {
                entries.extend(entry);
            }
            if let Some(before) = before {
                states.entry(parent).or_insert(before);
            }
        }
    }
    Ok(entries)
}

fn touches(files: &[FileChange], state: &State) -> bool {
    let path = |path: &Option<Vec<u8>>| path.as_ref().is_some_and(|p| state.paths.contains(&git::to_path(p)));
    files.iter().any(|file| path(&file.after) || path(&file.before))
}

/// What a commit did to the policy, against one parent, and what the policy was there.
fn step(
    repo: &Repo,
    commit: &Commit,
    parent: Option<(Oid, Vec<FileChange>)>,
    state: &State,
    limits: Limits,
) -> Result<(Option<Entry>, Option<State>), Failure> {
    let (side, files) = match parent {
        Some((parent, files)) => (Side::Commit(parent), files),
        None => (Side::Empty, Vec::new()),
    };
    let mut moved: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for file in &files {
        if let (Some(a), Some(b)) = (&file.before, &file.after) {
            moved.insert(git::to_path(b), git::to_path(a));
        }
    }
    let older: BTreeSet<PathBuf> =
        state.paths.iter().map(|path| moved.get(path).unwrap_or(path).clone()).collect();
    // What was there and is gone may be the same policy under another name.
    let gone: BTreeSet<PathBuf> = files
        .iter()
        .filter(|f| f.after.is_none())
        .filter_map(|f| f.before.as_deref())
        .map(git::to_path)
        .collect();
    let load = |side: &Side, wanted: &(dyn Fn(&Path) -> bool + Sync)| -> Result<Revision, Failure> {
        let scope = Scope { paths: &[], only: Some(wanted) };
        match revision::load(repo, side, scope, limits, "") {
            // A configuration that cannot be read is a commit at which nothing loads.
            Err(failure) if failure.status() == super::failure::status::USAGE => Ok(Revision::default()),
            other => other,
        }
    };
    let new = load(&Side::Commit(commit.id), &|path| state.paths.contains(path))?;
    let told = |change, id: &str| Entry { commit: commit.clone(), change, id: id.to_string(), cut: false };
    let before = State { id: state.id.clone(), paths: older.clone() };
    let Some(here) = new.policy(&state.id).cloned() else {
        return Ok((Some(told(None, &state.id)), Some(before)));
    };
    let old = load(&side, &|path| older.contains(path) || gone.contains(path))?;
    let lost = old.policies.is_empty() && !old.broken.is_empty();
    let comparison = differences(old, new, files, &[]);
    let found =
        comparison.difference.policies.iter().zip(&comparison.pairs).find(|(policy, _)| policy.id == here.id);
    Ok(match found {
        Some((policy, pair)) => {
            let old = pair.before.and_then(|at| comparison.before.policies.get(at));
            let before = old.map(|old| State { id: old.id.clone(), paths: paths(old) });
            (
                Some(told(Some(policy.clone()), &here.id)),
                before.or(lost.then_some(State { id: state.id.clone(), paths: older })),
            )
        }
        None => {
            let known =
                comparison.before.policy(&here.id).map(|old| State { id: old.id.clone(), paths: paths(old) });
            (None, known.or(Some(before)))
        }
    })
}
