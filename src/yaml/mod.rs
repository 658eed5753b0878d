//! YAML with the place of every key and value: what luascale.yaml, the catalogue and
//! expectations are read from.
//!
//! One tree, so that a value and its place cannot disagree: `saphyr-parser` gives the events
//! with their marks, `serde_yaml` says what an unquoted scalar means (number, boolean, null or
//! text). Depth, size and the growth by aliases are bounded. May import: `text`, `model`.

pub mod comments;
mod read;

pub use read::Reader;

use crate::model::Finding;
use crate::text::{Source, Span, Spanned, size};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Most bytes that a YAML file may have.
pub const MAX_BYTES: u64 = 4 << 20;
/// Most levels that lists and maps may be nested.
pub const MAX_DEPTH: usize = 64;
/// Most values a file may hold, counted after its aliases are filled in.
pub const MAX_VALUES: usize = 200_000;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Yaml,
    /// Where it stands; for what an alias stands for, the alias.
    pub span: Span,
}

/// What a YAML value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, `.nan` and `.inf` included.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written; every key once.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The value of a key, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Yaml::Map(entries) => entries.iter().find(|(k, _)| k.value == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What it is, for people: `a list`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Number(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a map",
        }
    }
}

/// Reads one YAML document. The node is `None` where the text cannot be read as a whole; an
/// empty text is `Null`.
///
/// Findings are errors all: what is no YAML, keys that come twice, keys that are no text, tags,
/// more than one document, more than the limits allow.
pub fn parse(source: &Source) -> (Option<Node>, Vec<Finding>) {
    let mut findings = Vec::new();
    let node = match unreadable(source) {
        Some(finding) => {
            findings.push(finding);
            None
        }
        None => Builder::new(source, &mut findings).document(),
    };
    (node, findings)
}

/// What makes a text unfit for any further look.
fn unreadable(source: &Source) -> Option<Finding> {
    let text = &*source.text;
    if text.len() as u64 > MAX_BYTES {
        return Some(
            Finding::error("yaml-limit", format!("{} is larger than {}", source.name, size(MAX_BYTES)))
                .at(source, Span::default(), "")
                .help("a file of YAML is read up to that size: split it"),
        );
    }
    let at = |at: usize, message: &str, help: &str| {
        let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
        Some(Finding::error("yaml-syntax", message).at(source, Span::new(at, end), "here").help(help))
    };
    // A source's bytes that are no UTF-8 have become U+FFFD.
    if let Some(bad) = text.find('\u{fffd}') {
        return at(bad, "the file is not UTF-8", "save it as UTF-8");
    }
    let bad = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}'))?;
    match text[bad..].chars().next() {
        Some('\0') => at(bad, "the file has a NUL byte", "save it as UTF-8 text; UTF-16 is not read"),
        _ => at(
            bad,
            "the file has a control character",
            "write it as an escape in a quoted text, such as \"\\e\"",
        ),
    }
}

/// A list or map whose end has not come yet.
struct Open {
    anchor: usize,
    start: usize,
    /// End of the last child.
    end: usize,
    state: State,
}

enum State {
    List(Vec<Node>),
    Map { entries: Vec<(Spanned<String>, Node)>, seen: HashMap<String, Span>, key: Option<Pending> },
}

/// A key that waits for its value; `Unfit` was reported and its value is dropped.
enum Pending {
    Key(Spanned<String>),
    Unfit,
}

