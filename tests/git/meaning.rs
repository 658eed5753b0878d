//! What changes mean: refactorings mean nothing, and each field changed alone means that field.

use super::{Repo, luascale};
use serde_json::Value;

/// All fields of a policy at once. `NAME` is its name.
const WHOLE: &str = r#"
policy "NAME" {
  target = kubernetes.deployment { namespace = "shop", name = "NAME" },
  replicas = { min = 2, max = 20 },
  mode = "scale",
  interval = "30s",
  startup = "1m",
  metrics = {
    cpu = prometheus { query = "cpu", unit = "ratio", per = "replica", saturation = 1 },
    rps = prometheus { query = "rps", unit = "per_second", per = "total", capacity = 100 },
    p95 = prometheus { query = "p95", unit = "seconds", models = "latency", load = "cpu", missing = "hold" },
  },
  track = { rps = 80 },
  scale_out = {
    { name = "hot", when = function(m) return m.cpu > 0.8 end, sustained_for = "2m", add = 2, cooldown = "3m" },
    { name = "far", when = function(m) return m.p95 > 2 end, by = function(m) return m.p95 * 2 end },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.3 end, sustained_for = "10m", percent = 20 },
  },
  tolerance = { scale_out = 0.1, scale_in = 0.2 },
  anti_flap = true,
  stabilization_window = { scale_out = "10s", scale_in = "6m" },
  cooldown = { scale_out = "1m", scale_in = "5m" },
  rate_limit = { scale_out = { replicas = 4, per = "1m" }, scale_in = { replicas = 2, per = "1m" } },
  fallback = { after = "5m", replicas = 6 },
  schedule = {
    { name = "day", cron = "0 7 * * 1-5", timezone = "UTC", duration = "2h", min = 4, max = 18 },
  },
  predict = { metric = "rps", per_replica = 100, horizon = "10m", history = "14d", mode = "forecast_only" },
  on = { at_max = function(event, act) act.log("full") end },
  cost = { per_replica_hour = 0.19, currency = "USD" },
}
"#;

/// One that may go to zero, in regions.
const ZERO: &str = r#"
policy "NAME" {
  target = kubernetes.deployment { namespace = "shop", name = "NAME" },
  replicas = { min = 0, max = 20 },
  metrics = { queue = prometheus { query = "queue", unit = "count", per = "total" } },
  track = { queue = 10 },
  activation = { queue = 5 },
  regions = {
    { name = "a", weight = 1, min = 1, max = 10 }, { name = "b" },
    max_total = 40, failover = function(ctx) return not ctx.region.healthy end,
  },
}
"#;

/// One that decides by a function.
const DECIDE: &str = r#"
local function capped(n, most) return math.min(n, most) end
policy "NAME" {
  replicas = { min = 1, max = 20 },
  metrics = { cpu = prometheus { query = "cpu", unit = "ratio", per = "replica" } },
  decide = function(m, ctx)
    if m.cpu > 0.8 then return capped(ctx.replicas + 2, 12) end
    return ctx.replicas
  end,
  on = {
    at_max = function(event, act)
      act.log("at " .. capped(event.to, 12))
      act.webhook { url = "https://hooks.example.com/full" }
    end,
  },
}
"#;

