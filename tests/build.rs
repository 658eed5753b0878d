//! From the text of a policy to the policy, or to findings: what a user reads who made a slip.
//! The literals of the text feed `build` here; that the VM gives the same is tested with it.

use luascale::catalogue::Table;
use luascale::model::Finding;
use luascale::model::build;
use luascale::model::policy::Policy;
use luascale::syntax;
use luascale::text::{LineIndex, Source};

/// Everything that is found in a file, and its policies.
fn load(text: &str) -> (Vec<Policy>, Vec<Finding>) {
    let source = Source::new("policy.lua", text);
    let parsed = syntax::parse(&source);
    let (policies, findings) = build::policies(&build::File {
        raw: &parsed.literals,
        source: &source,
        required: &[],
        outline: &parsed.outline,
        catalogue: &Table::new(),
    });
    (policies, [parsed.findings, parsed.purity, findings].concat())
}

/// A finding in lines: rule and message, what is pointed at, help.
fn render(text: &str, finding: &Finding) -> String {
    let lines = LineIndex::new(text);
    let mut out = format!("{}: {}\n", finding.rule, finding.message);
    for label in &finding.labels {
        let at = lines.position(text, label.span.start);
        let what = text.get(label.span.start as usize..label.span.end as usize).unwrap_or("?");
        let what = what.split('\n').next().unwrap_or_default();
        let says = if label.text.is_empty() { String::new() } else { format!("  ({})", label.text) };
        out.push_str(&format!("  {}:{}:{}  {what}{says}\n", label.source, at.line, at.column));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("  = {help}\n"));
    }
    out
}

fn rendered(text: &str) -> String {
    load(text).1.iter().map(|f| render(text, f)).collect::<Vec<_>>().join("")
}

const FULL: &str = include_str!("data/policies/full.lua");

#[test]
fn the_policy_of_the_language_reference_loads_clean() {
    let (policies, _) = load(FULL);
    assert_eq!(rendered(FULL), "");
    let policy = &policies[0];
    assert_eq!(policy.name.value, "checkout-api");
    assert_eq!(
        policy.metrics.iter().map(|m| m.name.value.as_str()).collect::<Vec<_>>(),
        ["cpu", "p95", "rps"]
    );
}

#[test]
fn every_example_loads_clean() {
    for (name, text) in [
        ("checkout", include_str!("../examples/checkout/policies/checkout.lua")),
        ("functions", include_str!("../examples/traces/azure-functions-2019/functions.lua")),
        ("inference", include_str!("../examples/traces/azure-llm-2023/inference.lua")),
        ("stress", include_str!("../examples/traces/knative-pod-counts-2022/stress.lua")),
        ("vllm", include_str!("../examples/traces/llmd-hpa-runs/vllm.lua")),
        ("asg", include_str!("../examples/traces/nab/asg.lua")),
        ("nasa", include_str!("../examples/traces/nasa-http-1995/web.lua")),
        ("burst", include_str!("../examples/traces/phpa-vs-hpa-2020/burst.lua")),
        ("site", include_str!("../examples/traces/worldcup98/site.lua")),
    ] {
        assert_eq!(rendered(text), "", "{name}");
        assert!(!load(text).0.is_empty(), "{name}");
    }
}

/// A policy with these fields, and with bounds and metrics where it names none.
fn with(fields: &str) -> String {
    let bounds = if fields.contains("replicas = {") { "" } else { "  replicas = { min = 2, max = 10 },\n" };
    let metrics = if fields.starts_with("metrics = {") { "" } else { METRICS };
    format!("policy \"p\" {{\n{bounds}{metrics}  {fields}\n}}\n")
}

const METRICS: &str = r#"  metrics = {
    cpu = prometheus { query = "cpu", unit = "ratio", per = "replica" },
    p95 = prometheus { query = "p95", unit = "seconds" },
    rps = prometheus { query = "rps", unit = "per_second", per = "total", capacity = 100 },
    share = prometheus { query = "share", unit = "percent", per = "replica" },
  },
"#;

