//! What is found of a commit: check, diff with behaviour, and plan, each as far as it goes. For `ci`
//! and `review`. May import: everything.

use super::args::{FailOnArg, SampleArgs};
use super::args_plan::PlanningArgs;
use super::compare::{self, Comparison};
use super::delivery;
use super::failure::{Failure, status};
use super::figures::Figures;
use super::linted::{self, Judged, Judging, Linted};
use super::planned;
use super::planning::{self, Base, Made, Planning, Request};
use super::revision::{self, Scope};
use super::terminal::Terminal;
use super::{dry_run, files};
use crate::change::plan::statement;
use crate::git::{Oid, Range, Repo, Side, short};
use crate::lint::suppress::keeps_from_loading;
use crate::lua::Limits;
use crate::model::Finding;
use crate::report::places::Places;
use crate::report::{self, diff, diff_html, diff_pages};
use crate::text::Source;
use std::path::PathBuf;

/// Most findings that the summary in Markdown lists.
const MOST_FINDINGS: usize = 50;

/// What is looked at.
pub struct Asked<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The commit.
    pub head: Oid,
    /// What its change starts from, or why that is not known.
    pub base: Result<Base, Failure>,
    /// Files and folders as they were given; none: all.
    pub paths: &'a [PathBuf],
    /// How the plan is made.
    pub planning: &'a PlanningArgs,
    /// The recordings that behaviour is told on.
    pub samples: &'a SampleArgs,
    /// What fails the check, over what the base's configuration says.
    pub fail_on: Option<FailOnArg>,
}

/// What was found.
#[cfg_attr(not(feature = "forge"), expect(dead_code, reason = "a review alone reads more than the parts"))]
pub struct Looked {
    /// Check, diff and plan.
    pub parts: [Part; 3],
    /// The findings of the check.
    pub findings: Vec<Finding>,
    /// The texts that they point into.
    pub sources: Vec<Source>,
    /// The `changes_digest` of the plan and what it is the digest of, where there is one.
    pub digest: Option<(String, String)>,
}

/// A part of the work: what came of it in a line, and its reports.
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What came of it, in a line.
    pub said: String,
    /// What else is to be said.
    pub hints: Vec<String>,
    /// The exit status that it asks for.
    pub status: u8,
    /// The report as text.
    pub text: String,
    /// The report as Markdown.
    pub markdown: String,
    /// What it came to, for the variables of a pipeline.
    pub figures: Figures,
    /// Reports for programs, by their file names.
    pub files: Vec<(&'static str, String)>,
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

/// Looks at a commit.
///
/// # Errors
/// Where the paths cannot be read; what fails in a part is told by the part.
pub fn look(asked: Asked<'_>, terminal: &Terminal) -> Result<Looked, Failure> {
    let paths = revision::paths(asked.repo, asked.paths)?;
    let limits = Limits { load_ms: asked.planning.held.load_timeout, ..Limits::default() };
    let compared = asked.base.as_ref().map_err(Failure::clone).and_then(|base| {
        let range = Range {
            before: base.commit.map_or(Side::Empty, Side::Commit),
            after: Side::Commit(asked.head),
            base: None,
            merge_base: base.commit,
            before_label: base.commit.map_or("nothing".to_owned(), short),
            after_label: short(asked.head),
        };
        Ok((difference(&asked, &range, &paths, limits)?, range))
    });
    let change = compared.as_ref().ok().map(|(comparison, range)| Judged { range, comparison });
    let checked = check(&asked, change, &paths, limits, terminal);
    let (check, findings, sources) =
        checked.unwrap_or_else(|failure| (Part::failed("check", failure), Vec::new(), Vec::new()));
    let diff = match compared {
        Ok((comparison, _)) => told(&comparison, terminal),
        Err(failure) => Part::failed("diff", failure),
    };
    let planned = match &asked.base {
        Err(failure) => Err(Failure { hints: Vec::new(), ..failure.clone() }),
        Ok(base) => plan(&asked, base, terminal),
    };
    let (plan, digest) = planned.unwrap_or_else(|failure| (Part::failed("plan", failure), None));
    Ok(Looked { parts: [check, diff, plan], findings, sources, digest })
}

fn check(
    asked: &Asked<'_>,
    change: Option<Judged<'_>>,
    paths: &[PathBuf],
    limits: Limits,
    terminal: &Terminal,
) -> Result<(Part, Vec<Finding>, Vec<Source>), Failure> {
    let scope = Scope { paths, only: None };
    let revision = revision::load(asked.repo, &Side::Commit(asked.head), scope, limits, "HEAD")?;
    // Where the base is not there its settings are not either: those of the commit then.
    let base = asked.base.as_ref().ok().and_then(|base| base.commit).unwrap_or(asked.head);
    let judging = Judging { base, fail_on: asked.fail_on, limits, change };
    let linted = linted::lint(asked.repo, judging, &revision, planned::today())?;
    let Linted { mut findings, sources, failing, suppressed, files, excluded, known } = linted;
    // A file that does not load, and a configuration, is wrong whatever is selected.
    let broken = |finding: &&Finding| {
        let about = finding.labels.first().map(|label| label.source.to_string());
        keeps_from_loading(finding)
            && !findings.contains(finding)
            && !about.is_some_and(|about| excluded.contains(&about))
    };
    let more: Vec<Finding> = revision.findings.iter().filter(broken).cloned().collect();
    let broken = more.len();
    findings.extend(more);
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
    let part = Part {
        status: if failing + broken > 0 { status::FINDINGS } else { status::CLEAN },
        text: report::findings(&findings, &sources, &layout, true),
        markdown,
        figures: Figures { findings: Some(findings.len()), ..Figures::default() },
        files: vec![
            ("check.json", report::findings_json(&findings, &sources)),
            ("check.sarif", report::sarif::sarif(&findings, &suppressed, &sources, &base)),
        ],
        hints: match known {
            0 => Vec::new(),
            known => vec![format!("{known} known to the baseline, not shown")],
        },
        ..Part::new("check", summary.trim())
    };
    Ok((part, findings, sources))
}

fn difference(
    asked: &Asked<'_>,
    range: &Range,
    paths: &[PathBuf],
    limits: Limits,
) -> Result<Comparison, Failure> {
    let (read, options) = dry_run::options(asked.samples, &planned::plain())?;
    let behaviour = Some(compare::Behaviour { samples: &asked.samples.samples, read, options });
    let options = compare::Options { paths, policies: &[], limits, behaviour };
    compare::compare(asked.repo, range, &options, &|_| {})
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

fn plan(
    asked: &Asked<'_>,
    base: &Base,
    terminal: &Terminal,
) -> Result<(Part, Option<(String, String)>), Failure> {
    let request = Request {
        paths: asked.paths,
        args: asked.planning,
        told: true,
        now: delivery::timestamp(),
        of: Some((asked.head, base.clone())),
    };
    let planning: Box<Planning> = match planning::make_where(&request, &|base| base.apply().is_some())? {
        Some(Made::Planned(planning)) => planning,
        Some(Made::Broken(..)) => {
            let part = Part::new("plan", "none: what does not load cannot be planned");
            return Ok((Part { status: status::FINDINGS, ..part }, None));
        }
        None => {
            let said = "none: luascale.yaml does not say where policies are applied to";
            return Ok((Part::new("plan", said), None));
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
        return Ok((part, None));
    }
    let plan = planning.plan;
    let approval = plan.approval.as_ref().map(|altered| altered.after.as_str());
    let statement = statement(&plan.target, &plan.policies, approval, plan.allow_prune);
    Ok((part, Some((plan.changes_digest, statement))))
}
