use super::*;
use proptest::prelude::*;

fn digest(of: &str) -> String {
    sha256(of.as_bytes())
}

fn version(path: &str, of: &str) -> Version {
    Version { path: path.into(), digest: digest(of) }
}

fn versions(list: &[(&str, &str)]) -> BTreeMap<String, Version> {
    list.iter().map(|(id, of)| ((*id).to_owned(), version(&format!("{id}.lua"), of))).collect()
}

fn ops(policies: &[Planned]) -> Vec<(&str, Op)> {
    policies.iter().map(|policy| (policy.id.as_str(), policy.op)).collect()
}

pub fn plan(live: &[(&str, &str)], git: &[(&str, &str)]) -> Plan {
    let target = TargetId { kind: "directory".into(), identity: "a-lineage".into(), serial: 4 };
    let plan = Plan {
        format: String::new(),
        tool: Tool { version: "0.1.0".into(), rules: digest("rules") },
        created: String::new(),
        expires: String::new(),
        git: Revisions { head: "a".repeat(40), ..Revisions::default() },
        config: None,
        scope: Vec::new(),
        allow_prune: None,
        target,
        policies: policies(&versions(live), &versions(git), &|_| true, &|_, _| None),
        approval: None,
        changes_digest: String::new(),
        sha256: String::new(),
    };
    plan.sealed("2026-11-25T12:00:00.5Z".parse().unwrap())
}

fn read(text: &str) -> Result<Plan, String> {
    parse(&Source::new("plan.json", text)).map_err(|finding| finding.message)
}

#[test]
fn each_policy_has_the_op_that_brings_git_to_the_target() {
    let live = versions(&[("gone", "1"), ("new-version", "1"), ("other-folder", "1"), ("same", "1")]);
    let git = versions(&[("created", "1"), ("new-version", "2"), ("same", "1")]);
    let planned = policies(&live, &git, &|path| path != "other-folder.lua", &|_, _| None);
    let expected =
        [("created", Op::Create), ("gone", Op::Delete), ("new-version", Op::Update), ("same", Op::None)];
    assert_eq!(ops(&planned), expected);
    // What was rolled back stays where it is.
    let held = policies(&live, &git, &|_| true, &|id, after| {
        (id == "new-version" && after == Some(&digest("2"))).then_some(7)
    });
    let held = held.iter().find(|policy| policy.id == "new-version").unwrap();
    assert_eq!((held.op, held.held), (Op::None, Some(7)));
}

#[test]
fn many_deletions_have_to_be_allowed_by_their_number() {
    let live: Vec<(String, Version)> = (0..10).map(|n| (format!("p{n}"), version("p.lua", "1"))).collect();
    let refused = |kept: usize, allowed: Option<u32>| {
        let all: BTreeMap<String, Version> = live.iter().cloned().collect();
        let git: BTreeMap<String, Version> = live.iter().take(kept).cloned().collect();
        prune_refused(&policies(&all, &git, &|_| true, &|_, _| None), all.len(), allowed)
    };
    assert_eq!(refused(10, None), None);
    assert_eq!(refused(8, None), None);
    assert_eq!(refused(7, None).unwrap(), "this would delete 3 of the 10 live policies, more than 20%");
    assert_eq!(refused(7, Some(3)), None);
    assert!(refused(7, Some(2)).unwrap().ends_with("; --allow-prune 2 allows fewer"));
    assert!(refused(0, None).unwrap().starts_with("git has no policy here"));
    assert_eq!(refused(0, Some(10)), None);
}

