//! `luascale diff`: what a change of policies means, and what it would have done. May import:
//! everything.

use super::compare::{Behaviour, Comparison, Options, compare};
use super::failure::{Failure, status};
use super::gitargs::{Diff, DiffFormat};
use super::terminal::Terminal;
use super::{Outcome, dry_run, revision};
use crate::git::Repo;
use crate::lua::Limits;
use crate::model::finding::did_you_mean;
use crate::report::{diff, diff_html, diff_pages};
use std::path::Path;

/// Runs the command.
pub fn run(args: &Diff, terminal: &Terminal) -> Outcome {
    let repo = Repo::discover(Path::new("."))?;
    let range = repo.range(args.range.as_deref())?;
    let paths = revision::paths(&repo, &args.paths)?;
    let limits = Limits {
        load_ms: args.limits.load_timeout,
        tick_ms: args.limits.tick_timeout,
        run_ms: args.limits.run_timeout,
        ..Limits::default()
    };
    let (read, options) = dry_run::options(&args.samples, &args.run)?;
    let behaviour = (!args.meaning).then_some(Behaviour { samples: &args.samples.samples, read, options });
    let progress = terminal.progress("diff");
    let asked = Options { paths: &paths, policies: &args.policy, limits, behaviour };
    let mut comparison = compare(&repo, &range, &asked, &|done| progress.set(done))?;
    drop(progress);
    known(args, &comparison)?;
    if args.behaviour {
        comparison.difference.policies.iter_mut().for_each(|policy| policy.changes.clear());
    }
    let layout = terminal.layout(args.ascii, false);
    let Comparison { difference, findings, sources, .. } = &comparison;
    let format = args.format();
    if format != DiffFormat::Json {
        terminal.findings(findings, sources, &layout);
    }
    let text = match format {
        DiffFormat::Text => diff::text(difference, &layout),
        DiffFormat::Json => diff_pages::json(difference, findings, sources),
        DiffFormat::Markdown => diff_pages::markdown(difference),
        DiffFormat::Html => diff_html::html(difference),
    };
    terminal.print(&text, args.output.as_deref())?;
    Ok(match comparison.is_wrong() {
        true => status::FINDINGS,
        false if args.detailed_exitcode && !difference.policies.is_empty() => status::CHANGES,
        false => status::CLEAN,
    })
}

/// A name that no policy of either side has is a slip, where the change touches any policy.
fn known(args: &Diff, comparison: &Comparison) -> Result<(), Failure> {
    let names: Vec<&str> =
        comparison.before.policies.iter().chain(&comparison.after.policies).map(|p| p.id.as_str()).collect();
    let Some(wrong) = args.policy.iter().find(|name| !names.contains(&name.as_str())) else { return Ok(()) };
    match did_you_mean(wrong, names.iter().copied()) {
        Some(near) => Err(Failure::usage(format!("the change touches no policy named {wrong}"))
            .hint(format!("did you mean {near}?"))),
        None => Ok(()),
    }
}
