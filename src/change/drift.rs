//! How git, what was applied and what is live stand to each other. May import: siblings.

use super::live::Live;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// What is live is neither what git has nor what was applied, and git has changed too.
    Conflict,
    /// What is live is not what was applied: somebody else changed it.
    Drifted,
    /// Git has changed since it was applied.
    Pending,
    /// A rollback holds it against what git has.
    Held,
    /// What is live is what git has.
    InSync,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Conflict => "conflict",
            State::Drifted => "drifted",
            State::Pending => "pending",
            State::Held => "held",
            State::InSync => "in sync",
        }
    }

    /// Whether something is to be done about it.
    pub fn differs(self) -> bool {
        !matches!(self, State::InSync | State::Held)
    }
}

/// A policy and its three versions; none where it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stand {
    /// Its name.
    pub id: String,
    /// How it stands.
    pub state: State,
    /// Digest of the version that git has.
    pub git: Option<String>,
    /// Digest of the version that was applied.
    pub applied: Option<String>,
    /// Digest of the version that is live.
    pub live: Option<String>,
}

/// Every policy that git has, that was applied or that is live, the most urgent first. `git`
/// gives the versions that git has; of the others those count that `in_scope` says by their names.
pub fn drift(live: &Live, git: &BTreeMap<String, String>, in_scope: &dyn Fn(&str) -> bool) -> Vec<Stand> {
    let other = live.policies.keys().chain(live.inventory.keys()).filter(|id| in_scope(id));
    let ids: BTreeSet<&String> = git.keys().chain(other).collect();
    let mut all: Vec<Stand> = ids
        .into_iter()
        .map(|id| {
            let (git, applied, now) = (git.get(id), live.inventory.get(id), live.digest(id));
            let git = git.map(String::as_str);
            let applied = applied.map(String::as_str);
            let state = if now == git {
                State::InSync
            } else if now == applied {
                if live.held(id, git).is_some() { State::Held } else { State::Pending }
            } else if git == applied || live.held(id, git).is_some() {
                State::Drifted
            } else {
                State::Conflict
            };
            let own = |digest: Option<&str>| digest.map(str::to_owned);
            Stand { id: id.clone(), state, git: own(git), applied: own(applied), live: own(now) }
        })
        .filter(|stand| stand.git.is_some() || stand.live.is_some() || stand.state.differs())
        .collect();
    all.sort_by(|a, b| (a.state, &a.id).cmp(&(b.state, &b.id)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::bundle::Bundle;
    use crate::change::live::{Hold, LivePolicy};

    #[test]
    fn every_way_that_three_versions_can_stand() {
        use State::{Conflict, Drifted, Held, InSync, Pending};
        // git, applied, live; `-` is not there.
        for (git, applied, now, held, state) in [
            ("1", "1", "1", None, Some(InSync)),
            ("2", "1", "1", None, Some(Pending)),
            ("1", "-", "-", None, Some(Pending)),
            ("-", "1", "1", None, Some(Pending)),
            ("1", "1", "2", None, Some(Drifted)),
            ("1", "1", "-", None, Some(Drifted)),
            ("-", "-", "-", None, None),
            ("-", "1", "-", None, None),
            // Done by hand as git has it: there is nothing to do.
            ("2", "1", "2", None, Some(InSync)),
            ("3", "1", "2", None, Some(Conflict)),
            ("2", "1", "-", None, Some(Conflict)),
            ("-", "1", "2", None, Some(Conflict)),
            ("2", "1", "1", Some("2"), Some(Held)),
            ("3", "1", "1", Some("2"), Some(Pending)),
            ("2", "1", "3", Some("2"), Some(Drifted)),
        ] {
            let some = |version: &str| (version != "-").then(|| version.to_owned());
            let mut live = Live::default();
            live.inventory.extend(some(applied).map(|digest| ("web".to_owned(), digest)));
            let policy = |digest| ("web".to_owned(), LivePolicy { digest, bundle: Bundle::default() });
            live.policies.extend(some(now).map(policy));
            live.hold.extend(held.map(|from| ("web".to_owned(), Hold { from: some(from), by: 9 })));
            let git = some(git).map(|digest| ("web".to_owned(), digest)).into_iter().collect();
            let found = drift(&live, &git, &|_| true);
            assert_eq!(found.first().map(|stand| stand.state), state, "{git:?} {applied} {now} {held:?}");
        }
    }

    #[test]
    fn the_most_urgent_comes_first_and_what_is_out_of_scope_is_left_out() {
        let mut live = Live::default();
        for id in ["a", "b", "c"] {
            live.inventory.insert(id.into(), "1".into());
            let digest = if id == "b" { "2" } else { "1" };
            live.policies.insert(id.into(), LivePolicy { digest: digest.into(), bundle: Bundle::default() });
        }
        let git = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "1".to_owned())].into();
        let found: Vec<_> =
            drift(&live, &git, &|id| id != "c").into_iter().map(|s| (s.id, s.state)).collect();
        assert_eq!(found, [("b".into(), State::Drifted), ("a".into(), State::InSync)]);
    }
}
