//! The JSON Schema of luascale.yaml against the reader: the same keys at every place, nothing that the reader takes is
//! refused, and what people get wrong is refused by both.
#![allow(clippy::panic, clippy::disallowed_methods)]

use super::{EXAMPLE, pieces, source};
use luascale::catalogue::Table;
use luascale::config::{SCHEMA, parse};
use luascale::model::Finding;
use luascale::model::build::{Entry, script};
use luascale::text::Source;
use luascale::yaml::{self, Node, Yaml};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What is wrong with a document, where it is read as luascale does.
fn read(text: &str) -> Vec<Finding> {
    let yaml = source(text);
    let (config, mut findings) = parse(&yaml);
    for entry in &config.policies {
        let lua = Source::new(&*entry.path.value, "scale_out()");
        let entry = Entry { table: &entry.table, node: &entry.node, source: &yaml };
        findings.extend(script("a", &lua, Some(entry), &Table::new()).1);
    }
    findings
}

/// A YAML text as JSON has it.
fn document(text: &str) -> Value {
    fn of(node: &Node) -> Value {
        match &node.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(b) => json!(b),
            Yaml::Number(n) => json!(n),
            Yaml::Text(text) => json!(text),
            Yaml::List(items) => items.iter().map(of).collect(),
            Yaml::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.value.clone(), of(value))).collect())
            }
        }
    }
    yaml::parse(&source(text)).0.as_ref().map_or(json!({}), of)
}

/// The keys that the reader says it knows, where it is handed one that it does not.
fn known(make: &dyn Fn(Value) -> Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    // A key with a dot may be a constructor, and one without may be a field.
    for probe in [json!({ "zzzz": 1 }), json!({ "zz.zz": {} })] {
        for finding in read(&make(probe).to_string()) {
            if !["unknown-field", "unknown-target", "not-a-metric"].contains(&&*finding.rule) {
                continue;
            }
            let help = finding.help.unwrap();
            let list =
                ["nown here: ", " are made by ", " are "].iter().find_map(|said| help.rsplit_once(said));
            let words = list.unwrap_or_else(|| panic!("{help}")).1.split([',', ' ', '`']);
            keys.extend(words.filter(|w| !w.is_empty() && *w != "and" && !w.contains('…')).map(String::from));
        }
    }
    keys
}

/// Holds every closed map of the schema against the reader; gives how many there were.
fn walk(root: &Value, node: &Value, at: &str, make: &dyn Fn(Value) -> Value) -> usize {
    if let Some(name) = node["$ref"].as_str() {
        return walk(root, root.pointer(&name[1..]).unwrap(), at, make);
    }
    let mut maps = 0;
    for one in node["oneOf"].as_array().into_iter().flatten() {
        maps += walk(root, one, at, make);
    }
    if !node["items"].is_null() {
        maps += walk(root, &node["items"], &format!("{at}[]"), &|value| make(json!([value])));
    }
    let under = |key: &str, sub: &Value| {
        walk(root, sub, &format!("{at}.{key}"), &|value| {
            make(Value::Object(Map::from_iter([(key.to_owned(), value)])))
        })
    };
    if node["additionalProperties"].is_object() {
        maps += under(if at == ".policies" { "a.lua" } else { "x" }, &node["additionalProperties"]);
    }
    if node["additionalProperties"] == json!(false) {
        let properties = node["properties"].as_object().unwrap();
        let written: BTreeSet<String> = properties.keys().cloned().collect();
        assert_eq!(written, known(make), "{at}: the schema's keys, and the reader's");
        maps += 1 + properties.iter().map(|(key, sub)| under(key, sub)).sum::<usize>();
    }
    maps
}

#[test]
fn the_schema_has_the_keys_that_the_reader_takes_and_no_others() {
    let schema = schema();
    let maps = walk(&schema, &schema, "", &|value| value);
    assert!(maps > 30, "only {maps} maps were looked at");
    // One that is taken out, or is only in the schema, is noticed.
    for change in [json!({}), json!({ "branch": {}, "reviews": {}, "allowed_signers": {}, "more": {} })] {
        let mut other = schema.clone();
        other["properties"]["approval"]["properties"] = change;
        let same = std::panic::catch_unwind(|| walk(&other, &other, "", &|value| value));
        assert!(same.is_err(), "another set of keys passed");
    }
}

