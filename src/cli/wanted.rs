//! What is asked of the linter: every luascale.yaml of a project, and the command line over them.
//! May import: everything.

use super::args::{Check, FailOnArg};
use super::project::Project;
use crate::config::FailOn;
use crate::lint::{Settings, settings};
use crate::model::{Finding, Level};
use crate::text::Spanned;
use std::path::PathBuf;

/// The baseline of a project: that of the command line, else that of its configuration.
pub fn baseline(project: &Project, args: &Check) -> Option<PathBuf> {
    let own = || project.layers.nearest(|layer| layer.config.lint.baseline.as_ref());
    args.baseline.clone().or_else(|| own().map(|(layer, path)| layer.root.folder.join(&path.value)))
}

/// What the configuration asks, the nearer over the farther, and the command line over it.
pub fn asked(project: &Project, args: &Check, own: Vec<String>) -> Settings {
    let names = |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
    let (mut select, mut ignore) = (Vec::new(), Vec::new());
    let layers: Vec<_> = project.layers.iter().map(|layer| &layer.config.lint).collect();
    let lists = layers.iter().rev().map(|lint| (names(&lint.select), names(&lint.ignore)));
    for (selected, ignored) in lists.chain([(args.select.clone(), args.ignore.clone())]) {
        // What is selected by name nearer is wanted, whatever is ignored farther.
        ignore.retain(|name| !selected.contains(name));
        ignore.extend(ignored);
        if !selected.is_empty() {
            select = selected;
        }
    }
    let lint_fails = layers.iter().find_map(|lint| lint.fail_on);
    let fail_on = match (args.fail_on, lint_fails) {
        (Some(FailOnArg::Note), _) | (None, Some(FailOn::Note)) => Some(Level::Note),
        (Some(FailOnArg::Warning), _) | (None, Some(FailOn::Warning) | None) => Some(Level::Warning),
        (Some(FailOnArg::Error), _) | (None, Some(FailOn::Error)) => Some(Level::Error),
        (Some(FailOnArg::Never), _) | (None, Some(FailOn::Never)) => None,
    };
    Settings { select, ignore, fail_on, own }
}

/// Names under `lint:` that are neither rules nor families.
pub fn unknown_names(project: &Project, own: &[String]) -> Vec<Finding> {
    let named = project.layers.iter().flat_map(|layer| {
        let lint = &layer.config.lint;
        lint.select.iter().chain(&lint.ignore).map(move |name| (&layer.source, name))
    });
    named
        .filter_map(|(source, name)| {
            let help = settings::unknown(&name.value, own)?;
            let message = format!("no rule and no family is named `{}`", name.value);
            Some(Finding::error("unknown-rule", message).at(source, name.span, "").help(help))
        })
        .collect()
}
