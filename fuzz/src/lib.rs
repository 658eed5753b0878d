//! What each fuzz target does with its bytes, and what must hold whatever they are. Shared by
//! the targets and by `tests/fuzz_seeds.rs`.

use luascale::catalogue::Table;
use luascale::decide::decide;
use luascale::decide::reason::words;
use luascale::lua::{Limits, NoModules};
use luascale::model::build::{Entry, File, policies, script};
use luascale::model::finding::{Finding, Level};
use luascale::model::time::parse_duration;
use luascale::model::{Input, Reading, State, Time};
use luascale::sim::cases::read_cases;
use luascale::sim::samples::{Format, ReadOptions, read};
use luascale::text::{Source, Span};
use luascale::worker::{Reply, Request, protocol};
use std::sync::Arc;

/// A target: its name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, sorted by name.
pub const TARGETS: &[Target] = &[
    ("config", config),
    ("csv", csv),
    ("duration", duration),
    ("frames", frames),
    ("jsonl", jsonl),
    ("kind", kind),
    ("load", load),
    ("prometheus", prometheus),
    ("series", series),
    ("syntax", syntax),
    ("yaml", yaml),
];

/// A source as files are read: bytes that are no UTF-8 are replaced.
fn source(name: &str, bytes: &[u8]) -> Source {
    Source::new(name, String::from_utf8_lossy(bytes).into_owned())
}

fn inside(text: &str, span: Span) -> bool {
    text.get(span.start as usize..span.end as usize).is_some()
}

/// Every finding says something, and its places lie in the source that it names.
fn sound(source: &Source, findings: &[Finding]) {
    for finding in findings {
        assert!(!finding.rule.is_empty() && !finding.message.is_empty(), "{finding:?}");
        for label in &finding.labels {
            assert!(label.source != source.name || inside(&source.text, label.span), "{finding:?}");
        }
    }
}

fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.level == Level::Error)
}

fn samples(bytes: &[u8], name: &str, format: Format) {
    for quantities in [false, true] {
        let options = ReadOptions { format: Some(format), quantities, ..ReadOptions::default() };
        let first = read(bytes, name, &options);
        match &first {
            Ok(samples) => {
                let key = |s: &luascale::sim::series::Series| (s.region.clone(), s.metric.clone());
                assert!(
                    samples.series.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])),
                    "unsorted series"
                );
            }
            Err(findings) => assert!(has_error(findings), "no samples and no error"),
        }
        // By their printed form: NaN is no equal of itself.
        assert_eq!(format!("{first:?}"), format!("{:?}", read(bytes, name, &options)));
    }
}

/// Samples as CSV, wide or long.
pub fn csv(bytes: &[u8]) {
    samples(bytes, "x.csv", Format::Csv);
}

/// Samples as JSON lines.
pub fn jsonl(bytes: &[u8]) {
    samples(bytes, "x.jsonl", Format::JsonLines);
}

/// Samples as the answer of a Prometheus `query_range`.
pub fn prometheus(bytes: &[u8]) {
    samples(bytes, "x.json", Format::Prometheus);
}

/// Series by hand with their expectations, and the same bytes as samples.
pub fn series(bytes: &[u8]) {
    samples(bytes, "x.yaml", Format::Yaml);
    if let Err(findings) = read_cases(bytes, "x.yaml", &ReadOptions::default()) {
        sound(&source("x.yaml", bytes), &findings);
        assert!(has_error(&findings));
    }
}

/// The frames of the worker's protocol, from either side: what is read, and written again, is
/// read as the same.
pub fn frames(bytes: &[u8]) {
    fn all<T: serde::Serialize + serde::de::DeserializeOwned>(mut from: &[u8]) {
        while let Ok(Some(message)) = protocol::read::<T>(&mut from) {
            let mut once = Vec::new();
            protocol::write(&mut once, &message).expect("what was read can be written");
            let again: Option<T> =
                protocol::read(&mut once.as_slice()).expect("what was written can be read");
            let mut twice = Vec::new();
            protocol::write(&mut twice, &again.expect("a message")).expect("and written again");
            assert_eq!(once, twice);
        }
    }
    all::<Request>(bytes);
    all::<Reply>(bytes);
}

/// A duration: what is accepted prints as a text that means the same.
pub fn duration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(read) = parse_duration(&text) {
        assert!(read.0 >= 0);
        assert_eq!(parse_duration(&read.to_string()), Ok(read), "{text}");
    }
}

