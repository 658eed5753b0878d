//! What a change is held against: every luascale.yaml of its base, the nearer over the farther,
//! and the organisation's rules that they name.

use super::Site;
use super::support::Folder;

const RULE: &str = "rule \"low-floor\" {
  why = \"Two are the least.\",
  policy = function(p, report)
    if p.replicas.min < 2 then
      report { at = p.replicas.min, message = p.name .. \" may be alone\" }
    end
  end,
}
";

const CONFIG: &str = "apply: { directory: { path: live } }
approval: { branch: main, reviews: 1 }
lint: { rules: [ house ] }
";

fn policy(min: u32, max: u32) -> String {
    format!(
        "policy \"web\" {{
  replicas = {{ min = {min}, max = {max} }},
  metrics = {{ cpu = prometheus {{ query = \"avg(cpu)\", unit = \"ratio\", per = \"replica\", saturation = 1 }} }},
  track = {{ cpu = 0.6 }},
}}
"
    )
}

/// A repository with a configuration at its root and one below, where the policy is; the change
/// is made on a branch of its own.
fn nested() -> Site {
    let site = Site(Folder::with(&[
        ("luascale.yaml", CONFIG),
        ("house/rules.lua", RULE),
        ("services/luascale.yaml", "lint: { fail_on: warning }\n"),
        ("services/web.lua", &policy(2, 10)),
        (".gitignore", "/live/\n/*.json\n"),
    ]));
    site.git(&["init", "-q", "-b", "main"]);
    site.commit("ann", "begin");
    site.git(&["checkout", "-q", "-b", "change"]);
    site
}

#[test]
fn what_stands_above_the_policy_root_is_in_force_there() {
    let site = nested();
    site.change("services/web.lua", &policy(2, 12));
    let ran = site.run(&["plan", "-o", "plan.json"]).expect(0);
    assert!(ran.stdout.contains("approval 1 person"), "{}", ran.stdout);
    site.git(&["checkout", "-q", "main"]);
    site.git(&["merge", "-q", "--ff-only", "change"]);
    let ran = site.run(&["apply"]).expect(1);
    assert!(ran.stderr.contains("nothing was applied to the directory live"), "{}", ran.stderr);
    assert!(ran.stderr.contains("needs the approval of 1 person"), "{}", ran.stderr);
    assert!(!site.0.path().join("live").exists() && !site.0.path().join("services/live").exists());
}

#[test]
fn a_change_does_not_choose_what_it_is_held_against() {
    let site = nested();
    let digest = |site: &Site| -> serde_json::Value {
        site.run(&["plan", "-o", "plan.json"]).expect(0);
        serde_json::from_str::<serde_json::Value>(&site.0.read("plan.json")).unwrap()["config"].clone()
    };
    let before = digest(&site);
    // A nearer configuration that asks for nothing, and one farther that is gone.
    site.0.write("services/luascale.yaml", b"approval: { reviews: 0 }\nlint: { ignore: [ low-floor ] }\n");
    site.0.write("services/deep/luascale.yaml", b"approval: { reviews: 0 }\n");
    site.git(&["mv", "services/web.lua", "services/deep/web.lua"]);
    site.git(&["rm", "-q", "-f", "luascale.yaml", "house/rules.lua"]);
    site.0.write("services/deep/web.lua", policy(1, 10).as_bytes());
    site.commit("ann", "ask nobody");
    let ran = site.run(&["plan", "-o", "plan.json"]).expect(0);
    assert!(ran.stdout.contains("approval 1 person"), "{}", ran.stdout);
    assert_eq!(digest(&site), before, "what is in force is the same");
    let plan: serde_json::Value = serde_json::from_str(&site.0.read("plan.json")).unwrap();
    assert_eq!(plan["policies"][0]["lint"]["warnings"], 1, "the rule of the base looked: {plan:#}");
    let ran = site.run(&["ci"]).expect(1);
    assert!(ran.stdout.contains("low-floor") && ran.stdout.contains("web may be alone"), "{}", ran.stdout);
}

#[test]
fn rules_that_changed_at_the_base_make_a_plan_stale() {
    let site = nested();
    site.change("services/web.lua", &policy(2, 12));
    site.run(&["plan", "-o", "plan.json"]).expect(0);
    site.git(&["checkout", "-q", "main"]);
    site.change("house/rules.lua", &RULE.replace("< 2", "< 3"));
    site.git(&["merge", "-q", "--no-edit", "change"]);
    let ran = site.run(&["apply", "plan.json"]).expect(1);
    assert!(ran.stderr.contains("is not that of the base now"), "{}", ran.stderr);
}

#[test]
fn a_plan_for_a_new_directory_fits_no_other_new_one() {
    let site = Site::new();
    site.run(&["plan", "--target", "directory:one", "-o", "plan.json"]).expect(0);
    let ran = site.run(&["apply", "plan.json", "--target", "directory:two"]).expect(1);
    ran.says("it is for another target: a new directory at another path");
    assert!(!site.0.path().join("two").exists());
    site.run(&["apply", "plan.json", "--target", "directory:one"]).expect(0);
    // Done already: by the path it had, and not on another directory that has a past by now.
    site.run(&["apply", "plan.json", "--target", "directory:one"]).expect(0).says("already applied");
    // Another clone has the same path, wherever it lies.
    let inside = Folder::with(&[]);
    let url = site.0.path().display().to_string();
    site.git(&["clone", "-q", &url, &inside.path().display().to_string()]);
    inside.write("plan.json", site.0.read("plan.json").as_bytes());
    inside.luascale(&["apply", "plan.json", "--target", "directory:one"]).expect(0);
}

#[test]
fn where_it_cannot_be_told_what_is_older_nothing_is_applied() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    for max in [11, 12] {
        site.change("web.lua", &super::policy("web", max));
    }
    let inside = Folder::with(&[]);
    let url = format!("file://{}", site.0.path().display());
    let path = inside.path().display().to_string();
    site.git(&["clone", "-q", "--depth", "2", &url, &path]);
    let target = format!("directory:{}", site.0.path().join("live").display());
    let apply = ["apply", "--target", &target];
    inside.luascale(&apply).expect(1).says("is not in this clone").says("a fetch-depth of 0");
    assert_eq!((site.max("web"), site.generation()), (Some(10), 1));
    site.git(&["-C", &path, "fetch", "-q", "--unshallow"]);
    inside.luascale(&apply).expect(0);
    // In no branch any more: a plan of just these changes says that they are meant.
    let here = site.change("web.lua", &super::policy("web", 13));
    site.run(&["apply"]).expect(0);
    site.git(&["reset", "-q", "--hard", "HEAD~1"]);
    site.git(&["reflog", "expire", "--expire=now", "--all"]);
    site.git(&["gc", "-q", "--prune=now"]);
    site.change("web.lua", &super::policy("web", 14));
    site.run(&["apply"]).expect(1).says(&format!("the commit that is live ({})", &here[..9]));
    site.run(&["plan", "-o", "plan.json"]).expect(0);
    site.run(&["apply", "plan.json"]).expect(0);
    assert_eq!(site.max("web"), Some(14));
}
