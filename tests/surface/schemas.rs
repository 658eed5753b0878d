//! The JSON of what is done to targets keeps to its schemas.

use super::support::Folder;
use super::{policy, site};
use serde_json::Value;

/// Asserts that a document keeps to a schema.
#[track_caller]
fn follows(schema: &str, document: &Value) {
    let path = format!("{}/docs/schema/{schema}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
}

fn json(site: &Folder, args: &[&str], status: i32) -> Value {
    site.luascale(&[args, &["--format", "json"]].concat()).expect(status).json()
}

#[test]
fn what_is_done_to_a_target_is_told_as_the_schemas_say() {
    let site = site();
    let mut states = Vec::new();
    let mut drift = |site: &Folder| {
        let told = json(site, &["drift"], 0);
        follows("drift", &told);
        let all = told["policies"].as_array().unwrap().iter();
        states.extend(all.map(|policy| policy["state"].as_str().unwrap().to_owned()));
    };
    drift(&site);
    follows("apply", &json(&site, &["apply"], 0));
    follows("apply", &json(&site, &["apply"], 0));
    drift(&site);
    site.write("web.lua", policy("web", 30).as_bytes());
    site.commit("ann", "more still");
    drift(&site);
    site.write("live/current/web/web.lua", policy("web", 11).as_bytes());
    site.write("live/notes.txt", b"mine");
    drift(&site);
    site.write("live/current/web/web.lua", b"policy {");
    drift(&site);
    site.luascale(&["apply"]).expect(0);
    site.write("live/current/web/more.lua", b"return 1");
    drift(&site);
    std::fs::remove_file(site.path().join("live/current/web/.policy.json")).unwrap();
    drift(&site);
    std::fs::remove_dir_all(site.path().join("live/current/web")).unwrap();
    drift(&site);
    for max in [40, 50] {
        site.write("web.lua", policy("web", max).as_bytes());
        site.commit("ann", "again");
        site.luascale(&["apply"]).expect(0);
    }
    follows("apply", &json(&site, &["rollback"], 0));
    drift(&site);
    states.sort();
    states.dedup();
    assert_eq!(states, ["conflict", "drifted", "held", "in_sync", "pending"]);
    let shown = json(&site, &["ledger", "show"], 0);
    follows("ledger-show", &shown);
    assert_eq!(shown["lines"].as_array().unwrap().len(), 5);
    // The lines are those of the file.
    for (line, written) in
        shown["lines"].as_array().unwrap().iter().zip(site.read("live/ledger.jsonl").lines())
    {
        assert_eq!(serde_json::from_str::<Value>(written).unwrap(), *line);
    }
    follows("ledger-verify", &json(&site, &["ledger", "verify"], 0));
    let text = site.read("live/ledger.jsonl").replacen("\"op\":\"update\"", "\"op\":\"create\"", 1);
    site.write("live/ledger.jsonl", text.as_bytes());
    follows("ledger-verify", &json(&site, &["ledger", "verify"], 1));
    std::fs::remove_file(site.path().join("live/ledger.jsonl")).unwrap();
    follows("ledger-verify", &json(&site, &["ledger", "verify"], 1));
}

#[test]
fn a_line_of_the_ledger_fits_a_terminal_whoever_did_it() {
    let site = site();
    let pipeline = [
        ("GITHUB_SERVER_URL", "https://github.example.com"),
        ("GITHUB_REPOSITORY", "an-organisation-with-a-long-name/a-repository-with-a-longer-one"),
        ("GITHUB_RUN_ID", "1234567890"),
        ("GITHUB_ACTOR", "somebody-or-other"),
    ];
    site.luascale_with(&["apply"], &pipeline).expect(0);
    let long =
        "a-policy-that-has-a-very-long-name-so-that-it-does-not-fit-a-terminal-beside-its-versions-at-all";
    site.write("long.lua", policy(long, 3).as_bytes());
    site.commit("ann", "a long name");
    site.luascale_with(&["apply"], &[("USER", "ann")]).expect(0);
    let ran = site.luascale(&["ledger", "show"]).expect(0);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    // Every entry has one line of its own, with its time to the second; all is told below.
    let entries: Vec<&str> = ran.stdout.lines().filter(|line| line.contains(" UTC  ")).collect();
    assert_eq!(entries.len(), 2, "{}", ran.stdout);
    assert!(entries[0].ends_with("  apply  generation 1"), "{}", entries[0]);
    assert!(entries[1].contains("  apply  generation 2, by ann"), "{}", entries[1]);
    let whole: String = ran.stdout.split_whitespace().collect();
    assert!(whole.contains("a-repository-with-a-longer-one/actions/runs/1234567890)"), "{}", ran.stdout);
}
