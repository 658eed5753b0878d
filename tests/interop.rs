//! Policies as objects of the HPA and KEDA, and back: a round trip decides the same, what is
//! lost is named, and objects that a real server accepted are read.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test")]

mod support;

use luascale::catalogue::Table;
use luascale::decide::decide;
use luascale::interop::Dialect;
use luascale::interop::export::{Exported, Options, export};
use luascale::interop::import::{Imported, import};
use luascale::model::bare::Closures;
use luascale::model::{
    Activation, Amount, Duration, Fallback, Input, Limit, Metric, MetricSource, Missing, Mode, Per,
    PerDirection, Policy, RateLimit, Reading, ReplicaSample, Schedule, Select, State, Target, Time, Track,
    Unit, build,
};
use luascale::syntax;
use luascale::text::{Source, Span, Spanned};
use proptest::prelude::*;
use serde_json::Value;
use support::Folder;

/// The policies of a file of literals, which must be sound.
fn load(text: &str) -> Policy {
    let source = Source::new("policy.lua", text);
    let parsed = syntax::parse(&source);
    let (policies, findings) = build::policies(&build::File {
        raw: &parsed.literals,
        source: &source,
        required: &[],
        outline: &parsed.outline,
        catalogue: &Table::new(),
    });
    let findings = [parsed.findings, findings].concat();
    assert!(findings.is_empty(), "{text}\n{findings:#?}");
    policies.into_iter().next().expect(text)
}

fn there(policy: &Policy, to: Dialect) -> Exported {
    export(policy, to, &Options { prometheus: Some("http://prometheus:9090".into()) })
}

fn back(document: &str) -> Imported {
    import(&Source::new("object.yaml", document))
}

// ---- what is generated -----------------------------------------------------------------------

fn target() -> impl Strategy<Value = Spanned<Target>> {
    let of = |kind: &str, more: Vec<(&str, &str)>| {
        let mut arguments: Vec<(String, String)> = more
            .into_iter()
            .chain([("namespace", "shop"), ("name", "web")])
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        arguments.sort();
        Spanned::nowhere(Target { kind: kind.into(), arguments })
    };
    prop::sample::select(vec![
        of("kubernetes.deployment", vec![]),
        of("kubernetes.statefulset", vec![]),
        of("kubernetes.scale", vec![("api_version", "argoproj.io/v1alpha1"), ("kind", "Rollout")]),
    ])
}

fn rate() -> impl Strategy<Value = RateLimit> {
    let amount = prop_oneof![
        (1u32..9).prop_map(Amount::Replicas),
        (1u32..200).prop_map(|p| Amount::Percent(f64::from(p)))
    ];
    let limit = (amount, 1i64..=1800).prop_map(|(amount, s)| Limit { amount, per: Duration::from_secs(s) });
    let select = prop::sample::select(&[Select::Max, Select::Min, Select::Disabled][..]);
    (select, prop::collection::vec(limit, 1..4)).prop_map(|(select, limits)| RateLimit { select, limits })
}

fn thousandths(range: std::ops::Range<u32>) -> impl Strategy<Value = f64> {
    range.prop_map(|n| f64::from(n) / 1000.0)
}

/// Metrics that an HPA can go by: of a resource, of the pods, of all together, of neither.
fn hpa_metrics() -> impl Strategy<Value = (Vec<Metric>, Vec<f64>)> {
    let prometheus = || MetricSource::Prometheus { query: Spanned::nowhere("sum(x)".into()), url: None };
    let cpu = Metric {
        unit: Some(Unit::Ratio),
        replica_label: Some("pod".into()),
        resource: Some("cpu".into()),
        source: prometheus(),
        ..Metric::bare("cpu", Some(Per::Replica))
    };
    let pods = Metric {
        replica_label: Some("pod".into()),
        source: prometheus(),
        ..Metric::bare("lag", Some(Per::Replica))
    };
    let load = Metric { source: prometheus(), ..Metric::bare("load", Some(Per::Replica)) };
    let rps = Metric { source: prometheus(), ..Metric::bare("rps", Some(Per::Total)) };
    let targets = (1u32..150, thousandths(100..5000), thousandths(100..5000), thousandths(1000..300_000));
    (targets, 1u8..16).prop_map(move |((percent, lag, value, total), which)| {
        let all = [
            (cpu.clone(), f64::from(percent) / 100.0),
            (pods.clone(), lag),
            (load.clone(), value),
            (rps.clone(), total),
        ];
        all.into_iter().enumerate().filter(|(at, _)| which & (1 << at) != 0).map(|(_, m)| m).unzip()
    })
}

