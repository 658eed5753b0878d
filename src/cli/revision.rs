//! The policies of one side of a repository: found, configured and loaded from its snapshot as
//! they would be from a checkout of it. May import: everything.

use super::failure::Failure;
use super::files;
use super::jobs;
use super::project::{Gathered, Project};
use super::store::Store;
use crate::change::Bundle;
use crate::change::canonical::canonical;
use crate::change::code::Code;
use crate::git::{self, Oid, Repo, Side, Skipped};
use crate::lua::Limits;
use crate::model::raw::{RawTable, RawValue};
use crate::model::{Finding, Policy};
use crate::text::{Source, Span};
use crate::worker::{LoadReply, LoadRequest, Lost, Studied, Worker, own_binary};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which files of a side are loaded.
#[derive(Default, Clone, Copy)]
pub struct Scope<'a> {
    /// Folders and files, from the repository's root on; none: all.
    pub paths: &'a [PathBuf],
    /// Of the files below those, the ones that are wanted; their paths are from the repository's
    /// root on.
    pub only: Option<&'a (dyn Fn(&Path) -> bool + Sync)>,
}

/// One side, loaded.
#[derive(Default)]
pub struct Revision {
    /// What it is called.
    pub label: String,
    /// The commit, where it is one.
    pub commit: Option<Oid>,
    /// Its policies, sorted by name.
    pub policies: Vec<Versioned>,
    /// What was found while loading: errors say which files are not among the policies.
    pub findings: Vec<Finding>,
    /// The texts that findings and policies point into, each once.
    pub sources: Vec<Source>,
    /// Links and submodules, which are not followed.
    pub skipped: Vec<Skipped>,
    /// The configurations, with the files that each is of.
    pub projects: Vec<Project>,
    /// Files that do not load.
    pub broken: Vec<Broken>,
}

/// A file that does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its path, from the repository's root on, as it is shown.
    pub path: String,
    /// Its text and those of what it requires, as far as they were read; none where it was not.
    pub sources: Vec<Source>,
}

/// A policy at a revision.
#[derive(Debug, Clone)]
pub struct Versioned {
    /// Its name; unique in a revision without errors.
    pub id: String,
    /// Path of its file, from the repository's root on, as it is shown.
    pub path: String,
    /// The policy.
    pub policy: Policy,
    /// All that it is made of.
    pub bundle: Bundle,
    /// Its place among the policies of its file.
    pub index: u32,
    /// The folder that `require` starts from, from the repository's root on.
    pub folder: PathBuf,
    /// Its project in [`Revision::projects`].
    pub project: usize,
    /// What its file is loaded from: to load it again.
    pub request: LoadRequest,
    /// The file and all that it requires.
    pub sources: Vec<Source>,
    /// What its functions do.
    pub code: Code,
}

impl Revision {
    /// A policy by its name.
    pub fn policy(&self, id: &str) -> Option<&Versioned> {
        self.policies.iter().find(|policy| policy.id == id)
    }

    /// Whether everything loaded.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != crate::model::Level::Error)
    }
}

/// What became of one file.
#[derive(Default)]
struct Loaded {
    policies: Vec<Versioned>,
    findings: Vec<Finding>,
    sources: Vec<Source>,
    broken: Option<Broken>,
}

