//! Texts of comments. May import: `model`, `report`, siblings.

use super::{MOST_CHARACTERS, Marker, Placed, suggest};
use crate::model::Level;
use crate::report::markdown;

/// A text of anybody's choosing as Markdown that says it and does nothing else: no mention, link,
/// image, HTML, fence, closing word or change of reading direction.
pub fn neutral(text: &str) -> String {
    markdown::text(text)
}

/// Cuts a body to so many characters, at the end of a line, and says so.
pub fn cut(body: &str, most: usize) -> String {
    shorten(body, most, &|text| text.chars().count())
}

/// Cuts a body to so many bytes, at the end of a line, and says so.
pub fn cut_bytes(body: &str, most: usize) -> String {
    shorten(body, most, &str::len)
}

fn shorten(body: &str, most: usize, size: &dyn Fn(&str) -> usize) -> String {
    if size(body) <= most {
        return body.to_owned();
    }
    const CUT: &str = "\n\n*cut: a comment has its limit*\n";
    /// What closes a fence and as many folds as a report has.
    const CLOSING: usize = 64;
    let room = most.saturating_sub(size(CUT) + CLOSING);
    let mut kept = String::new();
    let mut left = room;
    for line in body.split_inclusive('\n') {
        match left.checked_sub(size(line)) {
            Some(rest) => left = rest,
            None => break,
        }
        kept.push_str(line);
    }
    if kept.is_empty() {
        // One line, longer than all that there is room for.
        let end = body.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last();
        kept = body.get(..end.unwrap_or(0)).unwrap_or_default().chars().take(room).collect();
    }
    let mut kept = kept.trim_end().to_owned();
    // A fence or a fold that was open would swallow what follows.
    if kept.lines().filter(|line| line.starts_with("```")).count() % 2 == 1 {
        kept.push_str("\n```");
    }
    let open = kept.matches("<details").count().saturating_sub(kept.matches("</details>").count());
    kept.push_str(&"\n</details>".repeat(open.min(5)));
    kept + CUT
}

pub(super) fn mark(level: Level) -> &'static str {
    match level {
        Level::Error => "🔴",
        Level::Warning => "🟡",
        Level::Note => "ℹ️",
    }
}

/// The body of a comment on a line, and the lines that it is about.
pub(super) fn inline(
    placed: &Placed<'_>,
    print: &str,
    scope: &str,
    suggestion: Option<&suggest::Suggestion>,
) -> String {
    let finding = placed.finding;
    let mut out = Marker::Finding(print.to_owned()).line(scope);
    let mut lines = placed.words.lines();
    let message = lines.next().unwrap_or_default();
    out.push_str(&format!("\n{} **{}** {}\n", mark(finding.level), neutral(&finding.rule), neutral(message)));
    for line in lines {
        out.push_str(&format!("\n{}\n", neutral(line)));
    }
    if let Some(suggestion) = suggestion {
        let caution = if suggestion.safe { "" } else { " (it may change what the policy means)" };
        let block = format!("\n{}{caution}:\n\n{}", neutral(&suggestion.title), suggestion.block());
        // A part of a suggestion would be taken with one click for the whole.
        if out.chars().count() + block.chars().count() <= MOST_CHARACTERS {
            out.push_str(&block);
        }
    }
    cut(&out, MOST_CHARACTERS)
}

/// What one finding says in a list.
pub(super) fn item(placed: &Placed<'_>) -> String {
    let finding = placed.finding;
    let message = placed.words.lines().next().unwrap_or_default();
    format!(
        "- {} {}:{} **{}** {}\n",
        mark(finding.level),
        neutral(placed.path),
        placed.line,
        neutral(&finding.rule),
        neutral(message)
    )
}

/// How many findings there are of each level, in words.
pub(super) fn count(findings: &[&Placed<'_>]) -> String {
    let of = |level: Level| findings.iter().filter(|p| p.finding.level == level).count();
    let words = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
    let parts: Vec<String> = words
        .iter()
        .map(|(level, word)| (of(*level), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
        .collect();
    if parts.is_empty() { "nothing found".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_acts() {
        for text in [
            "@team",
            "fixes #12",
            "closes GH-12",
            "resolves gh-3",
            "fixes https://github.com/a/b/issues/1",
            "<!-- x -->",
            "```",
            "![a](b)",
        ] {
            let safe = neutral(text);
            for sign in ["@", "#1", "GH-1", "gh-3", "://", "<", "-->", "`", "]("] {
                assert!(!safe.contains(sign), "{text}: {safe}");
            }
        }
    }

    #[test]
    fn a_body_fits_exactly() {
        let fits = "x".repeat(MOST_CHARACTERS);
        assert_eq!(cut(&fits, MOST_CHARACTERS), fits);
        for text in [
            format!("{fits}y"),
            "é\n".repeat(MOST_CHARACTERS),
            format!("a\n```\n{}", "b\n".repeat(MOST_CHARACTERS)),
        ] {
            let cut = cut(&text, MOST_CHARACTERS);
            assert!(cut.chars().count() <= MOST_CHARACTERS, "{}", cut.chars().count());
            assert!(cut.ends_with("*cut: a comment has its limit*\n"));
            assert_eq!(cut.matches("```").count() % 2, 0);
        }
    }
}
