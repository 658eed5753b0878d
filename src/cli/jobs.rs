//! Runs policy files through worker processes: several at once, results in the files' order.
//! May import: everything.

use super::failure::Failure;
use super::files::{self, Root};
use super::project::Project;
use crate::config;
use crate::lua::Limits;
use crate::model::{Finding, MetricSource, Policy};
use crate::sim::RunOptions;
use crate::sim::samples::ReadOptions;
use crate::text::{Source, Span, Spanned};
use crate::worker::{LoadReply, LoadRequest, Lost, Purpose, Recorded, RunRequest, SampleFile, Worker};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Address space of a worker before any samples: code, a VM, the parser's thread.
pub const BASE_MEMORY: u64 = 512 << 20;

/// Address space for each byte of samples: the text, its numbers, the run.
pub const MEMORY_PER_SAMPLE_BYTE: u64 = 24;

/// How much longer than the VM's own deadline the process may take before it is killed.
pub const GRACE: Duration = Duration::from_secs(3);

/// Most workers at a time: beyond this the machine, not the number of workers, is the limit.
const MOST_WORKERS: usize = 8;

/// What is to be done with every policy.
pub struct Work<'a> {
    /// The files and their surroundings.
    pub projects: &'a [Project],
    /// Whether a folder was asked for: then a file that declares nothing is no policy.
    pub folder: bool,
    /// Names of the policies asked for; empty: all.
    pub policies: &'a [String],
    /// Recordings given on the command line.
    pub samples: &'a [PathBuf],
    /// How recordings are read, but for what the configuration says of each.
    pub read: ReadOptions,
    /// How the world is simulated.
    pub options: RunOptions,
    /// What the runs are for.
    pub purpose: Purpose,
    /// The fences.
    pub limits: Limits,
    /// The binary that runs as the worker.
    pub binary: &'a Path,
}

/// What became of one file.
#[derive(Default)]
pub struct FileResult {
    /// Its name.
    pub name: String,
    /// What was found in it and in its samples.
    pub findings: Vec<Finding>,
    /// The texts that the findings point into.
    pub sources: Vec<Source>,
    /// Whether the file declares nothing and nothing declares it.
    pub idle: bool,
    /// What it printed while it was loaded.
    pub printed: Vec<String>,
    /// Each policy's runs.
    pub runs: Vec<(Policy, Vec<Recorded>)>,
    /// Names of its policies, those not asked for too.
    pub names: Vec<String>,
    /// Why scenarios could not be done to its policies.
    pub unfit: Vec<String>,
    /// Tests that are about another policy than the one they were handed to.
    pub foreign: Vec<(String, Spanned<String>)>,
    /// Whether it is a script.
    pub script: bool,
    /// Whether luascale.yaml has an entry for it.
    pub declared: bool,
    /// Index of its project.
    pub project: usize,
    /// Names of the modules that it required.
    pub required: Vec<String>,
    /// Why luascale itself failed.
    pub failure: Option<Failure>,
}

/// Does the work. `progress` is told how many thousandths of it are done.
pub fn run(work: &Work<'_>, progress: &(dyn Fn(u64) + Sync)) -> Vec<FileResult> {
    let mut files: Vec<(usize, &Project, &Path)> = Vec::new();
    for (at, project) in work.projects.iter().enumerate() {
        files.extend(project.files.iter().map(|path| (at, project, path.as_path())));
    }
    files.sort_by_key(|(_, _, path)| *path);
    let shares: Vec<_> = files.iter().map(|_| AtomicUsize::new(0)).collect();
    let tell = |file: usize, share: u64| {
        if let Some(slot) = shares.get(file) {
            slot.store(usize::try_from(share).unwrap_or(0), Ordering::Relaxed);
        }
        let sum: usize = shares.iter().map(|s| s.load(Ordering::Relaxed)).sum();
        progress((sum / files.len().max(1)) as u64);
    };
    let bench = || Bench { work, worker: None };
    parallel(&files, bench, |bench, at, (of, project, path)| {
        let mut result = bench.file(project, path, &|share| tell(at, share));
        result.project = *of;
        tell(at, 1000);
        result
    })
}

