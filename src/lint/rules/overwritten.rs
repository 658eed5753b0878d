//! Values of locals that are replaced before anything reads them. May import: `lint`'s own
//! modules, `text`, `syntax`.

use super::ast::plain;
use super::flow::{branches, breaks, continues};
use crate::lint::scopes::{How, Use, Variable, contains};
use crate::lint::{Sink, TreeView};
use crate::syntax::walk::{name, span};
use crate::text::Span;
use full_moon::ast::{Block, Expression, Stmt, UnOp, Var};
use full_moon::tokenizer::TokenReference;
use std::collections::HashMap;

/// The one name that a statement gives a value, where that value is more than a first filling.
fn gives(stmt: &Stmt) -> Option<&TokenReference> {
    match stmt {
        Stmt::LocalAssignment(local) if local.names().len() == 1 && local.expressions().len() == 1 => {
            let value = local.expressions().iter().next()?;
            // `local found = false` says what kind of value there will be.
            (!is_filling(value)).then(|| local.names().iter().next()).flatten()
        }
        Stmt::Assignment(assignment)
            if assignment.variables().len() == 1 && assignment.expressions().len() == 1 =>
        {
            match assignment.variables().iter().next()? {
                Var::Name(token) => Some(token),
                _ => None,
            }
        }
        Stmt::LocalFunction(function) => Some(function.name()),
        _ => None,
    }
}

/// Whether a value is one that a local is commonly given until its own is known.
fn is_filling(e: &Expression) -> bool {
    match plain(e) {
        Expression::Symbol(_) | Expression::Number(_) | Expression::String(_) => true,
        Expression::UnaryOperator { unop: UnOp::Minus(_), expression } => is_filling(expression),
        Expression::TableConstructor(table) => table.fields().is_empty(),
        _ => false,
    }
}

/// The places at which a statement gives a variable another value and does nothing else with it.
fn replaces(stmt: &Stmt) -> Vec<&TokenReference> {
    match stmt {
        Stmt::Assignment(assignment) => {
            let names = assignment.variables().iter().filter_map(|v| match v {
                Var::Name(token) => Some(token),
                _ => None,
            });
            names.collect()
        }
        Stmt::FunctionDeclaration(function)
            if function.name().names().len() == 1 && function.name().method_name().is_none() =>
        {
            function.name().names().iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a statement may go on after the loop around it, where the value may still be read.
fn leaves_loop(stmt: &Stmt) -> bool {
    let either = |block: &Block| breaks(block) || continues(block);
    match stmt {
        Stmt::Do(inner) => either(inner.block()),
        Stmt::If(choice) => branches(choice).into_iter().any(|(_, block, _)| either(block)),
        _ => false,
    }
}

/// The places of a variable's uses, rising, where they are all in its own function: what another
/// function holds may be read at any time.
fn own_uses(variable: &Variable<'_>) -> Option<Vec<Use>> {
    if variable.is_private() || variable.uses.iter().any(|u| u.function != variable.function) {
        return None;
    }
    let mut uses = variable.uses.clone();
    uses.sort_by_key(|u| u.span.start);
    Some(uses)
}

/// `overwritten-value`: a value that another takes the place of, unread.
pub fn overwritten(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    let mut known: HashMap<Span, Option<Vec<Use>>> = HashMap::new();
    for block in &view.scopes.blocks {
        let stmts: Vec<(&Stmt, Span)> = block.stmts().map(|stmt| (stmt, span(stmt))).collect();
        // How many of the statements before one may leave the loop.
        let mut leaving = vec![0];
        leaving.extend(stmts.iter().scan(0, |sum, (stmt, _)| {
            *sum += usize::from(leaves_loop(stmt));
            Some(*sum)
        }));
        for (at, (stmt, place)) in stmts.iter().enumerate() {
            let Some(token) = gives(stmt) else { continue };
            let Some(variable) = view.scopes.variable(token) else { continue };
            let uses = known.entry(variable.span).or_insert_with(|| own_uses(variable));
            let Some(uses) = uses else { continue };
            // The next use decides; it stands in one of the statements that follow.
            let Some(next) = uses.get(uses.partition_point(|u| u.span.start < place.end)) else { continue };
            let there = stmts.partition_point(|(_, s)| s.end < next.span.end);
            let Some((second, whole)) = stmts.get(there).filter(|(_, s)| contains(*s, next.span)) else {
                continue;
            };
            let sure = next.how == How::Write
                && there > at
                && replaces(second).into_iter().any(|t| span(t) == next.span)
                && leaving.get(there) == leaving.get(at + 1)
                && !reads(uses, *whole);
            if !sure {
                continue;
            }
            let word = if matches!(stmt, Stmt::LocalFunction(_)) { "the function" } else { "the value" };
            sink.raise(
                format!("{word} that `{}` gets here is replaced before anything reads it", name(token)),
                |f| {
                    f.at(view.source, span(token), "never read")
                        .at(view.source, next.span, "replaced here")
                        .help("remove the first, or give one of the two a name of its own")
                },
            );
        }
    }
}

/// Whether anything in a span does more with a variable than giving it a value; `uses` rise.
fn reads(uses: &[Use], within: Span) -> bool {
    let from = uses.partition_point(|u| u.span.start < within.start);
    let inside = uses.iter().skip(from).take_while(|u| u.span.end <= within.end);
    inside.into_iter().any(|u| u.how != How::Write)
}
