//! Where the parts of each `policy "…" { … }` stand, and what their literals say.
//!
//! Locals are followed where they are simple: a table, a constructor's call or a function given
//! to a local and used by its name, with later `name.field = …`. May import: `text`, `model`.

use super::evaluate::{Value, arguments_table, evaluate};
use super::place;
use super::walk::{self, Declared, Given, Target, Visitor, name, word};
use crate::model::finding::Finding;
use crate::model::raw::{
    Node, Outline, OutlinePolicy, Place, RawFile, RawPolicy, RawTable, RawValue, Read as FieldRead,
};
use crate::text::{Source, Span};
use full_moon::ast::{Block, Call, Expression, FunctionArgs, FunctionCall, Index, Prefix, Suffix};
use full_moon::tokenizer::TokenReference;
use std::collections::HashMap;

/// The most nodes that following locals may copy, all in all: a table that holds one table
/// twice, which holds another twice, and so on, must not take the memory of all its paths.
const MOST_NODES: usize = 200_000;

/// The most fields of a table that assignments one by one are followed into: each is sought among
/// all that there are.
const MOST_FIELDS: usize = 1_000;

/// What one file's policies are, as far as the text tells.
pub(super) struct Read {
    pub outline: Outline,
    pub literals: RawFile,
    pub findings: Vec<Finding>,
    /// Whether `policy` is called at all.
    pub declares: bool,
}

/// Reads the outline and the literals of a file.
pub(super) fn read(source: &Source, block: &Block) -> Read {
    let mut reader = Reader {
        scopes: Vec::new(),
        functions: Vec::new(),
        budget: MOST_NODES,
        read: Read {
            outline: Outline::default(),
            literals: RawFile::default(),
            findings: Vec::new(),
            declares: false,
        },
        source,
    };
    walk::file(block, &mut reader);
    reader.read
}

/// The locals in sight, for evaluating an expression.
pub(super) struct Names<'s> {
    scopes: &'s [HashMap<String, Value>],
    pub source: &'s Source,
    /// How many nodes may still be copied.
    pub budget: &'s mut usize,
    /// Keys written twice in one table, with both places.
    pub twice: &'s mut Vec<(String, Span, Span)>,
}

impl Names<'_> {
    /// The value of a local, as far as it is known; `None` for a global.
    pub fn local(&mut self, name: &str) -> Option<Value> {
        let value = self.scopes.iter().rev().find_map(|scope| scope.get(name))?;
        if value.size > *self.budget {
            return Some(Value::unknown(value.node.value));
        }
        *self.budget -= value.size;
        Some(value.clone())
    }

    /// Whether a name means the global of that name.
    pub fn is_global(&self, name: &str) -> bool {
        !self.scopes.iter().any(|scope| scope.contains_key(name))
    }
}

struct Reader<'s> {
    scopes: Vec<HashMap<String, Value>>,
    /// The open functions: the scope of their parameters, their place, and the first parameter.
    functions: Vec<(usize, Span, Option<String>)>,
    budget: usize,
    read: Read,
    source: &'s Source,
}

impl Reader<'_> {
    fn evaluate(&mut self, e: &Expression, report: bool) -> Value {
        let mut twice = Vec::new();
        let mut names =
            Names { scopes: &self.scopes, source: self.source, budget: &mut self.budget, twice: &mut twice };
        let value = evaluate(e, &mut names);
        if report {
            self.report(twice);
        }
        value
    }

    fn report(&mut self, twice: Vec<(String, Span, Span)>) {
        for (key, first, second) in twice {
            self.read.findings.push(
                Finding::warning(
                    "duplicate-key",
                    format!("`{key}` is written twice in one table; the last one counts"),
                )
                .at(self.source, first, "never used")
                .at(self.source, second, "this one counts")
                .help("take one of them out"),
            );
        }
    }

    fn value(&mut self, given: Given<'_>) -> Value {
        match given {
            Given::Value(e) => self.evaluate(e, false),
            Given::Function(span, _) => Value::function(span, 0),
            Given::Unknown => Value::unknown(Span::default()),
        }
    }

    /// The arguments of `policy(…)` in any of its forms: the name and the table.
    fn policy_call(call: &FunctionCall) -> Option<(NameArgument<'_>, Option<TableArgument<'_>>)> {
        let suffixes: Vec<&Suffix> = call.suffixes().collect();
        let [Suffix::Call(Call::AnonymousCall(args)), rest @ ..] = suffixes.as_slice() else { return None };
        match &**args {
            FunctionArgs::String(name) => Some((NameArgument::Token(name), Self::table_of(rest))),
            FunctionArgs::Parentheses { arguments, .. } => {
                let mut all = arguments.iter();
                let name = NameArgument::Value(all.next()?);
                let table = match all.next() {
                    Some(table) => Some(TableArgument::Value(table)),
                    None => Self::table_of(rest),
                };
                Some((name, table))
            }
            _ => None,
        }
    }

    fn table_of<'t>(rest: &[&'t Suffix]) -> Option<TableArgument<'t>> {
        match rest {
            [Suffix::Call(Call::AnonymousCall(args)), ..] => Some(TableArgument::Call(args)),
            _ => None,
        }
    }
}

