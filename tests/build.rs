//! From the text of a policy to the policy, or to findings: what a user reads who made a slip.
//! The literals of the text feed `build` here; that the VM gives the same is tested with it.

use luascale::catalogue::Table;
use luascale::model::build;
use luascale::model::effect::Text;
use luascale::model::policy::{
    Amount, FnRef, Form, Limit, MetricSource, Missing, Mode, PerDirection, Policy, RateLimit, Select, Unit,
};
use luascale::model::raw::{Place, RawFile, RawPolicy, RawTable, RawValue};
use luascale::model::time::Duration;
use luascale::model::{Finding, Level};
use luascale::syntax;
use luascale::text::{LineIndex, Source};
use proptest::prelude::*;
use proptest::sample::select;

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
    let metrics = if fields.starts_with("metrics =") { "" } else { METRICS };
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
    ("metrics = { [\"a\\u{202E}b\"] = { unit = \"ratio\" } },", "bad-name", "\"a\\u{202E}b\""),
    ("metrics = { cpu = \"up\" },", "wrong-type", "\"up\""),
    ("metrics = { cpu = { unit = \"ratios\" } },", "unknown-value", "\"ratios\""),
    ("metrics = { cpu = { unit = \"ratio\", pre = \"replica\" } },", "unknown-field", "pre"),
    (
        "metrics = { cpu = prometheus { unit = \"ratio\" } },",
        "missing-field",
        "prometheus { unit = \"ratio\" }",
    ),
    ("metrics = { cpu = prometheus { query = \" \" } },", "empty-value", "\" \""),
    (
        "metrics = { cpu = prometheus { query = \"up\", url = \"prometheus:9090\" } },",
        "bad-url",
        "\"prometheus:9090\"",
    ),
    ("metrics = { cpu = scrape { url = \"http://a\", metric = \"a{b}\" } },", "bad-name", "\"a{b}\""),
    ("metrics = { cpu = file { path = \"../a.csv\", column = \"a\" } },", "bad-path", "\"../a.csv\""),
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
    ("scale_out = { { name = \"\", when = function(m) return true end, add = 1 } },", "empty-value", "\"\""),
    ("decide = function(m, ctx) return 3 end, scale_in = {},", "decide-with-rules", "scale_in"),
    ("activation = { cpu = 0.5 }, replicas = { min = 0, max = 5 },", "activation-per-replica", "cpu"),
    ("activation = { rps = 5 },", "useless-field", "activation"),
    ("activation = {}, replicas = { min = 0, max = 5 },", "empty-value", "{}"),
    ("on = { at_maximum = function() end },", "unknown-event", "at_maximum"),
    ("on = { at_max = \"log\" },", "wrong-type", "\"log\""),
    (
        "scale_out = { { when = function(m) return m.cpuu > 0.5 or m.cpuu < 0 end, add = 1 } },",
        "unknown-metric",
        "cpuu",
    ),
    (
        "scale_out = { { when = function(m, c) return m.has(\"rsp\") and m[\"rps\"] > 1 end, add = 1 } },",
        "unknown-metric",
        "\"rsp\"",
    ),
    (
        "decide = function(m) for m = 1, 2 do print(m.y) end return (function(q) return m.q95 end)() end,",
        "unknown-metric",
        "q95",
    ),
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
    ("rate_limit = { scale_out = {} },", "empty-value", "{}"),
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
    ("regions = { max_total = 80 },", "empty-value", "{ max_total = 80 }"),
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

