//! The facts that approvals are judged by: signatures beside a plan, signers of the base, authors
//! of the change. May import: everything.
//!
//! Approvals lie in a folder beside the plan, `plan.json.approvals/`, one file each, so that
//! several people approve at once and `ssh-keygen -Y sign` can write them too.

#![expect(clippy::disallowed_methods, reason = "approvals are files beside the plan")]

use super::configuration::Configuration;
use super::failure::Failure;
use super::files;
use super::hands::Hands;
use super::past::Past;
use super::planning::Judged;
use super::terminal::Terminal;
use crate::change::approval::{self, Author, Facts, Given, Refused, Verdict};
use crate::change::governed::Governed;
use crate::change::signers::{self, Signer};
use crate::config;
use crate::git::{self, Oid, Repo, Side, Written};
use crate::model::Finding;
use crate::text::Source;
use jiff::Timestamp;
use ssh_key::{HashAlg, PublicKey, SshSig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest signature, in bytes; those of long RSA keys are about two thousand.
const MAX_SIGNATURE: u64 = 64 << 10;

/// Most signatures that are read of a plan.
const MOST_SIGNATURES: usize = 1_000;

/// Where signers are listed, unless luascale.yaml says otherwise.
pub const SIGNERS: &str = "allowed_signers";

/// The folder of a plan's approvals.
pub fn folder(plan: &Path) -> PathBuf {
    let mut name = plan.as_os_str().to_owned();
    name.push(".approvals");
    PathBuf::from(name)
}

/// The signatures beside a plan, sorted by name; none where there is no folder.
///
/// # Errors
/// Where one cannot be read: then nobody can say what it is.
pub fn given(plan: &Path) -> Result<Vec<Given>, Failure> {
    let folder = folder(plan);
    let failed = |why: String| {
        Failure::environment(format!("cannot read the approvals {}: {why}", files::shown(&folder)))
    };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| failed(error.to_string()))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(error.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "sig") {
            paths.push(path);
        }
    }
    if paths.len() > MOST_SIGNATURES {
        return Err(failed(format!("there are {} files, more than {MOST_SIGNATURES}", paths.len())));
    }
    paths.sort();
    let one = |path: &PathBuf| {
        let text = files::read_regular(path, MAX_SIGNATURE)
            .map_err(|why| Failure::environment(format!("cannot read {}: {why}", files::shown(path))))?;
        Ok(Given { from: files::shown(path), text })
    };
    paths.iter().map(one).collect()
}

/// What a change is judged by, gathered from the repository.
pub struct Standing {
    /// How many people have to approve.
    pub needed: u32,
    /// Whose signatures count.
    pub signers: Vec<Signer>,
    /// The signers that the head has.
    pub head: Vec<Signer>,
    /// Those of the base that not every list of history has, where history counts.
    pub newer: Vec<Signer>,
    /// Who wrote the change.
    pub authors: Vec<Author>,
    /// What is wrong with the signers, and the texts that it points into.
    pub findings: (Vec<Finding>, Vec<Source>),
    /// What is missing for anybody to approve, in a sentence.
    pub lack: Option<String>,
    /// Why it is not known who wrote the change, so that nobody's approval counts, in a sentence.
    pub unknown: Option<String>,
    /// What history asked for and was overridden, in a sentence.
    pub overrode: Option<String>,
    /// The commits that have a hand in each policy that changes.
    pub commits: BTreeMap<String, BTreeSet<Oid>>,
}

/// Where the rules of approval stand.
pub struct Rules<'a> {
    /// The base's configuration.
    pub configuration: &'a Configuration,
    /// The base; none where the change has no commit before it.
    pub base: Option<Oid>,
    /// The commit that is live, where the head comes after it, and the configuration there.
    pub live: Option<(Oid, &'a Configuration)>,
    /// The commit that is planned.
    pub head: Oid,
    /// What the target itself kept when what is live was applied.
    pub kept: Option<&'a Governed>,
    /// What history ever asked for, where the target kept nothing.
    pub past: Option<&'a Past>,
}

