//! What an expression is worth without running it, and where its parts stand: literals,
//! tables, constructor calls, functions, locals. Anything else is unknown.
//!
//! May import: `text`, `model`.

use super::literal;
use super::outline::Names;
use super::place;
use super::walk::{name, word};
use crate::model::effect::{Text, TextPart};
use crate::model::policy::FnRef;
use crate::model::raw::{Key, Node, Place, RawTable, RawValue};
use crate::text::Span;
use full_moon::ast::{
    BinOp, Call, Expression, Field, FunctionArgs, FunctionCall, Index, Prefix, Suffix, TableConstructor,
    UnOp, Var,
};
use full_moon::tokenizer::{StringLiteralQuoteType, TokenReference, TokenType};
use std::collections::HashMap;

/// A value, the places of its parts, and how many nodes those are.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub raw: RawValue,
    pub node: Node,
    pub size: usize,
}

impl Value {
    pub fn new(raw: RawValue, place: Span) -> Value {
        Value { raw, node: Node { key: place, value: place, children: Vec::new() }, size: 1 }
    }

    pub fn unknown(place: Span) -> Value {
        Value::new(RawValue::Unknown, place)
    }

    /// A function; which one, only the VM knows.
    pub fn function(place: Span, line: u32) -> Value {
        let line = Place { line, ..Place::default() };
        Value::new(RawValue::Function(FnRef(u32::MAX), line), place)
    }

    /// Sets a field of a table, in the value and among the places.
    pub fn set(&mut self, name: String, key_span: Span, entry: Value) {
        self.size += entry.size;
        let key = Key::Field(name.clone());
        self.node.children.retain(|(k, _)| *k != key);
        self.node.children.push((key, Node { key: key_span, ..entry.node }));
        let RawValue::Table(table) = &mut self.raw else { return };
        table.fields.retain(|(k, _)| *k != name);
        if entry.raw != RawValue::Nil {
            let at = table.fields.partition_point(|(k, _)| *k < name);
            table.fields.insert(at, (name, entry.raw));
        }
    }
}

/// The value of an expression.
pub(super) fn evaluate(e: &Expression, names: &mut Names<'_>) -> Value {
    let here = place::expression(e);
    match e {
        Expression::Number(token) => {
            let value = literal::number(&word(token));
            Value::new(value.map_or(RawValue::Unknown, RawValue::Number), here)
        }
        Expression::String(token) => {
            Value::new(text(token).map_or(RawValue::Unknown, RawValue::String), here)
        }
        Expression::Symbol(token) => {
            let raw = match &*word(token) {
                "nil" => RawValue::Nil,
                "true" => RawValue::Bool(true),
                "false" => RawValue::Bool(false),
                _ => RawValue::Unknown,
            };
            Value::new(raw, here)
        }
        Expression::Function(_) => {
            let line = place::first(e).map_or(0, place::line);
            Value::function(here, line)
        }
        Expression::TableConstructor(constructor) => table(constructor, names),
        Expression::Parentheses { expression, .. } | Expression::TypeAssertion { expression, .. } => {
            let inner = evaluate(expression, names);
            Value { node: Node { value: here, ..inner.node }, ..inner }
        }
        Expression::UnaryOperator { unop, expression } => {
            let inner = evaluate(expression, names);
            let raw = match (unop, inner.raw) {
                (UnOp::Minus(_), RawValue::Number(n)) => RawValue::Number(-n),
                (UnOp::Not(_), RawValue::Bool(b)) => RawValue::Bool(!b),
                _ => RawValue::Unknown,
            };
            Value::new(raw, here)
        }
        Expression::BinaryOperator { lhs, binop, rhs } => {
            let (left, right) = (evaluate(lhs, names).raw, evaluate(rhs, names).raw);
            let raw = match (left, binop, right) {
                (RawValue::Number(a), BinOp::Plus(_), RawValue::Number(b)) => RawValue::Number(a + b),
                (RawValue::Number(a), BinOp::Minus(_), RawValue::Number(b)) => RawValue::Number(a - b),
                (RawValue::Number(a), BinOp::Star(_), RawValue::Number(b)) => RawValue::Number(a * b),
                (RawValue::Number(a), BinOp::Slash(_), RawValue::Number(b)) => RawValue::Number(a / b),
                // Joined texts may double at each step; what is long is left unknown.
                (RawValue::String(a), BinOp::TwoDots(_), RawValue::String(b)) if a.len() + b.len() < 4096 => {
                    RawValue::String(a + &b)
                }
                _ => RawValue::Unknown,
            };
            Value::new(raw, here)
        }
        Expression::FunctionCall(call) => self::call(call, names),
        Expression::Var(Var::Name(token)) => match names.local(&name(token)) {
            // A function is shown where it is written, anything else where it is used.
            Some(value) if matches!(value.raw, RawValue::Function(..)) => value,
            Some(value) => Value { node: Node { value: here, ..value.node }, ..value },
            None => Value::unknown(here),
        },
        Expression::Var(Var::Expression(inside)) => {
            let Prefix::Name(token) = inside.prefix() else { return Value::unknown(here) };
            let Some(mut value) = names.local(&name(token)) else { return Value::unknown(here) };
            for suffix in inside.suffixes() {
                let key = match suffix {
                    Suffix::Index(Index::Dot { name: token, .. }) => name(token),
                    Suffix::Index(Index::Brackets { expression, .. }) => match &**expression {
                        Expression::String(token) => text(token).unwrap_or_default(),
                        _ => return Value::unknown(here),
                    },
                    _ => return Value::unknown(here),
                };
                let Some(entry) = entry(&value, &key) else { return Value::unknown(here) };
                value = entry;
            }
            match value.raw {
                RawValue::Function(..) => value,
                _ => Value { node: Node { value: here, ..value.node }, ..value },
            }
        }
        _ => Value::unknown(here),
    }
}

