//! Inputs, names and policies that want to be more than they are; and where the token goes.

use super::events::{policy, two};
use super::support::Folder;
use super::world::{TOKEN, World, executable, files as files_of};
use serde_json::{Value, json};

/// A push of a change to `main`, checked out.
fn pushed(world: &World) -> Value {
    let before = world.git("author", &["rev-parse", "main"]);
    let commit = world.main(&[("policies/web.lua", &policy("web", 12))]);
    world.checkout(&commit, Some("main"));
    json!({ "before": before, "after": commit, "ref": "refs/heads/main" })
}

/// What would be written where a text were run, or obeyed.
const TRIES: [&str; 9] = [
    "$(touch PWNED)",
    "`touch PWNED`",
    "\";touch PWNED;\"",
    "';touch PWNED;'",
    "x\n::set-output name=digest::pwned",
    "x\n::error::pwned",
    "*",
    "$GITHUB_TOKEN$INPUT_TOKEN$token",
    "\\x$(touch PWNED)",
];

#[test]
fn inputs_are_never_run_nor_obeyed() {
    let world = two();
    let event = pushed(&world);
    // act itself evaluates expressions of a workflow, as GitHub does; here the text is what comes in.
    let mark = world.at("pwned");
    let text = TRIES.join("\n").replace("PWNED", &mark.display().to_string());
    for name in ["paths", "samples", "base", "working-directory", "fail-on", "mode", "args", "artifact"] {
        let done = world.act("push", &event, &[(name, &text)]);
        assert!(!done.good || name == "artifact", "{name}\n{}", done.log);
        assert!(!mark.exists(), "{name} was run\n{}", done.log);
        assert!(!done.outputs.values().any(|value| value.contains("pwned")), "{name}: {:?}", done.outputs);
        let obeyed = done.commands.iter().any(|(kind, said)| kind == "error" && said == "pwned");
        assert!(!obeyed, "{name} was obeyed\n{}", done.log);
    }
}

#[test]
fn what_policies_and_files_are_called_and_print_is_no_command() {
    let loud =
        format!("print(\"::error::pwned\")\nprint(\"::set-env name=PATH::pwned\")\n{}", policy("loud", 1));
    let (first, second) = (policy("::error::pwned", 1), policy("b\n::error::pwned", 1));
    let files = [
        ("policies/loud.lua", loud.as_str()),
        ("policies/$(touch pwned).lua", &first),
        ("policies/a\n::error::pwned.lua", &second),
    ];
    let world = two();
    let head = world.branch("change", &files);
    let event = world.pull("stranger", &head);
    let run = |inputs: &[(&str, &str)]| {
        let done = world.act("pull_request", &event, inputs).expect(false);
        let obeyed = |(kind, said): &(String, String)| {
            kind == "set-env" || (kind == "error" && said.trim_start().starts_with("pwned"))
        };
        assert!(!done.commands.iter().any(obeyed), "{:?}", done.commands);
        // A line of the summary that begins with it would be obeyed where a log shows it.
        assert!(!done.summary.lines().any(|line| line.starts_with("::")), "{}", done.summary);
    };
    run(&[]);
    run(&[("comment", "false")]);
    // Where it may not write it tells by commands of its own, and none of another's.
    world.only_reads();
    run(&[]);
    assert!(!files_of(&world.at("home")).iter().any(|path| path.ends_with("pwned")));
}

#[test]
fn what_is_wrong_with_an_input_is_said() {
    let world = two();
    let event = pushed(&world);
    for (inputs, said) in [
        (vec![("mode", "plan")], "can be review, apply or drift"),
        (vec![("fail-on", "warnings")], "can be note, warning, error or never"),
        (vec![("mode", "apply"), ("fail-on", "never")], "has no say with mode: apply"),
        (vec![("mode", "drift"), ("fail-on", "error")], "with mode: drift it can be never"),
        (vec![("mode", "drift"), ("upload-sarif", "true")], "goes with mode: review"),
        (vec![("mode", "apply"), ("samples", "day.csv")], "go with mode: review"),
        (vec![("mode", "apply"), ("paths", "a\nb")], "with strategy: matrix"),
        (vec![("upload-sarif", "yes")], "can be true or false"),
        (vec![("working-directory", "..")], "outside the checkout"),
        (vec![("working-directory", "nowhere")], "there is no such folder"),
    ] {
        let done = world.act("push", &event, &inputs).expect(false);
        done.annotates("error", said);
    }
}

/// A program in luascale's place, which does what a script says with the folder of reports in `$dir`.
fn stand_in(folder: &Folder, script: &str) -> String {
    let text = format!(
        "#!/bin/bash\n[ \"$1\" != --version ] || {{ echo 'luascale 0.1.0'; exit; }}\n\
         while [ \"$1\" != --output-dir ]; do shift; done\ndir=\"$2\"\n{script}\n"
    );
    let path = folder.write("luascale", text.as_bytes());
    executable(&path);
    path.display().to_string()
}

