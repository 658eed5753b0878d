//! Two sides of a repository held against each other: what differs, what that means, how it
//! behaves. For `diff` and whoever plans or reviews a change. May import: everything.

use super::failure::Failure;
use super::jobs::{self, reading};
use super::project::Project;
use super::revision::{self, Broken, Revision, Scope, Versioned};
use super::store::Store;
use super::touched::touched;
use crate::change::difference::{Difference, Differing, Fate};
use crate::change::meaning::{self, Version};
use crate::change::pairs::{Candidate, Pair, pairs};
use crate::git::{FileChange, Range, Repo, Side};
use crate::lua::Limits;
use crate::model::{Finding, Level, Policy};
use crate::sim::RunOptions;
use crate::sim::samples::ReadOptions;
use crate::text::Span;
use crate::worker::{CompareRequest, Lost, SampleFile, Worker, own_binary};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How sides are compared.
pub struct Options<'a> {
    /// Folders and files, from the repository's root on; none: all.
    pub paths: &'a [PathBuf],
    /// Names of policies; none: all.
    pub policies: &'a [String],
    /// The fences.
    pub limits: Limits,
    /// How both versions are run; `None`: they are not.
    pub behaviour: Option<Behaviour<'a>>,
}

/// How both versions are run.
pub struct Behaviour<'a> {
    /// Recordings given on the command line, instead of those that luascale.yaml maps.
    pub samples: &'a [PathBuf],
    /// How recordings are read.
    pub read: ReadOptions,
    /// How the world is simulated.
    pub options: RunOptions,
}

/// Both sides, as far as the change touches them, and how they differ.
pub struct Comparison {
    /// The older side.
    pub before: Revision,
    /// The newer side.
    pub after: Revision,
    /// The files that differ.
    pub files: Vec<FileChange>,
    /// Files that the change touches, those too that require one that differs.
    pub touched: BTreeSet<PathBuf>,
    /// How policies differ.
    pub difference: Difference,
    /// Of each of [`Difference::policies`], its place in both sides.
    pub pairs: Vec<Pair>,
    /// What was found while loading and while reading recordings.
    pub findings: Vec<Finding>,
    /// The texts that those point into.
    pub sources: Vec<crate::text::Source>,
}

/// Compares two sides. Only files that the change touches are loaded.
///
/// # Errors
/// Where the repository cannot be read, or luascale itself failed.
pub fn compare(
    repo: &Repo,
    range: &Range,
    options: &Options<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Comparison, Failure> {
    let files = repo.changes(&range.before, &range.after)?;
    let (old, new) =
        (projects(repo, &range.before, options.paths)?, projects(repo, &range.after, options.paths)?);
    let snapshot = repo.snapshot(&range.after)?;
    let touched = touched(&files, &snapshot, &old, &new);
    let only = |path: &Path| touched.contains(path);
    let scope = Scope { paths: options.paths, only: Some(&only) };
    let before = revision::load(repo, &range.before, scope, options.limits, &range.before_label)?;
    let after = revision::load(repo, &range.after, scope, options.limits, &range.after_label)?;
    let mut comparison = differences(before, after, files, options.policies);
    comparison.touched = touched;
    comparison.difference.before.clone_from(&range.before_label);
    comparison.difference.after.clone_from(&range.after_label);
    if let Some(behaviour) = &options.behaviour {
        run_all(&mut comparison, behaviour, options.limits, progress)?;
    }
    Ok(comparison)
}

fn projects(repo: &Repo, side: &Side, paths: &[PathBuf]) -> Result<Vec<Project>, Failure> {
    let snapshot = repo.snapshot(side)?;
    let all = [PathBuf::new()];
    let paths = if paths.is_empty() { &all } else { paths };
    Ok(Project::gather_from(&Store::of(&snapshot), paths, false)?.projects)
}

/// How the policies of two loaded sides differ.
pub fn differences(
    before: Revision,
    after: Revision,
    files: Vec<FileChange>,
    names: &[String],
) -> Comparison {
    let mut moved: BTreeMap<String, String> = BTreeMap::new();
    for file in &files {
        if let (Some(a), Some(b)) = (&file.before, &file.after) {
            moved.insert(crate::git::shown_path(a), crate::git::shown_path(b));
        }
    }
    let all = pairs(&candidates(&before), &candidates(&after), &|path| moved.get(path).cloned());
    let mut told: Vec<(Differing, Pair)> = all
        .into_iter()
        .filter_map(|pair| {
            let old = pair.before.and_then(|at| before.policies.get(at));
            let new = pair.after.and_then(|at| after.policies.get(at));
            Some((differing(old, new, &before, &after)?, pair))
        })
        .filter(|(policy, _)| {
            let named = |name: &String| *name == policy.id || Some(name) == policy.was.as_ref();
            names.is_empty() || names.iter().any(named)
        })
        .collect();
    told.sort_by(|a, b| (&a.0.id, &a.0.path).cmp(&(&b.0.id, &b.0.path)));
    let (policies, pairs): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    let mut skipped: Vec<(String, String)> =
        after.skipped.iter().chain(&before.skipped).map(|s| (s.path.clone(), s.why.to_string())).collect();
    skipped.sort();
    skipped.dedup();
    // What is as it was, down to the last byte, is nothing that the change did.
    let same =
        |broken: &Broken, other: &Revision| !broken.sources.is_empty() && other.broken.contains(broken);
    let at = |side: &str, these: &Revision, others: &Revision| -> Vec<(String, String)> {
        let told = these.broken.iter().filter(|broken| !same(broken, others));
        told.map(|broken| (broken.path.clone(), side.to_string())).collect()
    };
    let mut broken = at("before", &before, &after);
    broken.extend(at("after", &after, &before));
    // What is wrong with the older side is no longer anybody's to cure; what of it is not compared is
    // told by the names of the files.
    let text = |revision: &Revision, name: &str| {
        revision.sources.iter().find(|source| *source.name == *name).map(|source| source.text.clone())
    };
    let as_it_was = |finding: &Finding| {
        !finding.labels.is_empty()
            && before.findings.contains(finding)
            && finding.labels.iter().all(|l| text(&before, &l.source) == text(&after, &l.source))
    };
    let findings: Vec<Finding> = after.findings.iter().filter(|f| !as_it_was(f)).cloned().collect();
    let mut sources = after.sources.clone();
    sources
        .extend(before.sources.iter().filter(|s| !after.sources.iter().any(|t| t.name == s.name)).cloned());
    let difference = Difference { policies, skipped, broken, ..Difference::default() };
    let touched = BTreeSet::new();
    Comparison { before, after, files, touched, difference, pairs, findings, sources }
}

fn candidates(revision: &Revision) -> Vec<Candidate<'_>> {
    revision
        .policies
        .iter()
        .map(|p| Candidate { id: &p.id, path: &p.path, policy: &p.policy, code: &p.code })
        .collect()
}

