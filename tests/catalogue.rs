//! The catalogue: that its data is true to what programs expose, what a metric declared by kind
//! expands to, what a wrong one is told, and that docs/gateways.md says the same.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "a test that reads the repository and UPDATE")]

use luascale::catalogue::{ExposedBy, Kind, MetricType, Reading, Signal, Status, Table};
use luascale::model::build::{Catalogue, CatalogueError, Expanded, Request};
use luascale::model::{Family, MetricSource, Per, Scrape, ScrapeReading, Unit};
use luascale::text::{LineIndex, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Expands a metric `key = constructor { arguments }`; `labels.x` among them is a label matcher.
fn expand(
    table: &Table,
    constructor: &str,
    key: &str,
    arguments: &[(&str, &str)],
) -> Result<Expanded, Vec<CatalogueError>> {
    let owned = |prefix: bool| -> Vec<(String, String)> {
        let fits = arguments.iter().filter(|(name, _)| name.starts_with("labels.") == prefix);
        fits.map(|(n, v)| (n.trim_start_matches("labels.").to_owned(), (*v).to_owned())).collect()
    };
    table.expand(&Request { constructor, signal: None, key, arguments: &owned(false), labels: &owned(true) })
}

#[expect(clippy::panic, reason = "a test")]
fn query(constructor: &str, key: &str, arguments: &[(&str, &str)]) -> String {
    match expand(&Table::new(), constructor, key, arguments).unwrap().source {
        MetricSource::Prometheus { query, .. } => query.value,
        other => panic!("{constructor} {key}: no query but {other:?}"),
    }
}

#[test]
fn every_file_is_a_kind_of_its_own_name() {
    let table = Table::new();
    let names: BTreeSet<String> = table.kinds().iter().map(|k| k.name.clone()).collect();
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("src/catalogue/kinds")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // What is built in cannot be added again; that is the only thing wrong with it.
        let found = Table::new().with(&[Source::new(stem.clone(), text.clone())]).unwrap_err();
        assert!(found.len() == 1 && found[0].message.contains("already"), "{stem}: {found:#?}");
        let name = text.lines().next().unwrap().trim_start_matches("kind: ").to_owned();
        assert_eq!(name.split('.').nth(1), Some(stem.as_str()));
        files.insert(name);
    }
    assert_eq!(names, files);
    assert_eq!(table.constructors(), names.into_iter().collect::<Vec<_>>());
    for kind in table.kinds() {
        assert_eq!(kind.status == Status::Run, !kind.fixtures.is_empty(), "{}", kind.name);
        assert_eq!(kind.status == Status::Run, kind.source.is_none(), "{}", kind.name);
    }
}

