//! `luascale log` and `luascale bisect`: how a policy became what it is, and which commit changed a
//! decision. May import: everything.

use super::failure::{Failure, status};
use super::files;
use super::gitargs::{Bisect, Log, LogFormat};
use super::jobs::{self, reading};
use super::project::Project;
use super::revision::Versioned;
use super::story::{Entry, find, story};
use super::terminal::Terminal;
use super::{Outcome, dry_run};
use crate::git::{self, Oid, Repo};
use crate::lua::{Limits, Modules};
use crate::report::{self, story as told};
use crate::sim::expect::{self, Expectation, Expected};
use crate::text::Span;
use crate::worker::{Purpose, RunRequest, Worker, own_binary};
use std::path::Path;
use std::time::Duration;

/// The newest commit that is asked for.
fn newest(repo: &Repo, revision: Option<&str>) -> Result<Oid, Failure> {
    match revision {
        Some(revision) => Ok(repo.resolve(revision)?.id),
        None => repo.head()?.ok_or_else(|| {
            Failure::usage("there is no commit yet").hint("`luascale diff` shows what is not committed")
        }),
    }
}

/// Runs `log`.
pub fn log(args: &Log, terminal: &Terminal) -> Outcome {
    let repo = Repo::discover(Path::new("."))?;
    let from = newest(&repo, args.revision.as_deref())?;
    let entries = story(&repo, from, &args.policy, Limits::default())?;
    let chapters: Vec<told::Chapter<'_>> = entries.iter().map(chapter).collect();
    let text = match args.format {
        LogFormat::Text => told::text(&args.policy, &chapters, &terminal.layout(args.ascii, false)),
        LogFormat::Json => told::json(&args.policy, &chapters),
    };
    terminal.print(&text, args.output.as_deref())?;
    tell_cut(&entries, terminal);
    Ok(status::CLEAN)
}

/// Says where a shallow clone begins, if a policy's story goes back as far.
fn tell_cut(entries: &[Entry], terminal: &Terminal) {
    for entry in entries.iter().filter(|entry| entry.cut) {
        terminal.say(&format!("note: {}", git::cut(&entry.commit.id.to_string())));
    }
}

fn chapter(entry: &Entry) -> told::Chapter<'_> {
    told::Chapter {
        commit: entry.commit.id.to_string(),
        author: &entry.commit.author.0,
        time: entry.commit.time,
        summary: &entry.commit.summary,
        policy: &entry.id,
        change: entry.change.as_ref(),
        cut: entry.cut,
    }
}

/// Runs `bisect`.
pub fn bisect(args: &Bisect, terminal: &Terminal) -> Outcome {
    let repo = Repo::discover(Path::new("."))?;
    let from = newest(&repo, args.revision.as_deref())?;
    let (what, when) = (expected(&args.expect)?, report::when(&args.at).map_err(Failure::usage)?);
    let newest = find(&repo, from, &args.policy, Limits::default())?;
    let all = story(&repo, from, &args.policy, Limits::default())?;
    let broken: Vec<&Entry> = all.iter().filter(|entry| entry.change.is_none()).collect();
    // Oldest first, where the policy loads: between these it is the same.
    let versions: Vec<&Entry> = all.iter().rev().filter(|entry| entry.change.is_some()).collect();
    let mut seen: Vec<Option<(bool, String)>> = vec![None; versions.len()];
    let mut ask = |at: usize| -> Result<(bool, String), Failure> {
        if let Some(Some(known)) = seen.get(at) {
            return Ok(known.clone());
        }
        let Some(entry) = versions.get(at) else { return Err(Failure::bug("a version that there is not")) };
        let answer = holds(args, &repo, entry, what, when, &newest)?;
        if let Some(slot) = seen.get_mut(at) {
            *slot = Some(answer.clone());
        }
        Ok(answer)
    };
    let Some(last) = versions.len().checked_sub(1) else {
        return Err(Failure::usage(format!("{} loads at no commit", git::shown(&args.policy))));
    };
    let (oldest, new) = (ask(0)?, ask(last)?);
    for entry in &broken {
        terminal.say(&format!("skipped {}: the policy does not load there", git::short(entry.commit.id)));
    }
    if oldest.0 == new.0 {
        let (both, and) = if new.0 { ("both", "and") } else { ("neither", "nor") };
        let at = |entry: Option<&&Entry>| entry.map_or_else(String::new, |e| git::short(e.commit.id));
        let text = match last {
            0 => format!(
                "`{what}` {} at {}, the only version: {}\n",
                if new.0 { "holds" } else { "does not hold" },
                at(versions.last()),
                new.1
            ),
            _ => format!(
                "`{what}` holds {both} at {}, the oldest version ({}), {and} at {}, the newest ({})\n",
                at(versions.first()),
                oldest.1,
                at(versions.last()),
                new.1
            ),
        };
        terminal.print(&text, None)?;
        // The commit that is sought may be before what there is.
        tell_cut(&all, terminal);
        return Ok(if new.0 { status::CLEAN } else { status::FINDINGS });
    }
    let (mut low, mut high) = (0, last);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if ask(middle)?.0 == oldest.0 { low = middle } else { high = middle }
    }
    let (before, after) = (ask(low)?, ask(high)?);
    let Some(entry) = versions.get(high) else { return Err(Failure::bug("a version that there is not")) };
    let word = if after.0 { "holds" } else { "no longer holds" };
    let mut text = format!(
        "`{what}` {word} from {} on: {} before, {} after\n\n",
        git::short(entry.commit.id),
        before.1,
        after.1
    );
    text.push_str(&told::text(&args.policy, &[chapter(entry)], &terminal.layout(args.ascii, false)));
    terminal.print(&text, None)?;
    Ok(if new.0 { status::CLEAN } else { status::FINDINGS })
}

