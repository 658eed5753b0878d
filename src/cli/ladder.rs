//! What is left where a token may not write: workflow commands, then the summary of the step, then
//! the log. Each rung says all that it was handed, or hands on what it has no room for. May import:
//! everything.

#![expect(clippy::disallowed_methods, reason = "the summary of a step is a file that the runner names")]

use super::failure::Failure;
use super::pipeline::variable;
use super::terminal::Terminal;
use crate::model::{Finding, Level};
use crate::report::places::{Base, Places};
use crate::report::{self, hosts};
use crate::review::cut_bytes;
use crate::text::Source;
use std::io::Write;
use std::path::PathBuf;

/// Most workflow commands of one level that a step may give; GitHub drops the rest in silence.
const COMMANDS: usize = 10;

/// Most bytes of a step's summary; a longer one is not shown at all.
const SUMMARY: u64 = 1 << 20;

/// What is handed down.
pub struct Handed<'a> {
    /// What was found.
    pub findings: &'a [Finding],
    /// The texts that it points into.
    pub sources: &'a [Source],
    /// All reports, as Markdown.
    pub markdown: &'a str,
    /// All reports, as text.
    pub text: &'a str,
}

/// Says it where it can be seen; which rungs were used.
///
/// # Errors
/// Where not even the log can be written.
pub fn down(handed: &Handed<'_>, terminal: &Terminal) -> Result<Vec<&'static str>, Failure> {
    let mut used = Vec::new();
    if variable("GITHUB_ACTIONS").as_deref() == Some("true") {
        let first = first_of_each(handed.findings);
        if !first.is_empty() {
            let base = Base::default();
            terminal.print(&hosts::github(&first, handed.sources, &base), None)?;
            used.push("workflow commands");
        }
        if let Some(path) = variable("GITHUB_STEP_SUMMARY").map(PathBuf::from)
            && let Some(whole) = summary(&path, handed)
        {
            used.push("the step's summary");
            if whole {
                return Ok(used);
            }
        }
    }
    terminal.print(&format!("{}\n", handed.text.trim_end()), None)?;
    used.push("the log");
    Ok(used)
}

/// As many findings of each level as a step may show.
fn first_of_each(findings: &[Finding]) -> Vec<Finding> {
    let of = |level: Level| findings.iter().filter(move |finding| finding.level == level).take(COMMANDS);
    [Level::Error, Level::Warning, Level::Note].into_iter().flat_map(of).cloned().collect()
}

/// Adds to the step's summary; whether all of it found room, and none where there is no such file.
fn summary(path: &PathBuf, handed: &Handed<'_>) -> Option<bool> {
    let mut text = format!("{}\n", handed.markdown.trim_end());
    let base = Base::default();
    let places = Places::new(handed.sources, &base);
    text.push_str("\n<details><summary>All findings</summary>\n\n");
    for finding in handed.findings {
        let at = places.home(finding, handed.sources);
        let place = format!("{}:{}", at.path, at.start.line);
        text.push_str(&report::markdown::finding(finding, &place));
    }
    text.push_str("\n</details>\n");
    let there = std::fs::metadata(path).map_or(0, |about| about.len());
    let room = usize::try_from(SUMMARY.saturating_sub(there)).unwrap_or(0);
    if room < 1024 {
        return None;
    }
    let cut = cut_bytes(&text, room);
    let whole = cut.len() == text.len();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).ok()?;
    file.write_all(cut.as_bytes()).ok()?;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_of_each_level_are_shown_and_the_eleventh_is_not() {
        let findings: Vec<Finding> = (0..11)
            .flat_map(|n| [Finding::warning("w", format!("{n}")), Finding::error("e", format!("{n}"))])
            .chain([Finding::note("n", "0")])
            .collect();
        let first = first_of_each(&findings);
        let count = |level: Level| first.iter().filter(|finding| finding.level == level).count();
        assert_eq!([Level::Error, Level::Warning, Level::Note].map(count), [10, 10, 1]);
        assert!(!first.iter().any(|finding| finding.message == "10"));
    }

    #[test]
    fn a_summary_takes_one_mebibyte_and_what_is_more_goes_to_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let with = |name: &str, size: usize| {
            let path = folder.path().join(name);
            let markdown = format!("{}{}", "x".repeat(size % 2), "x\n".repeat(size / 2));
            let handed = Handed { findings: &[], sources: &[], markdown: &markdown, text: "" };
            let whole = summary(&path, &handed);
            (whole, std::fs::metadata(&path).unwrap().len())
        };
        let around = with("none", 2).1 - 2;
        let fits = usize::try_from(SUMMARY - around).unwrap();
        assert_eq!(with("fits", fits), (Some(true), SUMMARY));
        let (whole, size) = with("more", fits + 2);
        assert_eq!(whole, Some(false));
        assert!(size <= SUMMARY);
    }
}
