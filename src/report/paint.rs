//! Colours, widths and safe text for terminals. May import: `text`.

use crate::text::steers;
use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a piece of a report wants to say by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// No colour.
    #[default]
    Plain,
    /// Headings and names.
    Strong,
    /// Secondary: units, hints.
    Dim,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// More replicas.
    Out,
    /// Fewer replicas.
    In,
    /// The load.
    Load,
}

impl Tone {
    fn style(self) -> Style {
        let fg = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Good => fg(AnsiColor::Green),
            Tone::Warn => fg(AnsiColor::Yellow),
            Tone::Bad => fg(AnsiColor::Red).bold(),
            Tone::Out => fg(AnsiColor::Green),
            Tone::In => fg(AnsiColor::Cyan),
            Tone::Load => fg(AnsiColor::Blue),
        }
    }

    /// The text in this tone.
    pub(super) fn paint(self, text: &str) -> String {
        let style = self.style();
        if self == Tone::Plain || text.is_empty() {
            text.to_owned()
        } else {
            format!("{style}{text}{style:#}")
        }
    }
}

/// Columns that a text takes; it holds no colours.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Makes a text safe to show: what could move the cursor, change colours, ring, or turn the
/// reading direction is written as an escape, on one line; `##[…` and `##vso[…`, which runners
/// of pipelines obey wherever they stand in a line, get a blank after their first `#`.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\t' => out.push_str("    "),
            '#' if commands(text.get(at..).unwrap_or_default()) => out.push_str("# "),
            c if steers(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a text begins as a command to a runner does: `##[group]`, `##vso[task.…]`.
pub(super) fn commands(text: &str) -> bool {
    let word = text.strip_prefix("##").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()));
    word.is_some_and(|rest| rest.starts_with('['))
}

/// Takes their effect from lines that a runner of GitHub would obey: where one begins with `::`,
/// after blanks and colours, a blank comes between.
pub(super) fn inert(text: String) -> String {
    if !text.contains("::") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        match line.get(lead(line)..).and_then(|rest| rest.strip_prefix("::")) {
            Some(rest) => {
                out.push_str(line.get(..lead(line)).unwrap_or_default());
                out.push_str(": :");
                out.push_str(rest);
            }
            None => out.push_str(line),
        }
    }
    out
}

/// Bytes of blanks and colours that a line begins with.
fn lead(line: &str) -> usize {
    let mut rest = line;
    loop {
        let next = rest.trim_start();
        let next = match next.strip_prefix("\u{1b}[") {
            Some(style) => style.find('m').and_then(|m| style.get(m + 1..)).unwrap_or(next),
            None => next,
        };
        if next.len() == rest.len() {
            return line.len() - rest.len();
        }
        rest = next;
    }
}

/// Cuts a text to this many columns; what was cut is marked by `mark`.
pub(super) fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w > room {
            break;
        }
        used += w;
        out.push(c);
    }
    out + mark
}

/// Fills a text up with blanks on the right, or on the left.
pub(super) fn pad(text: &str, columns: usize, right: bool) -> String {
    let fill = " ".repeat(columns.saturating_sub(width(text)));
    if right { fill + text } else { text.to_owned() + &fill }
}

/// Whether two words are parts of one time, between which no line breaks: `Nov 29 06:12:15`,
/// `2024-11-29 06:12:15 UTC`.
fn are_one_time(before: &str, after: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let before = before.trim_start_matches(['(', '"', '[']);
    let after = after.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let like = |word: &str, form: &str| {
        word.len() == form.len()
            && word
                .bytes()
                .zip(form.bytes())
                .all(|(c, f)| if f == b'0' { c.is_ascii_digit() } else { c == f })
    };
    let clock = |word: &str| {
        let whole = word.split_once('.').map_or(word, |(whole, _)| whole);
        like(whole, "00:00") || like(whole, "00:00:00")
    };
    let (day, date) =
        (|word: &str| like(word, "00") || like(word, "0"), |word: &str| like(word, "0000-00-00"));
    (MONTHS.contains(&before) && day(after))
        || ((day(before) || date(before)) && clock(after))
        || (clock(before) && after == "UTC")
}

/// The words of a text, those of one time together.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = "";
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if are_one_time(before, word) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        before = word;
    }
    words
}

/// Breaks a text at blanks into lines of at most `columns`, but not within a time; a longer word
/// stands alone, cut in pieces.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in &words(text) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if width(&line) + c.width().unwrap_or(0) > columns {
                lines.push(std::mem::take(&mut line));
            }
            // At the start of a line `::` would begin a command to a runner of GitHub.
            if c == ':' && line == ":" {
                line.push(' ');
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let shown = clean("a\u{1b}[31mb\u{7}\nc\u{202e}d\u{9b}");
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown:?}");
        assert_eq!(clean("naïve 名前"), "naïve 名前");
    }

    #[test]
    fn what_xml_has_no_place_for_is_escaped() {
        assert_eq!(clean("a\u{fffe}b\u{ffff}c\u{feff}\u{2066}"), "a\\u{fffe}b\\u{ffff}c\\u{feff}\\u{2066}");
    }

    #[test]
    fn no_text_is_a_command_to_the_runner_that_shows_it() {
        assert_eq!(clean("a ##[group]x ##vso[task.x]"), "a # #[group]x # #vso[task.x]");
        assert_eq!(clean("###[a] ## heading"), "## #[a] ## heading");
        assert_eq!(wrap("::stop-commands::now x::y", 16), [": :stop-commands", ": :now x::y"]);
        assert_eq!(wrap("a long word ::error::x", 12), ["a long word", ": :error::x"]);
        let told = "a::b\n  ::error::x\n\u{1b}[2m\u{1b}[31m::x\u{1b}[0m\n: :\n:\n\n";
        let safe = "a::b\n  : :error::x\n\u{1b}[2m\u{1b}[31m: :x\u{1b}[0m\n: :\n:\n\n";
        assert_eq!(inert(told.into()), safe);
    }

    #[test]
    fn no_line_breaks_within_a_time() {
        for (text, columns, lines) in [
            ("first at Nov 29 06:12:15 UTC", 20, vec!["first at", "Nov 29 06:12:15 UTC"]),
            (
                "it expired at 2026-12-07 19:39:54 UTC: again",
                30,
                vec!["it expired at", "2026-12-07 19:39:54 UTC: again"],
            ),
            ("(Nov 29 06:12, 12:30 UTC)", 14, vec!["(Nov 29 06:12,", "12:30 UTC)"]),
            ("over Nov 29 06:12:15.250 and on", 24, vec!["over Nov 29 06:12:15.250", "and on"]),
            // A count before a time is no day of it where no month is before that.
            ("of 2024 06:12", 9, vec!["of 2024", "06:12"]),
            ("2026-12-07 19:39:54", 12, vec!["2026-12-07 1", "9:39:54"]),
        ] {
            assert_eq!(wrap(text, columns), lines);
        }
    }

    #[test]
    fn cutting_and_wrapping_count_columns_not_bytes() {
        assert_eq!(cut("名前名前", 5, "…"), "名前…");
        assert_eq!(pad("名", 4, true), "  名");
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("", 9), [""]);
        assert!(wrap("abcdefghijklmnop xy", 10).iter().all(|l| width(l) <= 10));
    }
}
