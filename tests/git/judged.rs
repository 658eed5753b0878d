//! A change that switches off what it is judged by: `check --diff` and `ci` tell of it, and judge it by
//! what was there before.

use super::{Repo, luascale, says};

/// A policy with one warning where `unread` is set: a metric that nothing reads.
fn policy(name: &str, max: u32, unread: bool) -> String {
    let more = if unread { "\n    rps = { unit = \"per_second\", per = \"total\" }," } else { "" };
    format!(
        "policy \"{name}\" {{\n  replicas = {{ min = 2, max = {max} }},\n  metrics = {{\n    \
         cpu = {{ unit = \"ratio\", per = \"replica\", saturation = 1 }},{more}\n  }},\n  track = {{ cpu = 0.5 }},\n}}\n"
    )
}

/// A repository with these files on `main`.
fn repo(files: &[(&str, &str)]) -> Repo {
    let repo = Repo::empty();
    files.iter().for_each(|(path, text)| repo.write(path, text));
    repo.commit("Start");
    repo
}

impl Repo {
    /// Changes files on a branch: an empty text takes one away.
    fn change(&self, files: &[(&str, &str)]) {
        super::git(&self.root, &["checkout", "-q", "-b", "change"]);
        for (path, text) in files {
            match *text {
                "" => std::fs::remove_file(self.root.join(path)).unwrap(),
                text => self.write(path, text),
            }
        }
    }

    fn check(&self, more: &[&str]) -> (i32, String) {
        let mut args = vec!["check", ".", "--no-cache", "--diff", "main"];
        args.extend(more);
        luascale(&self.root, &args)
    }
}

/// Holds a change against what is said of it, before it is committed by `check --diff` and after it by
/// `ci`, where what the change weakens fails nothing.
#[track_caller]
fn told(before: &[(&str, &str)], after: &[(&str, &str)], status: i32, words: &[&str]) -> Repo {
    let repo = repo(before);
    repo.change(after);
    says(&repo.check(&[]), status, words);
    repo.commit("Change");
    let ci = luascale(&repo.root, &["ci", "--base", "main"]);
    for word in words {
        // In a commit a file of the base has no name of its own.
        assert!(ci.1.contains(word), "ci has no {word:?} in:\n{}", ci.1);
    }
    repo
}

#[test]
fn a_baseline_is_that_of_the_base_and_one_that_grows_is_told() {
    let config = "lint: { baseline: known.json }\n";
    let known = |more: &str| format!("{{\"version\": 1, \"findings\": [{more}]}}\n");
    let entry = "\n  {\"path\": \"web.lua\", \"rule\": \"unread-metric\", \"text\": \"rps = { unit = \\\"per_second\\\", per = \\\"total\\\" },\", \"count\": 1}\n";
    let (clean, full) = (policy("web", 10, false), policy("web", 10, true));
    let before = [("luascale.yaml", config), ("known.json", &known("")), ("web.lua", &clean)];
    let after = [("known.json", &*known(entry)), ("web.lua", &full)];
    let words =
        ["unread-metric", "the baseline known.json knows 1 finding that it did not know", "known.json:2"];
    let repo = told(&before, &after, 1, &words);
    // On the tree alone the finding is known.
    says(&luascale(&repo.root, &["check", ".", "--no-cache"]), 0, &["1 known to the baseline"]);
    // By the command line it is the base's too, and one that the change brings knows nothing.
    says(&repo.check(&["--baseline", "known.json"]), 1, &["unread-metric", "knows 1 finding"]);
    repo.write("new.json", &known(entry));
    says(
        &repo.check(&["--baseline", "new.json"]),
        1,
        &["unread-metric", "the baseline new.json knows 1 finding"],
    );
    // One that no repository has is the operator's.
    let outside = repo.beside("known.json");
    std::fs::write(&outside, known(entry)).unwrap();
    let given = ["--baseline", outside.to_str().unwrap()];
    let found = repo.check(&given);
    assert!(!found.1.contains("unread-metric\n"), "{}", found.1);
    says(
        &luascale(&repo.root, &["check", "--diff", "main", "--baseline", "x", "--update-baseline"]),
        64,
        &["--diff"],
    );
    // What the base knows is known in a change, too.
    let base = [("luascale.yaml", config), ("known.json", &*known(entry)), ("web.lua", &full)];
    told(&base, &[("web.lua", &full.replace("max = 10", "max = 11"))], 0, &["1 known to the baseline"]);
}

