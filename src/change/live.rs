//! What lies on a target, and what is to be done to it, as data: plans are made of it, targets
//! read and perform it. May import: siblings, `model`.

use super::bundle::Bundle;
use super::canonical::sha256;
use super::governed::Governed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Which target it is. Two targets are the same where kind and id are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `directory` or `kubernetes`.
    pub kind: String,
    /// What stays the same as long as it is the same target: the lineage of a directory, the UID
    /// of a cluster's namespace `kube-system` and the namespace written to. [`Identity::NEW`]
    /// where nothing was ever applied to it.
    pub id: String,
}

impl Identity {
    /// What the id of a directory begins with to which nothing was applied yet: its lineage begins
    /// with the first apply.
    pub const NEW: &'static str = "new";

    /// The id of a directory to which nothing was applied yet, by the path that names it: what is
    /// planned for one new directory does not fit another.
    pub fn new_at(name: &str) -> String {
        let digest = sha256(name.as_bytes());
        let short = digest.trim_start_matches("sha256:").get(..16).unwrap_or_default().to_owned();
        format!("{}:{short}", Identity::NEW)
    }

    /// Whether nothing was ever applied to it.
    pub fn is_new(&self) -> bool {
        Identity::is_new_id(&self.id)
    }

    /// Whether an id is that of a target to which nothing was ever applied.
    pub fn is_new_id(id: &str) -> bool {
        id.split(':').next() == Some(Identity::NEW)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// What lies on a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Live {
    /// Number of the generation that is live; 0 where nothing was ever applied.
    pub serial: u64,
    /// The git commit that it was applied from.
    pub commit: Option<String>,
    /// What governed it when it was applied; none where that was not kept yet.
    pub governed: Option<Governed>,
    /// Policies of the own inventory that are there, by their names.
    pub policies: BTreeMap<String, LivePolicy>,
    /// The own inventory: the digest with which each policy was applied. A policy that is in here
    /// and not among `policies` was taken away by somebody else.
    pub inventory: BTreeMap<String, String>,
    /// Where what is live of each policy came from, and of those that are gone, what took them away.
    pub applied: BTreeMap<String, Applied>,
    /// Policies that a rollback holds where they are, by their names.
    pub hold: BTreeMap<String, Hold>,
    /// What is there and was not put there by luascale, in words. It is never touched.
    pub foreign: Vec<String>,
}

/// A policy on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePolicy {
    /// Digest of what is there now, read anew: [`Bundle::digest`]; `unreadable: …` where it is no
    /// bundle any more.
    pub digest: String,
    /// What is there.
    pub bundle: Bundle,
}

/// A policy that a rollback holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// What was rolled back from: the digest that is not to come back; none where the policy had
    /// been deleted.
    pub from: Option<String>,
    /// The generation that the rollback made.
    pub by: u64,
}

/// Where the version of a policy that is live came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The git commit that it was applied from: of a rollback, that of the version it brought back.
    /// Of a policy that is gone, the commit that has it no more; none where nothing says.
    pub commit: Option<String>,
    /// The generation that put it there, or took it away; none where that was not kept yet.
    pub by: Option<u64>,
}

/// What is known of each policy once a run is done: as it was before; of what it touched, the
/// commit that each came from, else that of the run. What was written before this was kept is
/// taken to come from the commit of its whole generation.
pub fn applied(
    before: &BTreeMap<String, Applied>,
    inventory: &BTreeMap<String, String>,
    whole: Option<&str>,
    run: &Run<'_>,
) -> BTreeMap<String, Applied> {
    let mut applied = before.clone();
    for id in inventory.keys().filter(|id| !before.contains_key(*id)) {
        applied.insert(id.clone(), Applied { commit: whole.map(str::to_owned), by: None });
    }
    for operation in run.operations {
        let own = run.from.get(&operation.id).cloned();
        let commit = own.unwrap_or_else(|| run.origin.commit.clone());
        applied.insert(operation.id.clone(), Applied { commit, by: Some(run.serial) });
    }
    applied
}

/// A run that makes a generation.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The generation.
    pub serial: u64,
    /// Where it came from.
    pub origin: &'a Origin,
    /// The commit of each policy that did not come from that one.
    pub from: &'a BTreeMap<String, Option<String>>,
    /// What it did.
    pub operations: &'a [Operation],
}