/// What became of a policy; `None` where it is the same version at the same place.
fn differing(
    old: Option<&Versioned>,
    new: Option<&Versioned>,
    before: &Revision,
    after: &Revision,
) -> Option<Differing> {
    let either = new.or(old)?;
    let mut differing = Differing {
        id: either.id.clone(),
        fate: Fate::Changed,
        was: None,
        path: either.path.clone(),
        was_path: None,
        summary: String::new(),
        changes: Vec::new(),
        untold: false,
        because: Vec::new(),
        behaviour: None,
        no_behaviour: None,
    };
    // A policy whose file does not load at the other side is neither new nor gone.
    let lost = |revision: &Revision, path: &str| revision.broken.iter().any(|broken| broken.path == path);
    match (old, new) {
        (Some(old), Some(new)) => {
            if old.id == new.id && old.path == new.path && old.bundle.digest() == new.bundle.digest() {
                return None;
            }
            if old.id != new.id {
                differing.fate = Fate::Renamed;
                differing.was = Some(old.id.clone());
            }
            if old.path != new.path {
                differing.was_path = Some(old.path.clone());
            }
            differing.changes = meaning::compare(
                Version { policy: &old.policy, code: &old.code },
                Version { policy: &new.policy, code: &new.code },
            );
            differing.because = because(old, new);
        }
        (None, Some(new)) if lost(before, &new.path) => return None,
        (Some(old), None) if lost(after, &old.path) => return None,
        (None, Some(new)) => {
            differing.fate = Fate::Added;
            differing.summary = summary(&new.policy);
        }
        (Some(old), None) => {
            differing.fate = Fate::Removed;
            differing.summary = summary(&old.policy);
        }
        (None, None) => return None,
    }
    Some(differing)
}

/// The files of a policy that differ, by their paths from the repository's root on.
fn because(old: &Versioned, new: &Versioned) -> Vec<String> {
    let mut found = Vec::new();
    for source in new.sources.iter().chain([&new.request.source]) {
        let same = old
            .sources
            .iter()
            .chain([&old.request.source])
            .any(|s| s.name == source.name && s.text == source.text);
        if !same && !is_config(&source.name) && !found.contains(&source.name.to_string()) {
            found.push(source.name.to_string());
        }
    }
    if old.bundle.entry != new.bundle.entry
        && let Some(entry) = &new.request.entry
    {
        found.push(format!("its entry in {}", entry.source.name));
    }
    found
}

fn is_config(name: &str) -> bool {
    name.ends_with(crate::config::FILE_NAME)
}

/// What a policy is, in a line.
fn summary(policy: &Policy) -> String {
    let mut parts = vec![format!("replicas {} to {}", *policy.replicas.min, *policy.replicas.max)];
    let mut count = |n: usize, one: &str| {
        if n > 0 {
            parts.push(format!("{n} {one}{}", if n == 1 { "" } else { "s" }));
        }
    };
    count(policy.metrics.len(), "metric");
    count(policy.track.len(), "tracked target");
    count(policy.scale_out.len() + policy.scale_in.len(), "rule");
    count(policy.schedule.len(), "schedule");
    count(policy.on.len(), "hook");
    if let Some(target) = &policy.target {
        let name = target.value.arguments.iter().find(|(key, _)| key == "name").map_or("", |(_, name)| name);
        parts.push(format!("scales {} {name}", target.value.kind).trim_end().to_string());
    }
    parts.join(", ")
}