#[test]
fn a_new_suppression_is_told_wherever_it_stands() {
    let config = "policies:\n  job.lua: { replicas: { max: 4 } }\n";
    let suppressed =
        "policies:\n  # luascale: allow(same-target): by night\n  job.lua: { replicas: { max: 4 } }\n";
    let test = "policy: web\nstart: 2026-03-02T09:00:00Z\nseries: { cpu: \"0.5x9\" }\nexpect:\n  - { at: 1m, replicas: 2 }\n";
    let before = [
        ("luascale.yaml", config),
        ("job.lua", "if metrics.cpu > 1 then scale_out() end\n"),
        ("web.lua", &policy("web", 10, false)),
        ("tests/web.yaml", test),
    ];
    let lua =
        format!("-- luascale: allow-file(unread-metric, new-suppression): old\n{}", policy("web", 10, true));
    let after = [
        ("luascale.yaml", suppressed),
        ("web.lua", &*lua),
        ("tests/web.yaml", &*format!("# luascale: allow-file(samples-overlap): recorded twice\n{test}")),
    ];
    let words = [
        "luascale.yaml:2",
        "a new suppression allows same-target: by night",
        "tests/web.yaml:1",
        "a new suppression allows samples-overlap: recorded twice",
        "web.lua:1",
        "a new suppression allows unread-metric, new-suppression: old",
    ];
    let repo = told(&before, &after, 0, &words);
    // Moved, and unchanged, it is no news.
    super::git(&repo.root, &["branch", "-f", "main", "HEAD"]);
    repo.write("web.lua", &lua.replace("-- luascale", "\n-- luascale"));
    says(&repo.check(&[]), 0, &["nothing found"]);
}

#[test]
fn weaker_settings_are_told_whichever_file_has_them() {
    let strict = "lint: { fail_on: note, budget: 5 }\napproval: { branch: main, reviews: 2 }\n";
    let web = policy("web", 10, false);
    let noted = web.replace("track", "stabilization_window = { scale_in = \"5m\" },\n  track");
    let all = [
        "lint.fail_on: less fails a check",
        "approval.reviews: 0 instead of 2",
        "approval.branch",
        "lint.budget: there is none",
    ];
    for (name, before, after, words) in [
        ("taken away", vec![("luascale.yaml", strict)], vec![("luascale.yaml", "")], all.to_vec()),
        (
            "weakened",
            vec![("luascale.yaml", strict)],
            vec![(
                "luascale.yaml",
                "lint: { fail_on: never, budget: 50, ignore: [ all ], exclude: [ team ] }\napproval: { branch: next, reviews: 1, github: { check: mine } }\n",
            )],
            vec![
                "lint.fail_on: less fails a check",
                "lint.ignore: `all` is not checked",
                "lint.exclude: team is not checked",
                "lint.budget: 50 instead of 5",
                "approval.reviews: 1 instead of 2",
                "another branch is protected: next",
                "approval.github: others approve",
            ],
        ),
        (
            "nearer",
            vec![("luascale.yaml", strict)],
            vec![(
                "team/luascale.yaml",
                "lint: { fail_on: error, ignore: [ dynamics ], exclude: [ old ] }\napproval: { reviews: 1 }\nsecrets: { KEY: { env: KEY, hosts: [ a.example ] } }\n",
            )],
            vec![
                "team/luascale.yaml:1",
                "lint.fail_on: less fails",
                "lint.ignore: `dynamics`",
                "lint.exclude: team/old",
                "approval.reviews: 1 instead of 2",
                "secrets: KEY may be sent to a.example",
            ],
        ),
        (
            "nearer taken away",
            vec![("luascale.yaml", "lint: { fail_on: error }\n"), ("team/luascale.yaml", strict)],
            vec![("team/luascale.yaml", "")],
            all.to_vec(),
        ),
        (
            "allowed",
            vec![("luascale.yaml", strict)],
            vec![(
                "luascale.yaml",
                "# luascale: allow-file(weaker-settings, new-suppression): none of your business\nlint: { fail_on: never }\n",
            )],
            vec!["lint.fail_on: less fails a check", "a new suppression allows weaker-settings"],
        ),
    ] {
        let mut files = before;
        files.push(("team/web.lua", &web));
        let mut change = after;
        change.push(("team/web.lua", &noted));
        println!("{name}");
        told(&files, &change, 1, &words);
    }
    // What is stricter, or as it was, is not told.
    let stricter = "approval: { reviews: 3, branch: main }\nlint: { budget: 2, fail_on: note }\n";
    let before = [("luascale.yaml", strict), ("team/web.lua", &*web)];
    told(&before, &[("luascale.yaml", stricter), ("team/web.lua", &noted)], 0, &["nothing found"]);
}

