//! A change from the pull request to what is live and back: reviewed, fixed, approved, merged,
//! applied, drifted, rolled back; and every way in which its approval does not count.

use crate::github::Fault;
use crate::github::store::{Commit, Pull, Side, Store, files};
use crate::site::{CONFIG, Site, git, policy};
use crate::support::{Ran, run};
use crate::world::{REPOSITORY, TOKEN};
use serde_json::json;
use std::time::Duration;

const PERMISSIONS: [&str; 5] =
    ["contents:write", "pull_requests:write", "checks:write", "deployments:write", "actions:read"];

/// A repository whose requests are approved by reviews, with a protected branch.
struct Story {
    site: Site,
}

impl Story {
    fn new(main: &[(&str, &str)]) -> Story {
        Story::with(&CONFIG.replace("reviews: 1", "reviews: 1, github: {}"), main)
    }

    fn with(config: &str, main: &[(&str, &str)]) -> Story {
        let own = [("luascale.yaml", config), (".gitignore", "/live/\n")];
        let site = Site::with(&PERMISSIONS, &[&own, main].concat(), &[]);
        let story = Story { site };
        let first = story.git(&["rev-parse", "main"]);
        story.store(|store| {
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            repository.pulls.clear();
            repository.collaborators =
                [("bob".into(), "write".into()), ("ann".into(), "write".into())].into();
            let branch = json!({ "name": "main", "protected": true });
            repository.canned.insert("branches/main".into(), branch);
            repository.canned.insert("rules/branches/main".into(), json!([]));
            repository.commits.push(commit(&first, "dev", "dev"));
        });
        story
    }

    fn store<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        self.site.world.with(change)
    }

    fn pull<T>(&self, number: u64, change: impl FnOnce(&mut Pull) -> T) -> T {
        self.store(|store| change(store.pull(REPOSITORY, number)))
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.site.folder.path(), args)
    }

    /// Commits files to the branch of a request, which is opened where it is not there.
    fn push(&self, number: u64, author: &str, changed: &[(&str, &str)]) {
        let (at, branch) = (self.site.folder.path(), format!("topic-{number}"));
        let known = !self.git(&["branch", "--list", &branch]).is_empty();
        match known {
            true => self.git(&["checkout", "-q", &branch]),
            false => self.git(&["checkout", "-q", "-b", &branch]),
        };
        changed.iter().for_each(|(path, text)| drop(self.site.folder.write(path, text.as_bytes())));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
        let (base, head) = (self.git(&["rev-parse", "main"]), self.git(&["rev-parse", &branch]));
        let own = self.git(&["rev-list", &format!("main..{branch}")]);
        self.git(&["checkout", "-q", "main"]);
        let side = |branch: &str, sha: &str| Side {
            branch: branch.into(),
            sha: sha.into(),
            repository: Some(REPOSITORY.into()),
        };
        let touched = files(at, &base, &head);
        self.store(|store| {
            let pulls = &mut store.repositories.get_mut(REPOSITORY).unwrap().pulls;
            let new = Pull { number, author: author.into(), ..Pull::default() };
            let pull = pulls.entry(number).or_insert(new);
            (pull.head, pull.base, pull.files) = (side(&branch, &head), side("main", &base), touched);
            pull.commits = own.lines().map(|sha| commit(sha, author, author)).collect();
        });
        let event = json!({ "pull_request": {
            "number": number, "head": { "sha": head }, "base": { "sha": base, "ref": "main" },
        } });
        self.site.folder.write(".git/event.json", event.to_string().as_bytes());
    }

    fn approve(&self, number: u64, who: &str) {
        self.store(|store| store.review(REPOSITORY, number, who, "APPROVED"));
    }

    /// Merges by a squash, as the button does.
    fn merge(&self, number: u64) {
        let branch = format!("topic-{number}");
        self.git(&["merge", "-q", "--squash", &branch]);
        self.git(&["commit", "-q", "-m", "merged"]);
        let made = self.git(&["rev-parse", "main"]);
        self.store(|store| {
            let now = store.tick();
            let pull = store.pull(REPOSITORY, number);
            (pull.merge_commit, pull.merged_at) = (Some(made.clone()), Some(now));
            let author = pull.author.clone();
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            repository.commits.push(commit(&made, &author, "web-flow"));
        });
    }

    /// A command in the pipeline of the branch.
    fn luascale(&self, args: &[&str]) -> Ran {
        let mut command = self.site.folder.command(args, &[]);
        command.envs(self.site.environment()).env("GITHUB_RUN_ID", "9").env("GITHUB_ACTOR", "dev");
        command.env("GITHUB_REF", "refs/heads/main").env_remove("GITHUB_EVENT_PATH");
        let ran = run(command, Duration::from_secs(120));
        for said in [&ran.stdout, &ran.stderr] {
            assert!(!said.contains(TOKEN), "the token is told: {said}");
        }
        ran
    }

    /// A request that was checked, approved by bob, and merged.
    fn through(&self, number: u64, author: &str, changed: &[(&str, &str)]) {
        self.push(number, author, changed);
        self.site.review(&[]).expect(0);
        self.approve(number, "bob");
        self.merge(number);
    }

    fn live(&self) -> String {
        std::fs::read_to_string(self.site.folder.path().join("live/current/web/web.lua")).unwrap_or_default()
    }
}

