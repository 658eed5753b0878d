//! `apply`, `drift`, `rollback`, `unlock` and `ledger` as their users run them, on a repository
//! and a directory.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests of files and processes")]

mod again;
mod approval;
mod back;
mod base;
mod drift;
mod faults;
mod first;
mod forged;
mod hands;
mod scope;
#[path = "../support/mod.rs"]
mod support;

use luascale::change::plan::{self, Plan};
use std::process::Command;
use support::{Folder, Ran};

const CONFIG: &str = "apply: { directory: { path: live/ } }\n";

fn policy(name: &str, max: u32) -> String {
    format!(
        "local shared = require \"lib.shared\"\n\
         policy \"{name}\" {{\n  replicas = {{ min = 1, max = {max} }},\n  \
         metrics = {{ cpu = prometheus {{ query = \"cpu\", unit = \"ratio\", per = \"replica\" }} }},\n  \
         track = {{ cpu = shared.cpu }},\n}}\n"
    )
}

/// A repository with its folder.
struct Site(Folder);

impl Site {
    /// With two policies in one commit.
    fn new() -> Site {
        let site = Site(Folder::with(&[
            ("luascale.yaml", CONFIG),
            (".gitignore", "/live/\n/*.json\n*.approvals/\n"),
            ("lib/shared.lua", "return { cpu = 0.6 }\n"),
            ("web.lua", &policy("web", 10)),
            ("api.lua", &policy("api", 10)),
        ]));
        site.git(&["init", "-q", "-b", "main"]);
        site.commit("ann", "begin");
        site
    }

    fn git(&self, args: &[&str]) -> String {
        self.git_as("ann", args)
    }

    fn git_as(&self, who: &str, args: &[&str]) -> String {
        self.git_by(who, &format!("{who}@example.com"), args)
    }

    fn git_by(&self, who: &str, address: &str, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.0.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_AUTHOR_NAME", who)
            .env("GIT_AUTHOR_EMAIL", address)
            .env("GIT_COMMITTER_NAME", who)
            .env("GIT_COMMITTER_EMAIL", address)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, who: &str, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git_as(who, &["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes a file and commits it.
    fn change(&self, path: &str, text: &str) -> String {
        self.0.write(path, text.as_bytes());
        self.commit("ann", &format!("change {path}"))
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.0.luascale(args)
    }

    fn faulty(&self, args: &[&str], fault: &str) -> Ran {
        self.0.luascale_with(args, &[("LUASCALE_TEST_FAULT", fault)])
    }

    /// A file of what is live.
    fn live(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.path().join("live/current").join(path)).unwrap_or_default()
    }

    fn max(&self, name: &str) -> Option<u32> {
        let text = self.live(&format!("{name}/{name}.lua"));
        text.split("max = ").nth(1)?.split(' ').next()?.parse().ok()
    }

    fn generation(&self) -> u64 {
        let text = self.live(".generation.json");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["serial"].as_u64().unwrap()
    }

    fn ledger_is_whole(&self, lines: usize) {
        let ran = self.run(&["ledger", "verify", "--format", "json"]).expect(0);
        assert_eq!(ran.json()["lines"], lines, "{}", ran.stdout);
    }
}

#[test]
fn what_git_has_becomes_live_once() {
    let site = Site::new();
    let ran = site.run(&["apply"]).expect(0);
    ran.says("now at generation 1").says("+ create  api").says("+ create  web");
    assert_eq!((site.max("web"), site.max("api")), (Some(10), Some(10)));
    assert_eq!(site.live("web/lib/shared.lua"), "return { cpu = 0.6 }\n");
    site.run(&["apply"]).expect(0).says("already applied").says("generation 1");
    assert_eq!(site.generation(), 1);
    // What a policy requires is part of it; what nothing reads is not.
    site.0.write("lib/unread.lua", b"return 1");
    site.commit("ann", "unread");
    site.run(&["apply"]).expect(0).says("already applied");
    site.change("lib/shared.lua", "return { cpu = 0.7 }\n");
    site.run(&["apply"]).expect(0).says("~ update  api").says("~ update  web");
    site.0.write("web.lua", policy("web", 99).as_bytes());
    site.run(&["apply"]).expect(0).says("already applied").says("web.lua is not committed");
    site.ledger_is_whole(2);
}

#[test]
fn a_plan_is_applied_as_it_was_made_or_not_at_all() {
    let site = Site::new();
    site.run(&["plan", "-o", "first.json"]).expect(0);
    site.run(&["apply", "first.json"]).expect(0).says("generation 1");
    site.run(&["apply", "first.json"]).expect(0).says("already applied");
    site.change("web.lua", &policy("web", 20));
    site.run(&["plan", "-o", "second.json"]).expect(0);
    // Another policy changes: the plan does not touch it.
    site.change("api.lua", &policy("api", 30));
    site.run(&["apply", "second.json"]).expect(0).says("~ update  web");
    assert_eq!((site.max("web"), site.max("api")), (Some(20), Some(10)));
    site.run(&["apply", "second.json"]).expect(0).says("already applied");
    // The policy that it touches changes once more.
    site.run(&["plan", "-o", "third.json"]).expect(0);
    site.change("api.lua", &policy("api", 40));
    let ran = site.run(&["apply", "third.json"]).expect(1);
    ran.says("refused: nothing was applied").says("api: version").says("the head moved");
    assert_eq!(site.max("api"), Some(10));
    // What is live was edited by hand.
    site.run(&["plan", "-o", "fourth.json"]).expect(0);
    site.0.write("live/current/api/api.lua", policy("api", 11).as_bytes());
    let ran = site.run(&["apply", "fourth.json"]).expect(1);
    ran.says("was live when it was planned, and now version");
    assert_eq!(site.max("api"), Some(11));
    site.ledger_is_whole(2);
}

/// A plan as it would have been made at another time, or with something else in it.
fn altered(site: &Site, name: &str, to: &str, change: impl Fn(Plan) -> Plan) {
    let source = luascale::text::Source::new(name, site.0.read(name));
    let plan = change(plan::parse(&source).unwrap());
    site.0.write(to, plan.text().as_bytes());
}

#[test]
fn a_plan_that_is_edited_expired_or_for_another_target_is_refused() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &policy("web", 20));
    site.run(&["plan", "-o", "plan.json"]).expect(0);
    let text = site.0.read("plan.json");
    let at = text.find("\"after\":\"sha256:").unwrap() + 20;
    let mut edited = text.clone().into_bytes();
    edited[at] = if edited[at] == b'0' { b'1' } else { b'0' };
    site.0.write("edited.json", &edited);
    site.run(&["apply", "edited.json"]).expect(64);
    let old = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(8 * 24);
    altered(&site, "plan.json", "old.json", |plan| plan.sealed(old));
    site.run(&["apply", "old.json"]).expect(1).says("it expired at");
    let other = ["--target", "directory:other"];
    site.run(&[&["apply", "plan.json"], &other[..]].concat()).expect(1).says("it is for another target");
    assert!(!site.0.path().join("other/current").exists());
    // Sealed anew by somebody who knows how: the changes are still not those of git.
    altered(&site, "plan.json", "forged.json", |mut plan| {
        plan.policies.iter_mut().for_each(|policy| policy.after = policy.before.clone());
        plan.sealed(jiff::Timestamp::now())
    });
    site.run(&["apply", "forged.json"]).expect(1).says("git has version");
    assert_eq!((site.max("web"), site.generation()), (Some(10), 1));
    site.run(&["apply", "plan.json"]).expect(0);
    assert_eq!(site.max("web"), Some(20));
}