/// Loads the policies of a side. A file that does not load is a finding; the others are there.
///
/// # Errors
/// Where the repository cannot be read, or luascale itself failed.
pub fn load(
    repo: &Repo,
    side: &Side,
    scope: Scope<'_>,
    limits: Limits,
    label: &str,
) -> Result<Revision, Failure> {
    let snapshot = repo.snapshot(side)?;
    let store = Store::of(&snapshot);
    let all = [PathBuf::new()];
    let paths = if scope.paths.is_empty() { &all } else { scope.paths };
    let Gathered { mut projects, findings, sources, .. } = Project::gather_from(&store, paths, false)?;
    if let Some(only) = scope.only {
        projects.iter_mut().for_each(|project| project.files.retain(|file| only(file)));
    }
    let mut revision = Revision {
        label: label.into(),
        commit: side.commit(),
        findings,
        sources,
        skipped: store.skipped(),
        ..Revision::default()
    };
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let files: Vec<(usize, &Project, &PathBuf)> = projects
        .iter()
        .enumerate()
        .flat_map(|(at, project)| project.files.iter().map(move |file| (at, project, file)))
        .collect();
    let loaded = jobs::parallel(
        &files,
        || None,
        |worker: &mut Option<Worker>, _, (at, project, path)| {
            file(worker, &binary, *at, project, path, limits)
        },
    );
    for loaded in loaded {
        let loaded = loaded?;
        revision.policies.extend(loaded.policies);
        revision.findings.extend(loaded.findings);
        revision.sources.extend(loaded.sources);
        revision.broken.extend(loaded.broken);
    }
    for project in &projects {
        revision.sources.extend(project.layers.sources().cloned());
    }
    revision.sources.sort_by(|a, b| a.name.cmp(&b.name));
    revision.sources.dedup_by(|a, b| a.name == b.name);
    revision.policies.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    let twice = named_twice(&revision);
    revision.findings.extend(twice);
    revision.findings.sort_by(Finding::order);
    revision.findings.dedup();
    revision.projects = projects;
    Ok(revision)
}

fn file(
    worker: &mut Option<Worker>,
    binary: &Path,
    at: usize,
    project: &Project,
    path: &Path,
    limits: Limits,
) -> Result<Loaded, Failure> {
    let name = files::shown(path);
    let mut loaded = Loaded::default();
    let source = match project.source(path) {
        Ok(source) => source,
        Err(finding) => {
            loaded.findings.push(finding);
            loaded.broken = Some(Broken { path: name, sources: Vec::new() });
            return Ok(loaded);
        }
    };
    let entry = project.entry(path);
    let declared = entry.is_some();
    let request = LoadRequest { source: source.clone(), entry, catalogue: project.catalogue.clone(), limits };
    let reply = match ask(worker, binary, &request, project) {
        Ok(reply) => reply,
        Err(lost) => {
            loaded.findings.push(jobs::told(&lost, "loading", &source, Span::default())?);
            loaded.broken = Some(Broken { path: name, sources: vec![source.clone()] });
            loaded.sources.push(source);
            return Ok(loaded);
        }
    };
    let Studied { loaded: LoadReply { policies, findings, sources, script, .. }, codes } = reply;
    if script && !declared {
        // A module, or a script that nothing declares: no policy.
        return Ok(loaded);
    }
    if findings.iter().any(|finding| finding.level == crate::model::Level::Error) {
        loaded.broken = Some(Broken { path: name.clone(), sources: sources.clone() });
    }
    loaded.policies = (0..)
        .zip(policies.into_iter().zip(codes))
        .map(|(index, (policy, code))| Versioned {
            id: policy.name.value.clone(),
            path: name.clone(),
            bundle: bundle(project, path, &sources, &request),
            policy,
            index,
            folder: project.root.folder.clone(),
            project: at,
            request: request.clone(),
            sources: sources.clone(),
            code,
        })
        .collect();
    loaded.findings = findings;
    loaded.sources = sources;
    Ok(loaded)
}

/// Loads a file in a worker, which is started where there is none.
pub(super) fn ask(
    worker: &mut Option<Worker>,
    binary: &Path,
    request: &LoadRequest,
    project: &Project,
) -> Result<Studied, Lost> {
    if worker.as_ref().is_some_and(Worker::is_lost) {
        *worker = None;
    }
    let worker = match worker {
        Some(worker) => worker,
        None => worker.insert(Worker::start(binary, jobs::BASE_MEMORY)?),
    };
    let patience = Duration::from_millis(request.limits.load_ms) + jobs::GRACE;
    worker.study(request.clone(), &project.root, patience)
}

/// Where a policy's modules are found in a snapshot of its side.
pub fn root_of(policy: &Versioned, snapshot: &git::Snapshot) -> files::Root {
    files::Root::at(&policy.folder, snapshot.clone())
}

