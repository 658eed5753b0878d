//! The action and every workflow, our own and those of the documentation, held against what reads them.

use super::support::Folder;
use super::{ROOT, run, tool};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All workflows.
fn workflows() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [".github/workflows", "docs/workflows"] {
        let here: Vec<PathBuf> = std::fs::read_dir(Path::new(ROOT).join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "yml"))
            .collect();
        assert!(!here.is_empty(), "{folder} has no workflow");
        found.extend(here);
    }
    found.sort();
    found
}

fn action() -> PathBuf {
    Path::new(ROOT).join("action.yml")
}

fn zizmor(persona: &str, files: &[PathBuf]) -> (bool, String) {
    let mut command = Command::new(tool("zizmor"));
    command.args(["--offline", "--no-config", "--no-progress", "--persona", persona]).args(files);
    run(&mut command)
}

fn schema(name: &str, files: &[PathBuf]) -> (bool, String) {
    run(Command::new(tool("check-jsonschema")).args(["--builtin-schema", name]).args(files))
}

/// GitHub's own parser, bundled.
struct Parser(Folder);

impl Parser {
    fn new() -> Parser {
        let folder = Folder::with(&[]);
        let script = Path::new(ROOT).join("tests/action/bundle.mjs");
        assert!(
            script.with_file_name("node_modules").is_dir(),
            "GitHub's parser is not there: scripts/test installs it"
        );
        let (good, said) = run(Command::new("node").arg(script).arg(folder.path().join("parse.cjs")));
        assert!(good, "{said}");
        Parser(folder)
    }

    fn read(&self, files: &[PathBuf]) -> (bool, String) {
        run(Command::new("node").arg(self.0.path().join("parse.cjs")).args(files))
    }
}

#[test]
fn everything_passes_what_reads_it() {
    let all = [workflows(), vec![action()]].concat();
    for (name, (good, said)) in [
        ("zizmor", zizmor("auditor", &all)),
        ("the schema of actions", schema("vendor.github-actions", &[action()])),
        ("the schema of workflows", schema("vendor.github-workflows", &workflows())),
        ("GitHub's parser", Parser::new().read(&all)),
    ] {
        assert!(good, "{name}: {said}");
    }
}

/// The lines that the README begins with are those of the documentation, and pass as well. For what only makes a
/// workflow better kept, as a limit of concurrency, there is pull-request.yml.
#[test]
fn the_first_lines_pass_what_reads_workflows() {
    let block = |name: &str| {
        let page = std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
        let start =
            page.find("```yaml\nname: policies\n").unwrap_or_else(|| panic!("{name} has no workflow"));
        page[start..].split("```").nth(1).unwrap().trim_start_matches("yaml\n").to_owned()
    };
    let text = block("README.md");
    assert_eq!(text, block("docs/github-action.md"));
    let folder = Folder::with(&[]);
    let files = [folder.write("policies.yml", text.as_bytes())];
    for (good, said) in
        [zizmor("regular", &files), schema("vendor.github-workflows", &files), Parser::new().read(&files)]
    {
        assert!(good, "{said}");
    }
}

/// Each of them finds what it is there for, in a copy with a fault.
#[test]
fn faults_are_found() {
    let (folder, text) = (Folder::with(&[]), std::fs::read_to_string(action()).unwrap());
    let faulty = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        folder.write("action.yml", text.replacen(from, to, 1).as_bytes())
    };
    let injected = faulty("bash \"$GITHUB_ACTION_PATH/action/run.sh\"", "echo ${{ inputs.paths }}");
    let (good, said) = zizmor("auditor", &[injected]);
    assert!(!good && said.contains("template-injection"), "{said}");
    let unpinned = faulty("@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2", "@v4");
    let (good, said) = zizmor("auditor", &[unpinned]);
    assert!(!good && said.contains("unpinned-uses"), "{said}");
    let (good, said) = Parser::new().read(&[faulty("      shell: bash\n", "")]);
    assert!(!good && said.contains("shell"), "{said}");
    let (good, said) = schema("vendor.github-actions", &[faulty("using: composite", "using: composit")]);
    assert!(!good, "{said}");
}

