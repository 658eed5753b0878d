//! What a file's functions return, as plain data: conditions above all.
//!
//! A walk notes every function and the names in sight of it; then each is followed from its
//! parameters to its `return`, through locals, constants, branches and called functions. What a
//! name stands for is taken from the text only where nothing assigns it a second time.
//!
//! May import: `text`, `model`.

mod follow;
mod statements;

use super::walk::{self, Declared, Given, Target, Visitor, name, span, word};
use crate::model::expr::{At, Expr, Functions};
use crate::text::{Source, Span};
use follow::{Follower, Value};
use full_moon::ast::{
    Block, Call, Expression, Field, FunctionArgs, FunctionBody, FunctionCall, FunctionDeclaration, Index,
    LastStmt, Prefix, Stmt, Suffix, TableConstructor, Var,
};
use full_moon::tokenizer::TokenReference;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone)]
enum Bound<'t> {
    /// A value that is known already.
    Value(Value<'t>),
    /// An expression, with the names in sight of it.
    Later(&'t Expression, Env<'t>),
    /// A function.
    Function(Closure<'t>),
    /// Something that the text does not tell, and what that is.
    Opaque(&'static str),
}

/// A function and the names in sight of it.
#[derive(Clone)]
struct Closure<'t> {
    pub span: Span,
    pub body: &'t FunctionBody,
    pub env: Env<'t>,
}

/// Names in sight, the innermost first.
#[derive(Clone, Default)]
struct Env<'t>(Option<Rc<Link<'t>>>);

struct Link<'t> {
    name: String,
    bound: Bound<'t>,
    next: Env<'t>,
}

impl<'t> Env<'t> {
    /// With another name in sight.
    pub fn with(&self, name: String, bound: Bound<'t>) -> Env<'t> {
        Env(Some(Rc::new(Link { name, bound, next: self.clone() })))
    }

    /// What a name stands for, and how many names were looked at.
    pub fn get(&self, name: &str) -> (Option<&Bound<'t>>, usize) {
        let mut at = &self.0;
        let mut seen = 1;
        while let Some(link) = at {
            if link.name == name {
                return (Some(&link.bound), seen);
            }
            seen += 1;
            at = &link.next.0;
        }
        (None, seen)
    }
}

/// What the walk learnt of a file's names.
#[derive(Default)]
struct Names<'t> {
    /// How often a name is assigned.
    pub assigned: HashMap<String, u32>,
    /// How often a name is declared as a local.
    pub declared: HashMap<String, u32>,
    /// Globals that the file itself assigns.
    pub globals: HashMap<String, Bound<'t>>,
    /// `name.field = …` by the file itself, by name.
    pub members: HashMap<String, Vec<(String, Bound<'t>)>>,
    /// How often a name is used as a whole, where its table might then be changed.
    pub whole: HashMap<String, u32>,
    /// Fields of a name that are used as a whole: their paths.
    pub parts: HashMap<String, Vec<Vec<String>>>,
}

/// Reads a file's functions.
pub(super) fn read(source: &Source, block: &Block) -> Functions {
    let mut collector = Collector {
        names: Names::default(),
        env: Env::default(),
        scopes: Vec::new(),
        found: Vec::new(),
        end: Env::default(),
        frozen: Vec::new(),
    };
    walk::file(block, &mut collector);
    let Collector { mut names, found, end, frozen, .. } = collector;
    frozen.into_iter().for_each(|token| pardon(&mut names, token));
    let last = match block.last_stmt() {
        Some(LastStmt::Return(last)) if last.returns().len() == 1 => last.returns().iter().next(),
        _ => None,
    };
    if let Some(Expression::Var(Var::Name(token))) = last {
        pardon(&mut names, token);
    }
    let mut follower = Follower::new(source.name.clone(), &names);
    let mut functions: Vec<(Span, Expr)> =
        found.into_iter().filter_map(|(place, bound)| Some((place, follower.function(&bound)?))).collect();
    functions.sort_by_key(|(place, _)| *place);
    functions.dedup_by_key(|(place, _)| *place);
    let exports = last.map(|e| follower.exports(e, &end)).unwrap_or_default();
    Functions { functions, exports }
}

/// A use as a whole that changes nothing.
fn pardon(names: &mut Names<'_>, token: &TokenReference) {
    if let Some(count) = names.whole.get_mut(&name(token)) {
        *count = count.saturating_sub(1);
    }
}

struct Collector<'t> {
    names: Names<'t>,
    env: Env<'t>,
    scopes: Vec<Env<'t>>,
    /// Functions, and what is given for one, with their places.
    found: Vec<(Span, Bound<'t>)>,
    /// The names in sight at the end of the file.
    end: Env<'t>,
    /// Arguments of `table.freeze`.
    frozen: Vec<&'t TokenReference>,
}

impl<'t> Collector<'t> {
    fn bound(&self, given: Given<'t>) -> Bound<'t> {
        match given {
            Given::Value(e) => Bound::Later(e, self.env.clone()),
            Given::Function(span, body) => Bound::Function(Closure { span, body, env: self.env.clone() }),
            Given::Unknown => Bound::Opaque("given by a loop or a caller, or one of several values"),
        }
    }

    /// Whether only the file itself is open.
    fn at_top(&self) -> bool {
        self.scopes.len() == 1
    }

    fn changed(&mut self, name: String) {
        *self.names.assigned.entry(name).or_default() += 2;
    }

    fn member(&mut self, root: String, field: String, bound: Bound<'t>) {
        let members = self.names.members.entry(root.clone()).or_default();
        let twice = members.iter().any(|(name, _)| *name == field);
        members.push((field, bound));
        if twice || !self.at_top() {
            self.changed(root);
        }
    }

    /// `function name.field() … end`
    fn declared_member(&mut self, function: &'t FunctionDeclaration) {
        let names: Vec<&TokenReference> = function.name().names().iter().collect();
        let span = Span { start: span(function.function_token()).start, end: span(function.body()).end };
        match (names.as_slice(), function.name().method_name()) {
            ([_], None) => {}
            ([root, field], None) => {
                let closure = Closure { span, body: function.body(), env: self.env.clone() };
                self.found.push((span, Bound::Function(closure.clone())));
                self.member(name(root), name(field), Bound::Function(closure));
            }
            ([root, ..], _) => self.changed(name(root)),
            ([], _) => {}
        }
    }

    /// What a table gives for a function, where it is none that stands there.
    fn given_function(&mut self, table: &'t TableConstructor) {
        for field in table.fields().iter() {
            let Field::NameKey { key, value, .. } = field else { continue };
            let is_function = matches!(&*word(key), "when" | "activation" | "failover");
            if is_function && !matches!(&**value, Expression::Function(_)) {
                self.found.push((span(value), Bound::Later(value, self.env.clone())));
            }
        }
    }
}

impl<'t> Visitor<'t> for Collector<'t> {
    fn open(&mut self, _: Option<Span>) {
        self.scopes.push(self.env.clone());
    }