/// The entry of a table that is known in full; of one that is not, nothing is.
fn entry(value: &Value, key: &str) -> Option<Value> {
    let RawValue::Table(table) = &value.raw else { return None };
    let raw = table.get(key)?.clone();
    let node = value.node.field(key)?.clone();
    Some(Value { raw, node, size: value.size })
}

/// The value of a table constructor.
fn table(constructor: &TableConstructor, names: &mut Names<'_>) -> Value {
    let (open, close) = constructor.braces().tokens();
    let place = Place { source: names.source.name.clone(), line: place::line(open) };
    let mut filling = Filling::new(place::between(open, close), place);
    let mut position = 0;
    for field in constructor.fields().iter() {
        match field {
            Field::NameKey { key, value: e, .. } => {
                let entry = evaluate(e, names);
                filling.put(name(key), place::token(key), entry, names);
            }
            Field::ExpressionKey { key, value: e, .. } => {
                let entry = evaluate(e, names);
                match evaluate(key, names).raw {
                    RawValue::String(name) => filling.put(name, place::expression(key), entry, names),
                    RawValue::Number(n) if n.fract() == 0.0 && (1.0..=1e6).contains(&n) => {
                        filling.set(Key::Index(n as u32), place::expression(key), entry);
                    }
                    RawValue::Unknown => {}
                    other => filling.table.odd_keys.push(match other {
                        RawValue::Number(n) => n.to_string(),
                        RawValue::Bool(b) => b.to_string(),
                        _ => "of another type".into(),
                    }),
                }
            }
            Field::NoKey(e) => {
                position += 1;
                let entry = evaluate(e, names);
                let here = entry.node.value;
                filling.set(Key::Index(position), here, entry);
            }
            _ => {}
        }
    }
    filling.finish()
}

/// A table while its constructor is read. Each key is found by its hash: a table of a hundred
/// thousand keys is read in their number, not in its square.
struct Filling {
    place: Span,
    table: RawTable,
    fields: HashMap<String, RawValue>,
    /// The places of what was set; a key's earlier one is emptied when it is set again.
    children: Vec<Option<(Key, Node)>>,
    at: HashMap<Key, usize>,
    size: usize,
}

impl Filling {
    fn new(span: Span, place: Place) -> Filling {
        Filling {
            place: span,
            table: RawTable { place, ..RawTable::default() },
            fields: HashMap::new(),
            children: Vec::new(),
            at: HashMap::new(),
            size: 1,
        }
    }

    fn set(&mut self, key: Key, key_span: Span, entry: Value) {
        self.size += entry.size;
        let earlier = self.at.insert(key.clone(), self.children.len());
        if let Some(slot) = earlier.and_then(|at| self.children.get_mut(at)) {
            *slot = None;
        }
        self.children.push(Some((key.clone(), Node { key: key_span, ..entry.node })));
        match key {
            Key::Index(at) => {
                let (at, list) = (at as usize, &mut self.table.list);
                if at == list.len() + 1 {
                    list.push(entry.raw);
                } else if let Some(old) = at.checked_sub(1).and_then(|i| list.get_mut(i)) {
                    *old = entry.raw;
                } else {
                    self.table.odd_keys.push(at.to_string());
                }
            }
            Key::Field(name) => {
                self.fields.insert(name, entry.raw);
            }
        }
    }

