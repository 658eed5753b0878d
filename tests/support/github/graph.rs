//! Enough of GraphQL for the fake: documents are parsed, and what they select is taken out of JSON.
//!
//! A list in that JSON is a connection where `nodes`, `edges`, `pageInfo` or `totalCount` is
//! selected of it, and is paged by `first`, `after`, `last` and `before`.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A field with what is selected of it.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub alias: String,
    pub arguments: Map<String, Value>,
    pub selected: Vec<Selection>,
}

/// What is selected.
#[derive(Debug, Clone)]
pub enum Selection {
    Field(Field),
    /// `... on TYPE { … }`; without a type it is for all.
    Inline(Option<String>, Vec<Selection>),
    Spread(String),
}

/// An operation, with its variables put in.
#[derive(Debug)]
pub struct Operation {
    pub mutation: bool,
    pub selected: Vec<Selection>,
    fragments: BTreeMap<String, (String, Vec<Selection>)>,
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    variables: &'a Value,
    defaults: Map<String, Value>,
}

fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut i) = (Vec::new(), 0);
    while i < chars.len() {
        let c = chars[i];
        let start = i;
        if c == '#' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
            continue;
        } else if c.is_whitespace() || c == ',' {
            i += 1;
            continue;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '.' {
            i += 3;
        } else if c.is_alphanumeric() || c == '_' || c == '-' {
            while i < chars.len() && (chars[i].is_alphanumeric() || matches!(chars[i], '_' | '-' | '.')) {
                i += 1;
            }
        } else {
            i += 1;
        }
        out.push(chars[start..i.min(chars.len())].iter().collect());
    }
    out
}

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn expect(&mut self, what: &str) -> Result<(), String> {
        let found = self.next();
        if found == what { Ok(()) } else { Err(format!("expected {what}, found {found:?}")) }
    }

    fn value(&mut self) -> Result<Value, String> {
        let token = self.next();
        Ok(match token.as_str() {
            "$" => {
                let name = self.next();
                let given = self.variables.get(&name).cloned();
                given.or_else(|| self.defaults.get(&name).cloned()).unwrap_or(Value::Null)
            }
            "[" => {
                let mut items = Vec::new();
                while self.peek() != "]" {
                    if self.peek().is_empty() {
                        return Err("a list does not end".into());
                    }
                    items.push(self.value()?);
                }
                self.next();
                Value::from(items)
            }
            "{" => Value::Object(self.pairs("}")?),
            "null" => Value::Null,
            other => serde_json::from_str(other).unwrap_or_else(|_| Value::from(other)),
        })
    }

    fn pairs(&mut self, end: &str) -> Result<Map<String, Value>, String> {
        let mut out = Map::new();
        while self.peek() != end {
            let name = self.next();
            self.expect(":")?;
            out.insert(name, self.value()?);
        }
        self.next();
        Ok(out)
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.expect("{")?;
        let mut out = Vec::new();
        while self.peek() != "}" {
            if self.peek() == "..." {
                self.next();
                out.push(match self.peek() {
                    "on" => {
                        self.next();
                        let kind = self.next();
                        Selection::Inline(Some(kind), self.selections()?)
                    }
                    "{" => Selection::Inline(None, self.selections()?),
                    _ => Selection::Spread(self.next()),
                });
                continue;
            }
            let mut name = self.next();
            if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                return Err(format!("expected a name, found {name:?}"));
            }
            let mut alias = name.clone();
            if self.peek() == ":" {
                self.next();
                name = self.next();
            } else {
                alias.clone_from(&name);
            }
            let mut arguments = Map::new();
            if self.peek() == "(" {
                self.next();
                arguments = self.pairs(")")?;
            }
            let selected = if self.peek() == "{" { self.selections()? } else { Vec::new() };
            out.push(Selection::Field(Field { name, alias, arguments, selected }));
        }
        self.next();
        Ok(out)
    }

    /// `($a: Int = 1, $b: [String!]!)`
    fn declared(&mut self) -> Result<(), String> {
        self.expect("(")?;
        while self.peek() != ")" {
            self.expect("$")?;
            let name = self.next();
            self.expect(":")?;
            while !matches!(self.peek(), "$" | ")" | "=" | "") {
                self.next();
            }
            if self.peek() == "=" {
                self.next();
                let value = self.value()?;
                self.defaults.insert(name, value);
            }
        }
        self.next();
        Ok(())
    }
}

