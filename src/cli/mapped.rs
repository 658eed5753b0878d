//! What luascale.yaml names and nothing answers to: a policy that is not there is never judged,
//! and nobody would notice. May import: everything.

use super::jobs::FileResult;
use super::project::Project;
use crate::lint::{Checked, suppress};
use crate::model::Form;
use crate::model::finding::{Finding, Level, did_you_mean};
use crate::text::{Source, Span};
use std::collections::HashSet;
use std::path::PathBuf;

/// A file, as far as a configuration can be held against it.
struct Seen<'a> {
    /// Its name, as it is shown.
    name: String,
    /// Index of its project.
    project: usize,
    /// Names of its policies.
    names: Vec<&'a str>,
    /// Whether the configuration has an entry for it that it does not read.
    useless: bool,
    /// Whether it loads.
    loads: bool,
}

/// Findings on the configurations of what was run.
pub fn unmatched(projects: &[Project], results: &[FileResult]) -> Vec<Finding> {
    let seen = results.iter().map(|result| Seen {
        name: result.name.clone(),
        project: result.project,
        names: result.names.iter().map(String::as_str).collect(),
        useless: result.declared && !result.script,
        loads: result.idle || result.findings.iter().all(|f| f.level != Level::Error),
    });
    held_against(projects, &seen.collect::<Vec<_>>())
}

/// Findings on the configurations of what was checked: `checked` has every file of the projects, with
/// the place of its project, but for those that are `excluded`.
pub fn unchecked<'a>(
    projects: &[Project],
    checked: impl Iterator<Item = (usize, &'a PathBuf, &'a Checked)>,
    excluded: &[(usize, &PathBuf)],
) -> Vec<Finding> {
    let mut seen: Vec<Seen<'a>> = checked
        .map(|(at, path, file)| {
            let declares = file.policies.iter().any(|policy| policy.form != Form::Script);
            Seen {
                name: super::files::shown(path),
                project: at,
                names: file.policies.iter().map(|policy| policy.name.value.as_str()).collect(),
                useless: declares && projects.get(at).is_some_and(|p| p.entry(path).is_some()),
                // What a rule finds keeps nothing from loading.
                loads: !file.findings.iter().any(suppress::keeps_from_loading),
            }
        })
        .collect();
    // What is excluded is not looked at, so which policies it declares is not known.
    seen.extend(excluded.iter().map(|(at, path)| Seen {
        name: super::files::shown(path),
        project: *at,
        names: Vec::new(),
        useless: false,
        loads: false,
    }));
    held_against(projects, &seen)
}

/// Findings on names in configurations that match no policy and no file. What was not loaded
/// cannot be told to be missing: a configuration whose files were not all asked for, or one with a
/// file that does not load, is left alone.
fn held_against(projects: &[Project], results: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    for layer in projects.iter().flat_map(|project| project.layers.iter()) {
        if !seen.insert(&layer.source.name) {
            continue;
        }
        let source = &layer.source;
        let under = |project: &&Project| project.layers.iter().any(|other| other.source.name == source.name);
        let own: Vec<&Seen<'_>> =
            results.iter().filter(|r| projects.get(r.project).as_ref().is_some_and(under)).collect();
        for result in own.iter().filter(|r| r.useless && r.loads) {
            let entry = layer.config.policies.iter().find(|e| ends_with(&result.name, &e.path.value));
            if let Some(entry) = entry {
                findings.push(useless(source, entry.path.span, &entry.path.value));
            }
        }
        if !layer.whole {
            continue;
        }
        for entry in &layer.config.policies {
            let path = &entry.path.value;
            let mut files = projects.iter().filter(under).flat_map(|p| p.files.iter().chain(&p.excluded));
            if !files.any(|file| ends_with(&super::files::shown(file), path)) {
                let finding = Finding::error("unknown-file", format!("there is no {path}"));
                findings.push(finding.at(source, entry.path.span, "named here").help(
                    "the entries under `policies:` are paths of Lua files, from the folder of this file on",
                ));
            }
        }
        if own.iter().all(|r| r.loads) {
            let names: Vec<&str> = own.iter().flat_map(|r| r.names.iter().copied()).collect();
            for entry in layer.config.samples.iter().filter(|e| !names.contains(&e.policy.value.as_str())) {
                findings.push(unknown(source, entry.policy.span, &entry.policy.value, &names));
            }
        }
    }
    findings
}

/// Whether a shown path ends in a path of the configuration, whole parts compared.
fn ends_with(shown: &str, path: &str) -> bool {
    shown == path || shown.strip_suffix(path).is_some_and(|before| before.ends_with('/'))
}

fn useless(source: &Source, span: Span, path: &str) -> Finding {
    Finding::error("useless-entry", format!("{path} declares its policies itself, so this entry is not read"))
        .at(source, span, "this entry")
        .help("remove the entry; entries under `policies:` are for scripts, which call no `policy`")
}

fn unknown(source: &Source, span: Span, name: &str, names: &[&str]) -> Finding {
    let help = match did_you_mean(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => "there is no policy below this file's folder".into(),
        None => format!("policies here are: {}", names.join(", ")),
    };
    Finding::error("unknown-policy", format!("no policy is named \"{name}\", so these samples judge nothing"))
        .at(source, span, "named here")
        .help(help)
}
