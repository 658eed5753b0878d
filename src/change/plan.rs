//! A plan: what is to be done to a target so that it holds what git has, as a file that people
//! read and approve. It is evidence and never authority: whoever applies one plans again and
//! compares ([`super::stale`]). May import: siblings, `text`, `model`.

use super::canonical::{canonical, is_sha256, sha256};
use super::governed::Altered;
use crate::model::Finding;
use crate::model::finding::did_you_mean;
use crate::text::Source;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What `format` says in the plans that this version reads and writes.
pub const FORMAT: &str = "luascale-plan/1";

/// How long a plan may be applied: seven days.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How much the clocks of two machines may differ: five minutes.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Share of the live policies, in percent, from beyond which deletions have to be allowed by
/// their number.
pub const MOST_DELETIONS_PERCENT: usize = 20;

/// Largest plan that is read, in bytes.
pub const MAX_PLAN: u64 = 64 << 20;

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: String,
    /// What made it.
    pub tool: Tool,
    /// When it was made, RFC 3339 in UTC.
    pub created: String,
    /// Until when it may be applied, likewise.
    pub expires: String,
    /// The revisions.
    pub git: Revisions,
    /// Digest of the luascale.yaml of the base, without what it says of policies; nothing where
    /// the base has none.
    pub config: Option<String>,
    /// The paths that were asked for, relative to the repository; empty: all.
    pub scope: Vec<String>,
    /// How many deletions were allowed, where it was said.
    pub allow_prune: Option<u32>,
    /// Where it would be applied.
    pub target: TargetId,
    /// Every policy that git or the target has, sorted by id.
    pub policies: Vec<Planned>,
    /// What it does to the approval that the target asks for; none where it leaves that alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Altered>,
    /// What is approved: see [`changes_digest`].
    pub changes_digest: String,
    /// Digest of the canonical JSON of all other keys.
    pub sha256: String,
}

/// What made a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Version of luascale.
    pub version: String,
    /// Digest of its rule set.
    pub rules: String,
}

/// The revisions of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revisions {
    /// Where the repository is kept, without a user or a password, where it says.
    pub repository: Option<String>,
    /// The number of the pull request, where the surroundings say.
    pub pull_request: Option<u64>,
    /// The branch or revision that the change is held against, as it was named.
    pub base: Option<String>,
    /// The commit that the change starts from: configuration and signers are read there.
    pub merge_base: Option<String>,
    /// The commit whose policies are planned.
    pub head: String,
}

/// Which target, and its state when it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetId {
    /// `directory`, `kubernetes`.
    pub kind: String,
    /// What tells it from every other: a directory's lineage, a cluster's UID.
    pub identity: String,
    /// How often it had been written to.
    pub serial: u64,
}

/// What happens to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Git has it, the target does not.
    Create,
    /// Both have it, in different versions.
    Update,
    /// The target has it, git does not.
    Delete,
    /// Both have the same.
    None,
}

impl Op {
    /// The word for it in a plan.
    pub fn word(self) -> &'static str {
        match self {
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
            Op::None => "none",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A policy in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The policy's name.
    pub id: String,
    /// Its file, relative to the policy root.
    pub path: String,
    /// What happens to it.
    pub op: Op,
    /// Digest of the version that is live.
    pub before: Option<String>,
    /// Digest of the version that git has.
    pub after: Option<String>,
    /// The generation that put what is live there, or took away what was; none where nothing ever was,
    /// or that was not kept yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The generation of the rollback that holds it where it is: then nothing happens to it.
    pub held: Option<u64>,
    /// What the change means, most important first.
    pub meaning: Vec<Meaning>,
    /// What `check` found in it.
    pub lint: Option<Lint>,
    /// What both versions do on the recordings that are mapped to it.
    pub behaviour: Option<Behaviour>,
}

/// A thing that a change does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// `tightens`, `loosens`, `cost`, `availability`, `effects` or `cosmetic`; `new` and `gone` of a
    /// policy that comes or goes.
    pub class: String,
    /// All that it is about, the weightiest first; plans of the first days have none.
    #[serde(default)]
    pub classes: Vec<String>,
    /// What stood there and what stands there now, as `diff` writes it: `0.7 → 0.6`.
    #[serde(default)]
    pub change: Option<String>,
    /// In words.
    pub text: String,
}

/// What `check` found in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lint {
    /// How many errors.
    pub errors: u32,
    /// How many warnings.
    pub warnings: u32,
    /// How many notes.
    pub notes: u32,
    /// Digest of the findings.
    pub digest: String,
}

/// How two versions behave on the same recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Digest of the recordings.
    pub input: String,
    /// In a sentence or two.
    pub summary: Vec<String>,
}

