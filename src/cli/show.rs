//! `luascale show`: a plan that was kept, and who approved it. May import: everything.

#![expect(clippy::disallowed_methods, reason = "whether a plan has expired is told by the clock")]

use super::args_plan::{PlanFormat, Show};
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::{Outcome, approvals, files, plan};
use crate::change::Plan;
use crate::change::plan as plans;
use crate::model::Finding;
use crate::report;
use crate::text::Source;
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
    let mut text = plan::shown(&plan, args.format, terminal);
    if args.format != PlanFormat::Json && plan.changes().next().is_some() {
        let judged = approvals::judged(&plan, &args.plan, now);
        if let Ok(Some(judged)) = &judged {
            text.push_str(&match args.format {
                PlanFormat::Markdown => report::plan::approvals_markdown(&judged.verdict),
                _ => report::plan::approvals(&judged.verdict),
            });
        }
        terminal.print(&text, None)?;
        approvals::told(&judged, terminal);
    } else {
        terminal.print(&text, None)?;
    }
    if args.format == PlanFormat::Text && expired(&plan, now) {
        terminal.say(&format!("note: it expired at {}: make a new one", plan.expires));
    }
    Ok(status::CLEAN)
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
