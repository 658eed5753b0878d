//! Hostile policy code, in process: every program of `tests/data/hostile` ends by its deadline, at
//! load, in a rule's function, as a script and in a hook, with an error that names the line and,
//! in a tick, the function; and what stands beside it goes on working.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::expect_used,
    reason = "a test is its own edge, and its helpers may fail"
)]

use luascale::catalogue::Table;
use luascale::lua::{Clock, Limits, Loaded, Modules, NoModules, VmConditions, load};
use luascale::model::build;
use luascale::model::input::Fault;
use luascale::model::policy::Policy;
use luascale::model::raw::Outline;
use luascale::model::{Conditions, Context, Finding, Projected, Time, Verdict};
use luascale::text::{LineIndex, Source};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// No program may take longer than this, whatever its limits.
const WATCHDOG: Duration = Duration::from_secs(5);
const DEADLINE_MS: u64 = 150;

fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// With the default budgets it is mostly those that end a program; without, the deadline is.
fn limits(budgeted: bool) -> Limits {
    let short = Limits { load_ms: DEADLINE_MS, tick_ms: DEADLINE_MS, ..Limits::default() };
    match budgeted {
        true => short,
        false => Limits { load_budget: u64::MAX, tick_budget: u64::MAX, ..short },
    }
}

/// Runs on a thread of its own; a program that does not end fails the test by name.
fn watched<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(run()));
    match receive.recv_timeout(WATCHDOG) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: still running after {WATCHDOG:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => panic!("{what}: ended without an answer"),
        },
    }
}

/// What `-- ends:` promises of a program.
struct Ends<'a>(Vec<&'a str>);

impl Ends<'_> {
    /// Whether an outcome (rule and message, or `None` for "it just ended") is as promised.
    fn allow(&self, outcome: Option<(&str, &str)>) -> bool {
        self.0.iter().any(|way| match (way.split_once(' '), outcome) {
            (None, None) => *way == "loads",
            (None, Some(("limit-exceeded", message))) => match *way {
                "memory" => message.contains("the memory of a policy"),
                "limit" => message.contains("budget") || message.contains("deadline"),
                _ => false,
            },
            (None, Some(_)) => *way == "error",
            (Some(("error", text)), Some((_, message))) => message.contains(text),
            _ => false,
        })
    }
}

fn ends<'a>(text: &'a str, tick: bool) -> Ends<'a> {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let at_load = line("-- ends: ");
    let in_tick = line("-- in a tick: ").filter(|_| tick);
    Ends(in_tick.or(at_load).expect("a line `-- ends:`").split(" or ").collect())
}

fn policies(loaded: &Loaded, source: &Source) -> Vec<Policy> {
    let outline = Outline::default();
    let (policies, findings) = build::policies(&build::File {
        raw: &loaded.raw,
        source,
        required: &[],
        outline: &outline,
        catalogue: &Table::new(),
    });
    assert!(findings.iter().all(|f| f.level != luascale::model::Level::Error), "{findings:#?}");
    policies
}

fn context(now: i64) -> Context<'static> {
    Context { now: Time(now), current: 3, ready: 3, min: 1, max: 10, region: None }
}

fn when(conditions: &VmConditions, now: i64) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    conditions.when(Projected::All, &[], &context(now), &mut verdicts);
    verdicts
}

/// Texts made for people name no address, no chunk, no wrapping, and are not endless.
fn assert_readable(what: &str, message: &str) {
    for noise in ["[string", "traceback", "runtime error", "(luascale)", ": 0x"] {
        assert!(!message.contains(noise), "{what}: {message}");
    }
    assert!(!message.is_empty() && message.len() < 2_000, "{what}: {} bytes", message.len());
}

fn assert_found(what: &str, text: &str, finding: &Finding) {
    assert_readable(what, &finding.message);
    let label = finding.labels.first().expect("a place");
    let line = LineIndex::new(text).line(label.span.start);
    assert!(
        &*label.source == "hostile.lua" && line > 1 && (line as usize) <= text.lines().count(),
        "{what}: placed at {}:{line}",
        label.source
    );
}

/// The fault of `-- ends:`, seen as rule and message.
fn outcome(fault: &Fault) -> (&'static str, &str) {
    let limit = ["budget", "deadline", "memory"].iter().any(|word| fault.message.contains(word));
    (if limit { "limit-exceeded" } else { "runtime-error" }, &fault.message)
}

