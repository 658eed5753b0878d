//! `luascale rules --test`: an organisation's rules against the examples of their pages.
//! May import: everything.

use super::failure::{Failure, status};
use super::files;
use super::terminal::Terminal;
use super::{Outcome, check, jobs, organisation};
use crate::lint::examples::{Example, examples, unmarked};
use crate::lint::{self, Group, Settings, page};
use crate::lua::Limits;
use crate::model::organisation::OrgRule;
use crate::model::{Finding, Level};
use crate::report;
use crate::report::pages::level;
use crate::text::{LineIndex, Source, Span, steers};
use crate::worker::{CheckRequest, LoadRequest, Worker, own_binary};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file's name and a line in it, from 1.
type Place = (String, u32);

/// Runs the command.
pub fn run(path: &Path, terminal: &Terminal) -> Outcome {
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let rules = sources(path)?;
    let reply = organisation::declared(&binary, &rules)?;
    let layout = terminal.layout(false, false);
    if !reply.findings.is_empty() {
        let mut text = report::findings(&reply.findings, &rules, &layout, true);
        text.push_str(&report::findings::summary(&reply.findings, rules.len(), 0));
        terminal.print(&text, None)?;
        return Ok(status::FINDINGS);
    }
    let mut bench = Bench { binary: &binary, rules: &rules, own: &reply.rules, worker: None };
    let widest = reply.rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut failed = 0;
    for rule in &reply.rules {
        let (wrong, count) = bench.rule(rule)?;
        let verdict = if wrong.is_empty() { "ok  " } else { "FAIL" };
        out.push_str(&format!("{verdict}  {:widest$}  {count}\n", rule.id));
        for line in &wrong {
            out.push_str(&format!("      {line}\n"));
        }
        failed += usize::from(!wrong.is_empty());
    }
    let s = if reply.rules.len() == 1 { "" } else { "s" };
    let told = if failed == 0 { "all hold".to_owned() } else { format!("{failed} failed") };
    out.push_str(&format!("{} rule{s}, {told}\n", reply.rules.len()));
    terminal.print(&out, None)?;
    Ok(if failed == 0 { status::CLEAN } else { status::FINDINGS })
}

/// The files of rules at a path.
fn sources(path: &Path) -> Result<Vec<Source>, Failure> {
    let missing = || Failure::usage(format!("there are no rules in {}", files::shown(path)));
    let paths: Vec<PathBuf> = match files::lua_files(path) {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return Err(missing().hint("rules are Lua files that call rule \"name\" { … }")),
        Err(_) => vec![path.to_owned()],
    };
    let read = |path: &PathBuf| {
        let name = files::shown(path);
        let bytes = files::read_limited(path, files::MAX_SOURCE)
            .map_err(|why| Failure::usage(format!("cannot read {name}: {why}")))?;
        files::source(&name, bytes).map_err(|finding| Failure::usage(finding.message))
    };
    paths.iter().map(read).collect()
}

struct Bench<'a> {
    binary: &'a Path,
    rules: &'a [Source],
    own: &'a [OrgRule],
    worker: Option<Worker>,
}