impl Rules<'_> {
    /// Gathers the facts. What is asked for is the most that the base, what is live and the target,
    /// or without its record history, ask for, and a key counts where all list it: a change cannot bring
    /// its own signers, in however many commits it comes, from whatever root, base or history it is applied.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn standing(&self, repo: &Repo) -> Result<Standing, Failure> {
        // What the target kept is what governs it; a rollback brings older commits back, not older rules.
        let live = self.live.filter(|_| self.kept.is_none());
        let asked = live.map_or(0, |(_, there)| needed(there));
        let kept = self.kept.map_or(0, |kept| kept.reviews);
        let needed = needed(self.configuration).max(asked).max(kept);
        let needed = needed.max(self.past.map_or(0, |past| past.governed.reviews));
        let mut findings = (Vec::new(), Vec::new());
        let mut at = |said: &Configuration, commit: Option<Oid>| -> Result<Option<Vec<Signer>>, Failure> {
            let Some(commit) = commit else { return Ok(None) };
            let Some(source) = source(repo, commit, &said.signers())? else { return Ok(None) };
            let (signers, found) = signers::parse(&source);
            if !found.is_empty() && !findings.1.contains(&source) {
                findings.0.extend(found);
                findings.1.push(source);
            }
            Ok(Some(signers))
        };
        let base = at(self.configuration, self.base)?;
        let listed = match live {
            Some((commit, there)) => at(there, Some(commit))?,
            None => None,
        };
        let head = at(self.configuration, Some(self.head))?.unwrap_or_default();
        let base =
            base.or_else(|| self.past.map(|past| past.signers.clone()).filter(|list| !list.is_empty()));
        let lack = base.is_none().then(|| match self.base {
            None => {
                "there is no commit before the change, so nobody is known who could approve it; signers count from the \
                 commit after theirs on: commit once more, or luascale.yaml and the signers before the policies"
                    .to_owned()
            }
            Some(commit) => {
                format!(
                    "{} has no list of allowed_signers, so nobody can approve; signers count from the change after the one that \
                     adds them",
                    git::short(commit)
                )
            }
        });
        let mut signers = base.unwrap_or_default();
        if let Some(listed) = listed {
            signers.retain(|one| listed.iter().any(|other| other.key.key_data() == one.key.key_data()));
        }
        if let Some(kept) = self.kept.filter(|kept| kept.reviews > 0 || !kept.signers.is_empty()) {
            signers.retain(|one| kept.signers.contains(&named(one)));
        }
        let lists = self.past.map_or(&[][..], |past| &past.lists);
        let (signers, newer): (Vec<Signer>, Vec<Signer>) =
            signers.into_iter().partition(|one| lists.iter().all(|list| list.contains(&named(one))));
        let lack = lack.or_else(|| {
            (signers.is_empty() && !newer.is_empty()).then(|| {
                "no key is in every list of signers that history had, so nobody can approve the first apply to this target; \
                 --trust-base goes by the base alone"
                    .to_owned()
            })
        });
        let from = self.live.map(|(commit, _)| commit).or(self.base);
        let authors = if needed == 0 { Vec::new() } else { authors(repo, from, self.head)? };
        // Where reviews on a forge count, nobody need sign.
        let reviewed = self.configuration.approval().is_some_and(|approval| approval.github.is_some());
        let lack = lack.filter(|_| needed > 0 && !reviewed);
        Ok(Standing {
            needed,
            signers,
            head,
            newer,
            authors,
            findings,
            lack,
            unknown: None,
            overrode: None,
            commits: BTreeMap::new(),
        })
    }
}

impl Standing {
    /// Adds those who had a hand in what is changed.
    pub fn add(&mut self, hands: Hands) {
        self.authors.extend(hands.written.into_iter().map(author));
        self.commits.extend(hands.commits);
        self.unknown = self.unknown.take().or(hands.unknown);
    }