struct Builder<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
    /// Bytes of a byte order mark, which the parser is not shown.
    base: usize,
    /// Byte of each character, where the text is not ASCII.
    bytes: Option<Vec<u32>>,
    stack: Vec<Open>,
    root: Option<Node>,
    /// Values by anchor, and what each costs.
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source, findings: &'a mut Vec<Finding>) -> Builder<'a> {
        let base = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let body = &source.text[base..];
        let bytes = (!body.is_ascii())
            .then(|| body.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect());
        Builder {
            source,
            findings,
            base,
            bytes,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            values: 0,
        }
    }

    /// The byte at a mark, which counts characters.
    fn byte(&self, mark: Marker) -> usize {
        let at = match &self.bytes {
            None => mark.index(),
            Some(bytes) => bytes.get(mark.index()).map_or(usize::MAX, |b| *b as usize),
        };
        at.saturating_add(self.base).min(self.source.text.len())
    }

    fn report(&mut self, rule: &str, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.findings.push(Finding::error(rule, message).at(self.source, span, "here").help(help));
    }

    fn document(mut self) -> Option<Node> {
        let body = self.source.text.get(self.base..).unwrap_or_default();
        let mut parser = Parser::new_from_str(body);
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, marks) = match next {
                Ok(next) => next,
                Err(error) => {
                    self.syntax(&error);
                    return None;
                }
            };
            let (start, end) = (self.byte(marks.start), self.byte(marks.end));
            let end = self.shrink(start, end);
            let span = Span::new(start, end);
            let fine = match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let help = "keep one document: remove `---` and what follows";
                        self.report("yaml-syntax", "a second YAML document begins", span, help);
                        return self.root;
                    }
                    true
                }
                Event::StreamEnd => break,
                Event::Alias(id) => self.alias(id, span),
                Event::Scalar(text, style, anchor, tag) => {
                    let value = self.scalar(&text, style, tag.as_deref(), span);
                    self.put(Node { value, span }, anchor, Some(&text))
                }
                Event::SequenceStart(anchor, tag) => {
                    self.open(anchor, tag, span, "seq", State::List(Vec::new()))
                }
                Event::MappingStart(anchor, tag) => {
                    let state = State::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                    self.open(anchor, tag, span, "map", state)
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span),
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => true,
            };
            if !fine {
                return None;
            }
        }
        Some(self.root.unwrap_or(Node { value: Yaml::Null, span: Span::default() }))
    }

    /// The parser's ends may reach over blanks and line ends after a value.
    fn shrink(&self, start: usize, end: usize) -> usize {
        match self.source.text.get(start..end) {
            Some(text) => start + text.trim_end().len(),
            None => end,
        }
    }

    fn syntax(&mut self, error: &saphyr_parser::ScanError) {
        let at = self.byte(*error.marker());
        let text = &self.source.text;
        let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        let line = &text[line_start..line_end];
        let blank = line.len() - line.trim_start().len();
        let finding = match line[..blank].find('\t') {
            Some(tab) => Finding::error("yaml-syntax", "a tab indents this line")
                .at(self.source, Span::new(line_start + tab, line_start + tab + 1), "this is a tab")
                .help("YAML is indented with spaces"),
            None => {
                let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
                Finding::error("yaml-syntax", format!("this is no YAML: {}", error.info()))
                    .at(self.source, Span::new(at, end), "the reader stopped here")
                    .help("check the indentation, quotes and brackets here and on the line above")
            }
        };
        self.findings.push(finding);
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Yaml {
        let plain = style == ScalarStyle::Plain;
        match tag {
            None if plain => resolve(text),
            None => Yaml::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Yaml::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() && plain => {
                let value = resolve(text);
                let fits = matches!(
                    (tag.suffix.as_str(), &value),
                    ("null", Yaml::Null) | ("bool", Yaml::Bool(_)) | ("int" | "float", Yaml::Number(_))
                );
                if !fits {
                    self.tag(tag, span);
                }
                value
            }
            Some(tag) => {
                self.tag(tag, span);
                Yaml::Text(text.to_owned())
            }
        }
    }

    fn tag(&mut self, tag: &Tag, span: Span) {
        let name = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        };
        self.report("yaml-syntax", format!("the tag `{name}` is not read here"), span, "remove the tag");
    }

    fn open(
        &mut self,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
        fits: &str,
        state: State,
    ) -> bool {
        if let Some(tag) = tag.filter(|t| !(t.is_yaml_core_schema() && t.suffix == fits)) {
            self.tag(&tag, span);
        }
        if self.stack.len() >= MAX_DEPTH {
            let help = format!("at most {MAX_DEPTH} levels are read");
            self.report("yaml-limit", "lists and maps are nested too deeply", span, help);
            return false;
        }
        let start = span.start as usize;
        self.stack.push(Open { anchor, start, end: span.end as usize, state });
        true
    }

    fn close(&mut self, span: Span) -> bool {
        let Some(open) = self.stack.pop() else { return true };
        // A bracket ends where it stands; a block where its last child does.
        let end = if span.is_empty() { open.end } else { open.end.max(span.end as usize) };
        let value = match open.state {
            State::List(items) => Yaml::List(items),
            State::Map { entries, .. } => Yaml::Map(entries),
        };
        let node = Node { value, span: Span::new(open.start, end) };
        self.put(node, open.anchor, None)
    }

    fn alias(&mut self, id: usize, span: Span) -> bool {
        let Some((node, cost)) = self.anchors.get(&id) else {
            let help = "an alias stands for a value that is complete; write it out here";
            self.report("yaml-syntax", "this alias is inside the value it stands for", span, help);
            return false;
        };
        self.values = self.values.saturating_add(*cost);
        if self.values > MAX_VALUES {
            return self.too_many(span);
        }
        let node = Node { value: node.value.clone(), span };
        let deep = depth(&node);
        if self.stack.len() + deep > MAX_DEPTH {
            let help = format!("at most {MAX_DEPTH} levels are read");
            self.report("yaml-limit", "lists and maps are nested too deeply", span, help);
            return false;
        }
        let text = match &node.value {
            Yaml::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.put(node, 0, text.as_deref())
    }

    fn too_many(&mut self, span: Span) -> bool {
        let help = format!("at most {MAX_VALUES} values are read, those that aliases stand for included");
        self.report("yaml-limit", "the file holds too many values", span, help);
        false
    }

    /// Puts a complete value where it belongs. `text` is a scalar as written, for a key.
    fn put(&mut self, node: Node, anchor: usize, text: Option<&str>) -> bool {
        self.values = self.values.saturating_add(1);
        if anchor != 0 {
            // An anchor keeps a copy, so it counts as one.
            let cost = cost(&node);
            self.values = self.values.saturating_add(cost);
            if self.values <= MAX_VALUES {
                self.anchors.insert(anchor, (node.clone(), cost));
            }
        }
        if self.values > MAX_VALUES {
            return self.too_many(node.span);
        }
        let Some(top) = self.stack.last_mut() else {
            self.root = Some(node);
            return true;
        };
        top.end = top.end.max(node.span.end as usize);
        match &mut top.state {
            State::List(items) => items.push(node),
            State::Map { entries, seen, key } => match key.take() {
                Some(Pending::Key(name)) => entries.push((name, node)),
                Some(Pending::Unfit) => {}
                None => match fit_key(self.source, &node, text, seen) {
                    Ok(name) => *key = Some(Pending::Key(name)),
                    Err(finding) => {
                        *key = Some(Pending::Unfit);
                        self.findings.push(*finding);
                    }
                },
            },
        }
        true
    }
}

