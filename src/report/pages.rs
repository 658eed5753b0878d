//! The rules' pages: for a terminal, as a list, as JSON and as one Markdown document.
//! May import: `model`, `lint`.

use super::Layout;
use super::paint::{Tone, clean, width};
use crate::lint::rules::RULES;
use crate::lint::{FixKind, Page};
use crate::model::Level;
use crate::model::organisation::{FAMILY, OrgRule};
use serde_json::json;

/// What a level is called.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// What a kind of fix is called.
fn fix(kind: FixKind) -> &'static str {
    match kind {
        FixKind::None => "none",
        FixKind::Safe => "safe",
        FixKind::Unsafe => "unsafe",
    }
}

/// `, since 0.1.0`; nothing where a page does not say.
fn since(page: &Page<'_>) -> String {
    if page.since.is_empty() { String::new() } else { format!(", since {}", page.since) }
}

/// Fewer columns than this beside the names of rules are too few for a sentence.
const NARROW: usize = 40;

/// Lines that are shown of the beginning of a long recording, and of its end.
const HEAD: usize = 7;
const TAIL: usize = 2;

/// A page for a terminal: colours as ANSI sequences, text wrapped to the width.
pub fn page(id: &str, page: &Page<'_>, layout: &Layout) -> String {
    let mut out = format!("{}  {}", Tone::Strong.paint(id), toned(page.level));
    let with = match page.fix {
        FixKind::None => String::new(),
        FixKind::Safe => ", fixed by --fix".into(),
        FixKind::Unsafe => ", fixed by --fix --unsafe-fixes".into(),
    };
    out.push_str(&Tone::Dim.paint(&format!(", {}{}{with}", page.tags.join(", "), since(page))));
    out.push_str("\n\n");
    let mut paragraph = String::new();
    let mut code: Option<(&str, Vec<&str>)> = None;
    for line in page.body.lines().chain([""]) {
        if let Some(language) = line.strip_prefix("```") {
            flow(&mut out, &mut paragraph, layout.columns());
            if let Some((language, lines)) = code.take() {
                block(&mut out, language, &lines);
                continue;
            }
            code = Some((language.split(' ').next().unwrap_or_default(), Vec::new()));
            if let Some((_, name)) = language.split_once(' ') {
                out.push_str(&format!("    {}\n", Tone::Dim.paint(name)));
            }
        } else if let Some((_, lines)) = &mut code {
            lines.push(line);
        } else if let Some(heading) = line.strip_prefix("## ") {
            flow(&mut out, &mut paragraph, layout.columns());
            out.push_str(&format!("{}\n", Tone::Strong.paint(heading)));
        } else if line.trim().is_empty() {
            flow(&mut out, &mut paragraph, layout.columns());
            if !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else {
            paragraph.push_str(line.trim());
            paragraph.push(' ');
        }
    }
    let mut out = out.trim_end().to_owned();
    out.push('\n');
    out
}

fn toned(given: Level) -> String {
    let tone = match given {
        Level::Note => Tone::Dim,
        Level::Warning => Tone::Warn,
        Level::Error => Tone::Bad,
    };
    tone.paint(level(given))
}

/// A line of an example; the marked ones stand out.
fn coded(line: &str) -> String {
    for mark in ["-- !", "# !"] {
        if let Some(line) = line.strip_suffix(mark) {
            return format!("  {} {}\n", Tone::Bad.paint(">"), Tone::Bad.paint(line.trim_end()));
        }
    }
    let text = format!("    {line}");
    format!("{}\n", text.trim_end())
}

/// Writes an example. Of a long recording the beginning and the end are shown, and what is marked.
fn block(out: &mut String, language: &str, lines: &[&str]) {
    let data = ["csv", "json", "jsonl", "text"].contains(&language);
    let middle = match data && lines.len() > HEAD + TAIL + 1 {
        true => HEAD..lines.len() - TAIL,
        false => 0..0,
    };
    let mut left = 0;
    for (at, line) in lines.iter().enumerate() {
        let marked = line.ends_with("-- !") || line.ends_with("# !");
        if middle.contains(&at) && !marked {
            left += 1;
        }
        if left > 0 && (!middle.contains(&at) || marked) {
            let s = if left == 1 { "" } else { "s" };
            out.push_str(&format!("    {}\n", Tone::Dim.paint(&format!("\u{2026} {left} line{s} more"))));
            left = 0;
        }
        if !middle.contains(&at) || marked {
            out.push_str(&coded(line));
        }
    }
}

/// Writes a paragraph, wrapped.
fn flow(out: &mut String, paragraph: &mut String, columns: usize) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        if column > 0 && column + 1 + width(word) > columns {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width(word);
    }
    if column > 0 {
        out.push('\n');
    }
    paragraph.clear();
}

/// A rule of the organisation, and the text of its page where it has one.
pub struct Own {
    /// The rule.
    pub rule: OrgRule,
    /// Its page.
    pub page: Option<String>,
}

