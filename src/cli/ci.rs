//! `luascale ci`: check, diff, behaviour and plan of the commit in one step of a pipeline, on any
//! forge. May import: everything.
//!
//! Each part does what it can: where one fails the others are still there, and the exit status is
//! the gravest of all.

#![expect(clippy::disallowed_methods, reason = "a plan of an earlier run is taken away")]

use super::args::FailOnArg;
use super::args_plan::{Ci, CiFormat};
use super::compare::{self, Comparison};
use super::failure::{Failure, status};
use super::figures::{self, Figures};
use super::planned::{self, Linted};
use super::planning::{self, Made, Planning, Request};
use super::revision::{self, Scope};
use super::terminal::Terminal;
use super::{Outcome, dry_run, files, output};
use crate::git::{Range, Repo, Side, short};
use crate::lua::Limits;
use crate::report::places::Places;
use crate::report::{self, diff, diff_html, diff_pages};
use std::path::{Path, PathBuf};

/// Most findings that the summary in Markdown lists.
const MOST_FINDINGS: usize = 50;

/// A part of the work: what came of it in a line, and its reports.
struct Part {
    name: &'static str,
    said: String,
    hints: Vec<String>,
    status: u8,
    text: String,
    markdown: String,
    files: Vec<(&'static str, String)>,
    figures: Figures,
}

impl Part {
    fn new(name: &'static str, said: impl Into<String>) -> Part {
        Part {
            name,
            said: said.into(),
            hints: Vec::new(),
            status: status::CLEAN,
            text: String::new(),
            markdown: String::new(),
            files: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn failed(name: &'static str, failure: Failure) -> Part {
        Part { status: failure.status(), hints: failure.hints, ..Part::new(name, failure.error) }
    }
}

/// Runs the command.
pub fn run(args: &Ci, terminal: &Terminal) -> Outcome {
    // Before all work, and before a plan that is not this run's could be left there.
    args.output_dir.as_deref().map_or(Ok(()), output::checked)?;
    let start = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let repo = Repo::discover(start)?;
    let Some(head) = repo.head()? else {
        return Err(Failure::usage("there is no commit yet")
            .hint("commit the policies: what is looked at is a commit"));
    };
    let asked = planning::scope(&args.paths)?;
    let paths = revision::paths(&repo, &asked)?;
    let limits = Limits { load_ms: args.planning.held.load_timeout, ..Limits::default() };
    let base = planning::base(&repo, head, args.planning.held.base.as_deref());
    let from = base.as_ref().ok().and_then(|base| base.commit);
    let parts = [
        check(&repo, (from, head), args.fail_on, &paths, limits, terminal)
            .unwrap_or_else(|failure| Part::failed("check", failure)),
        match &base {
            Err(failure) => Part::failed("diff", failure.clone()),
            Ok(base) => {
                let range = Range {
                    before: base.commit.map_or(Side::Empty, Side::Commit),
                    after: Side::Commit(head),
                    base: None,
                    merge_base: base.commit,
                    before_label: base.commit.map_or("nothing".to_owned(), short),
                    after_label: short(head),
                };
                let compared = difference(&repo, &range, args, &paths, limits);
                compared.map_or_else(|failure| Part::failed("diff", failure), |c| told(&c, terminal))
            }
        },
        match &base {
            Err(failure) => Part { hints: Vec::new(), ..Part::failed("plan", failure.clone()) },
            Ok(_) => plan(args, &asked, terminal).unwrap_or_else(|failure| Part::failed("plan", failure)),
        },
    ];
    let status = parts.iter().map(|part| part.status).max().unwrap_or(status::CLEAN);
    let text = summary(&parts, status, short(head));
    let markdown = summary_markdown(&parts, status, &short(head));
    if let Some(folder) = &args.output_dir {
        write(folder, &parts, &text, &markdown)?;
    }
    terminal.print(if args.format == CiFormat::Text { &text } else { &markdown }, None)?;
    if let Some(folder) = &args.output_dir {
        terminal.say(&format!("wrote the reports into {}", files::shown(folder)));
    }
    Ok(status)
}

fn check(
    repo: &Repo,
    (base, head): (Option<crate::git::Oid>, crate::git::Oid),
    fail_on: Option<FailOnArg>,
    paths: &[PathBuf],
    limits: Limits,
    terminal: &Terminal,
) -> Result<Part, Failure> {
    let scope = Scope { paths, only: None };
    let revision = revision::load(repo, &Side::Commit(head), scope, limits, "HEAD")?;
    // Where the base is not there its settings are not either: those of the commit then.
    let Linted { findings, sources, failing, suppressed, files } =
        planned::lint(repo, base.unwrap_or(head), &revision, planned::today())?;
    let failing = fail_on.map_or(failing, |asked| {
        findings.iter().filter(|finding| asked.level().is_some_and(|level| finding.level >= level)).count()
    });
    let broken = revision.findings.iter().filter(|finding| !findings.contains(finding)).count();
    let mut findings = findings;
    findings.extend(
        revision.findings.iter().filter(|finding| !findings.contains(finding)).cloned().collect::<Vec<_>>(),
    );
    let layout = terminal.layout(false, false);
    let summary = report::findings::summary(&findings, files, suppressed.len());
    let base = files::base();
    // Names of a commit's files start at the repository's root, wherever this runs.
    let base = report::places::Base { prefix: String::new(), ..base };
    let places = Places::new(&sources, &base);
    let mut markdown = String::new();
    for finding in findings.iter().take(MOST_FINDINGS) {
        let at = places.home(finding, &sources);
        let place = format!("{}:{}", at.path, at.start.line);
        markdown.push_str(&report::markdown::finding(finding, &place));
    }
    if findings.len() > MOST_FINDINGS {
        markdown.push_str(&format!("\nand {} more\n", findings.len() - MOST_FINDINGS));
    }
    Ok(Part {
        status: if failing + broken > 0 { status::FINDINGS } else { status::CLEAN },
        text: report::findings(&findings, &sources, &layout, true),
        markdown,
        figures: Figures { findings: Some(findings.len()), ..Figures::default() },
        files: vec![
            ("check.json", report::findings_json(&findings, &sources)),
            ("check.sarif", report::sarif::sarif(&findings, &suppressed, &sources, &base)),
        ],
        ..Part::new("check", summary.trim())
    })
}

fn difference(
    repo: &Repo,
    range: &Range,
    args: &Ci,
    paths: &[PathBuf],
    limits: Limits,
) -> Result<Comparison, Failure> {
    let (read, options) = dry_run::options(&args.samples, &planned::plain())?;
    let behaviour = Some(compare::Behaviour { samples: &args.samples.samples, read, options });
    let options = compare::Options { paths, policies: &[], limits, behaviour };
    compare::compare(repo, range, &options, &|_| {})
}

fn told(comparison: &Comparison, terminal: &Terminal) -> Part {
    let layout = terminal.layout(false, false);
    let Comparison { difference, findings, sources, .. } = comparison;
    Part {
        status: if comparison.is_wrong() { status::FINDINGS } else { status::CLEAN },
        text: diff::text(difference, &layout),
        markdown: diff_pages::markdown(difference),
        figures: Figures { changes: Some(difference.policies.len()), ..Figures::default() },
        files: vec![
            ("diff.json", diff_pages::json(difference, findings, sources)),
            ("diff.html", diff_html::html(difference)),
        ],
        ..Part::new("diff", diff::headline(difference))
    }
}

fn plan(args: &Ci, paths: &[PathBuf], terminal: &Terminal) -> Result<Part, Failure> {
    let request = Request { paths, args: &args.planning, told: true, now: jiff::Timestamp::now() };
    let planning: Box<Planning> = match planning::make_where(&request, &|base| base.apply().is_some())? {
        Some(Made::Planned(planning)) => planning,
        Some(Made::Broken(..)) => {
            let part = Part::new("plan", "none: what does not load cannot be planned");
            return Ok(Part { status: status::FINDINGS, ..part });
        }
        None => {
            return Ok(Part::new("plan", "none: luascale.yaml does not say where policies are applied to"));
        }
    };
    let mut part = Part::new("plan", report::plan::counts(&planning.plan));
    part.text = report::plan::text(&planning.plan, &terminal.layout(false, false));
    part.markdown = report::plan::markdown(&planning.plan);
    part.files = vec![("plan.json", planning.plan.text())];
    part.figures.digest = Some(planning.plan.changes_digest.clone());
    part.hints = planning.remarks(&planning.standing(None, false)?);
    for refused in &planning.refused {
        part.status = part.status.max(status::FINDINGS);
        part.hints.push(format!("the target refuses {}: {}", refused.id, refused.why));
    }
    for refused in &planning.clashes.refused {
        part.status = part.status.max(status::FINDINGS);
        part.hints.push(format!("{}: {}", refused.id, refused.why));
    }
    part.hints.extend(planning.clashes.warned.iter().map(|warned| format!("warning: {warned}")));
    if let Some(prune) = &planning.prune {
        part.status = status::USAGE;
        part.said.clone_from(prune);
        let count = planning.plan.count(crate::change::plan::Op::Delete);
        part.hints.push(format!("if that is meant, allow them by their number: --allow-prune {count}"));
        // What may not be applied is no plan to approve.
        part.files.clear();
        part.figures.digest = None;
    }
    Ok(part)
}

/// What it came to, in words.
fn verdict(parts: &[Part], status: u8) -> String {
    match (status, parts.iter().find(|part| part.status == status)) {
        (status::CLEAN, _) => "clean".to_owned(),
        (status::FINDINGS, _) => "findings".to_owned(),
        // The cause, and not the kind of it.
        (_, Some(part)) => format!("no {}: {}", part.name, part.said),
        (_, None) => "a bug of luascale".to_owned(),
    }
}

fn summary(parts: &[Part], status: u8, head: String) -> String {
    let mut out =
        format!("luascale at {head}: {} (exit status {status})\n\n", report::safe(&verdict(parts, status)));
    for part in parts {
        let mark = if part.status == status::CLEAN { "ok  " } else { "FAIL" };
        out.push_str(&format!("{mark} {:5}  {}\n", part.name, report::safe(&part.said)));
        part.hints.iter().for_each(|hint| out.push_str(&format!("            {}\n", report::safe(hint))));
    }
    for part in parts.iter().filter(|part| !part.text.trim().is_empty()) {
        out.push_str(&format!("\n--- {} ---\n\n{}\n", part.name, part.text.trim_end()));
    }
    out
}

fn summary_markdown(parts: &[Part], status: u8, head: &str) -> String {
    let word = report::markdown::words;
    let mut out =
        format!("## luascale: {}\n\nOf `{head}`.\n\n| | | |\n|-|-|-|\n", word(&verdict(parts, status)));
    for part in parts {
        let mark = if part.status == status::CLEAN { "✅" } else { "❌" };
        let hints: String = part.hints.iter().map(|hint| format!("<br>{}", word(hint))).collect();
        out.push_str(&format!("| {mark} | {} | {}{hints} |\n", part.name, word(&part.said)));
    }
    for part in parts.iter().filter(|part| !part.markdown.trim().is_empty()) {
        out.push_str(&format!(
            "\n<details open><summary>{}</summary>\n\n{}\n\n</details>\n",
            part.name,
            part.markdown.trim_end()
        ));
    }
    out
}

/// Writes every report, each part's own in text and Markdown too.
fn write(folder: &Path, parts: &[Part], text: &str, markdown: &str) -> Result<(), Failure> {
    let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
    let mut all =
        vec![("summary.txt".to_owned(), plain(text)), ("summary.md".to_owned(), markdown.to_owned())];
    for part in parts {
        // Where there is nothing to show, what came of it is said: an empty file looks like a fault.
        let none = |text: &str| text.trim().is_empty();
        let said = format!("{}\n", report::safe(&part.said));
        all.push((format!("{}.txt", part.name), if none(&part.text) { said } else { plain(&part.text) }));
        let said = format!("{}\n", report::markdown::words(&part.said));
        all.push((
            format!("{}.md", part.name),
            if none(&part.markdown) { said } else { part.markdown.clone() },
        ));
        all.extend(part.files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())));
    }
    let figure = |get: &dyn Fn(&Figures) -> Option<usize>| parts.iter().find_map(|part| get(&part.figures));
    let figures = Figures {
        findings: figure(&|figures| figures.findings),
        changes: figure(&|figures| figures.changes),
        digest: parts.iter().find_map(|part| part.figures.digest.clone()),
    };
    figures::write(folder, &figures, &all)?;
    // A plan of an earlier run must not be taken for one of this.
    if !parts.iter().any(|part| part.files.iter().any(|(name, _)| *name == "plan.json")) {
        let path = folder.join("plan.json");
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::environment(format!("cannot remove {}: {error}", files::shown(&path))));
        }
    }
    Ok(())
}
