//! `check --online` against servers: a real Prometheus, and the fake of Kubernetes.
//!
//! Needs Debian's package `prometheus`; scripts/test installs it.
#![cfg(feature = "online")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/k8s/mod.rs"]
mod k8s;
mod support;

use k8s::{ADMIN, Fake};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::Folder;

/// A Prometheus with a recording in it; it ends with the value.
struct Prometheus {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Series with samples every 15 s of the last hour, until so many seconds ago.
const SERIES: [(&str, &str, u64); 4] = [
    ("cpu_usage", "{pod=\"a\"}", 5),
    ("cpu_usage", "{pod=\"b\"}", 5),
    ("old_usage", "{pod=\"a\"}", 230),
    ("idle", "", 5),
];

fn prometheus() -> Prometheus {
    let runs = |name: &str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let there = runs("prometheus") && runs("promtool");
    assert!(there, "prometheus and promtool are missing: scripts/test installs them");
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut text = String::new();
    for name in ["cpu_usage", "old_usage", "idle"] {
        writeln!(text, "# TYPE {name} gauge").unwrap();
        for (_, labels, ago) in SERIES.iter().filter(|(of, ..)| *of == name) {
            for at in (now - 3600..=now - ago).rev().step_by(15).collect::<Vec<_>>().into_iter().rev() {
                writeln!(text, "{name}{labels} {} {at}", if name == "idle" { "0" } else { "0.4" }).unwrap();
            }
        }
    }
    text.push_str("# EOF\n");
    let file = folder.path().join("recorded.txt");
    std::fs::write(&file, text).unwrap();
    let data = folder.path().join("data");
    let filled = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&file)
        .arg(&data)
        .output()
        .unwrap();
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "global: { scrape_interval: 15s }\n").unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Prometheus { child, address: format!("http://127.0.0.1:{port}"), _folder: folder };
    let begun = Instant::now();
    while !answers(port, "/-/ready") {
        assert!(begun.elapsed() < Duration::from_secs(60), "prometheus is not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

fn answers(port: u16, path: &str) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.0 200")
}

fn queried(query: &str, more: &str) -> String {
    format!(
        "policy \"web\" {{\n  replicas = {{ min = 2, max = 10 }},\n  metrics = {{\n    cpu = prometheus {{ query = [[{query}]], \
         unit = \"ratio\", per = \"replica\", saturation = 1{more} }},\n  }},\n  track = {{ cpu = 0.5 }},\n}}\n"
    )
}

#[test]
fn queries_are_asked_of_a_real_prometheus() {
    let server = prometheus();
    let label = |label: &str| format!(", replica_label = \"{label}\"");
    for (query, more, status, says) in [
        ("avg(cpu_usage)", "", 0, "nothing found"),
        ("cpu_usage{pod=\"a\"}", "", 0, "nothing found"),
        ("0.4", "", 0, "nothing found"),
        ("cpu_usage", &label("pod"), 0, "nothing found"),
        ("cpu_usage", "", 1, "2 series, which differ in `pod`"),
        ("cpu_usage", &label("pods"), 1, "did you mean `pod`?"),
        ("avg(cpu_usgae)", "", 1, "nothing matches `cpu_usgae`"),
        ("cpu_usage > 5", "", 1, "each selector matches series"),
        ("avg(cpu_usgae)", ", missing = \"zero\"", 1, "zero-for-missing"),
        ("sum(idle) / sum(idle)", "", 1, "answers with NaN"),
        ("avg(old_usage)", "", 1, "the youngest sample is 4 min old"),
        ("cpu_usage[5m] ", "", 1, "query-refused"),
        ("label_replace(cpu_usage, \"pod\", \"x\", \"\", \"\")", "", 1, "query-refused"),
    ] {
        let folder = Folder::with(&[("web.lua", &queried(query, more))]);
        let ran = folder.luascale(&["check", "web.lua", "--online", "--prometheus", &server.address]);
        ran.expect(status).says(says);
    }
    // The policy names the server itself.
    let named = format!(", url = \"{}/\"", server.address);
    Folder::with(&[("web.lua", &queried("cpu_usage", &named))])
        .luascale(&["check", "web.lua", "--online"])
        .expect(1)
        .says("query-several");
}

#[test]
fn a_server_that_is_not_there_is_told_beside_the_other_findings() {
    let folder = Folder::with(&[("web.lua", &queried("avg(x)", "").replace("min = 2", "min = 0"))]);
    let here = ["check", "web.lua", "--online", "--prometheus", "http://127.0.0.1:9"];
    folder.luascale(&here).expect(3).says("never-wakes").says("cannot be asked (1 metric)").says("refused");
    folder.luascale(&here[..3]).expect(64).says("never-wakes").says("no Prometheus is named (web: cpu)");
    folder.luascale(&["check", "web.lua", "--prometheus", "http://x"]).expect(64).says("--online");
    let ftp = ["check", "web.lua", "--online", "--prometheus", "ftp://x"];
    folder.luascale(&ftp).expect(64).says("http:// or https://");
    let token = [("LUASCALE_PROMETHEUS_TOKEN", "s3cret")];
    let far = ["check", "web.lua", "--online", "--prometheus", "http://prometheus.example:9090"];
    let ran = folder.luascale_with(&far, &token).expect(64);
    ran.says("over https only");
    assert!(!ran.stderr.contains("s3cret"));
}

/// A server that answers each request with one text, and what it was sent.
fn answering(answer: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap_or(0);
            let gone = tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err();
            if gone || stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (address, told)
}

#[test]
fn credentials_go_to_the_operator_s_server_alone_and_redirects_nowhere_else() {
    let token = [("LUASCALE_PROMETHEUS_TOKEN", "s3cret")];
    let redirect =
        "HTTP/1.1 307 x\r\nlocation: http://127.0.0.2:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (own, told) = answering(redirect);
    let folder = Folder::with(&[("web.lua", &queried("avg(x)", ""))]);
    let ran = folder.luascale_with(&["check", "web.lua", "--online", "--prometheus", &own], &token).expect(3);
    ran.says("redirects to another host");
    assert!(told.recv().unwrap().to_lowercase().contains("authorization: bearer s3cret"));
    let (theirs, told) = answering("HTTP/1.1 200 x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    let named = Folder::with(&[("web.lua", &queried("avg(x)", &format!(", url = \"{theirs}\"")))]);
    let ran = named.luascale_with(&["check", "web.lua", "--online", "--prometheus", &own], &token).expect(3);
    ran.says("not that of a Prometheus");
    assert!(!told.recv().unwrap().to_lowercase().contains("authorization"));
}

