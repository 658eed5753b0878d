//! What luascale.yaml names and nothing answers to: a policy that is not there is never judged,
//! and nobody would notice. May import: everything.

use super::jobs::FileResult;
use super::project::Project;
use crate::model::finding::{Finding, Level, did_you_mean};
use crate::text::{Source, Span};
use std::collections::HashSet;

/// Findings on names in configurations that match no policy and no file. What was not loaded
/// cannot be told to be missing: a configuration whose files were not all asked for, or one with a
/// file that does not load, is left alone.
pub fn unmatched(projects: &[Project], results: &[FileResult]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    for layer in projects.iter().flat_map(|project| project.layers.iter()) {
        if !seen.insert(&layer.source.name) {
            continue;
        }
        let source = &layer.source;
        let under = |project: &&Project| project.layers.iter().any(|other| other.source.name == source.name);
        let own: Vec<&FileResult> =
            results.iter().filter(|r| projects.get(r.project).as_ref().is_some_and(under)).collect();
        for result in own.iter().filter(|r| r.declared && !r.script && loads(r)) {
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
            let mut files = projects.iter().filter(under).flat_map(|project| &project.files);
            if !files.any(|file| ends_with(&super::files::shown(file), path)) {
                let finding = Finding::error("unknown-file", format!("there is no {path}"));
                findings.push(finding.at(source, entry.path.span, "named here").help(
                    "the entries under `policies:` are paths of Lua files, from the folder of this file on",
                ));
            }
        }
        if own.iter().all(|r| loads(r)) {
            let names: Vec<&str> = own.iter().flat_map(|r| &r.names).map(String::as_str).collect();
            for entry in layer.config.samples.iter().filter(|e| !names.contains(&e.policy.value.as_str())) {
                findings.push(unknown(source, entry.policy.span, &entry.policy.value, &names));
            }
        }
    }
    findings
}

fn loads(result: &FileResult) -> bool {
    result.idle || result.findings.iter().all(|f| f.level != Level::Error)
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