/// A key of a mapping, where there is one.
fn at<'a>(value: &'a serde_yaml::Value, key: &str) -> Option<&'a serde_yaml::Value> {
    value.as_mapping()?.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
}

fn keys(value: Option<&serde_yaml::Value>) -> BTreeSet<String> {
    let names = value.and_then(|value| value.as_mapping()).into_iter().flat_map(|all| all.iter());
    names.filter_map(|(name, _)| name.as_str().map(str::to_owned)).collect()
}

fn yaml(path: &Path) -> serde_yaml::Value {
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn workflows_name_inputs_and_outputs_that_the_action_has() {
    let own = yaml(&action());
    let (inputs, outputs) = (keys(at(&own, "inputs")), keys(at(&own, "outputs")));
    let mut uses = 0;
    for path in workflows() {
        let text = std::fs::read_to_string(&path).unwrap();
        let workflow = yaml(&path);
        for (_, job) in at(&workflow, "jobs").unwrap().as_mapping().unwrap() {
            for step in at(job, "steps").and_then(|steps| steps.as_sequence()).into_iter().flatten() {
                let name = at(step, "uses").and_then(|uses| uses.as_str()).unwrap_or_default();
                if name != "$/" && !name.starts_with("OWNER/luascale@") {
                    continue;
                }
                uses += 1;
                let unknown: Vec<String> = keys(at(step, "with")).difference(&inputs).cloned().collect();
                assert!(unknown.is_empty(), "{}: no such input: {unknown:?}", path.display());
                let Some(id) = at(step, "id").and_then(|id| id.as_str()) else { continue };
                for part in text.split(&format!("steps.{id}.outputs.")).skip(1) {
                    let end =
                        part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(part.len());
                    assert!(outputs.contains(&part[..end]), "{}: no output {}", path.display(), &part[..end]);
                }
            }
        }
    }
    assert!(uses >= 6, "only {uses} steps use the action");
}

/// The tables of the documentation are those of the action.
#[test]
fn inputs_and_outputs_are_documented() {
    let (own, page) = (yaml(&action()), Path::new(ROOT).join("docs/github-action.md"));
    let page = std::fs::read_to_string(page).unwrap();
    let (_, tables) = page.split_once("### Inputs").expect("a heading for inputs");
    let (inputs, outputs) = tables.split_once("### Outputs").expect("a heading for outputs");
    let (outputs, _) = outputs.split_once("\n## ").expect("a heading after them");
    for (name, part, key) in [("input", inputs, "inputs"), ("output", outputs, "outputs")] {
        let documented: BTreeSet<String> = part
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name.to_owned()))
            .collect();
        assert_eq!(documented, keys(at(&own, key)), "each {name} has its row");
    }
}

/// Nothing that comes in is part of a script; what runs has no more rights than it is given.
#[test]
fn scripts_hold_no_expression_and_workflows_begin_without_rights() {
    for path in workflows() {
        let workflow = yaml(&path);
        assert!(keys(at(&workflow, "permissions")).is_empty(), "{}", path.display());
        assert!(
            at(&workflow, "permissions").is_some_and(|p| p.is_mapping()),
            "{}: permissions: {{}}",
            path.display()
        );
    }
    for path in workflows().into_iter().chain([action()]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let value = yaml(&path);
        let jobs = at(&value, "jobs").and_then(|jobs| jobs.as_mapping());
        let own = at(&value, "runs").into_iter();
        for job in jobs.into_iter().flat_map(|jobs| jobs.iter().map(|(_, job)| job)).chain(own) {
            for step in at(job, "steps").and_then(|steps| steps.as_sequence()).into_iter().flatten() {
                let script = at(step, "run").and_then(|run| run.as_str()).unwrap_or_default();
                assert!(!script.contains("${{"), "{}: {script}", path.display());
            }
        }
        assert!(!text.contains("pull_request_target"), "{}", path.display());
    }
}
