//! `check --diff`: what of a check a change touches, and what the change itself weakens. May
//! import: everything.

#![expect(
    clippy::disallowed_methods,
    reason = "files of the disk are known by their paths in the repository"
)]

use super::args;
use super::compare::{Comparison, Options, compare};
use super::configuration::Configuration;
use super::failure::Failure;
use super::files;
use super::guards::{Side, grouped};
use super::known::Kept;
use super::layers::Layers;
use super::organisation;
use super::project::{Project, parent};
use super::weakened::{self, Weakened, weakened};
use crate::git::{self, Range, Repo};
use crate::lint::Checked;
use crate::lint::changed::{LostRule, Place};
use crate::lua::Limits;
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::{Source, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A change, from a revision to the work tree.
pub struct Changed {
    comparison: Comparison,
    /// The work tree, with every link followed.
    root: PathBuf,
    repo: Repo,
    range: Range,
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
        Ok(Changed { comparison, root, repo, range })
    }

    /// The path of a file of the disk in the repository.
    pub fn path(&self, file: &Path) -> Option<PathBuf> {
        Some(std::fs::canonicalize(file).ok()?.strip_prefix(&self.root).ok()?.to_path_buf())
    }

    /// Leaves the files that the change touches. Those that stood under another luascale.yaml before it
    /// become projects of their own, so that each is judged by the one that it stood under.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn restrict(&self, projects: &mut Vec<Project>) -> Result<(), Failure> {
        let snapshot = self.repo.snapshot(&self.range.before)?;
        let side = Side::of(&snapshot);
        let mut parted = Vec::new();
        for mut project in projects.drain(..) {
            let touched = |path: PathBuf| self.comparison.touched.contains(&path);
            project.files.retain(|file| self.path(file).is_some_and(touched));
            // What the rest of the project is, is not looked at.
            project.whole = false;
            let groups = grouped(&side, &project.files, &|file| self.path(file));
            let mut parts: Vec<Project> = groups
                .into_values()
                .map(|files| project.part(files.into_iter().cloned().collect()))
                .collect();
            if parts.is_empty() {
                parts.push(project);
            }
            parted.extend(parts);
        }
        *projects = parted;
        Ok(())
    }

    /// The baseline of a project, as it was before the change: one that grows with the change would
    /// know all that the change brings. One outside of the repository is read as it is.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn baseline(&self, project: &Project, args: &args::Check) -> Result<Option<Kept>, Failure> {
        let given = args.baseline.as_ref().map(|path| (path, self.path_to_be(path)));
        let path = match given {
            Some((path, None)) => return Ok(Some(Kept::of_disk(path.clone()))),
            Some((path, Some(there))) => {
                let added = self.comparison.files.iter().any(|file| {
                    file.before.is_none() && file.after.as_ref().is_some_and(|p| git::to_path(p) == there)
                });
                let snapshot = self.repo.snapshot(&self.range.before)?;
                if !added && snapshot.entry(&git::from_path(&there))?.is_none() {
                    return Ok(Some(Kept::of_disk(path.clone())));
                }
                there
            }
            None => {
                let own = project.in_force().nearest(|layer| layer.config.lint.baseline.as_ref());
                let Some((layer, path)) = own else { return Ok(None) };
                let folder = &layer.root.folder;
                // Without a configuration of the base it is that of the work tree that counts.
                let folder = if project.base.is_some() { Some(folder.clone()) } else { self.path(folder) };
                let Some(folder) = folder else { return Ok(None) };
                folder.join(&path.value)
            }
        };
        let snapshot = self.repo.snapshot(&self.range.before)?;
        Ok(Some(Kept::at(&snapshot, &path, &self.range.before_label)?))
    }

    /// The path in the repository of a file of the disk that need not be there.
    fn path_to_be(&self, file: &Path) -> Option<PathBuf> {
        let folder = self.path(parent(file))?;
        Some(folder.join(file.file_name()?))
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
            // All files of a project stood under the same luascale.yaml.
            let folder = project.files.first().map_or(&*project.root.folder, |file| parent(file));
            let base = self.range.before.commit().zip(self.path(folder));
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
            let lost = weakened::lost(&there, own, &|now| place_of(project, now));
            held.lost.extend(lost.into_iter().map(|lost| (at, lost)));
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
                self.range.before_label
            ));
        }
        Ok(held)
    }

    /// Adds what the change itself is found to weaken to the files of a check.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn judge(
        &self,
        args: &args::Check,
        projects: &[Project],
        lost: &[(usize, LostRule)],
        checked: &mut [Vec<Checked>],
    ) -> Result<(), Failure> {
        for (at, lost) in lost {
            let findings = weakened::told(std::slice::from_ref(lost)).into_iter();
            if let Some(files) = checked.get_mut(*at) {
                files.extend(findings.map(|finding| Checked::said(finding, Some(lost.place.0.clone()))));
            }
        }
        let given: Vec<PathBuf> = args.baseline.iter().filter_map(|path| self.path_to_be(path)).collect();
        let Weakened { findings, sources } = weakened(&self.repo, &self.range, &self.comparison, &given)?;
        self.place(findings, &sources, projects, checked);
        Ok(())
    }

    /// Gives findings to the files that they are about, by the names that the check has for them.
    /// What is about a file below no project that is checked is not told.
    fn place(
        &self,
        findings: Vec<Finding>,
        sources: &[Source],
        projects: &[Project],
        checked: &mut [Vec<Checked>],
    ) {
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
        let roots: Vec<Option<PathBuf>> =
            projects.iter().map(|project| self.path(&project.root.folder)).collect();
        let base = files::base();
        // A file that the check itself does not read: a test, a baseline, a luascale.yaml elsewhere.
        let beside = |known: &str| -> Option<(usize, Source)> {
            let above = roots.iter().enumerate().filter_map(|(at, root)| Some((at, root.as_ref()?)));
            let at = above.filter(|(_, root)| Path::new(known).starts_with(root));
            let (at, _) = at.max_by_key(|(_, root)| root.components().count())?;
            let text = sources.iter().find(|source| *source.name == *known)?;
            Some((at, Source::new(base.from_here(known), &*text.text)))
        };
        for mut finding in findings {
            let Some(first) = finding.labels.first().map(|label| label.source.to_string()) else { continue };
            let Some((at, source)) = names.get(&first).cloned().or_else(|| beside(&first)) else { continue };
            let mut more = Vec::new();
            for label in &mut finding.labels {
                let found = names.get(&*label.source).cloned().or_else(|| beside(&label.source));
                if let Some((_, source)) = found {
                    label.source = source.name.clone();
                    more.push(source);
                }
            }
            let Some(files) = checked.get_mut(at) else { continue };
            match files.iter_mut().find(|file| file.sources.iter().any(|s| s.name == source.name)) {
                Some(file) => {
                    file.findings.push(finding);
                    let new = more.into_iter().filter(|s| !file.sources.contains(s)).collect::<Vec<_>>();
                    file.sources.extend(new);
                }
                None => files.push(Checked::said(finding, Some(source))),
            }
        }
    }
}

/// Where a project says that a rule is as it is now: the rule; where there is none, the nearest
/// configuration that names rules, or else the nearest.
fn place_of(project: &Project, now: Option<&OrgRule>) -> Option<Place> {
    if let Some(rule) = now {
        return weakened::place_of(rule, &project.rules);
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
