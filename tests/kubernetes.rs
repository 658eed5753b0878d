//! Kubernetes as a target: the fake against recorded answers of a real server, and luascale against
//! the fake.
#![cfg(feature = "online")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/k8s/mod.rs"]
mod k8s;

use k8s::{ADMIN, Fake, Fault, replay};
use luascale::change::Bundle;
use luascale::change::live::{Live, Operation, Origin};
use luascale::model::{Duration, Time};
use luascale::target::kubernetes::Kubernetes;
use luascale::target::perform::World;
use luascale::target::{Claim, Error, Interrupted, Journal, Lock, Outcome, Target, perform};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Two requests were recorded with another number than was sent, as their answers and what follows show.
fn as_sent(name: &str, transcript: &mut Value) {
    let mut set = |step: usize, field: &str, value: Value| {
        transcript["steps"][step]["request"]["body"]["spec"][field] = value;
    };
    match name {
        "02a-deployment-scale" => set(26, "replicas", json!(2)),
        "05-auth" => set(37, "renewTime", json!("2026-01-01T00:00:02.000000Z")),
        _ => {}
    }
}

/// What the fake does not do as the real server does, by transcript and step: messages that repeat an
/// object as Go prints it (01a 40; 02a 16 to 18), tables (01c 29), refusals of kinds that it does not have and of roles of the whole
/// cluster (05 from 35), priority levels (06b), and discovery, which lists its own kinds (07).
const PARTS: [(&str, &[usize]); 9] = [
    ("01a-configmap-crud", &[40]),
    ("01b-configmap-apply", &[]),
    ("01c-configmap-list", &[29]),
    ("01d-configmap-watch", &[]),
    ("02a-deployment-scale", &[16, 17, 18]),
    ("03-lease", &[]),
    ("05-auth", &[15, 17, 35, 36, 44, 45, 46, 48, 49, 50, 51, 52, 53, 54, 55]),
    ("06b-throttled", &[0, 1]),
    ("07-cluster", &[0, 1, 2, 3, 8, 10, 11, 12, 13, 15, 16, 17, 18, 19]),
];

#[test]
fn the_fake_answers_as_a_real_server_did() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/k8s");
    let mut wrong = Vec::new();
    let (mut same, mut all) = (0, 0);
    for (name, parts) in PARTS {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let mut transcript: Value = serde_json::from_str(&text).unwrap();
        as_sent(name, &mut transcript);
        let fake = Fake::start(&[]);
        if name == "06b-throttled" {
            // What another transcript had left there.
            fake.create(
                "/api/v1/namespaces",
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "demo-auth" } }),
            );
            fake.create("/apis/apps/v1/namespaces/demo-auth/deployments", json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
                "spec": { "replicas": 4, "selector": { "matchLabels": { "app": "web" } }, "template": { "spec": {} } },
            }));
            fake.throttle("serviceaccount demo-auth/luascale", 3);
        }
        let replayed = replay::replay(&fake, &transcript);
        same += replayed.same.len();
        all += replayed.same.len() + replayed.parted.len();
        for (step, why) in &replayed.parted {
            if !parts.contains(step) {
                wrong.push(format!("{name} {step}: {why}"));
            }
        }
        wrong.extend(
            parts.iter().filter(|s| replayed.same.contains(s)).map(|s| format!("{name} {s}: is as recorded")),
        );
    }
    println!("{same} of {all} recorded answers");
    assert!(wrong.is_empty(), "{same} of {all}; {} part:\n{}", wrong.len(), wrong.join("\n"));
}

const NOW: Time = Time(1_800_000_000_000);
const CONFIG_MAPS: &str = "/api/v1/namespaces/engine/configmaps";

type Policies = BTreeMap<String, Bundle>;

fn bundle(path: &str, text: &str) -> Bundle {
    let files = [(path, text), ("lib/shared.lua", "return 1")];
    let files = files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
    Bundle { path: path.into(), files, entry: None }
}

fn set(policies: &[(&str, &str)]) -> Policies {
    policies.iter().map(|(id, text)| ((*id).to_owned(), bundle(&format!("{id}.lua"), text))).collect()
}

fn one() -> Policies {
    set(&[("web", "1"), ("api", "1"), ("gone", "1")])
}

fn two() -> Policies {
    set(&[("web", "2"), ("api", "1"), ("new", "2")])
}

fn open(fake: &Fake) -> Kubernetes {
    Kubernetes::by_kubeconfig(&fake.kubeconfig(), "engine").unwrap()
}