/// Works through items, several at a time, each thread on a bench of its own; results come in
/// the order of the items.
pub fn parallel<I: Sync, B, R: Send>(
    items: &[I],
    bench: impl Fn() -> B + Sync,
    work: impl Fn(&mut B, usize, &I) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(items.len()).clamp(1, MOST_WORKERS);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let turn = || {
        let mut bench = bench();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(&mut bench, at, item);
            // A thread that panicked holding the lock left it whole: slots are only replaced.
            let mut slots = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(slot) = slots.get_mut(at) {
                *slot = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where the system gives no more threads, the others do the work.
            if std::thread::Builder::new().spawn_scoped(scope, turn).is_err() {
                break;
            }
        }
        turn();
    });
    let slots = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    slots.into_iter().flatten().collect()
}

/// One thread's worker and what it works on.
struct Bench<'a> {
    work: &'a Work<'a>,
    worker: Option<Worker>,
}

impl Bench<'_> {
    fn file(&mut self, project: &Project, path: &Path, progress: &dyn Fn(u64)) -> FileResult {
        let name = files::shown(path);
        let mut result = FileResult { name: name.clone(), ..FileResult::default() };
        let source = match project.source(path) {
            Ok(source) => source,
            Err(finding) => {
                result.findings.push(finding);
                return result;
            }
        };
        let entry = project.entry(path);
        result.declared = entry.is_some();
        let request = LoadRequest {
            source: source.clone(),
            entry,
            catalogue: project.catalogue.clone(),
            limits: self.work.limits,
        };
        let loaded = match self.load(&request, &project.root) {
            Ok(loaded) => loaded,
            Err(lost) => {
                result.lose(&lost, "loading", &source, Span::default());
                return result;
            }
        };
        let LoadReply { policies, findings, sources, script, printed } = loaded;
        result.script = script;
        result.idle = script && !result.declared && self.work.folder;
        if result.idle {
            return result;
        }
        result.required = sources.iter().skip(1).map(|s| s.name.to_string()).collect();
        result.names = policies.iter().map(|p| p.name.value.clone()).collect();
        result.findings = findings;
        result.sources = sources;
        result.printed = printed;
        let wanted = |p: &Policy| self.work.policies.is_empty() || self.work.policies.contains(&p.name.value);
        let chosen: Vec<(u32, Policy)> = (0..).zip(policies).filter(|(_, p)| wanted(p)).collect();
        let total = chosen.len() as u64;
        for (done, (index, policy)) in (0..).zip(chosen) {
            let share = |part: u64| progress((done * 1000 + part) / total.max(1));
            self.policy(project, (index, policy), &request, &source, &mut result, &share);
        }
        result
    }

    fn policy(
        &mut self,
        project: &Project,
        (index, policy): (u32, Policy),
        load: &LoadRequest,
        source: &Source,
        result: &mut FileResult,
        progress: &dyn Fn(u64),
    ) {
        let samples = match samples(project, &policy, self.work.samples, &self.work.read) {
            Ok(samples) => samples,
            Err(found) => {
                result.findings.extend(found);
                return;
            }
        };
        // A worker that an earlier policy of the file took along is replaced, and loads again.
        if self.worker.as_ref().is_none_or(Worker::is_lost)
            && let Err(lost) = self.load(load, &project.root)
        {
            result.lose(&lost, "loading", source, policy.name.span);
            return;
        }
        let patience = patience(&samples, &load.limits);
        let mut options = self.work.options.clone();
        options.scenarios.retain(|scenario| match scenario.fits(&policy) {
            Ok(()) => true,
            Err(why) => {
                result.unfit.push(why);
                false
            }
        });
        let request = RunRequest { policy: index, samples, options, purpose: self.work.purpose };
        let Some(worker) = &mut self.worker else { return };
        let mut share = |done: u64, total: u64| progress(done * 1000 / total.max(1));
        match worker.run(request, patience, &mut share) {
            Ok(reply) => {
                result.findings.extend(reply.findings);
                result.sources.extend(reply.sources);
                result.foreign.extend(reply.foreign);
                result.runs.push((policy, reply.runs));
            }
            Err(lost) => {
                let doing = format!("running policy \"{}\"", policy.name.value);
                result.lose(&lost, &doing, source, policy.name.span);
            }
        }
    }

    fn load(&mut self, request: &LoadRequest, root: &Root) -> Result<LoadReply, Lost> {
        if self.worker.as_ref().is_none_or(Worker::is_lost) {
            self.worker =
                Some(Worker::start(self.work.binary, memory(self.work.projects, self.work.samples))?);
        }
        let patience = Duration::from_millis(request.limits.load_ms) + GRACE;
        match &mut self.worker {
            Some(worker) => worker.load(request.clone(), root, patience),
            None => Err(Lost::Start("there is none".into())),
        }
    }
}

