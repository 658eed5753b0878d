//! Places of parts of the tree. full_moon can tell them too, but takes time exponential in the
//! depth of some (`x[x[x[…]]]`), and leaves the closing bracket of an index out.
//!
//! May import: `text`.

use crate::text::Span;
use full_moon::ast::{
    Assignment, Block, Call, Expression, FunctionArgs, FunctionBody, FunctionCall, FunctionName, Index,
    LastStmt, LocalAssignment, Prefix, Return, Stmt, Suffix, TableConstructor, UnOp, Var,
};
use full_moon::node::Node;
use full_moon::tokenizer::{Position, TokenReference};

/// A part of the tree that has a place.
pub trait Placed {
    /// Its span; empty at 0 for what recovery made up.
    fn place(&self) -> Span;
}

impl Placed for TokenReference {
    fn place(&self) -> Span {
        token(self)
    }
}

impl Placed for Expression {
    fn place(&self) -> Span {
        expression(self)
    }
}

impl Placed for FunctionCall {
    fn place(&self) -> Span {
        call(self)
    }
}

impl<T: Placed + ?Sized> Placed for Box<T> {
    fn place(&self) -> Span {
        (**self).place()
    }
}

/// A function from its parameters on.
impl Placed for FunctionBody {
    fn place(&self) -> Span {
        between(self.parameters_parentheses().tokens().0, self.end_token())
    }
}

impl Placed for TableConstructor {
    fn place(&self) -> Span {
        between(self.braces().tokens().0, self.braces().tokens().1)
    }
}

/// What full_moon says of a part that no expression is nested in.
fn plain(node: &impl Node) -> Span {
    let bytes = |p: Option<Position>| p.map_or(0, Position::bytes);
    Span::new(bytes(node.start_position()), bytes(node.end_position()))
}

/// From one place to another.
fn join(first: Span, last: Option<Span>) -> Span {
    Span { start: first.start, end: last.map_or(first.end, |l| l.end.max(first.end)) }
}

impl Placed for Var {
    fn place(&self) -> Span {
        match self {
            Var::Name(name) => token(name),
            Var::Expression(inside) => {
                let ends = first_of_prefix(inside.prefix()).zip(inside.suffixes().last());
                let ends = ends.and_then(|(first, suffix)| Some((first, last_of_suffix(suffix)?)));
                ends.map_or_else(Span::default, |(first, last)| between(first, last))
            }
            _ => Span::default(),
        }
    }
}

impl Placed for FunctionName {
    fn place(&self) -> Span {
        plain(self)
    }
}

impl Placed for Assignment {
    fn place(&self) -> Span {
        let first = self.variables().iter().next().map(Placed::place).unwrap_or_default();
        join(first, self.expressions().iter().last().map(Placed::place))
    }
}

impl Placed for LocalAssignment {
    fn place(&self) -> Span {
        let names = join(token(self.local_token()), self.names().iter().last().map(token));
        join(names, self.expressions().iter().last().map(Placed::place))
    }
}

impl Placed for Stmt {
    fn place(&self) -> Span {
        match self {
            Stmt::If(s) => between(s.if_token(), s.end_token()),
            Stmt::While(s) => between(s.while_token(), s.end_token()),
            Stmt::Repeat(s) => join(token(s.repeat_token()), Some(s.until().place())),
            Stmt::NumericFor(s) => between(s.for_token(), s.end_token()),
            Stmt::GenericFor(s) => between(s.for_token(), s.end_token()),
            Stmt::Do(s) => between(s.do_token(), s.end_token()),
            Stmt::FunctionDeclaration(s) => between(s.function_token(), s.body().end_token()),
            Stmt::LocalFunction(s) => between(s.local_token(), s.body().end_token()),
            Stmt::LocalAssignment(s) => s.place(),
            Stmt::FunctionCall(s) => call(s),
            Stmt::Assignment(s) => s.place(),
            Stmt::CompoundAssignment(s) => join(s.lhs().place(), Some(s.rhs().place())),
            other => plain(other),
        }
    }
}

impl Placed for Block {
    fn place(&self) -> Span {
        let last = self.last_stmt().map(Placed::place);
        let mut statements = self.stmts().map(Placed::place);
        match (statements.next(), last) {
            (Some(first), None) => join(first, statements.last()),
            (Some(first), last) => join(first, last),
            (None, last) => last.unwrap_or_default(),
        }
    }
}

impl Placed for Return {
    fn place(&self) -> Span {
        join(token(self.token()), self.returns().iter().last().map(Placed::place))
    }
}

impl Placed for LastStmt {
    fn place(&self) -> Span {
        match self {
            LastStmt::Return(s) => s.place(),
            LastStmt::Break(word) | LastStmt::Continue(word) => token(word),
            _ => Span::default(),
        }
    }
}

/// The span of a token; empty at 0 for one that recovery made up.
pub(super) fn token(token: &TokenReference) -> Span {
    let token = token.token();
    Span::new(token.start_position().bytes(), token.end_position().bytes())
}

