//! `luascale approve`: signs the changes of a plan with an SSH key. May import: everything.

#![expect(clippy::disallowed_methods, reason = "the signature is written beside the plan, and plans expire")]

use super::args_plan::Approve;
use super::failure::{Failure, status};
use super::planning::Judged;
use super::terminal::Terminal;
use super::{Outcome, agent, approvals, files, output, show, verified};
use crate::change::approval;
use crate::model::Time;
use crate::report;
use jiff::Timestamp;
use ssh_key::HashAlg;

/// Runs the command.
pub fn run(args: &Approve, terminal: &Terminal) -> Outcome {
    let plan = match show::read(&args.plan)? {
        Ok(plan) => plan,
        Err((finding, source)) => return Ok(show::unread(&finding, source, terminal)),
    };
    let now = Timestamp::now();
    if show::expired(&plan, now) {
        return Err(Failure::usage(format!("the plan expired at {}", Time::said_of(&plan.expires)))
            .hint("make a new one: luascale plan -o"));
    }
    if plan.is_early(now) {
        return Err(Failure::usage(format!(
            "the plan says it was made at {}, which is still to come",
            Time::said_of(&plan.created)
        ))
        .hint("make a new one: luascale plan -o; or set the clock"));
    }
    if plan.changes().next().is_none() {
        return Err(Failure::usage("the plan changes nothing, so there is nothing to approve"));
    }
    let again = verified::again(&plan, &args.held, now).map_err(|failure| {
        failure.hint(
            "a plan is signed where it can be planned again: in its repository, with its target in reach",
        )
    })?;
    if !again.why.is_empty() {
        terminal.say("refused: nothing was signed, for the plan is not what is planned here");
        again.why.iter().for_each(|why| terminal.say(&format!("  {why}")));
        terminal.print(&report::plan::text(&again.planning.plan, &terminal.layout(false, false)), None)?;
        return Ok(status::FINDINGS);
    }
    let message = approval::message(&plan.changes_digest);
    let (key, signature) = agent::sign(&args.key, approval::NAMESPACE, &message)?;
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    let folder = approvals::folder(&args.plan);
    // The fingerprint's letters that a path would take for its own become others.
    let name: String = fingerprint
        .trim_start_matches("SHA256:")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(24)
        .collect();
    let path = folder.join(format!("{name}.sig"));
    output::folder(&folder)?;
    output::write(&path, signature.as_bytes())?;
    let shown = files::shown(&path);
    let judged = again.judged(&plan, &args.plan, now);
    let mut ends = status::CLEAN;
    match &judged {
        Ok(Judged { verdict, .. }) => {
            // Whether this one counts is what whoever signed has to know first.
            let refused = verdict.refused.iter().find(|refused| refused.from == shown);
            match refused.filter(|_| verdict.needed > 0) {
                Some(refused) => {
                    ends = status::FINDINGS;
                    terminal.say(&format!("this approval does not count: {}", refused.why));
                    terminal.say(&format!("it was written all the same: {shown}"));
                }
                None => terminal.say(&format!("approved by {fingerprint}: wrote {shown}")),
            }
            terminal.tell(report::plan::approvals(verdict).trim_end());
        }
        Err(_) => terminal.say(&format!("signed by {fingerprint}: wrote {shown}")),
    }
    approvals::told(&judged, terminal);
    // In words of its own, which are those that the plan has.
    terminal.print(&report::plan::text(&again.planning.plan, &terminal.layout(false, false)), None)?;
    again.planning.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
    Ok(ends)
}