fn claim(id: &str) -> Claim {
    Claim { id: id.into(), holder: format!("{id}@test"), host: "here".into(), ttl: Duration::from_secs(60) }
}

fn operations(live: &Live, wanted: &Policies) -> Vec<Operation> {
    let ids: BTreeSet<&String> = live.policies.keys().chain(wanted.keys()).collect();
    let operation = |id: &String| Operation {
        id: id.clone(),
        before: live.digest(id).map(str::to_owned),
        replaced: live.policies.get(id).map(|policy| policy.bundle.clone()),
        after: wanted.get(id).cloned(),
    };
    ids.into_iter().map(operation).filter(|o| o.before != o.result()).collect()
}

fn journal(target: &Kubernetes, id: &str, wanted: &Policies) -> Result<Journal, Error> {
    let live = target.live()?;
    Ok(Journal {
        id: id.into(),
        serial: live.serial,
        started: NOW,
        origin: Origin { action: "apply".into(), actor: "test".into(), ..Origin::default() },
        hold: BTreeMap::new(),
        ledger: None,
        operations: operations(&live, wanted),
    })
}

fn run(target: &Kubernetes, lock: &mut Lock, journal: &Journal) -> Result<Outcome, Interrupted> {
    let world = World { clock: &|| NOW, stop: &|| false, progress: &|_| {}, record: &|_| Ok(()) };
    perform(target, lock, journal, &world)
}

/// A whole apply as a run does it, at a time.
fn apply_at(fake: &Fake, id: &str, wanted: &Policies, now: Time) -> Result<(), String> {
    let said = |error: Error| error.to_string();
    let target = Kubernetes::by_kubeconfig(&fake.kubeconfig(), "engine").map_err(said)?;
    let mut lock = target.lock(&claim(id), now).map_err(said)?;
    if let Some(journal) = target.journal().map_err(said)? {
        run(&target, &mut lock, &journal).map_err(|e| format!("{e:?}"))?;
    }
    let journal = journal(&target, id, wanted).map_err(said)?;
    if !journal.operations.is_empty() {
        run(&target, &mut lock, &journal).map_err(|e| format!("{e:?}"))?;
    }
    target.release(&lock).map_err(said)
}

fn apply(fake: &Fake, id: &str, wanted: &Policies) {
    apply_at(fake, id, wanted, NOW).unwrap();
}

/// What an engine reads: it follows the ConfigMap `luascale`, and knows nothing of this program.
fn engine_sees(fake: &Fake) -> BTreeMap<String, String> {
    let get = |name: &str| fake.call("GET", &format!("{CONFIG_MAPS}/{name}"), "", &Value::Null);
    let (status, state) = get("luascale");
    if status == 404 || state["data"]["serial"] == "0" {
        return BTreeMap::new();
    }
    let (_, generation) = get(state["data"]["generation"].as_str().unwrap());
    let policies: Value =
        serde_json::from_str(generation["data"]["policies.json"].as_str().unwrap()).unwrap();
    let mut seen = BTreeMap::new();
    for (id, held) in policies.as_object().unwrap() {
        let (status, policy) = get(held["config_map"].as_str().unwrap());
        assert_eq!(status, 200, "{id}: {policy}");
        assert_eq!(policy["metadata"]["uid"], held["uid"], "{id}");
        let about: Value = serde_json::from_str(policy["data"]["policy.json"].as_str().unwrap()).unwrap();
        let key = about["files"][format!("{id}.lua")].as_str().unwrap();
        seen.insert(id.clone(), policy["data"][key].as_str().unwrap().to_owned());
    }
    seen
}

fn texts(policies: &Policies) -> BTreeMap<String, String> {
    let text = |id: &String, b: &Bundle| String::from_utf8(b.files[&format!("{id}.lua")].clone()).unwrap();
    policies.iter().map(|(id, b)| (id.clone(), text(id, b))).collect()
}