impl Own {
    /// Does something with its page: the one that is written, where that is sound, else one of what
    /// the rule itself says.
    pub fn with<T>(&self, then: impl FnOnce(&Page<'_>) -> T) -> T {
        // What is in a file of somebody's repository is shown on a terminal.
        let text = self.page.as_deref().map(inert_lines);
        if let Some(page) = text.as_deref().and_then(|text| crate::lint::page::parse(text).ok()) {
            return then(&page);
        }
        let said = clean(&self.rule.why);
        let why = if said.is_empty() { "It does not say why it is there.".to_owned() } else { said };
        let (level, tags) = (self.rule.level, vec![FAMILY]);
        then(&Page {
            level,
            since: "",
            fix: FixKind::None,
            tags,
            why: &why,
            body: &why,
            bad: Vec::new(),
            good: Vec::new(),
        })
    }
}

/// A text whose lines steer no terminal.
fn inert_lines(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}

/// Calls `see` with all pages, by identifier; the organisation's last.
fn each(own: &[Own], see: &mut dyn FnMut(&str, &Page<'_>)) {
    for rule in &RULES {
        if let Some(page) = rule.page() {
            see(rule.id, page);
        }
    }
    for own in own {
        own.with(|page| see(&own.rule.id, page));
    }
}

/// The rules by family: where somebody looks, with the first sentence of why each is there, wrapped to
/// the width; else (`layout` is none) a line a rule, with all of it.
pub fn list(own: &[Own], layout: Option<&Layout>) -> String {
    /// Identifier, level and why of a rule.
    type Line = (String, Level, String);
    let mut families: Vec<(String, Vec<Line>)> = Vec::new();
    let mut widest = 0;
    each(own, &mut |id, page| {
        let family = page.tags.first().copied().unwrap_or_default();
        let line = (id.to_owned(), page.level, page.why.to_owned());
        widest = widest.max(width(id));
        match families.iter_mut().find(|(name, _)| *name == family) {
            Some((_, rules)) => rules.push(line),
            None => families.push((family.to_owned(), vec![line])),
        }
    });
    families.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = String::new();
    for (family, rules) in families {
        out.push_str(&format!("{}\n", Tone::Strong.paint(&family)));
        for (id, given, why) in rules {
            let pad = " ".repeat(widest - width(&id));
            let level = format!("{}{}", toned(given), " ".repeat(9 - level(given).len()));
            out.push_str(&format!("  {id}{pad}  {level}"));
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            let Some(layout) = layout else {
                out.push_str(&format!("{why}\n"));
                continue;
            };
            let columns = layout.columns();
            let beside = widest + 13;
            // Where there is little room beside the names, it stands under them.
            let indent = if columns < beside + NARROW { 6 } else { beside };
            if indent < beside {
                out.push('\n');
            }
            let first = why.split_once(". ").map_or(&*why, |(first, _)| first);
            let mut wrapped = String::new();
            flow(&mut wrapped, &mut first.trim_end_matches('.').to_owned(), columns - indent);
            for (at, line) in wrapped.lines().enumerate() {
                let indent = if at == 0 && indent == beside { 0 } else { indent };
                out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
            }
        }
    }
    out
}

/// All rules as JSON, version 1; ends with a line end.
pub fn json(own: &[Own]) -> String {
    let mut rules = Vec::new();
    each(own, &mut |id, page| {
        rules.push(json!({
            "id": id,
            "level": level(page.level),
            "since": page.since,
            "fix": fix(page.fix),
            "tags": page.tags,
            "why": page.why,
            "page": page.body,
        }));
    });
    let mut out = serde_json::to_string_pretty(&json!({ "version": 1, "rules": rules })).unwrap_or_default();
    out.push('\n');
    out
}

/// All pages as one Markdown document.
pub fn markdown(own: &[Own]) -> String {
    let mut out = String::from("# Rules\n");
    each(own, &mut |id, page| {
        let body = page.body.replace("\n## ", "\n### ");
        out.push_str(&format!(
            "\n## {id}\n\n{}, {}{}, fix: {}\n\n{body}\n",
            level(page.level),
            page.tags.join(", "),
            since(page),
            fix(page.fix)
        ));
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::rules::rule;
    use crate::report::Charset;

    fn layout(width: usize) -> Layout {
        Layout { width, charset: Charset::Unicode, all_events: false }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_list_that_is_piped_has_a_line_a_rule_and_all_of_it() {
        let text = plain(&list(&[], None));
        for rule in &RULES {
            let why = rule.page().unwrap().why.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = text.lines().find(|line| line.split_whitespace().next() == Some(rule.id)).unwrap();
            assert!(line.ends_with(&why), "{line}");
        }
    }

    #[test]
    fn a_list_on_a_terminal_keeps_to_its_width_and_keeps_whole_sentences() {
        for columns in [40, 80, 160] {
            let text = plain(&list(&[], Some(&layout(columns))));
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.lines().all(|line| width(line) <= columns.max(45)), "{columns}:\n{text}");
            assert!(words.contains("The count goes one way and back within ten minutes, at least three times within an hour of a recording"));
        }
    }

    #[test]
    fn of_a_long_recording_the_ends_are_shown() {
        let rule = rule("flapping").unwrap();
        let text = plain(&page(rule.id, rule.page().unwrap(), &layout(100)));
        assert!(text.contains("time,rps,replicas\n") && text.contains("10:59:00Z,100,4\n"), "{text}");
        assert!(text.contains("\u{2026} 52 lines more\n") && text.lines().count() < 60, "{text}");
    }
}