/// What a policy of a file is made of, by paths from the project's folder on.
fn bundle(project: &Project, path: &Path, sources: &[Source], request: &LoadRequest) -> Bundle {
    let folder = files::shown(&project.root.folder);
    let below = |name: &str| {
        let inside = name.strip_prefix(&*folder).map(|rest| rest.trim_start_matches('/'));
        inside.filter(|_| !folder.is_empty()).unwrap_or(name).to_string()
    };
    // The entry's own source is the configuration, of which the entry alone counts.
    let entry = request.entry.as_ref();
    let own = |source: &&Source| entry.is_none_or(|entry| entry.source.name != source.name);
    let all = sources.iter().filter(own).chain(&request.catalogue).chain([&request.source]);
    let files: BTreeMap<String, Vec<u8>> =
        all.map(|source| (below(&source.name), source.text.as_bytes().to_vec())).collect();
    Bundle { path: below(&files::shown(path)), files, entry: entry.map(|entry| entry_json(&entry.table)) }
}

/// An entry under `policies:` as canonical JSON.
pub fn entry_json(entry: &RawTable) -> String {
    canonical(&table(entry))
}

/// A table of luascale.yaml as JSON.
fn table(table: &RawTable) -> Value {
    if table.fields.is_empty() && !table.list.is_empty() {
        return Value::Array(table.list.iter().map(value).collect());
    }
    Value::Object(table.fields.iter().map(|(key, entry)| (key.clone(), value(entry))).collect())
}

fn value(raw: &RawValue) -> Value {
    match raw {
        RawValue::Bool(b) => Value::Bool(*b),
        RawValue::Number(n) => serde_json::Number::from_f64(*n).map_or(Value::Null, Value::Number),
        RawValue::String(text) => Value::String(text.clone()),
        RawValue::Table(inner) => table(inner),
        // YAML gives none of these.
        RawValue::Nil
        | RawValue::Secret(_)
        | RawValue::Function(..)
        | RawValue::Other(_)
        | RawValue::Unknown => Value::Null,
    }
}

/// Policies of one name in several files: neither can be told from the other.
fn named_twice(revision: &Revision) -> Vec<Finding> {
    let pairs = revision.policies.windows(2).filter_map(|pair| match pair {
        [a, b] if a.id == b.id && a.path != b.path => Some((a, b)),
        _ => None,
    });
    pairs
        .filter_map(|(a, b)| {
            let (first, second) = (a.sources.first()?, b.sources.first()?);
            Some(
                Finding::error("duplicate-name", format!("two policies are named \"{}\"", git::shown(&a.id)))
                    .at(second, b.policy.name.span, "the second")
                    .at(first, a.policy.name.span, "the first")
                    .help("a policy is known by its name: give one of them another"),
            )
        })
        .collect()
}

/// Paths given on the command line as paths from the repository's root on.
///
/// # Errors
/// Where one is outside of the repository.
#[expect(clippy::disallowed_methods, reason = "paths of the command line start at the working directory")]
pub fn paths(repo: &Repo, given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let Some(workdir) = repo.workdir() else {
        // A bare repository has no working directory: its paths start at its root.
        return Ok(given.iter().filter(|path| path.as_os_str() != ".").map(|path| plain(path)).collect());
    };
    let root = std::fs::canonicalize(workdir)
        .map_err(|e| Failure::environment(format!("cannot enter {}: {e}", files::shown(workdir))))?;
    let mut out = Vec::new();
    for path in given {
        let absolute = match std::fs::canonicalize(path) {
            Ok(real) => real,
            // It may be there at the other side alone.
            Err(_) => std::fs::canonicalize(".")
                .map(|here| plain(&here.join(path)))
                .map_err(|e| Failure::environment(format!("cannot enter the working directory: {e}")))?,
        };
        match absolute.strip_prefix(&root) {
            Ok(below) => out.push(below.to_path_buf()),
            Err(_) => {
                return Err(Failure::usage(format!("{} is outside of the repository", files::shown(path)))
                    .hint(format!("the repository is {}", files::shown(&root))));
            }
        }
    }
    Ok(out)
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