#[test]
fn a_secret_without_a_value_is_told_and_one_with_a_value_never() {
    let config = "secrets:\n  SLACK_URL: { env: SLACK, hosts: [ hooks.slack.com ] }\n";
    let folder = Folder::with(&[
        ("web.lua", &queried("1", "").replace("prometheus { query = [[1]], ", "{ ")),
        ("luascale.yaml", config),
    ]);
    folder.luascale(&["check", ".", "--online"]).expect(1).says("absent-secret").says("luascale.yaml:2");
    let ran = folder.luascale_with(&["check", ".", "--online"], &[("SLACK", "s3cret")]).expect(0);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"));
}

/// A deployment `web` of 4 replicas in `shop`.
fn shop() -> Fake {
    let fake = Fake::start(&["shop", "engine"]);
    deployment(&fake, "web", 4);
    fake
}

fn deployment(fake: &Fake, name: &str, replicas: u32) {
    let labels = json!({ "app": name });
    fake.create("/apis/apps/v1/namespaces/shop/deployments", json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels },
                  "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "app", "image": "app:1" }] } } },
    }));
}

fn policy(target: &str) -> String {
    format!(
        "policy \"web\" {{\n  target = {target},\n  replicas = {{ min = 2, max = 10 }},\n  \
         metrics = {{ cpu = {{ unit = \"ratio\", per = \"replica\", saturation = 1 }} }},\n  track = {{ cpu = 0.5 }},\n}}\n"
    )
}

