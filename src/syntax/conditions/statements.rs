//! Follows the statements of a function. May import: `text`, `model`.

use super::super::walk::{name, span, word};
use super::follow::{Follower, Value};
use super::{Bound, Closure, Env, at};
use crate::model::expr::{At, Expr, Kind};
use full_moon::ast::{Block, Expression, FunctionCall, LastStmt, Prefix, Stmt};

/// What runs after a block that does not return.
pub(super) struct After<'r, 't> {
    statements: &'r [&'t Stmt],
    last: Option<&'t LastStmt>,
    env: &'r Env<'t>,
    next: Option<&'r After<'r, 't>>,
}

impl<'t> Follower<'_, 't> {
    /// What a block returns, or what runs after it; `None` where all of that ends without.
    pub(super) fn block(
        &mut self,
        block: &'t Block,
        env: &Env<'t>,
        after: Option<&After<'_, 't>>,
    ) -> Option<Value<'t>> {
        let statements: Vec<&'t Stmt> = block.stmts().collect();
        self.statements(&statements, block.last_stmt(), env, after)
    }

    fn goes_on(&mut self, after: Option<&After<'_, 't>>) -> Option<Value<'t>> {
        let after = after?;
        self.depth += 1;
        let value = self.statements(after.statements, after.last, after.env, after.next);
        self.depth -= 1;
        value
    }

    fn statements(
        &mut self,
        statements: &[&'t Stmt],
        last: Option<&'t LastStmt>,
        env: &Env<'t>,
        after: Option<&After<'_, 't>>,
    ) -> Option<Value<'t>> {
        let mut env = env.clone();
        for (i, statement) in statements.iter().enumerate() {
            let place = at(&self.source, *statement);
            if !self.step(1) {
                return Some(self.cannot(place, "it is too long to follow"));
            }
            let rest = After {
                statements: statements.get(i + 1..).unwrap_or_default(),
                last,
                env: &env,
                next: after,
            };
            match statement {
                Stmt::LocalAssignment(local) => {
                    let values = local.expressions().iter().collect::<Vec<_>>();
                    env = self.locals(local.names().iter().map(name), &values, &env);
                }
                Stmt::ConstAssignment(local) => {
                    let values = local.expressions().iter().collect::<Vec<_>>();
                    env = self.locals(local.names().iter().map(name), &values, &env);
                }
                Stmt::LocalFunction(function) => {
                    let closure = Closure { span: span(*statement), body: function.body(), env: env.clone() };
                    env = env.with(name(function.name()), Bound::Function(closure));
                }
                Stmt::Do(inner) if acts(inner.block()) => {
                    return self.block(inner.block(), &env, Some(&rest));
                }
                Stmt::If(choice) => {
                    let others = choice.else_if().map(Vec::as_slice).unwrap_or_default();
                    if choice.binding().is_some() || others.iter().any(|o| o.binding().is_some()) {
                        return Some(self.cannot(place, "a name bound by `if` is not followed"));
                    }
                    let first = (choice.condition(), choice.block());
                    let branches: Vec<(&Expression, &Block)> = std::iter::once(first)
                        .chain(others.iter().map(|other| (other.condition(), other.block())))
                        .collect();
                    let end = choice.else_block();
                    if !branches.iter().any(|(_, block)| acts(block)) && !end.is_some_and(acts) {
                        continue;
                    }
                    return Some(self.branches(&branches, end, &rest, &place));
                }
                // What is assigned is known by its name to be no constant.
                Stmt::Do(_)
                | Stmt::Assignment(_)
                | Stmt::CompoundAssignment(_)
                | Stmt::TypeDeclaration(_) => {}
                Stmt::FunctionCall(call) if prints(call) && env.get("print").0.is_none() => {}
                Stmt::FunctionCall(_) => {
                    return Some(self.cannot(place, "what this call does is not followed"));
                }
                _ => return Some(self.cannot(place, "loops and their like are not followed")),
            }
        }
        match last {
            None => self.goes_on(after),
            Some(LastStmt::Return(last)) => Some(match last.returns().iter().next() {
                Some(e) => self.value(e, &env),
                None => Value::Expr(Expr { at: at(&self.source, last), kind: Kind::Nil }),
            }),
            Some(other) => Some(self.cannot(at(&self.source, other), "loops are not followed")),
        }
    }

    /// An `if` that may return; what comes after it is followed once where no branch does more
    /// than go on to it.
    fn branches(
        &mut self,
        branches: &[(&'t Expression, &'t Block)],
        end: Option<&'t Block>,
        rest: &After<'_, 't>,
        place: &At,
    ) -> Value<'t> {
        let nil = || Value::Expr(Expr { at: place.clone(), kind: Kind::Nil });
        let mut onward: Option<Value<'t>> = None;
        let mut of = |follower: &mut Self, block: Option<&'t Block>| match block.filter(|block| acts(block)) {
            Some(block) => follower.block(block, rest.env, Some(rest)).unwrap_or_else(nil),
            None => onward.get_or_insert_with(|| follower.goes_on(Some(rest)).unwrap_or_else(nil)).clone(),
        };
        let mut value = of(self, end);
        for (condition, block) in branches.iter().rev() {
            let then = of(self, Some(block));
            let condition = self.value(condition, rest.env);
            value = self.choose(condition, then, value, place);
        }
        value
    }

    fn locals(
        &mut self,
        names: impl Iterator<Item = String>,
        values: &[&'t Expression],
        env: &Env<'t>,
    ) -> Env<'t> {
        let mut next = env.clone();
        for (i, name) in names.enumerate() {
            let bound = match values.get(i) {
                Some(e) => Bound::Value(self.value(e, env)),
                None if values.is_empty() || !matches!(values.last(), Some(Expression::FunctionCall(_))) => {
                    Bound::Opaque("given no value")
                }
                None => Bound::Opaque("one of several values"),
            };
            next = next.with(name, bound);
        }
        next
    }
}

/// Whether a call does nothing but say something.
fn prints(call: &FunctionCall) -> bool {
    matches!(call.prefix(), Prefix::Name(token) if word(token) == "print") && call.suffixes().count() == 1
}

/// Whether a block may do more than go on to what follows it.
fn acts(block: &Block) -> bool {
    block.last_stmt().is_some()
        || block.stmts().any(|statement| match statement {
            Stmt::Do(inner) => acts(inner.block()),
            Stmt::If(choice) => {
                acts(choice.block())
                    || choice.else_block().is_some_and(acts)
                    || choice.else_if().into_iter().flatten().any(|other| acts(other.block()))
            }
            Stmt::LocalAssignment(_)
            | Stmt::ConstAssignment(_)
            | Stmt::LocalFunction(_)
            | Stmt::Assignment(_)
            | Stmt::CompoundAssignment(_)
            | Stmt::TypeDeclaration(_) => false,
            Stmt::FunctionCall(call) => !prints(call),
            _ => true,
        })
}
