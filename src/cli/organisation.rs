//! An organisation's own rules: the files that `lint: rules:` names, what they declare, and the
//! page beside each. May import: everything.

use super::failure::Failure;
use super::files;
use super::jobs;
use super::layers::{Layer, Layers};
use super::project::{Project, Unusable};
use super::store::Store;
use crate::config;
use crate::lua::Limits;
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::Source;
use crate::worker::{RulesReply, Worker};
use std::path::Path;
use std::time::Duration;

/// Most files of rules that are read.
const MOST: usize = 200;

/// The files that the configuration names, each once, sorted.
///
/// # Errors
/// A pattern that names no file, a file that cannot be read.
pub fn sources(store: &Store<'_>, layers: &Layers) -> Result<Vec<Source>, Unusable> {
    let (mut found, mut findings): (Vec<Source>, Vec<Finding>) = Default::default();
    for layer in layers.iter().filter(|layer| !layer.config.lint.rules.is_empty()) {
        let Layer { root, config, source, .. } = layer;
        let there: Vec<String> =
            store.lua_files(&root.folder)?.iter().filter_map(|path| root.relative(path)).collect();
        for pattern in &config.lint.rules {
            let named = config::rules::named(&pattern.value, &there);
            if named.is_empty() {
                let message = format!("`lint.rules` names `{}`, and there is no such file", pattern.value);
                let finding = Finding::error("unknown-file", message).at(source, pattern.span, "");
                findings.push(finding.help("write a Lua file, a folder, or a pattern such as `rules/*.lua`"));
            }
            for file in named {
                let name = files::shown(&root.folder.join(file));
                if found.iter().any(|other| *other.name == *name) {
                    continue;
                }
                let read = root.read(file, files::MAX_SOURCE).map_err(|why| {
                    let message = format!("cannot read the rules in {name}: {why}");
                    Finding::error("cannot-read", message).at(source, pattern.span, "named here")
                });
                match read.and_then(|bytes| files::source(&name, bytes)) {
                    Ok(rules) => found.push(rules),
                    Err(finding) => findings.push(finding),
                }
            }
        }
    }
    if found.len() > MOST {
        let why = format!("{} files of rules, and {MOST} are the most", found.len());
        return Err(Failure::usage(why).hint("put several rules into one file").into());
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    match findings.is_empty() {
        true => Ok(found),
        false => Err(Unusable::Config(findings, layers.sources().cloned().collect())),
    }
}

/// Whether a file is one of rules, and so no policy.
pub fn is_rules(layers: &Layers, path: &Path) -> bool {
    layers.iter().any(|layer| {
        let patterns = &layer.config.lint.rules;
        let path = layer.root.relative(path).filter(|_| !patterns.is_empty());
        path.is_some_and(|path| {
            let path = [path];
            patterns.iter().any(|pattern| !config::rules::named(&pattern.value, &path).is_empty())
        })
    })
}

/// What files of rules declare.
///
/// # Errors
/// Where the worker process cannot do its work.
pub fn declared(binary: &Path, files: &[Source]) -> Result<RulesReply, Failure> {
    let Some(first) = files.first() else { return Ok(RulesReply::default()) };
    let limits = Limits::default();
    let each = Duration::from_millis(limits.load_ms);
    let patience = each.saturating_mul(u32::try_from(files.len()).unwrap_or(u32::MAX)) + jobs::GRACE;
    let asked = Worker::start(binary, jobs::BASE_MEMORY).and_then(|mut w| w.rules(files, limits, patience));
    match asked {
        Ok(reply) => Ok(reply),
        Err(lost) => {
            let finding = jobs::told(&lost, "loading the rules in", first, crate::text::Span::default())?;
            Ok(RulesReply { rules: Vec::new(), findings: vec![finding] })
        }
    }
}

/// Each project's rules; what is wrong with their files is added to the findings, and
/// their texts to the sources.
///
/// # Errors
/// Where the worker process cannot do its work.
pub fn named(
    binary: &Path,
    projects: &[Project],
    findings: &mut Vec<Finding>,
    sources: &mut Vec<Source>,
) -> Result<Vec<Vec<OrgRule>>, Failure> {
    let mut own = Vec::new();
    for project in projects {
        let reply = declared(binary, &project.rules)?;
        own.push(reply.rules);
        if !reply.findings.is_empty() {
            findings.extend(reply.findings);
            sources.extend(project.rules.iter().cloned());
        }
    }
    Ok(own)
}

/// The rules of the configuration that is in force where the command runs; none where there is
/// none.
///
/// # Errors
/// A configuration or a file of rules that cannot be used.
pub fn here(binary: &Path) -> Result<Vec<OrgRule>, Failure> {
    let reply = declared(binary, &Project::rules_at(Path::new("."))?)?;
    if let Some(finding) = reply.findings.first() {
        let place = finding.labels.first().map_or_else(String::new, |label| format!(" in {}", label.source));
        return Err(
            Failure::usage(format!("{}{place}", finding.message)).hint("`luascale check` shows the place")
        );
    }
    Ok(reply.rules)
}

/// The page of a rule, beside its file: `ID.md`.
pub fn page(rule: &OrgRule) -> Option<String> {
    let path = Path::new(&*rule.place.source).with_file_name(format!("{}.md", rule.id));
    let bytes = files::read_limited(&path, files::MAX_SOURCE).ok()?;
    String::from_utf8(bytes).ok()
}