fn hpa_policy() -> impl Strategy<Value = Policy> {
    let windows = (0i64..=3600, 0i64..=3600).prop_map(|(o, i)| PerDirection {
        scale_out: Duration::from_secs(o),
        scale_in: Duration::from_secs(i),
    });
    let tolerance = (thousandths(0..300), thousandths(0..300));
    (hpa_metrics(), target(), (1u32..9, 0u32..60), windows, (rate(), rate()), tolerance).prop_map(
        |((metrics, targets), target, (min, more), windows, (out, in_), (up, down))| {
            let mut policy = Policy::bare("web", min, min + more);
            policy.track = (0..)
                .zip(targets)
                .map(|(metric, target)| Track { metric, target, span: Span::default() })
                .collect();
            policy.metrics = metrics;
            policy.target = Some(target);
            policy.stabilization_window = windows;
            policy.rate_limit = PerDirection { scale_out: out, scale_in: in_ };
            policy.tolerance = PerDirection { scale_out: up, scale_in: down };
            policy
        },
    )
}

fn keda_policy() -> impl Strategy<Value = Policy> {
    let schedule =
        (0u32..24, 0u32..60, 1i64..1439, 1u32..9).prop_map(|(hour, minute, length, min)| Schedule {
            name: "window".into(),
            span: Span::default(),
            cron: format!("{minute} {hour} * * *"),
            timezone: "Europe/Paris".into(),
            duration: Duration::from_secs(length * 60),
            min: Some(min),
            max: None,
        });
    let rest = (
        any::<bool>(),
        thousandths(0..50_000),
        any::<[bool; 2]>(),
        prop::option::of((1i64..9, 1u32..12)),
        prop::collection::vec(schedule, 0..3),
    );
    (hpa_policy(), rest).prop_map(|(mut policy, (zero, above, [missing, observe], fallback, schedule))| {
        // KEDA reads one number a query; of a resource it reads the cluster's own metrics.
        for metric in policy.metrics.iter_mut().filter(|m| m.resource.is_none()) {
            metric.replica_label = None;
            metric.missing = if missing { Missing::Zero } else { Missing::Hold };
        }
        let total = policy.metrics.iter().position(|m| m.per == Some(Per::Total));
        if let (true, Some(total), 1) = (zero, total, policy.metrics.len()) {
            policy.replicas.min = Spanned::nowhere(0);
            policy.activation = Some(Activation::Above(vec![(total, above)]));
        }
        // A schedule and a fallback above max are errors of the policy itself.
        let max = policy.replicas.max.value;
        policy.mode = if observe { Mode::Observe } else { Mode::Scale };
        policy.fallback = fallback.map(|(n, replicas)| Fallback {
            after: Duration(policy.interval.0 * n),
            replicas: replicas.min(max),
        });
        let schedule = schedule.into_iter().map(|s| Schedule { min: s.min.map(|min| min.min(max)), ..s });
        policy.schedule = schedule.collect();
        policy
    })
}

/// What each metric says at a tick: nothing, or so much of its target.
type World = Vec<[Option<f64>; 4]>;

