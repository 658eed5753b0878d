//! Holds the code against the map in `src/lib.rs`: who may import whom, how long a file may be,
//! and that every module is on the map. The table there is the only list; this reads it.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the repository")]

use std::collections::BTreeMap;
use std::path::Path;

/// About 500 lines are the rule; past this a file is two ideas.
const LONGEST: usize = 520;

/// Modules and what each may import; `None` is everything.
type Table = BTreeMap<String, Option<Vec<String>>>;

/// The rows `| `module` | what it is | may import |` of a file's `//!` lines. A cell of `the
/// core` means every module whose own cell names modules or nothing.
fn table(lib: &str) -> Table {
    let rows: Vec<(String, String)> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `"))
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let name = cells.next()?.trim_end_matches('`').to_string();
            Some((name, cells.nth(1)?.to_string()))
        })
        .collect();
    let core: Vec<String> = rows
        .iter()
        .filter(|(_, may)| may != "the core" && may != "everything")
        .map(|(name, _)| name.clone())
        .collect();
    let names =
        |may: &str| may.split(',').map(str::trim).filter(|n| !n.is_empty()).map(String::from).collect();
    rows.iter()
        .map(|(name, may)| {
            let may = match may.as_str() {
                "everything" => None,
                "the core" => Some(core.clone()),
                // "the core, worker": the core and what follows.
                other => Some(match other.strip_prefix("the core,") {
                    Some(more) => core.iter().cloned().chain::<Vec<String>>(names(more)).collect(),
                    None => names(other),
                }),
            };
            (name.clone(), may)
        })
        .collect()
}

/// Words and single signs of Rust, without comments, texts and characters. `::` is one token.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c.is_alphabetic() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let hashes = (i..).take_while(|j| at(*j) == '#').count();
            if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let body: String = chars[i + hashes + 1..].iter().collect();
                let length = body.find(&end).map_or(body.len(), |b| b + end.len());
                i += hashes + 1 + body[..length].chars().count();
            } else {
                out.push(word);
            }
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            // A character; a lifetime has neither.
            i += 2 + usize::from(at(i + 1) == '\\');
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if c == ':' && at(i + 1) == ':' {
            out.push("::".into());
            i += 2;
        } else {
            if !c.is_whitespace() {
                out.push(c.to_string());
            }
            i += 1;
        }
    }
    out
}

/// First components, seen from the crate's root, of all paths that start with `crate` or
/// `super` in a file that is the module `here`; `*` for a glob import of the root itself.
fn reached(text: &str, here: &[&str]) -> Vec<String> {
    let tokens = tokens(text);
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    let mut module: Vec<String> = here.iter().map(ToString::to_string).collect();
    let (mut depth, mut opened) = (0usize, Vec::new());
    let mut out = Vec::new();
    for i in 0..tokens.len() {
        match token(i) {
            "{" => {
                depth += 1;
                if i >= 2 && token(i - 2) == "mod" {
                    module.push(token(i - 1).into());
                    opened.push(depth);
                }
            }
            "}" => {
                if opened.last() == Some(&depth) {
                    opened.pop();
                    module.pop();
                }
                depth = depth.saturating_sub(1);
            }
            "crate" if token(i + 1) == "::" => follow(&tokens, i + 2, Vec::new(), &mut out),
            "super" if token(i + 1) == "::" && (i == 0 || token(i - 1) != "::") => {
                let mut base = module.clone();
                base.pop();
                follow(&tokens, i + 2, base, &mut out);
            }
            _ => {}
        }
    }
    out
}

/// Notes what a path that goes on at `i` below `base` reaches, each branch of a group by itself.
fn follow(tokens: &[String], i: usize, mut base: Vec<String>, out: &mut Vec<String>) {
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    match token(i) {
        "{" => {
            let (mut depth, mut start) = (0usize, true);
            for at in i..tokens.len() {
                match token(at) {
                    "{" => depth += 1,
                    "}" if depth == 1 => return,
                    "}" => depth -= 1,
                    "," if depth == 1 => start = true,
                    _ if depth == 1 && start => {
                        start = false;
                        follow(tokens, at, base.clone(), out);
                    }
                    _ => {}
                }
            }
        }
        "super" => {
            base.pop();
            follow(tokens, i + 2, base, out);
        }
        name => out.push(base.into_iter().next().unwrap_or_else(|| name.into())),
    }
}