/// Forms that must load, and say nothing.
const RIGHT: &[&str] = &[
    "",
    "interval = 15, startup = 0,",
    "cooldown = \"2m\", stabilization_window = 30, tolerance = 0,",
    "cooldown = { scale_in = \"5m\" }, tolerance = { scale_out = 0.2 },",
    "rate_limit = { scale_out = { select = \"disabled\" }, scale_in = { percent = 10, per = \"30m\" } },",
    "rate_limit = { scale_out = { { percent = 100, per = \"1m\" }, { replicas = 4, per = 15 }, select = \"min\" } },",
    "metrics = {}, scale_out = {}, scale_in = {}, schedule = {}, on = {},",
    "scale_out = { { when = function(m) return true end, to = 5 } },",
    "scale_in = { { when = function(m) return true end, to = 0 }, { when = function(m) return true end, percent = 100 } },",
    "scale_in = { { when = function(m) return true end, by = function(m) local m = { x = 1 } return m.x end } },",
    "scale_out = { { name = \"a\", when = function(m) return m.has(\"p95\") end, add = 1 } }, scale_in = { { name = \"a\", when = function(m) return m[\"cpu\"] < 1 end, remove = 1 } },",
    "decide = function(m, ctx) if m.has \"rps\" then return m.rps / 100 end end,",
    "activation = function(m) return m.rps > 5 end, replicas = { min = 0, max = 5 },",
    "activation = { rps = 5 }, replicas = { min = 0, max = 5 },",
    "activation = { rps = 5 }, schedule = { { cron = \"0 0 * * *\", duration = \"6h\", min = 0 } },",
    "schedule = { { cron = \"0 7 * * MON-FRI\", duration = \"2h\", max = 4 } },",
    "schedule = { { cron = \"*/15 7-9,17 1,L JAN,7 *\", timezone = \"america/new_york\", duration = 7200, min = 5, max = 40 } },",
    "schedule = { { cron = \"0 0 29 2 *\", duration = \"1d\", min = 3 } },",
    "predict = { metric = \"rps\", horizon = \"15s\" },",
    "predict = { metric = \"cpu\", per_replica = 0.5, horizon = \"10m\", mode = \"forecast_and_scale\" },",
    "regions = { \"a\", { name = \"b\", weight = 2, min = 0, max = 5, metrics = { cpu = { missing = \"zero\" } } }, max_total = 2 },",
    "regions = { { name = \"b\", target = kubernetes.deployment { namespace = \"a\", name = \"b\", context = \"eu\" } } },",
    "target = kubernetes.statefulset { namespace = \"a-1\", name = \"b.c\" },",
    "target = kubernetes.scale { api_version = \"argoproj.io/v1alpha1\", kind = \"Rollout\", namespace = \"a\", name = \"b\" },",
    "target = http { url = \"https://scaler/web\", method = \"PUT\" },",
    "metrics = { a = { missing = \"last\", max_age = \"2m\", replica_label = \"pod\", resource = \"cpu\" } },",
    "metrics = { a = scrape { url = \"http://a:9090/metrics\", metric = \"up\", labels = { job = \"\" }, rate = true } },",
    "metrics = { a = mcp { server = \"s\", tool = \"t\", field = \"a.b\", arguments = { queues = { \"x\", 2, { deep = true } } } } },",
    "metrics = { q = { models = \"queue\", arrivals = \"r\" }, r = { per = \"total\" } }, predict = { metric = \"r\", per_replica = 5, horizon = \"1m\" },",
    "metrics = { waiting = llm_gateway.vllm { url = \"http://vllm:8000/metrics\", missing = \"fail\" } },",
    "metrics = (({ [\"a-b\"] = ((file { path = \"a.csv\", column = \"a b\" })) })), track = nil,",
    "cost = { per_replica_hour = 0 },",
    "on = { scale_in = function() end, metrics_lost = function(event, act) act.log(event.policy) end },",
];

