//! `luascale check`: finds faults in policies. May import: everything.

use super::args::{Check, CheckFormat};
use super::cache::{self, Asked, Cache};
use super::changed::Changed;
use super::edited::Edited;
use super::failure::{Failure, status};
use super::modules::Modules;
use super::project::{Gathered, Project};
use super::terminal::Terminal;
use super::{Outcome, excluded, files, jobs, known, mapped, online, organisation, wanted, watch};
use crate::lint::baseline::Texts;
use crate::lint::{self, Checked, Group, Review, Settings, Wanted, settings};
use crate::lua::Limits;
use crate::model::Finding;
use crate::report::places::Places;
use crate::report::{self, hosts};
use crate::sim::RunOptions;
use crate::sim::samples::ReadOptions;
use crate::syntax::Parsed;
use crate::text::{Source, Span};
use crate::worker::{CheckRequest, LoadRequest, Lost, Purpose, RunRequest, Worker, own_binary};
use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// Most passes of fixing: a fix may make room for another.
const MOST_PASSES: usize = 10;

/// Runs the command.
pub fn run(args: &Check, terminal: &Terminal) -> Outcome {
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let folder = args.cache_dir.clone().or_else(cache::default_folder).filter(|_| !args.no_cache);
    let cache = folder.map(|folder| Cache::new(folder, &binary));
    let round = || {
        let outcome = once(args, terminal, &binary, cache.as_ref());
        if let Some(cache) = &cache {
            cache.finish();
            if let Some(folder) = args.cache_dir.as_ref().filter(|_| cache.is_broken()) {
                let folder = files::shown(folder);
                terminal.say(&format!("nothing could be kept in {folder}; the check is whole all the same"));
            }
        }
        outcome
    };
    if args.watch { watch::run(args, terminal, &round) } else { round() }
}

