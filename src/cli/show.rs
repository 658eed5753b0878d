//! `luascale show`: a plan that was kept, and who approved it. May import: everything.

#![expect(clippy::disallowed_methods, reason = "whether a plan has expired is told by the clock")]

use super::args_plan::{PlanFormat, Show};
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::verified::{self, Again};
use super::{Outcome, approvals, files, plan};
use crate::change::Plan;
use crate::change::plan as plans;
use crate::model::{Finding, Time};
use crate::report;
use crate::text::{Source, short_commit};
use jiff::Timestamp;
use std::path::Path;

/// Runs the command.
pub fn run(args: &Show, terminal: &Terminal) -> Outcome {
    let plan = match read(&args.plan)? {
        Ok(plan) => plan,
        Err((finding, source)) => return Ok(unread(&finding, source, terminal)),
    };
    if args.changes_digest {
        terminal.print(&format!("{}\n", plan.changes_digest), None)?;
        return Ok(status::CLEAN);
    }
    let now = Timestamp::now();
    let text = plan::shown(&plan, args.format, terminal);
    if plan.changes().next().is_none() {
        terminal.print(&text, None)?;
        return Ok(status::CLEAN);
    }
    let again = verified::again(&plan, &args.held, now);
    let (doubt, hints) = match &again {
        Ok(again) if again.why.is_empty() => (None, Vec::new()),
        Ok(again) => (Some("it says something else than what is planned here".to_owned()), again.why.clone()),
        Err(failure) => (Some(failure.error.clone()), Vec::new()),
    };
    let judged = again.as_ref().map_err(Clone::clone).and_then(|again| again.judged(&plan, &args.plan, now));
    let verdict = judged.as_ref().ok().map(|judged| &judged.verdict);
    let head = again.as_ref().map(|again| again.planning.head.to_string()).unwrap_or_default();
    let sure = || format!("verified: planned again from {}, in the same words", short_commit(&head));
    let checked = doubt.as_ref().map_or_else(sure, |why| format!("not verified: {why}"));
    let approvals = match args.format {
        PlanFormat::Json => {
            terminal.print(&text, None)?;
            terminal.say(&checked);
            return Ok(ends(&again, &plan));
        }
        PlanFormat::Markdown => verdict.map(report::plan::approvals_markdown),
        PlanFormat::Text => verdict.map(report::plan::approvals),
    };
    let approvals = approvals.unwrap_or_default();
    let said = report::plan::checked(&checked, &hints, args.format == PlanFormat::Markdown);
    let whole = match again.as_ref().ok().filter(|_| doubt.is_none()) {
        // In words of its own: also what is no part of the changes, as the base, is then so.
        Some(again) => {
            let text = plan::shown(&again.planning.plan, args.format, terminal);
            format!("{text}{approvals}{said}")
        }
        // What cannot be relied on is said before it is read.
        None => format!("{said}\n{text}{approvals}"),
    };
    terminal.print(&whole, None)?;
    approvals::told(&judged, terminal);
    if args.format == PlanFormat::Text && expired(&plan, now) {
        terminal.say(&format!("note: it expired at {}: make a new one", Time::said_of(&plan.expires)));
    }
    Ok(ends(&again, &plan))
}

/// A plan that tells of just these changes what is not so was forged, or made by another luascale.
fn ends(again: &Result<Again, Failure>, kept: &Plan) -> u8 {
    match again {
        Ok(again) if !again.why.is_empty() && again.planning.plan.changes_digest == kept.changes_digest => {
            status::FINDINGS
        }
        _ => status::CLEAN,
    }
}

/// Whether a plan may not be applied any more.
pub fn expired(plan: &Plan, now: Timestamp) -> bool {
    plan.expires.parse::<Timestamp>().map_or(true, |expires| now >= expires)
}

/// A finding in a file that is no plan, and its text.
pub type Unread = (Box<Finding>, Source);

/// Reads a plan.
///
/// # Errors
/// Where the file cannot be read; inside, where it is no plan.
pub fn read(path: &Path) -> Result<Result<Plan, Unread>, Failure> {
    let shown = files::shown(path);
    let bytes = files::read_regular(path, plans::MAX_PLAN)
        .map_err(|why| Failure::usage(format!("cannot read the plan {shown}: {why}")))?;
    let source = files::source(&shown, bytes).map_err(|finding| {
        Failure::usage(finding.message).hint("give a file that `luascale plan -o` wrote")
    })?;
    Ok(plans::parse(&source).map_err(|finding| (finding, source)))
}

/// Tells that a file is no plan.
pub fn unread(finding: &Finding, source: Source, terminal: &Terminal) -> u8 {
    terminal.findings(std::slice::from_ref(finding), &[source], &terminal.layout(false, false));
    status::USAGE
}
