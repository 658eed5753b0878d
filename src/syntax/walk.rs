//! A walk over a syntax tree in the order of execution, with its scopes: what is declared,
//! assigned, called, and in which function. May import: `text`.

use super::place::{self, Placed};
use crate::text::Span;
use full_moon::ast::{
    Block, Call, Expression, Field, FunctionArgs, FunctionBody, FunctionCall, Index, LastStmt, Parameter,
    Prefix, Stmt, Suffix, TableConstructor, Var,
    luau::{IfConditionBinding, IfExpression},
};
use full_moon::tokenizer::{Symbol, TokenReference, TokenType};
use std::borrow::Cow;

/// What a declared or assigned variable gets.
#[derive(Clone, Copy)]
pub enum Given<'t> {
    /// The value of an expression.
    Value(&'t Expression),
    /// A function that stands at this place.
    Function(Span, &'t FunctionBody),
    /// Something that the text does not tell.
    Unknown,
}

/// How a variable is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// `local x`, `const x`, or the name that an `if` binds.
    Local,
    /// `local function f`
    Function,
    /// A function's parameter.
    Parameter,
    /// The variable of a `for`.
    Loop,
}

/// Called on the way.
pub trait Visitor<'t> {
    /// A scope begins; of a function, with its place.
    fn open(&mut self, function: Option<Span>);
    /// The last scope ends.
    fn close(&mut self);
    /// A local, a parameter or a loop variable begins to be seen.
    fn declare(&mut self, name: &'t TokenReference, how: Declared, given: Given<'t>);
    /// An assignment to a variable or to what it leads to. `compound` for `+=` and its like.
    fn assign(&mut self, target: Target<'t>, given: Given<'t>);
    /// A call, before its arguments are walked.
    fn call(&mut self, call: &'t FunctionCall);
    /// What follows on a name: `name.field`, `name.method("…")`.
    fn follow(&mut self, name: &'t TokenReference, suffixes: &[&'t Suffix]);
    /// A name stands for its value; the name of a [`Visitor::follow`] does not come here.
    fn read(&mut self, _name: &'t TokenReference) {}
    /// The function that was opened last takes `self`: it is declared by `a:b()`.
    fn method(&mut self) {}
    /// A block, before its statements are walked.
    fn block(&mut self, _block: &'t Block) {}
    /// A statement, before its parts are walked.
    fn statement(&mut self, _statement: &'t Stmt) {}
    /// An expression, before its parts are walked.
    fn expression(&mut self, _expression: &'t Expression) {}
    /// A table, before its fields are walked; also one that is a call's only argument.
    fn table(&mut self, _table: &'t TableConstructor) {}
}

/// What is assigned to.
#[derive(Clone, Copy)]
pub enum Target<'t> {
    /// `name = …`
    Name(&'t TokenReference),
    /// `name.… = …`
    Inside(&'t full_moon::ast::VarExpression),
}

/// The span of a part of the tree; empty at 0 for what recovery made up.
pub fn span(node: &impl Placed) -> Span {
    node.place()
}

/// The first token of an expression.
pub fn first(e: &Expression) -> Option<&TokenReference> {
    place::first(e)
}

/// The text of a name where it stands in a tree; empty where the token is no name.
pub fn plain_name(token: &TokenReference) -> &str {
    match token.token_type() {
        TokenType::Identifier { identifier } => identifier.as_str(),
        _ => "",
    }
}

/// The text of a name.
pub fn name(token: &TokenReference) -> String {
    word(token).into_owned()
}

/// The text of a token, where it can be without a copy.
pub fn word(token: &TokenReference) -> Cow<'_, str> {
    match token.token_type() {
        TokenType::Identifier { identifier: text } | TokenType::Number { text } => text.as_str().into(),
        TokenType::Symbol { symbol } => match symbol {
            Symbol::True => "true".into(),
            Symbol::False => "false".into(),
            Symbol::Nil => "nil".into(),
            Symbol::Dot => ".".into(),
            Symbol::Comma => ",".into(),
            Symbol::Equal => "=".into(),
            Symbol::LeftParen => "(".into(),
            Symbol::RightParen => ")".into(),
            other => other.to_string().into(),
        },
        _ => token.token().to_string().into(),
    }
}

/// Walks a block that is the body of a file.
pub fn file<'t>(block: &'t Block, visitor: &mut impl Visitor<'t>) {
    visitor.open(None);
    statements(block, visitor);
    visitor.close();
}

fn scope<'t>(block: &'t Block, v: &mut impl Visitor<'t>) {
    v.open(None);
    statements(block, v);
    v.close();
}

fn statements<'t>(block: &'t Block, v: &mut impl Visitor<'t>) {
    v.block(block);
    block.stmts().for_each(|statement| self::statement(statement, v));
    if let Some(LastStmt::Return(last)) = block.last_stmt() {
        last.returns().iter().for_each(|e| expression(e, v));
    }
}

fn statement<'t>(statement: &'t Stmt, v: &mut impl Visitor<'t>) {
    v.statement(statement);
    match statement {
        Stmt::Assignment(assignment) => {
            let values: Vec<_> = assignment.expressions().iter().collect();
            values.iter().for_each(|e| expression(e, v));
            for (i, target) in assignment.variables().iter().enumerate() {
                self::target(target, given(&values, i), v);
            }
        }
        Stmt::CompoundAssignment(assignment) => {
            expression(assignment.rhs(), v);
            target(assignment.lhs(), Given::Unknown, v);
        }
        Stmt::Do(block) => scope(block.block(), v),
        Stmt::FunctionCall(call) => self::call(call, v),
        Stmt::FunctionDeclaration(function) => {
            let span = place::between(function.function_token(), function.body().end_token());
            let names = function.name().names();
            if names.len() == 1
                && function.name().method_name().is_none()
                && let Some(name) = names.iter().next()
            {
                v.assign(Target::Name(name), Given::Function(span, function.body()));
            } else if let Some(name) = names.iter().next() {
                v.read(name);
            }
            v.open(Some(span));
            if function.name().method_name().is_some() {
                v.method();
            }
            body(function.body(), v);
        }
        Stmt::GenericFor(each) => {
            each.expressions().iter().for_each(|e| expression(e, v));
            v.open(None);
            each.names().iter().for_each(|name| v.declare(name, Declared::Loop, Given::Unknown));
            scope(each.block(), v);
            v.close();
        }
        Stmt::NumericFor(count) => {
            for e in [Some(count.start()), Some(count.end()), count.step()].into_iter().flatten() {
                expression(e, v);
            }
            v.open(None);
            v.declare(count.index_variable(), Declared::Loop, Given::Unknown);
            scope(count.block(), v);
            v.close();
        }
        Stmt::If(choice) => {
            let mut open = 0;
            asks(choice.binding(), choice.condition(), &mut open, v);
            scope(choice.block(), v);
            for other in choice.else_if().into_iter().flatten() {
                asks(other.binding(), other.condition(), &mut open, v);
                scope(other.block(), v);
            }
            if let Some(block) = choice.else_block() {
                scope(block, v);
            }
            (0..open).for_each(|_| v.close());
        }
        Stmt::LocalAssignment(local) => locals(local.names().iter(), local.expressions().iter(), v),
        Stmt::ConstAssignment(local) => locals(local.names().iter(), local.expressions().iter(), v),
        Stmt::LocalFunction(function) => {
            local_function(function.name(), function.function_token(), function.body(), v);
        }
        Stmt::ConstFunction(function) => {
            local_function(function.name(), function.function_token(), function.body(), v);
        }
        Stmt::Repeat(repeat) => {
            // What the block declares is seen by the condition.
            v.open(None);
            statements(repeat.block(), v);
            expression(repeat.until(), v);
            v.close();
        }
        Stmt::While(while_) => {
            expression(while_.condition(), v);
            scope(while_.block(), v);
        }
        // Types declare no variables, and type functions run in no policy.
        _ => {}
    }
}

