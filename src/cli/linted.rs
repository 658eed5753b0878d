//! What `check` finds in a revision, as from a checkout of it, by the settings and the organisation's
//! rules of another: for `plan` and `ci`. May import: everything.

use super::args::FailOnArg;
use super::compare::Comparison;
use super::configuration::Configuration;
use super::excluded::Patterns;
use super::failure::Failure;
use super::known::{self, Kept};
use super::project::Project;
use super::revision::Revision;
use super::weakened::{self, weakened};
use super::{files, guards, jobs, mapped, organisation, wanted};
use crate::git::{Oid, Range, Repo, Side};
use crate::lint::baseline::Texts;
use crate::lint::changed::{LostRule, Place};
use crate::lint::{self, Checked, Group, Settings, Suppressed, Wanted};
use crate::lua::Limits;
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::{Source, Span};
use crate::worker::{CheckRequest, LoadRequest, Worker, own_binary};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the linter says of a revision.
pub struct Linted {
    /// Its findings, in their one order.
    pub findings: Vec<Finding>,
    /// The texts that they point into.
    pub sources: Vec<Source>,
    /// How many of them fail a check under the base's settings. What a change raises or weakens
    /// fails nothing: whoever approves it judges that.
    pub failing: usize,
    /// Those that are suppressed.
    pub suppressed: Vec<Suppressed>,
    /// How many files were looked at.
    pub files: usize,
    /// The names of those that were not, since the base's settings exclude them.
    pub excluded: Vec<String>,
    /// How many findings the base's baselines know.
    pub known: usize,
}

/// Files of a project that are judged by the same configuration of a base.
struct Part<'a> {
    /// The place of the project.
    project: usize,
    files: Vec<&'a PathBuf>,
    base: Configuration,
    settings: Settings,
    baseline: Option<Kept>,
}

/// A change that is judged with the files: what it weakens itself is told too.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    /// Both sides.
    pub range: &'a Range,
    /// How they differ.
    pub comparison: &'a Comparison,
}

/// What a revision is judged by.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// The commit whose settings and rules are in force: that of the base.
    pub base: Oid,
    /// What fails, over what those settings say.
    pub fail_on: Option<FailOnArg>,
    /// The fences.
    pub limits: Limits,
    /// The change that brings it, where that is judged too.
    pub change: Option<Judged<'a>>,
}

/// Checks the files of a revision under the settings and by the organisation's rules that are in force
/// at another commit: those of the base. Where a change is given, what it weakens is told too, and what
/// baselines of the base know is not.
///
/// # Errors
/// Where the configuration there cannot be used, or luascale itself fails.
pub fn lint(
    repo: &Repo,
    judging: Judging<'_>,
    revision: &Revision,
    today: jiff::civil::Date,
) -> Result<Linted, Failure> {
    let Judging { base, fail_on, limits, change } = judging;
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let snapshot = repo.snapshot(&Side::Commit(base))?;
    let side = guards::Side::of(&snapshot);
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut lost: Vec<LostRule> = Vec::new();
    let mut excluded: Vec<(usize, &PathBuf)> = Vec::new();
    for (at, project) in revision.projects.iter().enumerate() {
        let now = organisation::declared(&binary, &project.rules)?.rules;
        for (folder, mut files) in guards::grouped(&side, &project.files, &|file| Some(file.to_owned())) {
            let folder = folder.as_ref().unwrap_or(&project.root.folder);
            let base = Configuration::at(repo, base, folder)?;
            let there = organisation::declared(&binary, &base.rules)?.rules;
            if change.is_some() {
                lost.extend(weakened::lost(&there, &now, &|rule| place_of(project, rule)));
            }
            let patterns = Patterns::of(&base.layers);
            if !patterns.is_empty() {
                files.retain(|file| {
                    let checked = patterns.matching(file).is_empty();
                    if !checked {
                        excluded.push((at, *file));
                    }
                    checked
                });
            }
            // So that what the files allow of the organisation's own rules is known, new ones too.
            let own = there.iter().chain(&now).map(|rule| rule.id.clone()).collect();
            let settings = wanted::configured(&base.layers, fail_on, own);
            let known = base.layers.nearest(|layer| layer.config.lint.baseline.as_ref());
            let baseline = match known.filter(|_| change.is_some()) {
                Some((layer, path)) => {
                    Some(Kept::at(&snapshot, &layer.root.folder.join(&path.value), "the base")?)
                }
                None => None,
            };
            parts.push(Part { project: at, files, base, settings, baseline });
        }
    }
    let all: Vec<(usize, &PathBuf)> =
        parts.iter().enumerate().flat_map(|(at, part)| part.files.iter().map(move |f| (at, *f))).collect();
    let one = |worker: &mut Option<Worker>, _: usize, (at, file): &(usize, &PathBuf)| {
        let part = parts.get(*at).and_then(|part| Some((revision.projects.get(part.project)?, part)));
        let (project, part) =
            part.ok_or_else(|| Failure::bug(format!("the project of {} is not there", files::shown(file))))?;
        one(worker, &binary, (project, file), (&part.base, &part.settings), limits)
    };
    let mut checked = jobs::parallel(&all, || None, one).into_iter();
    let mut by_part: Vec<Vec<Checked>> = Vec::new();
    for part in &parts {
        by_part.push(checked.by_ref().take(part.files.len()).collect::<Result<_, Failure>>()?);
    }
    let each = parts.iter().zip(&by_part).flat_map(|(part, checked)| {
        part.files.iter().zip(checked).map(move |(file, checked)| (part.project, *file, checked))
    });
    let mut more = mapped::unchecked(&revision.projects, each, &excluded);
    let mut sources = revision.sources.clone();
    if let Some(Judged { range, comparison }) = change {
        more.extend(weakened::told(&lost));
        sources.extend(lost.iter().map(|lost| lost.place.0.clone()));
        let found = weakened(repo, range, comparison, &[])?;
        more.extend(found.findings);
        sources.extend(found.sources);
    }
    hand_out(more, &revision.projects, &parts, &mut by_part, &sources);
    let groups: Vec<Group<'_>> = parts
        .iter()
        .zip(&by_part)
        .filter_map(|(part, files)| {
            let project = revision.projects.get(part.project)?;
            let configs = project.layers.sources().collect();
            Some(Group { files, settings: &part.settings, configs, whole: false })
        })
        .collect();
    let mut review = lint::review(&groups, today);
    drop(groups);
    sources.extend(by_part.into_iter().flatten().flat_map(|file| file.sources));
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources.dedup_by(|a, b| a.name == b.name);
    let kept: Vec<Option<Kept>> = parts.iter().map(|part| part.baseline.clone()).collect();
    let texts = Texts { sources: &sources, path: &str::to_owned };
    let known = known::apply(&mut review, &kept, &texts, false)?.known;
    Ok(Linted {
        findings: review.findings(),
        failing: review.told.iter().filter(|told| told.fails && !is_of_change(&told.finding)).count(),
        suppressed: review.suppressed,
        files: all.len(),
        sources,
        excluded: excluded.iter().map(|(_, file)| files::shown(file)).collect(),
        known,
    })
}

