//! What reviews on a forge prove of a change that is about to be applied: the rules, over facts
//! that were asked for at that moment. Whatever is unknown, null or in a state that nobody
//! foresaw is no approval. May import: siblings.
//!
//! An approval binds to content: the check run of luascale on the head of a pull request states
//! every change that was planned there, and its digest stands in the run's `external_id`. A review
//! approves what the last such check had stated before the review was given. The merged commit may
//! be another (a squash, a merge queue); each policy that it changes has to be stated exactly so.

mod environment;
pub mod owners;
mod request;

#[cfg(test)]
mod tests;

pub use environment::{Deployment, Run, environment};

use super::approval::{Approval, Refused, Verdict};
use super::canonical::sha256;
use super::plan::{Op, Planned, TargetId};
use jiff::Timestamp;
use owners::Owners;
use serde_json::Value;
use std::collections::BTreeMap;

/// An account of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name there.
    pub login: String,
    /// Whether it is a person's: neither a bot's nor an organisation's.
    pub person: bool,
}

/// What is needed, as the configuration of the base has it.
#[derive(Debug, Clone, Copy)]
pub struct Needed<'a> {
    /// How many people have to approve.
    pub reviews: u32,
    /// The branch that is applied.
    pub branch: &'a str,
    /// Name of the check run.
    pub check: &'a str,
    /// The app that makes it.
    pub app: u64,
    /// Whether the forge itself asks the owners of code before it merges into the branch.
    pub owners_are_asked: bool,
}

/// The latest review of a person that says yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its number.
    pub id: u64,
    /// Who gave it; none where the account is gone.
    pub by: Option<Account>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `DISMISSED`, … as the forge has it.
    pub state: String,
    /// The commit that it is of.
    pub commit: Option<String>,
    /// When it was given.
    pub at: Option<Timestamp>,
    /// Whether whoever gave it may write to the repository.
    pub may_write: bool,
}

/// A check run on the head of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// Its number: later ones have larger ones.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The app that made it.
    pub app: Option<u64>,
    /// `success`, `failure`, …; none while it runs.
    pub conclusion: Option<String>,
    /// When it ended.
    pub completed: Option<Timestamp>,
    /// What it stands for: the digest of the changes.
    pub external_id: Option<String>,
    /// Its text, which has the changes themselves.
    pub text: Option<String>,
}

/// Somebody who had a hand in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// The commit.
    pub commit: String,
    /// The account; none where the forge knows none of that address.
    pub login: Option<String>,
    /// As the commit names them.
    pub named: String,
}

/// A pull request, as the forge tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub number: u64,
    /// Whether it was merged.
    pub merged: bool,
    /// The branch that it was merged into.
    pub base: String,
    /// The last commit of its branch.
    pub head: String,
    /// The commit that it became.
    pub merge_commit: Option<String>,
    /// Who opened it.
    pub author: Option<Account>,
    /// The latest reviews, one a person.
    pub reviews: Vec<Review>,
    /// Who had a hand in its commits.
    pub hands: Vec<Hand>,
    /// The check runs on its head.
    pub checks: Vec<CheckRun>,
    /// What the rules of its branch come to, as the forge sees it: `APPROVED`, …; none where no rule
    /// asks for reviews.
    pub decision: Option<String>,
    /// The files that it changes.
    pub files: Vec<String>,
    /// The owners of code, as the branch had them before the merge; none where it has no such file.
    pub owners: Option<Owners>,
    /// Whether an account is of a team, `@organisation/team` by login, as far as the forge says.
    pub members: BTreeMap<(String, String), bool>,
}

/// A commit of the branch since what is live, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The commit.
    pub commit: String,
    /// The planned policies whose files it changes.
    pub policies: Vec<String>,
    /// The pull request that it came by, or why there is none that counts.
    pub request: Result<Request, String>,
}

/// What a check run states.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stated {
    target: Value,
    approval: Value,
    allow_prune: Value,
    changes: Vec<Value>,
}

/// The statement in a check run's text whose digest is the one that the run stands for.
fn stated(run: &CheckRun) -> Option<Stated> {
    let digest = run.external_id.as_deref()?;
    let own = |line: &&str| line.starts_with('{') && sha256(line.as_bytes()) == digest;
    let line = run.text.as_deref()?.lines().map(str::trim).find(own)?;
    let value: Value = serde_json::from_str(line).ok()?;
    Some(Stated {
        target: value.get("target")?.clone(),
        approval: value.get("approval").cloned().unwrap_or(Value::Null),
        allow_prune: value.get("allow_prune").cloned().unwrap_or(Value::Null),
        changes: value.get("changes")?.as_array()?.clone(),
    })
}