#[test]
fn a_file_is_judged_by_the_configuration_that_it_stood_under() {
    let unread = policy("web", 10, true);
    let before = [
        ("luascale.yaml", "lint: { ignore: [ unread-metric ] }\n"),
        ("team/luascale.yaml", "lint: { select: [ unread-metric ] }\n"),
        ("team/web.lua", &*policy("web", 10, false)),
    ];
    // By what is left nobody would be told.
    let repo = told(
        &before,
        &[("team/luascale.yaml", ""), ("team/web.lua", &unread)],
        1,
        &["unread-metric", "team/web.lua:5"],
    );
    let alone = luascale(&repo.root, &["check", ".", "--no-cache"]);
    assert!(!alone.1.contains("unread-metric"), "{}", alone.1);
    // What the change excludes is checked all the same.
    let clean = policy("web", 10, false);
    let before = [("luascale.yaml", "lint: { fail_on: note }\n"), ("web.lua", &*clean)];
    let after = [("luascale.yaml", "lint: { fail_on: note, exclude: [ web.lua ] }\n"), ("web.lua", &*unread)];
    told(&before, &after, 1, &["unread-metric", "lint.exclude: web.lua is not checked any more"]);
    // And what the base excludes is not.
    let before = [
        ("luascale.yaml", "lint: { exclude: [ web.lua ] }\n"),
        ("web.lua", &*clean),
        ("api.lua", &*policy("api", 5, false)),
    ];
    let repo =
        told(&before, &[("web.lua", &unread), ("api.lua", &policy("api", 6, false))], 0, &["1 file checked"]);
    assert!(!repo.check(&[]).1.contains("unread-metric"));
}

#[test]
fn the_ceilings_of_a_change_are_held_to_a_budget() {
    let config = "lint: { budget: 8 }\n";
    let before = [
        ("luascale.yaml", config),
        ("web.lua", &*policy("web", 10, false)),
        ("api.lua", &*policy("api", 10, false)),
        ("old.lua", &*policy("old", 6, false)),
    ];
    let (web, api, new) = (policy("web", 14, false), policy("api", 14, false), policy("job", 5, false));
    told(&before, &[("web.lua", &web), ("api.lua", &api)], 0, &["nothing found"]);
    let words = [
        "budget-exceeded",
        "13 more replicas together (job +5, api +4, web +4), and",
        "luascale.yaml allows 8 in one change",
        "job.lua:2",
    ];
    told(&before, &[("web.lua", &web), ("api.lua", &api), ("job.lua", &new)], 1, &words);
    // What goes makes room.
    told(
        &before,
        &[("web.lua", &web), ("api.lua", &api), ("job.lua", &new), ("old.lua", "")],
        0,
        &["nothing found"],
    );
    // More of it is told, and not held to.
    let more = [
        ("luascale.yaml", "lint: { budget: 80 }\n"),
        ("web.lua", &*web),
        ("api.lua", &*api),
        ("job.lua", &*new),
    ];
    told(&before, &more, 1, &["lint.budget: 80 instead of 8", "budget-exceeded"]);
}