/// Wrong fields: what is written, the rule that says so, and what it points at.
const WRONG: &[(&str, &str, &str)] = &[
    // Names, shapes and types.
    ("scaleout = {},", "unknown-field", "scaleout"),
    ("banana = 1,", "unknown-field", "banana"),
    ("pollingInterval = 30,", "unknown-field", "pollingInterval"),
    ("\"observe\",", "nameless-entry", "\"observe\""),
    ("on = { [1.5] = 2 },", "odd-key", "{ [1.5] = 2 }"),
    ("interval = true,", "wrong-type", "true"),
    ("mode = 1,", "wrong-type", "1"),
    ("anti_flap = \"true\",", "wrong-type", "\"true\""),
    ("track = 0.6,", "wrong-type", "0.6"),
    ("replicas = { min = 1, max = \"3\" },", "wrong-type", "\"3\""),
    ("scale_out = { { when = \"m.cpu > 0.8\", add = 1 } },", "wrong-type", "\"m.cpu > 0.8\""),
    ("mode = \"observ\",", "unknown-value", "\"observ\""),
    ("fallback = 10,", "wrong-type", "10"),
    ("interval = secret \"X\",", "misplaced-secret", "secret \"X\""),
    // Bounds.
    ("replicas = { min = 1 },", "missing-field", "{ min = 1 }"),
    ("replicas = { min = 5, max = 3 },", "bounds-crossed", "5"),
    ("replicas = { min = -1, max = 3 },", "out-of-range", "-1"),
    ("replicas = { min = 1, max = 2.5 },", "not-whole", "2.5"),
    ("replicas = { min = 1, max = 0/0 },", "bad-number", "0/0"),
    ("replicas = { min = 1, max = 1/0 },", "bad-number", "1/0"),
    ("replicas = { min = 1, max = 1e7 },", "out-of-range", "1e7"),
    ("replicas = { min = 0, max = 0 },", "out-of-range", "0"),
    // Times.
    ("interval = \"5\",", "bad-duration", "\"5\""),
    ("interval = \"1.5h\",", "bad-duration", "\"1.5h\""),
    ("interval = \"500ms\",", "out-of-range", "\"500ms\""),
    ("startup = -5,", "bad-duration", "-5"),
    ("startup = 1e300,", "bad-duration", "1e300"),
    ("startup = 0/0,", "bad-number", "0/0"),
    // Metrics.
    ("metrics = { has = file { path = \"a.csv\", column = \"a\" } },", "reserved-name", "has"),
    ("metrics = { [\"a\\nb\"] = { unit = \"ratio\" } },", "bad-name", "\"a\\nb\""),
    ("metrics = { cpu = \"up\" },", "wrong-type", "\"up\""),
    ("metrics = { cpu = { unit = \"ratios\" } },", "unknown-value", "\"ratios\""),
    ("metrics = { cpu = { unit = \"ratio\", pre = \"replica\" } },", "unknown-field", "pre"),
    (
        "metrics = { cpu = prometheus { unit = \"ratio\" } },",
        "missing-field",
        "prometheus { unit = \"ratio\" }",
    ),
    ("metrics = { cpu = prometheus { query = \" \" } },", "empty-text", "\" \""),
    (
        "metrics = { cpu = prometheus { query = \"up\", url = \"prometheus:9090\" } },",
        "bad-url",
        "\"prometheus:9090\"",
    ),
    ("metrics = { cpu = scrape { url = \"http://a\", metric = \"a{b}\" } },", "bad-name", "\"a{b}\""),
    ("metrics = { cpu = file { path = \"../a.csv\", column = \"a\" } },", "path-outside", "\"../a.csv\""),
    (
        "metrics = { cpu = kubernetes.deployment { namespace = \"a\", name = \"b\" } },",
        "not-a-metric",
        "kubernetes.deployment { namespace = \"a\", name = \"b\" }",
    ),
    (
        "metrics = { cpu = mcp { server = \"s\", tool = \"t\", field = \"f\", arguments = { f = function() end } } },",
        "wrong-type",
        "function() end",
    ),
    (
        "metrics = { rps = gateway.haprxy { url = \"http://a\" } },",
        "unknown-gateway",
        "gateway.haprxy { url = \"http://a\" }",
    ),
    ("metrics = { rqs = gateway.haproxy { url = \"http://a\", backend = \"b\" } },", "unknown-signal", "rqs"),
    (
        "metrics = { a = gateway.haproxy { url = \"http://a\", backend = \"b\", signal = \"kv_cache\" } },",
        "unknown-signal",
        "\"kv_cache\"",
    ),
    (
        "metrics = { rps = gateway.haproxy { url = \"http://a\", backnd = \"b\" } },",
        "unknown-field",
        "backnd",
    ),
    (
        "metrics = { rps = gateway.haproxy { url = \"nowhere\", backend = \"b\" } },",
        "bad-argument",
        "\"nowhere\"",
    ),
    (
        "metrics = { rps = gateway.haproxy { url = \"http://a\", backend = \"b\", unit = \"ratio\" } },",
        "unit-mismatch",
        "\"ratio\"",
    ),
    (
        "metrics = { rps = gateway.haproxy { url = \"http://a\", backend = \"b\", per = \"replica\" } },",
        "per-mismatch",
        "\"replica\"",
    ),
    ("metrics = { p95 = { unit = \"seconds\", saturation = 1 } },", "useless-field", "saturation"),
    ("metrics = { cpu = { per = \"replica\", saturation = 0 } },", "out-of-range", "0"),
    ("metrics = { cpu = { per = \"replica\", capacity = 5 } },", "useless-field", "capacity"),
    ("metrics = { cpu = { missing = \"last\" } },", "missing-field", "\"last\""),
    ("metrics = { cpu = { max_age = \"2m\" } },", "useless-field", "max_age"),
    ("metrics = { cpu = { replica_label = \"a-b\" } },", "bad-name", "\"a-b\""),
    ("metrics = { cpu = { resource = \"CPU\" } },", "unknown-value", "\"CPU\""),
    ("metrics = { a = { models = \"latency\" } },", "missing-field", "\"latency\""),
    ("metrics = { a = { models = \"latency\", load = \"cpu\" } },", "unknown-metric", "\"cpu\""),
    (
        "metrics = { a = { load = \"cpu\" }, cpu = { unit = \"ratio\", per = \"replica\" } },",
        "useless-field",
        "load",
    ),
    (
        "metrics = { a = { models = \"latency\", load = \"cpu\" }, cpu = { unit = \"ratio\" } },",
        "model-mismatch",
        "\"cpu\"",
    ),
    (
        "metrics = { a = { models = \"queue\", arrivals = \"rps\" }, rps = { per = \"total\" } },",
        "model-mismatch",
        "\"rps\"",
    ),
    // Tracking.
    ("track = { cpuu = 0.6 },", "unknown-metric", "cpuu"),
    ("track = { p95 = 0.3 },", "per-required", "p95"),
    ("track = { cpu = 80 },", "unit-mismatch", "80"),
    ("track = { share = 180 },", "unit-mismatch", "180"),
    ("track = { cpu = 0 },", "out-of-range", "0"),
    ("track = { cpu = \"60%\" },", "wrong-type", "\"60%\""),
    // Rules.
    (
        "scale_out = { when = function(m) return m.cpu > 0.8 end, add = 1 },",
        "rule-outside-list",
        "{ when = function(m) return m.cpu > 0.8 end, add = 1 }",
    ),
    (
        "scale_out = { { when = function(m) return true end } },",
        "missing-action",
        "{ when = function(m) return true end }",
    ),
    ("scale_out = { { when = function(m) return true end, remove = 1 } },", "wrong-direction", "remove"),
    ("scale_in = { { when = function(m) return true end, add = 1 } },", "wrong-direction", "add"),
    (
        "scale_out = { { when = function(m) return true end, add = 1, percent = 5 } },",
        "several-actions",
        "add",
    ),
    ("scale_out = { { add = 1 } },", "missing-field", "{ add = 1 }"),
    ("scale_in = { { when = function(m) return true end, percent = 120 } },", "out-of-range", "120"),
    ("scale_in = { { when = function(m) return true end, remove = 0 } },", "out-of-range", "0"),
    ("scale_out = { function(m) return true end },", "wrong-type", "function(m) return true end"),
    ("scale_out = { nil, { when = function(m) return true end, add = 1 } },", "nil-entry", "nil"),
    (
        "scale_out = { { name = \"a\", when = function(m) return true end, add = 1 }, { name = \"a\", when = function(m) return true end, add = 2 } },",
        "duplicate-name",
        "\"a\"",
    ),
    ("scale_out = { { name = \"\", when = function(m) return true end, add = 1 } },", "empty-text", "\"\""),
    ("decide = function(m, ctx) return 3 end, scale_in = {},", "decide-with-rules", "scale_in"),
    ("activation = { cpu = 0.5 }, replicas = { min = 0, max = 5 },", "activation-per-replica", "cpu"),
    ("activation = { rps = 5 },", "useless-field", "activation"),
    ("activation = {}, replicas = { min = 0, max = 5 },", "empty-table", "{}"),
    ("on = { at_maximum = function() end },", "unknown-event", "at_maximum"),
    ("on = { at_max = \"log\" },", "wrong-type", "\"log\""),
    // Limits.
    ("cooldown = { scale_up = \"2m\" },", "unknown-field", "scale_up"),
    ("tolerance = 10,", "out-of-range", "10"),
    (
        "rate_limit = { percent = 100, per = \"1m\" },",
        "rate-limit-without-direction",
        "{ percent = 100, per = \"1m\" }",
    ),
    ("rate_limit = { scale_out = { percent = 100 } },", "missing-field", "{ percent = 100 }"),
    ("rate_limit = { scale_out = { per = \"1m\" } },", "missing-field", "{ per = \"1m\" }"),
    (
        "rate_limit = { scale_out = { percent = 10, replicas = 4, per = \"1m\" } },",
        "mixed-rate-limit",
        "percent",
    ),
    (
        "rate_limit = { scale_out = { { percent = 10, per = \"1m\" }, per = \"1m\" } },",
        "mixed-rate-limit",
        "{ { percent = 10, per = \"1m\" }, per = \"1m\" }",
    ),
    ("rate_limit = { scale_out = {} },", "empty-rate-limit", "{}"),
    ("rate_limit = { scale_out = \"disabled\" },", "wrong-type", "\"disabled\""),
    ("rate_limit = { scale_out = { replicas = 4, per = \"31m\" } },", "out-of-range", "\"31m\""),
    ("rate_limit = { scale_out = { replicas = 4, per = \"0s\" } },", "out-of-range", "\"0s\""),
    ("rate_limit = { scale_out = { percent = 0, per = \"1m\" } },", "out-of-range", "0"),
    ("fallback = { after = \"5m\", replicas = 20 },", "fallback-above-max", "20"),
    ("cost = { per_replica_hour = -1 },", "out-of-range", "-1"),
    ("cost = { per_replica_hour = 1, currency = \"usd\" },", "unknown-value", "\"usd\""),
    // Schedules.
    ("schedule = { { cron = \"0 7 * *\", duration = \"2h\", min = 3 } },", "bad-cron", "\"0 7 * *\""),
    ("schedule = { { cron = \"0 25 * * *\", duration = \"2h\", min = 3 } },", "bad-cron", "\"0 25 * * *\""),
    ("schedule = { { cron = \"0 7 * * MOM\", duration = \"2h\", min = 3 } },", "bad-cron", "\"0 7 * * MOM\""),
    ("schedule = { { cron = \"0 7 30 2 *\", duration = \"2h\", min = 3 } },", "bad-cron", "\"0 7 30 2 *\""),
    ("schedule = { { cron = \"@daily\", duration = \"2h\", min = 3 } },", "bad-cron", "\"@daily\""),
    (
        "schedule = { { cron = \"0 17-7 * * *\", duration = \"2h\", min = 3 } },",
        "bad-cron",
        "\"0 17-7 * * *\"",
    ),
    (
        "schedule = { { cron = \"0 7 * * *\", timezone = \"Europe/Pariss\", duration = \"2h\", min = 3 } },",
        "unknown-timezone",
        "\"Europe/Pariss\"",
    ),
    (
        "schedule = { { cron = \"0 7 * * *\", timezone = \"Tokyo\", duration = \"2h\", min = 3 } },",
        "unknown-timezone",
        "\"Tokyo\"",
    ),
    (
        "schedule = { { cron = \"0 7 * * *\", min = 3 } },",
        "missing-field",
        "{ cron = \"0 7 * * *\", min = 3 }",
    ),
    (
        "schedule = { { cron = \"0 7 * * *\", duration = \"2h\" } },",
        "missing-field",
        "{ cron = \"0 7 * * *\", duration = \"2h\" }",
    ),
    ("schedule = { { cron = \"0 7 * * *\", duration = \"0s\", min = 3 } },", "out-of-range", "\"0s\""),
    ("schedule = { { cron = \"0 7 * * *\", duration = \"2h\", min = 8, max = 4 } },", "bounds-crossed", "8"),
    ("schedule = { { cron = \"0 7 * * *\", duration = \"2h\", min = 12 } },", "bounds-crossed", "12"),
    ("schedule = { { cron = \"0 7 * * *\", duration = \"2h\", max = 1 } },", "bounds-crossed", "1"),
    (
        "schedule = { cron = \"0 7 * * *\", duration = \"2h\", max = 4 },",
        "rule-outside-list",
        "{ cron = \"0 7 * * *\", duration = \"2h\", max = 4 }",
    ),
    (
        "schedule = { office = { cron = \"0 7 * * *\", duration = \"2h\", max = 4 } },",
        "unknown-field",
        "office",
    ),
    // Forecasts.
    ("predict = { metric = \"rsp\", horizon = \"10m\" },", "unknown-metric", "\"rsp\""),
    ("predict = { metric = \"p95\", per_replica = 1, horizon = \"10m\" },", "per-required", "\"p95\""),
    (
        "predict = { metric = \"cpu\", horizon = \"10m\" },",
        "missing-field",
        "{ metric = \"cpu\", horizon = \"10m\" }",
    ),
    ("startup = \"5m\", predict = { metric = \"rps\", horizon = \"5m\" },", "horizon-too-short", "\"5m\""),
    ("predict = { metric = \"rps\", horizon = \"1h\", history = \"30m\" },", "history-too-short", "\"30m\""),
    ("predict = { metric = \"rps\", horizon = \"1h\", model = \"arima\" },", "unknown-value", "\"arima\""),
    // Regions.
    ("regions = { max_total = 80 },", "empty-table", "{ max_total = 80 }"),
    ("regions = { \"a\", \"a\" },", "duplicate-name", "\"a\""),
    ("regions = { \"a\", 5 },", "wrong-type", "5"),
    ("regions = { \"a\", \"b\", max_total = 3 },", "regions-over-total", "3"),
    ("regions = { { name = \"a\", min = 20 } },", "bounds-crossed", "20"),
    ("regions = { { name = \"a\", weight = 0 } },", "out-of-range", "0"),
    ("regions = { { name = \"a\", metrics = { foo = { unit = \"ratio\" } } } },", "unknown-metric", "foo"),
    (
        "regions = { { name = \"a\", metrics = { cpu = { unit = \"percent\" } } } },",
        "unit-mismatch",
        "{ unit = \"percent\" }",
    ),
    // Targets.
    (
        "target = { namespace = \"a\", name = \"b\" },",
        "unknown-target",
        "{ namespace = \"a\", name = \"b\" }",
    ),
    (
        "target = kubernetes.deploymnt { namespace = \"a\", name = \"b\" },",
        "unknown-target",
        "kubernetes.deploymnt { namespace = \"a\", name = \"b\" }",
    ),
    (
        "target = kubernetes.deployment { name = \"b\" },",
        "missing-field",
        "kubernetes.deployment { name = \"b\" }",
    ),
    ("target = kubernetes.deployment { namespace = \"a\", name = \"B_c\" },", "bad-name", "\"B_c\""),
    ("target = \"deployment/web\",", "wrong-type", "\"deployment/web\""),
];

#[test]
fn each_slip_is_told_once_at_its_place() {
    let mut golden = String::new();
    let mut other = String::new();
    for (fields, rule, pointed) in WRONG {
        let text = with(fields);
        let (policies, findings) = load(&text);
        let told: String = findings.iter().map(|f| render(&text, f)).collect();
        let exact = findings.len() == 1
            && policies.is_empty()
            && findings.iter().all(|f| {
                let span = f.labels[0].span;
                let at = &text[span.start as usize..span.end as usize];
                f.rule == *rule && at == *pointed && f.help.as_ref().is_some_and(|h| !h.is_empty())
            });
        let to = if exact { &mut golden } else { &mut other };
        to.push_str(&format!("{fields}\n{told}\n"));
    }
    assert_eq!(other, "", "told otherwise, more than once, without help, or with a policy all the same");
    insta::assert_snapshot!(golden);
}
