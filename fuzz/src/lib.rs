//! What each fuzz target does with its bytes, and what must hold whatever they are. Shared by
//! the targets and by `tests/fuzz_seeds.rs`.

use luascale::catalogue::Table;
use luascale::model::build::{Entry, File, policies, script};
use luascale::model::finding::{Finding, Level};
use luascale::model::time::parse_duration;
use luascale::sim::samples::{Format, ReadOptions, read};
use luascale::text::{Source, Span};

/// A target: its name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, sorted by name.
pub const TARGETS: &[Target] = &[
    ("config", config),
    ("csv", csv),
    ("duration", duration),
    ("jsonl", jsonl),
    ("kind", kind),
    ("prometheus", prometheus),
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
        let (policy, findings) = script("x", &lua, Some(entry), &Table::new());
        sound(&source, &findings);
        assert_eq!(policy.is_none(), has_error(&findings), "{findings:?}");
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

/// A policy file as text: parsed, and its literals built.
pub fn syntax(bytes: &[u8]) {
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
