//! What a file declared before it is checked, and where its parts stand in the text.
//!
//! Two feeders make a [`RawFile`]: running the file in the VM, and, where it will not run, the
//! literals of its outline. May import: `text`, siblings.

use super::effect::Text;
use super::policy::FnRef;
use crate::text::Span;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A value as the file gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RawValue {
    /// `nil`, where a list has a hole.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A number, NaN and infinity included.
    Number(f64),
    /// A text.
    String(String),
    /// A text with secrets in it.
    Secret(Text),
    /// A function and the line it starts on.
    Function(FnRef, Place),
    /// A table.
    Table(RawTable),
    /// Something a policy cannot hold (`userdata`, `thread`), by its type's name.
    Other(String),
    /// Something that only running the file would tell. Running it never gives this; the
    /// literals of an outline do, and `build` has nothing to say of it.
    Unknown,
}

/// A line of a source; 0 where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Name of the source.
    pub source: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// A table as the file gave it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RawTable {
    /// The function that made it, where it came from one of the API's constructors:
    /// `prometheus`, `scrape`, `file`, `mcp`, `gateway.haproxy`, `kubernetes.deployment`.
    pub constructor: Option<String>,
    /// Where the constructor was called.
    pub place: Place,
    /// The values of the keys 1..n.
    pub list: Vec<RawValue>,
    /// The values of text keys, sorted by key.
    pub fields: Vec<(String, RawValue)>,
    /// Keys that are neither, described for people (`2.5`, `true`).
    pub odd_keys: Vec<String>,
}

impl RawTable {
    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.fields.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
}

/// One call of `policy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawPolicy {
    /// The name.
    pub name: String,
    /// Where `policy "…"` was called.
    pub place: Place,
    /// What it was given.
    pub table: RawTable,
}

/// All that running a file declared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RawFile {
    /// In the order declared. Empty for a script.
    pub policies: Vec<RawPolicy>,
}

/// Where the parts of a file's policies stand in its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// In the order written.
    pub policies: Vec<OutlinePolicy>,
    /// What functions read of their first parameter, in the order of the text: the metrics, where the
    /// function is a condition.
    pub reads: Vec<Read>,
}

/// A read of a field of a function's first parameter: `m.cpu`, `m["cpu"]` or `m.has("cpu")`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// Place of the function, as in the node that holds it.
    pub function: Span,
    /// The field.
    pub name: String,
    /// Place of its name.
    pub span: Span,
}

/// One `policy "…" { … }` in the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlinePolicy {
    /// The name, where it is a literal.
    pub name: Option<String>,
    /// Line of the word `policy`.
    pub line: u32,
    /// Place of the name argument.
    pub name_span: Span,
    /// Place of the whole call.
    pub span: Span,
    /// The table it is given.
    pub root: Node,
}

/// A value in the text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Node {
    /// Place of the key; of the value, for a list entry.
    pub key: Span,
    /// Place of the value.
    pub value: Span,
    /// Entries of the table, or of the table given to a constructor.
    pub children: Vec<(Key, Node)>,
}

/// A key in the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Key {
    /// `name =` or `["name"] =`.
    Field(String),
    /// Position in the list part, from 1.
    Index(u32),
}

impl Node {
    /// The entry of a text key.
    pub fn field(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|(k, _)| matches!(k, Key::Field(f) if f == name)).map(|(_, n)| n)
    }

    /// The entry at a position, from 1.
    pub fn index(&self, at: u32) -> Option<&Node> {
        self.children.iter().find(|(k, _)| *k == Key::Index(at)).map(|(_, n)| n)
    }
}