fn once(args: &Check, terminal: &Terminal, binary: &Path, cache: Option<&Cache>) -> Outcome {
    if args.show_suppressed && args.format != CheckFormat::Sarif {
        return Err(Failure::usage("only SARIF tells what is suppressed").hint("add --format sarif"));
    }
    let mut edited = Edited::default();
    if args.stdin {
        edited.given = Some(given(args)?);
    }
    let Gathered { mut projects, findings: mut unusable, mut sources, .. } =
        Project::gather(&args.paths, args.stdin)?;
    let changed = match &args.diff {
        Some(revision) => Some(Changed::since(revision, args.load_timeout)?),
        None => None,
    };
    if let Some(changed) = &changed {
        changed.restrict(&mut projects)?;
    }
    let mut own = organisation::named(binary, &projects, &mut unusable, &mut sources)?;
    let mut lost = Vec::new();
    if let Some(changed) = &changed {
        let held = changed.hold(binary, &mut projects, &own)?;
        held.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
        lost = held.lost;
        own.iter_mut().zip(held.rules).for_each(|(own, rules)| own.extend(rules));
    }
    let unused = excluded::asked(args, &mut projects, changed.as_ref());
    if projects.iter().all(|p| p.files.is_empty()) && projects.iter().any(|p| !p.excluded.is_empty()) {
        terminal.say("note: luascale.yaml excludes all that was asked for");
    }
    let own: Vec<Vec<String>> =
        own.into_iter().map(|rules| rules.into_iter().map(|rule| rule.id).collect()).collect();
    let all: Vec<String> = own.iter().flatten().cloned().collect();
    for name in args.select.iter().chain(&args.ignore) {
        if let Some(help) = settings::unknown(name, &all) {
            return Err(Failure::usage(format!("no rule and no family is named {name}")).hint(help));
        }
    }
    for (project, own) in projects.iter().zip(&own) {
        unusable.extend(wanted::unknown_names(project, own));
        sources.extend(project.layers.sources().cloned());
    }
    let settings: Vec<Settings> =
        projects.iter().zip(own).map(|(project, own)| wanted::asked(project.in_force(), args, own)).collect();
    let without = Mutex::default();
    let (projects, settings) = (&projects[..], &settings[..]);
    let work = Work { projects, settings, args, today: today(), binary, cache, without: &without };
    let Seen { mut checked, mut review } = work.until_fixed(&mut edited, terminal)?;
    if args.diff_fix {
        terminal.print(&edited.diff(), args.output.as_deref())?;
        return Ok(if edited.files.is_empty() { status::CLEAN } else { status::FINDINGS });
    }
    edited.write()?;
    let mut unanswered = match changed.is_none() && !args.stdin {
        true => {
            let each = projects.iter().zip(&checked).enumerate();
            let all = each.flat_map(|(at, (p, c))| p.files.iter().zip(c).map(move |(f, c)| (at, f, c)));
            let excluded = projects.iter().enumerate();
            let excluded: Vec<(usize, &PathBuf)> =
                excluded.flat_map(|(at, p)| p.excluded.iter().map(move |f| (at, f))).collect();
            mapped::unchecked(projects, all, &excluded)
        }
        false => Vec::new(),
    };
    unanswered.extend(unused);
    if !unanswered.is_empty() {
        add(&mut checked, unanswered);
        review = work.review(&checked);
    }
    if let Some(changed) = &changed {
        changed.judge(args, projects, &lost, &mut checked)?;
        review = work.review(&checked);
    }
    let mut failures = Vec::new();
    if args.online {
        let asked = online::ask(args, projects, &checked)?;
        add(&mut checked, asked.findings);
        review = work.review(&checked);
        failures = asked.failures;
        asked.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
    }
    let names: Vec<String> = work.files().map(|(_, path)| files::shown(path)).collect();
    let sources = all_sources(checked.iter().flatten(), sources);
    let base = files::base();
    let baseline = |project| match &changed {
        Some(changed) => changed.baseline(project, args),
        None => Ok(wanted::baseline(project, args).map(known::Kept::of_disk)),
    };
    let baselines = projects.iter().map(baseline).collect::<Result<Vec<_>, Failure>>()?;
    if args.update_baseline && baselines.iter().all(Option::is_none) {
        return Err(Failure::usage("there is no baseline to update").hint("name one: --baseline FILE"));
    }
    let places = Places::new(&sources, &base);
    let texts = Texts { sources: &sources, path: &|name| places.path(name) };
    let known = known::apply(&mut review, &baselines, &texts, args.update_baseline)?;
    let wrong = !unusable.is_empty();
    let failing = review.told.iter().filter(|told| told.fails).count();
    let mut findings = unusable;
    findings.extend(review.findings());
    let told_too = if args.show_suppressed { review.suppressed.as_slice() } else { &[] };
    let text = match args.format {
        CheckFormat::Text if args.statistics => report::findings::statistics(&findings, names.len()),
        CheckFormat::Text => {
            let layout = terminal.layout(false, false);
            let mut text = report::findings(&findings, &sources, &layout, true);
            text.push_str(&report::findings::summary(&findings, names.len(), review.suppressed.len()));
            text
        }
        CheckFormat::Json => report::findings_json(&findings, &sources),
        CheckFormat::Sarif => report::sarif::sarif(&findings, told_too, &sources, &base),
        CheckFormat::Github => hosts::github(&findings, &sources, &base),
        CheckFormat::Gitlab => hosts::gitlab(&findings, &sources, &base),
        CheckFormat::Junit => hosts::junit(&findings, &sources, &names, &base),
        CheckFormat::Checkstyle => hosts::checkstyle(&findings, &sources, &base),
        CheckFormat::Rdjson => hosts::rdjson(&findings, &sources, &base),
    };
    terminal.print(&text, args.output.as_deref())?;
    if edited.cured > 0 {
        let (n, files) = (edited.cured, edited.files.len());
        let s = |n: usize| if n == 1 { "" } else { "s" };
        terminal.say(&format!("fixed {n} finding{} in {files} file{}", s(n), s(files)));
    }
    if known.known > 0 {
        terminal.say(&format!("{} known to the baseline, not shown", known.known));
    }
    if known.cured > 0 {
        terminal.say(&format!(
            "{} of the baseline cured: take them out with --update-baseline, so that they stay so",
            known.cured
        ));
    }
    let without = without.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !without.is_empty() {
        let names: Vec<String> = without.into_iter().collect();
        terminal.say(&format!("note: not run, for want of a recording: {}", names.join(", ")));
    }
    known.written.iter().for_each(|path| terminal.say(&format!("wrote {path}")));
    failures.iter().for_each(|failure| terminal.fail(failure));
    Ok(match failing {
        _ if wrong => status::USAGE,
        // What was not asked is not known to be sound.
        _ if !failures.is_empty() => {
            failures.iter().map(Failure::status).max().unwrap_or(status::ENVIRONMENT)
        }
        0 => status::CLEAN,
        _ => status::FINDINGS,
    })
}

