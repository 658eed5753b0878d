//! `check --diff`: what of a check a change touches, and what the change itself weakens. May
//! import: everything.

#![expect(
    clippy::disallowed_methods,
    reason = "files of the disk are known by their paths in the repository"
)]

use super::compare::{Comparison, Options, compare};
use super::configuration::Configuration;
use super::failure::Failure;
use super::files;
use super::layers::{Layer, Layers};
use super::organisation;
use super::project::Project;
use crate::config::{Config, FailOn};
use crate::git::{self, Repo};
use crate::lint::changed::{ChangeView, ChangedPolicy, Guards, LostRule, changed};
use crate::lint::{Checked, rules};
use crate::lua::Limits;
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::{LineIndex, Source, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A change, from a revision to the work tree.
pub struct Changed {
    comparison: Comparison,
    /// The work tree, with every link followed.
    root: PathBuf,
    repo: Repo,
    /// What it starts from, and what that is called.
    base: Option<git::Oid>,
    label: String,
}

/// How projects are held against a base.
#[derive(Default)]
pub struct Held {
    /// The rules of each project there.
    pub rules: Vec<Vec<OrgRule>>,
    /// Rules that the change takes out or makes matter less, with the project of each.
    pub lost: Vec<(usize, LostRule)>,
    /// What is to be said, a sentence each.
    pub notes: Vec<String>,
}

impl Changed {
    /// What changed since a revision; of a range, since where it starts.
    ///
    /// # Errors
    /// Where there is no such revision, or no work tree.
    pub fn since(revision: &str, load_ms: u64) -> Result<Changed, Failure> {
        let repo = Repo::discover(Path::new("."))?;
        let start = match revision.split_once("..") {
            // From the merge base, as a pull request is seen.
            Some((_, rest)) if rest.starts_with('.') => repo.range(Some(revision))?.before,
            Some((start, _)) => git::Side::Commit(repo.resolve(start)?.id),
            None => git::Side::Commit(repo.resolve(revision)?.id),
        };
        let mut range = repo.range(Some(&start.commit().map_or_else(String::new, |id| id.to_string())))?;
        range.before_label = git::shown(revision);
        let limits = Limits { load_ms, ..Limits::default() };
        let options = Options { paths: &[], policies: &[], limits, behaviour: None };
        let comparison = compare(&repo, &range, &options, &|_| {})?;
        let folder = repo.folder();
        let root = std::fs::canonicalize(folder)
            .map_err(|e| Failure::environment(format!("cannot enter {}: {e}", files::shown(folder))))?;
        let (base, label) = (start.commit(), range.before_label);
        Ok(Changed { comparison, root, repo, base, label })
    }

    /// The path of a file of the disk in the repository.
    fn path(&self, file: &Path) -> Option<PathBuf> {
        Some(std::fs::canonicalize(file).ok()?.strip_prefix(&self.root).ok()?.to_path_buf())
    }

    /// Leaves the files that the change touches.
    pub fn restrict(&self, projects: &mut [Project]) {
        for project in projects {
            project
                .files
                .retain(|file| self.path(file).is_some_and(|path| self.comparison.touched.contains(&path)));
            // What the rest of the project is, is not looked at.
            project.whole = false;
        }
    }

    /// Has each project judged by the configuration and the organisation's rules of the base, so
    /// that a change does not choose what it is held against; `own` are the rules that each
    /// project has now.
    ///
    /// # Errors
    /// Where the repository cannot be read, or luascale itself fails. A configuration of the base
    /// that cannot be used holds nobody to anything: that is said, and the project's own counts.
    pub fn hold(
        &self,
        binary: &Path,
        projects: &mut [Project],
        own: &[Vec<OrgRule>],
    ) -> Result<Held, Failure> {
        let mut held = Held::default();
        let mut differ = false;
        for (at, (project, own)) in projects.iter_mut().zip(own).enumerate() {
            let base = self.base.zip(self.path(&project.root.folder));
            let base = match base.map(|(base, folder)| Configuration::at(&self.repo, base, &folder)) {
                Some(Ok(base)) => base,
                Some(Err(failure)) => {
                    held.rules.push(Vec::new());
                    held.notes.push(format!(
                        "{}; this is judged by the luascale.yaml of the work tree",
                        failure.error
                    ));
                    continue;
                }
                None => {
                    held.rules.push(Vec::new());
                    continue;
                }
            };
            let there = organisation::declared(binary, &base.rules)?.rules;
            held.lost.extend(lost(project, &there, own).into_iter().map(|lost| (at, lost)));
            let said = |layers: &Layers| -> Vec<Option<String>> {
                layers.sources().map(crate::config::digest).collect()
            };
            let texts = |rules: &[Source]| rules.iter().map(|rules| rules.text.clone()).collect::<Vec<_>>();
            differ |=
                said(&base.layers) != said(&project.layers) || texts(&base.rules) != texts(&project.rules);
            held.rules.push(there);
            project.base = Some(base);
        }
        if differ {
            held.notes.push(format!(
                "luascale.yaml or the rules that it names differ from {}, and what is there is what a change is judged by",
                self.label
            ));
        }
        Ok(held)
    }

    /// Adds what the change itself is found to weaken to the files of a check.
    pub fn judge(&self, projects: &[Project], lost: &[(usize, LostRule)], checked: &mut [Vec<Checked>]) {
        for (at, lost) in lost {
            let (findings, sources) = lost_findings(std::slice::from_ref(lost));
            if let Some(files) = checked.get_mut(*at) {
                let source = sources.first();
                files.extend(findings.into_iter().map(|finding| Checked::said(finding, source.cloned())));
            }
        }
        let (findings, _) = weakened(&self.comparison);
        self.place(findings, projects, checked);
    }

    /// Gives findings to the files that they are about, by the names that the check has for them.
    fn place(&self, findings: Vec<Finding>, projects: &[Project], checked: &mut [Vec<Checked>]) {
        let mut names: BTreeMap<String, (usize, Source)> = BTreeMap::new();
        let mut name = |at: usize, source: &Source, path: &Path| {
            if let Some(path) = self.path(path) {
                names.insert(git::shown_path(&git::from_path(&path)), (at, source.clone()));
            }
        };
        for (at, (project, files)) in projects.iter().zip(checked.iter()).enumerate() {
            for layer in project.layers.iter() {
                name(at, &layer.source, &layer.root.folder.join(crate::config::FILE_NAME));
            }
            for source in files.iter().flat_map(|file| &file.sources) {
                name(at, source, Path::new(&*source.name));
            }
        }
        for mut finding in findings {
            let Some(label) = finding.labels.first_mut() else { continue };
            let Some((at, source)) = names.get(&*label.source) else { continue };
            label.source = source.name.clone();
            let Some(files) = checked.get_mut(*at) else { continue };
            match files.iter_mut().find(|file| file.sources.iter().any(|s| s.name == source.name)) {
                Some(file) => file.findings.push(finding),
                None => files.push(Checked::said(finding, Some(source.clone()))),
            }
        }
    }
}

/// What a change is found to weaken, and the texts that it points into.
pub fn weakened(comparison: &Comparison) -> (Vec<Finding>, Vec<Source>) {
    let mut view = ChangeView::default();
    for (policy, pair) in comparison.difference.policies.iter().zip(&comparison.pairs) {
        let old = pair.before.and_then(|at| comparison.before.policies.get(at));
        let new = pair.after.and_then(|at| comparison.after.policies.get(at));
        let (Some(old), Some(new)) = (old, new) else { continue };
        let changes = policy.changes.as_slice();
        let source = &new.request.source;
        view.policies.push(ChangedPolicy { policy: &new.policy, source, before: &old.policy, changes });
    }
    let before = |path: &str| comparison.before.sources.iter().find(|s| *s.name == *path);
    for file in &comparison.files {
        let Some(after) = &file.after else { continue };
        let name = git::shown_path(after);
        let Some(source) = comparison.after.sources.iter().find(|s| *s.name == *name) else { continue };
        if name.ends_with(".lua") || name.ends_with(".luau") {
            let old = file.before.as_ref().and_then(|path| before(&git::shown_path(path)));
            view.files.push((old, source));
        }
    }
    fn layers(projects: &[Project]) -> Vec<&Layer> {
        // A configuration above several projects is held against its older self once.
        let mut seen = std::collections::HashSet::new();
        let all = projects.iter().flat_map(|project| project.layers.iter());
        all.filter(|layer| seen.insert(layer.source.name.clone())).collect()
    }
    let (old, new) = (layers(&comparison.before.projects), layers(&comparison.after.projects));
    let guarded: Vec<(Guards, Guards)> = old
        .iter()
        .filter_map(|old| {
            let before = guards(&old.config, &old.source);
            match new.iter().find(|new| new.root.folder == old.root.folder) {
                Some(new) => Some((before, guards(&new.config, &new.source))),
                // Where there is none any more, nothing guards what it guarded.
                None => {
                    let path = git::from_path(&old.root.folder.join(crate::config::FILE_NAME));
                    let gone =
                        |file: &git::FileChange| file.after.is_none() && file.before.as_ref() == Some(&path);
                    let empty = Source::new(&*old.source.name, "");
                    comparison.files.iter().any(gone).then(|| (before, guards(&Config::default(), &empty)))
                }
            }
        })
        .collect();
    view.configurations.extend(guarded.iter().map(|(a, b)| (a, b)));
    let findings = changed(&view, &|id| rules::rule(id).is_some());
    let mut sources = comparison.after.sources.clone();
    sources.extend(guarded.iter().map(|(_, now)| now.source.clone()));
    (findings, sources)
}

/// The rules of the organisation that a project has no more, or that matter less there now.
pub fn lost(project: &Project, there: &[OrgRule], own: &[OrgRule]) -> Vec<LostRule> {
    there
        .iter()
        .filter_map(|rule| {
            let now = own.iter().find(|now| now.id == rule.id);
            if now.is_some_and(|now| now.level >= rule.level) {
                return None;
            }
            let place = place_of(project, now)?;
            Some(LostRule { id: rule.id.clone(), was: rule.level, now: now.map(|now| now.level), place })
        })
        .collect()
}

/// What is found of lost rules, and the texts that it points into.
pub fn lost_findings(lost: &[LostRule]) -> (Vec<Finding>, Vec<Source>) {
    let sources = lost.iter().map(|lost| lost.place.0.clone()).collect();
    let view = ChangeView { lost: lost.iter().collect(), ..ChangeView::default() };
    (changed(&view, &|id| rules::rule(id).is_some()), sources)
}

/// Where a project says that a rule is as it is now: the rule; where there is none, the nearest
/// configuration that names rules, or else the nearest.
fn place_of(project: &Project, now: Option<&OrgRule>) -> Option<(Source, Span)> {
    if let Some(rule) = now {
        let source = project.rules.iter().find(|source| *source.name == *rule.place.source)?;
        let line = LineIndex::new(&source.text).line_span(&source.text, rule.place.line);
        return Some((source.clone(), line.unwrap_or_default()));
    }
    let names = project.layers.nearest(|layer| layer.config.lint.rules.first());
    match names {
        Some((layer, first)) => Some((layer.source.clone(), first.span)),
        None => match project.layers.iter().next() {
            Some(layer) => Some((layer.source.clone(), Span::default())),
            // There is no configuration any more: the first policy shows where it held.
            None => Some((Source::new(files::shown(project.files.first()?), ""), Span::default())),
        },
    }
}

/// What a configuration guards with.
pub fn guards(config: &Config, source: &Source) -> Guards {
    let strictness = match config.lint.fail_on {
        Some(FailOn::Note) => 3,
        None | Some(FailOn::Warning) => 2,
        Some(FailOn::Error) => 1,
        Some(FailOn::Never) => 0,
    };
    let approval = config.approval.as_ref();
    Guards {
        source: source.clone(),
        select: config.lint.select.clone(),
        ignore: config.lint.ignore.clone(),
        strictness,
        baseline: config.lint.baseline.clone(),
        rules: config.lint.rules.iter().map(|rule| rule.value.clone()).collect(),
        branch: approval.and_then(|a| a.branch.as_ref()).map(|branch| branch.value.clone()),
        reviews: approval.map(|a| a.reviews.unwrap_or(1)),
        secrets: config.secrets.iter().map(|s| (s.name.clone(), s.hosts.clone())).collect(),
    }
}