/// What is to be applied.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// The target.
    pub target: &'a TargetId,
    /// What becomes of each policy.
    pub policies: &'a [Planned],
    /// Digest of what governs the target afterwards, where that changes.
    pub approval: Option<&'a str>,
    /// How many deletions are allowed, where it is said.
    pub allow_prune: Option<u32>,
    /// The digest of all of it.
    pub digest: &'a str,
}

impl Changes<'_> {
    /// What of these changes a check run states; all of them where the digest is the same.
    fn stated_by(&self, run: &CheckRun) -> Vec<String> {
        let all = || self.policies.iter().filter(|policy| policy.op != Op::None);
        if run.external_id.as_deref() == Some(self.digest) {
            return all().map(|policy| policy.id.clone()).collect();
        }
        let Some(stated) = stated(run) else { return Vec::new() };
        let target = serde_json::json!([self.target.kind, self.target.identity]);
        // Who has to approve, and what may be deleted, is stated as a whole or not at all.
        let same = stated.target == target
            && stated.approval == self.approval.map_or(Value::Null, Value::from)
            && stated.allow_prune == self.allow_prune.map_or(Value::Null, Value::from);
        if !same {
            return Vec::new();
        }
        let same = |policy: &&Planned| stated.changes.contains(&super::plan::change(policy));
        all().filter(same).map(|policy| policy.id.clone()).collect()
    }
}

/// What the pull requests since what is live come to. `others` had a hand in the changes without
/// being named by any of the requests.
///
/// A policy is approved by a request that was merged no earlier than the last commit which changed
/// its files, and whose check states the change as it is applied.
pub fn verdict(needed: Needed<'_>, changes: Changes<'_>, parts: &[Part], others: &[Hand]) -> Verdict {
    let mut verdict = Verdict { needed: needed.reviews, ..Verdict::default() };
    let touching = parts.iter().filter(|part| !part.policies.is_empty());
    let requests = touching.filter_map(|part| part.request.as_ref().ok());
    let mut hands: Vec<Hand> = others.to_vec();
    for request in requests {
        hands.extend(request.hands.iter().cloned());
        hands.push(Hand {
            commit: format!("pull request #{}", request.number),
            login: request.author.as_ref().map(|author| author.login.clone()),
            named: "its author".into(),
        });
    }
    let commits: Vec<&str> = parts.iter().map(|part| part.commit.as_str()).collect();
    let judge =
        |(at, part)| request::judge(part, commits.get(at..).unwrap_or_default(), needed, changes, &hands);
    let judged: Vec<request::Judged> = parts.iter().enumerate().map(judge).collect();
    let mut used: Vec<usize> = Vec::new();
    for policy in changes.policies.iter().filter(|policy| policy.op != Op::None) {
        let last = parts.iter().rposition(|part| part.policies.contains(&policy.id)).unwrap_or(0);
        let mut later = judged.iter().enumerate().skip(last);
        match later.find(|(_, one)| one.why.is_empty() && one.states.contains(&policy.id)) {
            Some((at, _)) => used.push(at),
            None => {
                let from = match parts.get(last) {
                    Some(part) => {
                        format!("{}: commit {}", policy.id, crate::text::short_commit(&part.commit))
                    }
                    None => policy.id.clone(),
                };
                let why = judged.iter().skip(last).flat_map(|one| one.objections(&policy.id));
                let mut why: Vec<String> = why.collect();
                why.dedup();
                if why.is_empty() {
                    why.push("no pull request states this change".into());
                }
                verdict.refused.extend(why.into_iter().map(|why| Refused { from: from.clone(), why }));
            }
        }
    }
    used.sort_unstable();
    used.dedup();
    if verdict.refused.is_empty() {
        for approval in used.iter().filter_map(|at| judged.get(*at)).flat_map(|one| &one.approvals) {
            let one: &Approval = approval;
            if !verdict.approvals.iter().any(|other| other.who == one.who) {
                verdict.approvals.push(one.clone());
            }
        }
    }
    verdict
}