/// Runs both versions of every policy that differs.
fn run_all(
    comparison: &mut Comparison,
    behaviour: &Behaviour<'_>,
    limits: Limits,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), Failure> {
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let items: Vec<(usize, &Versioned, &Versioned)> = comparison
        .pairs
        .iter()
        .enumerate()
        .filter_map(|(at, pair)| {
            let policy = comparison.difference.policies.get(at)?;
            if policy.is_cosmetic() {
                return None;
            }
            Some((
                at,
                comparison.before.policies.get(pair.before?)?,
                comparison.after.policies.get(pair.after?)?,
            ))
        })
        .collect();
    let done = AtomicUsize::new(0);
    let work = Work { comparison, behaviour, limits, binary: &binary };
    let results = jobs::parallel(
        &items,
        || (),
        |(), _, (at, old, new)| {
            let result = work.one(old, new);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress((done * 1000 / items.len().max(1)) as u64);
            (*at, result)
        },
    );
    for (at, result) in results {
        let ran = result?;
        comparison.findings.extend(ran.findings);
        comparison.sources.extend(ran.sources);
        if let Some(policy) = comparison.difference.policies.get_mut(at) {
            policy.behaviour = ran.compared;
            policy.no_behaviour = ran.why;
        }
    }
    Ok(())
}

/// What came of running two versions.
#[derive(Default)]
struct Ran {
    compared: Option<Vec<crate::change::behaviour::Compared>>,
    why: Option<String>,
    findings: Vec<Finding>,
    sources: Vec<crate::text::Source>,
}

struct Work<'a> {
    comparison: &'a Comparison,
    behaviour: &'a Behaviour<'a>,
    limits: Limits,
    binary: &'a Path,
}

impl Work<'_> {
    fn one(&self, old: &Versioned, new: &Versioned) -> Result<Ran, Failure> {
        let projects = (
            self.comparison.before.projects.get(old.project),
            self.comparison.after.projects.get(new.project),
        );
        let (Some(before), Some(after)) = projects else { return Ok(Ran::default()) };
        let versions = [&new.policy, &old.policy];
        let options = reading(&self.behaviour.read, &versions);
        let samples = if self.behaviour.samples.is_empty() {
            jobs::mapped(after, &versions, &options)
        } else {
            jobs::given(self.behaviour.samples, &options)
        };
        let samples = match samples {
            Ok(samples) if samples.is_empty() => {
                let why = "no recording is mapped to it, so its behaviour is not told: luascale.yaml maps them under `samples:`";
                return Ok(Ran { why: Some(why.into()), ..Ran::default() });
            }
            Ok(samples) => samples,
            Err(findings) => {
                let why = "its recordings cannot be read".to_string();
                return Ok(Ran { why: Some(why), findings, ..Ran::default() });
            }
        };
        match self.ask((old, before), (new, after), samples) {
            Ok(reply) if reply.compared.is_empty() => Ok(Ran {
                why: Some("its recordings cannot be read".into()),
                findings: reply.findings,
                sources: reply.sources,
                ..Ran::default()
            }),
            Ok(reply) => Ok(Ran { compared: Some(reply.compared), ..Ran::default() }),
            Err(lost) => {
                let doing = format!("running both versions of policy \"{}\"", new.id);
                let finding = jobs::told(&lost, &doing, &new.request.source, Span::default())?;
                Ok(Ran { why: Some("it could not be run".into()), findings: vec![finding], ..Ran::default() })
            }
        }
    }

    fn ask(
        &self,
        (old, before): (&Versioned, &Project),
        (new, after): (&Versioned, &Project),
        samples: Vec<SampleFile>,
    ) -> Result<crate::worker::CompareReply, Lost> {
        let bytes: u64 = samples.iter().map(|s| s.bytes.len() as u64).sum();
        let memory = bytes.saturating_mul(2 * jobs::MEMORY_PER_SAMPLE_BYTE).saturating_add(jobs::BASE_MEMORY);
        let mut worker = Worker::start(self.binary, memory)?;
        let loading = Duration::from_millis(self.limits.load_ms) + jobs::GRACE;
        worker.study(old.request.clone(), &before.root, loading)?;
        worker.keep()?;
        worker.study(new.request.clone(), &after.root, loading)?;
        let reading = Duration::from_secs(10 + bytes / 2_000_000);
        let runs = Duration::from_millis(self.limits.run_ms) + jobs::GRACE;
        let patience = reading + runs * 2 * u32::try_from(samples.len().max(1)).unwrap_or(u32::MAX / 2);
        let mut options = self.behaviour.options.clone();
        options
            .scenarios
            .retain(|scenario| scenario.fits(&new.policy).is_ok() && scenario.fits(&old.policy).is_ok());
        let request = CompareRequest { before: old.index, after: new.index, samples, options };
        worker.compare(request, patience, &mut |_, _| {})
    }
}

impl Comparison {
    /// Whether something on the newer side is wrong.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}