/// Whether a finding is about what a change raises or weakens.
pub fn is_of_change(finding: &Finding) -> bool {
    lint::rules::rule(&finding.rule).is_some_and(|rule| matches!(rule.check, lint::Check::Change(_)))
}

/// Gives findings that are about no one file's policy to the part whose file or configuration they are
/// about; what is about none, to the first.
fn hand_out(
    findings: Vec<Finding>,
    projects: &[Project],
    parts: &[Part<'_>],
    checked: &mut [Vec<Checked>],
    sources: &[Source],
) {
    for finding in findings {
        let about = finding.labels.first().map_or("", |label| &*label.source);
        let file =
            |files: &Vec<Checked>| files.iter().position(|f| f.sources.iter().any(|s| *s.name == *about));
        let configured = |part: &Part<'_>| {
            let project = projects.get(part.project);
            project.is_some_and(|project| project.layers.sources().any(|source| *source.name == *about))
        };
        let at = checked.iter().position(|files| file(files).is_some());
        let at = at.or_else(|| parts.iter().position(configured)).unwrap_or(0);
        let Some(files) = checked.get_mut(at) else { continue };
        match file(files).and_then(|at| files.get_mut(at)) {
            Some(file) => file.findings.push(finding),
            None => {
                let text = sources.iter().find(|source| *source.name == *about);
                files.push(Checked::said(finding, text.cloned()));
            }
        }
    }
}

/// Where a project says that a rule of the organisation is as it is now: the rule; where there is none
/// any more, the nearest configuration, or the first file.
fn place_of(project: &Project, now: Option<&OrgRule>) -> Option<Place> {
    if let Some(rule) = now {
        return weakened::place_of(rule, &project.rules);
    }
    let nearest = project.layers.sources().next().cloned();
    let first = || Some(Source::new(files::shown(project.files.first()?), ""));
    Some((nearest.or_else(first)?, Span::default()))
}

fn one(
    worker: &mut Option<Worker>,
    binary: &Path,
    (project, path): (&Project, &Path),
    (base, settings): (&Configuration, &Settings),
    limits: Limits,
) -> Result<Checked, Failure> {
    if worker.as_ref().is_some_and(Worker::is_lost) {
        *worker = None;
    }
    let source = match project.source(path) {
        Ok(source) => source,
        Err(finding) => return Ok(Checked::said(finding, None)),
    };
    let load = LoadRequest {
        source: source.clone(),
        entry: project.entry(path),
        catalogue: project.catalogue.clone(),
        limits,
    };
    let entry = load.entry.as_ref().map(|entry| entry.source.clone());
    let request = CheckRequest {
        load,
        assumptions: wanted::assumptions(&base.layers),
        wanted: Wanted::by([settings]),
        rules: base.rules.clone(),
    };
    let times = u32::try_from(request.rules.len()).unwrap_or(u32::MAX).saturating_add(1);
    let patience = Duration::from_millis(limits.load_ms).saturating_mul(times) + jobs::GRACE;
    let answer = match worker {
        Some(worker) => worker.check(request, &project.root, patience),
        None => match Worker::start(binary, jobs::BASE_MEMORY) {
            Ok(started) => worker.insert(started).check(request, &project.root, patience),
            Err(lost) => Err(lost),
        },
    };
    match answer {
        Ok(mut checked) => {
            checked.sources.extend(entry);
            Ok(checked)
        }
        Err(lost) => {
            let finding = jobs::told(&lost, "checking", &source, Span::default())?;
            Ok(Checked::said(finding, Some(source)))
        }
    }
}
