//! Requests that want more than a review: what they say acts nowhere, what they run sees nothing, and
//! what they configure counts for nothing.

use crate::site::{CONFIG, Site, policy};
use crate::world::{REPOSITORY, TOKEN};
use std::time::{Duration, Instant};

/// What a check run shows as plain text, which no Markdown is read in.
fn annotated(site: &Site) -> String {
    let all = site.checks().into_iter().flat_map(|check| check.annotations);
    all.map(|a| format!("{}\n{}\n", a["title"], a["message"])).collect()
}

/// All that a review wrote and GitHub reads as Markdown: bodies and summaries.
fn written(site: &Site) -> String {
    let pull = site.pull();
    let mut all: Vec<String> = pull.conversation.iter().map(|c| c.body.clone()).collect();
    all.extend(pull.reviews.iter().map(|r| r.body.clone()));
    all.extend(pull.threads.iter().flat_map(|t| t.comments.iter().map(|c| c.body.clone())));
    for check in site.checks() {
        all.extend([check.title, check.summary]);
    }
    all.join("\n\n")
}

/// Text as GitHub would read it for mentions, links and images: outside of fences.
fn live(text: &str) -> String {
    let mut fence: Option<String> = None;
    let mut out = String::new();
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

#[test]
fn names_and_messages_act_nowhere() {
    let name = "x --> ``` @everyone fixes #1 closes GH-2 ![a](https://evil.example/p.png) ::set-env name=A::b <img src=x> | a";
    let change = format!("goal = 0.6 -- @everyone \u{202e}rtl\n{}", policy(name, 90, ""));
    let site = Site::new(&[("web.lua", &policy(name, 4, ""))], &[("web.lua", &change)]);
    let ran = site.review_with(&[], &[("GITHUB_ACTIONS", "true")]);
    assert!(ran.status == 0 || ran.status == 1, "{}{}", ran.stdout, ran.stderr);
    let all = written(&site);
    assert!(all.contains("everyone"), "the name is told: {all}");
    // References that are resolved, and what GitHub does not take for a mention or an issue.
    let text =
        (32..127u8).fold(live(&all), |text, c| text.replace(&format!("&#{c};"), &char::from(c).to_string()));
    for sign in ["@everyone", "#1", "GH-2"] {
        assert!(!text.contains(sign), "{sign} in {text}");
    }
    let plain = annotated(&site);
    assert!(plain.contains("everyone"), "the name is told: {plain}");
    for sign in ["@everyone", "#1", "GH-2", "\u{202e}"] {
        assert!(!plain.contains(sign), "{sign} in {plain}");
    }
    for sign in ["](http", "<img", "https://evil", "\u{202e}", "```suggestion"] {
        assert!(!all.contains(sign), "{sign} in {all}");
    }
    // Comments of HTML are markers, each alone on the first line of its comment.
    for comment in site.pull().conversation.iter().map(|c| c.body.clone()) {
        let ends = comment.matches("-->").count();
        assert_eq!((ends, comment.lines().next().unwrap().ends_with("-->")), (1, true), "{comment}");
    }
    // Nothing that a runner would take for a command of this text's.
    let commands = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("::")).count();
    assert_eq!((commands(&ran.stdout), commands(&ran.stderr)), (0, 0), "{}{}", ran.stdout, ran.stderr);
    // And on the lowest rung the commands are luascale's own.
    site.world.with(|store| store.actions(TOKEN, &["contents:read"]));
    site.world.with(|store| store.pull(REPOSITORY, 7).conversation.clear());
    let ran = site.review_with(&["--scope", "x"], &[("GITHUB_ACTIONS", "true")]);
    for line in
        ran.stdout.lines().chain(ran.stderr.lines()).filter(|line| line.trim_start().starts_with("::"))
    {
        assert!(line.starts_with("::warning file=") || line.starts_with("::error file="), "{line}");
    }
}