fn at_load(name: &str, program: &str, budgeted: bool) {
    // A file with a policy is run when it is loaded; one without would be a script.
    let text = format!("{program}\nlocal last = policy 'last' {{ replicas = {{ max = 5 }} }}\n");
    let text = if program.contains("\nreturn ") { text.replace("\nreturn ", "\nlocal _ = ") } else { text };
    let source = Source::new("hostile.lua", text.as_str());
    let what = format!("{name} at load");
    match load(&source, &NoModules, &limits(budgeted), clock()) {
        Ok(_) => assert!(ends(program, false).allow(None), "{what}: loads"),
        Err(findings) => {
            let finding = &findings[0];
            assert!(
                ends(program, false).allow(Some((&finding.rule, &finding.message))),
                "{what}: {finding:?}"
            );
            assert_found(&what, &text, finding);
        }
    }
    // The thread is none the worse for it.
    let source = Source::new("good.lua", "policy 'good' { replicas = { max = 5 } }");
    assert!(load(&source, &NoModules, &Limits::default(), clock()).is_ok(), "{what}: nothing loads after it");
}

fn in_tick(name: &str, program: &str, budgeted: bool) {
    let text = format!(
        "policy 'hostile' {{ replicas = {{ max = 5 }}, scale_out = {{ {{ name = 'trap', add = 1, when = function(m)\n\
         {program}\nend }} }} }}\n\
         policy 'calm' {{ replicas = {{ max = 5 }},\n\
         scale_out = {{ {{ name = 'on', add = 1, when = function(m) return true end }} }} }}\n"
    );
    let source = Source::new("hostile.lua", text.as_str());
    let what = format!("{name} in a tick");
    let loaded =
        load(&source, &NoModules, &limits(budgeted), clock()).unwrap_or_else(|f| panic!("{what}: {f:#?}"));
    let policies = policies(&loaded, &source);
    let [hostile, calm] = &policies[..] else { panic!("{what}: {policies:?}") };
    let (hostile, calm) = (loaded.bind(hostile), loaded.bind(calm));
    let verdict = when(&hostile, 0).remove(0);
    assert_eq!(verdict.holds, None, "{what}");
    let fault = verdict.fault.unwrap_or_else(|| panic!("{what}: no fault"));
    let ended = fault.message.starts_with("it returned nil");
    let seen = (!ended).then(|| outcome(&fault));
    assert!(ends(program, true).allow(seen), "{what}: {fault:?}");
    assert_readable(&what, &fault.message);
    assert_eq!((fault.function.as_str(), &*fault.source), ("trap", "hostile.lua"), "{what}: {fault:?}");
    assert!(fault.line >= 1 && (fault.line as usize) < text.lines().count() - 1, "{what}: {fault:?}");
    // A budget is that tick's matter; time and memory end this policy's run, and no other's.
    let again = when(&hostile, 1_000).remove(0).fault.expect("again");
    if fault.fatal {
        assert_eq!(again, fault, "{what}");
    }
    assert_eq!(when(&calm, 1_000)[0].holds, Some(true), "{what}: the policy beside it");
    hostile.printed();
}

fn as_script(name: &str, program: &str, budgeted: bool) {
    // What declares policies is no script.
    if program.contains("policy ") || program.contains("policy(") {
        return;
    }
    let what = format!("{name} as a script");
    let source = Source::new("hostile.lua", program);
    let loaded =
        load(&source, &NoModules, &limits(budgeted), clock()).unwrap_or_else(|f| panic!("{what}: {f:#?}"));
    assert!(loaded.script, "{what}");
    let calm = Source::new("calm.lua", "policy 'calm' { replicas = { max = 5 } }");
    let calm = load(&calm, &NoModules, &Limits::default(), clock()).unwrap_or_else(|f| panic!("{f:#?}"));
    let mut policy = policies(&calm, &source).remove(0);
    policy.form = luascale::model::Form::Script;
    let conditions = loaded.bind(&policy);
    let proposed = conditions.propose(&[], &context(0));
    assert_eq!(proposed.want, None, "{what}");
    assert!(
        ends(program, true).allow(proposed.fault.as_ref().map(|fault| outcome(fault))),
        "{what}: {proposed:?}"
    );
    if let Some(fault) = proposed.fault {
        assert_readable(&what, &fault.message);
        assert_eq!((fault.function.as_str(), &*fault.source), ("script", "hostile.lua"), "{what}: {fault:?}");
        assert!(fault.line > 1, "{what}: {fault:?}");
    }
    let printed: usize = conditions.printed().iter().map(String::len).sum();
    assert!(printed < 1 << 20, "{what}: {printed} bytes printed");
}

