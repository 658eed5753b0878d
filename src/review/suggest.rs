//! A fix as a suggestion that a reviewer takes with one click. May import: `text`, `model`,
//! `report`, siblings.

use super::{Hunk, Placed};
use crate::report;
use crate::text::LineIndex;

/// Whole lines in the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// The first line that is replaced, from 1.
    pub from: u32,
    /// The last.
    pub to: u32,
    /// What stands there instead, without the last line's end.
    pub text: String,
    /// What the fix does.
    pub title: String,
    /// Whether the policy then means the same.
    pub safe: bool,
}

impl Suggestion {
    /// The fix of a finding, where all its edits are in the finding's own file and one hunk shows
    /// every line that they touch.
    pub fn of(placed: &Placed<'_>, hunks: &[Hunk]) -> Option<Suggestion> {
        let (fix, source) = (placed.finding.fix.as_deref()?, placed.source?);
        let text = &*source.text;
        if fix.edits.is_empty() || fix.edits.iter().any(|edit| edit.source != source.name) {
            return None;
        }
        let mut edits: Vec<_> = fix.edits.iter().collect();
        edits.sort_by_key(|edit| edit.span);
        let lines = LineIndex::new(text);
        let (first, last) = (edits.first()?.span, edits.last()?.span);
        let from = lines.line(first.start);
        // An edit that takes a line's end along ends at the start of the next.
        let end = if last.end > last.start { last.end - 1 } else { last.end };
        let to = lines.line(end);
        hunks.iter().find(|hunk| hunk.shows(from, to))?;
        let start = lines.line_span(text, from)?.start;
        let stop = lines.line_span(text, to)?.end;
        let mut out = String::new();
        let mut at = start;
        for edit in edits {
            out.push_str(text.get(at as usize..edit.span.start as usize)?);
            out.push_str(&edit.text);
            at = edit.span.end;
        }
        // The edit may have taken the last line's end along.
        let whole = at <= stop;
        if whole {
            out.push_str(text.get(at as usize..stop as usize)?);
        }
        let text = out.replace('\r', "");
        let text = if whole { text } else { text.trim_end_matches('\n').to_owned() };
        // What reads otherwise than it runs is nothing to be taken with one click.
        let plain = text.replace('\t', " ");
        if report::safe(&plain) != plain {
            return None;
        }
        Some(Suggestion { from, to, text, title: fix.title.clone(), safe: fix.safe })
    }

    /// As Markdown: a fence longer than any in the text.
    pub fn block(&self) -> String {
        let longest = self.text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let text = if self.text.is_empty() { String::new() } else { format!("{}\n", self.text) };
        format!("{fence}suggestion\n{text}{fence}\n")
    }
}