    /// What is missing for anything to be approved, a sentence each.
    pub fn lacks(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().chain(&self.lack).cloned().collect::<Vec<_>>().into_iter()
    }

    /// What the approvals of some changes come to.
    pub fn verdict(&self, changes_digest: &str, given: &[Given], now: Timestamp) -> Verdict {
        if let Some(why) = &self.unknown {
            let refused = |one: &Given| Err(Refused { from: one.from.clone(), why: why.clone() });
            return Verdict::new(self.needed, given.iter().map(refused).collect());
        }
        let facts = Facts {
            changes_digest,
            base: &self.signers,
            head: &self.head,
            newer: &self.newer,
            authors: &self.authors,
            now,
        };
        Verdict::new(self.needed, given.iter().map(|given| approval::signature(given, &facts)).collect())
    }
}

/// How many people have to approve: none where nothing is said of approval, one where no number is.
fn needed(configuration: &Configuration) -> u32 {
    configuration.approval().map_or(0, |approval| approval.reviews.unwrap_or(1))
}

/// What a commit says of who has to approve.
///
/// # Errors
/// Where the repository cannot be read.
pub fn governed(repo: &Repo, said: &Configuration, commit: Oid) -> Result<Governed, Failure> {
    let listed = source(repo, commit, &said.signers())?.map(|source| signers::parse(&source).0);
    let mut signers: Vec<String> = listed.unwrap_or_default().iter().map(named).collect();
    signers.sort();
    signers.dedup();
    let branch = said.approval().and_then(|approval| approval.branch.as_ref());
    Ok(Governed {
        reviews: needed(said),
        branch: branch.map(|branch| branch.value.clone()),
        signers,
        reviewed: said.approval().and_then(reviewed),
    })
}

/// Whose reviews count, in the words that a target keeps.
pub fn reviewed(approval: &config::Approval) -> Option<String> {
    approval.github.as_ref().map(config::GitHub::words)
}

/// A signer as the target keeps it: under another name, a key is another signer.
pub fn named(signer: &Signer) -> String {
    format!("{} {}", signer.principals.join(","), signer.fingerprint())
}

fn authors(repo: &Repo, from: Option<Oid>, head: Oid) -> Result<Vec<Author>, Failure> {
    Ok(repo.written(from, head)?.into_iter().map(author).collect())
}

fn author(one: Written) -> Author {
    let key = one.signature.and_then(|signature| {
        let signature = SshSig::from_pem(&signature).ok()?;
        Some(PublicKey::from(signature.public_key().clone()).fingerprint(HashAlg::Sha256).to_string())
    });
    Author { name: one.name, address: one.address, commit: git::short(one.commit), key }
}

/// A file of a commit as text; nothing where it has none.
///
/// # Errors
/// Where it is there and cannot be read, or is no text.
pub fn source(repo: &Repo, commit: Oid, path: &str) -> Result<Option<Source>, Failure> {
    let snapshot = repo.snapshot(&Side::Commit(commit))?;
    if snapshot.entry(path.as_bytes())?.is_none() {
        return Ok(None);
    }
    let name = format!("{path}@{}", git::short(commit));
    let bytes = snapshot
        .read(path.as_bytes(), files::MAX_SOURCE)
        .map_err(|why| Failure::usage(format!("cannot read {name}: {why}")))?;
    let read = files::source(&name, bytes).map_err(|finding| Failure::usage(finding.message))?;
    Ok(Some(read))
}

/// What is wrong with the signers, and what keeps approvals from being judged here.
pub fn told(judged: &Result<Judged, Failure>, terminal: &Terminal) {
    match judged {
        Ok(judged) => {
            let (findings, sources) = &judged.standing.findings;
            terminal.findings(findings, sources, &terminal.layout(false, false));
            judged.standing.lacks().for_each(|lack| terminal.say(&format!("note: {lack}")));
        }
        Err(failure) => {
            terminal
                .say(&format!("note: approvals are judged when it is applied; from here: {}", failure.error));
        }
    }
}