#[test]
fn every_form_of_the_language_loads() {
    for fields in RIGHT {
        let text = with(fields);
        assert_eq!(rendered(&text), "", "{fields}");
        assert_eq!(load(&text).0.len(), 1, "{fields}");
    }
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let text = "policy \"p\" { replicas = { max = 5 }, metrics = { a = {} }, scale_out = { { when = function() end, add = 1 } } }";
    let policy = load(text).0.remove(0);
    let seconds = Duration::from_secs;
    assert_eq!((policy.replicas.min.value, policy.mode, policy.anti_flap), (1, Mode::Scale, true));
    assert_eq!((policy.interval, policy.startup), (seconds(15), seconds(0)));
    assert_eq!((policy.tolerance.scale_out, policy.tolerance.scale_in), (0.1, 0.1));
    assert_eq!(policy.stabilization_window, PerDirection { scale_out: seconds(0), scale_in: seconds(300) });
    assert_eq!(policy.cooldown, PerDirection::default());
    let per = seconds(15);
    let all = Limit { amount: Amount::Percent(100.0), per };
    let four = Limit { amount: Amount::Replicas(4), per };
    assert_eq!(policy.rate_limit.scale_out, RateLimit { select: Select::Max, limits: vec![four, all] });
    assert_eq!(policy.rate_limit.scale_in, RateLimit { select: Select::Max, limits: vec![all] });
    let metric = &policy.metrics[0];
    assert_eq!((metric.missing, &metric.source), (Missing::Hold, &MetricSource::Samples));
    assert_eq!(metric.cpu_initialization_period, seconds(300));
    assert_eq!(metric.initial_readiness_delay, seconds(30));
    assert_eq!(policy.scale_out[0].name, "scale_out[1]");
    assert_eq!(policy.scale_out[0].sustained_for, seconds(0));
}

#[test]
fn predict_gives_its_metric_a_capacity_and_takes_one_from_it() {
    let text = |metric: &str, predict: &str| {
        format!(
            "policy \"p\" {{ replicas = {{ max = 5 }}, metrics = {{ r = {{ per = \"total\"{metric} }} }}, predict = {{ metric = \"r\", horizon = \"1m\"{predict} }} }}"
        )
    };
    let given = load(&text("", ", per_replica = 7")).0.remove(0);
    assert_eq!(given.metrics[0].capacity, Some(7.0));
    let taken = load(&text(", capacity = 9", "")).0.remove(0);
    assert_eq!(taken.predict.map(|p| p.per_replica), Some(9.0));
}

#[test]
fn all_errors_of_a_file_are_told_at_once_in_its_order() {
    let text = r#"
local limits = { min = 9, max = 4 }
local function hot(m) return m.cpuu > 0.8 end
local rules = { { name = "hot", when = hot, add = 0.5 } }

policy "first" {
  replicas = limits,
  interval = "10",
  metrics = {
    cpu = prometheus { query = "cpu", unit = "ratio", per = "replicas" },
  },
  scale_out = rules,
}

policy("second", {
  replicas = { max = 3 },
  cooldwon = "2m",
})

policy "first" { replicas = { max = 0 } }
"#;
    let (policies, _) = load(text);
    assert!(policies.is_empty());
    insta::assert_snapshot!(rendered(text));
}

