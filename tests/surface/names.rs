//! Names are anybody's: of files, policies, metrics, people, targets, locks. None of them steers
//! a terminal, begins a line of its own, or is a command to the runner of a pipeline.

use super::support::{Folder, Ran};
use super::{policy, samples};

/// A name that forges a line, a command, a colour, the reading direction, and hides in another.
const NAME: &str = "x\nFORGED\r\u{85}\u{2028}::error::FORGED ##[group]##vso[x]\u{1b}[31m\u{7}\u{9b}\u{200b}\u{202e}\u{e0041}y";

/// Asserts that nothing of a name got through on either stream.
#[track_caller]
fn is_plain(ran: &Ran, what: &[&str]) {
    for text in [&ran.stdout, &ran.stderr] {
        // Markdown has its own after these, so that they make no heading and call nobody.
        let text = text.replace("&#35;\u{200b}", "#").replace("&#64;\u{200b}", "@");
        for line in text.split('\n') {
            let steers = line.chars().find(|c| luascale::text::steers(*c));
            assert_eq!(steers, None, "{what:?} lets {steers:?} through:\n{line:?}");
            let start = line.trim_start();
            assert!(!start.starts_with("FORGED") && !start.starts_with("::"), "{what:?} forges:\n{text}");
            assert!(!line.contains("##[") && !line.contains("##vso["), "{what:?} commands:\n{text}");
        }
    }
    assert!(ran.status != 70 && ran.status >= 0, "{what:?}: {}", ran.stderr);
}

/// Runs a command, and again for Markdown and JSON where it has them.
fn run(site: &Folder, args: &[&str]) {
    let env = [
        ("GITHUB_SERVER_URL", "https://example.com"),
        ("GITHUB_REPOSITORY", NAME),
        ("GITHUB_RUN_ID", "1"),
        ("GITHUB_ACTOR", NAME),
    ];
    is_plain(&site.luascale_with(args, &env), args);
}