/// A key as text, or why it cannot be one.
fn fit_key(
    source: &Source,
    node: &Node,
    text: Option<&str>,
    seen: &mut HashMap<String, Span>,
) -> Result<Spanned<String>, Box<Finding>> {
    let name = match (&node.value, text) {
        (Yaml::Null | Yaml::List(_) | Yaml::Map(_), _) | (_, None) => {
            let finding = Finding::error("yaml-syntax", format!("{} cannot be a key", node.kind()))
                .at(source, node.span, "this key")
                .help("a key is a text; quote what has brackets or braces");
            return Err(Box::new(finding));
        }
        (_, Some("<<")) => {
            let finding = Finding::error("yaml-syntax", "merge keys (`<<`) are not read")
                .at(source, node.span, "this key")
                .help("write the keys out; an alias for a whole value (`key: *name`) is read");
            return Err(Box::new(finding));
        }
        (_, Some(text)) => text.to_owned(),
    };
    if let Some(first) = seen.get(&name) {
        let finding = Finding::error("duplicate-field", format!("`{name}` is written twice"))
            .at(source, node.span, "again here")
            .at(source, *first, "first here")
            .help("keep one of them");
        return Err(Box::new(finding));
    }
    seen.insert(name.clone(), node.span);
    Ok(Spanned::new(name, node.span))
}

/// What a tree costs of [`MAX_VALUES`]: one a value, and more for long texts, which an alias
/// could repeat as well.
fn cost(node: &Node) -> usize {
    1 + match &node.value {
        Yaml::List(items) => items.iter().map(cost).sum(),
        Yaml::Map(entries) => entries.iter().map(|(key, value)| key.value.len() / 64 + cost(value)).sum(),
        Yaml::Text(text) => text.len() / 64,
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => 0,
    }
}

/// Levels of lists and maps in a tree.
fn depth(node: &Node) -> usize {
    match &node.value {
        Yaml::List(items) => items.iter().map(depth).max().unwrap_or(0) + 1,
        Yaml::Map(entries) => entries.iter().map(|(_, v)| depth(v)).max().unwrap_or(0) + 1,
        _ => 0,
    }
}

/// What an unquoted scalar means.
fn resolve(text: &str) -> Yaml {
    let first = text.bytes().next();
    let may_be_other = match first {
        None => return Yaml::Null,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => true,
        Some(_) => {
            matches!(text, "~" | "null" | "Null" | "NULL")
                || text.eq_ignore_ascii_case("true")
                || text.eq_ignore_ascii_case("false")
        }
    };
    // No number is that long, and blanks or structure would make it a document of its own.
    if !may_be_other
        || text.len() > 400
        || text.contains(|c: char| c.is_whitespace() || ":#,[]{}".contains(c))
    {
        return Yaml::Text(text.to_owned());
    }
    match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(serde_yaml::Value::Null) => Yaml::Null,
        Ok(serde_yaml::Value::Bool(b)) => Yaml::Bool(b),
        Ok(serde_yaml::Value::Number(n)) => match n.as_f64() {
            Some(n) => Yaml::Number(n),
            None => Yaml::Text(text.to_owned()),
        },
        // A whole number too large for its integers.
        Err(_) if text.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().map_or_else(|_| Yaml::Text(text.to_owned()), Yaml::Number)
        }
        _ => Yaml::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
