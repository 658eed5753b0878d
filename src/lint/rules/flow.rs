//! What is never run, and branches that decide nothing. May import: `lint`'s own modules, `text`,
//! `model`, `syntax`.

use super::ast::{global_callee, number, plain, same};
use super::signatures::SIGNATURES;
use crate::lint::scopes::How;
use crate::lint::{Sink, TreeView};
use crate::syntax::walk::{name, span, word};
use crate::text::Span;
use full_moon::ast::{BinOp, Block, Expression, If, LastStmt, Stmt, UnOp, Var};
use std::collections::BTreeSet;

/// How a statement keeps those after it from running.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It leaves the block.
    Leaves,
    /// It raises an error.
    Raises,
    /// It goes on for ever.
    Never,
}

pub(super) fn block_ends(view: &TreeView<'_>, block: &Block) -> Option<Ends> {
    if block.last_stmt().is_some() {
        return Some(Ends::Leaves);
    }
    block.stmts().last().and_then(|stmt| ends(view, stmt))
}

fn ends(view: &TreeView<'_>, stmt: &Stmt) -> Option<Ends> {
    match stmt {
        Stmt::Do(inner) => block_ends(view, inner.block()),
        Stmt::If(choice) => {
            let other = choice.else_block()?;
            let first = block_ends(view, choice.block())?;
            for more in choice.else_if().into_iter().flatten() {
                block_ends(view, more.block())?;
            }
            block_ends(view, other)?;
            Some(first)
        }
        Stmt::FunctionCall(call) => {
            let callee = global_callee(view, call)?;
            (callee.path == "error" && callee.ends).then_some(Ends::Raises)
        }
        Stmt::While(repeat) => {
            let forever = constant(repeat.condition()) == Some(true);
            (forever && !breaks(repeat.block())).then_some(Ends::Never)
        }
        Stmt::Repeat(repeat) => {
            let forever = constant(repeat.until()) == Some(false);
            (forever && !breaks(repeat.block())).then_some(Ends::Never)
        }
        _ => None,
    }
}

/// Whether a `break` in a block ends the loop that the block belongs to.
pub(super) fn breaks(block: &Block) -> bool {
    matches!(block.last_stmt(), Some(LastStmt::Break(_)))
        || block.stmts().any(|stmt| match stmt {
            Stmt::Do(inner) => breaks(inner.block()),
            Stmt::If(choice) => branches(choice).into_iter().any(|(_, block, _)| breaks(block)),
            _ => false,
        })
}

/// Whether a `continue` in a block belongs to the loop around it.
pub(super) fn continues(block: &Block) -> bool {
    matches!(block.last_stmt(), Some(LastStmt::Continue(_)))
        || block.stmts().any(|stmt| match stmt {
            Stmt::Do(inner) => continues(inner.block()),
            Stmt::If(choice) => branches(choice).into_iter().any(|(_, block, _)| continues(block)),
            _ => false,
        })
}

/// `unreachable-code`: statements after one that never goes on to them.
pub fn unreachable(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for block in &view.scopes.blocks {
        let stmts: Vec<&Stmt> = block.stmts().collect();
        let Some((at, how)) = stmts.iter().enumerate().find_map(|(at, s)| Some((at, ends(view, s)?))) else {
            continue;
        };
        let next = stmts.get(at + 1).map(|s| span(*s));
        let (from, last) = match (next, block.last_stmt().map(span)) {
            // `error(…) return nil` says what is given back, for readers and checkers.
            (None, Some(_)) if how != Ends::Leaves => continue,
            (Some(next), last) => (next, last.or(stmts.last().map(|s| span(*s))).unwrap_or(next)),
            (None, Some(last)) => (last, last),
            (None, None) => continue,
        };
        let Some(cause) = stmts.get(at).map(|s| span(*s)) else { continue };
        let why = match how {
            Ends::Leaves => "every way through this leaves here",
            Ends::Raises => "this ends with an error",
            Ends::Never => "this loop never ends",
        };
        sink.raise("this is never reached", |f| {
            f.at(view.source, first_line(view, Span { start: from.start, end: last.end }), "never runs")
                .at(view.source, first_line(view, cause), why)
                .help("remove it, or put it before what ends here")
        });
    }
}

/// The part of a place that is on its first line.
pub(super) fn first_line(view: &TreeView<'_>, span: Span) -> Span {
    let line = view.text(span).lines().next().unwrap_or_default().trim_end();
    Span::new(span.start as usize, span.start as usize + line.len())
}

