//! Commits in their order. May import: siblings.

use super::{Error, Oid, Repo, unreadable};
use git2::Sort;

impl Repo {
    /// The commits that can be reached from one, children before their parents, at most `most`.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn history(&self, from: Oid, most: usize) -> Result<Vec<Oid>, Error> {
        let repo = self.lock();
        let fail = |e: git2::Error| unreadable("the history", &e);
        let mut walk = repo.revwalk().map_err(fail)?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(fail)?;
        walk.push(from).map_err(fail)?;
        walk.take(most).collect::<Result<_, _>>().map_err(fail)
    }
}
