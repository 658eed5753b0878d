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

/// A line a rule, by family.
pub fn list(own: &[Own], layout: &Layout) -> String {
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
            let room = layout.columns().saturating_sub(widest + 13);
            let pad = " ".repeat(widest - width(&id));
            let level = format!("{}{}", toned(given), " ".repeat(9 - level(given).len()));
            out.push_str(&format!("  {id}{pad}  {level}{}\n", short(&why, room)));
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
