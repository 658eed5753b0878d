//! Holds the documents against the program: links lead somewhere, snippets load, commands in the
//! tutorial and the README print what is written there, and every example runs.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the repository")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::Folder;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, run from the root of the repository.
fn luascale(args: &[&str]) -> support::Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_luascale"));
    command.args(args).current_dir(root()).env_clear();
    support::run(command, std::time::Duration::from_secs(120))
}

/// Files below a folder of the repository whose names end so, sorted.
fn find(below: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].iter().map(|name| root().join(name)).collect();
    all.extend(find("docs", ".md"));
    all.extend(find("examples", ".md"));
    all
}

/// Fenced blocks of a language, with the line each starts on and the last line written before it.
fn blocks(text: &str, language: &str) -> Vec<(usize, String, String)> {
    let mut out = Vec::new();
    let mut open: Option<(usize, bool, String, String)> = None;
    let mut before = String::new();
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((at + 2, info == language, before.clone(), String::new())),
            (Some(_), Some(_)) => {
                let (line, wanted, before, body) = open.take().unwrap();
                if wanted {
                    out.push((line, before, body));
                }
            }
            (Some((_, _, _, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) if !line.trim().is_empty() => before = line.into(),
            (None, None) => {}
        }
    }
    out
}

/// The anchor that a heading gets on GitHub.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("](").skip(1) {
            let link = part.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let known = target.exists()
                && (fragment.is_empty()
                    || std::fs::read_to_string(&target).is_ok_and(|text| {
                        text.lines().any(|l| {
                            l.starts_with('#') && anchor(l.trim_start_matches('#').trim()) == fragment
                        })
                    }));
            if !known {
                faults.push(format!("{}: {link}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(faults.is_empty(), "links that lead nowhere:\n{}", faults.join("\n"));
}

/// A snippet of the reference as a whole file: what is no policy or script of its own becomes the
/// fields of a policy that has what snippets speak of.
fn whole(snippet: &str) -> String {
    let field = |name: &str| {
        snippet.lines().any(|l| l.starts_with(name) && l[name.len()..].trim_start().starts_with('='))
    };
    if snippet.contains("policy \"") || snippet.starts_with("if ") || snippet.starts_with("local ") {
        return snippet.into();
    }
    if snippet.starts_with("{ name") {
        return whole(&format!("scale_out = {{ {snippet} }}"));
    }
    let mut text = String::from("policy \"snippet\" {\n");
    if !field("replicas") {
        text += "replicas = { min = 1, max = 60 },\n";
    }
    if !field("metrics") {
        text += "metrics = {\n\
                 cpu = prometheus { query = \"cpu\", unit = \"ratio\", per = \"replica\" },\n\
                 rps = prometheus { query = \"rps\", unit = \"per_second\", per = \"total\" },\n\
                 queue = prometheus { query = \"queue\", unit = \"count\", per = \"total\" },\n\
                 p95 = prometheus { query = \"p95\", unit = \"seconds\" },\n},\n";
    }
    // Several `target =` lines are alternatives; fields may stand without their commas.
    let mut depth = 0i32;
    for line in snippet.lines() {
        let code = line.split("--").next().unwrap().trim_end();
        for word in code.replace(['(', ')'], " ").split_whitespace() {
            depth +=
                i32::from(word == "function" || word == "then") - i32::from(word == "end" || word == "end,");
        }
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
        text += code;
        text += if depth == 0 && !code.is_empty() && !code.ends_with(',') { ",\n" } else { "\n" };
    }
    text + "}\n"
}

#[test]
fn every_snippet_of_the_documents_loads() {
    let mut faults = Vec::new();
    // Tutorials make mistakes on purpose, and have tests of their own.
    let tutorial = |path: &PathBuf| path.ends_with("tutorial.md") || path.ends_with("gitops-tutorial.md");
    for path in documents().into_iter().filter(|p| !tutorial(p)) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (line, _, snippet) in blocks(&text, "lua") {
            if snippet.starts_with("rule \"") {
                // A rule of an organisation: it loads, and looks at a policy without failing.
                let folder = Folder::with(&[
                    ("luascale.yaml", "lint: { rules: [ snippet.lua ] }\n"),
                    ("snippet.lua", &snippet),
                    ("web.lua", &whole("track = { cpu = 0.6 },")),
                ]);
                let ran =
                    folder.luascale(&["check", ".", "--no-cache", "--select", "organisation,broken-rule"]);
                if ran.status > 1 || ran.stdout.contains("broken-rule") {
                    let document = path.strip_prefix(root()).unwrap().display().to_string();
                    faults.push(format!("{document}:{line}\n{snippet}\n{}{}", ran.stdout, ran.stderr));
                }
                continue;
            }
            let file = whole(&snippet);
            let folder =
                Folder::with(&[("snippet.lua", file.as_str()), ("lib/limits.lua", "return { cpu = 0.7 }\n")]);
            let ran = folder.luascale(&["dry-run", "snippet.lua"]);
            if ran.status != 0 {
                let document = path.strip_prefix(root()).unwrap().display().to_string();
                faults.push(format!("{document}:{line}\n{file}\n{}{}", ran.stdout, ran.stderr));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_outputs_in_the_documents_are_what_the_commands_print() {
    let mut checked = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (line, before, output) in blocks(&text, "text") {
            let Some(command) =
                before.strip_prefix("<!-- output: luascale ").and_then(|c| c.strip_suffix(" -->"))
            else {
                continue;
            };
            let args: Vec<&str> = command.split_whitespace().collect();
            let ran = luascale(&args);
            let (expected, printed): (Vec<&str>, Vec<&str>) =
                (output.trim_end().lines().collect(), ran.stdout.trim_end().lines().collect());
            assert!(
                alike(&expected, &printed),
                "{}:{line}: luascale {command}: status {}\n{}{}",
                path.display(),
                ran.status,
                ran.stdout,
                ran.stderr
            );
            checked += 1;
        }
    }
    assert!(checked >= 2, "the README shows two outputs");
}

/// Whether a text is what was expected, line by line; a line `...` stands for any lines, and one
/// that ends in ` ...` for any that begins so.
fn alike(expected: &[&str], printed: &[&str]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (Some((&"...", rest)), _) => (0..=printed.len()).any(|skip| alike(rest, &printed[skip..])),
        (Some((want, expected)), Some((line, printed))) => {
            let same = match want.strip_suffix(" ...") {
                Some(begins) => line.starts_with(begins),
                None => want.trim_end() == line.trim_end(),
            };
            same && alike(expected, printed)
        }
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn elided_lines_match_and_others_must_be_the_same() {
    assert!(alike(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(alike(&["...", "c"], &["c"]));
    assert!(!alike(&["a", "...", "c"], &["a", "b"]));
    assert!(!alike(&["a"], &["a", "b"]));
    assert!(alike(&["a b ..."], &["a b c"]));
    assert!(!alike(&["a b ..."], &["a c"]));
}

#[test]
fn the_tutorial_runs_as_it_is_written() {
    let folder = Folder::with(&[]);
    for path in find("examples", "") {
        folder.write(path.strip_prefix(root()).unwrap().to_str().unwrap(), &std::fs::read(&path).unwrap());
    }
    walked("docs/tutorial.md", &folder, 6);
}

/// The README's change is one of examples/checkout, made where a clone begins.
#[test]
fn the_change_in_the_readme_means_what_it_says_there() {
    let folder = Folder::with(&[]);
    for path in find("examples", "") {
        folder.write(path.strip_prefix(root()).unwrap().to_str().unwrap(), &std::fs::read(&path).unwrap());
    }
    typed_in_a_shell("git init -q -b main && git add -A && git commit -q -m Start", &folder).expect(0);
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let commands: usize = blocks(&text, "console")
        .into_iter()
        .map(|(line, _, body)| typed(&format!("README.md:{line}"), &body, 0, &folder))
        .sum();
    assert_eq!(commands, 2, "one command changes the policy, one tells what that means");
}

#[test]
fn the_tutorial_of_gitops_runs_as_it_is_written() {
    walked("docs/gitops-tutorial.md", &Folder::with(&[]), 20);
}

/// Saves the files and runs the commands in the order written: a block after a line that ends in
/// "`path`:" is a file, a `console` block holds commands and what they print, and `<!-- status 1
/// -->` before it says how they end where it is not 0.
fn walked(document: &str, folder: &Folder, least: usize) {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut all: Vec<(usize, &str, String, String)> = Vec::new();
    for language in ["lua", "yaml", "text", "console"] {
        all.extend(
            blocks(&text, language).into_iter().map(|(line, before, body)| (line, language, before, body)),
        );
    }
    all.sort();
    let mut commands = 0;
    for (line, language, before, body) in all {
        let path = before.strip_suffix("`:").and_then(|b| b.rsplit('`').next());
        if language != "console" {
            // A text that is no file is shown, not saved.
            assert!(path.is_some() || language == "text", "{document}:{line}: no path before the file");
            path.map(|path| folder.write(path, body.as_bytes()));
            continue;
        }
        let status = before.strip_prefix("<!-- status ").and_then(|b| b.strip_suffix(" -->"));
        let status: i32 = status.map_or(0, |s| s.parse().unwrap());
        commands += typed(&format!("{document}:{line}"), &body, status, folder);
    }
    assert!(commands >= least, "{commands} commands");
}

/// Runs the commands of a `console` block, each of which prints what stands below it; how many.
fn typed(place: &str, body: &str, status: i32, folder: &Folder) -> usize {
    let mut commands = 0;
    for command in format!("\n{body}").split("\n$ ").skip(1) {
        let mut lines = command.trim_end().lines();
        let typed = lines.next().unwrap();
        let expected: Vec<&str> = lines.collect();
        let ran = match typed.strip_prefix("luascale ") {
            Some(args) => folder.luascale(&args.split_whitespace().collect::<Vec<_>>()),
            None => typed_in_a_shell(typed, folder),
        };
        let whole = format!("{}{}", ran.stdout, ran.stderr);
        let printed: Vec<&str> = whole.trim_end().lines().collect();
        assert!(
            ran.status == status && alike(&expected, &printed),
            "{place}: {typed}: status {}\n{whole}",
            ran.status
        );
        commands += 1;
    }
    commands
}

/// Runs a command that is not luascale's, as somebody with a name and without a configuration.
fn typed_in_a_shell(typed: &str, folder: &Folder) -> support::Ran {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", typed]).current_dir(folder.path()).env("HOME", folder.path());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "ann").env(format!("GIT_{who}_EMAIL"), "ann@example.com");
    }
    support::run(command, std::time::Duration::from_secs(60))
}

#[test]
fn every_example_runs_and_keeps_its_expectations() {
    let folders: BTreeSet<PathBuf> =
        find("examples", "luascale.yaml").iter().map(|p| p.parent().unwrap().to_path_buf()).collect();
    assert!(folders.len() >= 10, "{folders:?}");
    for folder in folders {
        let name = folder.strip_prefix(root()).unwrap().to_str().unwrap();
        // A folder's run leaves scripts without an entry out; each of them runs by itself.
        let script = |path: &PathBuf| !std::fs::read_to_string(path).unwrap().contains("policy \"");
        for file in find(name, ".lua").into_iter().filter(script) {
            let ran = luascale(&["dry-run", file.strip_prefix(root()).unwrap().to_str().unwrap()]);
            assert_eq!(ran.status, 0, "{}\n{}", file.display(), ran.stderr);
        }
        let ran = luascale(&["dry-run", name, "--format", "json"]);
        assert_eq!(ran.status, 0, "{name}\n{}", ran.stderr);
        let report = ran.json();
        let judged = report["policies"].as_array().unwrap();
        assert!(!judged.is_empty(), "{name} has no policy");
        for policy in judged {
            assert!(
                !policy["ticks"].as_array().unwrap().is_empty(),
                "{name}: {} has no tick",
                policy["name"]
            );
        }
        if folder.join("tests").is_dir() {
            let ran = luascale(&["test", name]);
            assert_eq!(ran.status, 0, "{name}\n{}\n{}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn recorded_data_names_its_source_and_is_small() {
    for path in find("examples", ".csv") {
        let beside = path.parent().unwrap();
        let named = [beside.join("SOURCE.md"), beside.parent().unwrap().join("SOURCE.md")];
        let text = named.iter().find_map(|p| std::fs::read_to_string(p).ok()).unwrap_or_default();
        let file = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(file), "no SOURCE.md names {}", path.display());
        assert!(path.metadata().unwrap().len() < 150_000, "{} is too large", path.display());
    }
}
