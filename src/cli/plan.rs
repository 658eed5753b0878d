//! `luascale plan`: what would be done to a target so that it holds what the commit has. May
//! import: everything.

#![expect(clippy::disallowed_methods, reason = "a plan says when it was made, and an older one is removed")]

use super::args_plan::{Plan as PlanArgs, PlanFormat};
use super::failure::{Failure, status};
use super::planning::{self, Made, Planning, Request};
use super::terminal::Terminal;
use super::{Outcome, files, output, show};
use crate::change::Plan;
use crate::report;
use std::fmt::Write;
use std::path::Path;

/// Runs the command.
pub fn run(args: &PlanArgs, terminal: &Terminal) -> Outcome {
    args.output.as_deref().map_or(Ok(()), output::checked)?;
    let made = make(args, terminal);
    let failed = made.as_ref().map_or(true, |status| ![status::CLEAN, status::CHANGES].contains(status));
    if let Some(path) = args.output.as_deref().filter(|_| failed) {
        unwritten(path, terminal)?;
    }
    made
}

/// Says that there is no plan in a file, and sees to it that an older one is not taken for it.
fn unwritten(path: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let shown = files::shown(path);
    // What is no plan of luascale is somebody else's, and stays.
    let stale = path.is_file() && matches!(show::read(path), Ok(Ok(_)));
    if stale {
        std::fs::remove_file(path)
            .map_err(|e| Failure::environment(format!("cannot remove the older plan {shown}: {e}")))?;
    }
    let older = if stale { "; the older plan there was removed" } else { "" };
    terminal.say(&format!("{shown} was not written{older}"));
    Ok(())
}

fn make(args: &PlanArgs, terminal: &Terminal) -> Outcome {
    let now = jiff::Timestamp::now();
    let paths = planning::scope(&args.paths)?;
    let request = Request { paths: &paths, args: &args.planning, told: true, now, of: None };
    let planning = match planning::make(&request)? {
        Made::Planned(planning) => planning,
        Made::Broken(findings, sources) => {
            terminal.findings(&findings, &sources, &terminal.layout(false, false));
            terminal.say("there is no plan: what does not load cannot be planned");
            return Ok(status::FINDINGS);
        }
    };
    let mut text = shown(&planning.plan, args.format, terminal);
    let standing = planning.standing(None, false)?;
    if args.format == PlanFormat::Text && standing.needed > 0 && planning.plan.changes().next().is_some() {
        let s = if standing.needed == 1 { "person" } else { "people" };
        let _ = writeln!(text, "approval {} {s} who did not write it", standing.needed);
    }
    // What keeps it from being applied comes first: the plan itself may be long.
    let objected = objections(&planning, terminal);
    terminal.print(&text, None)?;
    let layout = terminal.layout(false, false);
    terminal.findings(&standing.findings.0, &standing.findings.1, &layout);
    planning.remarks(&standing).iter().for_each(|note| terminal.say(&format!("note: {note}")));
    if let Some(status) = objected {
        return Ok(status);
    }
    if let Some(path) = &args.output {
        terminal.print(&planning.plan.text(), Some(path))?;
        terminal.say(&format!("wrote {}", files::shown(path)));
    }
    let changes = planning.plan.changes().next().is_some();
    Ok(if changes && args.detailed_exitcode { status::CHANGES } else { status::CLEAN })
}

/// What keeps a plan from being applied, told; and the exit status that it means.
pub fn objections(planning: &Planning, terminal: &Terminal) -> Option<u8> {
    for refused in &planning.refused {
        terminal.say(&format!("error: the target refuses {}: {}", refused.id, refused.why));
    }
    for refused in &planning.clashes.refused {
        terminal.say(&format!("error: {}: {}", refused.id, refused.why));
    }
    for warned in &planning.clashes.warned {
        terminal.say(&format!("warning: {warned}"));
    }
    if let Some(prune) = &planning.prune {
        let count = planning.plan.count(crate::change::plan::Op::Delete);
        let hint = format!("if that is meant, allow them by their number: --allow-prune {count}");
        terminal.fail(&Failure::usage(prune.clone()).hint(hint));
        return Some(status::USAGE);
    }
    let refused = planning.refused.iter().chain(&planning.clashes.refused).next();
    refused.is_some().then_some(status::FINDINGS)
}

/// A plan in a format.
pub fn shown(plan: &Plan, format: PlanFormat, terminal: &Terminal) -> String {
    match format {
        PlanFormat::Text => report::plan::text(plan, &terminal.layout(false, false)),
        PlanFormat::Json => plan.text(),
        PlanFormat::Markdown => report::plan::markdown(plan),
    }
}