    /// Sets a field by its name, and notes where it was there before.
    fn put(&mut self, name: String, key_span: Span, entry: Value, names: &mut Names<'_>) {
        let key = Key::Field(name.clone());
        if let Some(Some((_, first))) = self.at.get(&key).and_then(|at| self.children.get(*at)) {
            names.twice.push((name, first.key, key_span));
        }
        self.set(key, key_span, entry);
    }

    fn finish(self) -> Value {
        let mut table = self.table;
        table.fields = self.fields.into_iter().filter(|(_, value)| *value != RawValue::Nil).collect();
        table.fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        let children = self.children.into_iter().flatten().collect();
        let node = Node { key: self.place, value: self.place, children };
        Value { raw: RawValue::Table(table), node, size: self.size }
    }
}

/// The value of a call: of a constructor of the API, or of `secret`.
fn call(call: &FunctionCall, names: &mut Names<'_>) -> Value {
    let here = place::call(call);
    let Some((callee, args)) = callee(call) else { return Value::unknown(here) };
    let root = callee.split('.').next().unwrap_or_default();
    if !names.is_global(root) {
        return Value::unknown(here);
    }
    if callee == "secret" {
        let name = match args {
            FunctionArgs::String(token) => text(token),
            _ => None,
        };
        let raw = name.map_or(RawValue::Unknown, |n| RawValue::Secret(Text(vec![TextPart::Secret(n)])));
        return Value::new(raw, here);
    }
    if !CONSTRUCTORS.contains(&callee.as_str()) && !FAMILIES.iter().any(|f| callee.starts_with(f)) {
        return Value::unknown(here);
    }
    let Some(mut value) = arguments_table(args, names) else { return Value::unknown(here) };
    value.node.value = here;
    if let RawValue::Table(table) = &mut value.raw {
        table.constructor = Some(callee);
    }
    value
}

/// Globals that give a table back as it was given, marked with their name.
const CONSTRUCTORS: [&str; 5] = ["prometheus", "scrape", "mcp", "file", "http"];

/// Tables of such functions.
const FAMILIES: [&str; 3] = ["gateway.", "llm_gateway.", "kubernetes."];

/// The dotted name that is called, and the arguments, where it is called once.
fn callee(call: &FunctionCall) -> Option<(String, &FunctionArgs)> {
    let Prefix::Name(token) = call.prefix() else { return None };
    let mut callee = name(token);
    let mut suffixes = call.suffixes();
    loop {
        match suffixes.next()? {
            Suffix::Index(Index::Dot { name: token, .. }) => {
                callee.push('.');
                callee.push_str(&name(token));
            }
            Suffix::Call(Call::AnonymousCall(args)) => {
                return suffixes.next().is_none().then_some((callee, args));
            }
            _ => return None,
        }
    }
}

/// The table that a call is given as its only argument.
pub(super) fn arguments_table(args: &FunctionArgs, names: &mut Names<'_>) -> Option<Value> {
    match args {
        FunctionArgs::TableConstructor(constructor) => Some(table(constructor, names)),
        FunctionArgs::Parentheses { arguments, .. } => {
            let mut all = arguments.iter();
            let value = evaluate(all.next()?, names);
            all.next().is_none().then_some(value)
        }
        _ => None,
    }
}

/// The value of a string token; bytes that make no character become U+FFFD.
pub fn text(token: &TokenReference) -> Option<String> {
    Some(String::from_utf8_lossy(&bytes(token)?).into_owned())
}

/// The bytes of a string token, which need make no characters.
pub fn bytes(token: &TokenReference) -> Option<Vec<u8>> {
    match token.token_type() {
        TokenType::StringLiteral { literal, quote_type: StringLiteralQuoteType::Brackets, .. } => {
            let text = literal.as_str();
            let text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
            Some(text.replace("\r\n", "\n").into_bytes())
        }
        TokenType::StringLiteral { literal, .. } => Some(literal::bytes(literal.as_str())),
        _ => None,
    }
}