fn check_online(fake: &Fake, policy: &str) -> support::Ran {
    let folder = Folder::with(&[("web.lua", policy), ("kubeconfig", &fake.kubeconfig())]);
    folder.luascale_with(&["check", "web.lua", "--online"], &[("KUBECONFIG", "kubeconfig")])
}

#[test]
fn targets_are_looked_for_where_the_policy_says() {
    let fake = shop();
    let deploy =
        |name: &str| policy(&format!("kubernetes.deployment {{ namespace = \"shop\", name = \"{name}\" }}"));
    check_online(&fake, &deploy("web")).expect(0).says("nothing found");
    check_online(&fake, &deploy("wbe")).expect(1).says("absent-target").says("did you mean `web`?");
    let scale = |kind: &str| {
        policy(&format!(
            "kubernetes.scale {{ api_version = \"apps/v1\", kind = \"{kind}\", namespace = \"shop\", name = \"web\" }}"
        ))
    };
    check_online(&fake, &scale("Deployment")).expect(0);
    check_online(&fake, &scale("DaemonSet")).expect(1).says("no subresource `scale`");
    check_online(&fake, &scale("Deploymint")).expect(1).says("has no kind Deploymint");
    deployment(&fake, "big", 32);
    check_online(&fake, &deploy("big")).expect(1).says("has 32 replicas, outside 2 to 10");
    let requests = fake.log();
    assert!(requests.iter().all(|r| r.starts_with("GET ")), "a check only reads: {requests:?}");
}

#[test]
fn a_second_scaler_is_told_with_its_bounds() {
    let fake = shop();
    let deploy = policy("kubernetes.deployment { namespace = \"shop\", name = \"web\" }");
    let reference = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" });
    fake.create("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "web-hpa" },
        "spec": { "scaleTargetRef": reference, "minReplicas": 3, "maxReplicas": 30 },
    }));
    check_online(&fake, &deploy).expect(1).says("second-scaler").says("web-hpa").says("3 to 30 replicas");
    let observed = deploy.replace("replicas =", "mode = \"observe\",\n  replicas =");
    check_online(&fake, &observed).expect(0);
    fake.call(
        "DELETE",
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web-hpa",
        "",
        &Value::Null,
    );
    fake.create(
        "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects",
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": "web-keda" },
            "spec": { "scaleTargetRef": { "name": "web" }, "maxReplicaCount": 9 },
        }),
    );
    check_online(&fake, &deploy).expect(1).says("ScaledObject `web-keda` (0 to 9 replicas)");
}

#[test]
fn a_cluster_that_cannot_be_asked_is_no_fault_of_the_policy() {
    let fake = shop();
    let deploy = policy("kubernetes.deployment { namespace = \"shop\", name = \"web\" }");
    let folder = Folder::with(&[
        ("web.lua", &deploy.replace("min = 2", "min = 0")),
        ("wrong", &fake.kubeconfig().replace(ADMIN, "nobody")),
        ("gone", &fake.kubeconfig().replace(&fake.address, "http://127.0.0.1:9")),
        ("small", &fake.kubeconfig().replace(ADMIN, "sa:shop/small")),
    ]);
    for (config, says) in [
        ("wrong", "does not know these credentials"),
        ("gone", "refused"),
        ("small", "forbidden"),
        ("none", "kubeconfig"),
    ] {
        let ran =
            folder.luascale_with(&["check", "web.lua", "--online"], &[("KUBECONFIG", config)]).expect(3);
        // What can be known without the cluster is told all the same.
        ran.says(says).says("never-wakes");
    }
}