/// What is checked, and how.
struct Work<'a> {
    projects: &'a [Project],
    settings: &'a [Settings],
    args: &'a Check,
    today: jiff::civil::Date,
    binary: &'a Path,
    cache: Option<&'a Cache>,
    /// Names of policies that were to be run on recordings, and have none.
    without: &'a Mutex<BTreeSet<String>>,
}

/// What came of checking everything once.
struct Seen {
    checked: Vec<Vec<Checked>>,
    review: Review,
}

impl Work<'_> {
    /// All files, by project.
    fn files(&self) -> impl Iterator<Item = (&Project, &PathBuf)> {
        self.projects.iter().flat_map(|p| p.files.iter().map(move |file| (p, file)))
    }

    /// Checks everything; where fixes are asked for, until there is none left to make.
    fn until_fixed(&self, edited: &mut Edited, terminal: &Terminal) -> Result<Seen, Failure> {
        for _ in 0..MOST_PASSES {
            let seen = self.once(edited, terminal)?;
            if !(self.args.fix || self.args.diff_fix) {
                return Ok(seen);
            }
            let own: Vec<Source> =
                seen.checked.iter().flatten().filter_map(|file| file.sources.first().cloned()).collect();
            let fixed = lint::fix::apply(&own, &seen.review.findings(), self.args.unsafe_fixes);
            if fixed.sources.is_empty() {
                return Ok(seen);
            }
            edited.take(fixed, &own, self.files().map(|(_, path)| path.as_path()));
        }
        self.once(edited, terminal)
    }

    fn once(&self, edited: &Edited, terminal: &Terminal) -> Result<Seen, Failure> {
        let checked = look(self, edited, terminal)?;
        let review = self.review(&checked);
        Ok(Seen { checked, review })
    }

    fn review(&self, checked: &[Vec<Checked>]) -> Review {
        // A configuration that nested ones build on is about their files too.
        let built_on: HashSet<&str> =
            self.projects.iter().flat_map(|p| p.layers.sources().skip(1)).map(|s| &*s.name).collect();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for ((files, settings), project) in checked.iter().zip(self.settings).zip(self.projects) {
            let configs: Vec<&Source> = project.layers.sources().collect();
            let whole = project.whole && configs.first().is_some_and(|s| !built_on.contains(&*s.name));
            groups.push(Group { files, settings, configs, whole });
        }
        lint::review(&groups, self.today)
    }
}

/// Hands findings to the files that they are about; what is about none of them, a configuration, to
/// the first.
fn add(checked: &mut [Vec<Checked>], findings: Vec<Finding>) {
    // Where there is no file at all, what is about a configuration still has to be told.
    if checked.iter().all(Vec::is_empty)
        && !findings.is_empty()
        && let Some(first) = checked.first_mut()
    {
        first.push(Checked {
            policies: Vec::new(),
            findings: Vec::new(),
            sources: Vec::new(),
            parsed: Parsed::default(),
        });
    }
    for finding in findings {
        let about = finding.labels.first().map(|label| label.source.clone());
        let has = |file: &Checked| file.sources.iter().any(|s| Some(&s.name) == about.as_ref());
        let at = checked.iter().flatten().position(has).unwrap_or(0);
        if let Some(file) = checked.iter_mut().flatten().nth(at) {
            file.findings.push(finding);
        }
    }
}

