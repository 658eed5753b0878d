//! `luascale diff`: what a change of policies means, and what it would have done. May import:
//! everything.

use super::compare::{Behaviour, Comparison, Options, compare};
use super::failure::{Failure, status};
use super::gitargs::{Diff, DiffFormat};
use super::revision::{self, Revision, Scope};
use super::terminal::Terminal;
use super::{Outcome, dry_run, files};
use crate::git::{self, Range, Repo};
use crate::lua::Limits;
use crate::model::finding::did_you_mean;
use crate::report::{diff, diff_html, diff_pages};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
    known(args, &comparison, (&repo, &range), &paths, limits)?;
    if args.behaviour {
        comparison.difference.policies.iter_mut().for_each(|policy| {
            policy.untold = !policy.is_cosmetic() && !policy.changes.is_empty();
            policy.changes.clear();
        });
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

/// A name that no policy of either side has, and a path that neither has, are slips.
fn known(
    args: &Diff,
    comparison: &Comparison,
    (repo, range): (&Repo, &Range),
    paths: &[PathBuf],
    limits: Limits,
) -> Result<(), Failure> {
    let sides = [&range.before, &range.after];
    for (path, given) in paths.iter().zip(&args.paths) {
        let mut there = false;
        for side in sides {
            there |=
                path.as_os_str().is_empty() || repo.snapshot(side)?.entry(&git::from_path(path))?.is_some();
        }
        if !there {
            return Err(Failure::usage(format!("neither side has {}", files::shown(given)))
                .hint("after `--` stand files and folders; a range stands before it"));
        }
    }
    let names = |revision: &Revision| -> BTreeSet<String> {
        revision.policies.iter().map(|policy| policy.id.clone()).collect()
    };
    let mut known = names(&comparison.before);
    known.extend(names(&comparison.after));
    if args.policy.iter().all(|name| known.contains(name)) {
        return Ok(());
    }
    // What the change does not touch was not loaded.
    for side in sides {
        known.extend(names(&revision::load(repo, side, Scope { paths, only: None }, limits, "")?));
    }
    let Some(wrong) = args.policy.iter().find(|name| !known.contains(*name)) else { return Ok(()) };
    let failure = Failure::usage(format!("no policy is named {}", git::shown(wrong)));
    Err(match did_you_mean(wrong, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if known.is_empty() => failure.hint("neither side has a policy there"),
        None => failure.hint(format!(
            "there are: {}",
            known.iter().map(|n| git::shown(n)).collect::<Vec<_>>().join(", ")
        )),
    })
}