/// Address space that a worker needs for the largest set of samples that it may be handed:
/// those given, else those that configurations map.
#[expect(clippy::disallowed_methods, reason = "the size of the samples is in the file system")]
pub fn memory(projects: &[Project], given: &[PathBuf]) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len().min(files::MAX_SAMPLE));
    let all: u64 = given.iter().map(|p| size(p)).sum();
    let mapped = projects.iter().flat_map(|project| project.layers.iter()).flat_map(|layer| {
        let size = |file: &config::SampleFile| layer.root.size(&file.path.value).min(files::MAX_SAMPLE);
        layer.config.samples.iter().map(move |entry| entry.files.iter().map(size).sum::<u64>())
    });
    let most = mapped.max().unwrap_or(0).max(all);
    BASE_MEMORY.saturating_add(most.saturating_mul(MEMORY_PER_SAMPLE_BYTE))
}

/// How long reading and running samples may take, each recording under the limit of a run.
pub fn patience(samples: &[SampleFile], limits: &Limits) -> Duration {
    let bytes: usize = samples.iter().map(|s| s.bytes.len()).sum();
    let reading = Duration::from_secs(10 + bytes as u64 / 2_000_000);
    let runs = Duration::from_millis(limits.run_ms) + GRACE;
    reading + runs * u32::try_from(samples.len().max(1)).unwrap_or(u32::MAX)
}

/// The recordings of a policy: those of the command line; else those that the configuration
/// maps to it, and the files that its metrics name.
///
/// # Errors
/// What cannot be read.
pub fn samples(
    project: &Project,
    policy: &Policy,
    given: &[PathBuf],
    read: &ReadOptions,
) -> Result<Vec<SampleFile>, Vec<Finding>> {
    let options = reading(read, &[policy]);
    if !given.is_empty() {
        return self::given(given, &options);
    }
    mapped(project, &[policy], &options)
}

/// How recordings are read for policies: the metrics that they declare.
pub fn reading(given: &ReadOptions, policies: &[&Policy]) -> ReadOptions {
    let mut options = given.clone();
    let metrics = || policies.iter().flat_map(|policy| &policy.metrics);
    let mut names: Vec<String> = metrics().map(|m| m.name.value.clone()).collect();
    names.sort();
    names.dedup();
    if let [only] = names.as_slice() {
        // An answer to an expression has no name; with one metric there is no doubt whose it is.
        options.metric = Some(only.clone());
    }
    options.metrics = Some(names);
    let labels = metrics().filter_map(|m| Some((m.name.value.clone(), m.replica_label.clone()?)));
    options.replica_labels = labels.collect();
    options
}

