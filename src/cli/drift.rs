//! `luascale drift`: git, what was applied and what is live, held against each other. It never
//! writes. May import: everything.

use super::Outcome;
use super::args::{Drift, TextOrJson};
use super::args_plan::PlanningArgs;
use super::delivery;
use super::failure::status;
use super::planning::{self, Made, Request};
use super::terminal::Terminal;
use crate::change::drift::drift;
use crate::report::drift::{self as report, Report};

/// Runs the command.
pub fn run(args: &Drift, terminal: &Terminal) -> Outcome {
    // Nothing is deleted, so there is nothing to allow.
    let planning = PlanningArgs { held: args.held.clone(), allow_prune: None };
    let paths = planning::scope(&args.paths)?;
    let request = Request { paths: &paths, args: &planning, told: false, now: delivery::timestamp() };
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
        notes.push(format!("{} holds the lock {} since {}", lock.holder, lock.id, lock.acquired));
    }
    let found = Report {
        target: target.shown(),
        generation: live.serial,
        head: planning.head.to_string(),
        applied: live.commit.clone(),
        policies: drift(live, &git, &in_scope),
        foreign: live.foreign.clone(),
        notes,
    };
    let text = match args.format {
        TextOrJson::Text => report::text(&found, terminal.width()),
        TextOrJson::Json => report::json(&found),
    };
    terminal.print(&text, None)?;
    if args.format == TextOrJson::Text {
        found.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
    }
    let differs = found.policies.iter().any(|stand| stand.state.differs());
    Ok(if differs && args.detailed_exitcode { status::CHANGES } else { status::CLEAN })
}
