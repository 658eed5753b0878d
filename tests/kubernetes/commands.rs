//! `apply`, `drift`, `rollback` and `unlock` on a namespace, as their users run them.

use super::engine_sees;
use crate::k8s::Fake;
use crate::support::{Folder, Ran};
use serde_json::json;
use std::process::Command;

/// A repository whose policies go to the namespace `engine`, and the cluster.
pub struct Site {
    pub folder: Folder,
    pub fake: Fake,
}

pub fn policy(max: u32) -> String {
    format!(
        "policy \"web\" {{\n  replicas = {{ min = 1, max = {max} }},\n  metrics = {{ cpu = {{ unit = \"ratio\", per = \"replica\" }} }},\n  \
         track = {{ cpu = 0.6 }},\n}}\n"
    )
}

/// A repository whose one policy goes to a namespace of a cluster.
fn repository(fake: &Fake, namespace: &str, policy: &str) -> Folder {
    let config = format!("apply: {{ kubernetes: {{ namespace: {namespace} }} }}\n");
    let folder = Folder::with(&[
        ("luascale.yaml", &config),
        (".gitignore", "/kubeconfig\n/luascale-ledger.jsonl\n/.luascale*\n"),
        ("kubeconfig", &fake.kubeconfig()),
        ("web.lua", policy),
    ]);
    git(&folder, "ann", &["init", "-q", "-b", "main"]);
    commit(&folder);
    folder
}

fn git(folder: &Folder, who: &str, args: &[&str]) -> String {
    let (name, address) = (format!("user.name={who}"), format!("user.email={who}@example.com"));
    let mut command = Command::new("git");
    command.args(["-c", &name, "-c", &address]).args(args).current_dir(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(folder: &Folder) {
    git(folder, "ann", &["add", "-A"]);
    git(folder, "ann", &["commit", "-q", "-m", "change"]);
}

impl Site {
    pub fn new() -> Site {
        let fake = Fake::start(&["engine"]);
        let folder = repository(&fake, "engine", &policy(10));
        Site { folder, fake }
    }

    fn git(&self, who: &str, args: &[&str]) -> String {
        git(&self.folder, who, args)
    }

    pub fn commit(&self) {
        self.commit_as("ann");
    }

    pub fn commit_as(&self, who: &str) {
        self.git(who, &["add", "-A"]);
        self.git(who, &["commit", "-q", "-m", "change"]);
    }

    pub fn head(&self) -> String {
        self.git("ann", &["rev-parse", "HEAD"])
    }

    pub fn run(&self, args: &[&str], fault: &str) -> Ran {
        self.folder.luascale_with(args, &[("KUBECONFIG", "kubeconfig"), ("LUASCALE_TEST_FAULT", fault)])
    }

    pub fn live(&self) -> Option<String> {
        engine_sees(&self.fake).remove("web")
    }
}

#[test]
fn policies_are_applied_to_a_namespace_and_rolled_back() {
    let site = Site::new();
    site.run(&["apply"], "").expect(0);
    assert_eq!(site.live(), Some(policy(10)));
    site.run(&["apply"], "").expect(0).says("already applied");
    site.run(&["drift"], "").expect(0);
    site.folder.write("web.lua", policy(20).as_bytes());
    site.commit();
    site.run(&["apply"], "").expect(0);
    assert_eq!(site.live(), Some(policy(20)));
    site.run(&["rollback"], "").expect(0);
    assert_eq!(site.live(), Some(policy(10)));
    site.run(&["ledger", "verify"], "").expect(0);
    site.run(&["apply", "--target", "directory"], "").expect(64).says("apply.directory");
}

#[test]
fn a_run_that_is_killed_at_any_step_is_finished_once_its_lock_is_taken_away() {
    let (mut olds, mut news) = (0, 0);
    for step in 1.. {
        let site = Site::new();
        site.run(&["apply"], "").expect(0);
        site.folder.write("web.lua", policy(20).as_bytes());
        site.commit();
        let ran = site.run(&["apply"], &format!("kill:{step}"));
        if ran.status == 0 {
            break;
        }
        assert_eq!(ran.status, -1, "step {step}: {ran:?}");
        match site.live() {
            live if live == Some(policy(10)) => olds += 1,
            live if live == Some(policy(20)) => news += 1,
            mix => panic!("step {step}: {mix:?}"),
        }
        let mut next = site.run(&["apply"], "");
        if next.status == 3 {
            next.says("holds the lock");
            let said = format!("{}{}", next.stdout, next.stderr);
            let id = said.split("--id ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
            site.run(&["unlock", "--id", &id], "").expect(0);
            next = site.run(&["apply"], "");
        }
        next.expect(0);
        assert_eq!(site.live(), Some(policy(20)), "step {step}");
        site.run(&["ledger", "verify"], "").expect(0);
    }
    assert!(olds > 3 && news > 0, "{olds} old, {news} new");
}

#[test]
fn what_luascale_has_live_elsewhere_is_a_second_scaler() {
    let fake = Fake::start(&["engine", "staging", "shop"]);
    let labels = json!({ "app": "web" });
    fake.create("/apis/apps/v1/namespaces/shop/deployments", json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": 4, "selector": { "matchLabels": labels },
                  "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "app", "image": "app:1" }] } } },
    }));
    let scaling = |name: &str, target: &str| {
        let target =
            format!("target = kubernetes.deployment {{ namespace = \"shop\", name = \"{target}\" }},");
        policy(10).replace("\"web\" {", &format!("\"{name}\" {{\n  {target}"))
    };
    let env = [("KUBECONFIG", "kubeconfig")];
    let check = |folder: &Folder| folder.luascale_with(&["check", ".", "--online", "--no-cache"], &env);
    let own = repository(&fake, "engine", &scaling("web", "web"));
    own.luascale_with(&["apply"], &env).expect(0);
    // What is live of the policy itself is no second one.
    check(&own).expect(0).says("nothing found");
    let other = repository(&fake, "staging", &scaling("other", "other"));
    other.luascale_with(&["apply"], &env).expect(0);
    check(&own).expect(0).says("nothing found");
    // By another name, from another repository.
    let text = scaling("shop-web", "web");
    other.write("web.lua", text.as_bytes());
    commit(&other);
    other.luascale_with(&["apply", "--allow-prune", "1"], &env).expect(0);
    let ran = check(&own).expect(1);
    ran.says("second-scaler").says("luascale policy `shop-web`").says("applied to the namespace staging");
    // One that only observes decides nothing.
    other.write("web.lua", text.replace("replicas =", "mode = \"observe\",\n  replicas =").as_bytes());
    commit(&other);
    other.luascale_with(&["apply"], &env).expect(0);
    check(&own).expect(0);
    // The same policy, applied twice.
    other.write("web.lua", scaling("web", "web").as_bytes());
    commit(&other);
    other.luascale_with(&["apply", "--allow-prune", "1"], &env).expect(0);
    check(&own).expect(1).says("luascale policy `web`").says("namespace staging");
}