#[test]
fn figures_are_numbers_and_digests_or_nothing() {
    let (mut world, folder) = (two(), Folder::with(&[]));
    let event = pushed(&world);
    world.binary = stand_in(
        &folder,
        "printf 'LUASCALE_FINDINGS=1\\nLUASCALE_CHANGES=$(id)\\nLUASCALE_DIGEST=sha256:%s\\n' pwned >\"$dir/figures.env\"; exit 70",
    );
    let done = world.act("push", &event, &[]).expect(false);
    assert_eq!((done.output("findings"), done.output("changes"), done.output("digest")), ("1", "", ""));
    assert_eq!(done.output("status"), "70");
}

#[test]
fn a_summary_that_is_too_large_gives_way_to_a_sentence() {
    const MOST: usize = 1024 * 1024;
    let (mut world, folder) = (two(), Folder::with(&[]));
    let event = pushed(&world);
    // A line's end is put after it.
    for (size, whole) in [(MOST - 1, true), (MOST, false)] {
        world.binary =
            stand_in(&folder, &format!("head -c {size} /dev/zero | tr '\\0' x >\"$dir/summary.md\""));
        let done = world.act("push", &event, &[]).expect(true);
        assert_eq!(done.summary.len() == MOST, whole, "{} bytes", done.summary.len());
        assert!(whole || done.summary.contains(&format!("The summary has {size} bytes")), "{}", done.summary);
    }
}

#[test]
fn a_log_that_wants_out_of_its_block_stays_in() {
    let (mut world, folder) = (two(), Folder::with(&[]));
    let event = pushed(&world);
    world.binary = stand_in(&folder, "printf '```\\n<img src=x>\\r<b>@team closes #1\\n# head'; exit 3");
    let done = world.act("push", &event, &[("mode", "drift")]).expect(false);
    let lines: Vec<&str> = done.summary.lines().skip(2).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.starts_with("    ")), "{:?}", done.summary);
    assert!(!done.summary.contains('\r'));
}

#[test]
fn the_token_reaches_only_what_asks_github() {
    let (mut world, folder) = (two().env("GH_TOKEN", TOKEN), Folder::with(&[]));
    let told = folder.path().join("environment").display().to_string();
    world.binary = stand_in(&folder, &format!("env >'{told}'"));
    let head = world.branch("change", &[("policies/web.lua", &policy("web", 12))]);
    let pull = world.pull("acme", &head);
    let secret = |event: &str, payload: &Value, inputs: &[(&str, &str)]| {
        world.act(event, payload, inputs).expect(true);
        let environment = folder.read("environment");
        assert!(environment.contains("GITHUB_REPOSITORY="), "{environment}");
        let held: Vec<String> =
            environment.lines().filter(|line| line.contains(TOKEN)).map(str::to_owned).collect();
        held
    };
    let own = [format!("GITHUB_TOKEN={TOKEN}")];
    assert_eq!(secret("pull_request", &pull, &[]), own);
    assert_eq!(secret("pull_request", &pull, &[("comment", "false")]), [""; 0]);
    let push = pushed(&world);
    assert_eq!(secret("push", &push, &[]), [""; 0]);
    assert_eq!(secret("push", &push, &[("mode", "drift")]), [""; 0]);
    // An apply asks GitHub who approved.
    assert_eq!(secret("push", &push, &[("mode", "apply")]), own);
}

/// Environments of the workers that run policy code now, of one binary.
#[cfg(target_os = "linux")]
fn workers(binary: &std::path::Path, seen: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let at = entry.path();
        let arguments = std::fs::read(at.join("cmdline")).unwrap_or_default();
        let own = std::fs::read_link(at.join("exe")).is_ok_and(|exe| exe == binary);
        if own && arguments.split(|byte| *byte == 0).any(|word| word == b"__worker") {
            seen.extend(std::fs::read(at.join("environ")));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_that_runs_policy_code_has_an_empty_environment() {
    // It takes its time, so that it can be looked at.
    let slow = format!("local n = 0\nfor i = 1, 3000000 do n = n + i end\n{}", policy("slow", 10));
    let (mut world, own) = (two(), Folder::with(&[]));
    // A copy, so that nobody else's workers are taken for its own.
    let binary = own.path().join("luascale");
    std::fs::copy(&world.binary, &binary).unwrap();
    world.binary = binary.display().to_string();
    // luascale itself has the token: it comments.
    let head = world.branch("change", &[("policies/slow.lua", &slow)]);
    let event = world.pull("acme", &head);
    let (seen, done) = std::thread::scope(|scope| {
        let run = scope.spawn(|| world.act("pull_request", &event, &[]));
        let mut seen = Vec::new();
        while !run.is_finished() {
            workers(&binary, &mut seen);
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        (seen, run.join().unwrap())
    });
    assert!(!seen.is_empty(), "no worker was seen\n{}", done.log);
    // Between fork and exec a child shows what its parent has; from then on, nothing.
    for environment in &seen {
        let text = String::from_utf8_lossy(environment);
        assert!(text.is_empty(), "a worker has {text}");
    }
}
