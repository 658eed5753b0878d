//! Source text and places in it: bytes inside, lines and columns at the surface.
//!
//! May import: nothing of this crate. Everything else may import this.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A half-open range of bytes in one source, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `start..end`; a reversed pair is an empty span at `start`.
    pub fn new(start: usize, end: usize) -> Span {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        Span { start, end: end.max(start) }
    }

    /// Number of bytes covered.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A value together with the place it was written at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; an empty span at 0 means "nowhere in the text" (a default).
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Pairs a value with its place.
    pub fn new(value: T, span: Span) -> Spanned<T> {
        Spanned { value, span }
    }

    /// A value that stands nowhere in the text, such as a default.
    pub fn nowhere(value: T) -> Spanned<T> {
        Spanned { value, span: Span::default() }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A named text: a policy file, a required module, a configuration or a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name shown to people: the path as it was given, with `/` between its parts.
    pub name: Arc<str>,
    /// The text, as it was read; bytes that are no UTF-8 were replaced by U+FFFD.
    pub text: Arc<str>,
}

impl Source {
    /// A source from a name and a text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    /// The text with a byte order mark and a `#!` first line blanked by spaces, so that
    /// every byte keeps its place and the parser and the VM see plain Lua.
    pub fn blanked(&self) -> String {
        let mut text = self.text.to_string();
        if text.starts_with('\u{feff}') {
            text.replace_range(..'\u{feff}'.len_utf8(), "   ");
        }
        let body = text.trim_start_matches(' ').len();
        let lead = text.len() - body;
        // Only a byte order mark (three spaces by now) may stand before `#!`.
        if (lead == 0 || lead == 3) && text[lead..].starts_with("#!") {
            let end = text.find('\n').unwrap_or(text.len());
            text.replace_range(..end, &" ".repeat(end));
        }
        text
    }
}

/// A comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Its place, from its mark (`--`, `#`) on; without the line end.
    pub span: Span,
    /// Whether nothing else stands on its first line before it.
    pub alone: bool,
    /// What it is about: its own line where something stands before it; else the next line that
    /// has code, to the end of what is opened there. Empty where nothing follows.
    pub covers: Span,
}

/// Line and column of a byte, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The starts of all lines of a text, for turning bytes into lines and columns.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Indexes a text. Lines end at `\n`; a `\r` before it belongs to the line.
    pub fn new(text: &str) -> LineIndex {
        let mut starts = vec![0];
        for at in memchr::memchr_iter(b'\n', text.as_bytes()) {
            starts.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
        }
        LineIndex { starts }
    }

    /// Line (from 1) of a byte.
    pub fn line(&self, byte: u32) -> u32 {
        u32::try_from(self.starts.partition_point(|s| *s <= byte)).unwrap_or(u32::MAX)
    }

    /// First byte of a line, counted from 0.
    pub fn start(&self, line: usize) -> Option<u32> {
        self.starts.get(line).copied()
    }

    /// Line and column of a byte. A byte inside a character counts as that character; one
    /// past the end as the end.
    pub fn position(&self, text: &str, byte: u32) -> Position {
        let line = self.line(byte).max(1);
        let start = self.starts[line as usize - 1] as usize;
        let mut end = (byte as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let column = text.get(start..end).map_or(0, |s| s.chars().count());
        Position { line, column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
    }

    /// The span of a line (from 1) without its line end and without leading blanks; `None`
    /// past the last line.
    pub fn line_span(&self, text: &str, line: u32) -> Option<Span> {
        let start = *self.starts.get((line as usize).checked_sub(1)?)? as usize;
        let end = self.starts.get(line as usize).map_or(text.len(), |s| *s as usize);
        let whole = text.get(start..end)?;
        let body = whole.trim_end_matches(['\n', '\r']);
        let lead = body.len() - body.trim_start().len();
        Some(Span::new(start + lead, start + body.len()))
    }
}

/// Whether a character steers what shows it rather than being shown: control characters, marks
/// that turn the reading direction, separators of lines, byte order marks, the two values that
/// are no characters (XML has none of them either), and what is not seen at all, so that one name
/// would look like another. Joiners are among these, though some scripts and emoji have a use
/// for them: what is escaped can still be read.
pub fn steers(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Default_Ignorable_Code_Point of Unicode without variation selectors, which change what is
    // before them and are of no width of their own; annotation marks; the blank of Braille.
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}'
    );
    let apart = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    c.is_control() || turns || unseen || apart
}

/// A text from anywhere as it may be shown in one line: what steers is escaped.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if steers(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// A commit as people read it: its first 9 digits; what is no commit's identifier stays as it is.
pub fn short_commit(id: &str) -> &str {
    let digits = id.bytes().all(|b| b.is_ascii_hexdigit());
    id.get(..9).filter(|_| digits).unwrap_or(id)
}

/// A digest as people read it: its first 12 digits.
pub fn short_digest(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// A size as people read it, to a tenth: `300 B`, `64 KiB`, `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    let mut unit = 1;
    for name in ["B", "KiB", "MiB", "GiB"] {
        if bytes / unit < 1024 {
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                tenth => format!("{}.{tenth} {name}", tenths / 10),
            };
        }
        unit *= 1024;
    }
    format!("{} TiB", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_survive_the_middle_of_one() {
        let text = "a\r\nü = 1\n";
        let index = LineIndex::new(text);
        assert_eq!(index.position(text, 3), Position { line: 2, column: 1 });
        assert_eq!(index.position(text, 4), Position { line: 2, column: 1 });
        assert_eq!(index.position(text, 5), Position { line: 2, column: 2 });
        assert_eq!(index.position(text, 999), Position { line: 3, column: 1 });
    }

    #[test]
    fn a_byte_order_mark_and_a_shebang_are_blanked_in_place() {
        let source = Source::new("x", "\u{feff}#!/usr/bin/lua\nreturn 1");
        let blanked = source.blanked();
        assert_eq!(blanked.len(), source.text.len());
        assert!(blanked.trim_start().starts_with("return"));
        assert_eq!(Source::new("x", "  #! not first").blanked(), "  #! not first");
    }

    #[test]
    fn sizes_are_told_in_their_own_unit() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (64 << 10, "64 KiB"),
            (1536, "1.5 KiB"),
            (4 << 20, "4 MiB"),
            ((1 << 20) - 1, "1024 KiB"),
            (5 << 30, "5 GiB"),
            (3 << 40, "3 TiB"),
        ] {
            assert_eq!(size(bytes), told);
        }
    }

    #[test]
    fn what_is_not_seen_steers_and_what_is_seen_does_not() {
        for c in
            "\n\u{1b}\u{9b}\u{ad}\u{200b}\u{200d}\u{202e}\u{2060}\u{2063}\u{3164}\u{feff}\u{e0041}".chars()
        {
            assert!(steers(c), "{c:?}");
        }
        for c in "aü名\u{301}☺\u{fe0f}👩\u{1f3fd} \u{a0}–…".chars() {
            assert!(!steers(c), "{c:?}");
        }
        assert_eq!(escaped("a\nb\u{200b}c"), "a\\nb\\u{200b}c");
    }

    #[test]
    fn a_line_span_leaves_out_blanks_and_line_ends() {
        let text = "one\r\n  two\r\n";
        let index = LineIndex::new(text);
        let span = index.line_span(text, 2).map(|s| &text[s.start as usize..s.end as usize]);
        assert_eq!(span, Some("two"));
        assert_eq!(index.line_span(text, 9), None);
    }
}