/// Types by family, and every value of every label by series name.
#[derive(Default)]
struct Exposed {
    types: BTreeMap<String, String>,
    labels: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// Names, types and labels of an exposition text; values are not looked at.
fn exposed(text: &str) -> Exposed {
    let mut out = Exposed::default();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            out.types.insert(name.to_owned(), kind.trim().to_owned());
        }
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let labels = out.labels.entry(line[..end].to_owned()).or_default();
        let mut rest = line[end..].strip_prefix('{').unwrap_or_default();
        while let Some((name, after)) = rest.split_once("=\"") {
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let close = loop {
                match chars.next().unwrap() {
                    (_, '\\') => value.push(chars.next().unwrap().1),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            labels.entry(name.trim_start_matches(',').to_owned()).or_default().insert(value);
            rest = after[close + 1..].trim_start_matches(',');
            if rest.starts_with('}') {
                break;
            }
        }
    }
    out
}

#[test]
fn what_ran_exposes_every_family_with_its_type_and_labels() {
    let mut checked = 0;
    for kind in Table::new().kinds() {
        for fixture in &kind.fixtures {
            let text = std::fs::read_to_string(root().join("tests/data/exposition").join(fixture)).unwrap();
            let exposed = exposed(&text);
            for signal in &kind.signals {
                for series in signal.reading.iter().flat_map(Reading::series) {
                    let place = format!("{fixture}: {} of {}", series.name, kind.name);
                    let quantile = matches!(signal.reading, Some(Reading::Quantile(..)));
                    let name = if quantile { format!("{}_bucket", series.name) } else { series.name.clone() };
                    let family = match series.kind {
                        MetricType::Histogram | MetricType::Summary => {
                            series.name.trim_end_matches("_count").trim_end_matches("_sum")
                        }
                        _ => &series.name,
                    };
                    assert_eq!(
                        exposed.types.get(family).map(String::as_str),
                        Some(series.kind.name()),
                        "{place}"
                    );
                    let labels = exposed.labels.get(&name).unwrap_or_else(|| panic!("{place}: no series"));
                    assert_eq!(quantile, labels.contains_key("le"), "{place}");
                    for (label, value) in &series.labels {
                        let values = labels.get(label).unwrap_or_else(|| panic!("{place}: no label {label}"));
                        let plain = !value.starts_with(['$', '=', '!']);
                        assert!(
                            !plain || values.contains(value),
                            "{place}: {label} is never {value}: {values:?}"
                        );
                    }
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} families were looked at");
}

/// Brackets and quotes match: enough for queries that are put together from checked parts.
fn balanced(query: &str) -> bool {
    let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
    for c in query.chars() {
        match (quoted, escaped, c) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (_, _, '"') => quoted = !quoted,
            (true, ..) => {}
            (_, _, '(' | '[' | '{') => open.push(c),
            (_, _, ')') if open.pop() != Some('(') => return false,
            (_, _, ']') if open.pop() != Some('[') => return false,
            (_, _, '}') if open.pop() != Some('{') => return false,
            _ => {}
        }
    }
    open.is_empty() && !quoted
}

#[test]
fn every_signal_expands_to_a_query_that_is_whole() {
    assert!(!balanced("sum(x") && !balanced("a{b=\"}") && balanced("f(a{b=\"(\\\"\"}[1m])"));
    for kind in Table::new().kinds() {
        for signal in &kind.signals {
            let used: Vec<&str> =
                kind.arguments.iter().map(|a| a.name.as_str()).filter(|name| narrows(signal, name)).collect();
            let full: Vec<(&str, &str)> =
                used.iter().map(|name| (*name, "it's \"a\\b\"")).chain([("labels.zone", "=~(a|b")]).collect();
            for arguments in [&[][..], &full] {
                let query = query(&kind.name, signal.name.name(), arguments);
                assert!(balanced(&query) && !query.contains('$'), "{}: {query}", kind.name);
                if !arguments.is_empty() {
                    assert!(query.contains("zone=~\"(a|b\""), "{}: {query}", kind.name);
                    assert_eq!(
                        query.contains(r#""it's \"a\\b\"""#),
                        !used.is_empty(),
                        "{}: {query}",
                        kind.name
                    );
                }
            }
        }
    }
}

#[test]
fn queries_are_those_a_person_would_write() {
    for (kind, signal, arguments, expected) in [
        (
            "gateway.haproxy",
            "queue",
            &[("backend", "app")][..],
            r#"sum(haproxy_backend_current_queue{proxy="app"})"#,
        ),
        (
            "gateway.envoy",
            "p95",
            &[],
            "histogram_quantile(0.95, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket[5m]))) * 0.001",
        ),
        ("gateway.traefik", "active", &[], r#"sum(traefik_open_connections{entrypoint!="traefik"})"#),
        (
            "gateway.traefik",
            "active",
            &[("entrypoint", "web")],
            r#"sum(traefik_open_connections{entrypoint="web"})"#,
        ),
        ("gateway.nginx", "rps", &[("window", "2m")], "sum(rate(nginx_http_requests_total[2m]))"),
        ("gateway.nginx", "rps", &[("window", "90")], "sum(rate(nginx_http_requests_total[1m30s]))"),
        (
            "gateway.caddy",
            "error_ratio",
            &[],
            r#"(sum(rate(caddy_http_request_duration_seconds_count{handler!="admin",code=~"5.."}[2m])) or vector(0)) / (sum(rate(caddy_http_request_duration_seconds_count{handler!="admin"}[2m])) > 0)"#,
        ),
        (
            "gateway.aws_alb",
            "rps",
            &[("load_balancer", "app/shop/1")],
            r#"sum(aws_applicationelb_request_count_sum{load_balancer="app/shop/1"} offset 10m) / 60"#,
        ),
        ("gateway.aws_alb", "rps", &[], "sum(aws_applicationelb_request_count_sum offset 10m) / 60"),
        (
            "llm_gateway.tgi",
            "error_ratio",
            &[("labels.pod", "a")],
            r#"1 - sum(rate(tgi_request_success{pod="a"}[2m])) / (sum(rate(tgi_request_count{pod="a"}[2m])) > 0)"#,
        ),
        (
            "llm_gateway.vllm",
            "kv_cache",
            &[("model", "=~llama.*")],
            r#"avg(vllm:kv_cache_usage_perc{model_name=~"llama.*"})"#,
        ),
        (
            "llm_gateway.sglang",
            "running",
            &[("model", "m")],
            r#"sum(sglang:num_running_reqs{model_name="m",tp_rank="0"})"#,
        ),
    ] {
        assert_eq!(query(kind, signal, arguments), expected);
    }
}

#[test]
fn a_url_makes_it_a_scrape() {
    let table = Table::new();
    let url = "http://haproxy:8405/metrics";
    let rps = expand(&table, "gateway.haproxy", "rps", &[("backend", "checkout"), ("url", url)]).unwrap();
    let family = Family {
        name: "haproxy_backend_http_requests_total".into(),
        labels: vec![("proxy".into(), "checkout".into())],
    };
    assert_eq!(
        rps,
        Expanded {
            signal: "rps".into(),
            source: MetricSource::Scrape(Scrape {
                url: url.into(),
                from: Some(("gateway.haproxy".into(), "rps".into())),
                reading: ScrapeReading::Rate(family),
                scale: 1.0,
            }),
            unit: Unit::PerSecond,
            per: Some(Per::Total),
        }
    );
    let p95 = expand(&table, "gateway.envoy", "p95", &[("url", "http://e/stats/prometheus")]).unwrap();
    assert!(matches!(p95.source, MetricSource::Scrape(Scrape { scale: 0.001, .. })));
    assert_eq!((p95.unit, p95.per), (Unit::Seconds, None));
}

#[test]
fn one_replicas_endpoint_tells_of_one_replica() {
    let table = Table::new();
    let all = expand(&table, "llm_gateway.vllm", "waiting", &[]).unwrap();
    let one = expand(&table, "llm_gateway.vllm", "waiting", &[("url", "http://vllm:8000/metrics")]).unwrap();
    assert_eq!((all.per, one.per), (Some(Per::Total), Some(Per::Replica)));
    // A latency stays neither, and a gateway's total a total.
    let ttft =
        expand(&table, "llm_gateway.vllm", "ttft_p95", &[("url", "http://vllm:8000/metrics")]).unwrap();
    let proxy =
        expand(&table, "llm_gateway.litellm", "rps", &[("url", "http://litellm:4000/metrics/")]).unwrap();
    assert_eq!((ttft.per, proxy.per), (None, Some(Per::Total)));
}

#[test]
fn the_signal_is_named_by_signal_or_by_the_key() {
    let table = Table::new();
    let mut request = Request {
        constructor: "gateway.haproxy",
        signal: Some("queue"),
        key: "backlog",
        arguments: &[],
        labels: &[],
    };
    assert_eq!(table.expand(&request).unwrap().signal, "queue");
    request.signal = None;
    let known = ["rps", "active", "queue", "error_ratio"].map(String::from).to_vec();
    let unknown = CatalogueError::UnknownSignal { signal: "backlog".into(), known };
    assert_eq!(table.expand(&request).unwrap_err(), [unknown]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let table = Table::new();
    let told = |constructor: &str, key: &str, arguments: &[(&str, &str)]| -> Vec<String> {
        let errors = expand(&table, constructor, key, arguments).unwrap_err();
        let words = |error: &CatalogueError| match error {
            CatalogueError::UnknownConstructor { known } => format!("kinds: {}", known.join(" ")),
            CatalogueError::UnknownSignal { signal, .. } => format!("no signal {signal}"),
            CatalogueError::UnknownArgument { name, known } => {
                format!("no argument {name}: {}", known.join(" "))
            }
            CatalogueError::MissingArgument { name, .. } => format!("needs {name}"),
            CatalogueError::BadArgument { name, message, .. } => format!("{name}: {message}"),
        };
        errors.iter().map(words).collect()
    };
    let kinds = told("llm_gateway.vlm", "rps", &[]);
    assert!(kinds[0].ends_with("llm_gateway.tgi llm_gateway.triton llm_gateway.vllm"), "{kinds:?}");
    assert!(!kinds[0].contains(" gateway."), "only kinds of the same family: {kinds:?}");
    assert!(told("gate.x", "rps", &[])[0].contains("gateway.envoy"));
    assert_eq!(
        told("gateway.haproxy", "p95", &[("backnd", "x"), ("url", "haproxy:8405")]),
        [
            "no signal p95",
            "no argument backnd: backend prometheus url window",
            "url: `haproxy:8405` is no address",
        ]
    );
    assert_eq!(
        told("gateway.traefik", "active", &[("service", "x")]),
        ["service: `service` cannot narrow the signal `active`, which is not told apart by it"]
    );
    assert_eq!(
        told(
            "gateway.nginx",
            "rps",
            &[("prometheus", "http://p"), ("url", "http://n/metrics"), ("window", "2x")]
        ),
        [
            "window: \"2x\": the unit \"x\" is not known; units are d, h, m, s, ms",
            "prometheus: `url` and `prometheus` exclude each other",
            "window: `window` is of queries, and `url` is read directly",
        ]
    );
    assert_eq!(told("gateway.haproxy", "rps", &[("backend", " ")]), ["backend: `backend` is empty"]);
    assert_eq!(
        told("gateway.aws_alb", "error_ratio", &[("url", "http://c:9106/metrics")]),
        ["url: `error_ratio` of `gateway.aws_alb` cannot be read from its endpoint"]
    );
    assert_eq!(told("gateway.nginx", "rps", &[("labels.a-b", "x")]), ["labels: `a-b` is no name of a label"]);
    for bad in ["ftp://x/metrics", "http://", "http:///metrics", "http://a b/"] {
        assert_eq!(told("gateway.nginx", "rps", &[("url", bad)]), [format!("url: `{bad}` is no address")]);
    }
}

const OWN: &str = "\
kind: gateway.mine
title: Mine
endpoint: the admin port
url: http://mine:1/metrics
arguments:
  pool: { text: the pool, required: true }
signals:
  rps: { read: rate, family: mine_requests_total, type: counter, labels: { pool: $pool } }
  queue: { read: max, family: mine_queue, type: gauge, per: replica }
";

#[test]
fn users_bring_kinds_of_their_own() {
    let table = Table::new().with(&[Source::new("mine.yaml", OWN)]).unwrap();
    assert!(table.constructors().contains(&"gateway.mine".to_owned()));
    let rps = expand(&table, "gateway.mine", "rps", &[("pool", "a")]).unwrap();
    let MetricSource::Prometheus { query, url: None } = rps.source else { panic!("{rps:?}") };
    assert_eq!(query.value, r#"sum(rate(mine_requests_total{pool="a"}[2m]))"#);
    assert_eq!(
        expand(&table, "gateway.mine", "rps", &[]).unwrap_err(),
        [CatalogueError::MissingArgument { name: "pool".into(), example: "pool = \"…\"".into() }]
    );
    assert_eq!(expand(&table, "gateway.mine", "queue", &[("pool", "")]).unwrap_err().len(), 1);
}

#[test]
fn a_wrong_kind_is_told_with_its_places() {
    let text = "\
kind: gateway.Mine
titel: Mine
endpoint: [x]
url: http://mine:1/metrics
arguments:
  url: mine
signals:
  rps: { read: rate, family: mine_total, type: gauge, labels: { pool: $pool } }
  qps: { read: rate, family: x, type: counter }
  p95: { read: quantil, family: x, type: histogram }
  queue: { scale: 0 }
  active: { promql: \"sum(x\" }
  error_ratio: { read: rate_ratio, family: 9x, type: counter }
";
    let findings = Table::new().with(&[Source::new("mine.yaml", text)]).unwrap_err();
    let index = LineIndex::new(text);
    let told: Vec<String> = findings
        .iter()
        .map(|f| {
            let at = index.position(text, f.labels[0].span.start);
            format!("{}:{} {} | {}", at.line, at.column, f.message, f.help.as_deref().unwrap_or("-"))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let twice = Table::new().with(&[Source::new("a.yaml", OWN), Source::new("b.yaml", OWN)]).unwrap_err();
    assert_eq!(twice[0].message, "there is a `gateway.mine` already, added by another file");
    assert_eq!(&*twice[0].labels[0].source, "b.yaml");
}

fn narrows(signal: &Signal, argument: &str) -> bool {
    let labels =
        signal.reading.iter().flat_map(Reading::series).flat_map(|s| &s.labels).chain(&signal.labels);
    labels
        .into_iter()
        .any(|(_, v)| v.strip_prefix('$').is_some_and(|v| v.split(':').next() == Some(argument)))
}

/// What docs/gateways.md says before the kinds.
const HEAD: &str = "\
# Gateways and their signals

<!-- Written from src/catalogue/kinds by `UPDATE=1 cargo test --test catalogue`; change the data, not this page. -->

A metric may name a kind of gateway instead of a query. The kind knows the names, labels and units that its gateway exposes,
and gives each signal one name and one unit whatever the gateway calls it.

```lua
metrics = {
  rps  = gateway.haproxy { url = \"http://haproxy:8405/metrics\", backend = \"checkout\", capacity = 120 },
  slow = gateway.envoy { signal = \"p95\", cluster = \"checkout\" },
}
```

- The signal is the metric's own key, or `signal = \"…\"`. One that the kind does not have is an error that lists those it has.
- With `url` the endpoint itself is read. Without it a Prometheus server that scrapes the endpoint is asked, the default one or the
  one that `prometheus = \"http://…\"` names; `window` is then the time that rates are taken over (`2m`, for quantiles `5m`).
- Arguments narrow a signal (`backend = \"checkout\"`), and `labels = { zone = \"a\" }` does so by any label. A value may begin with
  `=~` (matches the regular expression), `!=` or `!~`. An argument that a signal cannot be narrowed by is an error.
- Unit and `per` come with the signal. `–` under `per` is neither an average over replicas nor a total, as a latency is.
- An error ratio without any request is missing, not 0; a gateway that counts failures only from the first on reads as 0 until then.

A kind that is not here needs no code: a file like those in `src/catalogue/kinds`, with `kind`, `title`, `endpoint`, `url` and `signals`.
In a label's value `$name` stands for the argument of that name (the label is left out where the argument is), and `$name:value`
says what holds instead. What has no fixed names at all (Apinto), or no metrics (Ollama), is read by `prometheus` or `scrape`, or at the
proxy before it.
";

/// docs/gateways.md, from the data.
fn page() -> String {
    let mut out = String::from(HEAD);
    for (family, title) in
        [("gateway", "Gateways"), ("llm_gateway", "Servers and gateways of language models")]
    {
        let _ = write!(out, "\n## {title}\n");
        for kind in Table::new().kinds() {
            if kind.name.split('.').next() == Some(family) {
                section(&mut out, kind);
            }
        }
    }
    out
}

fn section(out: &mut String, kind: &Kind) {
    let _ = write!(out, "\n### {} — `{}`\n\n", kind.title, kind.name);
    let status = match kind.status {
        Status::Run => {
            format!("read from its own answer ({})", kind.fixtures.join(", ").replace(".prom", ""))
        }
        Status::Source => format!("read in its source: {}", kind.source.as_deref().unwrap_or_default()),
        Status::Doc => format!("from its documentation only: {}", kind.source.as_deref().unwrap_or_default()),
    };
    let _ = writeln!(out, "Endpoint: {}. Example: `url = \"{}\"`. Names: {status}.", kind.endpoint, kind.url);
    if kind.exposed_by == ExposedBy::Replica {
        out.push_str("Each replica answers for itself: `url` reads one of them, and its values count as `per = \"replica\"`.\n");
    }
    if !kind.arguments.is_empty() {
        out.push('\n');
        for argument in &kind.arguments {
            let required = if argument.required { " (required)" } else { "" };
            let _ = writeln!(out, "- `{}`{required}: {}", argument.name, argument.text);
        }
    }
    out.push_str("\n| signal | unit | per | narrowed by | query | |\n|-|-|-|-|-|-|\n");
    for signal in &kind.signals {
        let used: Vec<String> = kind
            .arguments
            .iter()
            .filter(|a| narrows(signal, &a.name))
            .map(|a| format!("`{}`", a.name))
            .collect();
        let per = match signal.per {
            Some(Per::Total) => "total",
            Some(Per::Replica) => "replica",
            None => "–",
        };
        let mut notes = Vec::new();
        if signal.reading.is_none() {
            notes.push("by query only, not by `url`");
        }
        notes.extend(signal.note.as_deref());
        let required: Vec<(&str, &str)> =
            kind.arguments.iter().filter(|a| a.required).map(|a| (a.name.as_str(), "…")).collect();
        let query = query(&kind.name, signal.name.name(), &required).replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{}` | {} | {per} | {} | `{query}` | {} |",
            signal.name.name(),
            signal.name.unit().name(),
            used.join(", "),
            notes.join("; ")
        );
    }
    if !kind.notes.is_empty() {
        out.push('\n');
        for note in &kind.notes {
            let _ = writeln!(out, "- {note}");
        }
    }
}

#[test]
fn the_documentation_lists_what_the_data_says() {
    let path = root().join("docs/gateways.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/gateways.md is stale: run `UPDATE=1 cargo test --test catalogue` and look at it"
    );
}
