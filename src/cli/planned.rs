//! What a plan tells of the policies that it changes: what the change means and does, and what
//! `check` finds. People read it; nothing that is applied depends on it. May import: everything.

#![expect(clippy::disallowed_methods, reason = "suppressions run out by the day")]

use super::failure::Failure;
use super::jobs;
use super::revision::{Revision, Versioned};
use crate::change::canonical::{canonical, sha256};
use crate::change::plan::{Lint, Op, Planned};
use crate::config::{Config, FailOn};
use crate::lint::rules::RULES;
use crate::lint::{self, Checked, Group, Settings};
use crate::model::{Finding, Level};
use crate::syntax::Parsed;
use crate::text::{LineIndex, Source, Span};
use crate::worker::{CheckRequest, Worker, own_binary};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The digest of the rules of `check`: their identifiers and pages.
pub fn rule_set() -> String {
    let rules: Vec<[&str; 2]> = RULES.iter().map(|rule| [rule.id, rule.text]).collect();
    sha256(canonical(&serde_json::json!(rules)).as_bytes())
}

/// What the linter says of a revision.
pub struct Linted {
    /// Its findings, in their one order.
    pub findings: Vec<Finding>,
    /// The texts that they point into.
    pub sources: Vec<Source>,
    /// How many of them fail a check under the base's settings.
    pub failing: usize,
    /// How many are suppressed.
    pub suppressed: usize,
    /// How many files were looked at.
    pub files: usize,
}

/// Checks the files of a revision's policies, under the settings of the base's configuration.
///
/// # Errors
/// Where luascale itself fails.
pub fn lint(revision: &Revision, config: &Config, today: jiff::civil::Date) -> Result<Linted, Failure> {
    let mut files: BTreeMap<&str, &Versioned> = BTreeMap::new();
    for policy in &revision.policies {
        files.entry(&policy.path).or_insert(policy);
    }
    let files: Vec<&Versioned> = files.into_values().collect();
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let checked = jobs::parallel(
        &files,
        || None,
        |worker: &mut Option<Worker>, _, file| one(worker, &binary, revision, file, config),
    );
    let checked: Vec<Checked> = checked.into_iter().collect::<Result<_, _>>()?;
    let names = |list: &[crate::text::Spanned<String>]| list.iter().map(|name| name.value.clone()).collect();
    let fail_on = match config.lint.fail_on {
        Some(FailOn::Note) => Some(Level::Note),
        Some(FailOn::Warning) | None => Some(Level::Warning),
        Some(FailOn::Error) => Some(Level::Error),
        Some(FailOn::Never) => None,
    };
    let settings =
        Settings { select: names(&config.lint.select), ignore: names(&config.lint.ignore), fail_on };
    let review = lint::review(
        &[Group { files: &checked, settings: &settings, configs: Vec::new(), whole: false }],
        today,
    );
    let mut sources: Vec<Source> = checked.into_iter().flat_map(|file| file.sources).collect();
    sources.extend(revision.sources.iter().cloned());
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources.dedup_by(|a, b| a.name == b.name);
    Ok(Linted {
        findings: review.findings(),
        sources,
        failing: review.told.iter().filter(|told| told.fails).count(),
        suppressed: review.suppressed.len(),
        files: files.len(),
    })
}

fn one(
    worker: &mut Option<Worker>,
    binary: &std::path::Path,
    revision: &Revision,
    file: &Versioned,
    config: &Config,
) -> Result<Checked, Failure> {
    let request = CheckRequest { load: file.request.clone(), assumptions: config.lint.assumptions() };
    let failed = || Failure::bug(format!("the project of {} is not there", file.path));
    let root = &revision.projects.get(file.project).ok_or_else(failed)?.root;
    if worker.as_ref().is_some_and(Worker::is_lost) {
        *worker = None;
    }
    let patience = Duration::from_millis(file.request.limits.load_ms) + jobs::GRACE;
    let answer = match worker {
        Some(worker) => worker.check(request, root, patience),
        None => match Worker::start(binary, jobs::BASE_MEMORY) {
            Ok(started) => worker.insert(started).check(request, root, patience),
            Err(lost) => Err(lost),
        },
    };
    match answer {
        Ok(mut checked) => {
            checked.sources.extend(file.request.entry.as_ref().map(|entry| entry.source.clone()));
            Ok(checked)
        }
        Err(lost) => {
            let source = &file.request.source;
            let finding = jobs::told(&lost, "checking", source, Span::default())?;
            Ok(Checked {
                policies: Vec::new(),
                findings: vec![finding],
                sources: vec![source.clone()],
                parsed: Parsed::default(),
            })
        }
    }
}

/// Writes into a plan what the linter says of each policy that changes: of its own file and of
/// what it requires.
pub fn tell_lint(policies: &mut [Planned], revision: &Revision, linted: &Linted) {
    let lines: HashMap<&str, (LineIndex, &Source)> =
        linted.sources.iter().map(|source| (&*source.name, (LineIndex::new(&source.text), source))).collect();
    for policy in policies.iter_mut().filter(|policy| matches!(policy.op, Op::Create | Op::Update)) {
        let Some(versioned) = revision.policy(&policy.id) else { continue };
        let own = |finding: &&Finding| {
            let at = finding.labels.first().map(|label| &*label.source);
            at.is_some_and(|at| versioned.sources.iter().any(|source| *source.name == *at))
        };
        let found: Vec<&Finding> = linted.findings.iter().filter(own).collect();
        let rows: Vec<serde_json::Value> = found
            .iter()
            .map(|finding| {
                let place = finding.labels.first().and_then(|label| {
                    let (index, source) = lines.get(&*label.source)?;
                    Some((&*source.name, index.line(label.span.start)))
                });
                serde_json::json!([finding.rule, finding.message, place])
            })
            .collect();
        let count = |level: Level| {
            u32::try_from(found.iter().filter(|finding| finding.level == level).count()).unwrap_or(u32::MAX)
        };
        policy.lint = Some(Lint {
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            notes: count(Level::Note),
            digest: sha256(canonical(&serde_json::Value::Array(rows)).as_bytes()),
        });
    }
}

/// The day in UTC, which suppressions are held against.
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}
