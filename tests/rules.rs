//! Every rule's page against the program: each bad block raises the rule on exactly the lines
//! marked `-- !` (`# !` in YAML and recordings), each good block raises nothing, a fix cures. And
//! the folder of pages against the code: every identifier that is raised has a page, and every
//! page has somebody who raises it, at its level.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use luascale::catalogue::{Signal, Table};
use luascale::change::meaning::{self, Version};
use luascale::cli::guards::{Stated, guards};
use luascale::config;
use luascale::lint::changed::{Budget, ChangeView, ChangedPolicy, Moved, ceiling};
use luascale::lint::examples::{Example, MAIN, examples, unmarked};
use luascale::lint::online::{DeclaredSecret, OnlineFacts, OnlineView};
use luascale::lint::page::{FixKind, Page};
use luascale::lint::rules::{RULES, Rule};
use luascale::lint::{self, Assumptions, Checked, Settings, Wanted, fix};
use luascale::lua::{Clock, Limits};
use luascale::model::{Finding, Level};
use luascale::program::Entry;
use luascale::sim::RunOptions;
use luascale::sim::cases::read_cases;
use luascale::sim::samples::{self, ReadOptions};
use luascale::text::{LineIndex, Source};
use luascale::worker::organisation::declared;
use luascale::worker::{CheckRequest, LoadRequest, Purpose, RunRequest, SampleFile, check, runs, study};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Languages of blocks that are no Lua, and the names of their files.
const OTHERS: [(&str, &str); 9] = [
    ("yaml before", "before.yaml"),
    ("yaml", "luascale.yaml"),
    ("yaml online", "online.yaml"),
    ("yaml samples", "samples.yaml"),
    ("yaml gateway", "gateway.yaml"),
    ("csv", "samples.csv"),
    ("jsonl", "samples.jsonl"),
    ("json", "samples.json"),
    ("text", "samples.txt"),
];