/// Names of the objects that luascale keeps there.
fn names(fake: &Fake) -> Vec<String> {
    let list = fake.get(&format!("{CONFIG_MAPS}?labelSelector=app.kubernetes.io/managed-by=luascale"));
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn holds(fake: &Fake, wanted: &Policies, generations: u64, why: &str) {
    assert_eq!(engine_sees(fake), texts(wanted), "{why}");
    let target = open(fake);
    let live = target.live().unwrap();
    assert_eq!((live.serial, live.foreign), (generations, Vec::new()), "{why}");
    assert_eq!(target.journal().unwrap(), None, "{why}");
    assert_eq!(target.history().unwrap().len() as u64, generations, "{why}");
    let left: Vec<String> = names(fake).into_iter().filter(|n| n.starts_with("luascale-journal")).collect();
    assert_eq!(left, [""; 0], "{why}");
}

#[test]
fn an_engine_sees_what_was_applied_and_the_cluster_is_known_by_its_uid() {
    let fake = Fake::start(&["engine"]);
    let target = open(&fake);
    let uid = fake.get("/api/v1/namespaces/kube-system")["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(
        (target.identity().kind.as_str(), &target.identity().id),
        ("kubernetes", &format!("{uid}/engine"))
    );
    assert_eq!(target.live().unwrap(), Live::default());
    apply(&fake, "a", &one());
    holds(&fake, &one(), 1, "the first");
    apply(&fake, "b", &two());
    holds(&fake, &two(), 2, "a change");
    assert_eq!(target.generation(1).unwrap(), one());
    assert_eq!(target.generation(3), Err(Error::Missing(3)));
    apply(&fake, "c", &two());
    assert_eq!(target.live().unwrap().serial, 2, "again is nothing");
}

#[test]
fn a_server_that_is_lost_at_any_write_leaves_the_old_or_the_new() {
    for fault in [Fault::Before, Fault::After] {
        let (mut olds, mut news, mut at) = (0, 0, 0);
        loop {
            let why = format!("{fault:?} at write {at}");
            let fake = Fake::start(&["engine"]);
            apply(&fake, "a", &one());
            fake.fail(at, fault);
            let done = apply_at(&fake, "b", &two(), NOW);
            if !fake.heal() {
                done.unwrap();
                break;
            }
            done.unwrap_err();
            match engine_sees(&fake) {
                seen if seen == texts(&one()) => olds += 1,
                seen if seen == texts(&two()) => news += 1,
                mix => panic!("{why}: {mix:?}"),
            }
            // Whoever holds the lock cannot be known to be gone until its time has run out.
            let held = apply_at(&fake, "c", &two(), Time(NOW.0 + 60_000));
            assert!(
                held.is_ok() || held.as_ref().is_err_and(|e| e.contains("holds the lock b")),
                "{why}: {held:?}"
            );
            apply_at(&fake, "c", &two(), Time(NOW.0 + 60_001)).unwrap();
            assert_eq!(engine_sees(&fake), texts(&two()), "{why}");
            // Whatever the killed one left goes with the next change.
            apply_at(&fake, "d", &one(), Time(NOW.0 + 60_001)).unwrap();
            holds(&fake, &one(), 3, &why);
            at += 1;
        }
        assert!(at > 8 && olds > 0 && news > 0, "{at} writes, {olds} old, {news} new");
    }
}

#[test]
fn an_interrupted_apply_is_finished_before_the_next_one() {
    let fake = Fake::start(&["engine"]);
    apply(&fake, "a", &one());
    fake.fail(6, Fault::After);
    apply_at(&fake, "b", &two(), NOW).unwrap_err();
    assert!(fake.heal());
    let three = set(&[("web", "3")]);
    apply_at(&fake, "c", &three, Time(NOW.0 + 61_000)).unwrap();
    holds(&fake, &three, 3, "b was finished, then c");
    assert_eq!(open(&fake).generation(2).unwrap(), two());
}

#[test]
fn of_two_at_once_one_is_refused_and_one_that_lost_its_lock_cannot_write() {
    let fake = Fake::start(&["engine"]);
    apply(&fake, "a", &one());
    let (slow, other) = (open(&fake), open(&fake));
    let lock = slow.lock(&claim("slow"), NOW).unwrap();
    assert_eq!(other.lock(&claim("other"), NOW).unwrap_err(), Error::Locked(Box::new(lock.clone())));
    assert_eq!(slow.holder().unwrap(), Some(lock.clone()));
    let journal = journal(&slow, "slow", &two()).unwrap();
    slow.begin(&lock, &journal).unwrap();
    slow.write(&lock, &journal, &journal.operations[0]).unwrap();
    assert_eq!(other.unlock("nobody").unwrap_err(), Error::Unlocked("nobody".into()));
    assert_eq!(other.unlock("slow").unwrap(), lock);
    let fenced = Error::Fenced("slow".into());
    assert_eq!(slow.write(&lock, &journal, &journal.operations[1]).unwrap_err(), fenced);
    assert_eq!(slow.finish(&lock, &journal).unwrap_err(), fenced);
    assert_eq!(slow.close(&lock, &journal).unwrap_err(), fenced);
    assert_eq!(slow.renew(&lock, NOW).unwrap_err(), fenced);
    slow.release(&lock).unwrap();
    apply(&fake, "next", &two());
    assert_eq!(slow.finish(&lock, &journal).unwrap_err(), fenced);
    holds(&fake, &two(), 2, "after the lock was taken away");
    // Two that read the same Lease: the second to write is refused.
    let lease = "/apis/coordination.k8s.io/v1/namespaces/engine/leases/luascale";
    let fence = fake.get(lease)["spec"]["leaseTransitions"].as_u64().unwrap();
    let mine = other.lock(&claim("mine"), NOW).unwrap();
    assert_eq!(mine.fence, fence + 1);
    // Somebody deletes the Lease: the fence goes on all the same.
    assert_eq!(fake.call("DELETE", lease, "", &Value::Null).0, 200);
    let target = open(&fake);
    let again = target.lock(&claim("again"), NOW).unwrap();
    assert!(again.fence > target.history().unwrap().len() as u64 && again.fence >= fence, "{again:?}");
}

#[test]
fn plans_are_refused_by_the_server_itself_and_write_nothing() {
    let fake = Fake::start(&["engine"]);
    let target = open(&fake);
    let before = names(&fake);
    let operation = |id: &str, bundle: Bundle| Operation {
        id: id.into(),
        before: None,
        replaced: None,
        after: Some(bundle),
    };
    let big = bundle("big.lua", &"x".repeat((1 << 20) + 1));
    let refusals =
        target.validate(&[operation("web", bundle("web.lua", "1")), operation("big", big)]).unwrap();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(refusals[0].id == "big" && refusals[0].why.contains("1 MiB"), "{refusals:?}");
    assert_eq!(names(&fake), before);
    assert!(fake.log().iter().any(|r| r.contains("dryRun=All") && r.contains("fieldManager=luascale")));
    let nowhere = Kubernetes::by_kubeconfig(&fake.kubeconfig(), "nowhere").unwrap();
    let error = nowhere.validate(&[operation("web", bundle("web.lua", "1"))]).unwrap_err().to_string();
    assert!(error.contains("create the namespace first"), "{error}");
}

#[test]
fn what_others_did_there_is_told_and_never_taken() {
    let fake = Fake::start(&["engine"]);
    apply(&fake, "a", &one());
    let name = names(&fake).into_iter().find(|n| n.starts_with("luascale-policy-web-")).unwrap();
    // What was applied cannot be edited.
    let edit = json!({ "data": { "0001-web.lua": "by hand" } });
    let (status, refused) =
        fake.call("PATCH", &format!("{CONFIG_MAPS}/{name}"), "application/merge-patch+json", &edit);
    assert_eq!(status, 422, "{refused}");
    // It can be deleted, and another put in its place.
    assert_eq!(fake.call("DELETE", &format!("{CONFIG_MAPS}/{name}"), "", &Value::Null).0, 200);
    let target = open(&fake);
    let live = target.live().unwrap();
    assert!(live.inventory.contains_key("web") && !live.policies.contains_key("web"));
    let labels = json!({ "app.kubernetes.io/managed-by": "luascale", "luascale.dev/part": "policy" });
    fake.create(CONFIG_MAPS, json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "theirs", "labels": labels }, "data": {},
    }));
    assert_eq!(target.live().unwrap().foreign, ["configmap theirs"]);
    apply(&fake, "b", &set(&[("web", "5")]));
    assert!(names(&fake).contains(&"theirs".to_owned()));
    // A field of the state that somebody took is not taken back.
    let edit = json!({ "data": { "generation": "luascale-generation-9" } });
    fake.call(
        "PATCH",
        &format!("{CONFIG_MAPS}/luascale?fieldManager=kubectl-edit"),
        "application/merge-patch+json",
        &edit,
    );
    let error = apply_at(&fake, "c", &two(), NOW).unwrap_err();
    assert!(error.contains("luascale-generation-9") || error.contains("kubectl-edit"), "{error}");
}