impl Bench<'_> {
    /// What is wrong with a rule or its page, and how many examples there are.
    fn rule(&mut self, rule: &OrgRule) -> Result<(Vec<String>, String), Failure> {
        let name = format!("{}.md", rule.id);
        let none = |why: String| Ok((vec![why], String::new()));
        let Some(text) = organisation::page(rule) else {
            return none(format!(
                "no page: write {name} beside {}",
                files::shown(Path::new(&*rule.place.source))
            ));
        };
        let page = match page::parse(&text) {
            Ok(page) => page,
            Err(why) => return none(format!("{name}: {why}")),
        };
        let sorted = examples(&page.bad, &[]).and_then(|bad| Ok((bad, examples(&page.good, &[])?)));
        let ((bad, idle), (good, _)) = match sorted {
            Ok(sorted) => sorted,
            Err(why) => return none(format!("{name}: {why}")),
        };
        let mut wrong = Vec::new();
        if page.level != rule.level {
            let (said, is) = (level(page.level), level(rule.level));
            wrong.push(format!("{name}: its level is {said}, and that of the rule is {is}"));
        }
        for (heading, missing) in [("Bad", bad.is_empty() && idle.is_empty()), ("Good", good.is_empty())] {
            if missing {
                wrong.push(format!("{name}: no block under `## {heading}`"));
            }
        }
        for example in &bad {
            let (files, marked) = texts(example);
            let all = self.found(&files)?;
            let raised: BTreeSet<Place> =
                all.iter().filter(|f| f.rule == rule.id).map(|f| place(&files, f)).collect();
            if marked.is_empty() {
                wrong
                    .push(format!("{name}:{}: a bad block without a line that ends in `-- !`", example.line));
            } else if raised != marked {
                let (wanted, found) = (shown(&marked), shown(&raised));
                wrong.push(format!("{name}:{}: marked {wanted}; raised {found}", example.line));
                // What kept the policy from loading says why nothing was raised.
                let errors = all.iter().filter(|f| f.level == Level::Error && f.rule != rule.id);
                wrong.extend(errors.map(|f| format!("  {}: {}", f.rule, f.message)));
            }
        }
        for example in &good {
            let (files, _) = texts(example);
            let all = self.found(&files)?;
            let worse = all.iter().filter(|f| f.level >= Level::Warning || f.rule == rule.id);
            wrong.extend(worse.map(|f| {
                let at = shown(&BTreeSet::from([place(&files, f)]));
                format!("{name}:{}: good, but at {at} {}: {}", example.line, f.rule, f.message)
            }));
        }
        // Pages and messages are somebody's text, and this goes to a terminal.
        let clean = |line: &String| line.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect();
        let wrong = wrong.iter().map(clean).collect();
        Ok((wrong, format!("{} bad, {} good", bad.len(), good.len())))
    }

    /// What a check finds in an example.
    fn found(&mut self, files: &[Source]) -> Result<Vec<Finding>, Failure> {
        let limits = Limits::default();
        let patience = Duration::from_millis(limits.load_ms) + jobs::GRACE;
        let modules = Examples(files);
        let mut checked = Vec::new();
        for file in files {
            let worker = match self.worker.take().filter(|worker| !worker.is_lost()) {
                Some(worker) => worker,
                None => Worker::start(self.binary, jobs::BASE_MEMORY)
                    .map_err(|lost| Failure::environment(lost.to_string()))?,
            };
            let worker = self.worker.insert(worker);
            let request = LoadRequest { source: file.clone(), entry: None, catalogue: Vec::new(), limits };
            let request = CheckRequest { rules: self.rules.to_vec(), ..request.into() };
            match worker.check(request, &modules, patience) {
                Ok(one) => checked.push(one),
                Err(lost) => return Ok(vec![jobs::told(&lost, "checking", file, Span::default())?]),
            }
        }
        let own = self.own.iter().map(|rule| rule.id.clone()).collect();
        let settings = Settings { own, ..Settings::default() };
        Ok(lint::review(
            &[Group { files: &checked, settings: &settings, configs: Vec::new(), whole: false }],
            check::today(),
        )
        .findings())
    }
}

/// Modules among the files of an example.
struct Examples<'a>(&'a [Source]);

impl crate::lua::Modules for Examples<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        let path = format!("{}.lua", name.replace('.', "/"));
        let found = self.0.iter().find(|file| *file.name == *path);
        found.cloned().ok_or_else(|| format!("{path}: the example has no such file"))
    }
}

/// The files of an example, and the places that are marked in them.
fn texts(example: &Example) -> (Vec<Source>, BTreeSet<Place>) {
    let mut places = BTreeSet::new();
    let texts = example.files.iter().map(|(name, text)| {
        let (text, lines) = unmarked(text);
        places.extend(lines.into_iter().map(|line| (name.clone(), line)));
        Source::new(name.as_str(), text)
    });
    (texts.collect(), places)
}

fn place(files: &[Source], finding: &Finding) -> Place {
    let Some(label) = finding.labels.first() else { return (String::new(), 0) };
    let source = files.iter().find(|file| file.name == label.source);
    let line = source.map_or(0, |source| LineIndex::new(&source.text).line(label.span.start));
    (label.source.to_string(), line)
}

/// `policy.lua:3, policy.lua:7`
fn shown(places: &BTreeSet<Place>) -> String {
    if places.is_empty() {
        return "nothing".into();
    }
    places.iter().map(|(file, line)| format!("{file}:{line}")).collect::<Vec<_>>().join(", ")
}