fn commit(sha: &str, author: &str, committer: &str) -> Commit {
    let (author, committer) = (Some(author.to_owned()), Some(committer.to_owned()));
    Commit { sha: sha.into(), author, committer, ..Commit::default() }
}

#[test]
fn a_change_goes_from_the_request_to_the_target_and_back() {
    let story = Story::new(&[("web.lua", &policy("web", 4, ""))]);
    // Opened with a fault, and reviewed.
    story.push(7, "ann", &[("web.lua", &policy("web", 8, "goal = 0.6\n"))]);
    story.site.review(&[]).expect(1);
    let suggestion = "```suggestion\nlocal goal = 0.6\n```";
    story.pull(7, |pull| assert!(pull.open().iter().any(|(.., body)| body.contains(suggestion))));
    // Approved as it is: the check did not succeed, and nothing is merged.
    story.approve(7, "bob");
    let nothing = story.luascale(&["apply"]).expect(1);
    nothing.says("nothing was applied").says("it came by no pull request that was merged into main");
    // Fixed, and approved again.
    let fixed = policy("web", 8, "local goal = 0.6\n").replace("cpu = 0.6", "cpu = goal");
    story.push(7, "ann", &[("web.lua", &fixed)]);
    story.site.review(&[]).expect(0);
    let faults =
        |pull: &mut Pull| pull.open().iter().filter(|(.., body)| body.contains("implicit-global")).count();
    assert_eq!(story.pull(7, faults), 0);
    story.approve(7, "bob");
    story.merge(7);
    story.luascale(&["apply"]).expect(0).says("approved by bob (review ");
    assert_eq!(story.live(), fixed);
    let ledger = story.luascale(&["ledger", "show", "--format", "json"]).expect(0);
    for part in ["bob (review ", " of #7)", "/actions/runs/9"] {
        ledger.says(part);
    }
    // GitHub shows the same as the ledger.
    let deployed = story.store(|store| store.repositories[REPOSITORY].deployments.clone());
    assert_eq!(deployed.len(), 1);
    assert_eq!(deployed[0]["ref"], json!(story.git(&["rev-parse", "main"])));
    let states: Vec<_> =
        deployed[0]["statuses"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, ["in_progress", "success"]);
    let last = deployed[0]["statuses"][1]["description"].as_str().unwrap();
    assert!(last.starts_with("generation 1, ledger line 1 "), "{last}");
    story.luascale(&["apply"]).expect(0).says("already applied");
    story.luascale(&["drift", "--detailed-exitcode"]).expect(0);
    // Another change, by somebody else.
    let wider = fixed.replace("max = 8", "max = 9");
    story.through(8, "zoe", &[("web.lua", &wider)]);
    story.luascale(&["apply"]).expect(0).says("approved by bob");
    assert_eq!(story.live(), wider);
    // Somebody changes what is live by hand.
    let by_hand = story.site.folder.path().join("live/current/web/web.lua");
    std::fs::write(&by_hand, wider.replace("max = 9", "max = 90")).unwrap();
    story.luascale(&["drift", "--detailed-exitcode"]).expect(2).says("drifted");
    // Nobody was shown that it would be put back.
    story.luascale(&["apply"]).expect(1).says("its check states another change of this policy");
    // And back to what was live first, which had an approval.
    story.luascale(&["rollback"]).expect(0);
    assert_eq!(story.live(), fixed);
    story.luascale(&["drift"]).expect(0).says("held");
    story.luascale(&["apply"]).expect(0);
    assert_eq!(story.live(), fixed, "a rollback holds until git changes");
    story.luascale(&["ledger", "verify"]).expect(0);
}

