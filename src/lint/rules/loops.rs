//! Loops that turn once at most, and loops that do nothing. May import: `lint`'s own modules,
//! `text`, `syntax`.

use super::ast::{Arguments, callee, plain};
use super::flow::{Ends, block_ends, branches, breaks, constant, continues, first_line};
use crate::lint::{Sink, TreeView};
use crate::syntax::walk::{name, span, word};
use crate::text::Span;
use full_moon::ast::{Block, Expression, Stmt, Var};
use full_moon::tokenizer::TokenReference;

/// A loop as it is written.
struct Loop<'t> {
    block: &'t Block,
    /// What it goes over, or asks at each turn.
    over: Vec<&'t Expression>,
    /// The word before its block, and the one that ends it.
    words: (&'t TokenReference, &'t TokenReference),
    kind: Turning,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turning {
    /// `for i = 1, n`
    Count,
    /// `for x in …`
    Each,
    /// `while …`
    While,
}

fn of(stmt: &Stmt) -> Option<Loop<'_>> {
    Some(match stmt {
        Stmt::NumericFor(turn) => Loop {
            block: turn.block(),
            over: [Some(turn.start()), Some(turn.end()), turn.step()].into_iter().flatten().collect(),
            words: (turn.do_token(), turn.end_token()),
            kind: Turning::Count,
        },
        Stmt::GenericFor(turn) => Loop {
            block: turn.block(),
            over: turn.expressions().iter().collect(),
            words: (turn.do_token(), turn.end_token()),
            kind: Turning::Each,
        },
        Stmt::While(turn) => Loop {
            block: turn.block(),
            over: vec![turn.condition()],
            words: (turn.do_token(), turn.end_token()),
            kind: Turning::While,
        },
        // `repeat … until true` is how a block that can be left is written.
        _ => return None,
    })
}

/// The place in a block that ends each of its turns: its last statement, or the choice that does.
fn leaves(view: &TreeView<'_>, block: &Block) -> Option<Span> {
    if continues(block) {
        return None;
    }
    match block.last_stmt() {
        Some(last) => Some(span(last)),
        None => {
            let last = block.stmts().last()?;
            let chosen = matches!(last, Stmt::If(_) | Stmt::Do(_));
            (chosen && block_ends(view, block) == Some(Ends::Leaves)).then(|| span(last))
        }
    }
}

/// `single-turn-loop`: every way through its block leaves it.
pub fn single_turn(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Some(turn) = of(stmt) else { continue };
        let Some(last) = leaves(view, turn.block) else { continue };
        let chooses =
            |s: &Stmt| !matches!(s, Stmt::LocalAssignment(_) | Stmt::Assignment(_) | Stmt::FunctionCall(_));
        let usual = match turn.kind {
            Turning::Count => false,
            // Taking what comes first is what many of these are for; one that leaves in one case,
            // and in all others too, was to go on in those.
            Turning::Each => !turn.block.stmts().any(|s| chooses(s) && leaves_early(view, s)),
            // `while true do … break end` is a block that can be left early.
            Turning::While => {
                turn.over.iter().any(|e| constant(e) == Some(true))
                    && turn.block.stmts().any(|s| chooses(s) && inner_breaks(s))
            }
        };
        if usual {
            continue;
        }
        sink.raise("this loop turns at most once", |f| {
            f.at(view.source, first_line(view, span(*stmt)), "begins again never")
                .at(view.source, first_line(view, last), "every turn ends here")
                .help(
                    "leave it in the one case that is meant (`if … then … end`), or write `if` for the loop",
                )
        });
    }
}

/// Whether a choice leaves the loop in one of its cases.
fn leaves_early(view: &TreeView<'_>, stmt: &Stmt) -> bool {
    match stmt {
        Stmt::If(choice) => {
            branches(choice).into_iter().any(|(_, block, _)| block_ends(view, block) == Some(Ends::Leaves))
        }
        _ => false,
    }
}

/// Whether a statement can leave the loop around it.
fn inner_breaks(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Do(inner) => breaks(inner.block()),
        Stmt::If(choice) => branches(choice).into_iter().any(|(_, block, _)| breaks(block)),
        _ => false,
    }
}

/// `empty-loop`: a loop with nothing in it, not even a remark, that asks nothing either.
pub fn empty(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Some(turn) = of(stmt) else { continue };
        let inside = Span { start: span(turn.words.0).end, end: span(turn.words.1).start };
        if turn.block.stmts().next().is_some()
            || turn.block.last_stmt().is_some()
            || view.text(inside).contains("--")
        {
            continue;
        }
        let idle = match turn.kind {
            Turning::Count => true,
            // An iterator may be called for what it does; those of the library do nothing else.
            Turning::Each => turn.over.len() == 1 && turn.over.iter().all(|e| goes_through(view, e)),
            // What asks is called for what it does; what asks nothing never ends.
            Turning::While => false,
        };
        if idle {
            sink.raise("nothing happens in this loop", |f| {
                f.at(view.source, first_line(view, span(*stmt)), "an empty loop")
                    .help("write what is to happen, or remove it; a remark in it says that nothing is meant")
            });
        }
    }
}

/// Whether an expression is `pairs(name)` or `ipairs(name)`, or a name or a table by itself.
fn goes_through(view: &TreeView<'_>, e: &Expression) -> bool {
    match plain(e) {
        Expression::TableConstructor(_) => !view.scopes.has_call(span(e)),
        Expression::FunctionCall(call) => {
            let Some(callee) = callee(call).filter(|c| c.ends && view.scopes.is_global(c.root)) else {
                return false;
            };
            let Arguments::List(given) = &callee.arguments else { return false };
            let named = |e: &&Expression| matches!(plain(e), Expression::Var(Var::Name(_)));
            ["pairs", "ipairs"].contains(&&*word(callee.root))
                && callee.path == name(callee.root)
                && given.len() == 1
                && given.iter().all(named)
        }
        _ => false,
    }
}