#[test]
fn sound_policies_of_a_file_are_built_beside_broken_ones() {
    let (policies, findings) = load("policy 'a' { replicas = { max = 3 } }\npolicy 'b' { replicas = {} }");
    assert_eq!(policies.iter().map(|p| p.name.value.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(findings.len(), 1);
}

/// The same file as the VM would give it: computed, with lines for functions and constructors.
fn built(text: &str, raw: &RawFile, required: &[Source]) -> Vec<Finding> {
    let source = Source::new("policy.lua", text);
    let parsed = syntax::parse(&source);
    let catalogue = Table::new();
    let file =
        build::File { raw, source: &source, required, outline: &parsed.outline, catalogue: &catalogue };
    build::policies(&file).1
}

fn table(fields: &[(&str, RawValue)]) -> RawTable {
    let mut fields: Vec<_> = fields.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    RawTable { fields, ..RawTable::default() }
}

#[test]
fn what_is_computed_is_placed_at_the_nearest_thing_in_the_text() {
    let text = "local lib = require \"lib\"\nfor i = 1, 2 do\n  policy(\"p\" .. i) {\n    replicas = lib.bounds(i),\n    metrics = lib.metrics,\n  }\nend\n";
    let module = Source::new("lib.lua", "-- shared\nreturn { metrics = {\n  cpu = prometheus { },\n} }\n");
    let metric = RawTable {
        constructor: Some("prometheus".into()),
        place: Place { source: "lib.lua".into(), line: 3 },
        ..RawTable::default()
    };
    let policy = |name: &str| RawPolicy {
        name: name.into(),
        place: Place { source: "policy.lua".into(), line: 3 },
        table: table(&[
            ("replicas", RawValue::Table(table(&[("max", RawValue::Number(0.0))]))),
            ("metrics", RawValue::Table(table(&[("cpu", RawValue::Table(metric.clone()))]))),
        ]),
    };
    let raw = RawFile { policies: vec![policy("p1"), policy("p2")] };
    let findings = built(text, &raw, std::slice::from_ref(&module));
    let told: Vec<String> = findings
        .iter()
        .map(|f| {
            let label = &f.labels[0];
            let of = if &*label.source == "lib.lua" { &*module.text } else { text };
            let at = &of[label.span.start as usize..label.span.end as usize];
            format!("{} {}: {at}", f.rule, label.source)
        })
        .collect();
    assert_eq!(
        told,
        [
            "out-of-range policy.lua: lib.bounds(i)",
            "out-of-range policy.lua: lib.bounds(i)",
            "missing-field lib.lua: cpu = prometheus { },",
            "missing-field lib.lua: cpu = prometheus { },",
        ]
    );
}

#[test]
fn a_name_that_does_not_print_is_refused() {
    for (name, says) in [("", "is empty"), ("a\u{7}", "U+0007"), (&"x".repeat(300), "300 characters")] {
        let policy = RawPolicy {
            name: name.into(),
            place: Place { source: "policy.lua".into(), line: 1 },
            table: table(&[("replicas", RawValue::Table(table(&[("max", RawValue::Number(3.0))])))]),
        };
        let findings = built("policy(name) {}", &RawFile { policies: vec![policy] }, &[]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].message.contains(says), "{findings:?}");
    }
}

/// Every rule id that `build` can give has a line in [`WRONG`] or a test of its own.
#[test]
fn every_rule_is_shown() {
    let sources = [
        include_str!("../src/model/build/limits.rs"),
        include_str!("../src/model/build/metrics.rs"),
        include_str!("../src/model/build/mod.rs"),
        include_str!("../src/model/build/policy.rs"),
        include_str!("../src/model/build/read.rs"),
        include_str!("../src/model/build/regions.rs"),
        include_str!("../src/model/build/rules.rs"),
        include_str!("../src/model/build/schedule.rs"),
        include_str!("../src/model/build/script.rs"),
        include_str!("../src/model/build/sources.rs"),
        include_str!("../src/model/build/target.rs"),
    ];
    let mut count = 0;
    for call in sources.iter().flat_map(|s| s.split(".error(").skip(1)) {
        let rule = call.split('"').nth(1).unwrap_or_default();
        count += 1;
        let shown = WRONG.iter().any(|(_, r, _)| *r == rule) || rule == "not-in-script";
        assert!(shown, "the rule {rule} has no example");
    }
    assert!(count > 60, "{count} rules were found in the sources");
}

/// A script's entry as `luascale.yaml` would give it; places are the literals' own.
fn script(entry: &str) -> (Option<Policy>, String) {
    let text = format!("policy \"x\" {{ {entry} }}");
    let yaml = Source::new("luascale.yaml", text.as_str());
    let parsed = syntax::parse(&yaml);
    let (raw, node) = (&parsed.literals.policies[0].table, &parsed.outline.policies[0].root);
    let lua = Source::new("policies/web.lua", "if metrics.cpu > 0.8 then scale_out() end");
    let entry = build::Entry { table: raw, node, source: &yaml };
    let (policy, findings) = build::script("web", &lua, Some(entry), &Table::new());
    (policy, findings.iter().map(|f| render(&text, f)).collect())
}

#[test]
fn a_script_takes_from_its_entry_what_a_policy_would_declare() {
    let (policy, told) = script(
        r#"target = { ["kubernetes.deployment"] = { namespace = "shop", name = "web" } },
        replicas = { min = 1, max = 10 }, interval = "30s",
        metrics = { cpu = { file = { path = "cpu.csv", column = "cpu" }, unit = "ratio", per = "replica" },
                    rps = { ["gateway.haproxy"] = { url = "http://a", backend = "b" }, capacity = 5 } },
        regions = { { name = "eu", target = { http = { url = "http://a" } } } },"#,
    );
    assert_eq!(told, "");
    let policy = policy.expect("a policy");
    assert_eq!(
        (policy.form, &*policy.source, policy.name.value.as_str()),
        (Form::Script, "policies/web.lua", "web")
    );
    assert_eq!(policy.target.map(|t| t.value.kind), Some("kubernetes.deployment".into()));
    assert_eq!(policy.metrics.len(), 2);
    assert!(matches!(&policy.metrics[0].source, MetricSource::File { column, .. } if column == "cpu"));
    assert_eq!((policy.metrics[1].unit, policy.metrics[1].capacity), (Some(Unit::PerSecond), Some(5.0)));
    let region = policy.regions.and_then(|r| r.regions.into_iter().next());
    assert_eq!(region.and_then(|r| r.target).map(|t| t.kind), Some("http".into()));
}

#[test]
fn slips_in_an_entry_are_placed_in_the_configuration() {
    let (policy, told) = script(
        r#"replicas = { min = 3, max = 2 }, scale_out = {}, track = { cpu = 0.5 }, on = {}, intervall = "30s",
        metrics = { cpu = { file = { path = "/etc/passwd", colum = "cpu" } } }, decide = 1, "#,
    );
    assert!(policy.is_none());
    insta::assert_snapshot!(told);
}

#[test]
fn a_script_without_an_entry_is_bound_by_one_replica_below_and_nothing_above() {
    let lua = Source::new("classic.lua", "scale_out()");
    let (policy, findings) = build::script("classic", &lua, None, &Table::new());
    assert_eq!(findings, []);
    let policy = policy.expect("a policy");
    assert_eq!((policy.replicas.min.value, policy.replicas.max.value), (1, 1_000_000));
    assert_eq!((policy.form, policy.metrics.len(), policy.target), (Form::Script, 0, None));
}

/// Any value that a file could hand over, however odd.
fn any_value() -> BoxedStrategy<RawValue> {
    let number = prop_oneof![
        any::<f64>(),
        (-3i32..2000).prop_map(f64::from),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(1e6),
        Just(0.5)
    ];
    let text = prop_oneof![
        ".{0,8}",
        select(vec![
            "5m", "0s", "1h30m", "cpu", "rps", "replica", "total", "ratio", "last", "latency", "queue"
        ])
        .prop_map(String::from),
        select(vec![
            "0 7 * * 1-5",
            "0 0 31 2 *",
            "*/0 * * * *",
            "L W # * ?",
            "Europe/Paris",
            "eu",
            "auto",
            "\u{0}"
        ])
        .prop_map(String::from),
        "[0-9*/,\\-A-Z#]{1,4}( [0-9*/,\\-A-Z#]{1,4}){4}",
    ];
    let leaf = prop_oneof![
        Just(RawValue::Nil),
        any::<bool>().prop_map(RawValue::Bool),
        number.prop_map(RawValue::Number),
        text.prop_map(RawValue::String),
        Just(RawValue::Function(FnRef(1), Place { source: "policy.lua".into(), line: 2 })),
        Just(RawValue::Secret(Text::from("s"))),
        Just(RawValue::Other("userdata".into())),
        Just(RawValue::Unknown),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| any_table(inner).prop_map(RawValue::Table)).boxed()
}

fn any_table(value: BoxedStrategy<RawValue>) -> impl Strategy<Value = RawTable> {
    let constructors =
        ["prometheus", "scrape", "mcp", "file", "gateway.haproxy", "gateway.x", "http", "kubernetes.scale"];
    let constructor = proptest::option::of(select(constructors.to_vec()).prop_map(String::from));
    let key = prop_oneof![
        select(FIELDS.split(' ').collect::<Vec<_>>()).prop_map(String::from),
        select(INNER.split(' ').collect::<Vec<_>>()).prop_map(String::from),
        "[a-z]{1,3}"
    ];
    let fields = proptest::collection::btree_map(key, value.clone(), 0..8);
    let list = proptest::collection::vec(value, 0..3);
    let odd = proptest::collection::vec(Just("2.5".to_string()), 0..2);
    (constructor, 0u32..9, fields, list, odd).prop_map(|(constructor, line, fields, list, odd_keys)| {
        RawTable {
            constructor,
            place: Place { source: "policy.lua".into(), line },
            list,
            fields: fields.into_iter().collect(),
            odd_keys,
        }
    })
}

const FIELDS: &str = "target replicas mode interval startup metrics track scale_out scale_in decide stabilization_window \
cooldown rate_limit tolerance anti_flap activation fallback schedule predict regions on cost";
const INNER: &str = "min max unit per saturation capacity models load arrivals missing max_age query url path column name \
when add remove percent to by sustained_for cron timezone duration metric per_replica horizon history model after \
replicas per_replica_hour currency weight max_total failover select cpu rps signal labels arguments";

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever a file hands over, build ends with a sound policy, or with an error at a place
    /// that is in the text.
    #[test]
    fn build_is_total(table in any_table(any_value())) {
        let text = "-- one\npolicy(name) {\n}\n";
        let place = Place { source: "policy.lua".into(), line: 2 };
        let unknown = format!("{table:?}").contains("Unknown");
        let raw = RawFile { policies: vec![RawPolicy { name: "p".into(), place, table: table.clone() }] };
        let source = Source::new("policy.lua", text);
        let outline = syntax::parse(&source).outline;
        let catalogue = Table::new();
        let file = build::File { raw: &raw, source: &source, required: &[], outline: &outline, catalogue: &catalogue };
        let (policies, findings) = build::policies(&file);
        let failed = findings.iter().any(|f| f.level == Level::Error);
        prop_assert!(failed || unknown || policies.len() == 1);
        for finding in &findings {
            prop_assert!(!finding.labels.is_empty());
            for label in &finding.labels {
                prop_assert!(text.get(label.span.start as usize..label.span.end as usize).is_some());
            }
        }
        for policy in &policies {
            prop_assert!(policy.replicas.min.value <= policy.replicas.max.value);
            prop_assert!(policy.interval >= Duration::from_secs(1));
        }
        let node = outline.policies[0].root.clone();
        let entry = build::Entry { table: &table, node: &node, source: &source };
        build::script("p", &source, Some(entry), &catalogue);
    }
}