fn world() -> impl Strategy<Value = World> {
    let value = || prop_oneof![6 => (0.0f64..4.0).prop_map(Some), 1 => Just(None), 2 => Just(Some(1.05)), 1 => Just(Some(0.0))];
    prop::collection::vec([value().boxed(), value().boxed(), value().boxed(), value().boxed()], 1..50)
}

/// Every decision of a run in which each change is made at once.
fn run(policy: &Policy, targets: &[f64], world: &World) -> Vec<(u32, Vec<luascale::model::Step>)> {
    let (mut state, mut current) = (State::default(), policy.replicas.min.value);
    let mut done = Vec::new();
    for (tick, values) in (0..).zip(world) {
        let now = Time(1_700_000_000_000 + tick * 15_000);
        let metrics = policy.metrics.iter().zip(targets).zip(values).map(|((metric, target), value)| {
            let Some(value) = value.map(|v| v * target) else { return Reading::Missing };
            if metric.replica_label.is_none() {
                let scale = if metric.per == Some(Per::Total) { f64::from(current.max(1)) } else { 1.0 };
                return Reading::Value { value: value * scale, at: now };
            }
            let sample = |n: u32| ReplicaSample {
                id: format!("web-{n}"),
                // The last one has not said anything yet.
                value: (n + 1 < current || current == 1).then_some(value * 100.0),
                request: metric.resource.is_some().then_some(100.0),
                started: Some(Time(now.0 - 60_000 * i64::from(n + 1))),
                ready: Some(n % 5 != 4),
                sampled: Some(now),
                window: Some(Duration::from_secs(30)),
                ..ReplicaSample::default()
            };
            Reading::Replicas { samples: (0..current).map(sample).collect(), at: now }
        });
        let input = Input {
            now,
            current,
            ready: current - current / 5,
            metrics: metrics.collect(),
            ..Input::default()
        };
        let (decision, after) = decide(policy, &input, state, &Closures::default());
        (state, current) = (after, decision.to);
        done.push((decision.to, decision.steps));
    }
    done
}

fn same(policy: &Policy, to: Dialect, world: &World) -> Result<(), TestCaseError> {
    let exported = there(policy, to);
    let lost: Vec<_> = exported.remarks.iter().filter(|r| r.lost).collect();
    prop_assert!(lost.is_empty(), "{lost:?}");
    let document = exported.document.expect("a document");
    let imported = back(&document);
    prop_assert!(imported.findings.is_empty(), "{document}\n{:?}", imported.findings);
    let lua = imported.lua.expect("a policy");
    let again = load(&lua);
    let of = |p: &Policy| p.track.iter().map(|t| t.target).collect::<Vec<_>>();
    let before = run(policy, &of(policy), world);
    prop_assert_eq!(before, run(&again, &of(policy), world), "{}\n{}", document, lua);
    prop_assert_eq!(again.mode, policy.mode);
    prop_assert_eq!(again.target.map(|t| t.value), policy.target.clone().map(|t| t.value));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_that_went_through_an_hpa_decides_as_before(policy in hpa_policy(), world in world()) {
        same(&policy, Dialect::Hpa, &world)?;
    }

    #[test]
    fn a_policy_that_went_through_a_scaled_object_decides_as_before(policy in keda_policy(), world in world()) {
        same(&policy, Dialect::Keda, &world)?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(apiVersion: (autoscaling/v2|keda.sh/v1alpha1)\nkind: (HorizontalPodAutoscaler|ScaledObject)\n)?[ -~\n]{0,200}") {
        let imported = back(&text);
        prop_assert!(imported.lua.is_some() || !imported.findings.is_empty());
    }
}

// ---- what is lost ----------------------------------------------------------------------------