/// What a branch asks, and the name that it binds: seen in its branch and in those that follow.
fn asks<'t>(
    binding: Option<&'t IfConditionBinding>,
    condition: &'t Expression,
    open: &mut usize,
    v: &mut impl Visitor<'t>,
) {
    expression(condition, v);
    if let Some(binding) = binding {
        v.open(None);
        *open += 1;
        v.declare(binding.name(), Declared::Local, Given::Unknown);
    }
}

fn locals<'t>(
    names: impl Iterator<Item = &'t TokenReference>,
    values: impl Iterator<Item = &'t Expression>,
    v: &mut impl Visitor<'t>,
) {
    let values: Vec<_> = values.collect();
    values.iter().for_each(|e| expression(e, v));
    for (i, name) in names.enumerate() {
        v.declare(name, Declared::Local, given(&values, i));
    }
}

/// The value at a position; a last call may give several, so nothing is known past it.
fn given<'t>(values: &[&'t Expression], at: usize) -> Given<'t> {
    values.get(at).map_or(Given::Unknown, |e| Given::Value(e))
}

fn local_function<'t>(
    name: &'t TokenReference,
    token: &'t TokenReference,
    function: &'t FunctionBody,
    v: &mut impl Visitor<'t>,
) {
    let span = place::between(token, function.end_token());
    v.declare(name, Declared::Function, Given::Function(span, function));
    v.open(Some(span));
    body(function, v);
}

