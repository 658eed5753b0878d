//! Kubernetes as a target: the fake against recorded answers of a real server, and luascale against
//! the fake.
#![cfg(feature = "online")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/k8s/mod.rs"]
mod k8s;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod governed;
mod recorded;
mod tools;

use k8s::{ADMIN, Fake, Fault};
use luascale::change::Bundle;
use luascale::change::live::{Live, Operation, Origin};
use luascale::cluster::{Cluster, Write};
use luascale::model::{Duration, Time};
use luascale::target::kubernetes::Kubernetes;
use luascale::target::perform::World;
use luascale::target::{Claim, Error, Interrupted, Journal, Lock, Outcome, Target, perform};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

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
        from: BTreeMap::new(),
        ledger: None,
        operations: operations(&live, wanted),
    })
}

fn run(target: &Kubernetes, lock: &mut Lock, journal: &Journal) -> Result<Outcome, Interrupted> {
    let world = World { clock: &|| NOW, stop: &|| false, progress: &|_| {}, record: &|_| Ok(()) };
    perform(target, lock, journal, &world)
}

/// A whole apply as a run does it, at a time.
fn apply_in(config: &str, namespace: &str, id: &str, wanted: &Policies, now: Time) -> Result<(), String> {
    let said = |error: Error| error.to_string();
    let target = Kubernetes::by_kubeconfig(config, namespace).map_err(said)?;
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

fn apply_at(fake: &Fake, id: &str, wanted: &Policies, now: Time) -> Result<(), String> {
    apply_in(&fake.kubeconfig(), "engine", id, wanted, now)
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
    let left: Vec<String> = names(fake).into_iter().filter(|n| n.starts_with("luascale.journal")).collect();
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
    assert!(names(&fake).contains(&"luascale.journal-2".to_owned()), "{:?}", names(&fake));
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

/// What any cluster has to bear: two changes, a lock that is held, a stale lock, a refused policy.
fn story(config: &str, namespace: &str) {
    let open = || Kubernetes::by_kubeconfig(config, namespace).unwrap();
    let target = open();
    assert_eq!(target.live().unwrap(), Live::default());
    apply_in(config, namespace, "a", &one(), NOW).unwrap();
    apply_in(config, namespace, "b", &two(), NOW).unwrap();
    let live = target.live().unwrap();
    let bundles: Policies = live.policies.into_iter().map(|(id, policy)| (id, policy.bundle)).collect();
    assert_eq!((live.serial, bundles, live.foreign), (2, two(), Vec::new()));
    assert_eq!(target.generation(1).unwrap(), one());
    let lock = target.lock(&claim("c"), NOW).unwrap();
    assert_eq!(open().lock(&claim("d"), NOW).unwrap_err(), Error::Locked(Box::new(lock.clone())));
    let journal = journal(&target, "c", &one()).unwrap();
    target.begin(&lock, &journal).unwrap();
    let late = open().lock(&claim("d"), Time(NOW.0 + 60_001)).unwrap();
    assert_eq!(late.fence, lock.fence + 1);
    assert_eq!(target.finish(&lock, &journal).unwrap_err(), Error::Fenced("c".into()));
    open().release(&late).unwrap();
    apply_in(config, namespace, "e", &one(), Time(NOW.0 + 60_001)).unwrap();
    assert_eq!((target.live().unwrap().serial, target.journal().unwrap()), (3, None));
    let big = bundle("big.lua", &"x".repeat((1 << 20) + 1));
    let big = Operation { id: "big".into(), before: None, replaced: None, after: Some(big) };
    assert_eq!(target.validate(&[big]).unwrap().len(), 1);
}

#[test]
fn a_real_cluster_bears_what_the_fake_bears() {
    let fake = Fake::start(&["engine"]);
    story(&fake.kubeconfig(), "engine");
    let Some(path) = std::env::var_os("LUASCALE_TEST_KUBECONFIG") else {
        println!("no real cluster: LUASCALE_TEST_KUBECONFIG is not set");
        return;
    };
    let config = std::fs::read_to_string(path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::by_kubeconfig(&config)).unwrap();
    let name = format!("luascale-test-{}", std::process::id());
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    runtime.block_on(cluster.write(Write::Create, "/api/v1/namespaces", &object, false)).unwrap();
    let told = std::panic::catch_unwind(|| story(&config, &name));
    let path = format!("/api/v1/namespaces/{name}");
    let namespace = runtime.block_on(cluster.get(&path)).unwrap();
    let text = |field: &str| namespace["metadata"][field].as_str().unwrap().to_owned();
    runtime.block_on(cluster.delete(&path, &text("uid"), &text("resourceVersion"), false)).unwrap();
    told.unwrap();
}