/// The policies that differ where each file goes from one text to another, by the place of the
/// case; all cases are compared at once.
fn compared(cases: &[(String, String)], modules: &[(&str, &str)]) -> Vec<Option<Value>> {
    let repo = Repo::empty();
    for (path, text) in modules {
        repo.write(path, text);
    }
    let name = |at: usize| format!("case-{at:03}");
    for (at, (before, _)) in cases.iter().enumerate() {
        repo.write(&format!("{}.lua", name(at)), &before.replace("NAME", &name(at)));
    }
    repo.commit("Before");
    for (at, (_, after)) in cases.iter().enumerate() {
        repo.write(&format!("{}.lua", name(at)), &after.replace("NAME", &name(at)));
    }
    let (status, text) = luascale(&repo.root, &["diff", "--meaning", "--format", "json"]);
    assert_eq!(status, 0, "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let policies = report["policies"].as_array().unwrap();
    (0..cases.len()).map(|at| policies.iter().find(|p| p["policy"] == name(at)).cloned()).collect()
}

/// A text with a part exchanged, which must be there.
#[track_caller]
fn exchanged(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[test]
fn each_field_changed_alone_means_that_field() {
    // Policy, text, its replacement, field, classes.
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        (WHOLE, "namespace = \"shop\"", "namespace = \"store\"", "target", "effects availability"),
        (WHOLE, "min = 2,", "min = 3,", "replicas.min", "cost tightens"),
        (WHOLE, "min = 2,", "min = 1,", "replicas.min", "availability loosens"),
        (WHOLE, "max = 20", "max = 30", "replicas.max", "loosens cost"),
        (WHOLE, "max = 20", "max = 19", "replicas.max", "availability tightens"),
        (WHOLE, "\"scale\"", "\"observe\"", "mode", "availability tightens"),
        (WHOLE, "\"30s\"", "\"15s\"", "interval", "availability"),
        (WHOLE, "startup = \"1m\"", "startup = \"2m\"", "startup", "availability"),
        (WHOLE, "query = \"cpu\"", "query = \"avg(cpu)\"", "metrics.cpu", "availability"),
        (WHOLE, "unit = \"seconds\"", "unit = \"milliseconds\"", "metrics.p95.unit", "availability"),
        (WHOLE, "saturation = 1", "saturation = 2", "metrics.cpu.saturation", "availability"),
        (WHOLE, "capacity = 100", "capacity = 120", "metrics.rps.capacity", "availability"),
        (WHOLE, "missing = \"hold\"", "missing = \"zero\"", "metrics.p95.missing", "loosens availability"),
        (WHOLE, ", models = \"latency\", load = \"cpu\"", "", "metrics.p95.models", "cosmetic"),
        (
            WHOLE,
            "saturation = 1",
            "saturation = 1, replica_label = \"pod\"",
            "metrics.cpu.replica_label",
            "availability",
        ),
        (
            WHOLE,
            "saturation = 1",
            "saturation = 1, resource = \"cpu\"",
            "metrics.cpu.resource",
            "availability",
        ),
        (WHOLE, "rps = 80", "rps = 90", "track.rps", "availability tightens"),
        (WHOLE, "rps = 80", "rps = 70", "track.rps", "loosens cost"),
        (WHOLE, "m.cpu > 0.8", "m.cpu > 0.7", "scale_out[hot].when", "loosens cost"),
        (WHOLE, "m.cpu > 0.8", "m.cpu > 0.9", "scale_out[hot].when", "availability tightens"),
        (WHOLE, "m.cpu < 0.3", "m.cpu < 0.4", "scale_in[idle].when", "loosens availability"),
        (WHOLE, "m.cpu < 0.3", "m.cpu < 0.2", "scale_in[idle].when", "cost tightens"),
        (WHOLE, "m.cpu < 0.3", "m.cpu < 0.3 and m.p95 < 1", "scale_in[idle].when", "cost tightens"),
        (
            WHOLE,
            "sustained_for = \"2m\"",
            "sustained_for = \"1m\"",
            "scale_out[hot].sustained_for",
            "loosens cost",
        ),
        (
            WHOLE,
            "sustained_for = \"10m\"",
            "sustained_for = \"5m\"",
            "scale_in[idle].sustained_for",
            "loosens availability",
        ),
        (WHOLE, "add = 2", "add = 3", "scale_out[hot].add", "loosens cost"),
        (WHOLE, "percent = 20", "percent = 10", "scale_in[idle].percent", "cost tightens"),
        (WHOLE, "cooldown = \"3m\"", "cooldown = \"4m\"", "scale_out[hot].cooldown", "availability tightens"),
        (WHOLE, "m.p95 * 2", "m.p95 * 3", "scale_out[far].by", "availability cost"),
        (WHOLE, "name = \"idle\"", "name = \"calm\"", "scale_in[calm].name", "cosmetic"),
        (WHOLE, "scale_out = 0.1", "scale_out = 0.2", "tolerance.scale_out", "availability tightens"),
        (WHOLE, "scale_in = 0.2", "scale_in = 0.1", "tolerance.scale_in", "loosens availability"),
        (WHOLE, "anti_flap = true", "anti_flap = false", "anti_flap", "loosens availability"),
        (WHOLE, "\"10s\"", "\"1m\"", "stabilization_window.scale_out", "availability tightens"),
        (WHOLE, "\"6m\"", "\"1m\"", "stabilization_window.scale_in", "loosens availability"),
        (WHOLE, "{ scale_out = \"1m\"", "{ scale_out = \"0s\"", "cooldown.scale_out", "loosens cost"),
        (WHOLE, "scale_in = \"5m\"", "scale_in = \"9m\"", "cooldown.scale_in", "cost tightens"),
        (WHOLE, "replicas = 4, per", "replicas = 8, per", "rate_limit.scale_out", "loosens cost"),
        (WHOLE, "replicas = 2, per", "replicas = 1, per", "rate_limit.scale_in", "cost tightens"),
        (WHOLE, "after = \"5m\"", "after = \"9m\"", "fallback", "loosens availability"),
        (WHOLE, "replicas = 6", "replicas = 8", "fallback", "cost tightens"),
        (WHOLE, "\"0 7 * * 1-5\"", "\"0 8 * * 1-5\"", "schedule[day]", "availability cost"),
        (WHOLE, "timezone = \"UTC\"", "timezone = \"Europe/Paris\"", "schedule[day]", "availability cost"),
        (WHOLE, "duration = \"2h\"", "duration = \"3h\"", "schedule[day]", "availability cost"),
        (WHOLE, "min = 4", "min = 5", "schedule[day]", "cost tightens"),
        (WHOLE, "min = 4", "min = 3", "schedule[day]", "loosens availability"),
        (WHOLE, "max = 18", "max = 19", "schedule[day]", "loosens cost"),
        (WHOLE, "max = 18", "max = 17", "schedule[day]", "availability tightens"),
        (WHOLE, "forecast_only", "forecast_and_scale", "predict", "loosens cost"),
        (WHOLE, "horizon = \"10m\"", "horizon = \"20m\"", "predict", "cosmetic"),
        (WHOLE, "act.log(\"full\")", "act.log(\"at max\")", "on.at_max", "effects"),
        (
            WHOLE,
            "on = { at_max",
            "on = { scale_in = function(event, act) act.log(\"in\") end, at_max",
            "on.scale_in",
            "effects",
        ),
        (WHOLE, "0.19", "0.2", "cost", "cosmetic"),
        (ZERO, "queue = 5", "queue = 6", "activation", "availability cost"),
        (ZERO, "weight = 1", "weight = 2", "regions[a].weight", "availability cost"),
        (ZERO, "min = 1,", "min = 2,", "regions[a].min", "cost tightens"),
        (ZERO, "max = 10", "max = 12", "regions[a].max", "loosens cost"),
        (ZERO, ", { name = \"b\" }", "", "regions[b]", "effects availability"),
        (ZERO, "max_total = 40", "max_total = 50", "regions.max_total", "loosens cost"),
        (ZERO, "not ctx.region.healthy", "false", "regions.failover", "availability cost"),
        (DECIDE, "m.cpu > 0.8", "m.cpu > 0.9", "decide", "loosens availability"),
        (DECIDE, "ctx.replicas + 2", "ctx.replicas + 3", "decide", "loosens availability"),
        (DECIDE, "\"at \"", "\"now at \"", "on.at_max", "effects"),
    ];
    let texts: Vec<(String, String)> =
        cases.iter().map(|(text, from, to, ..)| (text.to_string(), exchanged(text, from, to))).collect();
    let mut wrong = Vec::new();
    for ((_, from, to, field, classes), found) in cases.iter().zip(compared(&texts, &[])) {
        let changes = found.map(|policy| policy["changes"].as_array().unwrap().clone()).unwrap_or_default();
        let told: Vec<String> = changes
            .iter()
            .map(|change| {
                let all: Vec<&str> =
                    change["classes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                format!("{}: {}", change["field"].as_str().unwrap(), sorted(&all.join(" ")))
            })
            .collect();
        if told != [format!("{field}: {}", sorted(classes))] {
            wrong.push(format!("{from} -> {to}: {told:?} instead of {field}: {classes}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Classes in one order.
fn sorted(classes: &str) -> String {
    let mut all: Vec<&str> = classes.split(' ').collect();
    all.sort_unstable();
    all.join(" ")
}

#[test]
fn a_metric_from_another_server_means_its_host_too() {
    let after =
        exchanged(WHOLE, "query = \"cpu\"", "query = \"cpu\", url = \"http://metrics.example.com:9090\"");
    let found = compared(&[(WHOLE.to_string(), after)], &[]);
    let changes = found[0].as_ref().map(|policy| policy["changes"].clone()).unwrap_or_default();
    let told: Vec<(&Value, &Value)> =
        changes.as_array().unwrap().iter().map(|change| (&change["field"], &change["after"])).collect();
    assert_eq!(told.len(), 2, "{changes}");
    assert_eq!(told[0].0, "metrics.cpu");
    assert_eq!((told[1].0, told[1].1), (&"hosts".into(), &"metrics.example.com:9090".into()));
}

#[test]
fn refactorings_mean_nothing() {
    let modules = [("lib/hot.lua", "return { hot = function(m, at) return m.cpu > at end, at = 0.8 }\n")];
    let top = |text: &str, head: &str, from: &str, to: &str| format!("{head}\n{}", exchanged(text, from, to));
    let moved = WHOLE
        .replace("  interval = \"30s\",\n", "")
        .replace("  anti_flap = true,\n", "  interval = \"30s\",\n  anti_flap = true,\n");
    let loud =
        |text: &str| text.replace('\n', " -- here\n").replace("  replicas =", "  --[[ bounds ]] replicas  =");
    let cases: Vec<(&str, &str, String)> = vec![
        ("comments", WHOLE, loud(WHOLE)),
        ("comments in code", DECIDE, loud(DECIDE)),
        ("reordered fields", WHOLE, moved),
        ("reordered keys", WHOLE, exchanged(WHOLE, "min = 2, max = 20", "max = 20, min = 2")),
        (
            "other ways to write values",
            WHOLE,
            exchanged(WHOLE, "\"10m\", percent = 20", "600, percent = 2e1"),
        ),
        (
            "a parameter's name",
            WHOLE,
            exchanged(WHOLE, "function(m) return m.cpu > 0.8", "function(all) return all.cpu > 0.8"),
        ),
        ("a turned comparison", WHOLE, exchanged(WHOLE, "m.cpu > 0.8", "0.80 < m.cpu")),
        (
            "a constant pulled out of a condition",
            WHOLE,
            top(WHOLE, "local HOT = 0.8", "m.cpu > 0.8", "m.cpu > HOT"),
        ),
        ("a constant pulled out of a field", WHOLE, top(WHOLE, "local MOST = 20", "max = 20", "max = MOST")),
        (
            "a condition as a local function",
            WHOLE,
            top(
                WHOLE,
                "local function hot(m) return m.cpu > 0.8 end",
                "function(m) return m.cpu > 0.8 end",
                "hot",
            ),
        ),
        (
            "a condition that calls a local function",
            WHOLE,
            top(WHOLE, "local function hot(v) return v > 0.8 end", "m.cpu > 0.8", "hot(m.cpu)"),
        ),
        (
            "a condition in a module",
            WHOLE,
            top(WHOLE, "local lib = require \"lib.hot\"", "m.cpu > 0.8", "lib.hot(m, 0.8)"),
        ),
        (
            "a constant in a module",
            WHOLE,
            top(WHOLE, "local lib = require \"lib.hot\"", "m.cpu > 0.8", "m.cpu > lib.at"),
        ),
        (
            "metrics as a local",
            WHOLE,
            top(
                WHOLE,
                "local price = { per_replica_hour = 0.19, currency = \"USD\" }",
                "cost = { per_replica_hour = 0.19, currency = \"USD\" }",
                "cost = price",
            ),
        ),
        ("a helper's name in decide and a hook", DECIDE, exchanged(DECIDE, "capped", "at_most")),
        (
            "a parameter's name in a helper",
            DECIDE,
            exchanged(
                DECIDE,
                "(n, most) return math.min(n, most)",
                "(count, limit) return math.min(count, limit)",
            ),
        ),
        (
            "a constant pulled out of decide",
            DECIDE,
            top(DECIDE, "local HOT = 0.8", "m.cpu > 0.8", "m.cpu > HOT"),
        ),
        (
            "a constant pulled out of decide and a hook",
            DECIDE,
            top(DECIDE, "local MOST = 12", ", 12)", ", MOST)"),
        ),
        (
            "an address pulled out of a hook",
            DECIDE,
            top(
                DECIDE,
                "local URL = 'https://hooks.example.com/full'",
                "url = \"https://hooks.example.com/full\"",
                "url = URL",
            ),
        ),
        (
            "parameters of decide and of a hook",
            DECIDE,
            DECIDE
                .replace("function(m, ctx)", "function(metrics_now, c)")
                .replace("m.cpu", "metrics_now.cpu")
                .replace("ctx.", "c.")
                .replace("event", "e"),
        ),
        ("code that nothing uses", DECIDE, format!("local unused = 3\n{DECIDE}")),
    ];
    let texts: Vec<(String, String)> =
        cases.iter().map(|(_, before, after)| (before.to_string(), after.clone())).collect();
    let wrong: Vec<String> = cases
        .iter()
        .zip(compared(&texts, &modules))
        .filter_map(|((name, ..), found)| match found {
            None => Some(format!("{name}: not among what differs")),
            Some(policy)
                if policy["no_change_of_meaning"] != true || policy["changes"] != serde_json::json!([]) =>
            {
                Some(format!("{name}: {}", policy["changes"]))
            }
            Some(_) => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
