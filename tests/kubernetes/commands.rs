//! `apply`, `drift`, `rollback` and `unlock` on a namespace, as their users run them.

use super::engine_sees;
use crate::k8s::Fake;
use crate::support::{Folder, Ran};
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

impl Site {
    pub fn new() -> Site {
        let fake = Fake::start(&["engine"]);
        let folder = Folder::with(&[
            ("luascale.yaml", "apply: { kubernetes: { namespace: engine } }\n"),
            (".gitignore", "/kubeconfig\n/luascale-ledger.jsonl\n/.luascale*\n"),
            ("kubeconfig", &fake.kubeconfig()),
            ("web.lua", &policy(10)),
        ]);
        let site = Site { folder, fake };
        site.git("ann", &["init", "-q", "-b", "main"]);
        site.commit();
        site
    }

    fn git(&self, who: &str, args: &[&str]) -> String {
        let (name, address) = (format!("user.name={who}"), format!("user.email={who}@example.com"));
        let output = Command::new("git")
            .args(["-c", &name, "-c", &address])
            .args(args)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
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
