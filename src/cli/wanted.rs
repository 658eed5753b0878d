//! What is asked of the linter: every luascale.yaml of a project, and the command line over them.
//! May import: everything.

use super::args::{Check, FailOnArg};
use super::layers::Layers;
use super::project::Project;
use crate::config::FailOn;
use crate::lint::{Assumptions, Settings, settings};
use crate::model::{Finding, Level};
use crate::text::Spanned;
use std::path::PathBuf;

/// The baseline of a project: that of the command line, else that of its configuration.
pub fn baseline(project: &Project, args: &Check) -> Option<PathBuf> {
    let own = || project.layers.nearest(|layer| layer.config.lint.baseline.as_ref());
    args.baseline.clone().or_else(|| own().map(|(layer, path)| layer.root.folder.join(&path.value)))
}

/// What the configuration asks, the nearer over the farther, and the command line over it.
pub fn asked(layers: &Layers, args: &Check, own: Vec<String>) -> Settings {
    settings_of(layers, (&args.select, &args.ignore, args.fail_on), own)
}

/// What a configuration asks, and what fails over it.
pub fn configured(layers: &Layers, fail_on: Option<FailOnArg>, own: Vec<String>) -> Settings {
    settings_of(layers, (&[], &[], fail_on), own)
}

fn settings_of(
    layers: &Layers,
    (chosen, left, fails): (&[String], &[String], Option<FailOnArg>),
    own: Vec<String>,
) -> Settings {
    let names = |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
    let (mut select, mut ignore) = (Vec::new(), Vec::new());
    let layers: Vec<_> = layers.iter().map(|layer| &layer.config.lint).collect();
    let lists = layers.iter().rev().map(|lint| (names(&lint.select), names(&lint.ignore)));
    for (selected, ignored) in lists.chain([(chosen.to_vec(), left.to_vec())]) {
        // What is selected by name nearer is wanted, whatever is ignored farther.
        ignore.retain(|name| !selected.contains(name));
        ignore.extend(ignored);
        if !selected.is_empty() {
            select = selected;
        }
    }
    let lint_fails = layers.iter().find_map(|lint| lint.fail_on);
    let fail_on = match (fails, lint_fails) {
        (Some(asked), _) => asked.level(),
        (None, Some(FailOn::Note)) => Some(Level::Note),
        (None, Some(FailOn::Warning) | None) => Some(Level::Warning),
        (None, Some(FailOn::Error)) => Some(Level::Error),
        (None, Some(FailOn::Never)) => None,
    };
    Settings { select, ignore, fail_on, own }
}

/// What the linter takes for granted.
pub fn assumptions(layers: &Layers) -> Assumptions {
    let stated = layers.nearest(|layer| {
        let lint = &layer.config.lint;
        lint.scrape_interval.map(|_| lint.assumptions())
    });
    stated.map(|(_, assumptions)| assumptions).unwrap_or_default()
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