/// What is found in an example, and its texts.
fn found(files: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut configured = None;
    let mut catalogue = Vec::new();
    let mut facts = None;
    let options = ReadOptions { timezone: Some("UTC".into()), ..ReadOptions::default() };
    for file in files {
        match &*file.name {
            "luascale.yaml" => {
                let (config, wrong) = config::parse(file);
                findings.extend(wrong);
                configured = Some((config, file.clone()));
            }
            "online.yaml" => facts = Some(serde_yaml::from_str::<OnlineFacts>(&file.text).unwrap()),
            "gateway.yaml" => {
                findings.extend(Table::new().with(std::slice::from_ref(file)).err().unwrap_or_default());
                catalogue.push(file.clone());
            }
            "samples.yaml" => {
                findings
                    .extend(read_cases(file.text.as_bytes(), &file.name, &options).err().unwrap_or_default());
            }
            name if name.starts_with("samples.") => {
                let read = samples::read(file.text.as_bytes(), &file.name, &options);
                findings.extend(read.err().unwrap_or_default());
            }
            _ => {}
        }
    }
    let modules = |name: &str| {
        let path = format!("{}.lua", name.replace('.', "/"));
        let module = files.iter().find(|f| *f.name == *path);
        module.cloned().ok_or_else(|| format!("{path}: there is no such file"))
    };
    let recordings: Vec<SampleFile> = files
        .iter()
        .filter(|f| f.name.starts_with("samples."))
        .map(|f| SampleFile {
            name: f.name.to_string(),
            bytes: f.text.as_bytes().to_vec(),
            options: options.clone(),
            column: None,
        })
        .collect();
    let assumptions =
        configured.as_ref().map_or_else(Assumptions::default, |(config, _)| config.lint.assumptions());
    let paths: Vec<String> = files.iter().map(|f| f.name.to_string()).collect();
    let patterns = configured.iter().flat_map(|(config, _)| &config.lint.rules);
    let named: Vec<&str> =
        patterns.flat_map(|pattern| config::rules::named(&pattern.value, &paths)).collect();
    let rules: Vec<Source> = files.iter().filter(|f| named.contains(&&*f.name)).cloned().collect();
    let limits = Limits { load_ms: 20_000, ..Limits::default() };
    findings.extend(declared(&rules, &limits, &(Arc::new(|| 0_u64) as Clock)).findings);
    let mut checked: Vec<Checked> = Vec::new();
    for file in files.iter().filter(|f| f.name.ends_with(".lua") && !rules.contains(f)) {
        let entry = configured.as_ref().and_then(|(config, source)| {
            let found = config.policy(&file.name)?;
            Some(Entry { source: source.clone(), table: found.table.clone(), node: found.node.clone() })
        });
        let load = LoadRequest { source: file.clone(), entry, catalogue: catalogue.clone(), limits };
        let request = CheckRequest { load, assumptions, wanted: Wanted::all(), rules: rules.clone() };
        let (mut found, program) =
            check::load(&request, &Found(&modules), Arc::new(|| 0), &check::Shelf::default());
        for policy in (0..found.policies.len()).filter(|_| !recordings.is_empty()) {
            let request = RunRequest {
                policy: policy as u32,
                samples: recordings.clone(),
                options: RunOptions::default(),
                purpose: Purpose::Check,
            };
            let Some(Ok(ran)) = runs::run(&program, &request, &mut |_, _| {}) else { continue };
            let all: Vec<_> = ran.runs.into_iter().map(|recorded| recorded.run).collect();
            found.findings.extend(check::judge(&found, policy, &all));
        }
        checked.push(found);
    }
    if let Some(facts) = &facts {
        let policies: Vec<_> = checked.iter().flat_map(Checked::views).collect();
        let declared = configured.iter().flat_map(|(config, source)| {
            config.secrets.iter().map(move |s| DeclaredSecret { name: &s.name, env: &s.env, source })
        });
        let secrets: Vec<_> = declared.collect();
        let view = OnlineView { policies: &policies, secrets: &secrets, facts };
        findings.extend(lint::online::online(&view));
    }
    if let Some(last) = checked.last_mut() {
        last.findings.extend(changed(files));
    } else {
        findings.extend(changed(files));
    }
    let settings = Settings::default();
    let group = lint::Group { files: &checked, settings: &settings, configs: Vec::new(), whole: true };
    let today = jiff::civil::date(2026, 11, 25);
    findings.extend(lint::review(&[group], today).findings());
    findings
}

/// What is found in the change from the blocks named `before` to the others.
fn changed(files: &[Source]) -> Vec<Finding> {
    let named = |name: &str| files.iter().find(|f| *f.name == *name);
    let none = |_: &str| Err("there is no such file".to_string());
    let study = |source: &Source| {
        let source = Source::new(MAIN, source.text.clone());
        let limits = Limits { load_ms: 20_000, ..Limits::default() };
        let request = LoadRequest { source, entry: None, catalogue: Vec::new(), limits };
        let (_, studied) = study::study(&request, &Found(&none), Arc::new(|| 0));
        let policy = studied.loaded.policies.first().expect("one policy that loads").clone();
        (policy, studied.codes[0].clone())
    };
    let pair = named("before").zip(named(MAIN));
    let studied = pair.map(|(before, after)| (study(before), study(after)));
    let changes = studied.as_ref().map(|((p, c), (q, d))| {
        meaning::compare(Version { policy: p, code: c }, Version { policy: q, code: d })
    });
    let guards = |source: &Source| {
        let config = config::parse(source).0;
        guards(&[Stated { config: &config, source, folder: Path::new("") }], None).unwrap()
    };
    let settings = named("before.yaml").zip(named("luascale.yaml")).map(|(a, b)| (guards(a), guards(b)));
    let budget = settings.as_ref().and_then(|(before, _)| before.budget.as_ref());
    let budget = budget.zip(studied.as_ref()).zip(pair).map(|((most, ((old, _), (new, _))), (_, after))| {
        let version = Some((new, after));
        let (before, now) = (ceiling(old), ceiling(new));
        let moved = vec![Moved { name: &new.name.value, before, after: now, version }];
        Budget { most: most.value, said: "luascale.yaml".into(), moved }
    });
    let mut view = ChangeView::default();
    view.budgets.extend(&budget);
    if let (Some((before, after)), Some(((old, _), (new, _))), Some(changes)) = (pair, &studied, &changes) {
        view.policies.push(ChangedPolicy { policy: new, source: after, before: old, changes });
        view.files.push((Some(before), after));
    }
    view.configurations.extend(settings.iter().map(|(a, b)| (a, b)));
    lint::changed::changed(&view, &|_| true)
}