#[test]
fn old_generations_go_with_what_only_they_had() {
    let fake = Fake::start(&["engine"]);
    for n in 0..22 {
        apply(&fake, &format!("run{n}"), &set(&[("web", &format!("{n}"))]));
    }
    let names = names(&fake);
    let count = |prefix: &str| names.iter().filter(|n| n.starts_with(prefix)).count();
    assert_eq!((count("luascale-generation-"), count("luascale-policy-")), (20, 20));
    assert_eq!(open(&fake).history().unwrap().first().unwrap().serial, 3);
}

#[test]
fn a_journal_larger_than_a_config_map_is_kept_in_pieces() {
    let fake = Fake::start(&["engine"]);
    let text = "é".repeat(300_000);
    let large = set(&[("a", &text), ("b", &text), ("c", &text)]);
    fake.fail(9, Fault::Before);
    apply_at(&fake, "a", &large, NOW).unwrap_err();
    assert!(fake.heal());
    assert!(names(&fake).contains(&"luascale-journal-2".to_owned()), "{:?}", names(&fake));
    assert_eq!(open(&fake).journal().unwrap().unwrap().operations.len(), 3);
    apply_at(&fake, "b", &large, Time(NOW.0 + 61_000)).unwrap();
    holds(&fake, &large, 1, "resumed");
}