/// A version of a policy: where it is written and what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its file, relative to the policy root.
    pub path: String,
    /// [`super::Bundle::digest`].
    pub digest: String,
}

/// What becomes of every policy, sorted by id: `git` is held against what is `live`, of which
/// only those count that `in_scope` says by their path. `held` gives the rollback that keeps a
/// policy from becoming what git has.
pub fn policies(
    live: &BTreeMap<String, Version>,
    git: &BTreeMap<String, Version>,
    in_scope: &dyn Fn(&str) -> bool,
    held: &dyn Fn(&str, Option<&str>) -> Option<u64>,
) -> Vec<Planned> {
    let ids: BTreeSet<&String> = live.keys().chain(git.keys()).collect();
    let planned = ids.into_iter().filter_map(|id| {
        let (before, after) = (live.get(id), git.get(id));
        let op = match (before, after) {
            (None, None) => return None,
            (None, Some(_)) => Op::Create,
            (Some(before), None) if !in_scope(&before.path) => return None,
            (Some(_), None) => Op::Delete,
            (Some(before), Some(after)) if before.digest == after.digest => Op::None,
            (Some(_), Some(_)) => Op::Update,
        };
        let held = held(id, after.map(|version| version.digest.as_str())).filter(|_| op != Op::None);
        Some(Planned {
            id: id.clone(),
            path: after.or(before)?.path.clone(),
            op: if held.is_some() { Op::None } else { op },
            since: None,
            held,
            before: before.map(|version| version.digest.clone()),
            after: after.map(|version| version.digest.clone()),
            meaning: Vec::new(),
            lint: None,
            behaviour: None,
        })
    });
    planned.collect()
}

/// Why so many deletions are refused, in a sentence: all of what is live, for git has no policy;
/// or more than a fifth of it. `allowed` is the number that was allowed, which covers as many.
pub fn prune_refused(policies: &[Planned], live: usize, allowed: Option<u32>) -> Option<String> {
    let deletions = policies.iter().filter(|policy| policy.op == Op::Delete).count();
    let kept = policies.iter().any(|policy| policy.after.is_some());
    let many = deletions * 100 > live * MOST_DELETIONS_PERCENT;
    let covered = allowed.is_some_and(|allowed| deletions <= allowed as usize);
    if deletions == 0 || covered || (kept && !many) {
        return None;
    }
    let of = format!("{deletions} of the {live} live polic{}", if live == 1 { "y" } else { "ies" });
    let said = allowed.map_or(String::new(), |allowed| format!("; --allow-prune {allowed} allows fewer"));
    Some(if kept {
        format!("this would delete {of}, more than {MOST_DELETIONS_PERCENT}%{said}")
    } else {
        format!("git has no policy here, so this would delete {of}{said}")
    })
}

/// What is approved and compared: `sha256:` and the digest of the plan's [`statement`].
pub fn changes_digest(plan: &Plan) -> String {
    let approval = plan.approval.as_ref().map(|altered| altered.after.as_str());
    sha256(statement(&plan.target, &plan.policies, approval, plan.allow_prune).as_bytes())
}

/// What somebody who approves agrees to: the canonical JSON of
/// `{"changes": [[id, op, before, after, since], …], "target": [kind, identity]}`, with the policies
/// that change, sorted by id, and null for a version that is not there; `since` is left out where it
/// is not known. Where the change alters who has to approve, `"approval"` is the digest of what it
/// is afterwards; where deletions are allowed, `"allow_prune"` is their number.
///
/// It says nothing of commits, so that it outlives a squash, a rebase and a merge queue. By `since`
/// it is of one moment of the target: the same change, proposed again after it was taken back, is
/// another one.
pub fn statement(
    target: &TargetId,
    policies: &[Planned],
    approval: Option<&str>,
    allow_prune: Option<u32>,
) -> String {
    let mut changes: Vec<&Planned> = policies.iter().filter(|policy| policy.op != Op::None).collect();
    changes.sort_by(|a, b| a.id.cmp(&b.id));
    let changes: Vec<Value> = changes.into_iter().map(change).collect();
    let mut parts = serde_json::json!({ "changes": changes, "target": [target.kind, target.identity] });
    if let Some(parts) = parts.as_object_mut() {
        parts.extend(approval.map(|after| ("approval".to_owned(), after.into())));
        parts.extend(allow_prune.map(|allowed| ("allow_prune".to_owned(), allowed.into())));
    }
    canonical(&parts)
}