#[test]
fn ci_tells_what_a_configuration_names_and_is_not_there() {
    let web = policy("web", 10, false);
    let repo = repo(&[("web.lua", &web)]);
    repo.change(&[(
        "luascale.yaml",
        "policies:\n  gone.lua: { replicas: { max: 2 } }\n  web.lua: { replicas: { max: 2 } }\nsamples: { wbe: [ a.csv ] }\n",
    )]);
    repo.write("a.csv", "time,cpu\n");
    repo.commit("Change");
    let ci = luascale(&repo.root, &["ci", "--base", "main"]);
    says(
        &ci,
        1,
        &[
            "FAIL check",
            "there is no gone.lua",
            "so this entry is not read",
            "no policy is named \"wbe\"",
            "did you mean web?",
        ],
    );
}

#[test]
fn ci_tells_of_the_organisation_s_rules_that_a_change_takes_out() {
    let rule = "rule \"low-floor\" {\n  policy = function(p, report)\n    if p.replicas.min < 3 then report { at = p.replicas.min, message = \"too low\" } end\n  end,\n}\n";
    let before = [
        ("luascale.yaml", "lint: { rules: [ house ] }\n"),
        ("house/rules.lua", rule),
        ("web.lua", &*policy("web", 10, false)),
    ];
    let after =
        [("house/rules.lua", &*rule.replace("low-floor", "other")), ("web.lua", &*policy("web", 11, false))];
    told(&before, &after, 1, &["the organisation's rule `low-floor` is taken out", "too low"]);
}

#[test]
fn who_may_approve_from_now_on_is_told_by_name() {
    let key = |n: &str| format!("ssh-ed25519 {n}");
    let (ann, zoe) = (
        key("AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"),
        key("AAAAC3NzaC1lZDI1NTE5AAAAIJx0hT5nO5wyf1nQGqH0qkKzEo2tFnO3w1j0pXn5TQ0f"),
    );
    let list = |lines: &[(&str, &str)]| -> String {
        lines.iter().map(|(who, key)| format!("{who} namespaces=\"luascale\" {key}\n")).collect()
    };
    let one = list(&[("ann@example.com", &ann)]);
    let before = [
        ("luascale.yaml", "approval: { reviews: 1, allowed_signers: keys/signers }\n"),
        ("keys/signers", &one),
        ("web.lua", &policy("web", 10, false)),
    ];
    let two = list(&[("ann@example.com", &ann), ("zoe@example.com", &zoe)]);
    told(&before, &[("keys/signers", &two)], 1, &["zoe@example.com may approve", "keys/signers:2"]);
    // Another name of a key that was known is another person.
    let renamed = list(&[("mallory@example.com", &ann)]);
    told(&before, &[("keys/signers", &renamed)], 1, &["mallory@example.com may approve"]);
    // Fewer, and others where nobody had to approve, weaken nothing.
    let open =
        [("luascale.yaml", "lint: {}\n"), ("keys/signers", &*one), ("web.lua", &policy("web", 10, false))];
    told(&open, &[("keys/signers", &two)], 0, &["nothing found"]);
    let both = [before[0], ("keys/signers", &*two), before[2]];
    told(&both, &[("keys/signers", &one)], 0, &["nothing found"]);
}
