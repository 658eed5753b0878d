//! What a policy may not do at a tick, and what makes it decide by chance. May import: `lint`'s own
//! modules, `text`, `model`, `syntax`.

use super::ast::{Arguments, callee, fix, global_callee, plain};
use super::known;
use super::signatures::{CONTEXT, EFFECTS, EVENT};
use crate::lint::scopes::{How, contains};
use crate::lint::ticks::Part;
use crate::lint::{Role, Sink, TreeView};
use crate::model::finding::did_you_mean;
use crate::syntax::walk::{Given, name, span, word};
use crate::text::Span;
use full_moon::ast::{
    BinOp, Expression, Field, FunctionCall, GenericFor, LastStmt, Prefix, Stmt, Suffix, Var,
};
use full_moon::node::Node;
use full_moon::tokenizer::TokenReference;
use std::collections::BTreeSet;

/// `load-only-call`: a call in a tick of what works only while the file is loaded.
pub fn load_only(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if view.role == Role::Script {
        return;
    }
    for (call, function) in &view.scopes.calls {
        let Some(callee) = global_callee(view, call) else { continue };
        let root = name(callee.root);
        if view.ticks.part(*function).is_none() || !known::LOADING.contains(&root.as_str()) {
            continue;
        }
        sink.raise(
            format!("`{}` works only while the file is loaded, and this runs at each tick", callee.path),
            |f| {
                f.at(view.source, callee.span, "an error when it runs").help(match root.as_str() {
                    "require" => {
                        "require it at the top of the file: `local name = require \"…\"`".to_string()
                    }
                    "policy" => "declare the policy at the top of the file".into(),
                    _ => "declare the metric under `metrics`, and read it: `m.name`".into(),
                })
            },
        );
    }
}

/// `changed-outer-table`: a tick that changes a table which was made while the file was loaded.
pub fn changed_outer(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if !matches!(view.role, Role::Policy | Role::Module) {
        return;
    }
    // The function that a variable belongs to, where it is not run in a tick itself.
    let outside = |token: &TokenReference, function: usize| match view.scopes.variable(token) {
        Some(v) => (v.function != function && view.ticks.part(v.function).is_none()).then_some(Some(v.span)),
        None => Some(None),
    };
    let mut tell = |table: &str, here: Span, declared: Option<Span>| {
        sink.raise(format!("this changes `{table}`, which is frozen once the file is loaded"), |f| {
            let f = f.at(view.source, here, "an error when it runs");
            let f = match declared {
                Some(declared) => f.at(view.source, declared, "made while the file is loaded"),
                None => f,
            };
            f.help("nothing may be remembered from one tick to the next: fill the table while the file is loaded, or make a new one in the function")
        });
    };
    for (stmt, function) in &view.scopes.statements {
        if view.ticks.part(*function).is_none() {
            continue;
        }
        let targets: Vec<&Var> = match stmt {
            Stmt::Assignment(a) => a.variables().iter().collect(),
            Stmt::CompoundAssignment(a) => vec![a.lhs()],
            _ => continue,
        };
        for target in targets {
            let Var::Expression(inside) = target else { continue };
            let Prefix::Name(token) = inside.prefix() else { continue };
            // What a call gives back may be new.
            if inside.suffixes().any(|s| matches!(s, Suffix::Call(_))) {
                continue;
            }
            if let Some(declared) = outside(token, *function) {
                tell(&name(token), span(target), declared);
            }
        }
    }
    for (call, function) in &view.scopes.calls {
        let Some(callee) = global_callee(view, call) else { continue };
        let changes = ["table.insert", "table.remove", "table.sort", "table.clear", "rawset"];
        if view.ticks.part(*function).is_none() || !changes.contains(&callee.path.as_str()) {
            continue;
        }
        let Some(Expression::Var(Var::Name(token))) = callee.arguments.get(0).map(plain) else { continue };
        if let Some(Some(declared)) = outside(token, *function) {
            tell(&name(token), span(*call), Some(declared));
        }
    }
}

/// `effect-in-condition`: a line printed by what answers a question.
pub fn effect_in_condition(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if view.role == Role::Script {
        return;
    }
    for (call, function) in &view.scopes.calls {
        let Some(callee) = global_callee(view, call) else { continue };
        if view.ticks.part(*function) != Some(Part::Condition)
            || !["print", "log"].contains(&callee.path.as_str())
        {
            continue;
        }
        sink.raise(format!("`{}` in a condition: the line comes at every tick, whatever is decided", callee.path), |f| {
            f.at(view.source, callee.span, "").help(
                "a decision carries its reason already; to tell of a change, write `on = { scale_out = function(event, act) act.log(…) end }`",
            )
        });
    }
}