/// What a statement says of one policy: `[id, op, before, after, since]`.
pub fn change(policy: &Planned) -> Value {
    let mut parts = vec![Value::from(policy.id.clone()), policy.op.word().into()];
    parts.extend([policy.before.clone().into(), policy.after.clone().into()]);
    parts.extend(policy.since.map(Value::from));
    Value::Array(parts)
}

impl Plan {
    /// Those that change.
    pub fn changes(&self) -> impl Iterator<Item = &Planned> {
        self.policies.iter().filter(|policy| policy.op != Op::None)
    }

    /// Why a plan cannot have been made when it says: that is still to come, by more than clocks differ.
    pub fn is_early(&self, now: Timestamp) -> bool {
        let created = self.created.parse::<Timestamp>().ok();
        created.zip(now.checked_add(SKEW).ok()).is_none_or(|(created, latest)| created > latest)
    }

    /// How many there are of an op.
    pub fn count(&self, op: Op) -> usize {
        self.policies.iter().filter(|policy| policy.op == op).count()
    }

    /// Sets the format, the times and both digests.
    #[must_use]
    pub fn sealed(mut self, now: Timestamp) -> Plan {
        let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
        self.format = FORMAT.to_owned();
        self.created = second.to_string();
        self.expires = second.checked_add(LIFETIME).unwrap_or(second).to_string();
        self.policies.sort_by(|a, b| a.id.cmp(&b.id));
        self.changes_digest = changes_digest(&self);
        self.sha256 = self.digest();
        self
    }

    /// The digest of everything but itself.
    fn digest(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(entries) = value.as_object_mut() {
            entries.remove("sha256");
        }
        sha256(canonical(&value).as_bytes())
    }

    /// The file: canonical JSON and the end of a line.
    pub fn text(&self) -> String {
        let mut text = canonical(&serde_json::to_value(self).unwrap_or_default());
        text.push('\n');
        text
    }
}

/// Reads a plan, whose bytes have to be those that it was written with.
///
/// # Errors
/// One finding: no JSON; no plan; a plan of another format; one that was edited; keys that a
/// plan does not have.
pub fn parse(source: &Source) -> Result<Plan, Box<Finding>> {
    let name = &source.name;
    // A plan is one line, and it is no help to see all of it: the finding points at none.
    let whole = |message: String, help: &str| Box::new(Finding::error("bad-plan", message).help(help));
    let value: Value = serde_json::from_str(&source.text).map_err(|error| {
        whole(format!("{name} is no JSON: {error}"), "give a file that `luascale plan -o` wrote")
    })?;
    let again = "make a new one with `luascale plan -o`";
    match value.get("format").and_then(Value::as_str) {
        Some(FORMAT) => {}
        Some(other) if other.starts_with("luascale-plan/") => {
            let message = format!("{name} is a plan of the format {other}, and this version reads {FORMAT}");
            return Err(whole(message, again));
        }
        _ => {
            let message = format!("{name} is no plan: it does not say `\"format\":\"{FORMAT}\"`");
            return Err(whole(message, "give a file that `luascale plan -o` wrote"));
        }
    }
    let mut others = value.clone();
    let said = others.as_object_mut().and_then(|entries| entries.remove("sha256"));
    let is = sha256(canonical(&others).as_bytes());
    let Some(said) = said.as_ref().and_then(Value::as_str).filter(|said| is_sha256(said)) else {
        return Err(whole(format!("{name} does not say its own digest in `sha256`"), again));
    };
    if said != is {
        let message = format!("{name} was edited after it was made: it says {said} and is {is}");
        return Err(whole(message, again));
    }
    if source.text.strip_suffix('\n') != Some(canonical(&value).as_str()) {
        let message = format!("{name} was edited after it was made: its text is not in canonical form");
        return Err(whole(message, again));
    }
    let plan: Plan = serde_json::from_str(&source.text).map_err(|error| {
        let message = format!("{name} is no plan that this version can read: {error}");
        whole(message, &near(&error).unwrap_or_else(|| again.to_owned()))
    })?;
    if plan.changes_digest != changes_digest(&plan) {
        return Err(whole(format!("{name} has a changes_digest that is not that of its changes"), again));
    }
    let time = |key: &str, text: &str| {
        text.parse::<Timestamp>().map_err(|_| whole(format!("{name} has no time in `{key}`"), again))
    };
    let (created, expires) = (time("created", &plan.created)?, time("expires", &plan.expires)?);
    if created.checked_add(LIFETIME).map_or(true, |last| expires > last) {
        let message = format!("{name} says that it may be applied for longer than seven days");
        return Err(whole(message, again));
    }
    Ok(plan)
}

/// The key that was meant, where an error names one that is unknown.
fn near(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let mut words = text.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let typed = words.next()?;
    let known: Vec<&str> = words.collect();
    did_you_mean(typed, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
