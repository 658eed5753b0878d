//! Who had a hand in files: the commits that touch them, back through renames. May import:
//! siblings.

use super::authors::{Written, is_plain_merge, people};
use super::{Error, Oid, Repo, to_path, unreadable};
use git2::{Delta, DiffFindOptions, DiffOptions, Repository, Sort};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most commits that are gone through.
const MOST: usize = 1_000_000;

/// Most trees whose entries are remembered.
const MOST_TREES: usize = 50_000;

/// Beyond this many files that came or went in a commit, only those that moved unchanged are taken
/// for renamed.
const MOST_COMPARED: usize = 400;

/// Files, and from where on a hand in them counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The commit up to which it does not; none: it counts in all of history.
    pub since: Option<Oid>,
    /// Their paths, from the repository's root on.
    pub paths: BTreeSet<Vec<u8>>,
}

/// A commit that changes a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Which of those that were asked for.
    pub asked: usize,
    /// The commit.
    pub commit: Oid,
    /// The file, by its path there.
    pub path: Vec<u8>,
    /// Its blob in the parent that it differs from.
    pub before: Option<Oid>,
    /// Its blob in the commit.
    pub after: Option<Oid>,
}

/// What touched files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touches {
    /// The commits, children before their parents.
    pub all: Vec<Touch>,
    /// A commit in the range of which a shallow clone does not say what it changes.
    pub cut: Option<Oid>,
}

/// An entry of a tree: its identifier and its mode.
type Entry = Option<(Oid, i32)>;

impl Repo {
    /// The commits up to `head` that change files, a file that a commit renamed under its older
    /// name too. A merge touches what it changes of any parent, unless nobody had a hand in it.
    ///
    /// # Errors
    /// Where history cannot be read, or has more than a million commits.
    pub fn touches(&self, head: Oid, asked: &[Asked]) -> Result<Touches, Error> {
        let repo = self.lock();
        let failed = |error: git2::Error| unreadable("the history", &error);
        let mut asked = asked.to_vec();
        let order = order(&repo, head, &asked)?;
        let mut within: HashMap<Option<Oid>, HashSet<Oid>> = HashMap::new();
        for since in asked.iter().filter_map(|one| one.since) {
            if within.contains_key(&Some(since)) {
                continue;
            }
            let mut walk = repo.revwalk().map_err(failed)?;
            walk.push(head).map_err(failed)?;
            walk.hide(since).map_err(failed)?;
            within.insert(Some(since), walk.collect::<Result<_, _>>().map_err(failed)?);
        }
        let counts = |one: &Asked, id: &Oid| {
            one.since.is_none() || within.get(&one.since).is_some_and(|range| range.contains(id))
        };
        // Until no older name comes up any more: what came before a rename may have been passed already.
        loop {
            let mut walk = Walk { repo: &repo, trees: HashMap::new(), paths: paths(&asked) };
            let (mut found, mut older) = (Touches::default(), Vec::new());
            for id in &order {
                let of: Vec<usize> =
                    (0..).zip(&asked).filter(|(_, a)| counts(a, id)).map(|(at, _)| at).collect();
                if !of.is_empty() {
                    walk.commit(*id, &asked, &of, &mut found, &mut older)?;
                }
            }
            let mut more = false;
            for (at, path) in older {
                more |= asked.get_mut(at).is_some_and(|one: &mut Asked| one.paths.insert(path));
            }
            if !more {
                return Ok(found);
            }
        }
    }

    /// The commits of the first-parent line up to `head` by which some commits came to it, oldest
    /// first, each with those that it brought; `head` itself always, be it without any.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn brought(&self, head: Oid, commits: &BTreeSet<Oid>) -> Result<Vec<(Oid, BTreeSet<Oid>)>, Error> {
        let repo = self.lock();
        let failed = |error: git2::Error| unreadable("the history", &error);
        let mut open = commits.clone();
        let (mut brought, mut at) = (Vec::new(), Some(head));
        while let Some(id) = at {
            let commit = repo.find_commit(id).map_err(failed)?;
            at = commit.parent_ids().next().filter(|parent| repo.find_commit(*parent).is_ok());
            let mut here = BTreeSet::new();
            if commit.parent_count() > 1 {
                let mut walk = repo.revwalk().map_err(failed)?;
                walk.push(id).map_err(failed)?;
                if let Some(parent) = at {
                    walk.hide(parent).map_err(failed)?;
                }
                for id in walk {
                    let id = id.map_err(failed)?;
                    if open.remove(&id) {
                        here.insert(id);
                    }
                }
            } else if open.remove(&id) {
                // What is no merge brings itself alone.
                here.insert(id);
            }
            if !here.is_empty() || id == head {
                brought.push((id, here));
            }
            if open.is_empty() {
                break;
            }
        }
        brought.reverse();
        Ok(brought)
    }

    /// Those who had a hand in a commit: its author, who committed it (but for forges), and those
    /// whom `Co-authored-by` names.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn people(&self, id: Oid) -> Result<Vec<Written>, Error> {
        let repo = self.lock();
        let commit = repo.find_commit(id).map_err(|error| unreadable("the history", &error))?;
        Ok(people(&repo, &commit))
    }
}

