//! Whether a plan that was kept still is what would be planned now. May import: siblings.

use super::live::Identity;
use super::plan::{Op, Plan, Planned};
use crate::model::Time;
use crate::text::{short_commit, short_digest};
use jiff::Timestamp;

/// What a plan that was kept is worth now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// It may be applied: what it changes is still to be changed, in the same way.
    Fresh,
    /// Everything that it changes is live already.
    Applied,
    /// It must not be applied: why, each in a sentence.
    Stale(Vec<String>),
}

/// Holds a plan that was kept against one that was made now, of the same target. Only the
/// policies that the kept one changes count: what else has changed since is of another plan.
pub fn agreement(kept: &Plan, now: &Plan, time: Timestamp) -> Agreement {
    let (was, is) = (&kept.target, &now.target);
    if (&was.kind, &was.identity) != (&is.kind, &is.identity) {
        if was.kind == is.kind && [&was.identity, &is.identity].iter().all(|id| Identity::is_new_id(id)) {
            return Agreement::Stale(vec![format!(
                "it is for another target: a new {} at another path than the one that is named here",
                was.kind
            )]);
        }
        return Agreement::Stale(vec![format!(
            "it is for another target: the {} {}, and this is the {} {}",
            was.kind, was.identity, is.kind, is.identity
        )]);
    }
    let same = |policy: &Planned| now.policies.iter().find(|other| other.id == policy.id);
    let mut why = Vec::new();
    let mut open = 0;
    for policy in kept.changes() {
        let fresh = same(policy);
        let live = fresh.and_then(|fresh| fresh.before.as_deref());
        let git = fresh.and_then(|fresh| fresh.after.as_deref());
        let id = &policy.id;
        if git != policy.after.as_deref() {
            let moved = if kept.git.head == now.git.head {
                String::new()
            } else {
                format!(
                    "; the head moved from {} to {}",
                    short_commit(&kept.git.head),
                    short_commit(&now.git.head)
                )
            };
            let (planned, git) = (version(policy.after.as_deref()), version(git));
            why.push(format!("{id}: {planned} was planned, and git has {git}{moved}"));
        } else if let Some(by) = fresh.and_then(|fresh| fresh.held) {
            why.push(format!(
                "{id}: it was rolled back by generation {by}, which holds until git has another version"
            ));
        } else if live == policy.after.as_deref() {
            // Done already.
        } else if live == policy.before.as_deref() {
            open += 1;
            why.extend(fresh.and_then(|fresh| moved(policy, fresh)));
        } else {
            let (before, live) = (version(policy.before.as_deref()), version(live));
            why.push(format!("{id}: {before} was live when it was planned, and now {live} is"));
        }
    }
    if why.is_empty() && open == 0 {
        return Agreement::Applied;
    }
    if kept.is_early(time) {
        why.push(format!(
            "it says that it was made at {}, which is still to come",
            Time::said_of(&kept.created)
        ));
    }
    if kept.expires.parse::<Timestamp>().map_or(true, |expires| time >= expires) {
        why.push(format!("it expired at {}", Time::said_of(&kept.expires)));
    }
    if kept.tool.rules != now.tool.rules {
        why.push(format!(
            "it was checked by another rule set: that of luascale {}, and this is {}",
            kept.tool.version, now.tool.version
        ));
    }
    if kept.config != now.config {
        why.push("the configuration of its base (luascale.yaml and the rules that it names) is not that of the base now".to_owned());
    }
    if why.is_empty() { Agreement::Fresh } else { Agreement::Stale(why) }
}

/// Whether what is live, though the same, was put there anew: then it was taken back meanwhile.
fn moved(kept: &Planned, now: &Planned) -> Option<String> {
    if kept.since == now.since {
        return None;
    }
    let by = now.since.map_or("another generation".to_owned(), |by| format!("generation {by}"));
    Some(format!(
        "{}: what is live was put there anew by {by} since it was planned; plan it again, and have that approved",
        kept.id
    ))
}

/// What a plan that was kept says otherwise than one that is made now, in words, of what changes and of
/// what it means: whoever approves it has to be told the truth. A sentence each.
pub fn differing(kept: &Plan, now: &Plan) -> Vec<String> {
    let mut why = Vec::new();
    let (was, is) = (&kept.target, &now.target);
    if (&was.kind, &was.identity) != (&is.kind, &is.identity) {
        why.push(format!(
            "it is for another target: the {} {}, and this is the {} {}",
            was.kind, was.identity, is.kind, is.identity
        ));
    }
    for policy in kept.changes() {
        let id = &policy.id;
        let Some(fresh) = now.changes().find(|fresh| fresh.id == *id) else {
            why.push(format!("{id}: it says {}, and there is nothing to do", policy.op));
            continue;
        };
        let same = (policy.op, &policy.before, &policy.after) == (fresh.op, &fresh.before, &fresh.after);
        if !same {
            let versions = |one: &Planned| {
                let (before, after) = (version(one.before.as_deref()), version(one.after.as_deref()));
                format!("{}, {before} → {after}", one.op)
            };
            why.push(format!("{id}: it says {}, and it is {}", versions(policy), versions(fresh)));
            continue;
        }
        why.extend(moved(policy, fresh));
        if policy.path != fresh.path {
            why.push(format!("{id}: it says that its file is {}, and it is {}", policy.path, fresh.path));
        }
        let texts = |one: &Planned| one.meaning.iter().map(|m| m.text.clone()).collect::<Vec<_>>();
        if policy.meaning != fresh.meaning {
            why.push(format!(
                "{id}: what the change means is {}, and it says {}",
                told(texts(fresh)),
                told(texts(policy))
            ));
        }
        let does = |one: &Planned| one.behaviour.iter().flat_map(|b| b.summary.clone()).collect::<Vec<_>>();
        if policy.behaviour != fresh.behaviour {
            why.push(format!(
                "{id}: what the change does is {}, and it says {}",
                told(does(fresh)),
                told(does(policy))
            ));
        }
        if policy.lint != fresh.lint {
            why.push(format!("{id}: what `check` finds in it is not what it says"));
        }
    }
    for fresh in now.changes().filter(|fresh| kept.changes().all(|policy| policy.id != fresh.id)) {
        why.push(format!("{}: it says nothing of {} {}", fresh.id, fresh.op, fresh.id));
    }
    if kept.approval != now.approval {
        why.push("what it does to who has to approve is not what it says".to_owned());
    }
    if kept.tool.rules != now.tool.rules {
        why.push(format!("it was made by luascale {} with another rule set", kept.tool.version));
    }
    if kept.config != now.config {
        why.push("it was made with another configuration than that of the base here".to_owned());
    }
    if why.is_empty() && kept.changes_digest != now.changes_digest {
        why.push("its changes are not those that are planned now".to_owned());
    }
    why
}

fn told(texts: Vec<String>) -> String {
    if texts.is_empty() { "not told".to_owned() } else { format!("\"{}\"", texts.join("; ")) }
}

/// The ids of the policies that a plan changes.
pub fn touched(plan: &Plan) -> Vec<&str> {
    plan.policies.iter().filter(|policy| policy.op != Op::None).map(|policy| policy.id.as_str()).collect()
}

fn version(digest: Option<&str>) -> String {
    digest.map_or_else(|| "no version".to_owned(), |digest| format!("version {}", short_digest(digest)))
}

#[cfg(test)]
#[path = "stale_tests.rs"]
mod tests;