/// Standard input, under the name of the one path.
fn given(args: &Check) -> Result<Source, Failure> {
    let [path] = args.paths.as_slice() else {
        return Err(Failure::usage("--stdin checks one file").hint("give the one path that it is to have"));
    };
    let name = files::shown(path);
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(files::MAX_SOURCE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::environment(format!("cannot read standard input: {e}")))?;
    if bytes.len() as u64 > files::MAX_SOURCE {
        let most = crate::text::size(files::MAX_SOURCE);
        return Err(Failure::usage(format!("standard input is larger than {most}")));
    }
    files::source(&name, bytes).map_err(|finding| Failure::usage(finding.message))
}

/// The day in UTC, which suppressions are held against.
#[expect(clippy::disallowed_methods, reason = "the day comes in from here")]
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Every file once, by its own rules: by project, in the order of names.
fn look(work: &Work<'_>, edited: &Edited, terminal: &Terminal) -> Result<Vec<Vec<Checked>>, Failure> {
    let limits = Limits { load_ms: work.args.load_timeout, ..Limits::default() };
    let wanted: Vec<Wanted> = work.settings.iter().map(|settings| Wanted::by([settings])).collect();
    let modules: Vec<Modules<'_>> = work.projects.iter().map(|p| Modules::new(p, edited)).collect();
    let projects = modules.iter().zip(&wanted);
    let files: Vec<(&Modules<'_>, &Wanted, &PathBuf)> =
        projects.flat_map(|(m, wanted)| m.project.files.iter().map(move |file| (m, wanted, file))).collect();
    let progress = terminal.progress("check");
    let done = std::sync::atomic::AtomicUsize::new(0);
    let results = jobs::parallel(
        &files,
        || Bench { work, limits, edited, worker: None },
        |bench, _, (modules, wanted, path)| {
            let checked = bench.file(modules, wanted, path);
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress.set((done * 1000 / files.len()) as u64);
            checked
        },
    );
    let mut results = results.into_iter();
    work.projects.iter().map(|project| results.by_ref().take(project.files.len()).collect()).collect()
}

/// One thread's worker and what it works on.
struct Bench<'a> {
    work: &'a Work<'a>,
    limits: Limits,
    edited: &'a Edited,
    worker: Option<Worker>,
}