#[test]
fn an_approval_that_is_not_whole_applies_nothing() {
    let story = Story::new(&[("web.lua", &policy("web", 4, "")), (".github/CODEOWNERS", "* @bob\n")]);
    story.through(7, "ann", &[("web.lua", &policy("web", 8, ""))]);
    let whole = story.store(|store| store.clone());
    type Break = fn(&mut Store);
    let table: [(&str, Break, &str); 9] = [
        ("the author's own", |s| s.pull(REPOSITORY, 7).author = "bob".into(), "bob opened it"),
        (
            "a co-author's",
            |s| s.pull(REPOSITORY, 7).commits[0].co_authors = vec![Some("bob".into())],
            "bob has a hand in",
        ),
        ("of an unknown author", |s| s.pull(REPOSITORY, 7).commits[0].author = None, "no account for"),
        (
            "by who may not write",
            |s| {
                s.repositories.get_mut(REPOSITORY).unwrap().collaborators.clear();
            },
            "bob may not write",
        ),
        (
            "of an earlier push",
            |s| s.pull(REPOSITORY, 7).reviews.last_mut().unwrap().commit = "9".repeat(40),
            "bob approved 999999999",
        ),
        (
            "before the check",
            |s| s.pull(REPOSITORY, 7).reviews.iter_mut().for_each(|r| r.submitted = 1),
            "before the check had said",
        ),
        (
            "of a check that somebody else made",
            |s| {
                s.repositories.get_mut(REPOSITORY).unwrap().checks[0].app.id = 7;
            },
            "of the app 7, not of 15368",
        ),
        (
            "of a branch that anybody may push to",
            |s| {
                let branch = json!({ "name": "main", "protected": false });
                s.repositories.get_mut(REPOSITORY).unwrap().canned.insert("branches/main".into(), branch);
            },
            "main is not protected",
        ),
        (
            "another stands in the way",
            |s| {
                s.review(REPOSITORY, 7, "ann", "CHANGES_REQUESTED");
            },
            "ann asks for changes",
        ),
    ];
    for (what, broken, said) in table {
        story.store(|store| {
            *store = whole.clone();
            broken(store);
        });
        let ran = story.luascale(&["apply"]).expect(1);
        assert!(ran.stderr.contains(said), "{what}:\n{}", ran.stderr);
        assert_eq!(story.live(), "", "{what}");
    }
    story.store(|store| *store = whole.clone());
    // A server that does not answer, and a token that may not see, are no approval.
    story.site.world.fail("latestOpinionatedReviews", 0, 9, Fault::Answer(500, vec![], "{}".into()));
    story.luascale(&["apply"]).expect(3).says("GitHub cannot be asked who approved this");
    assert_eq!(story.live(), "");
}

#[test]
fn what_is_pushed_past_the_requests_is_not_applied() {
    let story = Story::new(&[("web.lua", &policy("web", 4, ""))]);
    story.through(7, "ann", &[("web.lua", &policy("web", 8, ""))]);
    story.luascale(&["apply"]).expect(0);
    story.site.folder.write("web.lua", policy("web", 80, "").as_bytes());
    story.git(&["commit", "-q", "-a", "-m", "by hand"]);
    let pushed = story.git(&["rev-parse", "main"]);
    story.store(|store| {
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        repository.commits.push(commit(&pushed, "ann", "ann"));
    });
    story.luascale(&["apply"]).expect(1).says("it came by no pull request that was merged into main");
    // Nor does the next request bring it along that was cut before it, and knows nothing of it.
    story.git(&["branch", "topic-8", "main~1"]);
    story.through(8, "zoe", &[("queue.lua", &policy("queue", 4, ""))]);
    story.luascale(&["apply"]).expect(1).says("web: commit ").says("came by no pull request");
    assert_eq!(story.live(), policy("web", 8, ""));
    // One that shows it to whoever approves does.
    story.through(9, "zoe", &[("other.lua", &policy("other", 4, ""))]);
    story.pull(9, |pull| assert!(pull.said()[0].contains("80"), "{}", pull.said()[0]));
    story.luascale(&["apply"]).expect(0);
    assert_eq!(story.live(), policy("web", 80, ""));
}

#[test]
fn an_environment_approves_the_run_of_the_very_commit() {
    let config = CONFIG.replace("reviews: 1", "reviews: 1, github: { environment: production }");
    let story = Story::with(&config, &[("web.lua", &policy("web", 4, ""))]);
    story.push(7, "ann", &[("web.lua", &policy("web", 8, ""))]);
    story.merge(7);
    let said = |who: &str, sha: &str| {
        let run = json!({ "id": 9, "head_sha": sha });
        let approvals = json!([{
            "state": "approved", "comment": "", "environments": [{ "id": 1, "name": "production" }],
            "user": { "login": who, "type": "User" },
        }]);
        story.store(|store| {
            let canned = &mut store.repositories.get_mut(REPOSITORY).unwrap().canned;
            canned.insert("actions/runs/9".into(), run);
            canned.insert("actions/runs/9/approvals".into(), approvals);
        });
        story.luascale(&["apply"])
    };
    let head = story.git(&["rev-parse", "main"]);
    said("bob", &"9".repeat(40)).expect(1).says("the run is of 999999999");
    said("ann", &head).expect(1).says("ann has a hand in");
    said("bob", &head).expect(0).says("approved by bob");
    let deployed = story.store(|store| store.repositories[REPOSITORY].deployments[0].clone());
    assert_eq!(deployed["environment"], "production");
}

#[test]
fn a_deployment_that_may_not_be_written_keeps_nobody_from_applying() {
    let story = Story::new(&[("web.lua", &policy("web", 4, ""))]);
    story.through(7, "ann", &[("web.lua", &policy("web", 8, ""))]);
    story.store(|store| store.actions(TOKEN, &["contents:read", "pull_requests:read"]));
    story.luascale(&["apply"]).expect(0).says("GitHub shows no deployment of this");
    assert_eq!(story.live(), policy("web", 8, ""));
}
