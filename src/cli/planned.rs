//! What a plan tells of the policies that it changes: what the change means and does, and what
//! `check` finds. People read it; nothing that is applied depends on it. May import: everything.

#![expect(clippy::disallowed_methods, reason = "suppressions run out by the day")]

use super::args::{RunArgs, SampleArgs};
use super::failure::Failure;
use super::linted::Linted;
use super::revision::{Revision, Versioned};
use super::{compare, dry_run, files};
use crate::change::canonical::{canonical, sha256};
use crate::change::difference::{Differing, Fate};
use crate::change::live::Live;
use crate::change::meaning::{Change, Class};
use crate::change::plan::{Behaviour, Lint, Meaning, Op, Planned};
use crate::git::{Oid, Range, Repo, Side};
use crate::lint::rules::RULES;
use crate::lua::Limits;
use crate::model::{Finding, Level};
use crate::report;
use crate::text::{LineIndex, Source};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// The digest of the rules of `check`: their identifiers and pages.
pub fn rule_set() -> String {
    let rules: Vec<[&str; 2]> = RULES.iter().map(|rule| [rule.id, rule.text]).collect();
    sha256(canonical(&serde_json::json!(rules)).as_bytes())
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

/// What it needs to tell what a change means.
pub struct Sides<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The commit that is planned.
    pub head: Oid,
    /// Its policies.
    pub revision: &'a Revision,
    /// What is live.
    pub live: &'a Live,
    /// The paths that were asked for.
    pub paths: &'a [PathBuf],
    /// The fences.
    pub limits: Limits,
}

/// Writes into a plan what each change means, and what both versions do on the recordings that
/// are mapped to the policy: the version that is live is that of the commit that the policy itself was
/// applied from. Gives what cannot be told and why, a sentence each.
///
/// # Errors
/// Where the repository cannot be read, or luascale itself fails.
pub fn tell_change(policies: &mut [Planned], sides: &Sides<'_>) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    let mut groups: BTreeMap<Option<Oid>, Vec<String>> = BTreeMap::new();
    for policy in policies.iter().filter(|policy| policy.op != Op::None) {
        let came = sides.live.came(&policy.id).filter(|_| policy.before.is_some());
        let commit = came.map_or_else(|| sides.live.commit.clone(), |came| came.commit);
        match commit.as_deref().map(str::parse::<Oid>) {
            None => groups.entry(None).or_default().push(policy.id.clone()),
            Some(Ok(commit)) if sides.repo.commit(commit).is_ok() => {
                groups.entry(Some(commit)).or_default().push(policy.id.clone());
            }
            Some(_) => notes.push(format!(
                "{}: what is live was applied from a commit that is not in this clone, so what its change means is not told",
                policy.id
            )),
        }
    }
    for (commit, ids) in groups {
        tell(policies, sides, commit, &ids, &mut notes)?;
    }
    // What is new on the target may have been in git for long.
    let new = |policy: &&Planned| policy.op == Op::Create && policy.meaning.is_empty();
    let new: Vec<String> = policies.iter().filter(new).map(|policy| policy.id.clone()).collect();
    if !new.is_empty() {
        tell(policies, sides, None, &new, &mut notes)?;
    }
    Ok(notes)
}

/// Tells what the changes of some policies mean, held against a commit; without one, against nothing.
fn tell(
    policies: &mut [Planned],
    sides: &Sides<'_>,
    before: Option<Oid>,
    ids: &[String],
    notes: &mut Vec<String>,
) -> Result<(), Failure> {
    let range = Range {
        before: before.map_or(Side::Empty, Side::Commit),
        after: Side::Commit(sides.head),
        base: None,
        merge_base: None,
        before_label: "live".into(),
        after_label: "HEAD".into(),
    };
    let (read, options) = dry_run::options(&mapped(), &plain())?;
    let behaviour = Some(compare::Behaviour { samples: &[], read, options });
    let options = compare::Options { paths: sides.paths, policies: ids, limits: sides.limits, behaviour };
    let comparison = compare::compare(sides.repo, &range, &options, &|_| {})?;
    for policy in policies.iter_mut().filter(|policy| ids.contains(&policy.id)) {
        let Some(differing) = comparison.difference.policies.iter().find(|other| other.id == policy.id)
        else {
            if policy.op == Op::Update {
                notes.push(drifted(&policy.id));
            }
            continue;
        };
        let was = differing.was.as_ref().unwrap_or(&differing.id);
        let old = comparison.before.policy(was).map(|version| version.bundle.digest());
        if differing.was.is_none() && policy.before.is_some() && old != policy.before {
            notes.push(drifted(&policy.id));
            continue;
        }
        policy.meaning = meaning(differing);
        let compared = differing.behaviour.iter().flatten();
        let summary: Vec<String> = compared.map(report::diff::sentence).collect();
        if let Some(versioned) = sides.revision.policy(&policy.id).filter(|_| !summary.is_empty()) {
            policy.behaviour = Some(Behaviour { input: input(sides.revision, versioned), summary });
        }
    }
    Ok(())
}

fn drifted(id: &str) -> String {
    format!("{id}: what is live is not what was applied, so what its change means is not told")
}

fn meaning(differing: &Differing) -> Vec<Meaning> {
    let one = |class: &str, text: String| {
        vec![Meaning { class: class.to_owned(), classes: vec![class.to_owned()], change: None, text }]
    };
    let alone = |class: &str| one(class, differing.summary.clone());
    match differing.fate {
        Fate::Added => alone("new"),
        Fate::Removed => alone("gone"),
        Fate::Changed | Fate::Renamed if differing.is_cosmetic() => {
            one("cosmetic", "it decides and acts as before".into())
        }
        Fate::Changed | Fate::Renamed => {
            let class = |change: &Change| change.classes.iter().min().copied().unwrap_or(Class::Cosmetic);
            let mut changes: Vec<&Change> = differing.changes.iter().collect();
            changes.sort_by_key(|change| class(change));
            changes
                .into_iter()
                .map(|change| Meaning {
                    class: class(change).name().to_owned(),
                    classes: change.classes.iter().map(|class| class.name().to_owned()).collect(),
                    change: change_of(change),
                    text: format!("{}: {}", change.field, change.words),
                })
                .collect()
        }
    }
}

/// Both values of a change, in a line.
fn change_of(change: &Change) -> Option<String> {
    (change.before.is_some() || change.after.is_some()).then(|| report::diff::values(change, "→"))
}

/// The digest of the recordings that are mapped to a policy.
fn input(revision: &Revision, policy: &Versioned) -> String {
    let mut parts = Vec::new();
    if let Some(project) = revision.projects.get(policy.project) {
        let mapped = project.layers.samples(&policy.id);
        for (layer, file) in
            mapped.into_iter().flat_map(|(layer, files)| files.iter().map(move |f| (layer, f)))
        {
            let bytes = layer.root.read(&file.path.value, files::MAX_SAMPLE);
            parts.push(serde_json::json!([file.path.value, bytes.ok().map(|bytes| sha256(&bytes))]));
        }
    }
    sha256(canonical(&serde_json::Value::Array(parts)).as_bytes())
}

/// The recordings that luascale.yaml maps, and no others.
pub fn mapped() -> SampleArgs {
    SampleArgs { samples: Vec::new(), timezone: None, samples_format: None, quantities: false }
}

/// The world as it was recorded.
pub fn plain() -> RunArgs {
    RunArgs { kind: None, recorded_replicas: None, scenario: Vec::new() }
}

/// The day in UTC, which suppressions are held against.
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}
