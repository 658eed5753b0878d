//! `lint: exclude:` of every luascale.yaml of a project: what `check` leaves out of the folders that it
//! goes through. Other commands leave nothing out: what is not checked is planned and applied all
//! the same. May import: everything.

use super::args::Check;
use super::changed::Changed;
use super::files;
use super::layers::Layers;
use super::project::Project;
use crate::config::FILE_NAME;
use crate::config::exclude::Excluding;
use crate::lint::{Sink, rules};
use crate::model::Finding;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// The patterns of layers, ready to be held against files.
pub struct Patterns<'a> {
    layers: &'a Layers,
    each: Vec<Excluding>,
}

impl<'a> Patterns<'a> {
    /// The patterns of layers.
    pub fn of(layers: &'a Layers) -> Patterns<'a> {
        Patterns {
            layers,
            each: layers.iter().map(|layer| Excluding::new(&layer.config.lint.exclude)).collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.layers.iter().all(|layer| layer.config.lint.exclude.is_empty())
    }

    /// Which patterns name a file: the place of the layer, and of the pattern in it.
    pub fn matching(&self, file: &Path) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (at, (layer, patterns)) in self.layers.iter().zip(&self.each).enumerate() {
            if layer.config.lint.exclude.is_empty() {
                continue;
            }
            let path = layer.root.relative(file);
            found.extend(path.iter().flat_map(|path| patterns.matching(path)).map(|pattern| (at, pattern)));
        }
        found
    }
}

/// Takes what the configurations in force exclude out of the projects of a check. Files that are named
/// on the command line stay, unless it says otherwise. The findings tell of patterns that exclude
/// nothing.
pub fn asked(args: &Check, projects: &mut [Project], changed: Option<&Changed>) -> Vec<Finding> {
    let is_config = |path: &Path| path.file_name().is_some_and(|name| name == FILE_NAME);
    let named = args.paths.iter().filter(|path| !args.force_exclude && !is_config(path));
    let named: HashSet<PathBuf> = named.map(|path| files::key(path)).collect();
    leave_out(projects, &named, &|project, file| match changed {
        Some(changed) if project.base.is_some() => changed.path(file),
        _ => Some(file.to_owned()),
    })
}

/// Takes what the configurations in force exclude out of the projects' files, but for those that were
/// `named`. `path` gives a file's path as the configurations in force know it. The findings tell of
/// patterns that exclude nothing.
fn leave_out(
    projects: &mut [Project],
    named: &HashSet<PathBuf>,
    path: &dyn Fn(&Project, &Path) -> Option<PathBuf>,
) -> Vec<Finding> {
    // By configuration and pattern, whether it named a file; where not all files were asked for, that
    // cannot be told.
    let mut used: BTreeMap<(String, usize), bool> = BTreeMap::new();
    for project in projects.iter_mut() {
        let patterns = Patterns::of(project.in_force());
        if patterns.is_empty() {
            continue;
        }
        let names: Vec<String> = patterns.layers.sources().map(|source| source.name.to_string()).collect();
        let mut out: BTreeSet<PathBuf> = BTreeSet::new();
        for file in &project.files {
            let found = path(project, file).map(|path| patterns.matching(&path)).unwrap_or_default();
            for (layer, pattern) in &found {
                used.extend(names.get(*layer).map(|name| ((name.clone(), *pattern), true)));
            }
            if !found.is_empty() && !is_named(named, file) {
                out.insert(file.clone());
            }
        }
        project.files.retain(|file| !out.contains(file));
        project.excluded = out.into_iter().collect();
    }
    let mut findings = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    // Of a base nobody can change a pattern any more.
    for layer in projects.iter().filter(|p| p.base.is_none()).flat_map(|project| project.layers.iter()) {
        if !layer.whole || !seen.insert(&layer.source.name) {
            continue;
        }
        for (at, pattern) in layer.config.lint.exclude.iter().enumerate() {
            if used.contains_key(&(layer.source.name.to_string(), at)) {
                continue;
            }
            let Some(rule) = rules::rule("unused-exclude") else { continue };
            let message = format!("`lint.exclude` names `{}`, and no Lua file is there", pattern.value);
            Sink::new(rule, &mut findings).raise(message, |f| {
                f.at(&layer.source, pattern.span, "").help(
                    "remove it; a name without `/` is met anywhere, a path starts at this file's folder",
                )
            });
        }
    }
    findings
}

fn is_named(named: &HashSet<PathBuf>, file: &Path) -> bool {
    !named.is_empty() && named.contains(&files::key(file))
}
