//! Values with their places: what `build` reads from, and where its findings go.
//!
//! May import: `text`, `model`.

use super::catalogue::Catalogue;
use super::words::shown;
use crate::model::finding::{Finding, Label, MOST, capped};
use crate::model::raw::{Key, Node, Place, RawTable, RawValue, Read};
use crate::text::{LineIndex, Source, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// A place in one of the sources at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    pub source: Arc<str>,
    pub span: Span,
}

/// A value, the path that leads to it, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub value: &'a RawValue,
    /// Its node in the outline; none where the value is computed.
    pub node: Option<&'a Node>,
    /// Where the value stands, or the nearest place in the text that led to it.
    pub place: Where,
    /// Where its key stands; the value's own place where it has none.
    pub key: Where,
    /// `metrics.cpu.unit`, `scale_out[2]`.
    pub path: String,
}

impl At<'_> {
    /// The span of the value, where it stands in the policy's own source.
    pub fn span(&self) -> Span {
        self.place.span
    }
}

/// A table that was opened for reading.
#[derive(Debug, Clone)]
pub(super) struct Table<'a> {
    pub at: At<'a>,
    pub raw: &'a RawTable,
}

/// What is read from and written to while a file is built.
pub(super) struct Builder<'a> {
    /// The source of the policies first, then what it required.
    sources: Vec<(&'a Source, LineIndex)>,
    pub catalogue: &'a dyn Catalogue,
    /// What functions read of their first parameter, by the function's place.
    pub reads: HashMap<Span, Vec<&'a Read>>,
    /// At most [`MOST`]: how many more there were is counted.
    findings: Vec<Finding>,
    more: usize,
}

impl<'a> Builder<'a> {
    pub fn new(sources: impl IntoIterator<Item = &'a Source>, catalogue: &'a dyn Catalogue) -> Builder<'a> {
        let sources = sources.into_iter().map(|s| (s, LineIndex::new(&s.text))).collect();
        Builder { sources, catalogue, reads: HashMap::new(), findings: Vec::new(), more: 0 }
    }

    /// The place of a line, in whichever source it is; `None` where it is not known.
    pub fn line(&self, place: &Place) -> Option<Where> {
        if place.line == 0 {
            return None;
        }
        let (source, index) = self.sources.iter().find(|(s, _)| s.name == place.source)?;
        let span = index.line_span(&source.text, place.line)?;
        Some(Where { source: place.source.clone(), span })
    }

    /// The cursor at the root of a policy.
    pub fn root(&self, value: &'a RawValue, node: Option<&'a Node>, place: Where) -> At<'a> {
        At { value, node, key: place.clone(), place, path: String::new() }
    }

    /// The entry of a table under a text key.
    pub fn field(&self, table: &Table<'a>, name: &str) -> Option<At<'a>> {
        let value = table.raw.get(name)?;
        Some(self.child(&table.at, Key::Field(name.into()), value))
    }

    /// All entries of a table under text keys.
    pub fn fields(&self, table: &Table<'a>) -> Vec<(&'a str, At<'a>)> {
        let raw = table.raw;
        let mut nodes: HashMap<&str, &'a Node> = HashMap::new();
        for (key, node) in table.at.node.iter().flat_map(|n| &n.children) {
            if let Key::Field(name) = key {
                nodes.entry(name).or_insert(node);
            }
        }
        let child = |k: &String, v| {
            self.child_at(&table.at, Key::Field(k.clone()), v, nodes.get(k.as_str()).copied())
        };
        raw.fields.iter().map(|(k, v)| (k.as_str(), child(k, v))).collect()
    }

    /// The list part of a table.
    pub fn list(&self, table: &Table<'a>) -> Vec<At<'a>> {
        let raw = table.raw;
        let mut nodes: HashMap<u32, &'a Node> = HashMap::new();
        for (key, node) in table.at.node.iter().flat_map(|n| &n.children) {
            if let Key::Index(at) = key {
                nodes.entry(*at).or_insert(node);
            }
        }
        let child = |(i, v)| self.child_at(&table.at, Key::Index(i), v, nodes.get(&i).copied());
        (1..).zip(&raw.list).map(child).collect()
    }

    fn child(&self, parent: &At<'a>, key: Key, value: &'a RawValue) -> At<'a> {
        let node = parent.node.and_then(|n| match &key {
            Key::Field(name) => n.field(name),
            Key::Index(at) => n.index(*at),
        });
        self.child_at(parent, key, value, node)
    }

    /// As [`Builder::child`], where the node was looked up before.
    fn child_at(&self, parent: &At<'a>, key: Key, value: &'a RawValue, node: Option<&'a Node>) -> At<'a> {
        let path = match (&key, parent.path.is_empty()) {
            (Key::Field(name), true) => shown(name),
            (Key::Field(name), false) => format!("{}.{}", parent.path, shown(name)),
            (Key::Index(at), _) => format!("{}[{at}]", parent.path),
        };
        let (place, key) = match node {
            // A node lies in the source that its policy lies in, whatever the parent's place.
            Some(node) => {
                let source = &parent.place.source;
                let at = |span| Where { source: source.clone(), span };
                (at(node.value), at(node.key))
            }
            None => {
                let own = match value {
                    RawValue::Table(table) => self.line(&table.place),
                    RawValue::Function(_, place) => self.line(place),
                    _ => None,
                };
                let place = own.unwrap_or_else(|| parent.place.clone());
                (place.clone(), place)
            }
        };
        At { value, node, place, key, path }
    }

    /// Whether no more findings are kept, so that a help which is long to find need not be.
    pub fn full(&self) -> bool {
        self.findings.len() >= MOST
    }

    /// How many errors were reported.
    pub fn errors(&self) -> usize {
        self.findings.len() + self.more
    }

    /// The findings in the order of the text, those of the source `name` first.
    pub fn finish(mut self, name: &Arc<str>) -> Vec<Finding> {
        self.findings.sort_by_key(|f| f.labels.first().map(|l| (l.source != *name, l.span)));
        capped(self.findings, self.more, name)
    }

    /// Reports an error at a place.
    pub fn error(&mut self, rule: &str, place: &Where, message: impl Into<String>, help: impl Into<String>) {
        if self.full() {
            self.more += 1;
            return;
        }
        let label = Label { source: place.source.clone(), span: place.span, text: String::new() };
        let finding = Finding::error(rule, message).help(help);
        self.findings.push(Finding { labels: vec![label], ..finding });
    }

    /// Adds a second place to the finding reported last.
    pub fn also(&mut self, place: &Where, text: impl Into<String>) {
        if let Some(last) = self.last() {
            last.labels.push(Label { source: place.source.clone(), span: place.span, text: text.into() });
        }
    }

    /// The finding reported last; none where it was only counted.
    fn last(&mut self) -> Option<&mut Finding> {
        if self.more > 0 { None } else { self.findings.last_mut() }
    }

    /// Says what the first place of the finding reported last has to do with it.
    pub fn label(&mut self, text: impl Into<String>) {
        if let Some(label) = self.last().and_then(|f| f.labels.first_mut()) {
            label.text = text.into();
        }
    }
}