/// Every field that an HPA or a ScaledObject cannot say.
const FULL: &str = r#"policy "checkout-api" {
  target = kubernetes.deployment { namespace = "shop", name = "checkout-api", context = "prod" },
  replicas = { min = 0, max = 40 },
  mode = "observe",
  interval = "20s",
  metrics = {
    rps = prometheus { query = "sum(rate(requests_total[2m]))", per = "total", missing = "last", max_age = "2m" },
    load = prometheus { query = "avg(load)", per = "replica" },
    queue = file { path = "queue.csv", column = "depth", per = "total" },
  },
  track = { rps = 100.0005, load = 0.6, queue = 5 },
  activation = { rps = 2 },
  stabilization_window = { scale_in = "2h" },
  cooldown = { scale_in = "5m" },
  rate_limit = { scale_in = { { percent = 12.5, per = "90500ms" } } },
  fallback = { after = "50s", replicas = 6 },
  schedule = { { name = "night", cron = "0 22 * * 1-5", duration = "8h", min = 2, max = 10 } },
  regions = { "eu", "us", max_total = 50 },
  on = { at_max = function(event, act) act.log("full") end },
  scale_out = { { name = "hot", when = function(m) return m.load > 0.9 end, add = 2 } },
  tolerance = { scale_out = 0.05 },
}
"#;

fn remarks(to: Dialect) -> String {
    let exported = there(&load(FULL), to);
    let lines = exported.remarks.iter().map(|r| {
        let mark = if r.lost { "lost" } else { "check" };
        let instead = if r.instead.is_empty() { String::new() } else { format!(" -> {}", r.instead) };
        format!("{mark} {}: {}{instead}\n", r.field, r.why)
    });
    lines.collect()
}

#[test]
fn every_field_that_an_hpa_cannot_say_is_named() {
    insta::assert_snapshot!(remarks(Dialect::Hpa));
}

#[test]
fn every_field_that_a_scaled_object_cannot_say_is_named() {
    insta::assert_snapshot!(remarks(Dialect::Keda));
}

#[test]
fn what_keda_has_and_a_policy_has_not_is_named() {
    let text = include_str!("data/interop/scaledobject.yaml");
    let imported = back(text);
    let lines: String =
        imported.remarks.iter().map(|r| format!("{} {}: {}\n", r.lost, r.field, r.why)).collect();
    insta::assert_snapshot!(format!("{}\n{lines}", imported.lua.expect("a policy")));
}

#[test]
fn the_resource_of_one_container_does_not_become_the_pods() {
    let text = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: api, namespace: shop }\nspec:\n  scaleTargetRef: { kind: Deployment, name: api }\n  maxReplicas: 5\n  metrics:\n    - type: ContainerResource\n      containerResource: { name: memory, container: app, target: { type: Utilization, averageUtilization: 80 } }\n";
    let imported = back(text);
    assert!(imported.remarks.iter().any(|r| r.lost && r.field == "memory of app"), "{:?}", imported.remarks);
    let policy = load(&imported.lua.expect("a policy"));
    let document = there(&policy, Dialect::Hpa).document.expect("a document");
    assert!(document.contains("type: Pods") && !document.contains("type: Resource"), "{document}");
}

// ---- a real server's objects -----------------------------------------------------------------

/// Objects that a server accepted, as it gave them back.
fn accepted() -> Vec<Value> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/k8s/04a-hpa-valid.json"));
    let recorded: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let steps = recorded["steps"].as_array().unwrap();
    let bodies = steps.iter().filter(|s| s["response"]["status"].as_u64().is_some_and(|s| s < 300));
    bodies.map(|s| s["response"]["body"].clone()).filter(|b| b["kind"] == "HorizontalPodAutoscaler").collect()
}

