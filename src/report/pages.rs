//! The rules' pages: for a terminal, as a list, as JSON and as one Markdown document.
//! May import: `model`, `lint`.

use super::Layout;
use super::paint::{Tone, width};
use crate::lint::rules::RULES;
use crate::lint::{FixKind, Page};
use crate::model::Level;
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

/// A page for a terminal: colours as ANSI sequences, text wrapped to the width.
pub fn page(id: &str, page: &Page<'_>, layout: &Layout) -> String {
    let mut out = format!("{}  {}", Tone::Strong.paint(id), toned(page.level));
    let with = match page.fix {
        FixKind::None => String::new(),
        FixKind::Safe => ", fixed by --fix".into(),
        FixKind::Unsafe => ", fixed by --fix --unsafe-fixes".into(),
    };
    out.push_str(&Tone::Dim.paint(&format!(", {}, since {}{with}", page.tags.join(", "), page.since)));
    out.push_str("\n\n");
    let mut paragraph = String::new();
    let mut code = false;
    for line in page.body.lines().chain([""]) {
        if let Some(language) = line.strip_prefix("```") {
            flow(&mut out, &mut paragraph, layout);
            code = !code;
            if let Some((_, name)) = language.split_once(' ') {
                out.push_str(&format!("    {}\n", Tone::Dim.paint(name)));
            }
        } else if code {
            out.push_str(&coded(line));
        } else if let Some(heading) = line.strip_prefix("## ") {
            flow(&mut out, &mut paragraph, layout);
            out.push_str(&format!("{}\n", Tone::Strong.paint(heading)));
        } else if line.trim().is_empty() {
            flow(&mut out, &mut paragraph, layout);
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

/// Writes a paragraph, wrapped.
fn flow(out: &mut String, paragraph: &mut String, layout: &Layout) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        if column > 0 && column + 1 + width(word) > layout.columns() {
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

/// All pages, by identifier.
fn pages() -> impl Iterator<Item = (&'static str, &'static Page<'static>)> {
    RULES.iter().filter_map(|rule| Some((rule.id, rule.page()?)))
}

/// A line a rule, by family.
pub fn list(layout: &Layout) -> String {
    let mut families: Vec<(&str, Vec<_>)> = Vec::new();
    for (id, page) in pages() {
        let family = page.tags.first().copied().unwrap_or_default();
        match families.iter_mut().find(|(name, _)| *name == family) {
            Some((_, rules)) => rules.push((id, page)),
            None => families.push((family, vec![(id, page)])),
        }
    }
    families.sort_by_key(|(name, _)| *name);
    let widest = pages().map(|(id, _)| width(id)).max().unwrap_or(0);
    let mut out = String::new();
    for (family, rules) in families {
        out.push_str(&format!("{}\n", Tone::Strong.paint(family)));
        for (id, page) in rules {
            let room = layout.columns().saturating_sub(widest + 13);
            let pad = " ".repeat(widest - width(id));
            let level = format!("{}{}", toned(page.level), " ".repeat(9 - level(page.level).len()));
            out.push_str(&format!("  {id}{pad}  {level}{}\n", short(page.why, room)));
        }
    }
    out
}

/// The beginning of a text, as much as there is room for.
fn short(text: &str, room: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if width(&text) <= room {
        return text;
    }
    let mut kept = String::new();
    for c in text.chars() {
        if width(&kept) + 2 > room {
            break;
        }
        kept.push(c);
    }
    format!("{}\u{2026}", kept.trim_end())
}

/// All rules as JSON, version 1; ends with a line end.
pub fn json() -> String {
    let rules: Vec<_> = pages()
        .map(|(id, page)| {
            json!({
                "id": id,
                "level": level(page.level),
                "since": page.since,
                "fix": fix(page.fix),
                "tags": page.tags,
                "why": page.why,
                "page": page.body,
            })
        })
        .collect();
    let mut out = serde_json::to_string_pretty(&json!({ "version": 1, "rules": rules })).unwrap_or_default();
    out.push('\n');
    out
}

/// All pages as one Markdown document.
pub fn markdown() -> String {
    let mut out = String::from("# Rules\n");
    for (id, page) in pages() {
        let body = page.body.replace("\n## ", "\n### ");
        out.push_str(&format!(
            "\n## {id}\n\n{}, {}, since {}, fix: {}\n\n{body}\n",
            level(page.level),
            page.tags.join(", "),
            page.since,
            fix(page.fix)
        ));
    }
    out
}