fn every_way(name: &'static str, program: &'static str) {
    for budgeted in [true, false] {
        for (way, run) in
            [("at load", at_load as fn(&str, &str, bool)), ("in a tick", in_tick), ("as a script", as_script)]
        {
            watched(&format!("{name} {way}"), move || run(name, program, budgeted));
        }
    }
}

/// One test a program, and one that no file of the folder is left out.
macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test] fn $name() {
            every_way(stringify!($name), include_str!(concat!("data/hostile/", stringify!($name), ".lua")));
        })*

        #[test]
        fn every_program_of_the_folder_is_a_test() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile");
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .expect("the folder")
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter_map(|name| name.strip_suffix(".lua").map(str::to_string))
                .collect();
            files.sort();
            let mut tested = vec![$(stringify!($name)),*];
            tested.sort_unstable();
            assert_eq!(files, tested);
        }
    };
}

programs! {
    buffer_create
    comparison_that_loops
    concat_bomb
    concatenation_that_loops
    constructors_without_end
    coroutine_that_loops
    coroutines_in_coroutines
    doubling_text
    error_of_a_megabyte
    error_whose_text_loops
    every_global_called
    every_global_read
    every_global_written
    every_library_function_called
    growing_closure_chain
    growing_table
    gsub_bomb
    handler_that_fails
    handler_that_loops
    hash_collisions
    index_that_loops
    insert_at_the_front
    iterator_that_loops
    iterator_without_end
    kind_of_a_megabyte
    many_coroutines
    number_of_a_long_text
    numeric_for
    one_growing_secret
    pattern_in_gmatch
    pattern_in_gsub
    pattern_of_optional_letters
    pattern_that_backtracks
    pcall_as_the_result
    pcall_in_a_loop
    pcall_of_memory
    pcall_that_keeps_memory
    pcall_that_returns
    plain_find
    plain_find_without_the_flag
    policies_without_end
    policy_nested_without_end
    policy_shared_without_end
    policy_that_contains_itself
    policy_with_a_looping_metatable
    precise_format
    printing_without_end
    raising_without_end
    recursion
    recursion_in_a_tail
    recursion_through_metamethods
    recursion_through_pcall
    removed_collector
    removed_environment
    removed_loader
    rep_in_a_loop
    rep_of_a_billion
    rep_of_nothing
    repeat_forever
    secrets_without_end
    sort_of_long_texts
    sort_that_loops
    sort_without_order
    split_into_letters
    split_with_a_long_separator
    table_create
    table_move
    text_library_changed
    text_metatable_changed
    tostring_that_loops
    unknown_name_of_a_megabyte
    unpack_of_millions
    while_true
    wide_format
    xpcall_in_a_loop
}

#[test]
fn a_hook_that_loops_is_reported_and_the_rules_go_on() {
    for budgeted in [true, false] {
        watched("a hook", move || {
            let text = "policy 'p' { replicas = { max = 5 },
                scale_out = { { name = 'on', add = 1, when = function(m) return true end } },
                on = { scale_out = function(event, act)
                    act.log('before')
                    while true do act.log('x') end
                end } }";
            let source = Source::new("hostile.lua", text);
            let loaded =
                load(&source, &NoModules, &limits(budgeted), clock()).unwrap_or_else(|f| panic!("{f:#?}"));
            let policy = policies(&loaded, &source).remove(0);
            let conditions = loaded.bind(&policy);
            let event = luascale::model::Event {
                kind: luascale::model::EventKind::ScaleOut,
                time: Time(0),
                from: 1,
                to: 2,
                step: None,
                metric: None,
            };
            let report = conditions.hook(0, &event, &context(0));
            let fault = report.fault.expect("a fault");
            assert_eq!((fault.function.as_str(), fault.line, fault.fatal), ("on.scale_out", 5, false));
            assert!(fault.message.contains("more than 100 effects"), "{fault:?}");
            assert_eq!(report.effects.len(), 100);
            assert_eq!(when(&conditions, 1_000)[0].holds, Some(true));
        });
    }
}