/// Everything in the files (path below `src`, text) that the table does not allow.
fn faults(table: &Table, files: &[(String, String)]) -> Vec<String> {
    let mut out = Vec::new();
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > LONGEST {
            out.push(format!("src/{path} has {lines} lines; split it by idea (at most {LONGEST})"));
        }
        if !path.ends_with("tests.rs") && !text.starts_with("//!") {
            out.push(format!("src/{path} does not say in its first line (`//!`) what it is for"));
        }
        let mut here: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if here.last() == Some(&"mod") {
            here.pop();
        }
        let module = here[0];
        if module == "main" || module == "lib" {
            continue;
        }
        let Some(may) = table.get(module) else {
            out.push(format!("src/{path}: module `{module}` is not in the table of src/lib.rs"));
            continue;
        };
        let mut seen = Vec::new();
        for other in reached(text, &here) {
            if other == module || seen.contains(&other) {
                continue;
            }
            match may {
                _ if other == "*" => out.push(format!("src/{path}: `crate::*` hides what is imported")),
                Some(may) if !may.contains(&other) => {
                    out.push(format!("src/{path}: `{module}` may not import `{other}`"));
                }
                _ => {}
            }
            seen.push(other);
        }
    }
    for module in table.keys() {
        let (file, folder) = (format!("{module}.rs"), format!("{module}/"));
        if !files.iter().any(|(path, _)| *path == file || path.starts_with(&folder)) {
            out.push(format!("the table of src/lib.rs names `{module}`, which is not there"));
        }
    }
    out
}

/// All Rust files under a folder, by their path below it, sorted.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn source() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn the_code_keeps_to_the_map() {
    let files = files(&source());
    let lib = &files.iter().find(|(path, _)| path == "lib.rs").unwrap().1;
    let faults = faults(&table(lib), &files);
    assert!(faults.is_empty(), "{}\n", faults.join("\n"));
}

#[test]
fn the_table_is_read_as_it_is_written() {
    let table = table(
        "//! | module | what it is | may import |\n//! |-|-|-|\n//! | `text` | sources | |\n\
         //! | `model` | data | text |\n//! | `worker` | child | the core |\n\
         //! | `program` | a file | the core, worker |\n//! | `cli` | shell | everything |\n",
    );
    assert_eq!(table["text"], Some(vec![]));
    assert_eq!(table["model"], Some(vec!["text".to_string()]));
    assert_eq!(table["cli"], None);
    assert!(table["worker"].as_ref().unwrap().contains(&"model".to_string()));
    assert!(!table["worker"].as_ref().unwrap().contains(&"cli".to_string()));
    assert!(table["program"].as_ref().unwrap().ends_with(&["worker".to_string()]));
}

/// A small crate of `text <- model <- decide` with one file changed.
fn with(path: &str, text: &str) -> Vec<String> {
    let table = table("//! | `text` | | |\n//! | `model` | | text |\n//! | `decide` | | text, model |\n");
    let mut files: Vec<(String, String)> = ["text.rs", "model/mod.rs", "decide/mod.rs", "decide/tick.rs"]
        .iter()
        .map(|path| (path.to_string(), "//! What it is for.\n".to_string()))
        .collect();
    files.retain(|(name, _)| name != path);
    files.push((path.into(), format!("//! What it is for.\n{text}")));
    faults(&table, &files)
}

#[test]
fn a_right_arrow_passes() {
    for text in [
        "use crate::text::Span;",
        "use crate::{text::Span, model};",
        "use super::text;",
        "// use crate::decide::tick;\n/* crate::decide::x /* nested */ crate::decide */",
        "const A: &str = \"crate::decide\"; const B: &str = r#\"\" crate::decide\"#; const C: char = '\"';",
        "fn f<'a>(x: &'a str) -> char { '\\'' }\npub(crate) fn g() {}",
        "mod tests { use super::*; mod deep { use super::super::Policy; } }",
    ] {
        assert_eq!(with("model/mod.rs", text), [""; 0], "{text}");
    }
    assert_eq!(with("decide/tick.rs", "use super::super::model::Policy; use super::State;"), [""; 0]);
}

#[test]
fn a_wrong_arrow_fails_however_it_is_written() {
    for text in [
        "use crate::decide::tick;",
        "use crate::{text::Span, decide::tick};",
        "use crate::{text::{Span, Source}, decide};",
        "fn f() { crate::decide::tick() }",
        "use super::decide;",
        "mod tests { use super::super::decide::tick; }",
        "const C: char = '\"'; use crate::decide; const D: char = '\"';",
        "macro_rules! m { () => { $crate::decide::tick() } }",
    ] {
        assert_eq!(
            with("model/mod.rs", text),
            ["src/model/mod.rs: `model` may not import `decide`"],
            "{text}"
        );
    }
    assert_eq!(
        with("text.rs", "use crate::*;"),
        ["src/text.rs: `crate::*` hides what is imported"],
        "a glob of the root"
    );
}

#[test]
fn what_is_off_the_map_or_too_long_fails() {
    assert_eq!(with("lint.rs", ""), ["src/lint.rs: module `lint` is not in the table of src/lib.rs"]);
    assert_eq!(
        with("decide/tick.rs", &"\n".repeat(LONGEST)),
        [format!("src/decide/tick.rs has {} lines; split it by idea (at most {LONGEST})", LONGEST + 1)]
    );
    let table = table("//! | `text` | | |\n//! | `gone` | | text |\n");
    let files = [("text.rs".to_string(), "fn f() {}".to_string())];
    assert_eq!(
        faults(&table, &files),
        [
            "src/text.rs does not say in its first line (`//!`) what it is for",
            "the table of src/lib.rs names `gone`, which is not there"
        ]
    );
}
