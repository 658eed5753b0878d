//! luascale.yaml: what it means, that a script's entry builds a policy, and what every mistake in
//! it is told, with its line and column.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "config/exclude.rs"]
mod exclude;
#[path = "config/schema.rs"]
mod schema;
mod support;

use luascale::catalogue::Table;
use luascale::config::{Config, FailOn, SampleFile, Secret, parse};
use luascale::model::build::{Entry, script};
use luascale::model::{Duration, Finding, Form, MetricSource, Per, Policy, Unit};
use luascale::text::{LineIndex, Source};
use proptest::prelude::*;

fn source(text: &str) -> Source {
    Source::new("luascale.yaml", text)
}

/// `line:column message | help` of every finding.
fn told(text: &str, findings: &[Finding]) -> String {
    let index = LineIndex::new(text);
    let lines = findings.iter().map(|f| {
        let at = index.position(text, f.labels.first().map_or(0, |l| l.span.start));
        format!("{}:{} {} | {}", at.line, at.column, f.message, f.help.as_deref().unwrap_or("-"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn wrong(text: &str) -> String {
    told(text, &parse(&source(text)).1)
}

fn right(text: &str) -> Config {
    let (config, findings) = parse(&source(text));
    assert_eq!(told(text, &findings), "");
    config
}

/// The policy of the first entry, or what `build` finds.
fn built(text: &str) -> Result<Policy, String> {
    let (yaml, config) = (source(text), right(text));
    let entry = config.policies.first().unwrap();
    let lua = Source::new(&*entry.path.value, "scale_out()");
    let entry = Entry { table: &entry.table, node: &entry.node, source: &yaml };
    let (policy, findings) = script("classic", &lua, Some(entry), &Table::new());
    policy.ok_or_else(|| told(text, &findings))
}

const EXAMPLE: &str = "\
policies:                      # what a script cannot declare
  policies/classic.lua: { target: { kubernetes.deployment: { namespace: shop, name: web } }, replicas: { min: 1, max: 10 },
                          metrics: { cpu: { file: { path: cpu.csv, column: cpu }, unit: ratio, per: replica } } }
samples:
  checkout-api: [ samples/black-friday.csv, { path: ./samples/elb.csv, columns: { rps: request_count }, timezone: europe/paris } ]
secrets:
  SLACK_URL: { env: SLACK_URL, hosts: [ Hooks.Slack.com, \"[::1]:8443\", localhost:80 ] }
lint: { select: [], ignore: [ no-cost ], fail_on: warning, baseline: .luascale-baseline.json, rules: [ rules/*.lua ] }
approval: { branch: main, reviews: 1 }
apply: { directory: { path: live/ } }
";

#[test]
fn every_section_is_read() {
    let config = right(EXAMPLE);
    assert_eq!(config.policy("./policies/classic.lua").map(|p| &*p.path.value), Some("policies/classic.lua"));
    assert_eq!(config.policy("classic.lua"), None);
    let [first, second] = config.samples("checkout-api") else { panic!("{config:?}") };
    assert_eq!(first.path.value, "samples/black-friday.csv");
    let SampleFile { path, columns, timezone } = second;
    assert_eq!(path.value, "samples/elb.csv");
    assert_eq!(columns, &[("rps".to_owned(), "request_count".to_owned())]);
    assert_eq!(timezone.as_deref(), Some("Europe/Paris"));
    assert_eq!(config.samples("other"), []);
    let [Secret { name, env, hosts }] = &*config.secrets else { panic!("{config:?}") };
    assert_eq!((&*name.value, &**env), ("SLACK_URL", "SLACK_URL"));
    assert_eq!(hosts, &["hooks.slack.com", "[::1]:8443", "localhost:80"]);
    assert_eq!(config.lint.fail_on, Some(FailOn::Warning));
    assert_eq!(config.lint.ignore[0].value, "no-cost");
    assert_eq!(config.lint.rules[0].value, "rules/*.lua");
    assert_eq!(config.lint.baseline.unwrap().value, ".luascale-baseline.json");
    let approval = config.approval.unwrap();
    assert_eq!((approval.branch.unwrap().value.as_str(), approval.reviews), ("main", Some(1)));
    assert_eq!(approval.github, None);
    let github = right("approval: { github: }\n").approval.unwrap().github.unwrap();
    assert_eq!((github.check.as_str(), github.app, github.repository), ("luascale", 15_368, None));
    assert_eq!(config.apply.directory.unwrap().value, "live/");
}

#[test]
fn everything_is_optional() {
    for text in ["", "# nothing yet\n", "\u{feff}", "lint:\nsamples:\npolicies:\n", "---\n"] {
        let config = right(text);
        assert_eq!(config, Config::default(), "{text:?}");
    }
}

#[test]
fn a_scripts_entry_builds_its_policy() {
    let policy = built(EXAMPLE).unwrap();
    assert_eq!((policy.form, &*policy.source), (Form::Script, "policies/classic.lua"));
    assert_eq!((policy.replicas.min.value, policy.replicas.max.value), (1, 10));
    let target = policy.target.unwrap().value;
    assert_eq!(target.kind, "kubernetes.deployment");
    assert_eq!(target.arguments, [("name".into(), "web".into()), ("namespace".into(), "shop".into())]);
    let cpu = &policy.metrics[0];
    assert_eq!((cpu.unit, cpu.per), (Some(Unit::Ratio), Some(Per::Replica)));
    let MetricSource::File { path, column } = &cpu.source else { panic!("{cpu:?}") };
    assert_eq!((&*path.value, &**column), ("cpu.csv", "cpu"));
}

#[test]
fn an_entry_may_use_every_kind_of_value() {
    let policy = built(
        "\
policies:
  a.lua:
    replicas: { max: 0x10 }
    interval: 30
    startup: 1m30s
    anti_flap: false
    metrics:
      plain: {}
      rps: { gateway.haproxy: { url: 'http://haproxy:8405/metrics', backend: checkout }, capacity: 120 }
      late: { gateway.envoy: { signal: p95, labels: { zone: a } } }
      q: { prometheus: { query: 'sum(up)' } }
    schedule: [ { name: day, cron: '0 7 * * 1-5', duration: 2h, min: 4 } ]
",
    )
    .unwrap();
    assert_eq!(policy.replicas.max.value, 16);
    assert_eq!((policy.interval, policy.startup), (Duration(30_000), Duration(90_000)));
    assert!(!policy.anti_flap);
    let names: Vec<&str> = policy.metrics.iter().map(|m| m.name.value.as_str()).collect();
    assert_eq!(names, ["late", "plain", "q", "rps"]);
    assert_eq!(policy.metrics[1].source, MetricSource::Samples);
    let MetricSource::Prometheus { query, .. } = &policy.metrics[0].source else { panic!() };
    assert!(query.value.contains("envoy_cluster_upstream_rq_time_bucket{zone=\"a\"}"), "{}", query.value);
    let MetricSource::Scrape(scrape) = &policy.metrics[3].source else { panic!() };
    assert_eq!(scrape.from, Some(("gateway.haproxy".into(), "rps".into())));
    assert_eq!((policy.metrics[3].per, policy.metrics[3].capacity), (Some(Per::Total), Some(120.0)));
    assert_eq!(policy.schedule[0].min, Some(4));
}

#[test]
fn what_build_finds_points_into_the_yaml() {
    let text = "\
policies:
  a.lua:
    replicas: { min: \"3\", max: 2.5 }
    intervall: 15s
    startup: soon
    target: { kubernetes.deploymnt: { namespace: shop, name: web } }
    metrics:
      cpu: { promethues: { query: up } }
      rps: { gateway.haproxi: {} }
      wait: { llm_gateway.vllm: { signal: waitin } }
      p95: { gateway.haproxy: { backnd: x } }
";
    let told = built(text).unwrap_err();
    let expected = [
        ("3:22", "replicas.min", "3"),
        ("3:32", "replicas.max", "whole"),
        ("4:5", "intervall", "`interval`"),
        ("5:14", "startup", "duration"),
        ("6:13", "kubernetes.deploymnt", "`kubernetes.deployment`"),
        ("8:12", "promethues", "prometheus"),
        ("9:12", "gateway.haproxi", "`gateway.haproxy`"),
        ("10:43", "waitin", "`waiting`"),
        ("11:7", "p95", "`error_ratio`"),
        ("11:33", "backnd", "`backend`"),
    ];
    assert_eq!(told.lines().count(), expected.len(), "{told}");
    for (line, (place, what, hint)) in told.lines().zip(expected) {
        assert!(
            line.starts_with(&format!("{place} ")) && line.contains(what) && line.contains(hint),
            "{line}"
        );
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "\
policys: {}
policies:
  ../outside.lua: {}
  /etc/passwd: {}
  a.txt: {}
  b.lua: [ 1 ]
  ./c.lua: { replicas: { max: 1 } }
  c.lua: { replicas: { max: 2 } }
  d.lua:
    startup:
    target: { kubernetes.deployment: { name: web }, http: { url: x } }
    metrics:
      cpu: { prometheus: { query: up, unit: ratio }, file: { path: x }, unit: percent }
samples:
  one: a.csv
  two: []
  three: [ 1, { pat: a.csv }, { path: '', timezone: Europe/Pari, columns: [ a ] }, a.csv, ./a.csv, 'C:\\a.csv', b/ ]
secrets:
  1X: { env: OK, hosts: [ https://hooks.slack.com/services, '*.slack.com', a.b/c, 'x:0', '-a', 'a b' ] }
  Y: { env: a-b, hosts: [] }
  Z: { host: [ x ] }
  W: SLACK_URL
lint: { select: all, fail_on: warnings, baseline: ../x.json, rules: [ /x ], rule: [] }
approval: { branch: 7, reviews: 1.5 }
apply: { directory: live, kubernetes: {} }
";
    insta::assert_snapshot!(wrong(text));
}

#[test]
fn a_text_that_is_no_configuration_is_told_so() {
    let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
    let huge = "#".repeat(5 << 20);
    for (text, part) in [
        ("- a\n- b\n", "1:1 `luascale.yaml` is a list, but a map was expected"),
        ("just text", "1:1 `luascale.yaml` is a text, but a map was expected"),
        ("lint: {}\nlint: {}\n", "2:1 `lint` is written twice"),
        ("lint:\n\tselect: []\n", "2:1 a tab indents this line"),
        ("lint: { select: [ a }\n", "1:21 this is no YAML: "),
        ("lint: \u{fffd}\u{fffd}", "1:7 the file is not UTF-8"),
        ("lint: {}\n---\nlint: {}\n", "2:1 a second YAML document begins"),
        ("a: &a [x,x,x,x]\nb: &b [*a,*a]\nc: *d\n", "3:4 this is no YAML: "),
        (&deep, "lists and maps are nested too deeply"),
        (&huge, "luascale.yaml is larger than 4 MiB"),
    ] {
        let told = wrong(text);
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn an_alias_stands_for_what_it_names() {
    let config = right("samples:\n  a: &same [ x.csv ]\n  b: *same\n");
    assert_eq!(config.samples("a"), config.samples("b"));
}

/// Pieces of configurations, right and wrong ones, for putting together.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "policies:",
        "samples:",
        "secrets:",
        "lint:",
        "approval:",
        "apply:",
        "a.lua:",
        "../x:",
        "target:",
        "metrics:",
        "cpu:",
        "file:",
        "path:",
        "hosts:",
        "env:",
        "columns:",
        "directory:",
        "kubernetes.deployment:",
        "regions:",
        "{",
        "}",
        "[",
        "]",
        ",",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "1",
        "x",
        "ü",
        "~",
        ".nan",
        "'",
        "\"",
        "&a ",
        "*a",
        "#",
        "!!str ",
        "|\n",
        "\u{feff}",
        "\t",
        "\r\n",
        "\u{2028}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Whatever is written, reading ends, every place lies in the text, and building what was
    /// read does not panic either.
    #[test]
    fn any_configuration_is_read_or_told(text in pieces()) {
        let yaml = source(&text);
        let (config, findings) = parse(&yaml);
        for label in findings.iter().flat_map(|f| &f.labels) {
            prop_assert!(text.get(label.span.start as usize..label.span.end as usize).is_some());
        }
        for entry in &config.policies {
            let lua = Source::new("a.lua", "");
            let entry = Entry { table: &entry.table, node: &entry.node, source: &yaml };
            let (policy, found) = script("a", &lua, Some(entry), &Table::new());
            prop_assert!(policy.is_some() || !found.is_empty() || !findings.is_empty());
        }
    }
}

#[test]
fn of_many_mistakes_a_hundred_are_told_and_the_rest_counted() {
    for (head, line) in [
        ("lint:\n", "  field: 1\n"),
        ("policies:\n", "  p.txt: {}\n"),
        ("policies:\n  a.lua:\n    metrics:\n      cpu:\n        x.y: { a: 1 }\n", "        z.y: {}\n"),
        ("samples:\n  web:\n", "    - { path: a.csv, colums: 1 }\n"),
    ] {
        // Keys are told apart by a number before their colon or point.
        let lines: String = (0..5_000)
            .map(|n| match line.trim_start().starts_with('-') {
                true => line.replace("a.csv", &format!("a{n}.csv")),
                false => line.replacen(
                    ['.', ':'],
                    &format!("{n}{}", if line.contains('.') { '.' } else { ':' }),
                    1,
                ),
            })
            .collect();
        let (_, findings) = parse(&source(&format!("{head}{lines}")));
        assert_eq!(findings.len(), 101, "{head}{line}");
        assert_eq!(findings[100].message, "luascale.yaml: 4900 more errors, not shown", "{head}{line}");
    }
}