/// The parameters and the block of a function that was opened; closes it.
fn body<'t>(function: &'t FunctionBody, v: &mut impl Visitor<'t>) {
    for parameter in function.parameters().iter() {
        if let Parameter::Name(name) = parameter {
            v.declare(name, Declared::Parameter, Given::Unknown);
        }
    }
    scope(function.block(), v);
    v.close();
}

fn target<'t>(target: &'t Var, given: Given<'t>, v: &mut impl Visitor<'t>) {
    match target {
        Var::Name(name) => v.assign(Target::Name(name), given),
        Var::Expression(inside) => {
            chain(inside.prefix(), inside.suffixes().collect(), v);
            v.assign(Target::Inside(inside), given);
        }
        _ => {}
    }
}

fn call<'t>(call: &'t FunctionCall, v: &mut impl Visitor<'t>) {
    v.call(call);
    chain(call.prefix(), call.suffixes().collect(), v);
}

/// A name or a value in parentheses, and what follows on it.
fn chain<'t>(prefix: &'t Prefix, suffixes: Vec<&'t Suffix>, v: &mut impl Visitor<'t>) {
    match prefix {
        Prefix::Expression(e) => expression(e, v),
        Prefix::Name(name) => v.follow(name, &suffixes),
        _ => {}
    }
    suffixes.into_iter().for_each(|s| suffix(s, v));
}

fn suffix<'t>(suffix: &'t Suffix, v: &mut impl Visitor<'t>) {
    match suffix {
        Suffix::Call(Call::AnonymousCall(args)) => arguments(args, v),
        Suffix::Call(Call::MethodCall(method)) => arguments(method.args(), v),
        Suffix::Index(Index::Brackets { expression: e, .. }) => expression(e, v),
        _ => {}
    }
}

fn arguments<'t>(arguments: &'t FunctionArgs, v: &mut impl Visitor<'t>) {
    match arguments {
        FunctionArgs::Parentheses { arguments, .. } => arguments.iter().for_each(|e| expression(e, v)),
        FunctionArgs::TableConstructor(constructor) => table(constructor, v),
        _ => {}
    }
}

fn table<'t>(table: &'t TableConstructor, v: &mut impl Visitor<'t>) {
    v.table(table);
    for field in table.fields().iter() {
        match field {
            Field::ExpressionKey { key, value, .. } => {
                expression(key, v);
                expression(value, v);
            }
            Field::NameKey { value, .. } => expression(value, v),
            Field::NoKey(value) => expression(value, v),
            _ => {}
        }
    }
}

fn expression<'t>(e: &'t Expression, v: &mut impl Visitor<'t>) {
    v.expression(e);
    match e {
        Expression::BinaryOperator { lhs, rhs, .. } => {
            expression(lhs, v);
            expression(rhs, v);
        }
        Expression::Parentheses { expression: e, .. }
        | Expression::UnaryOperator { expression: e, .. }
        | Expression::TypeAssertion { expression: e, .. } => expression(e, v),
        Expression::Function(function) => {
            v.open(Some(place::expression(e)));
            body(function.body(), v);
        }
        Expression::FunctionCall(call) => self::call(call, v),
        Expression::IfExpression(choice) => if_expression(choice, v),
        Expression::InterpolatedString(string) => string.expressions().for_each(|e| expression(e, v)),
        Expression::TableConstructor(constructor) => table(constructor, v),
        Expression::Var(Var::Name(name)) => v.read(name),
        Expression::Var(Var::Expression(inside)) => chain(inside.prefix(), inside.suffixes().collect(), v),
        _ => {}
    }
}

fn if_expression<'t>(choice: &'t IfExpression, v: &mut impl Visitor<'t>) {
    let mut open = 0;
    asks(choice.binding(), choice.condition(), &mut open, v);
    expression(choice.if_expression(), v);
    for other in choice.else_if_expressions().into_iter().flatten() {
        asks(other.binding(), other.condition(), &mut open, v);
        expression(other.expression(), v);
    }
    expression(choice.else_expression(), v);
    (0..open).for_each(|_| v.close());
}