/// Texts too large for a file in the repository.
#[test]
fn sources_that_are_long_or_deep_are_refused_quickly() {
    let within = usize::try_from(Limits::default().source).expect("fits") - 100;
    let deep = |open: &str, close: &str| {
        let depth = within / (open.len() + close.len());
        format!("return {}1{}", open.repeat(depth), close.repeat(depth))
    };
    let chain = |piece: &str| format!("local x = 1 return x{}", piece.repeat(within / piece.len() - 10));
    for (name, text, says) in [
        ("six megabytes", "local x = 1\n".repeat(500_000), "larger than 1 MiB"),
        ("one long comment", format!("--{}", "x".repeat(6_000_000)), "larger than 1 MiB"),
        ("parentheses", deep("(", ")"), "Exceeded"),
        ("tables", deep("{", "}"), "Exceeded"),
        ("functions", deep("function() return ", " end"), "Exceeded"),
        ("blocks", format!("{}{}", "do ".repeat(within / 7), "end ".repeat(within / 7)), "Exceeded"),
        ("ifs", format!("{}{}", "if x then ".repeat(within / 14), "end ".repeat(within / 14)), "Exceeded"),
        ("conditions in values", deep("if x then 1 else ", ""), "Exceeded"),
        ("minus signs", deep("- ", ""), "Exceeded"),
        ("powers", chain("^x"), "Exceeded"),
        ("sums", chain("+x"), "Exceeded"),
        ("joined texts", chain("..x"), "Exceeded"),
        ("fields", chain(".x"), ""),
        ("calls", chain("()"), ""),
        ("texts in texts", deep("`{", "}`"), ""),
        (
            "types",
            format!("local x: {}number{}", "{".repeat(within / 2 - 20), "}".repeat(within / 2 - 20)),
            "Exceeded",
        ),
        ("locals", "local x = x() ".repeat(within / 14), "local"),
        ("open brackets", "[".repeat(within), ""),
        ("open long text", format!("return {}", "[=".repeat(within / 2 - 10)), ""),
    ] {
        let found = watched(name, move || {
            let source = Source::new("hostile.lua", format!("{text}\n"));
            load(&source, &NoModules, &limits(true), clock()).err().unwrap_or_default()
        });
        let finding = found.first().unwrap_or_else(|| panic!("{name}: loads"));
        assert!(finding.message.contains(says), "{name}: {finding:?}");
        assert_readable(name, &finding.message);
        assert_eq!(&*finding.labels[0].source, "hostile.lua", "{name}");
    }
}

struct Shelf;

impl Modules for Shelf {
    fn find(&self, name: &str) -> Result<Source, String> {
        Ok(Source::new(
            format!("{name}.lua"),
            match name {
                "a" => "return require 'b'",
                "b" => "return require 'a'",
                "self" => "return require 'self'",
                "loops" => "\nwhile true do end",
                "long" => return Ok(Source::new("long.lua", " ".repeat(2_000_000))),
                _ => return Err(format!("there is no module \"{name}\"")),
            },
        ))
    }
}

#[test]
fn modules_in_a_circle_and_modules_that_loop() {
    for (name, says, source, script) in [
        ("a", "modules require each other in a circle: a -> b -> a", "b.lua", "b.lua"),
        ("self", "modules require each other in a circle: self -> self", "self.lua", "self.lua"),
        ("loops", "a loop that does not end", "loops.lua", "loops.lua"),
        ("long", "larger than 1 MiB", "hostile.lua", ""),
        ("none", "there is no module \"none\"", "hostile.lua", "hostile.lua"),
    ] {
        watched(name, move || {
            let text = Source::new("hostile.lua", format!("local x = require '{name}'\npolicy 'p' {{}}"));
            let found = load(&text, &Shelf, &limits(true), clock()).err().unwrap_or_default();
            assert!(format!("{} {:?}", found[0].message, found[0].help).contains(says), "{name}: {found:?}");
            assert_eq!(&*found[0].labels[0].source, source, "{name}: {found:?}");
            // A script: its modules are compiled at load and run in the tick.
            let text = Source::new("hostile.lua", format!("\nlocal x = require '{name}'"));
            let loaded = match load(&text, &Shelf, &limits(true), clock()) {
                Ok(loaded) => loaded,
                Err(found) => {
                    return assert!(script.is_empty() && found[0].message.contains(says), "{found:?}");
                }
            };
            let calm = Source::new("calm.lua", "policy 'calm' { replicas = { max = 5 } }");
            let calm =
                load(&calm, &NoModules, &Limits::default(), clock()).unwrap_or_else(|f| panic!("{f:#?}"));
            let mut policy = policies(&calm, &text).remove(0);
            policy.form = luascale::model::Form::Script;
            let fault = loaded.bind(&policy).propose(&[], &context(0)).fault.expect("a fault");
            assert!(fault.message.contains(says) && &*fault.source == script, "{name}: {fault:?}");
        });
    }
}