/// The branches of an `if`: its condition, its block, and the token before the block.
pub(super) fn branches(choice: &If) -> Vec<(Option<&Expression>, &Block, Span)> {
    let mut all = vec![(Some(choice.condition()), choice.block(), span(choice.then_token()))];
    for other in choice.else_if().into_iter().flatten() {
        all.push((Some(other.condition()), other.block(), span(other.then_token())));
    }
    if let (Some(block), Some(token)) = (choice.else_block(), choice.else_token()) {
        all.push((None, block, span(token)));
    }
    all
}

/// `empty-branch`: a branch with nothing in it, not even a remark.
pub fn empty_branch(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        match stmt {
            Stmt::If(choice) => {
                let all = branches(choice);
                for (at, (condition, block, token)) in all.iter().enumerate() {
                    let next = match at + 1 {
                        // The word that ends it: `elseif`, `else` or `end`.
                        next if next < all.len() => match choice.else_if().and_then(|o| o.get(at)) {
                            Some(other) => span(other.else_if_token()),
                            None => choice.else_token().map_or(*token, span),
                        },
                        _ => span(choice.end_token()),
                    };
                    let between = view.text(Span { start: token.end, end: next.start });
                    if block.stmts().next().is_some() || block.last_stmt().is_some() || between.contains("--")
                    {
                        continue;
                    }
                    let place = condition.map_or(*token, span);
                    sink.raise("nothing happens in this branch", |f| {
                        f.at(view.source, place, "an empty branch follows")
                            .help("write what is to happen, or turn the condition round; a remark in it says that nothing is meant")
                    });
                }
            }
            Stmt::Do(inner)
                if inner.block().stmts().next().is_none()
                    && inner.block().last_stmt().is_none()
                    && !view.text(span(*stmt)).contains("--") =>
            {
                sink.raise("nothing happens in this block", |f| {
                    f.at(view.source, span(*stmt), "empty").help("remove it")
                });
            }
            _ => {}
        }
    }
}

/// `identical-branches`: two branches in a row that do the same.
pub fn identical_branches(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Stmt::If(choice) = stmt else { continue };
        let all = branches(choice);
        if choice.binding().is_some() {
            continue;
        }
        for pair in all.windows(2) {
            let [(first, one, from), (second, two, _)] = pair else { continue };
            let (first_body, body) = (span(*one), span(*two));
            // Before `else` the condition decides nothing; between two conditions `or` is a matter
            // of taste, except where what is written once is a slip: a call that scales.
            let matters = second.is_none()
                || (view.role == crate::lint::Role::Script
                    && view.tree.words(first_body).any(|word| word.contains("scale_")));
            if first_body.is_empty() || !matters || !same(view, first_body, body) {
                continue;
            }
            let place = first.map_or(*from, span);
            sink.raise("the next branch does the same as this one", |f| {
                f.at(view.source, place, "whether this holds makes no difference")
                    .at(view.source, first_line(view, body), "the same again")
                    .help("one of the two was to do something else; or join them")
            });
        }
    }
}

/// What a condition asks, where it compares something with a number: its place, the sign, the number.
fn comparison(e: &Expression) -> Option<(Span, &'static str, f64)> {
    let Expression::BinaryOperator { lhs, binop, rhs } = plain(e) else { return None };
    let (sign, turned) = match binop {
        BinOp::GreaterThan(_) => (">", "<"),
        BinOp::GreaterThanEqual(_) => (">=", "<="),
        BinOp::LessThan(_) => ("<", ">"),
        BinOp::LessThanEqual(_) => ("<=", ">="),
        _ => return None,
    };
    match (number(lhs), number(rhs)) {
        (None, Some(n)) => Some((span(plain(lhs)), sign, n)),
        (Some(n), None) => Some((span(plain(rhs)), turned, n)),
        _ => None,
    }
}

/// Whether the second comparison holds only where the first one does.
fn covers(view: &TreeView<'_>, first: (Span, &str, f64), second: (Span, &str, f64)) -> bool {
    same(view, first.0, second.0)
        && match (first.1, second.1) {
            (">" | ">=", ">") | (">=", ">=") => second.2 >= first.2,
            (">", ">=") => second.2 > first.2,
            ("<" | "<=", "<") | ("<=", "<=") => second.2 <= first.2,
            ("<", "<=") => second.2 < first.2,
            _ => false,
        }
}

/// The conditions joined by `or` (or by `and`) in one, in order.
fn parts<'t>(e: &'t Expression, or: bool, into: &mut Vec<&'t Expression>) {
    match plain(e) {
        Expression::BinaryOperator { lhs, binop, rhs }
            if matches!(binop, BinOp::Or(_)) == or && matches!(binop, BinOp::Or(_) | BinOp::And(_)) =>
        {
            parts(lhs, or, into);
            parts(rhs, or, into);
        }
        e => into.push(e),
    }
}