#[test]
fn of_many_slips_in_a_file_a_hundred_are_told_and_the_rest_counted() {
    let fields: String = (0..4_000).map(|n| format!("field{n} = {n},\n")).collect();
    let (policies, findings) = load(&with(&fields));
    assert!(policies.is_empty());
    assert_eq!(findings.len(), 101);
    assert!(findings[..100].iter().all(|f| f.rule == "unknown-field"));
    assert_eq!((&*findings[100].rule, findings[100].labels.len()), ("more-findings", 0));
    assert_eq!(findings[100].message, "policy.lua: 3900 more errors, not shown");
    // Each of several policies with a slip is left out, told or not.
    let text: String =
        (0..300).map(|n| format!("policy \"p{n}\" {{ replicas = {{ max = 2.5 }} }}\n")).collect();
    let (policies, findings) = load(&text);
    assert_eq!((policies.len(), findings.len()), (0, 101));
    assert_eq!(findings[100].message, "policy.lua: 200 more errors, not shown");
}

#[test]
fn a_hundred_findings_are_told_without_a_word_on_more() {
    let fields: String = (0..100).map(|n| format!("field{n} = {n},\n")).collect();
    let (_, findings) = load(&with(&fields));
    assert_eq!((findings.len(), &*findings[99].rule), (100, "unknown-field"));
}

#[test]
fn where_no_metric_has_the_name_a_few_of_the_many_are_listed() {
    let metrics: String =
        (0..30).map(|n| format!("m{n:02} = {{ unit = \"ratio\", per = \"replica\" }}, ")).collect();
    let told = rendered(&with(&format!("metrics = {{ {metrics} }}, track = {{ banana = 0.5 }},")));
    assert!(told.contains("`m10`, `m11` and 18 more"), "{told}");
}