    fn close(&mut self) {
        if self.at_top() {
            self.end = self.env.clone();
        }
        self.env = self.scopes.pop().unwrap_or_default();
    }

    fn declare(&mut self, token: &'t TokenReference, _: Declared, given: Given<'t>) {
        let bound = self.bound(given);
        *self.names.declared.entry(name(token)).or_default() += 1;
        if let Bound::Function(closure) = &bound {
            self.found.push((closure.span, bound.clone()));
        }
        self.env = self.env.with(name(token), bound);
    }

    fn assign(&mut self, target: Target<'t>, given: Given<'t>) {
        let bound = self.bound(given);
        if let Bound::Function(closure) = &bound {
            self.found.push((closure.span, bound.clone()));
        }
        match target {
            Target::Name(token) => {
                let name = name(token);
                if self.env.get(&name).0.is_some() || !self.at_top() {
                    self.changed(name);
                } else {
                    *self.names.assigned.entry(name.clone()).or_default() += 1;
                    self.names.globals.insert(name, bound);
                }
            }
            Target::Inside(inside) => {
                let Prefix::Name(root) = inside.prefix() else { return };
                let suffixes: Vec<&Suffix> = inside.suffixes().collect();
                match suffixes.as_slice() {
                    [Suffix::Index(Index::Dot { name: field, .. })] => {
                        self.member(name(root), name(field), bound);
                    }
                    _ => self.changed(name(root)),
                }
            }
        }
    }

    fn call(&mut self, call: &'t FunctionCall) {
        let Prefix::Name(root) = call.prefix() else { return };
        let suffixes: Vec<&Suffix> = call.suffixes().collect();
        if word(root) == "table"
            && let [Suffix::Index(Index::Dot { name: field, .. }), Suffix::Call(Call::AnonymousCall(args))] =
                suffixes.as_slice()
            && word(field) == "freeze"
            && let FunctionArgs::Parentheses { arguments, .. } = &**args
            && let Some(Expression::Var(Var::Name(token))) = arguments.iter().next()
        {
            // The argument is counted when it is walked, which comes after this.
            self.frozen.push(token);
        }
    }

    fn follow(&mut self, _: &'t TokenReference, _: &[&'t Suffix]) {}

    fn statement(&mut self, statement: &'t Stmt) {
        if let Stmt::FunctionDeclaration(function) = statement {
            self.declared_member(function);
        }
    }

    fn table(&mut self, table: &'t TableConstructor) {
        self.given_function(table);
    }

    fn expression(&mut self, e: &'t Expression) {
        match e {
            Expression::Function(function) => {
                let closure = Closure { span: span(e), body: function.body(), env: self.env.clone() };
                self.found.push((closure.span, Bound::Function(closure)));
            }
            Expression::Var(Var::Name(token)) => {
                *self.names.whole.entry(name(token)).or_default() += 1;
            }
            Expression::Var(Var::Expression(inside)) => {
                let Prefix::Name(root) = inside.prefix() else { return };
                let field = |suffix: &Suffix| match suffix {
                    Suffix::Index(Index::Dot { name: field, .. }) => Some(name(field)),
                    Suffix::Index(Index::Brackets { expression, .. }) => match &**expression {
                        Expression::String(token) => super::evaluate::text(token),
                        _ => None,
                    },
                    _ => None,
                };
                let path: Option<Vec<String>> = inside.suffixes().map(field).collect();
                match path {
                    Some(path) if path.len() < 8 => {
                        let parts = self.names.parts.entry(name(root)).or_default();
                        if !parts.contains(&path) && parts.len() < 256 {
                            parts.push(path);
                        } else if parts.len() >= 256 {
                            self.changed(name(root));
                        }
                    }
                    _ => *self.names.whole.entry(name(root)).or_default() += 1,
                }
            }
            _ => {}
        }
    }
}

/// A place in a source.
fn at(source: &Arc<str>, node: &impl super::place::Placed) -> At {
    At { source: source.clone(), span: span(node) }
}