#[test]
fn policy_code_sees_no_token_and_writes_no_file() {
    let busy = "local till = 0\nfor i = 1, 3e8 do till = till + i end\n";
    let site = Site::new(&[("web.lua", &policy("web", 4, ""))], &[("web.lua", &policy("web", 5, busy))]);
    let mut command = site.folder.command(&["review", "--load-timeout", "5s"], &[]);
    command.envs(site.environment()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let (begun, mut looked) = (Instant::now(), 0);
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60) {
        for worker in workers(child.id()) {
            let Ok(environ) = std::fs::read(format!("/proc/{worker}/environ")) else { continue };
            let words = std::fs::read(format!("/proc/{worker}/cmdline")).unwrap_or_default();
            // Until it has become luascale's worker, it is a copy that runs no policy.
            if !String::from_utf8_lossy(&words).contains("__worker") {
                continue;
            }
            looked += 1;
            let environ = String::from_utf8_lossy(&environ);
            assert!(!environ.contains(TOKEN) && !environ.contains("GITHUB"), "{environ}");
            assert!(!String::from_utf8_lossy(&words).contains(TOKEN));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait().unwrap();
    assert!(looked > 0, "no worker was seen");
    // What code tries is a finding, and no file is there.
    let tries = "local a = os.getenv(\"GITHUB_TOKEN\")\nlocal f = io.open(\"pwned\", \"w\")\nprint(\"::set-env name=A::b\")\n";
    site.push(&[("web.lua", &policy("web", 5, tries))]);
    let ran = site.review(&[]).expect(1);
    assert!(!site.folder.path().join("pwned").exists());
    assert!(!ran.stdout.contains("\n::") && !ran.stdout.starts_with("::") && !ran.stderr.contains("\n::"));
    assert!(!written(&site).contains(TOKEN));
}

/// The children of a process, and theirs.
fn workers(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(entry.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    found
}

#[test]
fn a_link_out_of_the_repository_is_named_and_not_followed() {
    let site = Site::new(&[("web.lua", &policy("web", 4, ""))], &[("web.lua", &policy("web", 5, ""))]);
    let at = site.folder.path();
    crate::site::git(at, &["checkout", "-q", "topic"]);
    std::os::unix::fs::symlink("/etc/passwd", at.join("evil.lua")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at.join("README.md")).unwrap();
    site.commit();
    site.review(&[]);
    let all = written(&site);
    assert!(!all.contains("root:"), "{all}");
    assert!(all.contains("evil.lua"), "it is named: {all}");
}

#[test]
fn a_huge_file_is_left_out_and_the_rest_is_reviewed() {
    let site = Site::new(&[("web.lua", &policy("web", 4, ""))], &[("web.lua", &policy("web", 90, ""))]);
    let at = site.folder.path();
    crate::site::git(at, &["checkout", "-q", "topic"]);
    site.folder.write("huge.lua", &vec![b'-'; 100 << 20]);
    site.commit();
    let begun = Instant::now();
    let ran = site.review(&[]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(ran.status == 0 || ran.status == 1, "{}{}", ran.stdout, ran.stderr);
    let all = written(&site);
    assert!(all.contains("huge.lua") && all.contains("4 → 90"), "{all}");
    assert!(all.len() < 1 << 20);
}

#[test]
fn configuration_that_turns_rules_off_does_not_count_and_is_told() {
    let lenient = format!("{CONFIG}lint: {{ ignore: [implicit-global], fail_on: never }}\n");
    let site = Site::new(
        &[("web.lua", &policy("web", 4, ""))],
        &[("web.lua", &policy("web", 4, "goal = 0.6\n")), ("luascale.yaml", &lenient)],
    );
    site.review(&[]).expect(1);
    let all = written(&site);
    assert!(all.contains("implicit-global"), "the rules are those of the base: {all}");
    assert!(all.contains("weaker-settings"), "what weakens them is told: {all}");
    assert!(site.pull().open().iter().any(|(path, ..)| *path == "luascale.yaml"));
    assert_eq!(site.checks()[0].conclusion.as_deref(), Some("failure"));
    // To take the whole configuration away is no way around it.
    let site = Site::new(
        &[("web.lua", &policy("web", 4, ""))],
        &[("web.lua", &policy("web", 4, "goal = 0.6\n")), ("luascale.yaml", "")],
    );
    site.review(&[]).expect(1);
    assert!(written(&site).contains("weaker-settings"), "{}", written(&site));
}

#[test]
fn a_marker_that_a_stranger_wrote_hides_nothing() {
    let site =
        Site::new(&[("web.lua", &policy("web", 4, ""))], &[("web.lua", &policy("web", 4, "goal = 0.6\n"))]);
    let told = site.review(&["--dry-run", "--format", "json"]).expect(1).json();
    let summary = told["operations"][0]["body"].as_str().unwrap().to_owned();
    let inline = told["operations"][1]["comments"][0]["body"].as_str().unwrap().to_owned();
    site.world.with(|store| {
        for body in [summary, inline] {
            let (id, created) = (store.number(), store.tick());
            let comment = crate::github::store::Comment {
                id,
                author: "mallory".into(),
                body,
                created,
                minimised: None,
            };
            store.pull(REPOSITORY, 7).conversation.push(comment);
        }
    });
    site.review(&[]).expect(1);
    let pull = site.pull();
    assert_eq!((pull.conversation.len(), pull.threads.len()), (3, 1));
    assert!(pull.conversation[..2].iter().all(|c| c.author == "mallory" && c.minimised.is_none()));
}
