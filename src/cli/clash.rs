//! Policies that would scale one target once a plan is done: those that git has, those that a
//! rollback holds as they are live, and those that are live outside of what is planned. May import: everything.

use super::failure::Failure;
use super::revision::Revision;
use super::stored::Loader;
use crate::change::live::Live;
use crate::change::plan::Planned;
use crate::lua::Limits;
use crate::model::{Mode, Policy};
use crate::target::Refusal;
use std::collections::BTreeMap;

/// What was found.
#[derive(Debug, Default)]
pub struct Clashes {
    /// Policies that cannot be applied as long as another one is held.
    pub refused: Vec<Refusal>,
    /// What is to be said before anything is done, a sentence each.
    pub warned: Vec<String>,
}

/// Finds them. A policy that only observes scales nothing.
///
/// # Errors
/// Where luascale itself fails.
pub fn find(
    planned: &[Planned],
    live: &Live,
    revision: &Revision,
    limits: Limits,
) -> Result<Clashes, Failure> {
    let mut found = Clashes::default();
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let catalogue = revision.projects.first().map(|project| project.catalogue.clone()).unwrap_or_default();
    let mut loader = Loader::new(&catalogue, limits);
    for policy in planned.iter().filter(|policy| policy.held.is_some()) {
        let Some(there) = live.policies.get(&policy.id) else { continue };
        match loader.load(&policy.id, &there.bundle)? {
            Some((policy, _)) => {
                held.extend(scaled(&policy).map(|target| (target, policy.name.value.clone())))
            }
            None => found.warned.push(format!(
                "{}: what is held does not load, so it cannot be told whether another policy has its target",
                policy.id
            )),
        }
    }
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    let comes = |id: &str| planned.iter().any(|p| p.id == id && p.held.is_none() && p.after.is_some());
    for policy in revision.policies.iter().filter(|policy| comes(&policy.id)) {
        let Some(target) = scaled(&policy.policy) else { continue };
        if let Some(other) = held.get(&target) {
            let why = format!(
                "it scales what {other} scales, which a rollback holds live: each would undo what the other \
                 decides; change {other} in git, or roll back to where one of them is alone"
            );
            found.refused.push(Refusal { id: policy.id.clone(), why });
        }
        if let Some(other) = first.insert(target, &policy.id) {
            let ids = format!("{other} and {}", policy.id);
            found.warned.push(format!("{ids} scale the same target, each undoing what the other decides"));
        }
    }
    if first.is_empty() {
        return Ok(found);
    }
    // What is live and was not asked for stays as it is.
    let outside = live.policies.iter().filter(|(id, _)| planned.iter().all(|policy| policy.id != **id));
    for (id, there) in outside {
        let Some((policy, _)) = loader.load(id, &there.bundle)? else {
            found.warned.push(format!(
                "{id}: what is live does not load, so it cannot be told whether another policy has its target"
            ));
            continue;
        };
        if let Some(other) = scaled(&policy).and_then(|target| first.get(&target)) {
            found.warned.push(format!(
                "{id} and {other} scale the same target, each undoing what the other decides; {id} is live, and not among \
                 the paths"
            ));
        }
    }
    Ok(found)
}

/// What a policy scales, as a key.
fn scaled(policy: &Policy) -> Option<String> {
    let target = policy.target.as_ref().filter(|_| policy.mode == Mode::Scale)?;
    Some(format!("{:?}", target.value))
}
