//! Follows a function from its parameters to what it returns. May import: `text`, `model`.

use super::super::evaluate::text;
use super::super::literal;
use super::super::walk::{name, span, word};
use super::{Bound, Closure, Env, Names, at};
use crate::model::expr::{Apply, Arithmetic, At, Export, Expr, Kind};
use crate::model::script::Comparison;
use full_moon::ast::{
    BinOp, Call, Expression, Field, FunctionArgs, Index, Parameter, Prefix, Suffix, TableConstructor, UnOp,
    Var,
};
use std::sync::Arc;

/// The most steps for one function, and for all of a file.
const MOST_STEPS: usize = 5_000;
const MOST_STEPS_ALL: usize = 2_000_000;
/// How deep called functions and locals are followed.
const DEEPEST: u32 = 40;

/// What an expression is worth.
#[derive(Clone)]
pub(super) enum Value<'t> {
    /// A number, a boolean, nil, or what is made of parameters.
    Expr(Expr),
    /// A text.
    Text(String, At),
    /// A table: its fields of the text. Later fields count.
    Table(Vec<(String, Bound<'t>)>, At),
    /// A function of this file.
    Function(Closure<'t>),
    /// What a required module has under a dotted path.
    Module(String, String, At),
    /// A global, or a part of one, by its dotted name.
    Global(String, At),
}

/// Follows functions, within a budget of steps.
pub(super) struct Follower<'a, 't> {
    pub(super) source: Arc<str>,
    names: &'a Names<'t>,
    left: usize,
    left_all: usize,
    pub(super) depth: u32,
}

impl<'a, 't> Follower<'a, 't> {
    pub fn new(source: Arc<str>, names: &'a Names<'t>) -> Follower<'a, 't> {
        Follower { source, names, left: 0, left_all: MOST_STEPS_ALL, depth: 0 }
    }

    /// What a function returns; `None` for what is none.
    pub fn function(&mut self, bound: &Bound<'t>) -> Option<Expr> {
        self.left = MOST_STEPS.min(self.left_all);
        let before = self.left;
        let value = match bound {
            Bound::Function(closure) => Some(Value::Function(closure.clone())),
            Bound::Later(e, env) => Some(self.value(e, env)),
            _ => None,
        };
        let expr = match value {
            Some(Value::Function(closure)) => Some(self.top(&closure)),
            Some(Value::Module(module, path, at)) => Some(Expr { at, kind: Kind::Required(module, path) }),
            _ => None,
        };
        self.left_all -= before - self.left;
        expr
    }

    /// A function's result over its own parameters.
    fn top(&mut self, closure: &Closure<'t>) -> Expr {
        let place = At { source: self.source.clone(), span: closure.span };
        let parameters = (0..=u8::MAX)
            .map(|i| Value::Expr(Expr { at: place.clone(), kind: Kind::Parameter(i) }))
            .take(closure.body.parameters().len());
        let result = self.call_closure(closure, parameters.collect(), &place);
        self.expr(result, &place)
    }

    /// What a file returns, by dotted path.
    pub fn exports(&mut self, e: &'t Expression, env: &Env<'t>) -> Vec<(String, Export)> {
        let mut out = Vec::new();
        self.left = MOST_STEPS.min(self.left_all);
        let value = self.value(e, env);
        self.export(String::new(), value, &mut out);
        // Of a key that is written twice the last one counts.
        let mut seen = std::collections::HashSet::new();
        let mut last: Vec<_> = out.into_iter().rev().filter(|(path, _)| seen.insert(path.clone())).collect();
        last.reverse();
        last
    }

    fn export(&mut self, path: String, value: Value<'t>, out: &mut Vec<(String, Export)>) {
        match value {
            Value::Function(closure) => {
                self.left = MOST_STEPS;
                let expr = self.top(&closure);
                out.push((path, Export::Function(expr)));
            }
            Value::Table(fields, _) if self.depth < 4 => {
                self.depth += 1;
                for (field, bound) in fields {
                    let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                    let place = At { source: self.source.clone(), span: Default::default() };
                    let value = self.resolve(&bound, &place, &field);
                    self.export(path, value, out);
                }
                self.depth -= 1;
            }
            Value::Expr(expr) => out.push((path, Export::Value(expr))),
            Value::Module(module, of, at) => {
                out.push((path, Export::Value(Expr { at, kind: Kind::Required(module, of) })));
            }
            _ => {}
        }
    }

    pub(super) fn cannot(&self, at: At, why: impl Into<String>) -> Value<'t> {
        Value::Expr(Expr { at, kind: Kind::CannotTell(why.into()) })
    }

    /// A value as an expression.
    fn expr(&self, value: Value<'t>, place: &At) -> Expr {
        let (at, why) = match value {
            Value::Expr(expr) => return expr,
            Value::Module(module, path, at) => return Expr { at, kind: Kind::Required(module, path) },
            Value::Global(name, at) => (at, format!("`{name}` is not plain from the text")),
            Value::Text(_, at) => (at, "a text is no number".into()),
            Value::Table(_, at) => (at, "a table is no number".into()),
            Value::Function(_) => (place.clone(), "a function is no number".into()),
        };
        Expr { at, kind: Kind::CannotTell(why) }
    }

    pub(super) fn step(&mut self, cost: usize) -> bool {
        self.left = self.left.saturating_sub(cost);
        self.left > 0 && self.depth < DEEPEST
    }

    fn resolve(&mut self, bound: &Bound<'t>, place: &At, what: &str) -> Value<'t> {
        match bound {
            Bound::Value(value) => value.clone(),
            Bound::Later(e, env) => {
                self.depth += 1;
                let value = self.value(e, env);
                self.depth -= 1;
                value
            }
            Bound::Function(closure) => Value::Function(closure.clone()),
            Bound::Opaque(why) => self.cannot(place.clone(), format!("`{what}` is {why}")),
        }
    }

    fn name(&mut self, word: &str, place: At, env: &Env<'t>) -> Value<'t> {
        let (bound, cost) = env.get(word);
        if !self.step(cost) {
            return self.cannot(place, "it is too long to follow");
        }
        let assigned = self.names.assigned.get(word).copied().unwrap_or_default();
        let once = u32::from(bound.is_none());
        if assigned > once {
            return self.cannot(place, format!("`{word}` is assigned again, or its table is changed"));
        }
        let Some(bound) = bound.or_else(|| self.names.globals.get(word)) else {
            return Value::Global(word.to_string(), place);
        };
        let mut value = self.resolve(&bound.clone(), &place, word);
        if let Value::Table(fields, _) = &mut value {
            if self.names.whole.get(word).is_some_and(|uses| *uses > 0) {
                return self.cannot(place, format!("the table `{word}` is also used as a whole"));
            }
            if let Some(members) = self.names.members.get(word) {
                if self.names.declared.get(word).is_some_and(|count| *count > 1) {
                    return self.cannot(place, format!("several tables are called `{word}`"));
                }
                fields.extend(members.iter().cloned());
            }
        }
        value
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, e: &'t Expression, env: &Env<'t>) -> Value<'t> {
        let place = at(&self.source, e);
        if !self.step(1) {
            return self.cannot(place, "it is too long to follow");
        }
        let expr = |kind| Value::Expr(Expr { at: place.clone(), kind });
        match e {
            Expression::Number(token) => match literal::number(&word(token)) {
                Some(number) => expr(Kind::Number(number)),
                None => self.cannot(place, "a number of a kind that is not followed"),
            },
            Expression::String(token) => match text(token) {
                Some(text) => Value::Text(text, place),
                None => self.cannot(place, "a text is no number"),
            },
            Expression::Symbol(token) => match &*word(token) {
                "nil" => expr(Kind::Nil),
                "true" => expr(Kind::Bool(true)),
                "false" => expr(Kind::Bool(false)),
                _ => self.cannot(place, "a list of arguments is not followed"),
            },
            Expression::Parentheses { expression, .. } | Expression::TypeAssertion { expression, .. } => {
                self.value(expression, env)
            }
            Expression::UnaryOperator { unop, expression } => {
                let inner = self.value(expression, env);
                let inner = Box::new(self.expr(inner, &place));
                match unop {
                    UnOp::Minus(_) => match inner.kind {
                        Kind::Number(number) => expr(Kind::Number(-number)),
                        _ => expr(Kind::Negate(inner)),
                    },
                    UnOp::Not(_) => expr(Kind::Not(inner)),
                    _ => self.cannot(place, "a length is not followed"),
                }
            }
            Expression::BinaryOperator { lhs, binop, rhs } => self.binary(lhs, binop, rhs, place, env),
            Expression::Function(function) => {
                Value::Function(Closure { span: span(e), body: function.body(), env: env.clone() })
            }
            Expression::FunctionCall(call) => {
                let suffixes: Vec<&Suffix> = call.suffixes().collect();
                self.chain(call.prefix(), &suffixes, place, env)
            }
            Expression::IfExpression(choice) => {
                let others = choice.else_if_expressions().map(Vec::as_slice).unwrap_or_default();
                if choice.binding().is_some() || others.iter().any(|o| o.binding().is_some()) {
                    return self.cannot(place, "a name bound by `if` is not followed");
                }
                let mut value = self.value(choice.else_expression(), env);
                let first = (choice.condition(), choice.if_expression());
                let all = std::iter::once(first)
                    .chain(others.iter().map(|other| (other.condition(), other.expression())));
                for (condition, then) in all.collect::<Vec<_>>().into_iter().rev() {
                    let condition = self.value(condition, env);
                    let then = self.value(then, env);
                    value = self.choose(condition, then, value, &place);
                }
                value
            }
            Expression::TableConstructor(table) => self.table(table, place, env),
            Expression::Var(Var::Name(token)) => self.name(&name(token), place, env),
            Expression::Var(Var::Expression(inside)) => {
                let suffixes: Vec<&Suffix> = inside.suffixes().collect();
                self.chain(inside.prefix(), &suffixes, place, env)
            }
            _ => self.cannot(place, "an expression of a kind that is not followed"),
        }
    }

    /// A table's fields, unless one of its keys is computed.
    fn table(&self, table: &'t TableConstructor, place: At, env: &Env<'t>) -> Value<'t> {
        let mut fields = Vec::new();
        for field in table.fields().iter() {
            match field {
                Field::NameKey { key, value, .. } => {
                    fields.push((name(key), Bound::Later(value, env.clone())));
                }
                Field::ExpressionKey { key, value, .. } => match &**key {
                    Expression::String(token) => {
                        fields.extend(text(token).map(|key| (key, Bound::Later(value, env.clone()))));
                    }
                    Expression::Number(_) => {}
                    _ => return self.cannot(place, "a key of this table is computed"),
                },
                _ => {}
            }
        }
        Value::Table(fields, place)
    }

    fn binary(
        &mut self,
        lhs: &'t Expression,
        binop: &BinOp,
        rhs: &'t Expression,
        place: At,
        env: &Env<'t>,
    ) -> Value<'t> {
        let left = self.value(lhs, env);
        // What is chosen between constants needs no running: `limits.hot or 0.8`.
        if let (Value::Expr(e), BinOp::Or(_) | BinOp::And(_)) = (&left, binop)
            && let Some(truth) = constant_truth(&e.kind)
        {
            let take_left = truth == matches!(binop, BinOp::Or(_));
            return if take_left { left } else { self.value(rhs, env) };
        }
        let right = self.value(rhs, env);
        let (a, b) = (Box::new(self.expr(left, &place)), Box::new(self.expr(right, &place)));
        let kind = match binop {
            BinOp::And(_) => Kind::And(a, b),
            BinOp::Or(_) => Kind::Or(a, b),
            BinOp::GreaterThan(_) => Kind::Compare(Comparison::Above, a, b),
            BinOp::GreaterThanEqual(_) => Kind::Compare(Comparison::AtLeast, a, b),
            BinOp::LessThan(_) => Kind::Compare(Comparison::Below, a, b),
            BinOp::LessThanEqual(_) => Kind::Compare(Comparison::AtMost, a, b),
            BinOp::TwoEqual(_) => Kind::Compare(Comparison::Equal, a, b),
            BinOp::TildeEqual(_) => Kind::Compare(Comparison::Unequal, a, b),
            BinOp::Plus(_) => Kind::Arithmetic(Arithmetic::Add, a, b),
            BinOp::Minus(_) => Kind::Arithmetic(Arithmetic::Subtract, a, b),
            BinOp::Star(_) => Kind::Arithmetic(Arithmetic::Multiply, a, b),
            BinOp::Slash(_) => Kind::Arithmetic(Arithmetic::Divide, a, b),
            BinOp::DoubleSlash(_) => Kind::Arithmetic(Arithmetic::FloorDivide, a, b),
            _ => Kind::CannotTell(format!("the operator `{}` is not followed", binop.token().token())),
        };
        Value::Expr(Expr { at: place, kind })
    }

    /// A name or a value, and what follows on it.
    fn chain(&mut self, prefix: &'t Prefix, suffixes: &[&'t Suffix], place: At, env: &Env<'t>) -> Value<'t> {
        let mut path = Vec::new();
        let mut root = String::new();
        let mut value = match prefix {
            Prefix::Name(token) => {
                root = name(token);
                self.name(&root, at(&self.source, token), env)
            }
            Prefix::Expression(e) => self.value(e, env),
            _ => return self.cannot(place, "it is not followed"),
        };
        for suffix in suffixes {
            value = match suffix {
                Suffix::Index(Index::Dot { name: token, .. }) => {
                    path.push(name(token));
                    self.field(value, name(token), &place)
                }
                Suffix::Index(Index::Brackets { expression, .. }) => match self.value(expression, env) {
                    Value::Text(field, _) => {
                        path.push(field.clone());
                        self.field(value, field, &place)
                    }
                    _ => return self.cannot(place, "which field is read is not plain from the text"),
                },
                Suffix::Call(Call::AnonymousCall(args)) => self.call(value, args, &place, env),
                _ => return self.cannot(place, "a method is not followed"),
            };
            // A table inside a table that is also used as a whole may be changed there.
            if matches!(value, Value::Table(..))
                && self.names.parts.get(&root).is_some_and(|parts| parts.contains(&path))
            {
                return self
                    .cannot(place, format!("the table `{root}.{}` is also used as a whole", path.join(".")));
            }
        }
        value
    }

    fn field(&mut self, of: Value<'t>, field: String, place: &At) -> Value<'t> {
        match of {
            Value::Table(fields, _) => match fields.iter().rev().find(|(name, _)| *name == field) {
                Some((_, bound)) => self.resolve(&bound.clone(), place, &field),
                None => Value::Expr(Expr { at: place.clone(), kind: Kind::Nil }),
            },
            Value::Module(module, path, at) => {
                let path = if path.is_empty() { field } else { format!("{path}.{field}") };
                Value::Module(module, path, at)
            }
            Value::Global(name, at) => match format!("{name}.{field}").as_str() {
                "math.huge" => Value::Expr(Expr { at: place.clone(), kind: Kind::Number(f64::INFINITY) }),
                "math.pi" => {
                    Value::Expr(Expr { at: place.clone(), kind: Kind::Number(std::f64::consts::PI) })
                }
                dotted => Value::Global(dotted.to_string(), at),
            },
            Value::Expr(of) => match of.kind {
                Kind::Parameter(_) => {
                    Value::Expr(Expr { at: place.clone(), kind: Kind::Field(Box::new(of), field) })
                }
                Kind::CannotTell(why) => self.cannot(of.at, why),
                _ => self.cannot(
                    place.clone(),
                    format!("what has the field `{field}` is not plain from the text"),
                ),
            },
            _ => {
                self.cannot(place.clone(), format!("what has the field `{field}` is not plain from the text"))
            }
        }
    }

    fn call(&mut self, callee: Value<'t>, args: &'t FunctionArgs, place: &At, env: &Env<'t>) -> Value<'t> {
        let arguments: Vec<Value<'t>> = match args {
            FunctionArgs::Parentheses { arguments, .. } => {
                arguments.iter().map(|e| self.value(e, env)).collect()
            }
            FunctionArgs::String(token) => {
                text(token).into_iter().map(|t| Value::Text(t, at(&self.source, token))).collect()
            }
            FunctionArgs::TableConstructor(table) => {
                vec![self.table(table, at(&self.source, table), env)]
            }
            _ => return self.cannot(place.clone(), "its arguments are not followed"),
        };
        match callee {
            Value::Function(closure) => {
                self.depth += 1;
                let value = self.call_closure(&closure, arguments, place);
                self.depth -= 1;
                value
            }
            Value::Module(module, path, _) => {
                let arguments = arguments.into_iter().map(|a| self.expr(a, place)).collect();
                Value::Expr(Expr { at: place.clone(), kind: Kind::Call(module, path, arguments) })
            }
            Value::Global(name, at) => self.call_global(&name, at, arguments, place),
            Value::Expr(Expr { kind: Kind::Field(of, field), .. }) if field == "has" => {
                match arguments.as_slice() {
                    [Value::Text(metric, _)] => {
                        Value::Expr(Expr { at: place.clone(), kind: Kind::Has(of, metric.clone()) })
                    }
                    _ => self.cannot(place.clone(), "which metric is asked for is not plain from the text"),
                }
            }
            Value::Expr(Expr { kind: Kind::CannotTell(why), at }) => self.cannot(at, why),
            _ => self.cannot(place.clone(), "what is called is not plain from the text"),
        }
    }

    fn call_global(&mut self, name: &str, at: At, arguments: Vec<Value<'t>>, place: &At) -> Value<'t> {
        let apply = match name {
            "require" => {
                return match arguments.as_slice() {
                    [Value::Text(module, _)] => Value::Module(module.clone(), String::new(), place.clone()),
                    _ => self.cannot(place.clone(), "which module is required is not plain from the text"),
                };
            }
            "table.freeze" => {
                return arguments.into_iter().next().unwrap_or_else(|| self.cannot(at, "nothing is frozen"));
            }
            "math.min" => Apply::Min,
            "math.max" => Apply::Max,
            "math.abs" => Apply::Abs,
            "math.floor" => Apply::Floor,
            "math.ceil" => Apply::Ceil,
            "math.clamp" => Apply::Clamp,
            _ => return self.cannot(at, format!("what `{name}` returns is not followed")),
        };
        let fits = match apply {
            Apply::Min | Apply::Max => !arguments.is_empty(),
            Apply::Clamp => arguments.len() == 3,
            Apply::Abs | Apply::Floor | Apply::Ceil => arguments.len() == 1,
        };
        if !fits {
            return self
                .cannot(place.clone(), format!("`{name}` does not take {} arguments", arguments.len()));
        }
        let arguments = arguments.into_iter().map(|a| self.expr(a, place)).collect();
        Value::Expr(Expr { at: place.clone(), kind: Kind::Apply(apply, arguments) })
    }

    fn call_closure(&mut self, closure: &Closure<'t>, arguments: Vec<Value<'t>>, place: &At) -> Value<'t> {
        if !self.step(1) {
            return self.cannot(place.clone(), "the calls go too deep to follow");
        }
        let nil = || Value::Expr(Expr { at: place.clone(), kind: Kind::Nil });
        let mut env = closure.env.clone();
        let mut arguments = arguments.into_iter();
        for parameter in closure.body.parameters().iter() {
            let Parameter::Name(token) = parameter else { continue };
            let value = arguments.next().unwrap_or_else(nil);
            env = env.with(name(token), Bound::Value(value));
        }
        self.block(closure.body.block(), &env, None).unwrap_or_else(nil)
    }

    /// The one value or the other.
    pub(super) fn choose(
        &mut self,
        condition: Value<'t>,
        then: Value<'t>,
        other: Value<'t>,
        place: &At,
    ) -> Value<'t> {
        let condition = self.expr(condition, place);
        match constant_truth(&condition.kind) {
            Some(true) => return then,
            Some(false) => return other,
            None => {}
        }
        let (then, other) = (self.expr(then, place), self.expr(other, place));
        // The parts are copied, so that chains of branches could double at each step.
        self.step(condition.size().saturating_add(then.size()).saturating_add(other.size()) / 8);
        let kind = Kind::If(Box::new(condition), Box::new(then), Box::new(other));
        Value::Expr(Expr { at: place.clone(), kind })
    }
}

/// Whether a constant counts as true; `None` for what is no constant.
fn constant_truth(kind: &Kind) -> Option<bool> {
    match kind {
        Kind::Nil | Kind::Bool(false) => Some(false),
        Kind::Bool(true) | Kind::Number(_) => Some(true),
        _ => None,
    }
}
