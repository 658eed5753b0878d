//! What is compared: `A..B` and its forms, the merge base with the default branch. May import:
//! siblings.

use super::{Error, Repo, SHALLOW, Side, short, shown};
use git2::{ErrorCode, Oid};

/// Most commits that are counted to say how much a shallow clone has.
const MOST_COUNTED: usize = 1_000;

/// Two sides to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The older one.
    pub before: Side,
    /// The newer one.
    pub after: Side,
    /// The branch whose merge base with HEAD is the older side, in short, and its commit, where
    /// the range was not written out.
    pub base: Option<(String, Oid)>,
    /// The merge base, where the older side is one.
    pub merge_base: Option<Oid>,
    /// How the older side is called.
    pub before_label: String,
    /// How the newer side is called.
    pub after_label: String,
}

/// How the work tree is called.
const WORK_TREE: &str = "work tree";

impl Repo {
    /// What a range means: `A..B` from A to B; `A...B` from their merge base to B; `A` from A to
    /// the work tree; nothing from the merge base of HEAD and the default branch to the work tree.
    ///
    /// # Errors
    /// A revision that is none; a merge base that is not there.
    pub fn range(&self, range: Option<&str>) -> Result<Range, Error> {
        let Some(range) = range.map(str::trim).filter(|range| !range.is_empty()) else {
            return self.own_range();
        };
        let head = |text: &str| if text.is_empty() { "HEAD".to_string() } else { text.to_string() };
        if let Some((a, b)) = range.split_once("...") {
            let (a, b) = (head(a), head(b));
            let (one, two) = (self.resolve(&a)?.id, self.resolve(&b)?.id);
            let base = self.merge_base((&a, one), (&b, two))?;
            return Ok(Range {
                before: Side::Commit(base),
                after: Side::Commit(two),
                base: None,
                merge_base: Some(base),
                before_label: format!("{} (merge base of {} and {})", short(base), shown(&a), shown(&b)),
                after_label: labelled(&b, two),
            });
        }
        if let Some((a, b)) = range.split_once("..") {
            let (a, b) = (head(a), head(b));
            let (one, two) = (self.resolve(&a)?.id, self.resolve(&b)?.id);
            return Ok(Range {
                before: Side::Commit(one),
                after: Side::Commit(two),
                base: None,
                merge_base: None,
                before_label: labelled(&a, one),
                after_label: labelled(&b, two),
            });
        }
        let one = self.resolve(range)?.id;
        if self.workdir().is_none() {
            return Err(Error::usage(format!(
                "a bare repository has no work tree to compare {} with",
                shown(range)
            ))
            .hint(format!("name both sides: {}..HEAD", shown(range))));
        }
        Ok(Range {
            before: Side::Commit(one),
            after: Side::WorkTree,
            base: None,
            merge_base: None,
            before_label: labelled(range, one),
            after_label: WORK_TREE.into(),
        })
    }

    /// The range where none is written.
    fn own_range(&self) -> Result<Range, Error> {
        let Some(head) = self.head()? else {
            if self.workdir().is_none() {
                return Err(Error::usage("there is no commit yet, and no work tree"));
            }
            return Ok(Range {
                before: Side::Empty,
                after: Side::WorkTree,
                base: None,
                merge_base: None,
                before_label: "nothing (no commit yet)".into(),
                after_label: WORK_TREE.into(),
            });
        };
        if self.workdir().is_none() {
            return Err(Error::usage("a bare repository has no work tree to compare with")
                .hint("name both sides: main~1..main"));
        }
        let (name, tip) = self.default_branch()?;
        let base = self.merge_base((&name, tip), ("HEAD", head))?;
        let before_label = if base == head {
            labelled("HEAD", base)
        } else {
            format!("{} (merge base with {})", short(base), shown(&name))
        };
        Ok(Range {
            before: Side::Commit(base),
            after: Side::WorkTree,
            base: Some((name, tip)),
            merge_base: Some(base),
            before_label,
            after_label: WORK_TREE.into(),
        })
    }

    /// The branch that changes go to, in short, and its commit: that which `origin/HEAD` names,
    /// else `main` or `master`, of the remote first, else the only branch there is.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub fn default_branch(&self) -> Result<(String, Oid), Error> {
        {
            let repo = self.lock();
            let named = repo
                .find_reference("refs/remotes/origin/HEAD")
                .ok()
                .and_then(|r| Some(String::from_utf8_lossy(r.symbolic_target_bytes()?).into_owned()));
            let usual = ["refs/remotes/origin/", "refs/heads/"]
                .iter()
                .flat_map(|at| ["main", "master"].iter().map(move |name| format!("{at}{name}")));
            for name in named.into_iter().chain(usual) {
                if let Ok(commit) = repo.find_reference(&name).and_then(|r| r.peel_to_commit()) {
                    let short = name.trim_start_matches("refs/remotes/").trim_start_matches("refs/heads/");
                    return Ok((short.to_string(), commit.id()));
                }
            }
            let all: Vec<_> =
                repo.branches(Some(git2::BranchType::Local)).into_iter().flatten().take(2).collect();
            if let [Ok((only, _))] = all.as_slice()
                && let Ok(commit) = only.get().peel_to_commit()
            {
                let name = String::from_utf8_lossy(only.get().shorthand_bytes()).into_owned();
                return Ok((name, commit.id()));
            }
        }
        let error = Error::usage("cannot tell which branch is the default one")
            .hint("name what to compare with: luascale diff REVISION");
        Err(if self.is_shallow() { error.hint(SHALLOW) } else { error })
    }

    /// The merge base of two commits.
    ///
    /// # Errors
    /// Where they have none, or a shallow clone does not reach back to it.
    pub fn merge_base(&self, one: (&str, Oid), two: (&str, Oid)) -> Result<Oid, Error> {
        let found = self.lock().merge_base(one.1, two.1);
        match found {
            Ok(base) => Ok(base),
            Err(error) if error.code() == ErrorCode::NotFound => {
                let (a, b) = (shown(one.0), shown(two.0));
                if !self.is_shallow() {
                    return Err(Error::usage(format!("{a} and {b} have no commit in common"))
                        .hint(format!("compare the two as they are: {a}..{b}")));
                }
                let has = self.reachable(two.1, MOST_COUNTED);
                let s = if has == 1 { "" } else { "s" };
                Err(Error::repository(format!(
                    "the merge base of {a} and {b} is not in this shallow clone, which has {has} commit{s} of {b}; \
                     a fetch-depth of 0 (git fetch --unshallow) brings it"
                )))
            }
            Err(error) => Err(super::unreadable("the merge base", &error)),
        }
    }
}

/// A revision as it was written, and what it means.
fn labelled(written: &str, id: Oid) -> String {
    let short = short(id);
    if id.to_string().starts_with(written) { short } else { format!("{} ({short})", shown(written)) }
}