/// Whether an expression is a secret: `secret "NAME"`, a local that holds one, or a text with one in it.
fn is_secret(view: &TreeView<'_>, e: &Expression, depth: u32) -> bool {
    if depth > 20 {
        return false;
    }
    match plain(e) {
        Expression::FunctionCall(call) => {
            global_callee(view, call).is_some_and(|c| c.path == "secret" && c.ends)
        }
        Expression::Var(Var::Name(token)) => match view.scopes.variable(token).map(|v| v.given) {
            Some(Given::Value(value)) => is_secret(view, value, depth + 1),
            _ => false,
        },
        Expression::BinaryOperator { lhs, binop: BinOp::TwoDots(_), rhs } => {
            is_secret(view, lhs, depth + 1) || is_secret(view, rhs, depth + 1)
        }
        _ => false,
    }
}

/// `secret-as-text`: a secret where a text is made of it, which then holds `***`.
pub fn secret_as_text(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if !view.role.is_ours() {
        return;
    }
    let mut tell = |how: String, here: Span, help: String, cure: Option<(Span, String)>| {
        sink.raise(format!("a secret is not to be read: {how}"), |f| {
            let f = f.at(view.source, here, "a secret").help(help);
            match cure {
                Some((place, text)) => f.fix(fix(view, format!("write `{text}`"), place, text)),
                None => f,
            }
        });
    };
    for (call, _) in &view.scopes.calls {
        let Some(callee) = callee(call) else { continue };
        let Arguments::List(list) = &callee.arguments else { continue };
        let Some(secret) = list.iter().find(|e| is_secret(view, e, 0)) else { continue };
        let text = view.text(span(*secret));
        match callee.path.as_str() {
            "tostring" => {
                let cure = callee.ends.then(|| (span(*call), text.to_string()));
                tell(
                    "`tostring` gives `***`".into(),
                    span(*secret),
                    format!("pass `{text}` itself: it is put in when the effect is performed"),
                    cure,
                );
            }
            "string.format" | "table.concat" => {
                let help = "join it with `..`: the result is a secret too, and is put in when the effect is performed";
                tell(format!("`{}` puts `***` in its place", callee.path), span(*secret), help.into(), None);
            }
            "print" | "log" => {
                tell(
                    format!("`{}` shows `***`", callee.path),
                    span(*secret),
                    "print what is not secret".into(),
                    None,
                );
            }
            "string.len" | "string.sub" | "string.upper" | "string.lower" | "string.find"
            | "string.match" | "string.gsub" | "string.byte" => {
                tell(
                    format!("`{}` needs a text", callee.path),
                    span(*secret),
                    "a policy cannot look into a secret: pass it on as it is".into(),
                    None,
                );
            }
            _ => {}
        }
    }
    for (e, _) in &view.scopes.expressions {
        match e {
            Expression::InterpolatedString(string) => {
                if let Some(secret) = string.expressions().find(|e| is_secret(view, e, 0)) {
                    let help = "join it with `..`: `\"Bearer \" .. token`; the result is a secret too";
                    tell(
                        "a text between backticks gets `***` in its place".into(),
                        span(secret),
                        help.into(),
                        None,
                    );
                }
            }
            Expression::UnaryOperator { unop: full_moon::ast::UnOp::Hash(_), expression }
                if is_secret(view, expression, 0) =>
            {
                tell(
                    "`#` needs a text".into(),
                    span(&**expression),
                    "a policy cannot look into a secret".into(),
                    None,
                );
            }
            _ => {}
        }
    }
}

/// Whether a loop goes over a table in the order of its keys.
fn over_pairs(view: &TreeView<'_>, each: &GenericFor) -> bool {
    match each.expressions().iter().next().map(plain) {
        Some(Expression::FunctionCall(call)) => {
            let Some(callee) = global_callee(view, call) else { return false };
            // A list has one order.
            let list = match callee.arguments.get(0).map(plain) {
                Some(Expression::TableConstructor(table)) => {
                    table.fields().iter().all(|f| matches!(f, Field::NoKey(_)))
                }
                Some(Expression::Var(Var::Name(token))) => match view.scopes.variable(token).map(|v| v.given)
                {
                    Some(Given::Value(Expression::TableConstructor(table))) => {
                        !table.fields().is_empty()
                            && table.fields().iter().all(|f| matches!(f, Field::NoKey(_)))
                    }
                    _ => false,
                },
                _ => false,
            };
            callee.path == "pairs" && !list
        }
        _ => false,
    }
}

