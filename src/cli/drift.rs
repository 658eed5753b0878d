//! `luascale drift`: git, what was applied and what is live, held against each other. It never
//! writes. May import: everything.

use super::Outcome;
use super::args::{Drift, TextOrJson};
use super::args_plan::PlanningArgs;
use super::delivery;
use super::failure::{Failure, status};
use super::figures::{self, Figures};
use super::output;
use super::planning::{self, Made, Planning, Request};
use super::revision::{self, Scope};
use super::stored::Loader;
use super::terminal::Terminal;
use crate::change::Bundle;
use crate::change::drift::{Stand, State, drift};
use crate::change::meaning::{self, Version};
use crate::git::{Oid, Side};
use crate::lua::Limits;
use crate::report::drift::{self as report, Difference, Report};
use std::collections::BTreeMap;

/// Runs the command.
pub fn run(args: &Drift, terminal: &Terminal) -> Outcome {
    args.output_dir.as_deref().map_or(Ok(()), output::checked)?;
    // Nothing is deleted, so there is nothing to allow.
    let planning = PlanningArgs { held: args.held.clone(), allow_prune: None };
    let paths = planning::scope(&args.paths)?;
    let request =
        Request { paths: &paths, args: &planning, told: false, now: delivery::timestamp(), of: None };
    let planning = match planning::make(&request)? {
        Made::Planned(planning) => planning,
        Made::Broken(findings, sources) => {
            terminal.findings(&findings, &sources, &terminal.layout(false, false));
            terminal.say("what git has does not load, so nothing can be held against it");
            return Ok(status::FINDINGS);
        }
    };
    let target = planning.opened.target.as_ref();
    let live = &planning.live;
    let git = planning
        .plan
        .policies
        .iter()
        .filter_map(|policy| Some((policy.id.clone(), policy.after.clone()?)))
        .collect();
    let in_scope = |id: &str| paths.is_empty() || planning.plan.policies.iter().any(|policy| policy.id == id);
    let mut notes = planning.notes.clone();
    if let Some(journal) = target.journal()? {
        notes.push(format!(
            "the run {} of {} did not come to its end; the next apply finishes it",
            journal.id, journal.origin.actor
        ));
    }
    if let Some(lock) = target.holder()? {
        notes.push(format!("{} holds the lock {} since {}", lock.holder, lock.id, lock.acquired.said()));
    }
    let policies = drift(live, &git, &in_scope);
    let differences = differences(&planning, &policies, args.held.load_timeout)?;
    let found = Report {
        target: target.shown(),
        generation: live.serial,
        head: planning.head.to_string(),
        applied: live.commit.clone(),
        policies,
        differences,
        foreign: live.foreign.clone(),
        notes,
    };
    let text = match args.format {
        TextOrJson::Text => report::text(&found, &terminal.layout(false, false)),
        TextOrJson::Json => report::json(&found),
    };
    let differing = found.policies.iter().filter(|stand| stand.state.differs()).count();
    if let Some(folder) = &args.output_dir {
        let figures = Figures { changes: Some(differing), ..Figures::default() };
        figures::write(folder, &figures, &[("drift.json".to_owned(), report::json(&found))])?;
    }
    terminal.print(&text, None)?;
    if args.format == TextOrJson::Text {
        found.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
    }
    Ok(if differing > 0 && args.detailed_exitcode { status::CHANGES } else { status::CLEAN })
}

/// What differs, in the terms of `diff`: what git would change where it is ahead, and what somebody
/// else changed where that is not what was applied. Policies that are only on one side, and those
/// of which a side does not load, are left out or told as such.
fn differences(
    planning: &Planning,
    policies: &[Stand],
    load_ms: u64,
) -> Result<BTreeMap<String, Difference>, Failure> {
    let catalogue = planning.revision.projects.first().map(|p| p.catalogue.clone()).unwrap_or_default();
    let limits = Limits { load_ms, ..Limits::default() };
    let mut loader = Loader::new(&catalogue, limits);
    let mut applied = None;
    let mut found = BTreeMap::new();
    for stand in policies.iter().filter(|stand| stand.state.differs()) {
        let Some(live) = planning.live.policies.get(&stand.id).map(|policy| &policy.bundle) else { continue };
        let git = planning.revision.policy(&stand.id).map(|policy| &policy.bundle);
        let (before, after, to) = match stand.state {
            State::Drifted | State::Conflict if stand.git == stand.applied => (git.cloned(), live, "live"),
            State::Drifted | State::Conflict => {
                let digest = stand.applied.as_deref().unwrap_or_default();
                (as_applied(planning, &mut applied, &stand.id, digest, limits)?, live, "live")
            }
            State::Pending => match git {
                Some(git) => (Some(live.clone()), git, "git"),
                None => continue,
            },
            State::InSync | State::Held => continue,
        };
        let from = if to == "live" { "applied" } else { "live" };
        let Some(before) = before else { continue };
        let pair = match loader.load(&stand.id, &before)? {
            Some(before) => loader.load(&stand.id, after)?.map(|after| (before, after)).ok_or(to),
            None => Err(from),
        };
        let changes = pair.map(|((old, was), (new, is))| {
            meaning::compare(Version { policy: &old, code: &was }, Version { policy: &new, code: &is })
        });
        found.insert(stand.id.clone(), Difference { from, to, changes });
    }
    Ok(found)
}

/// A policy as it was applied, where the commit that it was applied from is in the clone.
fn as_applied(
    planning: &Planning,
    applied: &mut Option<BTreeMap<String, Bundle>>,
    id: &str,
    digest: &str,
    limits: Limits,
) -> Result<Option<Bundle>, Failure> {
    let all = match applied {
        Some(all) => all,
        None => {
            let commit = planning.live.commit.as_deref().and_then(|commit| commit.parse::<Oid>().ok());
            let there = commit.filter(|commit| planning.repo.commit(*commit).is_ok());
            let mut bundles = BTreeMap::new();
            if let Some(commit) = there {
                let scope = Scope { paths: &[], only: None };
                let revision =
                    revision::load(&planning.repo, &Side::Commit(commit), scope, limits, "applied")?;
                bundles.extend(revision.policies.into_iter().map(|policy| (policy.id, policy.bundle)));
            }
            applied.insert(bundles)
        }
    };
    Ok(all.get(id).filter(|bundle| bundle.digest() == digest).cloned())
}