#[test]
fn no_name_steers_what_shows_it() {
    let file = format!("{NAME}.lua").replace('/', "");
    let csv = format!("{NAME}.csv");
    let site = Folder::with(&[
        (".gitignore", "/out/\n"),
        ("luascale.yaml", "apply: { directory: { path: out/live/ } }\n"),
        (&file, &policy("web", 10)),
        ("cpu.csv", &samples("cpu")),
        (&csv, &samples(&format!("\"{}\"", NAME.replace('\n', " ")))),
    ]);
    site.git(NAME, &["init", "-q", "-b", "main"]);
    site.commit(&NAME.replace('\n', " "), NAME);
    site.write(&file, policy("web", 20).as_bytes());
    site.write("other.lua", policy(&NAME.escape_default().to_string().replace("\\'", "'"), 3).as_bytes());
    site.commit(&NAME.replace('\n', " "), NAME);
    let target = format!("directory:out/{}", NAME.replace('/', ""));
    let known = format!("directory:out/{}", "known");
    // The folder of what is not luascale's, and a policy that is edited by hand.
    for args in [
        vec!["check"],
        vec!["check", &file],
        vec!["check", NAME],
        vec!["check", "--select", NAME],
        vec!["explain", NAME],
        vec!["dry-run", &file, "--samples", "cpu.csv"],
        vec!["dry-run", &file, "--samples", &csv],
        vec!["dry-run", &file, "--samples", &csv, "--format", "markdown"],
        vec!["dry-run", &file, "--samples", NAME],
        vec!["dry-run", &file, "--policy", NAME, "--samples", "cpu.csv"],
        vec!["dry-run", &file, "--samples", "cpu.csv", "--at", NAME],
        vec!["dry-run", &file, "--samples", "cpu.csv", "--scenario", NAME],
        vec!["test", &file],
        vec!["test", NAME],
        vec!["export", &file, "--to", "hpa"],
        vec!["export", NAME, "--to", "keda"],
        vec!["import", NAME],
        vec!["import", &file],
        vec!["diff", "HEAD~1..HEAD"],
        vec!["diff", "HEAD~1..HEAD", "--format", "markdown"],
        vec!["diff", NAME],
        vec!["diff", "--policy", NAME],
        vec!["diff", "--", NAME],
        vec!["log", "web"],
        vec!["log", NAME],
        vec!["log", "web", NAME],
        vec!["bisect", "web", "--samples", &csv, "--at", "00:15", "--expect", "replicas >= 2"],
        vec!["bisect", "web", "--samples", "cpu.csv", "--at", NAME, "--expect", NAME],
        vec!["plan"],
        vec!["plan", &file],
        vec!["plan", NAME],
        vec!["plan", "--base", NAME],
        vec!["plan", "--target", NAME],
        vec!["plan", "--target", &target],
        vec!["plan", "--format", "markdown"],
        vec!["ci"],
        vec!["ci", "--format", "markdown"],
        vec!["show", NAME],
        vec!["show", &file],
        vec!["approve", NAME, "--key", NAME],
        vec!["apply", NAME],
        vec!["drift", "--target", &target],
        vec!["rollback", "--target", &target],
        vec!["ledger", "show", "--target", &target],
        vec!["ledger", "show", "--ledger", NAME],
        vec!["ledger", "verify", "--target", &target],
        vec!["ledger", "verify", "--target", &target, "--has", NAME],
        vec!["unlock", "--target", &target, "--id", NAME],
        vec![NAME],
        vec!["plan", "--format", NAME],
    ] {
        run(&site, &args);
    }
    std::fs::remove_file(site.path().join("other.lua")).unwrap();
    // No target takes a file of that name.
    std::fs::rename(site.path().join(&file), site.path().join("web.lua")).unwrap();
    site.commit("ann", "only what loads");
    for target in [&target, &known] {
        for args in [
            vec!["apply", "--target", target],
            vec!["apply", "--target", target],
            vec!["drift", "--target", target],
            vec!["ledger", "show", "--target", target],
            vec!["ledger", "verify", "--target", target],
            vec!["rollback", "--target", target],
        ] {
            run(&site, &args);
        }
    }
    // What somebody else put into a target.
    let folder = format!("out/known/current/{NAME}").replace("/live", "");
    site.write(&format!("out/known/{NAME}"), b"mine");
    site.write(&folder, b"mine");
    site.write(&format!("out/known/current/web/{NAME}"), b"mine");
    let ran = site.luascale(&["drift", "--target", &known]).expect(0);
    ran.says("not luascale's").says("drifted");
    is_plain(&ran, &["drift"]);
    // Another machine's lock, and a run that was killed.
    let lock = serde_json::json!({
        "fence": 9,
        "lock": {
            "id": "0123456789abcdef", "holder": NAME, "host": NAME, "fence": 9,
            "acquired": 4_000_000_000_000_u64, "renewed": 4_000_000_000_000_u64, "ttl": 60_000_u64,
        },
    });
    site.write("out/known/.locks/lock.json", lock.to_string().as_bytes());
    site.luascale(&["drift", "--target", &known]).expect(0).says("holds the lock 0123456789abcdef");
    for args in [
        vec!["drift", "--target", &known],
        vec!["apply", "--target", &known],
        vec!["unlock", "--target", &known, "--id", "fedcba9876543210"],
        vec!["unlock", "--target", &known, "--id", "0123456789abcdef"],
    ] {
        run(&site, &args);
    }
}

#[test]
fn no_name_of_another_autoscalers_object_steers_what_shows_it() {
    let name = serde_json::Value::from(NAME);
    let object = format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{ name: {name}, namespace: {name} }}\n\
         spec:\n  scaleTargetRef: {{ apiVersion: {name}, kind: {name}, name: {name} }}\n  minReplicas: 1\n  \
         maxReplicas: 10\n  {name}: {name}\n  metrics:\n    - type: External\n      external:\n        \
         metric: {{ name: {name}, selector: {{ matchLabels: {{ {name}: {name} }} }} }}\n        \
         target: {{ type: AverageValue, averageValue: 10 }}\n    - type: {name}\n"
    );
    let keda = format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{ name: {name} }}\nspec:\n  \
         scaleTargetRef: {{ name: web }}\n  {name}: 3\n  triggers:\n    - type: prometheus\n      name: {name}\n      \
         metadata: {{ serverAddress: {name}, query: {name}, threshold: \"10\", {name}: {name} }}\n    - type: {name}\n      \
         metadata: {{ {name}: {name} }}\n"
    );
    let site = Folder::with(&[("hpa.yaml", &object), ("keda.yaml", &keda)]);
    for file in ["hpa.yaml", "keda.yaml"] {
        is_plain(&site.luascale(&["import", file]), &[file]);
        let away = ["import", file, "-o", "policy.lua"];
        is_plain(&site.luascale(&away), &away);
        if site.path().join("policy.lua").exists() {
            for args in [["export", "policy.lua", "--to", "hpa"], ["export", "policy.lua", "--to", "keda"]] {
                is_plain(&site.luascale(&args), &args);
            }
        }
    }
}