#[test]
fn what_is_read_without_a_finding_fits_the_schema() {
    let valid = jsonschema::validator_for(&schema()).unwrap();
    let mut files = vec![("EXAMPLE".to_owned(), EXAMPLE.to_owned())];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["examples", "tests/data"] {
        for entry in ignore::Walk::new(root.join(folder)) {
            let path = entry.unwrap().into_path();
            if path.ends_with("luascale.yaml") {
                files.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 10, "{files:?}");
    files.push(("everything".into(), WHOLE.into()));
    for (name, text) in files {
        let errors: Vec<String> = valid
            .iter_errors(&document(&text))
            .map(|e| format!("{name}: {}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let told: Vec<String> = read(&text).into_iter().map(|f| f.message).collect();
        assert!(told.is_empty(), "{name}: {told:#?}");
    }
}

/// Every section, and most of what an entry can hold.
const WHOLE: &str = r#"
policies:
  a.lua:
    target: { kubernetes.scale: { api_version: apps/v1, kind: Deployment, namespace: shop, name: web, context: prod } }
    replicas: { min: 0, max: 20 }
    mode: observe
    interval: 30
    startup: 1m30s
    metrics:
      cpu: { prometheus: { query: "avg(x)", url: "http://prometheus:9090" }, unit: ratio, per: replica, saturation: 1 }
      rps: { file: { path: a.csv, column: rps }, unit: per_second, per: total, capacity: 100, missing: last, max_age: 5m }
      p95: { unit: seconds, models: latency, load: cpu }
    cooldown: 2m
    stabilization_window: { scale_in: 10m }
    tolerance: 0.05
    rate_limit: { scale_out: [ { percent: 100, per: 1m }, { replicas: 4, per: 1m } ], scale_in: { select: disabled } }
    activation: { rps: 5 }
    fallback: { after: 5m, replicas: 4 }
    schedule: [ { name: day, cron: 0 7 * * 1-5, timezone: Europe/Paris, duration: 10h, min: 4 } ]
    cost: { per_replica_hour: 0.2, currency: EUR }
    regions: [ eu, { name: us, weight: 2, min: 1, max: 10, metrics: { cpu: { prometheus: { query: "avg(y)" } } } } ]
  b.luau: { target: { http: { url: "https://scaler.example.com/web", method: PUT } }, replicas: { max: 3 } }
samples: { web: [ a.csv, { path: b.csv, columns: { rps: n }, timezone: UTC } ] }
catalogue: [ gateways/own.yaml ]
secrets: { SLACK: { env: SLACK_URL, hosts: [ hooks.slack.com ] } }
lint: { select: [ all ], ignore: [], fail_on: never, baseline: known.json, rules: [ rules/ ], scrape_interval: 15s,
  exclude: [ old/, "*_generated.lua", team/**/x.lua ], budget: 100 }
approval:
  branch: main
  reviews: 2
  allowed_signers: .github/signers
  github: { repository: example/shop, check: luascale, app: 15368, environment: production }
apply: { directory: { path: live/ }, kubernetes: { namespace: luascale, context: prod, ledger: ledger.jsonl } }
"#;

#[test]
fn what_people_get_wrong_is_refused_by_both() {
    let valid = jsonschema::validator_for(&schema()).unwrap();
    for text in [
        "polices: {}",
        "policies: { a.txt: { replicas: { max: 3 } } }",
        "policies: { a.lua: ~ }",
        "policies: { a.lua: { replicas: { min: 1 } } }",
        "policies: { a.lua: { replicas: { max: 2.5 } } }",
        "policies: { a.lua: { replicas: { max: 3 }, scale_out: [] } }",
        "policies: { a.lua: { replicas: { max: 3 }, interval: -30 } }",
        "policies: { a.lua: { replicas: { max: 3 }, interval: 30 seconds } }",
        "policies: { a.lua: { replicas: { max: 3 }, mode: dry } }",
        "policies: { a.lua: { replicas: { max: 3 }, tolerance: 10 } }",
        "policies: { a.lua: { replicas: { max: 3 }, target: { kubernetes.deployment: { name: web } } } }",
        "policies: { a.lua: { replicas: { max: 3 }, target: { nomad: { name: web } } } }",
        "policies: { a.lua: { replicas: { max: 3 }, metrics: { cpu: { unit: percentage } } } }",
        "policies: { a.lua: { replicas: { max: 3 }, metrics: { cpu: { prometheus: {} } } } }",
        "policies: { a.lua: { replicas: { max: 3 }, cost: { per_replica_hour: 1, currency: euro } } }",
        "samples: { web: a.csv }",
        "samples: { web: [] }",
        "samples: { web: [ /a.csv ] }",
        "samples: { web: [ ../a.csv ] }",
        "samples: { web: [ { columns: {} } ] }",
        "catalogue: own.yaml",
        "secrets: { SLACK: { env: SLACK_URL } }",
        "secrets: { SLACK: { env: SLACK_URL, hosts: ~ } }",
        "secrets: { 1SLACK: { env: SLACK_URL, hosts: [ a ] } }",
        "lint: { fail_on: warn }",
        "lint: { select: all }",
        "lint: { scrape_interval: 15 }",
        "lint: { exclude: old }",
        "lint: { exclude: [ /old ] }",
        "lint: { exclude: [ ../old ] }",
        "lint: { budget: -1 }",
        "lint: { budget: 1.5 }",
        "approval: { reviews: -1 }",
        "approval: { reviews: two }",
        "approval: { github: true }",
        "approval: { github: { repository: shop } }",
        "approval: { github: { app: luascale } }",
        "approval: { github: { app: 0 } }",
        "approval: { github: { checks: luascale } }",
        "apply: { directory: live/ }",
        "apply: { kubernetes: {} }",
        "apply: { kubernetes: { namespace: My_Shop } }",
        "- policies",
    ] {
        assert!(!valid.is_valid(&document(text)), "the schema takes {text}");
        assert!(!read(text).is_empty(), "the reader takes {text}");
    }
}

proptest! {
    /// An editor marks nothing that luascale takes.
    #[test]
    fn whatever_the_reader_takes_fits_the_schema(text in pieces()) {
        if read(&text).is_empty() {
            let document = document(&text);
            let valid = jsonschema::validator_for(&schema()).unwrap();
            prop_assert!(valid.is_valid(&document) || document.is_null(), "{document}");
        }
    }
}
