//! What going back to an earlier generation does, and what it holds. May import: siblings.

use super::bundle::Bundle;
use super::live::{Hold, Live, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// The operations that make `wanted` live, sorted by name: of what was applied and somebody took
/// away or changed by hand too, for the inventory and the holds are of what was applied.
pub fn operations(live: &Live, wanted: &BTreeMap<String, Bundle>) -> Vec<Operation> {
    let known = live.policies.keys().chain(live.inventory.keys());
    let ids: BTreeSet<&String> = known.chain(wanted.keys()).collect();
    let operation = |id: &String| Operation {
        id: id.clone(),
        before: live.digest(id).map(str::to_owned),
        replaced: live.policies.get(id).map(|policy| policy.bundle.clone()),
        after: wanted.get(id).cloned(),
    };
    let due = |operation: &Operation| {
        let result = operation.result();
        operation.before != result || live.inventory.get(&operation.id) != result.as_ref()
    };
    ids.into_iter().map(operation).filter(due).collect()
}

/// What is held once a rollback is done: each policy that it touches, against the version that
/// was applied to it, which is the one that git has. Where an earlier rollback holds it against
/// another one, git still has that one; and where it comes back to just that, nothing is held.
pub fn holds(live: &Live, operations: &[Operation]) -> BTreeMap<String, Hold> {
    let mut hold = live.hold.clone();
    for operation in operations {
        let from = match hold.get(&operation.id) {
            Some(earlier) => earlier.from.clone(),
            None => live.inventory.get(&operation.id).cloned(),
        };
        if from == operation.result() {
            hold.remove(&operation.id);
        } else {
            hold.insert(operation.id.clone(), Hold { from, by: live.serial.saturating_add(1) });
        }
    }
    hold
}

/// What is still held after an apply: not what it touched, nor what git has another version of
/// by now. `git` gives the version that git has, where it was asked for.
pub fn kept(
    live: &Live,
    operations: &[Operation],
    git: &dyn Fn(&str) -> Option<Option<String>>,
) -> BTreeMap<String, Hold> {
    let mut hold = live.hold.clone();
    hold.retain(|id, hold| {
        let touched = operations.iter().any(|operation| operation.id == *id);
        !touched && git(id).is_none_or(|version| version == hold.from)
    });
    hold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::live::LivePolicy;

    fn bundle(text: &str) -> Bundle {
        let files = [("a.lua".to_owned(), text.as_bytes().to_vec())].into();
        Bundle { path: "a.lua".into(), files, entry: None }
    }

    fn policies(set: &[(&str, &str)]) -> BTreeMap<String, Bundle> {
        set.iter().map(|(id, text)| ((*id).to_owned(), bundle(text))).collect()
    }

    fn live(serial: u64, set: &[(&str, &str)], hold: BTreeMap<String, Hold>) -> Live {
        let all = policies(set);
        Live {
            serial,
            inventory: all.iter().map(|(id, b)| (id.clone(), b.digest())).collect(),
            policies: all
                .into_iter()
                .map(|(id, bundle)| (id, LivePolicy { digest: bundle.digest(), bundle }))
                .collect(),
            hold,
            ..Live::default()
        }
    }

    /// Goes back to a state, and gives what is live then.
    fn back(from: &Live, to: &[(&str, &str)]) -> Live {
        let operations = operations(from, &policies(to));
        live(from.serial + 1, to, holds(from, &operations))
    }

    #[test]
    fn what_git_has_is_held_off_however_often_one_goes_back() {
        let (one, two, three) = (&[("web", "1")], &[("web", "2")], &[("web", "3")]);
        let now = back(&live(3, three, BTreeMap::new()), two);
        assert_eq!(now.held("web", Some(&bundle("3").digest())).map(|hold| hold.by), Some(4));
        assert_eq!(now.held("web", Some(&bundle("4").digest())), None);
        // Further back: git still has the third, not the second.
        let now = back(&now, one);
        assert_eq!(now.held("web", Some(&bundle("3").digest())).map(|hold| hold.by), Some(5));
        assert_eq!(now.held("web", Some(&bundle("2").digest())), None);
        // And forth to what git has: nothing is held any more.
        assert_eq!(back(&now, three).hold, BTreeMap::new());
    }

    #[test]
    fn what_was_taken_away_or_changed_by_hand_is_held_off_too() {
        let mut drifted = live(2, &[("new", "1"), ("web", "2")], BTreeMap::new());
        drifted.policies.remove("new");
        let web = bundle("1");
        drifted.policies.insert("web".into(), LivePolicy { digest: web.digest(), bundle: web });
        let done = operations(&drifted, &policies(&[("old", "1"), ("web", "1")]));
        let words: Vec<_> = done.iter().map(|o| (o.id.as_str(), o.word())).collect();
        assert_eq!(words, [("new", "delete"), ("old", "create"), ("web", "update")]);
        let hold = holds(&drifted, &done);
        let from = |id: &str| hold.get(id).and_then(|hold| hold.from.clone());
        assert_eq!((from("new"), from("old")), (Some(bundle("1").digest()), None));
        assert_eq!(from("web"), Some(bundle("2").digest()));
    }

    #[test]
    fn what_was_created_or_deleted_is_held_off_too() {
        let now =
            back(&live(2, &[("web", "1"), ("new", "1")], BTreeMap::new()), &[("web", "1"), ("old", "1")]);
        assert!(now.held("new", Some(&bundle("1").digest())).is_some());
        assert!(now.held("old", None).is_some());
        assert_eq!(now.held("old", Some(&bundle("1").digest())), None);
        assert_eq!(now.hold.get("web"), None);
    }

    #[test]
    fn an_apply_ends_the_holds_of_what_it_touches_and_of_what_git_changed() {
        let now = back(
            &live(2, &[("a", "2"), ("b", "2"), ("c", "2")], BTreeMap::new()),
            &[("a", "1"), ("b", "1"), ("c", "1")],
        );
        let done = operations(&now, &policies(&[("a", "3"), ("b", "1"), ("c", "1")]));
        // Git has b as it was rolled back from, and c again as it is live.
        let git = |id: &str| match id {
            "b" => Some(Some(bundle("2").digest())),
            "c" => Some(Some(bundle("1").digest())),
            _ => None,
        };
        assert_eq!(kept(&now, &done, &git).keys().collect::<Vec<_>>(), ["b"]);
    }
}