/// Modules found by a function.
struct Found<'a>(&'a dyn Fn(&str) -> Result<Source, String>);

impl luascale::lua::Modules for Found<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        (self.0)(name)
    }
}

fn line(files: &[Source], finding: &Finding) -> (String, u32) {
    let Some(label) = finding.labels.first() else { return (String::new(), 0) };
    let source = files.iter().find(|f| f.name == label.source);
    let line = source.map_or(0, |s| LineIndex::new(&s.text).line(label.span.start));
    (label.source.to_string(), line)
}

fn sources(example: &Example) -> (Vec<Source>, BTreeSet<(String, u32)>) {
    let mut marked = BTreeSet::new();
    let texts = example.files.iter().map(|(name, text)| {
        let (text, lines) = unmarked(text);
        marked.extend(lines.into_iter().map(|line| (name.clone(), line)));
        Source::new(name.as_str(), text)
    });
    (texts.collect(), marked)
}

/// What is wrong with a bad example; empty where it is as it should be.
fn bad(rule: &Rule, page: &Page<'_>, example: &Example) -> Vec<String> {
    let (files, marked) = sources(example);
    let mut wrong = Vec::new();
    let at = format!("{}.md:{}", rule.id, example.line);
    // A block without a mark is wrong as a whole: its finding has no place.
    let whole = BTreeSet::from([(String::new(), 0)]);
    let marked = if marked.is_empty() { whole } else { marked };
    let all = found(&files);
    let own: Vec<Finding> = all.iter().filter(|f| f.rule == rule.id).cloned().collect();
    let raised: BTreeSet<_> = own.iter().map(|f| line(&files, f)).collect();
    if raised != marked {
        let others: Vec<_> =
            all.iter().map(|f| (f.rule.as_str(), line(&files, f), f.message.as_str())).collect();
        wrong.push(format!("{at}: marked {marked:?}\n  raised {raised:?}\n  all {others:?}"));
    }
    let level = own.iter().find(|f| f.level != page.level);
    wrong.extend(level.map(|f| format!("{at}: raised at {:?}, and the page says {:?}", f.level, page.level)));
    let fixable = own.iter().filter(|f| f.fix.is_some()).count();
    match page.fix {
        FixKind::None if fixable > 0 => wrong.push(format!("{at}: the page says that nothing fixes it")),
        FixKind::None => {}
        kind => {
            let fix = own.iter().filter_map(|f| f.fix.as_deref());
            if fix.clone().any(|f| f.safe != (kind == FixKind::Safe)) {
                wrong.push(format!("{at}: a fix that is not {kind:?}"));
            }
            wrong.extend(cure(rule, &files).err().map(|why| format!("{at}: {why}")));
        }
    }
    wrong
}

/// Applies the rule's fixes until there is none: what has a fix is gone then, the file parses,
/// and nothing is worse than before.
fn cure(rule: &Rule, files: &[Source]) -> Result<(), String> {
    let mut files = files.to_vec();
    let before = found(&files).iter().filter(|f| f.level == Level::Error).count();
    for _ in 0..10 {
        let own: Vec<Finding> =
            found(&files).into_iter().filter(|f| f.rule == rule.id && f.fix.is_some()).collect();
        let after = found(&files).iter().filter(|f| f.level == Level::Error).count();
        if after > before {
            let texts: Vec<_> = files.iter().map(|f| &*f.text).collect();
            return Err(format!("the fix makes errors:\n{}", texts.join("\n")));
        }
        if own.is_empty() {
            return Ok(());
        }
        let fixed = fix::apply(&files, &own, true);
        if !fixed.dropped.is_empty() {
            return Err(format!("these fixes break the file: {:?}", fixed.dropped));
        }
        for changed in fixed.sources {
            let slot = files.iter_mut().find(|f| f.name == changed.name).unwrap();
            *slot = changed;
        }
    }
    Err("its fixes never come to an end".into())
}

