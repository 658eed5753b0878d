//! The comments of a YAML file, and what they stand over. May import: `text`.

use crate::text::{Comment, LineIndex, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The comments of a text, in order; none where it is no YAML. One on a line of its own is about
/// the entry that follows, with all that is indented below it.
pub fn comments(text: &str) -> Vec<Comment> {
    let base = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = text.get(base..).unwrap_or_default();
    let Some(quoted) = quoted(body) else { return Vec::new() };
    let lines = LineIndex::new(text);
    let mut out = Vec::new();
    let mut next = 0;
    for (at, _) in body.match_indices('#') {
        let before = body.get(..at).unwrap_or_default();
        let begins = before.is_empty() || before.ends_with([' ', '\t', '\n', '\r']);
        let inside = quoted.partition_point(|(start, _)| *start <= at);
        let inside = inside.checked_sub(1).and_then(|i| quoted.get(i)).is_some_and(|(_, end)| at < *end);
        if at < next || !begins || inside {
            continue;
        }
        let rest = body.get(at..).unwrap_or_default();
        let length = rest.find('\n').unwrap_or(rest.len());
        next = at + length;
        let end = at + rest.get(..length).unwrap_or_default().trim_end().len();
        let alone = before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        let covers = match alone {
            true => over(text, base + next),
            false => {
                let line = lines.line(u32::try_from(base + at).unwrap_or(u32::MAX));
                lines.line_span(text, line).unwrap_or_default()
            }
        };
        out.push(Comment { span: Span::new(base + at, base + end), alone, covers });
    }
    out
}

/// Where quoted texts and blocks of text stand, in bytes; nothing else can hold a `#` after a
/// blank. `None` where the text is no YAML.
fn quoted(body: &str) -> Option<Vec<(usize, usize)>> {
    // The parser counts characters.
    let bytes: Option<Vec<usize>> =
        (!body.is_ascii()).then(|| body.char_indices().map(|(at, _)| at).collect());
    let byte = |at: usize| match &bytes {
        None => at.min(body.len()),
        Some(bytes) => bytes.get(at).copied().unwrap_or(body.len()),
    };
    let mut out = Vec::new();
    for event in Parser::new_from_str(body) {
        let (Event::Scalar(_, style, ..), marks) = event.ok()? else { continue };
        let start = byte(marks.start.index());
        let text = body.get(start..).unwrap_or_default();
        let length = match style {
            ScalarStyle::Plain => continue,
            ScalarStyle::SingleQuoted => closed(text, '\'', None),
            ScalarStyle::DoubleQuoted => closed(text, '"', Some('\\')),
            ScalarStyle::Literal | ScalarStyle::Folded => block(text),
        };
        out.push((start, start + length));
    }
    Some(out)
}

/// The length of a quoted text; the parser's own end may lie beyond a comment after it. A quote
/// that is doubled begins another text at once, which is as good.
fn closed(text: &str, quote: char, escape: Option<char>) -> usize {
    let mut escaped = false;
    let mut chars = text.char_indices().skip_while(|(_, c)| *c != quote).skip(1);
    let end = chars.find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = !escaped && Some(*c) == escape;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a block of text: the lines after its head that are indented as its first one.
fn block(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let mut end = lines.next().map_or(0, str::len);
    let (mut at, mut least) = (end, None);
    for line in lines {
        at += line.len();
        let indent = line.len() - line.trim_start_matches(' ').len();
        if !line.trim().is_empty() {
            if indent < *least.get_or_insert(indent.max(1)) {
                break;
            }
            end = at;
        }
    }
    end
}

/// The entry that follows a place: its first line, and what is indented below it. A list may stand
/// where its key does.
fn over(text: &str, from: usize) -> Span {
    let mut first: Option<(usize, usize, bool)> = None;
    let mut end = 0;
    let mut at = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let content = line.trim();
        let begins = at + (line.len() - line.trim_start().len());
        let stop = at + line.trim_end().len();
        let indent = begins - at;
        at += line.len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let item = content == "-" || content.starts_with("- ");
        match first {
            None => first = Some((begins, indent, item)),
            Some((_, top, listed)) if indent > top || indent == top && item && !listed => {}
            Some(_) => break,
        }
        end = stop;
    }
    first.map_or_else(Span::default, |(start, ..)| Span::new(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str) -> Vec<(&str, &str)> {
        let part = |span: Span| &text[span.start as usize..span.end as usize];
        comments(text).into_iter().map(|c| (part(c.span), part(c.covers))).collect()
    }

    #[test]
    fn a_comment_covers_its_line_or_the_entry_that_follows() {
        assert_eq!(covered("a: 1 # x\nb: 2\n"), [("# x", "a: 1 # x")]);
        assert_eq!(covered("# x\n\na:\n  b: 1\n\n  c: 2\nd: 3\n"), [("# x", "a:\n  b: 1\n\n  c: 2")]);
        assert_eq!(covered("l:\n  # x\n  - a: 1\n    b: 2\n  - c\n"), [("# x", "- a: 1\n    b: 2")]);
        assert_eq!(covered("# x\nl:\n- a\n- b\nm: 1\n"), [("# x", "l:\n- a\n- b")]);
        assert_eq!(covered("a: 1\n# x"), [("# x", "")]);
    }

    #[test]
    fn what_stands_in_a_text_is_no_comment() {
        assert_eq!(covered("ü: \"ä # no\" # yes ü\n"), [("# yes ü", "ü: \"ä # no\" # yes ü")]);
        assert_eq!(covered("a: |\n  # no\n  x\nb: 'c\n  # no' # yes\n"), [("# yes", "# no' # yes")]);
        assert_eq!(covered("a: |\n  x\n# yes\nb: 'it''s # no' # yes\n").len(), 2);
        assert_eq!(covered("a: \"\\\" # no\" # yes\n"), [("# yes", "a: \"\\\" # no\" # yes")]);
        assert_eq!(covered("a: b#no\n"), []);
        assert_eq!(covered("\u{feff}# x\na: 1\n"), [("# x", "a: 1")]);
        assert_eq!(covered("# x\na: [\n"), []);
    }
}