impl Bench<'_> {
    fn file(&mut self, modules: &Modules<'_>, wanted: &Wanted, path: &Path) -> Result<Checked, Failure> {
        let project = modules.project;
        let name = files::shown(path);
        let whole = Source::new(name.as_str(), "");
        let read = match self.edited.get(&name) {
            Some(source) => Ok(source.clone()),
            None => project
                .root
                .read_file(path, files::MAX_SOURCE)
                .map_err(|why| {
                    let message = format!("cannot read {name}: {why}");
                    Finding::error("cannot-read", message).at(&whole, Span::default(), "")
                })
                .and_then(|bytes| files::source(&name, bytes)),
        };
        let alone = |finding: Finding, sources: Vec<Source>| Checked {
            policies: Vec::new(),
            findings: vec![finding],
            sources,
            parsed: Parsed::default(),
        };
        let source = match read {
            Ok(source) => source,
            Err(finding) => return Ok(alone(finding, Vec::new())),
        };
        let load = LoadRequest {
            source: source.clone(),
            entry: project.entry(path),
            catalogue: project.catalogue.clone(),
            limits: self.limits,
        };
        let request = CheckRequest {
            load,
            assumptions: wanted::assumptions(project.in_force()),
            wanted: wanted.clone(),
            rules: project.rules_in_force().to_vec(),
        };
        // What is to be run must be loaded, so that nothing is taken from the cache.
        let cache = self.work.cache.filter(|_| self.work.args.samples.is_none());
        let slot = cache.and_then(|cache| cache.slot(&request));
        let kept = slot.as_ref().and_then(|slot| slot.get(&request.load, modules));
        let checked = kept.map_or_else(
            || {
                let asked = Asked::new(modules);
                let checked = self.ask(&asked, &request)?;
                if let Some(slot) = &slot {
                    slot.put(&request.load, &asked, &checked);
                }
                Ok(checked)
            },
            Ok,
        );
        match checked {
            Ok(mut checked) => {
                if let Some(given) = &self.work.args.samples {
                    let given: Vec<PathBuf> =
                        given.iter().filter(|path| !path.is_empty()).map(PathBuf::from).collect();
                    self.runs(modules, &request, &given, &mut checked)?;
                }
                Ok(kept_small(checked))
            }
            Err(lost) => {
                let finding = jobs::told(&lost, "checking", &source, Span::default())?;
                Ok(alone(finding, vec![source]))
            }
        }
    }

    /// Loads and lints a file, in a new process where the last one was lost.
    fn ask(&mut self, modules: &dyn crate::lua::Modules, request: &CheckRequest) -> Result<Checked, Lost> {
        if self.worker.as_ref().is_some_and(Worker::is_lost) {
            self.worker = None;
        }
        let worker = match &mut self.worker {
            Some(worker) => worker,
            None => {
                let memory = match &self.work.args.samples {
                    Some(given) => {
                        let given: Vec<PathBuf> = given.iter().map(PathBuf::from).collect();
                        jobs::memory(self.work.projects, &given)
                    }
                    None => jobs::BASE_MEMORY,
                };
                self.worker.insert(Worker::start(self.work.binary, memory)?)
            }
        };
        // Each file of rules has as long as the file itself.
        let times = u32::try_from(request.rules.len()).unwrap_or(u32::MAX).saturating_add(1);
        let patience = Duration::from_millis(request.load.limits.load_ms).saturating_mul(times) + jobs::GRACE;
        worker.check(request.clone(), modules, patience)
    }

    /// Runs the policies of a checked file on their recordings, and adds what is found there.
    fn runs(
        &mut self,
        modules: &Modules<'_>,
        request: &CheckRequest,
        given: &[PathBuf],
        checked: &mut Checked,
    ) -> Result<(), Failure> {
        let source = request.load.source.clone();
        for (index, policy) in (0..).zip(checked.policies.clone()) {
            let samples = match jobs::samples(modules.project, &policy, given, &ReadOptions::default()) {
                Ok(samples) => samples,
                Err(found) => {
                    checked.findings.extend(found);
                    continue;
                }
            };
            let name = policy.name.value.clone();
            if samples.is_empty() {
                self.without(name);
                continue;
            }
            let patience = jobs::patience(&samples, &self.limits);
            let run = RunRequest {
                policy: index,
                samples,
                options: RunOptions::default(),
                purpose: Purpose::Check,
            };
            let lost = self.worker.as_ref().is_none_or(Worker::is_lost);
            let again = if lost { self.ask(modules, request).map(|_| ()) } else { Ok(()) };
            let reply = again.and_then(|()| match &mut self.worker {
                Some(worker) => worker.run(run, patience, &mut |_, _| {}),
                None => Err(Lost::Start("there is none".into())),
            });
            match reply {
                Ok(reply) => {
                    if reply.recordings == 0 && reply.findings.is_empty() {
                        self.without(name);
                    }
                    checked.findings.extend(reply.findings);
                    checked.sources.extend(reply.sources);
                }
                Err(lost) => {
                    let doing = format!("running policy \"{name}\"");
                    checked.findings.push(jobs::told(&lost, &doing, &source, policy.name.span)?);
                }
            }
        }
        Ok(())
    }

    /// Notes that a policy has no recording.
    fn without(&self, policy: String) {
        // A thread that panicked holding the lock left it whole: names are only added.
        self.work.without.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(policy);
    }
}

/// A file that nothing was found in and that declares nothing is no more than its name: most files
/// of a large tree are so.
fn kept_small(mut checked: Checked) -> Checked {
    let plain = checked.policies.is_empty() && checked.findings.is_empty();
    if plain && !checked.sources.iter().any(lint::suppress::may_have) {
        checked.sources.clear();
        checked.sources.shrink_to_fit();
    }
    checked
}

/// The texts that findings may point into, each once.
fn all_sources<'a>(files: impl Iterator<Item = &'a Checked>, more: Vec<Source>) -> Vec<Source> {
    let mut seen = std::collections::HashSet::new();
    let all = files.flat_map(|file| file.sources.iter().cloned()).chain(more);
    all.filter(|source| seen.insert(source.name.clone())).collect()
}
