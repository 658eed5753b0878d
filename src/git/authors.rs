//! Who wrote what lies between two commits. May import: siblings.

use super::{Error, Repo, unreadable};
use git2::{Oid, Sort};
use std::path::Path;

/// Most commits that are gone through: a change that has more is told to be too large.
const MOST: usize = 10_000;

/// Who commits on a forge's side when people press a button there: nobody's own work.
const FORGES: [&str; 3] = ["noreply@github.com", "noreply@gitlab.com", "noreply@codeberg.org"];

/// A part of a change and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The commit.
    pub commit: Oid,
    /// The name in it.
    pub name: String,
    /// The address in it.
    pub address: String,
    /// The signature of the commit, as it is written there, where it has one.
    pub signature: Option<Vec<u8>>,
}

/// Who git says works in a folder: `user.name`, else `user.email`.
pub fn user(folder: &Path) -> Option<String> {
    let own = git2::Repository::discover(folder).and_then(|repo| repo.config());
    let config = own.or_else(|_| git2::Config::open_default()).ok()?;
    let one = |key: &str| config.get_string(key).ok().map(|name| name.trim().to_owned());
    ["user.name", "user.email"].into_iter().filter_map(one).find(|name| !name.is_empty())
}

impl Repo {
    /// Who wrote the commits that `head` has and `base` does not: authors, those who committed
    /// them (but for forges), and those whom `Co-authored-by` names. A merge whose tree is what merging gives by itself is nobody's work.
    ///
    /// # Errors
    /// Where the commits cannot be read, or are more than 10,000.
    pub fn written(&self, base: Option<Oid>, head: Oid) -> Result<Vec<Written>, Error> {
        let repo = self.lock();
        let failed = |error: git2::Error| unreadable("the commits of the change", &error);
        let mut walk = repo.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(failed)?;
        walk.push(head).map_err(failed)?;
        if let Some(base) = base {
            walk.hide(base).map_err(failed)?;
        }
        let mut written = Vec::new();
        for (count, id) in walk.enumerate() {
            if count >= MOST {
                return Err(Error::repository(format!("the change has more than {MOST} commits")));
            }
            let id = id.map_err(failed)?;
            let commit = repo.find_commit(id).map_err(failed)?;
            if is_plain_merge(&repo, &commit) {
                continue;
            }
            written.extend(people(&repo, &commit));
        }
        Ok(written)
    }

    /// Where the repository is kept: the address of `origin`, without a user and a password.
    pub fn origin(&self) -> Option<String> {
        let repo = self.lock();
        let remote = repo.find_remote("origin").ok()?;
        let url = String::from_utf8_lossy(remote.url_bytes()).into_owned();
        Some(without_user(&url))
    }

    /// Whether a commit is another, or comes after it.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn descends(&self, from: Oid, ancestor: Oid) -> Result<bool, Error> {
        if from == ancestor {
            return Ok(true);
        }
        let repo = self.lock();
        if repo.find_commit(ancestor).is_err() {
            return Ok(false);
        }
        repo.graph_descendant_of(from, ancestor).map_err(|error| unreadable("the history", &error))
    }
}

/// Those who had a hand in a commit.
pub(super) fn people(repo: &git2::Repository, commit: &git2::Commit<'_>) -> Vec<Written> {
    let id = commit.id();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let one = |name: String, address: String| Written { commit: id, name, address, signature: None };
    let author = commit.author();
    let signature = repo.extract_signature(&id, None).ok().map(|(signature, _)| signature.to_vec());
    let mut people =
        vec![Written { signature, ..one(text(author.name_bytes()), text(author.email_bytes())) }];
    let committer = commit.committer();
    let committed = text(committer.email_bytes());
    if !FORGES.iter().any(|forge| committed.eq_ignore_ascii_case(forge)) {
        people.push(one(text(committer.name_bytes()), committed));
    }
    let message = text(commit.message_bytes());
    people.extend(message.lines().flat_map(co_authors).map(|(name, address)| one(name, address)));
    people
}

/// An address of a repository without a user, a password, a query.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let path = path.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{host}/{path}")
        }
        None => url.rsplit_once('@').map_or(url, |(_, host)| host).to_owned(),
    }
}

/// Whether a merge of two commits has the tree that merging them gives without a hand in it.
pub(super) fn is_plain_merge(repo: &git2::Repository, commit: &git2::Commit<'_>) -> bool {
    if commit.parent_count() != 2 {
        return false;
    }
    let merged = || {
        let (ours, theirs) = (commit.parent(0).ok()?, commit.parent(1).ok()?);
        let index = repo.merge_commits(&ours, &theirs, None).ok()?;
        if index.has_conflicts() {
            return None;
        }
        let diff = repo.diff_tree_to_index(Some(&commit.tree().ok()?), Some(&index), None).ok()?;
        Some(diff.deltas().len() == 0)
    };
    merged().unwrap_or(false)
}

/// Whom a line with `Co-authored-by` names, however it is written: every address in it, and what
/// stands before the first. Naming one too many costs an approval; one too few lets an author
/// approve.
fn co_authors(line: &str) -> Vec<(String, String)> {
    const KEY: &str = "co-authored-by";
    let lower = line.to_lowercase();
    let Some((_, rest)) = lower.split_once(KEY) else { return Vec::new() };
    let name = rest.split(['<', '(', '[']).next().unwrap_or_default().trim_matches([':', ' ', '\t']);
    let edge = |c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c);
    let mut found: Vec<(String, String)> = rest
        .split(edge)
        .filter(|word| word.contains('@'))
        .map(|address| (name.to_owned(), address.to_owned()))
        .collect();
    if found.is_empty() {
        found.push((name.to_owned(), String::new()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_kept_out() {
        for (url, shown) in [
            ("https://x-access-token:s3cret@forge.example/a/b.git?t=1", "https://forge.example/a/b.git"),
            ("https://forge.example/a@b/c", "https://forge.example/a@b/c"),
            ("git@forge.example:a/b.git", "forge.example:a/b.git"),
            ("/srv/git/b.git", "/srv/git/b.git"),
        ] {
            assert_eq!(without_user(url), shown);
        }
    }

    #[test]
    fn whom_a_trailer_names_wrote_too() {
        let ann = vec![("ann b".to_owned(), "ann@example.com".to_owned())];
        for line in [
            "Co-authored-by: Ann B <ann@example.com>",
            "co-Authored-By:Ann B <ann@example.com> ",
            " * Co-authored-by Ann B <Ann@Example.com",
            "> co-authored-by: Ann B (ann@example.com)",
        ] {
            assert_eq!(co_authors(line), ann, "{line}");
        }
        let two = co_authors("Co-authored-by: Ann <ann@example.com>, Bob <bob@example.com>");
        assert_eq!(
            two.iter().map(|(_, at)| at.as_str()).collect::<Vec<_>>(),
            ["ann@example.com", "bob@example.com"]
        );
        assert_eq!(co_authors("Reviewed-by: Ann B <ann@example.com>"), []);
    }
}
