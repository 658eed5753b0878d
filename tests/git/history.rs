//! `log` and `bisect`: a policy's story, and the commit that changed a decision.

use super::{POLICY, Repo, follows, git, luascale, says};
use std::path::PathBuf;

#[test]
fn a_story_goes_over_merges_renames_and_commits_that_do_not_load() {
    let repo = Repo::new();
    repo.ceiling(11);
    repo.write("web.lua", "policy \"web\" {");
    repo.commit("Broken");
    repo.ceiling(12);
    git(&repo.root, &["checkout", "-q", "-b", "topic"]);
    repo.ceiling(20);
    git(&repo.root, &["checkout", "-q", "main"]);
    repo.write("other.txt", "x");
    repo.commit("Beside");
    git(&repo.root, &["merge", "-q", "--no-ff", "-m", "Merge", "topic"]);
    git(&repo.root, &["mv", "web.lua", "shop.lua"]);
    repo.write("shop.lua", &POLICY.replace("\"web\"", "\"shop\"").replace("max = 10", "max = 20"));
    repo.commit("Rename");
    let (_, json) = luascale(&repo.root, &["log", "shop", "--format", "json"]);
    follows("log.schema.json", &serde_json::from_str(&json).unwrap());
    let found = luascale(&repo.root, &["log", "shop"]);
    says(
        &found,
        0,
        &[
            "Rename",
            "renamed from web",
            "12 → 20",
            "10 → 11",
            "does not load here: skipped",
            "added: replicas 2 to 10",
        ],
    );
    assert!(!found.1.contains("Beside") && !found.1.contains("Merge"), "{}", found.1);
    says(&luascale(&repo.root, &["log", "shpo"]), 64, &["did you mean shop?"]);
}

#[test]
fn the_commit_that_changed_a_decision_is_found() {
    let repo = Repo::new();
    let rows: String = (0..30).map(|at| format!("2026-01-01T00:{at:02}:00Z,3,4\n")).collect();
    std::fs::write(repo.beside("day.csv"), format!("time,cpu,replicas\n{rows}")).unwrap();
    for max in [9, 8] {
        repo.ceiling(max);
    }
    let guilty = repo.ceiling(5);
    repo.ceiling(4);
    let args = [
        "bisect",
        "web",
        "--sample",
        "../day.csv",
        "--at",
        "00:20",
        "--expect",
        "replicas >= 8",
        "--loop",
        "closed",
    ];
    let found = luascale(&repo.root, &args);
    says(&found, 1, &["no longer holds", &guilty[..9], "8 → 5"]);
    says(
        &luascale(
            &repo.root,
            &["bisect", "web", "--sample", "../day.csv", "--at", "00:20", "--expect", "cpu > 3"],
        ),
        64,
        &["replicas >= 10"],
    );
    let ask = |at: &str, expect: &str| {
        luascale(&repo.root, &["bisect", "web", "--at", at, "--expect", expect, "--loop", "closed"])
    };
    says(&ask("00:20", "replicas >= 8"), 64, &["there is no recording"]);
    std::fs::copy(repo.beside("day.csv"), repo.root.join("day.csv")).unwrap();
    repo.write("luascale.yaml", "samples:\n  web: [day.csv]\n");
    repo.commit("Record a day");
    says(&ask("00:20", "replicas >= 8"), 1, &["no longer holds", &guilty[..9]]);
    says(
        &ask("00:20", "replicas >= 900"),
        1,
        &["holds neither at", "(replicas 10)", "nor at", "(replicas 4)"],
    );
    says(&ask("00:20", "replicas >= 1"), 0, &["holds both at", "and at"]);
    let outside = "from 2026-01-01 00:00:00 UTC to 2026-01-01 00:29:00 UTC";
    says(&ask("2026-02-01T00:00:00Z", "replicas >= 8"), 64, &["nothing is recorded at", outside]);
}

/// The last commits of a repository alone.
fn shallow(repo: &Repo, depth: &str) -> PathBuf {
    let clone = repo.beside(&format!("shallow{depth}"));
    let url = format!("file://{}", repo.root.display());
    git(&repo.root, &["clone", "-q", "--depth", depth, &url, &clone.to_string_lossy()]);
    clone
}

#[test]
fn a_story_that_a_shallow_clone_cuts_off_says_so_and_tells_the_rest() {
    let repo = Repo::new();
    let first = repo.ceiling(11);
    repo.ceiling(12);
    repo.ceiling(13);
    let clone = shallow(&repo, "3");
    let found = luascale(&clone, &["log", "web"]);
    let begins = format!("this shallow clone begins at {}", &first[..9]);
    says(
        &found,
        0,
        &["12 → 13", "11 → 12", "as it is here: replicas 2 to 11", &begins, "a fetch-depth of 0"],
    );
    // What the first commit did is not known: the policy was there before.
    assert!(!found.1.contains("added"), "{}", found.1);
    assert_eq!(found.1.matches("cut off").count(), 1, "{}", found.1);
    let told = |clone: &PathBuf| -> serde_json::Value {
        let (status, text) = luascale(clone, &["log", "web", "--format", "json"]);
        assert_eq!(status, 0, "{text}");
        // The note is beside the document.
        serde_json::from_str(text.split("\nnote: ").next().unwrap()).unwrap()
    };
    let json = told(&clone);
    follows("log.schema.json", &json);
    assert_eq!(json["shallow"], true);
    let cuts: Vec<bool> =
        json["commits"].as_array().unwrap().iter().map(|c| c["cut"].as_bool().unwrap()).collect();
    assert_eq!(cuts, [false, false, true]);
    assert_eq!(json["commits"][2]["change"], serde_json::Value::Null);
    // A story that the clone has in whole is not cut.
    repo.write("new.lua", &POLICY.replace("web", "new"));
    repo.commit("Another");
    let clone = shallow(&repo, "2");
    let found = luascale(&clone, &["log", "new"]);
    says(&found, 0, &["added: replicas 2 to 10"]);
    assert!(!found.1.contains("shallow"), "{}", found.1);
    // Neither is that of a clone that is whole.
    let json = told(&repo.root);
    assert_eq!((&json["shallow"], &json["commits"][3]["change"]["fate"]), (&false.into(), &"added".into()));
}

#[test]
fn a_bisection_of_a_shallow_clone_finds_what_it_has_and_says_what_it_lacks() {
    let repo = Repo::new();
    let rows: String = (0..30).map(|at| format!("2026-01-01T00:{at:02}:00Z,3,4\n")).collect();
    repo.write("day.csv", &format!("time,cpu,replicas\n{rows}"));
    repo.ceiling(9);
    let guilty = repo.ceiling(5);
    repo.ceiling(4);
    let args = [
        "bisect",
        "web",
        "--sample",
        "day.csv",
        "--at",
        "00:20",
        "--expect",
        "replicas >= 8",
        "--loop",
        "closed",
    ];
    // The commit and the one before it are there: nothing is missing.
    let found = luascale(&shallow(&repo, "3"), &args);
    says(&found, 1, &["no longer holds", &guilty[..9]]);
    assert!(!found.1.contains("shallow"), "{}", found.1);
    // The one before it is not, so that it cannot be told from which commit on.
    let found = luascale(&shallow(&repo, "2"), &args);
    let begins = format!("this shallow clone begins at {}", &guilty[..9]);
    says(
        &found,
        1,
        &["holds neither at", "(replicas 5)", "nor at", "(replicas 4)", &begins, "a fetch-depth of 0"],
    );
    let found = luascale(&shallow(&repo, "1"), &args);
    says(&found, 1, &["the only version: replicas 4", "a fetch-depth of 0"]);
}