#[test]
fn what_is_approved_says_nothing_of_commits_and_everything_of_changes() {
    let one = plan(&[("web", "1")], &[("web", "2"), ("db", "1")]);
    let documented = format!(
        r#"{{"changes":[["db","create",null,"{}"],["web","update","{}","{}"]],"target":["directory","a-lineage"]}}"#,
        digest("1"),
        digest("1"),
        digest("2")
    );
    assert_eq!(one.changes_digest, digest(&documented));
    let mut other = one.clone();
    other.git.head = "b".repeat(40);
    other.target.serial = 9;
    let other = other.sealed("2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(other.changes_digest, one.changes_digest);
    assert_ne!(other.sha256, one.sha256);
    // A policy that stays as it is adds nothing.
    let more = plan(&[("web", "1"), ("z", "1")], &[("web", "2"), ("db", "1"), ("z", "1")]);
    assert_eq!(more.changes_digest, one.changes_digest);
    let mut elsewhere = one.clone();
    elsewhere.target.identity = "another".into();
    assert_ne!(changes_digest(&elsewhere), one.changes_digest);
}

#[test]
fn what_is_approved_is_of_one_moment_and_of_so_many_deletions() {
    let mut one = plan(&[("web", "1")], &[]);
    let plain = changes_digest(&one);
    one.policies[0].since = Some(3);
    let since = changes_digest(&one);
    let documented = format!(
        r#"{{"changes":[["web","delete","{}",null,3]],"target":["directory","a-lineage"]}}"#,
        digest("1")
    );
    assert_eq!(since, digest(&documented));
    one.allow_prune = Some(1);
    let allowed = changes_digest(&one);
    one.allow_prune = Some(2);
    let all = [plain, since, allowed, changes_digest(&one)];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{all:?}");
}

#[test]
fn a_plan_comes_back_as_it_was_and_lasts_a_week() {
    let one = plan(&[("web", "1")], &[("web", "2")]);
    assert_eq!(read(&one.text()).unwrap(), one);
    assert_eq!(
        (one.created.as_str(), one.expires.as_str()),
        ("2026-11-25T12:00:00Z", "2026-12-02T12:00:00Z")
    );
}

#[test]
fn what_is_no_plan_is_told_exactly() {
    let one = plan(&[("web", "1")], &[("web", "2")]);
    let text = one.text();
    // Whoever can compute the digest anew still meets the reader.
    let forged = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(value.as_object_mut().unwrap());
        value.as_object_mut().unwrap().remove("sha256");
        value["sha256"] = sha256(canonical(&value).as_bytes()).into();
        read(&(canonical(&value) + "\n")).unwrap_err()
    };
    for (said, expected) in [
        (read("{ \"format\": ").unwrap_err(), "no JSON"),
        (read("{}").unwrap_err(), "is no plan"),
        (read("[1]").unwrap_err(), "is no plan"),
        (read(&text.replace("plan/1", "plan/2")).unwrap_err(), "a plan of the format luascale-plan/2"),
        (read(&text.replace("\"serial\":4", "\"serial\":5")).unwrap_err(), "was edited"),
        (read(&text.replace("\"serial\":4", "\"serial\": 4")).unwrap_err(), "not in canonical form"),
        (read(&text.replace("\"sha256\":\"s", "\"sha256\":\"t")).unwrap_err(), "its own digest"),
        (forged(&|plan| drop(plan.insert("scop".into(), Value::Null))), "unknown field `scop`"),
        (
            forged(&|plan| drop(plan.insert("changes_digest".into(), digest("x").into()))),
            "not that of its changes",
        ),
        (forged(&|plan| drop(plan.insert("expires".into(), "never".into()))), "no time in `expires`"),
        (
            forged(&|plan| drop(plan.insert("expires".into(), "2026-12-02T12:00:01Z".into()))),
            "for longer than seven days",
        ),
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let finding = parse(&Source::new("plan.json", {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value.as_object_mut().unwrap().remove("sha256");
        value["scop"] = Value::Null;
        value["sha256"] = sha256(canonical(&value).as_bytes()).into();
        canonical(&value) + "\n"
    }));
    assert_eq!(finding.unwrap_err().help.unwrap(), "did you mean `scope`?");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_byte_that_was_edited_is_always_found(at in 0usize..10_000, byte in any::<u8>()) {
        let one = plan(&[("web", "1"), ("gone", "1")], &[("web", "2"), ("new", "1")]);
        let mut bytes = one.text().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(read(&text).is_err());
        }
    }

    #[test]
    fn the_reader_takes_any_text_without_failing(text in "\\PC{0,200}") {
        prop_assert!(read(&text).is_err());
    }
}