#[test]
fn a_rollback_holds_until_git_changes() {
    let site = Site::new();
    site.run(&["rollback"]).expect(64).says("nothing was ever applied");
    site.run(&["apply"]).expect(0);
    site.run(&["rollback"]).expect(64).says("the first one");
    site.change("web.lua", &policy("web", 20));
    site.run(&["plan", "-o", "plan.json"]).expect(0);
    site.run(&["apply", "plan.json"]).expect(0);
    let ran = site.run(&["rollback"]).expect(0);
    ran.says("Rolled back to generation 1").says("now at generation 3").says("web is held");
    assert_eq!(site.max("web"), Some(10));
    site.run(&["apply"]).expect(0).says("already applied").says("web is held");
    site.run(&["drift", "--detailed-exitcode"]).expect(0).says("held").says("a rollback made");
    let ran = site.run(&["apply", "plan.json"]).expect(1);
    ran.says("web: it was rolled back by generation 3, which holds until git has another version");
    // Another policy changes: the one that is held stays.
    site.change("api.lua", &policy("api", 15));
    site.run(&["apply"]).expect(0).says("~ update  api");
    assert_eq!((site.max("web"), site.max("api")), (Some(10), Some(15)));
    site.change("web.lua", &policy("web", 18));
    site.run(&["apply"]).expect(0).says("~ update  web");
    assert_eq!(site.max("web"), Some(18));
    site.run(&["rollback", "--to", "99"]).expect(64).says("generation 99 is not kept").says("1 to 4");
    site.run(&["rollback", "--to", "1"]).expect(0).says("now at generation 6");
    assert_eq!((site.max("web"), site.max("api")), (Some(10), Some(10)));
    site.run(&["rollback", "--to", "1"]).expect(0).says("live already");
    site.ledger_is_whole(6);
}

#[test]
fn a_hold_ends_where_git_goes_elsewhere_even_to_what_is_live() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &policy("web", 20));
    site.run(&["apply"]).expect(0);
    site.run(&["rollback"]).expect(0);
    site.change("web.lua", &policy("web", 10));
    site.run(&["apply"]).expect(0).says("web is no longer held").says("generation 4");
    site.run(&["apply"]).expect(0).says("already applied").says("generation 4");
    // Meant anew, the same version is a change as any other.
    site.change("web.lua", &policy("web", 20));
    site.run(&["apply"]).expect(0).says("~ update  web");
    assert_eq!(site.max("web"), Some(20));
    site.ledger_is_whole(5);
}