/// Reads `replicas >= 10`.
fn expected(text: &str) -> Result<Expected, Failure> {
    let wrong = || {
        Failure::usage(format!("`{}` is nothing that can be expected", git::shown(text)))
            .hint("write it as `replicas >= 10`, with one of >=, <=, >, <, ==")
    };
    let rest = text.trim().strip_prefix("replicas").ok_or_else(wrong)?.trim();
    let digits = rest.trim_start_matches(['>', '<', '=']);
    let sign = rest.strip_suffix(digits).unwrap_or_default();
    let n: u32 = digits.trim().parse().map_err(|_| wrong())?;
    let (min, max) = match sign {
        ">=" => (n, u32::MAX),
        "<=" => (0, n),
        ">" => (n.checked_add(1).ok_or_else(wrong)?, u32::MAX),
        "<" => (0, n.checked_sub(1).ok_or_else(wrong)?),
        "==" | "=" => (n, n),
        _ => return Err(wrong()),
    };
    Ok(Expected::Replicas { min, max })
}

/// Whether the expectation holds at a version, and what was there.
fn holds(
    args: &Bisect,
    repo: &Repo,
    entry: &Entry,
    what: Expected,
    when: report::When,
    (newest, project): &(Versioned, Option<Project>),
) -> Result<(bool, String), Failure> {
    let limits = Limits::default();
    let (found, _) = find(repo, entry.commit.id, &entry.id, limits)?;
    let (read, options) = dry_run::options(&args.samples, &args.run)?;
    // All versions are held against what is recorded for the newest.
    let samples = match project {
        Some(project) if args.samples.samples.is_empty() => {
            let versions = [&newest.policy, &found.policy];
            jobs::mapped(project, &versions, &reading(&read, &versions))
        }
        _ => jobs::given(&args.samples.samples, &reading(&read, &[&found.policy])),
    };
    let samples = samples.map_err(|found| {
        Failure::environment(found.into_iter().map(|f| f.message).collect::<Vec<_>>().join("; "))
    })?;
    if samples.is_empty() {
        return Err(Failure::usage("there is no recording to hold the versions against")
            .hint("name one with --samples FILE, or map it under `samples:` in luascale.yaml"));
    }
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let lost = |lost: crate::worker::Lost| {
        Failure::environment(format!("running the version of {} failed: {lost}", git::short(entry.commit.id)))
    };
    let bytes: u64 = samples.iter().map(|s| s.bytes.len() as u64).sum();
    let memory = bytes.saturating_mul(jobs::MEMORY_PER_SAMPLE_BYTE).saturating_add(jobs::BASE_MEMORY);
    let mut worker = Worker::start(&binary, memory).map_err(lost)?;
    let snapshot = repo.snapshot(&git::Side::Commit(entry.commit.id))?;
    let root = super::revision::root_of(&found, &snapshot);
    let patience = Duration::from_millis(limits.load_ms) + jobs::GRACE;
    worker.study(found.request.clone(), &root as &dyn Modules, patience).map_err(lost)?;
    let patience = jobs::patience(&samples, &limits);
    let request = RunRequest { policy: found.index, samples, options, purpose: Purpose::DryRun };
    let reply = worker.run(request, patience, &mut |_, _| {}).map_err(lost)?;
    if reply.runs.is_empty() {
        let why: Vec<String> = reply.findings.iter().map(|f| f.message.clone()).collect();
        return Err(Failure::usage(format!("the recording cannot be read: {}", why.join("; "))));
    }
    // Of several recordings, the first that has the tick.
    for recorded in &reply.runs {
        let run = &recorded.run;
        let expectation = Expectation { from: when.of(run), until: None, what, span: Span::default() };
        let outcome = expect::evaluate(&found.policy, run, &[expectation]).into_iter().next();
        if let Some(outcome) = outcome.filter(|outcome| outcome.tick.is_some()) {
            return Ok((outcome.holds, files::shown(Path::new(&outcome.got))));
        }
    }
    let ranges: Vec<String> = reply
        .runs
        .iter()
        .filter_map(|recorded| {
            let ticks = &recorded.run.ticks;
            Some(format!("from {} to {}", ticks.first()?.time.said(), ticks.last()?.time.said()))
        })
        .collect();
    Err(Failure::usage(format!("nothing is recorded at {}", git::shown(&args.at)))
        .hint(format!("what is recorded goes {}", ranges.join(", and "))))
}