/// YAML with places: every place lies in the text, and a value is there or an error is.
pub fn yaml(bytes: &[u8]) {
    use luascale::yaml::{Node, Yaml, parse};
    fn walk(text: &str, node: &Node) {
        assert!(inside(text, node.span), "{:?}", node.span);
        match &node.value {
            Yaml::List(items) => items.iter().for_each(|item| walk(text, item)),
            Yaml::Map(entries) => {
                for (key, value) in entries {
                    assert!(inside(text, key.span), "{key:?}");
                    walk(text, value);
                }
            }
            _ => {}
        }
    }
    let source = source("x.yaml", bytes);
    let (node, findings) = parse(&source);
    sound(&source, &findings);
    match node {
        Some(node) => walk(&source.text, &node),
        None => assert!(has_error(&findings)),
    }
}

/// luascale.yaml, and the policies of its scripts.
pub fn config(bytes: &[u8]) {
    let source = source("luascale.yaml", bytes);
    let (config, findings) = luascale::config::parse(&source);
    sound(&source, &findings);
    for entry in &config.policies {
        let lua = Source::new(&*entry.path.value, "");
        let entry = Entry { table: &entry.table, node: &entry.node, source: &source };
        let (policy, found) = script("x", &lua, Some(entry), &Table::new());
        sound(&source, &found);
        // What could not be read was reported by the reader, and build has nothing to add.
        let told = has_error(&found) || has_error(&findings);
        assert!(policy.is_some() || told, "no policy and no error");
        assert!(policy.is_none() || !has_error(&found), "{found:?}");
    }
}

/// A kind of the catalogue.
pub fn kind(bytes: &[u8]) {
    let source = source("kind.yaml", bytes);
    if let Err(findings) = Table::new().with(std::slice::from_ref(&source)) {
        sound(&source, &findings);
        assert!(has_error(&findings));
    }
}

/// The parser behind `syntax` has panics of its own, on the thread that it is given for that:
/// they become findings. Only those are let through libFuzzer's hook, which aborts.
fn let_the_parser_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let foreign = info.location().is_some_and(|at| at.file().contains("full_moon"));
            if !foreign || std::thread::current().name() != Some("parse") {
                hook(info);
            }
        }));
    });
}

/// A policy file as text: parsed, and its literals built.
pub fn syntax(bytes: &[u8]) {
    let_the_parser_panic();
    let source = source("x.lua", bytes);
    let parsed = luascale::syntax::parse(&source);
    sound(&source, &parsed.findings);
    sound(&source, &parsed.purity);
    let (built, findings) = policies(&File {
        raw: &parsed.literals,
        source: &source,
        required: &[],
        outline: &parsed.outline,
        catalogue: &Table::new(),
    });
    sound(&source, &findings);
    assert!(built.len() <= parsed.literals.policies.len());
}

/// A policy file run in the VM, and three ticks of what it declared. The clock stands still, so
/// that only the limits that are counted end it, and the same bytes do the same.
pub fn load(bytes: &[u8]) {
    let_the_parser_panic();
    let source = source("x.lua", bytes);
    let limits = Limits { load_budget: 100_000, tick_budget: 20_000, memory: 8 << 20, ..Limits::default() };
    let loaded = match luascale::lua::load(&source, &NoModules, &limits, Arc::new(|| 0)) {
        Ok(loaded) => loaded,
        Err(findings) => {
            sound(&source, &findings);
            assert!(has_error(&findings));
            return;
        }
    };
    let parsed = luascale::syntax::parse(&source);
    let (built, findings) = match loaded.script {
        true => {
            let (policy, findings) = script("x", &source, None, &Table::new());
            (Vec::from_iter(policy), findings)
        }
        false => policies(&File {
            raw: &loaded.raw,
            source: &source,
            required: &loaded.required,
            outline: &parsed.outline,
            catalogue: &Table::new(),
        }),
    };
    sound(&source, &findings);
    for policy in &built {
        let conditions = loaded.bind(policy);
        let mut state = State::default();
        for tick in 0..3 {
            let now = Time(1_700_000_000_000 + tick * policy.interval.0);
            // The second tick has no values.
            let reading = match tick {
                1 => Reading::Missing,
                _ => Reading::Value { value: 0.9 * (tick + 1) as f64, at: now },
            };
            let input = Input {
                now,
                current: 3,
                ready: 2,
                metrics: vec![reading; policy.metrics.len()],
                ..Input::default()
            };
            let decision;
            (decision, state) = decide(policy, &input, state, &conditions);
            assert!(decision.bounds.min <= decision.bounds.max, "{decision:?}");
            assert!(decision.to <= decision.bounds.max.max(3), "{decision:?}");
            for step in &decision.steps {
                assert!(!words(policy, step).is_empty(), "{step:?}");
            }
        }
    }
}