#[test]
fn objects_of_a_real_server_come_back_as_they_were() {
    let objects = accepted();
    assert!(objects.len() > 15, "{}", objects.len());
    for object in objects {
        let text = serde_yaml::to_string(&object).unwrap();
        let imported = back(&text);
        assert!(imported.findings.is_empty(), "{text}\n{:?}", imported.findings);
        let policy = load(&imported.lua.expect("a policy"));
        if object["apiVersion"] != "autoscaling/v2" {
            continue;
        }
        let spec = |v: &Value, key: &str| v["spec"][key].clone();
        let again: Value =
            serde_yaml::from_str(&there(&policy, Dialect::Hpa).document.expect("a document")).unwrap();
        for key in ["scaleTargetRef", "minReplicas", "maxReplicas"] {
            assert_eq!(spec(&again, key), spec(&object, key), "{text}");
        }
        // What the server leaves unsaid is said: both have the defaults of Kubernetes.
        if let Some(behavior) = object["spec"].get("behavior") {
            for direction in ["scaleUp", "scaleDown"] {
                for (key, value) in behavior[direction].as_object().into_iter().flatten() {
                    let said = &again["spec"]["behavior"][direction][key];
                    let disabled = key == "policies" && behavior[direction]["selectPolicy"] == "Disabled";
                    let tolerance = |v: &Value| v.as_str().and_then(luascale::model::quantity::parse);
                    let equal = if key == "tolerance" {
                        tolerance(said) == tolerance(value) || said.is_null() && tolerance(value) == Some(0.1)
                    } else {
                        said == value
                    };
                    assert!(equal || disabled, "{direction}.{key}: {said} for {value}\n{text}");
                }
            }
        }
    }
}

// ---- the commands ----------------------------------------------------------------------------

const WEB: &str = r#"policy "web" {
  target = kubernetes.deployment { namespace = "shop", name = "web" },
  replicas = { min = 2, max = 10 },
  metrics = { rps = prometheus { query = "sum(rate(requests_total[2m]))", unit = "per_second", per = "total" } },
  track = { rps = 100 },
}
"#;

#[test]
fn a_policy_is_exported_by_name_and_by_file() {
    let folder = Folder::with(&[("policies/web.lua", WEB), ("policies/full.lua", FULL)]);
    let by_name = folder.luascale(&["export", "--to", "hpa", "web"]);
    assert_eq!(by_name.status, 0, "{by_name:?}");
    let by_file = folder.luascale(&["export", "--to", "hpa", "policies/web.lua"]);
    assert_eq!(by_file.stdout, by_name.stdout);
    insta::assert_snapshot!(format!("{}{}", by_name.stderr, by_name.stdout));

    let lossy = folder.luascale(&["export", "--to", "keda", "checkout-api", "-o", "object.yaml"]);
    assert_eq!(lossy.status, 1, "what is lost shows in the exit status");
    assert!(folder.read("object.yaml").starts_with("apiVersion: keda.sh/v1alpha1\n"));
    let unknown = folder.luascale(&["export", "--to", "hpa", "wb"]);
    assert_eq!(unknown.status, 64);
    assert!(unknown.stderr.contains("did you mean web?"), "{}", unknown.stderr);
}

#[test]
fn an_object_is_imported_or_refused_with_its_place() {
    let folder = Folder::with(&[("policies/web.lua", WEB)]);
    folder.luascale(&["export", "--to", "keda", "web", "--prometheus", "http://p:9090", "-o", "web.yaml"]);
    let imported = folder.luascale(&["import", "web.yaml", "-o", "back.lua"]);
    assert_eq!(imported.status, 0, "{imported:?}");
    assert_eq!(folder.luascale(&["check", "back.lua"]).status, 0);
    folder.write("wrong.yaml", b"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\nspec: { scaleTargetRef: { kind: Deployment, name: web }, maxReplicas: ten }\n");
    let wrong = folder.luascale(&["import", "wrong.yaml"]);
    assert_eq!((wrong.status, wrong.stdout.as_str()), (1, ""));
    assert!(
        wrong.stderr.contains("`spec.maxReplicas` is a text, but a number was expected"),
        "{}",
        wrong.stderr
    );
    folder.write("other.yaml", b"apiVersion: v1\nkind: Pod\n");
    assert!(folder.luascale(&["import", "other.yaml"]).stderr.contains("a Pod of v1 cannot be imported"));
    assert_eq!(folder.luascale(&["import", "absent.yaml"]).status, 64);
}