#[test]
fn a_server_that_has_no_time_is_asked_again() {
    let fake = Fake::start(&["engine"]);
    fake.throttle("admin", 2);
    apply(&fake, "a", &one());
    fake.throttle("admin", 100);
    let error = Kubernetes::by_kubeconfig(&fake.kubeconfig(), "engine").err().unwrap().to_string();
    assert!(error.contains("429"), "{error}");
    let wrong = fake.kubeconfig().replace(ADMIN, "nobody");
    let error = Kubernetes::by_kubeconfig(&wrong, "engine").err().unwrap().to_string();
    assert!(error.contains("does not know these credentials"), "{error}");
}

/// A program of the test tools: what a variable names, what `scripts/test` installed, else the PATH's.
fn tool(variable: &str, name: &str) -> Option<std::path::PathBuf> {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/python/bin").join(name);
    let named = std::env::var_os(variable).map(std::path::PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|p| p.join(name)).find(|p| p.is_file());
    let tool = named.or_else(|| Some(own).filter(|p| p.is_file())).or(found);
    if tool.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{name} is missing, and nothing may be skipped in CI"
        );
        println!("skipped: {name} is missing; scripts/test installs it");
    }
    tool
}

#[test]
fn kubectl_sees_what_was_applied() {
    let Some(kubectl) = tool("KUBECTL", "kubectl") else { return };
    let fake = Fake::start(&["engine"]);
    fake.trust();
    apply(&fake, "a", &one());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kubeconfig");
    std::fs::write(&config, fake.kubeconfig()).unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(&kubectl)
            .args(args)
            .env("KUBECONFIG", &config)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let both =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), both)
    };
    let (good, said) = run(&["get", "configmaps", "-n", "engine", "-o", "name"]);
    assert!(
        good && said.contains("configmap/luascale\n") && said.contains("configmap/luascale-policy-web-"),
        "{said}"
    );
    let (good, said) =
        run(&["get", "lease", "luascale", "-n", "engine", "-o", "jsonpath={.spec.leaseTransitions}"]);
    assert!(good && said == "1", "{said}");
    // Another writer over the state is refused by the server, and told who owns it.
    let file = folder.path().join("theirs.yaml");
    std::fs::write(&file, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: luascale, namespace: engine }\ndata: { serial: \"9\" }\n").unwrap();
    let (good, said) = run(&["apply", "--server-side", "--validate=false", "-f", &file.to_string_lossy()]);
    assert!(!good && said.contains("conflict with \"luascale\""), "{said}");
}

#[test]
fn every_object_is_valid_by_the_schemas_of_kubernetes() {
    let Some(validate) = tool("KUBERNETES_VALIDATE", "kubernetes-validate") else { return };
    let fake = Fake::start(&["engine"]);
    let target = open(&fake);
    apply(&fake, "a", &one());
    let lock = target.lock(&claim("b"), NOW).unwrap();
    let journal = journal(&target, "b", &two()).unwrap();
    target.begin(&lock, &journal).unwrap();
    let mut objects: Vec<Value> = fake.get(CONFIG_MAPS)["items"].as_array().unwrap().clone();
    assert!(objects.len() >= 6, "{objects:?}");
    for object in &mut objects {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("ConfigMap");
    }
    objects.push(fake.get("/apis/coordination.k8s.io/v1/namespaces/engine/leases/luascale"));
    let folder = tempfile::tempdir().unwrap();
    for (number, object) in objects.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&file, object.to_string()).unwrap();
        let output = Command::new(&validate).args(["--strict", "-k", "1.36"]).arg(&file).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{object}\n{said}");
    }
}