/// Reads a document of one operation.
pub fn parse(document: &str, variables: &Value) -> Result<Operation, String> {
    let mut parser = Parser { tokens: tokens(document), at: 0, variables, defaults: Map::new() };
    let mut operation = Operation { mutation: false, selected: Vec::new(), fragments: BTreeMap::new() };
    while !parser.peek().is_empty() {
        match parser.peek() {
            "fragment" => {
                parser.next();
                let name = parser.next();
                parser.expect("on")?;
                let kind = parser.next();
                let selected = parser.selections()?;
                operation.fragments.insert(name, (kind, selected));
            }
            "query" | "mutation" => {
                operation.mutation = parser.next() == "mutation";
                if !matches!(parser.peek(), "(" | "{") {
                    parser.next();
                }
                if parser.peek() == "(" {
                    parser.declared()?;
                }
                operation.selected = parser.selections()?;
            }
            _ => operation.selected = parser.selections()?,
        }
    }
    Ok(operation)
}

impl Operation {
    /// The fields at the root.
    pub fn roots(&self) -> Vec<&Field> {
        let fields = self.selected.iter().filter_map(|selection| match selection {
            Selection::Field(field) => Some(field),
            _ => None,
        });
        fields.collect()
    }

    /// What a selection takes out of an object; `special` answers fields with arguments.
    pub fn take(
        &self,
        from: &Value,
        selected: &[Selection],
        special: &dyn Fn(&Value, &Field) -> Option<Value>,
    ) -> Result<Value, String> {
        match from {
            Value::Array(items) if selected.iter().any(is_of_connection) => {
                Err(format!("{} items as a connection without arguments", items.len()))
            }
            Value::Array(items) => items
                .iter()
                .map(|item| self.take(item, selected, special))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::from),
            Value::Null => Ok(Value::Null),
            other if selected.is_empty() => Ok(other.clone()),
            object => {
                let mut out = Map::new();
                self.fields(object, selected, special, &mut out)?;
                Ok(Value::Object(out))
            }
        }
    }

    fn fields(
        &self,
        object: &Value,
        selected: &[Selection],
        special: &dyn Fn(&Value, &Field) -> Option<Value>,
        out: &mut Map<String, Value>,
    ) -> Result<(), String> {
        for selection in selected {
            let (kind, inner) = match selection {
                Selection::Field(field) => {
                    let found = special(object, field).or_else(|| object.get(&field.name).cloned());
                    let found = found.ok_or_else(|| {
                        format!("the fake knows no field {} of {}", field.name, object["__typename"])
                    })?;
                    let value = match &found {
                        Value::Array(items) if field.selected.iter().any(is_of_connection) => {
                            self.take(&page(items, &field.arguments)?, &field.selected, special)?
                        }
                        other => self.take(other, &field.selected, special)?,
                    };
                    out.insert(field.alias.clone(), value);
                    continue;
                }
                Selection::Inline(kind, inner) => (kind.as_ref(), inner),
                Selection::Spread(name) => {
                    let (kind, inner) = self.fragments.get(name).ok_or("no such fragment")?;
                    (Some(kind), inner)
                }
            };
            if kind
                .is_none_or(|kind| object["__typename"] == json!(kind) || kind == "Actor" || kind == "Node")
            {
                self.fields(object, inner, special, out)?;
            }
        }
        Ok(())
    }
}

fn is_of_connection(selection: &Selection) -> bool {
    matches!(selection, Selection::Field(f) if matches!(&*f.name, "nodes" | "edges" | "pageInfo" | "totalCount"))
}

fn page(items: &[Value], arguments: &Map<String, Value>) -> Result<Value, String> {
    let number = |key: &str| arguments.get(key).and_then(Value::as_u64).map(|n| n as usize);
    let cursor = |key: &str| arguments.get(key).and_then(Value::as_str).map(|c| c.parse::<usize>().unwrap());
    let (mut start, mut end) =
        (cursor("after").map_or(0, |c| c + 1), cursor("before").unwrap_or(items.len()));
    match (number("first"), number("last")) {
        (Some(n), None) if (1..=100).contains(&n) => end = end.min(start + n),
        (None, Some(n)) if (1..=100).contains(&n) => start = start.max(end.saturating_sub(n)),
        _ => return Err("You must provide a `first` or `last` value of 1 to 100 to properly paginate".into()),
    }
    let shown = items.get(start..end).unwrap_or_default();
    let edges: Vec<Value> = shown
        .iter()
        .enumerate()
        .map(|(at, node)| json!({ "__typename": "Edge", "cursor": (start + at).to_string(), "node": node }))
        .collect();
    Ok(json!({
        "__typename": "Connection",
        "totalCount": items.len(),
        "pageInfo": {
            "__typename": "PageInfo",
            "hasNextPage": end < items.len(),
            "hasPreviousPage": start > 0,
            "startCursor": start.to_string(),
            "endCursor": (!shown.is_empty()).then(|| (end - 1).to_string()),
        },
        "nodes": shown,
        "edges": edges,
    }))
}