/// Recordings given on the command line.
pub fn given(paths: &[PathBuf], options: &ReadOptions) -> Result<Vec<SampleFile>, Vec<Finding>> {
    let mut samples = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        let name = files::shown(path);
        match files::read_limited(path, files::MAX_SAMPLE) {
            Ok(bytes) => samples.push(SampleFile { name, bytes, options: options.clone(), column: None }),
            Err(why) => {
                findings
                    .push(Finding::error("cannot-read", format!("cannot read the samples {name}: {why}")));
            }
        }
    }
    if findings.is_empty() { Ok(samples) } else { Err(findings) }
}

/// The recordings that a configuration maps to a policy, and the files that its metrics name. Of
/// several versions of a policy, the first one's count where they differ.
pub fn mapped(
    project: &Project,
    policies: &[&Policy],
    options: &ReadOptions,
) -> Result<Vec<SampleFile>, Vec<Finding>> {
    let mut samples = Vec::new();
    let mut findings = Vec::new();
    let entry = policies.iter().find_map(|policy| project.layers.samples(&policy.name.value));
    for (layer, file) in entry.into_iter().flat_map(|(layer, files)| files.iter().map(move |f| (layer, f))) {
        let root = &layer.root;
        let mut options = options.clone();
        options.columns.clone_from(&file.columns);
        if file.timezone.is_some() {
            options.timezone.clone_from(&file.timezone);
        }
        match root.read(&file.path.value, files::MAX_SAMPLE) {
            Ok(bytes) => {
                let name = files::shown(&root.folder.join(&file.path.value));
                samples.push(SampleFile { name, bytes, options, column: None });
            }
            Err(why) => {
                let message = format!("cannot read the samples {}: {why}", file.path.value);
                let finding = Finding::error("cannot-read", message);
                findings.push(finding.at(&layer.source, file.path.span, "named here"));
            }
        }
    }
    let root = &project.root;
    let mut named: Vec<&str> = Vec::new();
    for metric in policies.iter().flat_map(|policy| &policy.metrics) {
        let MetricSource::File { path, column } = &metric.source else { continue };
        if named.contains(&metric.name.value.as_str()) {
            continue;
        }
        named.push(&metric.name.value);
        match root.read(&path.value, files::MAX_SAMPLE) {
            Ok(bytes) => {
                let name = files::shown(&root.folder.join(&path.value));
                let column = Some((metric.name.value.clone(), column.clone()));
                samples.push(SampleFile { name, bytes, options: options.clone(), column });
            }
            Err(why) => findings.push(Finding::error(
                "cannot-read",
                format!("cannot read {} for the metric {}: {why}", path.value, metric.name.value),
            )),
        }
    }
    if findings.is_empty() { Ok(samples) } else { Err(findings) }
}

impl FileResult {
    /// The worker gave no answer: a finding of this file, or a failure of luascale itself.
    fn lose(&mut self, lost: &Lost, doing: &str, source: &Source, span: Span) {
        match told(lost, doing, source, span) {
            Err(failure) => self.failure = Some(failure),
            Ok(finding) => {
                self.findings.push(finding);
                if !self.sources.contains(source) {
                    self.sources.push(source.clone());
                }
            }
        }
    }
}

/// What a worker that gave no answer means for a file.
///
/// # Errors
/// Where it is luascale that failed, or the system.
pub fn told(lost: &Lost, doing: &str, source: &Source, span: Span) -> Result<Finding, Failure> {
    let message = format!("{doing} {} failed: {lost}", source.name);
    match lost {
        Lost::Start(_) => Err(Failure::environment(message)),
        Lost::Bug(_) => Err(Failure::bug(message)),
        Lost::Deadline(_) | Lost::Ended(_) => {
            let place = if span.is_empty() { "" } else { "this policy" };
            Ok(Finding::error("limit-exceeded", message).at(source, span, place).help(
                "policy code runs in a process of its own, under limits of time and memory; look for a loop without an end",
            ))
        }
    }
}