/// How the name was given.
enum NameArgument<'t> {
    Token(&'t TokenReference),
    Value(&'t Expression),
}

/// How the table was given.
enum TableArgument<'t> {
    Value(&'t Expression),
    Call(&'t FunctionArgs),
}

impl<'t> Visitor<'t> for Reader<'_> {
    fn open(&mut self, function: Option<Span>) {
        if let Some(span) = function {
            self.functions.push((self.scopes.len(), span, None));
        }
        self.scopes.push(HashMap::new());
    }

    fn close(&mut self) {
        self.scopes.pop();
        self.functions.pop_if(|(scope, ..)| *scope == self.scopes.len());
    }

    fn declare(&mut self, token: &'t TokenReference, _: Declared, given: Given<'t>) {
        let value = self.value(given);
        let here = self.scopes.len().saturating_sub(1);
        if let Some((scope, _, first @ None)) = self.functions.last_mut()
            && *scope == here
        {
            *first = Some(name(token));
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name(token), value);
        }
    }

    fn assign(&mut self, target: Target<'t>, given: Given<'t>) {
        let mut value = self.value(given);
        let (local, path) = match target {
            Target::Name(token) => (name(token), Vec::new()),
            Target::Inside(inside) => {
                let Prefix::Name(token) = inside.prefix() else { return };
                let path: Option<Vec<(String, Span)>> = inside.suffixes().map(field).collect();
                (name(token), path.unwrap_or_default())
            }
        };
        let here = self.scopes.len().saturating_sub(1);
        let Some(at) = self.scopes.iter().rposition(|scope| scope.contains_key(&local)) else { return };
        // What a branch or a loop assigns may or may not hold afterwards.
        if at != here {
            value.raw = RawValue::Unknown;
        }
        let Some(old) = self.scopes.get_mut(at).and_then(|scope| scope.get_mut(&local)) else { return };
        match (target, path.as_slice()) {
            (Target::Name(_), _) => *old = value,
            (_, []) => old.raw = RawValue::Unknown,
            (_, [(field, key)]) if old.node.children.len() < MOST_FIELDS => {
                old.set(field.clone(), *key, value);
            }
            // Deeper than one level: the place is the nearest that is known.
            _ => old.raw = RawValue::Unknown,
        }
    }

    fn follow(&mut self, token: &'t TokenReference, suffixes: &[&'t Suffix]) {
        let read = match suffixes {
            [first, Suffix::Call(Call::AnonymousCall(args)), ..]
                if field(first).is_some_and(|(name, _)| name == "has") =>
            {
                literal_argument(args)
            }
            [first, ..] => field(first),
            [] => None,
        };
        let Some((field, span)) = read else { return };
        let parameter = name(token);
        let Some(scope) = self.scopes.iter().rposition(|scope| scope.contains_key(&parameter)) else {
            return;
        };
        let function = self
            .functions
            .iter()
            .rev()
            .find(|(at, _, first)| *at == scope && first.as_ref() == Some(&parameter));
        if let Some((_, function, _)) = function {
            self.read.outline.reads.push(FieldRead { function: *function, name: field, span });
        }
    }

    fn call(&mut self, call: &'t FunctionCall) {
        let Prefix::Name(token) = call.prefix() else { return };
        if word(token) != "policy" || self.scopes.iter().any(|scope| scope.contains_key("policy")) {
            return;
        }
        self.read.declares = true;
        let Some((name_argument, table)) = Self::policy_call(call) else { return };
        let Some(table) = table else { return };
        let (name_span, name) = match name_argument {
            NameArgument::Token(token) => (place::token(token), super::evaluate::text(token)),
            NameArgument::Value(e) => {
                let value = self.evaluate(e, false);
                let name = match value.raw {
                    RawValue::String(name) => Some(name),
                    _ => None,
                };
                (place::expression(e), name)
            }
        };
        let value = match table {
            TableArgument::Value(e) => self.evaluate(e, true),
            TableArgument::Call(args) => {
                let mut twice = Vec::new();
                let mut names = Names {
                    scopes: &self.scopes,
                    source: self.source,
                    budget: &mut self.budget,
                    twice: &mut twice,
                };
                let value = arguments_table(args, &mut names);
                self.report(twice);
                value.unwrap_or(Value::unknown(place::arguments(args)))
            }
        };
        let line = place::line(token);
        let whole = place::call(call);
        if let (Some(name), RawValue::Table(table)) = (&name, &value.raw) {
            let place = Place { source: self.source.name.clone(), line };
            let table: RawTable = table.clone();
            self.read.literals.policies.push(RawPolicy { name: name.clone(), place, table });
        }
        let root = Node { key: value.node.value, ..value.node };
        self.read.outline.policies.push(OutlinePolicy { name, line, name_span, span: whole, root });
    }
}

/// The only argument, where it is a text.
fn literal_argument(args: &FunctionArgs) -> Option<(String, Span)> {
    let token = match args {
        FunctionArgs::String(token) => token,
        FunctionArgs::Parentheses { arguments, .. } => match arguments.iter().next() {
            Some(Expression::String(token)) => token,
            _ => return None,
        },
        _ => return None,
    };
    Some((super::evaluate::text(token)?, place::token(token)))
}

/// A field access by a name that is known.
fn field(suffix: &Suffix) -> Option<(String, Span)> {
    match suffix {
        Suffix::Index(Index::Dot { name: token, .. }) => Some((name(token), place::token(token))),
        Suffix::Index(Index::Brackets { expression: e, .. }) => match &**e {
            Expression::String(token) => Some((super::evaluate::text(token)?, place::token(token))),
            _ => None,
        },
        _ => None,
    }
}