impl Live {
    /// Where a policy that was ever applied came from; none of one that never was, as far as is
    /// known.
    pub fn came(&self, id: &str) -> Option<Applied> {
        let whole = || Applied { commit: self.commit.clone(), by: None };
        let known = self.applied.get(id).cloned();
        known.or_else(|| self.inventory.contains_key(id).then(whole))
    }

    /// The rollback that forbids this state of a policy: as long as git has what was rolled back
    /// from, the policy stays where the rollback put it.
    pub fn held(&self, id: &str, after: Option<&str>) -> Option<&Hold> {
        self.hold.get(id).filter(|hold| hold.from.as_deref() == after)
    }

    /// Digest of a policy as it is live; none where it is not there.
    pub fn digest(&self, id: &str) -> Option<&str> {
        self.policies.get(id).map(|policy| policy.digest.as_str())
    }
}

/// One thing to do to a target: put a policy there, replace it, or take it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Name of the policy.
    pub id: String,
    /// Digest of what has to be live before; none: it must not be there.
    pub before: Option<String>,
    /// What is live before, so that an interrupted apply leaves no gap in the record.
    pub replaced: Option<Bundle>,
    /// What is live after; none: it is taken away.
    pub after: Option<Bundle>,
}

impl Operation {
    /// Digest of what is live after; none where it is taken away.
    pub fn result(&self) -> Option<String> {
        self.after.as_ref().map(Bundle::digest)
    }

    /// `create`, `update` or `delete`.
    pub fn word(&self) -> &'static str {
        match (&self.before, &self.after) {
            // Also where somebody took it away already: it goes from the inventory.
            (_, None) => "delete",
            (None, Some(_)) => "create",
            (Some(_), Some(_)) => "update",
        }
    }
}

/// Where a change came from and who stands for it; kept with every generation and in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `apply` or `rollback`.
    pub action: String,
    /// The git commit that the policies were read from.
    pub commit: Option<String>,
    /// Digest of the changes, as the plan that was approved has it.
    pub changes_digest: Option<String>,
    /// Digest of the plan.
    pub plan: Option<String>,
    /// Who approved, each in words.
    pub approvals: Vec<String>,
    /// Who ran the command: `user@host`, or what the pipeline says.
    pub actor: String,
    /// The generation that a rollback went back to.
    pub rollback_of: Option<u64>,
    /// What governs the target from then on; none in what was written before this was kept.
    // Left out where there is none, so that the digests of older lines stay what they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governed: Option<Governed>,
    /// What history asked for and was overridden by hand, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrode: Option<String>,
}

/// The end of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// How many lines it has.
    pub lines: u64,
    /// Digest of the last one.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, after: bool) -> Operation {
        let after = after.then(Bundle::default);
        Operation { id: id.into(), before: None, replaced: None, after }
    }

    #[test]
    fn what_a_run_does_not_touch_keeps_where_it_came_from() {
        let from = |commit: &str, by: Option<u64>| Applied { commit: Some(commit.into()), by };
        let known = [("web".to_owned(), from("a", Some(3)))].into();
        // `old` was applied before this was kept: its whole generation is known.
        let inventory = ["old", "web", "gone"].map(|id| (id.to_owned(), "1".to_owned())).into();
        let origin = Origin { commit: Some("c".into()), ..Origin::default() };
        let back = [("back".to_owned(), Some("a".to_owned())), ("lost".to_owned(), None)].into();
        let operations = [("gone", false), ("new", true), ("back", true), ("lost", false)];
        let operations = operations.map(|(id, after)| operation(id, after));
        let run = Run { serial: 7, origin: &origin, from: &back, operations: &operations };
        let done = applied(&known, &inventory, Some("b"), &run);
        assert_eq!(
            done,
            [
                ("back".to_owned(), from("a", Some(7))),
                ("gone".to_owned(), from("c", Some(7))),
                ("lost".to_owned(), Applied { commit: None, by: Some(7) }),
                ("new".to_owned(), from("c", Some(7))),
                ("old".to_owned(), from("b", None)),
                ("web".to_owned(), from("a", Some(3))),
            ]
            .into()
        );
        let live = Live { commit: Some("d".into()), inventory, applied: known, ..Live::default() };
        let commit = |id: &str| live.came(id).map(|came| (came.commit, came.by));
        assert_eq!(commit("web"), Some((Some("a".into()), Some(3))));
        assert_eq!(commit("old"), Some((Some("d".into()), None)));
        assert_eq!(commit("never"), None);
    }
}
