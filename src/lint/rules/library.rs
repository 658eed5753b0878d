//! Calls of the library and of the engine: what they are given, and what becomes of the result.
//! May import: `lint`'s own modules, `text`, `model`, `syntax`.

use super::ast::{Arguments, Library, fix, global_callee, library, plain, whole_line};
use super::signatures::{DEPRECATED, SIGNATURES, Signature};
use crate::lint::{Sink, TreeView};
use crate::syntax::walk::{self, name, span};
use crate::text::Span;
use full_moon::ast::{BinOp, Expression, Stmt, UnOp, Var};

/// What kind of value an expression is, where the text tells: as in [`Signature::types`], and
/// `b` for a truth value, `0` for nil.
fn kind(e: &Expression) -> Option<char> {
    match plain(e) {
        Expression::Number(_) => Some('n'),
        Expression::String(_) | Expression::InterpolatedString(_) => Some('s'),
        Expression::TableConstructor(_) => Some('t'),
        Expression::Function(_) => Some('f'),
        Expression::Symbol(token) => match &*walk::word(token) {
            "true" | "false" => Some('b'),
            "nil" => Some('0'),
            _ => None,
        },
        Expression::UnaryOperator { unop: UnOp::Not(_), .. } => Some('b'),
        Expression::UnaryOperator { unop: UnOp::Hash(_), .. } => Some('n'),
        Expression::BinaryOperator {
            binop:
                BinOp::TwoEqual(_)
                | BinOp::TildeEqual(_)
                | BinOp::LessThan(_)
                | BinOp::LessThanEqual(_)
                | BinOp::GreaterThan(_)
                | BinOp::GreaterThanEqual(_),
            ..
        } => Some('b'),
        _ => None,
    }
}

/// The name of a kind, for people.
fn word(kind: char) -> &'static str {
    match kind {
        'n' => "number",
        's' => "text",
        't' => "table",
        'f' => "function",
        'b' => "truth value",
        _ => "nil",
    }
}

fn signature(path: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|s| s.name == path)
}

/// Whether an argument of this kind does where that one is wanted.
fn fits(wanted: char, given: char, e: Option<&Expression>) -> bool {
    match (wanted, given) {
        ('*', _) => true,
        (w, g) if w == g => true,
        // Numbers are taken for texts, and texts that read as numbers for numbers.
        ('s', 'n') => true,
        ('n', 's') => match e.map(plain) {
            Some(Expression::String(token)) => {
                crate::syntax::text(token).is_some_and(|t| crate::syntax::literal::number(t.trim()).is_some())
            }
            _ => true,
        },
        _ => false,
    }
}

/// `wrong-arguments`: too few, too many, or of a wrong type.
pub fn wrong_arguments(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    let defined = view.scopes.defined();
    for (call, _) in &view.scopes.calls {
        let Some(called) = library(view, call) else { continue };
        let Some(signature) = signature(&called.path) else { continue };
        if !view.role.is_ours()
            && super::known::ENGINE.contains(&signature.name)
            && signature.name != "require"
        {
            continue;
        }
        // A file may have put its own in the place of a global.
        if defined.contains(called.root.as_str()) {
            continue;
        }
        arguments(view, &called, signature, sink);
    }
}

fn arguments(view: &TreeView<'_>, called: &Library<'_>, signature: &Signature, sink: &mut Sink<'_>) {
    let path = called.path.as_str();
    let mut kinds: Vec<(Option<char>, Option<&Expression>, Span)> =
        called.object.iter().map(|e| (Some('s'), Some(*e), called.span)).collect();
    match &called.arguments {
        Arguments::List(list) => kinds.extend(list.iter().map(|e| (kind(e), Some(*e), span(*e)))),
        Arguments::Text(token) => kinds.push((Some('s'), None, span(*token))),
        Arguments::Table(table) => kinds.push((Some('t'), None, span(*table))),
    }
    let open = match &called.arguments {
        Arguments::List(list) => match list.last() {
            Some(Expression::FunctionCall(_)) => true,
            Some(Expression::Symbol(token)) => walk::word(token) == "...",
            _ => false,
        },
        _ => false,
    };
    let count = kinds.len();
    // The text before the colon is an argument that nobody counts.
    let own = usize::from(called.object.is_some());
    let told = |n: usize| n.saturating_sub(own);
    let takes = match (signature.least, signature.most) {
        (least, 99) => format!("{} or more arguments", told(least)),
        (least, most) if least == most && told(most) == 1 => "1 argument".into(),
        (least, most) if least == most => format!("{} arguments", told(least)),
        (least, most) => format!("{} to {} arguments", told(least), told(most)),
    };
    let who = match &called.called {
        Some(other) if called.object.is_none() => format!("`{other}` (`{path}`)"),
        Some(other) => format!("`{other}` of a text"),
        None => format!("`{path}`"),
    };
    let gets = told(count);
    if count < signature.least && !open {
        sink.raise(format!("{who} takes {takes}, and gets {gets}"), |f| {
            f.at(view.source, called.span, "").help(format!("give it {}", what(signature, own)))
        });
        return;
    }
    // Other versions of the library take more of some.
    if count > signature.most && view.role.is_ours() {
        let extra = kinds.get(signature.most).map_or(called.span, |k| k.2);
        sink.raise(format!("{who} takes {takes}, and gets {gets}"), |f| {
            f.at(view.source, extra, "taken by nobody").help(format!("give it {}", what(signature, own)))
        });
        return;
    }
    for (at, (given, e, place)) in kinds.iter().enumerate() {
        // The last letter holds for all that follow.
        let last = if signature.most == 99 { signature.types.chars().last() } else { None };
        let Some(wanted) = signature.types.chars().nth(at).or(last) else { continue };
        let Some(given) = *given else { continue };
        let optional = given == '0' && at >= signature.least;
        if optional || fits(wanted, given, *e) {
            continue;
        }
        // A table may be called.
        if wanted == 'f' && given == 't' {
            continue;
        }
        sink.raise(format!("{who} wants a {} here, not a {}", word(wanted), word(given)), |f| {
            f.at(view.source, *place, format!("a {}", word(given)))
                .help(format!("give it {}", what(signature, own)))
        });
    }
}