#[test]
fn deletions_have_to_be_allowed_and_an_empty_source_is_none() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    std::fs::remove_file(site.0.path().join("api.lua")).unwrap();
    site.commit("ann", "no api");
    let ran = site.run(&["apply"]).expect(1);
    ran.says("this would delete 1 of the 2 live policies").says("--allow-prune 1");
    assert_eq!(site.max("api"), Some(10));
    site.run(&["apply", "--allow-prune", "1"]).expect(0).says("- delete  api");
    assert_eq!((site.max("web"), site.max("api")), (Some(10), None));
    std::fs::remove_file(site.0.path().join("web.lua")).unwrap();
    site.commit("ann", "nothing");
    site.run(&["apply"]).expect(1).says("git has no policy here");
    assert_eq!(site.max("web"), Some(10));
    site.run(&["apply", "--allow-prune", "1"]).expect(0);
    site.run(&["apply"]).expect(64).says("no policy matched");
}

#[test]
fn an_older_commit_or_one_off_the_branch_is_not_applied() {
    let site = Site::new();
    site.0.write("luascale.yaml", format!("{CONFIG}approval: {{ branch: main, reviews: 0 }}\n").as_bytes());
    let first = site.commit("ann", "protect main");
    site.change("web.lua", &policy("web", 20));
    site.run(&["apply"]).expect(0);
    site.git(&["checkout", "-q", &first]);
    site.run(&["apply"]).expect(1).says("is older than the commit that is live").says("luascale rollback");
    site.git(&["checkout", "-q", "-b", "topic", "main"]);
    site.change("web.lua", &policy("web", 30));
    site.run(&["apply"]).expect(1).says("HEAD is not on main");
    assert_eq!(site.max("web"), Some(20));
    site.git(&["checkout", "-q", "main"]);
    site.git(&["merge", "-q", "topic"]);
    site.run(&["apply"]).expect(0);
    assert_eq!(site.max("web"), Some(30));
}

#[test]
fn the_ledger_shows_what_was_done_and_where_it_was_changed() {
    let site = Site::new();
    for max in [10, 20, 30] {
        site.change("web.lua", &policy("web", max + 1));
        site.run(&["apply"]).expect(0);
    }
    site.run(&["ledger", "verify"]).expect(0).says("ok live/ledger.jsonl is whole: 3 lines");
    let shown = site.run(&["ledger", "show", "--last", "1"]).expect(0);
    shown.says("apply  generation 3").says("update  web");
    assert!(!shown.stdout.contains("generation 2"));
    let whole = site.0.read("live/ledger.jsonl");
    let digest = |n: usize| {
        let line = whole.lines().nth(n).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()["digest"].as_str().unwrap().to_owned()
    };
    site.run(&["ledger", "verify", "--has", &digest(1)]).expect(0);
    site.run(&["ledger", "verify", "--has", &digest(1)[..15]]).expect(0);
    site.run(&["ledger", "verify", "--has", &digest(0)[7..19]]).expect(0);
    let other = format!("sha256:{}", "0".repeat(64));
    site.run(&["ledger", "verify", "--has", &other]).expect(1).says("no line has the digest").says(&other);
    site.run(&["ledger", "verify", "--has", "sha256:00"]).expect(64).says("this is no digest");
    site.0.write("live/ledger.jsonl", whole.replacen("\"op\":\"update\"", "\"op\":\"create\"", 1).as_bytes());
    site.run(&["ledger", "verify"]).expect(1).says("line 2  it was changed");
    let json = site.run(&["ledger", "verify", "--format", "json"]).expect(1).json();
    assert_eq!((&json["sound"], &json["faults"][0]["line"]), (&false.into(), &2.into()));
    // The tail cut off: the generations know better.
    let cut: String = whole.split_inclusive('\n').take(2).collect();
    site.0.write("live/ledger.jsonl", cut.as_bytes());
    site.run(&["ledger", "verify"]).expect(1).says("no line tells of generation 3");
    let cut: String = whole.split_inclusive('\n').take(1).collect();
    site.0.write("live/ledger.jsonl", cut.as_bytes());
    site.run(&["ledger", "verify"]).expect(1).says("its tail was cut off");
    // A damaged ledger keeps nobody from applying, and is said.
    site.change("web.lua", &policy("web", 50));
    site.0.write("live/ledger.jsonl", whole.replacen("\"op\":\"update\"", "\"op\":\"create\"", 1).as_bytes());
    site.run(&["apply"]).expect(0).says("warning: the ledger is damaged at line 2");
    site.run(&["ledger", "show", "--ledger", "none.jsonl"]).expect(64).says("there is no ledger none.jsonl");
}

#[test]
fn a_target_that_is_none_is_said_so() {
    let site = Site::new();
    site.run(&["apply", "--target", "nomad"]).expect(64).says("no kind of target is named nomad");
    site.run(&["apply", "--target", "directory:lib"]).expect(64).says("lib is in git");
    site.0.write("other/notes.json", b"{}");
    site.run(&["apply", "--target", "directory:other"])
        .expect(3)
        .says("holds notes.json, which luascale did not put there");
    site.change("luascale.yaml", "");
    // The configuration is the base's.
    site.run(&["apply"]).expect(0);
    site.run(&["rollback"]).expect(64).says("there is no target");
}
