//! The approval of a deployment environment, for the commit that is applied. May import: siblings.

use super::super::approval::{Approval, Refused, Verdict};
use super::{Account, Hand};
use crate::text::short_commit;

/// Somebody's word on a run that waits for an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Who.
    pub by: Option<Account>,
    /// `approved`, `rejected`, … as the forge has it.
    pub state: String,
    /// The environments that it is of.
    pub environments: Vec<String>,
}

/// The run that applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// The commit that it is of.
    pub head: String,
    /// What was said of it.
    pub said: Vec<Deployment>,
}

/// What the approvals of an environment come to: people who had no hand in the change, on a run
/// of the very commit that is applied.
pub fn environment(needed: u32, name: &str, head: &str, run: &Run, hands: &[Hand]) -> Verdict {
    let from = format!("environment {name}, run {}", run.id);
    let refuse = |why: String| Refused { from: from.clone(), why };
    let of = |said: &&Deployment| said.environments.iter().any(|one| one == name);
    let mut given: Vec<Result<Approval, Refused>> = Vec::new();
    if run.head != head {
        let why = format!("the run is of {}, and {} is applied", short_commit(&run.head), short_commit(head));
        return Verdict::new(needed, vec![Err(refuse(why))]);
    }
    if let Some(hand) = hands.iter().find(|hand| hand.login.is_none()) {
        let why = format!("the forge has no account for {} ({})", hand.named, short_commit(&hand.commit));
        return Verdict::new(needed, vec![Err(refuse(why))]);
    }
    if run.said.iter().filter(of).any(|said| said.state == "rejected") {
        return Verdict::new(needed, vec![Err(refuse("somebody rejected it".into()))]);
    }
    for said in run.said.iter().filter(of).filter(|said| said.state == "approved") {
        given.push(match &said.by {
            None => Err(refuse("it was approved by an account that is gone".into())),
            Some(by) if !by.person => Err(refuse(format!("{} is no person", by.login))),
            Some(by) => {
                let same = |hand: &&Hand| {
                    hand.login.as_deref().is_some_and(|login| login.eq_ignore_ascii_case(&by.login))
                };
                match hands.iter().find(same) {
                    Some(hand) => Err(refuse(format!(
                        "{} has a hand in {}: an author's own approval does not count",
                        by.login,
                        short_commit(&hand.commit)
                    ))),
                    None => {
                        let by = Approval { who: by.login.clone(), by: by.login.clone(), from: from.clone() };
                        Ok(by)
                    }
                }
            }
        });
    }
    Verdict::new(needed, given)
}