/// `covered-condition`: a condition that an earlier one of the same `if` has dealt with.
pub fn covered(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Stmt::If(choice) = stmt else { continue };
        let mut before: Vec<&Expression> = Vec::new();
        for (condition, _, _) in branches(choice) {
            let Some(condition) = condition else { continue };
            let mut needs = Vec::new();
            parts(condition, false, &mut needs);
            // A function may answer differently when it is asked again.
            let pure = !view.scopes.has_call(span(condition));
            let found = before.iter().find(|first| {
                pure && needs.iter().any(|need| {
                    same(view, span(**first), span(*need))
                        || comparison(first).zip(comparison(need)).is_some_and(|(a, b)| covers(view, a, b))
                })
            });
            if let Some(first) = found {
                let same = same(view, span(*first), span(condition));
                let (here, there) = (view.text(span(condition)), view.text(span(*first)));
                let message = if same {
                    format!("`{here}` was asked before, so this branch is never taken")
                } else {
                    format!("`{here}` holds only where `{there}` does, so this branch is never taken")
                };
                sink.raise(message, |f| {
                    f.at(view.source, span(condition), "never true here")
                        .at(view.source, span(*first), "takes all of these cases")
                        .help("put the narrower condition first, or correct one of the two")
                });
            }
            let mut any = Vec::new();
            parts(condition, true, &mut any);
            if choice.binding().is_none() && pure {
                before.extend(any);
            }
        }
    }
}

/// `repeated-condition`: the same operand twice in a chain of `and` or of `or`.
pub fn repeated(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (e, _) in &view.scopes.expressions {
        let Expression::BinaryOperator { lhs, binop, rhs } = e else { continue };
        let or = match binop {
            BinOp::Or(_) => true,
            BinOp::And(_) => false,
            _ => continue,
        };
        let mut left = Vec::new();
        parts(lhs, or, &mut left);
        let last = span(plain(rhs));
        // `x and #x > 0 and x or nil` gives the value of `x` back.
        if view.scopes.has_call(span(&**rhs)) || (!or && super::ast::is_value(rhs)) {
            continue;
        }
        let Some(first) = left.into_iter().find(|l| same(view, span(*l), last)) else { continue };
        let word = if or { "or" } else { "and" };
        sink.raise(format!("`{}` stands twice in one chain of `{word}`", view.text(span(&**rhs))), |f| {
            f.at(view.source, span(&**rhs), "again")
                .at(view.source, span(first), "first here")
                .help("remove it, or ask for what was meant")
        });
    }
}