/// The line of a token, from 1.
pub(super) fn line(token: &TokenReference) -> u32 {
    u32::try_from(token.token().start_position().line()).unwrap_or(u32::MAX)
}

/// The span from one token to another.
pub(super) fn between(first: &TokenReference, last: &TokenReference) -> Span {
    Span::new(token(first).start as usize, token(last).end as usize)
}

/// The span of an expression; without the type, where one is asserted.
pub(super) fn expression(e: &Expression) -> Span {
    match (first(e), last(e)) {
        (Some(first), Some(last)) => between(first, last),
        _ => Span::default(),
    }
}

/// The span of a call.
pub(super) fn call(call: &FunctionCall) -> Span {
    match (first_of_prefix(call.prefix()), last_of_call(call)) {
        (Some(first), Some(last)) => between(first, last),
        _ => Span::default(),
    }
}

/// The span of what a call is given.
pub(super) fn arguments(arguments: &FunctionArgs) -> Span {
    match arguments {
        FunctionArgs::Parentheses { parentheses, .. } => {
            between(parentheses.tokens().0, parentheses.tokens().1)
        }
        FunctionArgs::String(text) => token(text),
        FunctionArgs::TableConstructor(table) => {
            between(table.braces().tokens().0, table.braces().tokens().1)
        }
        _ => Span::default(),
    }
}

/// The first token of an expression.
pub(super) fn first(mut e: &Expression) -> Option<&TokenReference> {
    loop {
        e = match e {
            Expression::BinaryOperator { lhs, .. } => lhs,
            Expression::TypeAssertion { expression, .. } => expression,
            Expression::FunctionCall(call) => match call.prefix() {
                Prefix::Expression(e) => e,
                Prefix::Name(name) => return Some(name),
                _ => return None,
            },
            Expression::Var(Var::Expression(inside)) => match inside.prefix() {
                Prefix::Expression(e) => e,
                Prefix::Name(name) => return Some(name),
                _ => return None,
            },
            Expression::Parentheses { contained, .. } => return Some(contained.tokens().0),
            Expression::UnaryOperator { unop: UnOp::Minus(t) | UnOp::Not(t) | UnOp::Hash(t), .. } => {
                return Some(t);
            }
            Expression::Function(function) => {
                let attribute = function.attributes().next().map(|a| a.at_sign());
                return Some(attribute.unwrap_or(function.function_token()));
            }
            Expression::IfExpression(choice) => return Some(choice.if_token()),
            Expression::InterpolatedString(text) => {
                return Some(text.segments().next().map_or(text.last_string(), |s| &s.literal));
            }
            Expression::TableConstructor(table) => return Some(table.braces().tokens().0),
            Expression::Number(t) | Expression::String(t) | Expression::Symbol(t) => return Some(t),
            Expression::Var(Var::Name(t)) => return Some(t),
            _ => return None,
        }
    }
}

fn first_of_prefix(prefix: &Prefix) -> Option<&TokenReference> {
    match prefix {
        Prefix::Name(name) => Some(name),
        Prefix::Expression(e) => first(e),
        _ => None,
    }
}

/// The last token of an expression.
fn last(mut e: &Expression) -> Option<&TokenReference> {
    loop {
        e = match e {
            Expression::BinaryOperator { rhs, .. } => rhs,
            Expression::TypeAssertion { expression, .. } | Expression::UnaryOperator { expression, .. } => {
                expression
            }
            Expression::IfExpression(choice) => choice.else_expression(),
            Expression::FunctionCall(call) => return last_of_call(call),
            Expression::Var(Var::Expression(inside)) => {
                return inside.suffixes().last().and_then(last_of_suffix);
            }
            Expression::Parentheses { contained, .. } => return Some(contained.tokens().1),
            Expression::Function(function) => return Some(function.body().end_token()),
            Expression::InterpolatedString(text) => return Some(text.last_string()),
            Expression::TableConstructor(table) => return Some(table.braces().tokens().1),
            Expression::Number(t) | Expression::String(t) | Expression::Symbol(t) => return Some(t),
            Expression::Var(Var::Name(t)) => return Some(t),
            _ => return None,
        }
    }
}

fn last_of_call(call: &FunctionCall) -> Option<&TokenReference> {
    call.suffixes().last().and_then(last_of_suffix)
}

fn last_of_suffix(suffix: &Suffix) -> Option<&TokenReference> {
    let arguments = match suffix {
        Suffix::Index(Index::Brackets { brackets, .. }) => return Some(brackets.tokens().1),
        Suffix::Index(Index::Dot { name, .. }) => return Some(name),
        Suffix::TypeInstantiation(types) => return Some(types.outer_arrows().tokens().1),
        Suffix::Call(Call::AnonymousCall(arguments)) => &**arguments,
        Suffix::Call(Call::MethodCall(method)) => method.args(),
        _ => return None,
    };
    match arguments {
        FunctionArgs::Parentheses { parentheses, .. } => Some(parentheses.tokens().1),
        FunctionArgs::String(text) => Some(text),
        FunctionArgs::TableConstructor(table) => Some(table.braces().tokens().1),
        _ => None,
    }
}