/// The commits to look at, children before their parents.
fn order(repo: &Repository, head: Oid, asked: &[Asked]) -> Result<Vec<Oid>, Error> {
    let failed = |error: git2::Error| unreadable("the history", &error);
    let mut walk = repo.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL).map_err(failed)?;
    walk.push(head).map_err(failed)?;
    let since: Option<BTreeSet<Oid>> = asked.iter().map(|one| one.since).collect();
    let since: Vec<Oid> = since.unwrap_or_default().into_iter().collect();
    let common = match since.as_slice() {
        [] => None,
        [one] => Some(*one),
        several => repo.merge_base_many(several).ok(),
    };
    if let Some(common) = common {
        walk.hide(common).map_err(failed)?;
    }
    let order: Vec<Oid> = walk.take(MOST + 1).collect::<Result<_, _>>().map_err(failed)?;
    if order.len() > MOST {
        return Err(Error::repository(format!("the history has more than {MOST} commits")));
    }
    Ok(order)
}

/// All paths that are asked for, each once.
fn paths(asked: &[Asked]) -> Vec<Vec<u8>> {
    let all: BTreeSet<&Vec<u8>> = asked.iter().flat_map(|one| &one.paths).collect();
    all.into_iter().cloned().collect()
}

struct Walk<'a> {
    repo: &'a Repository,
    /// The entries of trees, in the order of the paths.
    trees: HashMap<Oid, Vec<Entry>>,
    paths: Vec<Vec<u8>>,
}

impl Walk<'_> {
    fn entries(&mut self, tree: Oid) -> Result<Vec<Entry>, Error> {
        if let Some(known) = self.trees.get(&tree) {
            return Ok(known.clone());
        }
        let read = self.repo.find_tree(tree).map_err(|error| unreadable("a tree", &error))?;
        let entry = |path: &Vec<u8>| {
            let entry = read.get_path(&to_path(path)).ok()?;
            Some((entry.id(), entry.filemode()))
        };
        let entries: Vec<Entry> = self.paths.iter().map(entry).collect();
        if self.trees.len() >= MOST_TREES {
            self.trees.clear();
        }
        self.trees.insert(tree, entries.clone());
        Ok(entries)
    }

    /// Adds what a commit touches, and the older names of what it renamed.
    fn commit(
        &mut self,
        id: Oid,
        asked: &[Asked],
        of: &[usize],
        found: &mut Touches,
        older: &mut Vec<(usize, Vec<u8>)>,
    ) -> Result<(), Error> {
        let failed = |error: git2::Error| unreadable("the history", &error);
        let commit = self.repo.find_commit(id).map_err(failed)?;
        let parents: Vec<git2::Commit<'_>> = commit.parents().collect();
        if parents.len() < commit.parent_count() || (parents.is_empty() && self.repo.is_shallow()) {
            found.cut.get_or_insert(id);
            return Ok(());
        }
        let own = self.entries(commit.tree_id())?;
        let mut before = Vec::new();
        for parent in parents.iter().filter(|parent| parent.tree_id() != commit.tree_id()) {
            before.push(self.entries(parent.tree_id())?);
        }
        if parents.is_empty() {
            before.push(vec![None; own.len()]);
        }
        let differs = |at: usize| before.iter().find(|entries| entries.get(at) != own.get(at));
        let touched: Vec<usize> = (0..own.len()).filter(|at| differs(*at).is_some()).collect();
        if touched.is_empty() || is_plain_merge(self.repo, &commit) {
            return Ok(());
        }
        let blob = |entries: &Vec<Entry>, at: usize| entries.get(at).copied().flatten().map(|(id, _)| id);
        let mut came = Vec::new();
        for at in touched {
            let Some(path) = self.paths.get(at) else { continue };
            let was = differs(at).and_then(|entries| blob(entries, at));
            let after = blob(&own, at);
            for asked in
                of.iter().copied().filter(|of| asked.get(*of).is_some_and(|a| a.paths.contains(path)))
            {
                let path = path.clone();
                found.all.push(Touch { asked, commit: id, path, before: was, after });
            }
            if after.is_some() && before.iter().all(|entries| blob(entries, at).is_none()) {
                came.push(path.clone());
            }
        }
        if let Some(parent) = parents.first().filter(|_| !came.is_empty()) {
            for (old, new) in renamed(self.repo, parent, &commit).map_err(failed)? {
                let of =
                    of.iter().copied().filter(|of| asked.get(*of).is_some_and(|a| a.paths.contains(&new)));
                older.extend(of.filter(|_| came.contains(&new)).map(|of| (of, old.clone())));
            }
        }
        Ok(())
    }
}

/// A file's older and its newer path.
type Renamed = (Vec<u8>, Vec<u8>);

/// The files that a commit renamed.
fn renamed(
    repo: &Repository,
    parent: &git2::Commit<'_>,
    commit: &git2::Commit<'_>,
) -> Result<Vec<Renamed>, git2::Error> {
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).context_lines(0).ignore_submodules(true);
    let (old, new) = (parent.tree()?, commit.tree()?);
    let mut diff = repo.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?;
    let mut find = DiffFindOptions::new();
    find.renames(true).rename_limit(MOST_COMPARED);
    let moved = diff.deltas().filter(|d| matches!(d.status(), Delta::Added | Delta::Deleted)).count();
    find.exact_match_only(moved > MOST_COMPARED);
    diff.find_similar(Some(&mut find))?;
    let path = |file: git2::DiffFile<'_>| file.path_bytes().map(<[u8]>::to_vec);
    let all = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
    Ok(all.filter_map(|delta| Some((path(delta.old_file())?, path(delta.new_file())?))).collect())
}