/// What a condition is worth, where the text alone tells.
pub fn constant(e: &Expression) -> Option<bool> {
    match plain(e) {
        Expression::Number(_)
        | Expression::String(_)
        | Expression::TableConstructor(_)
        | Expression::Function(_) => Some(true),
        Expression::InterpolatedString(_) => Some(true),
        Expression::Symbol(token) => match &*word(token) {
            "true" => Some(true),
            "false" | "nil" => Some(false),
            _ => None,
        },
        Expression::UnaryOperator { unop, expression } => match unop {
            UnOp::Not(_) => constant(expression).map(|b| !b),
            UnOp::Minus(_) => number(expression).map(|_| true),
            _ => None,
        },
        Expression::BinaryOperator { lhs, binop, rhs } => {
            let numbers = || Some((number(lhs)?, number(rhs)?));
            match binop {
                BinOp::And(_) => match (constant(lhs), constant(rhs)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
                BinOp::Or(_) => match (constant(lhs), constant(rhs)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
                BinOp::GreaterThan(_) => numbers().map(|(a, b)| a > b),
                BinOp::GreaterThanEqual(_) => numbers().map(|(a, b)| a >= b),
                BinOp::LessThan(_) => numbers().map(|(a, b)| a < b),
                BinOp::LessThanEqual(_) => numbers().map(|(a, b)| a <= b),
                BinOp::TwoEqual(_) => numbers().map(|(a, b)| a == b),
                BinOp::TildeEqual(_) => numbers().map(|(a, b)| a != b),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `constant-condition`: a condition that is always the same.
pub fn constant_condition(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    let mut tell = |condition: &Expression, what: &str| {
        let Some(value) = constant(condition) else { return };
        let text = view.text(span(condition));
        let slip = match plain(condition) {
            Expression::BinaryOperator { lhs, binop: BinOp::Or(_), rhs } => match plain(lhs) {
                Expression::BinaryOperator { lhs: what, binop, .. } if constant(rhs) == Some(true) => {
                    Some(format!(
                        "{} {} {}",
                        view.text(span(&**what)),
                        name(binop.token()),
                        view.text(span(&**rhs))
                    ))
                }
                _ => None,
            },
            _ => None,
        };
        sink.raise(format!("this {what} is always {value}: `{text}`"), |f| {
            f.at(view.source, span(condition), format!("always {value}")).help(match slip {
                Some(slip) => format!("each side of `or` is a condition of its own: write `or {slip}`"),
                None => "ask for something that changes, or remove the condition".into(),
            })
        });
    };
    for (stmt, _) in &view.scopes.statements {
        match stmt {
            Stmt::If(choice) => {
                for (condition, ..) in branches(choice) {
                    if let Some(condition) = condition.filter(|_| choice.binding().is_none()) {
                        tell(condition, "condition");
                    }
                }
            }
            // `while true` and `until false` are how a loop without an end is written, and
            // `until true` one that is left early.
            Stmt::While(turn) if constant(turn.condition()) == Some(false) => {
                tell(turn.condition(), "loop's condition")
            }
            _ => {}
        }
    }
    for (e, _) in &view.scopes.expressions {
        if let Expression::IfExpression(choice) = e
            && choice.binding().is_none()
        {
            tell(choice.condition(), "condition");
        }
    }
}

/// `unbounded-loop`: a loop that nothing in it can end.
pub fn unbounded_loop(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let (condition, block, until) = match stmt {
            Stmt::While(turn) => (turn.condition(), turn.block(), false),
            Stmt::Repeat(turn) => (turn.until(), turn.block(), true),
            _ => continue,
        };
        let whole = span(*stmt);
        // What is called elsewhere may raise an error or yield.
        if breaks(block) || leaves(view, block) || (!view.role.is_ours() && view.scopes.has_call(whole)) {
            continue;
        }
        let why = match constant(condition) {
            Some(value) if value != until => "nothing in it ends it",
            Some(_) => continue,
            None if view.scopes.has_call(span(condition)) || changes(view, condition, whole) => continue,
            None => "nothing in it changes what its condition asks",
        };
        sink.raise(format!("once begun, this loop never ends: {why}"), |f| {
            f.at(view.source, first_line(view, whole), "")
                .at(view.source, span(condition), if until { "never true" } else { "never false" })
                .help("a tick that does not end is stopped at its budget and decides nothing: write `for i = 1, n do`, or a `break`")
        });
    }
}

/// Whether a block returns or raises an error somewhere, functions in it aside.
fn leaves(view: &TreeView<'_>, block: &Block) -> bool {
    matches!(block.last_stmt(), Some(LastStmt::Return(_)))
        || block.stmts().any(|stmt| match stmt {
            Stmt::Do(inner) => leaves(view, inner.block()),
            Stmt::If(choice) => branches(choice).into_iter().any(|(_, block, _)| leaves(view, block)),
            Stmt::While(inner) => leaves(view, inner.block()),
            Stmt::Repeat(inner) => leaves(view, inner.block()),
            Stmt::NumericFor(inner) => leaves(view, inner.block()),
            Stmt::GenericFor(inner) => leaves(view, inner.block()),
            // A function of the library comes back; another one may raise an error.
            Stmt::FunctionCall(call) => global_callee(view, call).is_none_or(|c| {
                let known = SIGNATURES.iter().any(|s| s.name == c.path);
                !known && !["print", "log"].contains(&c.path.as_str())
                    || ["error", "assert"].contains(&c.path.as_str())
            }),
            _ => false,
        })
}

/// Whether a loop changes anything that its condition reads.
fn changes(view: &TreeView<'_>, condition: &Expression, whole: Span) -> bool {
    let words = || view.tree.words(span(condition));
    let names: BTreeSet<&str> = words().collect();
    let inside = |at: Span| whole.start <= at.start && at.end <= whole.end;
    // A field, or what another function sees, may change without the loop's doing.
    let shared = |function: usize, uses: &[crate::lint::scopes::Use]| {
        uses.iter().any(|u| u.function != function && u.how != How::Read)
    };
    let followed = matches!(plain(condition), Expression::Var(Var::Expression(_)));
    followed
        || words().any(|word| [".", "[", "#", ":"].contains(&word))
        || view.scopes.variables.iter().filter(|v| names.contains(v.name)).any(|v| {
            shared(v.function, &v.uses)
                || v.uses.iter().any(|u| u.how != How::Read && inside(u.span))
                || inside(v.span)
        })
        || view.scopes.globals.iter().any(|g| names.contains(g.name))
}
