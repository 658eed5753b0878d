//! `luascale ci`: check, diff, behaviour and plan of the commit in one step of a pipeline, on any
//! forge. May import: everything.
//!
//! Each part does what it can: where one fails the others are still there, and the exit status is
//! the gravest of all.

use super::args_plan::{Ci, CiFormat};
use super::failure::{Failure, status};
use super::figures::{self, Figures};
use super::looked::{Asked, Part, look};
use super::planning;
use super::terminal::Terminal;
use super::{Outcome, files, output};
use crate::git::{Repo, short};
use crate::report;
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(args: &Ci, terminal: &Terminal) -> Outcome {
    // Before all work, and before a plan that is not this run's could be left there.
    args.output_dir.as_deref().map_or(Ok(()), output::checked)?;
    let start = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let repo = Repo::discover(start)?;
    let Some(head) = repo.head()? else {
        return Err(Failure::usage("there is no commit yet")
            .hint("commit the policies: what is looked at is a commit"));
    };
    let paths = planning::scope(&args.paths)?;
    let asked = Asked {
        repo: &repo,
        head,
        base: planning::base(&repo, head, args.planning.held.base.as_deref()),
        paths: &paths,
        planning: &args.planning,
        samples: &args.samples,
        fail_on: args.fail_on,
    };
    let parts = look(asked, terminal)?.parts;
    let status = parts.iter().map(|part| part.status).max().unwrap_or(status::CLEAN);
    let text = summary(&parts, status, &short(head));
    let markdown = summary_markdown(&parts, status, &short(head));
    if let Some(folder) = &args.output_dir {
        write(folder, &parts, &text, &markdown)?;
    }
    terminal.print(if args.format == CiFormat::Text { &text } else { &markdown }, None)?;
    if let Some(folder) = &args.output_dir {
        terminal.say(&format!("wrote the reports into {}", files::shown(folder)));
    }
    Ok(status)
}

/// What it came to, in words.
pub fn verdict(parts: &[Part], status: u8) -> String {
    match (status, parts.iter().find(|part| part.status == status)) {
        (status::CLEAN, _) => "clean".to_owned(),
        (status::FINDINGS, _) => "findings".to_owned(),
        // The cause, and not the kind of it.
        (_, Some(part)) => format!("no {}: {}", part.name, part.said),
        (_, None) => "a bug of luascale".to_owned(),
    }
}

/// All of it as text.
pub fn summary(parts: &[Part], status: u8, head: &str) -> String {
    let mut out =
        format!("luascale at {head}: {} (exit status {status})\n\n", report::safe(&verdict(parts, status)));
    for part in parts {
        let mark = if part.status == status::CLEAN { "ok  " } else { "FAIL" };
        out.push_str(&format!("{mark} {:5}  {}\n", part.name, report::safe(&part.said)));
        part.hints.iter().for_each(|hint| out.push_str(&format!("            {}\n", report::safe(hint))));
    }
    for part in parts.iter().filter(|part| !part.text.trim().is_empty()) {
        out.push_str(&format!("\n--- {} ---\n\n{}\n", part.name, part.text.trim_end()));
    }
    out
}

/// All of it as Markdown.
pub fn summary_markdown(parts: &[Part], status: u8, head: &str) -> String {
    let word = report::markdown::words;
    let mut out = format!(
        "## luascale: {}\n\nOf `{head}`.\n\n| | part | result |\n|-|-|-|\n",
        word(&verdict(parts, status))
    );
    for part in parts {
        let mark = if part.status == status::CLEAN { "✅" } else { "❌" };
        let hints: String = part.hints.iter().map(|hint| format!("<br>{}", word(hint))).collect();
        out.push_str(&format!("| {mark} | {} | {}{hints} |\n", part.name, word(&part.said)));
    }
    for part in parts.iter().filter(|part| !part.markdown.trim().is_empty()) {
        out.push_str(&format!(
            "\n<details open><summary>{}</summary>\n\n{}\n\n</details>\n",
            part.name,
            part.markdown.trim_end()
        ));
    }
    out
}

/// Writes every report, each part's own in text and Markdown too.
///
/// # Errors
/// Where the folder cannot be written.
pub fn write(folder: &Path, parts: &[Part], text: &str, markdown: &str) -> Result<(), Failure> {
    let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
    let mut all =
        vec![("summary.txt".to_owned(), plain(text)), ("summary.md".to_owned(), markdown.to_owned())];
    for part in parts {
        // Where there is nothing to show, what came of it is said: an empty file looks like a fault.
        let none = |text: &str| text.trim().is_empty();
        let said = format!("{}\n", report::safe(&part.said));
        all.push((format!("{}.txt", part.name), if none(&part.text) { said } else { plain(&part.text) }));
        let said = format!("{}\n", report::markdown::words(&part.said));
        all.push((
            format!("{}.md", part.name),
            if none(&part.markdown) { said } else { part.markdown.clone() },
        ));
        all.extend(part.files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())));
    }
    let figure = |get: &dyn Fn(&Figures) -> Option<usize>| parts.iter().find_map(|part| get(&part.figures));
    let figures = Figures {
        findings: figure(&|figures| figures.findings),
        changes: figure(&|figures| figures.changes),
        digest: parts.iter().find_map(|part| part.figures.digest.clone()),
    };
    figures::write(folder, &figures, &all)?;
    // A plan of an earlier run must not be taken for one of this.
    if !parts.iter().any(|part| part.files.iter().any(|(name, _)| *name == "plan.json")) {
        let path = folder.join("plan.json");
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::environment(format!("cannot remove {}: {error}", files::shown(&path))));
        }
    }
    Ok(())
}
