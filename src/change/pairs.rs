//! Which policy of one side is which of the other: by name; where a name is gone and another has
//! come, by what it scales or what it is. May import: `model`, siblings.

use super::code::Code;
use crate::model::Policy;
use std::collections::BTreeSet;

/// A policy of one side, as far as pairing needs it.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its file.
    pub path: &'a str,
    /// The policy.
    pub policy: &'a Policy,
    /// What its functions do.
    pub code: &'a Code,
}

/// What belongs together: positions in the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// In the older list.
    pub before: Option<usize>,
    /// In the newer list.
    pub after: Option<usize>,
}

/// Whether two policies are one.
type Sign<'s> = dyn Fn(&Candidate<'_>, &Candidate<'_>) -> bool + 's;

/// Pairs two lists. `moved` tells the newer path of an older file that was renamed. In the order
/// of the newer list, what is gone at the end.
pub fn pairs(
    before: &[Candidate<'_>],
    after: &[Candidate<'_>],
    moved: &dyn Fn(&str) -> Option<String>,
) -> Vec<Pair> {
    let mut free: BTreeSet<usize> = (0..before.len()).collect();
    let mut found: Vec<Pair> = (0..after.len()).map(|at| Pair { before: None, after: Some(at) }).collect();
    let here = |old: &Candidate<'_>| moved(old.path).unwrap_or_else(|| old.path.to_string());
    // From the surest sign to the weakest, so that none takes what a surer one would have had.
    let signs: [&Sign<'_>; 6] = [
        &|old, new| old.id == new.id && here(old) == new.path,
        &|old, new| old.id == new.id,
        &|old, new| here(old) == new.path && same_target(old.policy, new.policy),
        &|old, new| same_target(old.policy, new.policy),
        &|old, new| old.code.whole == new.code.whole || same_body(old, new),
        &|old, new| here(old) == new.path && old.policy.target.is_none() && new.policy.target.is_none(),
    ];
    for sign in signs {
        for pair in found.iter_mut().filter(|pair| pair.before.is_none()) {
            let Some(new) = pair.after.and_then(|at| after.get(at)) else { continue };
            // A name that both sides have is no rename of another.
            let old = free.iter().copied().find(|at| before.get(*at).is_some_and(|old| sign(old, new)));
            if let Some(at) = old {
                free.remove(&at);
                pair.before = Some(at);
            }
        }
    }
    found.extend(free.into_iter().map(|at| Pair { before: Some(at), after: None }));
    found
}

fn same_target(a: &Policy, b: &Policy) -> bool {
    match (&a.target, &b.target) {
        (Some(a), Some(b)) => a.value == b.value,
        _ => false,
    }
}

/// Whether they differ in their names alone.
fn same_body(old: &Candidate<'_>, new: &Candidate<'_>) -> bool {
    use super::meaning::{Version, compare};
    let changes = compare(
        Version { policy: old.policy, code: old.code },
        Version { policy: new.policy, code: new.code },
    );
    changes.iter().all(|change| change.field == "name")
}