/// What a function takes, in words, the first `own` arguments aside.
fn what(signature: &Signature, own: usize) -> String {
    if signature.most <= own {
        return "nothing".into();
    }
    let most =
        if signature.most == 99 { signature.types.len().max(signature.least).max(1) } else { signature.most };
    let words = (own..most).map(|at| {
        let kind = signature.types.chars().nth(at).unwrap_or('*');
        let word = if kind == '*' { "value" } else { word(kind) };
        if at < signature.least { format!("a {word}") } else { format!("if need be a {word}") }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// `discarded-result`: a call that does nothing but give a result, which nothing takes.
pub fn discarded(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    let defined = view.scopes.defined();
    for (stmt, _) in &view.scopes.statements {
        let Stmt::FunctionCall(call) = stmt else { continue };
        let Some(callee) = library(view, call) else { continue };
        let Some(signature) = signature(&callee.path).filter(|s| s.pure && callee.ends) else { continue };
        if defined.contains(callee.root.as_str())
            || (!view.role.is_ours() && super::known::ENGINE.contains(&signature.name))
        {
            continue;
        }
        // In protected calls and tests the call itself may be what is tried.
        if !view.role.is_ours() && !callee.path.contains('.') {
            continue;
        }
        let written = view.text(callee.span);
        sink.raise(format!("nothing takes the result of `{written}`, and it does nothing else"), |f| {
            let f = f.at(view.source, span(*stmt), "");
            let f = f.help(format!("write `local result = {written}(…)`, or remove it"));
            let inner = Span { start: callee.span.end, end: span(*stmt).end };
            if view.scopes.has_call(inner) {
                f
            } else {
                f.fix(fix(view, "remove it", whole_line(view, span(*stmt)), ""))
            }
        });
    }
}

/// `deprecated-name`: what Luau keeps for old code only, or has no more.
pub fn deprecated(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    // Where old and new versions are told apart, the old name must stand.
    let asked: Vec<Span> = view
        .scopes
        .expressions
        .iter()
        .filter_map(|(e, _)| match e {
            Expression::BinaryOperator { binop: BinOp::Or(_) | BinOp::And(_), .. } => Some(span(*e)),
            _ => None,
        })
        .collect();
    let mut tell = |path: &str, here: Span| {
        let Some((old, new)) = DEPRECATED.iter().find(|(old, _)| *old == path) else { return };
        // `absent-library` says more of these; `unpack` is how older versions write it.
        let elsewhere = !view.role.is_ours();
        if (super::known::instead(old).is_some() && !elsewhere) || (elsewhere && *old == "unpack") {
            return;
        }
        if asked.iter().any(|a| a.start <= here.start && here.end <= a.end) {
            return;
        }
        sink.raise(format!("`{old}` is an old name"), |f| {
            let f = f.at(view.source, here, "").help(format!("write `{new}`"));
            if ["string.gfind", "unpack"].contains(old) {
                f.fix(fix(view, format!("write `{new}`"), here, *new))
            } else {
                f
            }
        });
    };
    for (call, _) in &view.scopes.calls {
        if let Some(callee) = global_callee(view, call) {
            tell(&callee.path, callee.span);
        }
    }
    for (e, _) in &view.scopes.expressions {
        match e {
            Expression::Var(Var::Expression(inside)) => {
                if let Some((root, path)) = super::ast::dotted(inside)
                    && view.scopes.is_global(root)
                {
                    tell(&path, span(*e));
                }
            }
            Expression::Var(Var::Name(token)) if view.scopes.is_global(token) => tell(&name(token), span(*e)),
            _ => {}
        }
    }
}