fn good(rule: &Rule, example: &Example) -> Vec<String> {
    let (files, marked) = sources(example);
    let at = format!("{}.md:{}", rule.id, example.line);
    let mut wrong: Vec<String> =
        marked.iter().map(|(file, line)| format!("{at}: a good block with a mark ({file}:{line})")).collect();
    let worse = found(&files).into_iter().filter(|f| f.level >= Level::Warning);
    wrong.extend(worse.map(|f| format!("{at}: good, but {:?} {}: {}", line(&files, &f), f.rule, f.message)));
    wrong
}

#[test]
fn every_page_is_true() {
    let mut wrong = Vec::new();
    let mut not_run = Vec::new();
    for rule in &RULES {
        let Some(page) = rule.page() else {
            let why = luascale::lint::page::parse(rule.text).unwrap_err();
            wrong.push(format!("{}.md: {why}", rule.id));
            continue;
        };
        let sorted = |blocks| examples(blocks, &OTHERS).unwrap_or_else(|why| panic!("{}.md: {why}", rule.id));
        let ((bads, idle), (goods, more)) = (sorted(&page.bad), sorted(&page.good));
        for reason in idle.iter().chain(&more) {
            not_run.push(format!("{}: {reason}", rule.id));
        }
        if bads.is_empty() && idle.is_empty() {
            wrong.push(format!("{}.md: no bad block", rule.id));
        }
        if goods.is_empty() {
            wrong.push(format!("{}.md: no good block", rule.id));
        }
        wrong.extend(bads.iter().flat_map(|e| bad(rule, page, e)));
        wrong.extend(goods.iter().flat_map(|e| good(rule, e)));
    }
    println!("{} pages; {} blocks are not run:\n  {}", RULES.len(), not_run.len(), not_run.join("\n  "));
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
}