/// `pairs-order`: the order of `pairs` reaches a result.
pub fn pairs_order(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if !view.role.is_ours() {
        return;
    }
    let returns: Vec<_> = view
        .scopes
        .blocks
        .iter()
        .filter_map(|block| match block.last_stmt() {
            Some(LastStmt::Return(last)) => Some((span(last), last)),
            _ => None,
        })
        .collect();
    for (at, (stmt, _)) in view.scopes.statements.iter().enumerate() {
        let Stmt::GenericFor(each) = stmt else { continue };
        if !over_pairs(view, each) {
            continue;
        }
        // What stands in a statement follows on it in the list.
        let outer = span(*stmt);
        let inside = view.scopes.statements.iter().skip(at + 1).map(|(s, _)| (span(*s), *s));
        let inside: Vec<(Span, &Stmt)> = inside.take_while(|(place, _)| contains(outer, *place)).collect();
        let names: BTreeSet<String> = each.names().iter().map(name).filter(|n| !n.starts_with('_')).collect();
        let whole = span(each.block());
        let place = Span { start: span(each.for_token()).start, end: span(each.do_token()).end };
        let uses = |node: &dyn Fn() -> Vec<String>| node().iter().any(|t| names.contains(t));
        let mut tell = |how: &str, here: Span| {
            sink.raise(format!("the order of `pairs` decides the result: {how}"), |f| {
                f.at(view.source, here, "").at(view.source, place, "an order that nobody wrote").help(
                    "go over a list with `ipairs`, sort the keys first, or take the largest or smallest with `math.max` or `math.min`",
                )
            });
        };
        for (here, last) in returns.iter().filter(|(here, _)| contains(whole, *here)) {
            if own_function(view, *here, whole) && uses(&|| last.returns().tokens().map(name).collect()) {
                tell("the first entry that comes is returned", *here);
            }
        }
        for (here, inner) in inside.iter().filter(|(here, _)| contains(whole, *here)) {
            match inner {
                Stmt::Assignment(a) => {
                    let (Some(Var::Name(token)), Some(value)) =
                        (a.variables().iter().next(), a.expressions().iter().next())
                    else {
                        continue;
                    };
                    let Some(v) = view.scopes.variable(token) else { continue };
                    // A local of the loop, or one that the assignment or its condition compares with.
                    if contains(whole, v.span) || guarded(&inside, v.name, *here) {
                        continue;
                    }
                    let read: Vec<String> = value.tokens().map(name).collect();
                    let joins = read.contains(&"..".to_string());
                    if uses(&|| read.clone()) && (joins || !read.iter().any(|word| word == v.name)) {
                        let how = if joins {
                            "a text is joined in that order"
                        } else {
                            "the last entry that comes stays"
                        };
                        tell(how, *here);
                    }
                }
                Stmt::CompoundAssignment(a)
                    if &*word(a.compound_operator().token()) == "..="
                        && uses(&|| a.rhs().tokens().map(name).collect()) =>
                {
                    tell("a text is joined in that order", *here);
                }
                Stmt::FunctionCall(call) if view.role == Role::Script => {
                    let scales = global_callee(view, call).is_some_and(|c| {
                        ["scale_out", "scale_in", "set_replicas"].contains(&c.path.as_str())
                    });
                    if scales && uses(&|| call.tokens().map(name).collect()) {
                        tell("the last call in a tick wins", *here);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether a place in a loop belongs to no function written in the loop.
fn own_function(view: &TreeView<'_>, here: Span, whole: Span) -> bool {
    !view.scopes.functions.iter().any(|f| contains(whole, f.span) && contains(f.span, here))
}

/// Whether one of a loop's `if`s, around an assignment, asks for the variable that it assigns.
fn guarded(inside: &[(Span, &Stmt)], variable: &str, here: Span) -> bool {
    inside.iter().any(|(place, stmt)| match stmt {
        Stmt::If(choice) => {
            contains(*place, here) && choice.condition().tokens().any(|t| word(t) == variable)
        }
        _ => false,
    })
}

/// `require-outside-root`: a module that cannot be under the policy root.
pub fn require_outside(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if !view.role.is_ours() {
        return;
    }
    for (call, _) in &view.scopes.calls {
        let Some(callee) = global_callee(view, call).filter(|c| c.path == "require") else { continue };
        match callee.arguments.text() {
            Some((module, here)) => {
                let outside = module.starts_with('/')
                    || module.starts_with('~')
                    || module.contains("..")
                    || module.contains(':');
                let file = module.ends_with(".lua") || module.ends_with(".luau");
                if !outside && !file {
                    continue;
                }
                let inside = module
                    .trim_end_matches(".luau")
                    .trim_end_matches(".lua")
                    .trim_start_matches(['/', '.', '~'])
                    .replace('/', ".");
                sink.raise(format!("`{module}` is no module under the policy root"), |f| {
                    f.at(view.source, here, "").help(format!(
                        "a module is named from the root, with dots, without its ending: `require \"{}\"`",
                        inside.trim_start_matches('.')
                    ))
                });
            }
            None => sink.raise("which module is required is known only when the file runs", |f| {
                f.at(view.source, callee.span, "").help(
                    "write the name there: `require \"lib.name\"`; a review and a check can follow it then",
                )
            }),
        }
    }
}

/// The calls of a hook's `act`, with what the hook calls it.
fn effects(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (call, _) in &view.scopes.calls {
        let Prefix::Name(root) = call.prefix() else { continue };
        let Some(v) = view.scopes.variable(root) else { continue };
        let second = view.scopes.functions.get(v.function).and_then(|f| f.parameters.get(1));
        let is_act = second.and_then(|p| view.scopes.variables.get(*p)).is_some_and(|p| p.span == v.span);
        if is_act && view.ticks.is_entry(v.function) && view.ticks.part(v.function) == Some(Part::Hook) {
            effect(view, call, v.name, sink);
        }
    }
}

/// `unknown-input`: a field that `ctx`, `event` or `act` does not have, or a wrong argument of an effect.
pub fn unknown_input(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    effects(view, sink);
    for (at, function) in view.scopes.functions.iter().enumerate().filter(|(at, _)| view.ticks.is_entry(*at))
    {
        let parameter = |i: usize| function.parameters.get(i).and_then(|p| view.scopes.variables.get(*p));
        let (first, second) = (parameter(0), parameter(1));
        let effects: Vec<&str> = EFFECTS.iter().map(|(n, ..)| *n).collect();
        let inputs: Vec<_> = match view.ticks.part(at) {
            Some(Part::Condition) => vec![(second, "ctx", CONTEXT.to_vec())],
            Some(Part::Hook) => vec![(first, "event", EVENT.to_vec()), (second, "act", effects)],
            _ => continue,
        };
        for (variable, what, fields) in inputs {
            let Some(v) = variable.filter(|v| !v.is_written()) else { continue };
            for used in v.uses.iter().filter(|u| u.how == How::Read) {
                let from = used.span.end as usize;
                let Some(rest) = view.tree.text.get(from..).and_then(|r| r.strip_prefix('.')) else {
                    continue;
                };
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let field = rest.get(..end).unwrap_or_default();
                if rest.starts_with('.') || field.is_empty() || fields.contains(&field) {
                    continue;
                }
                let place = Span::new(from + 1, from + 1 + end);
                sink.raise(format!("`{}` has no `{field}`", v.name), |f| {
                    let all = super::ast::list(fields.iter().copied());
                    let near = did_you_mean(field, fields.iter().copied());
                    let f = f.at(view.source, place, "an error when it runs");
                    match near {
                        Some(near) => f.help(format!("did you mean `{near}`? `{what}` has {all}")).fix(fix(
                            view,
                            format!("write `{near}`"),
                            place,
                            near,
                        )),
                        None => f.help(format!("`{what}` has {all}")),
                    }
                });
            }
        }
    }
}

/// The arguments of `act.KIND { … }`.
fn effect(view: &TreeView<'_>, call: &FunctionCall, act: &str, sink: &mut Sink<'_>) {
    let Some(callee) = callee(call) else { return };
    let Some((kind, required, optional)) = EFFECTS
        .iter()
        .find(|(n, ..)| callee.path.strip_prefix(act).and_then(|r| r.strip_prefix('.')) == Some(*n))
    else {
        return;
    };
    let table = match &callee.arguments {
        Arguments::Table(table) => *table,
        Arguments::List(list) => match list.first().map(|e| plain(e)) {
            Some(Expression::TableConstructor(table)) => table,
            _ => return,
        },
        Arguments::Text(_) => return,
    };
    if *kind == "log" {
        return;
    }
    let all = || required.iter().chain(*optional).copied();
    let mut given = BTreeSet::new();
    for field in table.fields().iter() {
        let Field::NameKey { key, .. } = field else { return };
        let key_name = name(key);
        if !all().any(|k| k == key_name) {
            sink.raise(format!("`act.{kind}` has no argument `{key_name}`"), |f| {
                let near = did_you_mean(&key_name, all());
                let f = f.at(view.source, span(key), "an error when it runs");
                match near {
                    Some(near) => f
                        .help(format!("did you mean `{near}`? it takes {}", super::ast::list(all())))
                        .fix(fix(view, format!("write `{near}`"), span(key), near)),
                    None => f.help(format!("it takes {}", super::ast::list(all()))),
                }
            });
        }
        given.insert(key_name);
    }
    for missing in required.iter().filter(|r| !given.contains(**r)) {
        sink.raise(format!("`act.{kind}` needs `{missing}`"), |f| {
            f.at(view.source, callee.span, "an error when it runs").help(format!("write `{missing} = …`"))
        });
    }
}