/// The families that look at queries are silent on all that the catalogue writes: a user can
/// change nothing there.
#[test]
fn the_queries_of_every_gateway_are_clean() {
    let table = Table::new();
    let mut wrong = Vec::new();
    let mut queries = 0;
    for kind in table.kinds() {
        for signal in &kind.signals {
            let required =
                kind.arguments.iter().filter(|a| a.required).map(|a| format!("{} = \"a\"", a.name));
            let all = kind.arguments.iter().filter(|a| uses(signal, &a.name));
            let all = all.map(|a| format!("{} = \"=~a|b\"", a.name));
            for arguments in [required.collect::<Vec<_>>(), all.collect()] {
                queries += 1;
                let name = signal.name.name();
                let text = format!(
                    "policy \"p\" {{ replicas = {{ max = 9 }}, metrics = {{ x = {} {{ signal = \"{name}\", {} }} }}, scale_out = {{ {{ name = \"r\", when = function(m) return m.x > 0.5 end, add = 1 }} }} }}",
                    kind.name,
                    arguments.join(", ")
                );
                let all = found(&[Source::new(MAIN, text)]);
                let of_queries = |f: &&Finding| {
                    f.level == Level::Error
                        || lint::rules::rule(&f.rule)
                            .is_some_and(|r| matches!(r.check, lint::Check::Query(_)))
                };
                let told = all.iter().filter(of_queries);
                wrong.extend(told.map(|f| format!("{} {name}: {} {}", kind.name, f.rule, f.message)));
            }
        }
    }
    assert!(queries > 190, "{queries}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a signal is narrowed by an argument.
fn uses(signal: &Signal, argument: &str) -> bool {
    let of_series = signal.reading.iter().flat_map(|reading| reading.series()).flat_map(|s| &s.labels);
    let mut all = of_series.chain(&signal.labels);
    all.any(|(_, v)| v.strip_prefix('$').is_some_and(|v| v.split(':').next() == Some(argument)))
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_folder_is_the_table() {
    let mut pages: Vec<String> = std::fs::read_dir(repository("rules"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .collect();
    pages.sort();
    let table: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(pages, table);
    assert!(table.is_sorted());
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Texts of the program in kebab case that are no rule.
#[rustfmt::skip]
const NO_RULE: &[&str] = &[
    "allow-file",
    "cert-authority",
    "check-runs",
    "co-authored-by",
    "dry-run",
    "none-ready",
    "replica-hours",
    "retry-after",
    "under-provisioned",
    "valid-after",
    "valid-before",
    "x-github-api-version",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Every text in kebab case of the sources, tests and the linter's own rules aside, and where:
/// rules travel through helpers, so that no list of constructors would find them all.
fn raised() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    rust_files(&repository("src"), &mut files);
    let mut out = BTreeMap::new();
    for path in files {
        let shown = path.strip_prefix(repository("src")).unwrap().to_string_lossy().into_owned();
        if shown.contains("tests") || shown.starts_with("lint/rules/mod.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("\n#[cfg(test)]").next().unwrap();
        for piece in text.split('"') {
            let words: Vec<&str> = piece.split('-').collect();
            let word =
                |w: &&str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if words.len() > 1 && words.iter().all(word) && !piece.starts_with(|c: char| c.is_ascii_digit()) {
                out.insert(piece.to_owned(), shown.clone());
            }
        }
    }
    out
}

#[test]
fn every_rule_that_is_raised_has_a_page_and_every_page_is_raised() {
    let raised = raised();
    let table: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    let orphans: Vec<_> = raised
        .iter()
        .filter(|(id, _)| !table.contains(id.as_str()) && !NO_RULE.contains(&id.as_str()))
        .collect();
    let unused: Vec<_> = RULES
        .iter()
        .filter(|rule| matches!(rule.check, lint::Check::Elsewhere) && !raised.contains_key(rule.id))
        .map(|rule| rule.id)
        .collect();
    assert!(
        orphans.is_empty() && unused.is_empty(),
        "without a page: {orphans:#?}\nnever raised: {unused:?}"
    );
}

/// A program that says where the linter's table of the library and the VM differ: functions that
/// are not there, that take fewer or more arguments, that do not mind one of another type, and
/// functions that the table lacks.
fn probe() -> String {
    use luascale::lint::rules::known::{ABSENT, ENGINE, LIBRARY};
    use luascale::lint::rules::signatures::SIGNATURES;
    let library = SIGNATURES.iter().filter(|s| {
        let root = s.name.split('.').next().unwrap_or_default();
        LIBRARY.contains(&root)
    });
    let rows: Vec<String> =
        library.map(|s| format!("{{ \"{}\", {}, {}, \"{}\" }},", s.name, s.least, s.most, s.types)).collect();
    assert!(rows.len() > 90, "{}", rows.len());
    let quoted = |names: &[&str]| names.iter().map(|n| format!("\"{n}\",")).collect::<String>();
    let absent: Vec<&str> = ABSENT.iter().map(|a| a.name).collect();
    let program = include_str!("support/library.lua");
    format!(
        // A file that declares nothing is run at its ticks only.
        "policy 'probe' {{}} local all = {{ {} }} local library = {{ {} }} local engine = {{ {} }} local absent = {{ {} }} {program}",
        rows.concat(),
        quoted(&LIBRARY),
        quoted(&ENGINE),
        quoted(&absent)
    )
}

#[test]
fn the_linter_knows_the_library_as_the_vm_has_it() {
    let source = Source::new("probe.lua", probe());
    let loaded = luascale::lua::load(&source, &luascale::lua::NoModules, &Limits::default(), Arc::new(|| 0));
    let told = loaded.err().map_or(String::new(), |findings| findings[0].message.clone());
    assert!(told.contains("DIFFERENCES"), "the probe did not come to its end: {told}");
    assert!(told.ends_with("DIFFERENCES 0"), "{told}");
}
