//! Expressions and assignments that cannot mean what they say. May import: `lint`'s own modules,
//! `text`, `model`, `syntax`.

use super::ast::{fix, is_nan, is_path, normal, number, plain, same};
use crate::lint::{Sink, TreeView};
use crate::model::finding::Fix;
use crate::syntax::walk::{name, span, word};
use crate::text::Span;
use full_moon::ast::{BinOp, Expression, Field, Stmt, UnOp, Var};
use std::collections::HashMap;

/// `compare-nan`: `x == 0/0`.
pub fn compare_nan(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (e, _) in &view.scopes.expressions {
        let Expression::BinaryOperator { lhs, binop, rhs } = e else { continue };
        let other = match (is_nan(lhs), is_nan(rhs)) {
            (false, true) => lhs,
            (true, false) => rhs,
            _ => continue,
        };
        let x = view.text(span(&**other));
        let (always, instead) = match binop {
            BinOp::TwoEqual(_) => ("false", format!("{x} ~= {x}")),
            BinOp::TildeEqual(_) => ("true", format!("{x} == {x}")),
            BinOp::LessThan(_)
            | BinOp::LessThanEqual(_)
            | BinOp::GreaterThan(_)
            | BinOp::GreaterThanEqual(_) => ("false", format!("{x} ~= {x}")),
            _ => continue,
        };
        sink.raise(format!("`0/0` is not equal to anything, itself neither: this is always {always}"), |f| {
            let f = f.at(view.source, span(*e), format!("always {always}"));
            let f = f.help(format!("write `{instead}`: only a value that is no number differs from itself"));
            match binop {
                BinOp::TwoEqual(_) | BinOp::TildeEqual(_) if is_path(other) => {
                    f.fix(fix(view, format!("write `{instead}`"), span(*e), instead))
                }
                _ => f,
            }
        });
    }
}

/// `compare-new-table`: `x == {}`.
pub fn compare_new_table(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (e, _) in &view.scopes.expressions {
        let Expression::BinaryOperator {
            lhs,
            binop: binop @ (BinOp::TwoEqual(_) | BinOp::TildeEqual(_)),
            rhs,
        } = e
        else {
            continue;
        };
        let fresh =
            |e: &Expression| matches!(plain(e), Expression::TableConstructor(_) | Expression::Function(_));
        let (made, other) = match (fresh(lhs), fresh(rhs)) {
            (false, true) => (rhs, lhs),
            (true, _) => (lhs, rhs),
            _ => continue,
        };
        let equal = matches!(binop, BinOp::TwoEqual(_));
        let always = if equal { "false" } else { "true" };
        let (what, empty) = match plain(made) {
            Expression::TableConstructor(table) => ("table", table.fields().iter().next().is_none()),
            _ => ("function", false),
        };
        sink.raise(format!("a new {what} equals no other {what}: this is always {always}"), |f| {
            let f = f.at(view.source, span(*e), format!("always {always}"));
            let x = view.text(span(&**other));
            if !empty {
                return f.help(format!("compare what is in the two {what}s, or keep one {what} in a local"));
            }
            let instead = format!("next({x}) {} nil", if equal { "==" } else { "~=" });
            f.help(format!("write `{instead}` to ask whether a table is empty"))
                .fix(Fix { safe: false, ..fix(view, format!("write `{instead}`"), span(*e), instead) })
        });
    }
}

/// `misplaced-not`: `not a == b`.
pub fn misplaced_not(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (e, _) in &view.scopes.expressions {
        let Expression::BinaryOperator { lhs, binop, rhs } = e else { continue };
        let Expression::UnaryOperator { unop: UnOp::Not(token), expression } = &**lhs else { continue };
        // Truth values may be compared with the result of `not`.
        let truth = |e: &Expression| match plain(e) {
            Expression::Symbol(token) => ["true", "false"].contains(&&*word(token)),
            Expression::UnaryOperator { unop: UnOp::Not(_), .. } => true,
            Expression::BinaryOperator { binop, .. } => is_comparison(binop),
            _ => false,
        };
        if !is_comparison(binop) || truth(rhs) {
            continue;
        }
        let (a, b) = (view.text(span(&**expression)), view.text(span(&**rhs)));
        let sign = name(binop.token());
        let opposite = match binop {
            BinOp::TwoEqual(_) => "~=",
            BinOp::TildeEqual(_) => "==",
            _ => "",
        };
        let whole = span(*e);
        sink.raise(format!("`not` comes before `{sign}`: this compares `not {a}` with `{b}`"), |f| {
            let f =
                f.at(view.source, whole, "").at(view.source, span(token), format!("belongs to `{a}` alone"));
            if opposite.is_empty() {
                let instead = format!("not ({a} {sign} {b})");
                return f
                    .help(format!("write `{instead}`; as it stands it is an error when it runs"))
                    .fix(fix(view, format!("write `{instead}`"), whole, instead));
            }
            let instead = format!("{a} {opposite} {b}");
            f.help(format!("write `{instead}`")).fix(fix(view, format!("write `{instead}`"), whole, instead))
        });
    }
}

fn is_comparison(binop: &BinOp) -> bool {
    matches!(
        binop,
        BinOp::TwoEqual(_)
            | BinOp::TildeEqual(_)
            | BinOp::LessThan(_)
            | BinOp::LessThanEqual(_)
            | BinOp::GreaterThan(_)
            | BinOp::GreaterThanEqual(_)
    )
}

/// `division-by-zero`: a division by a 0 that is written there.
pub fn division_by_zero(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (e, _) in &view.scopes.expressions {
        let Expression::BinaryOperator { lhs, binop, rhs } = e else { continue };
        let result = match binop {
            BinOp::Slash(_) | BinOp::DoubleSlash(_) => "infinite, or no number where the left side is 0 too",
            BinOp::Percent(_) => "no number",
            _ => continue,
        };
        // Elsewhere `/` may be an operator of a library's own values, as in LPeg.
        let numeric = number(lhs).is_some()
            || matches!(plain(lhs), Expression::UnaryOperator { unop: UnOp::Hash(_), .. });
        if !view.role.is_ours() && !numeric {
            continue;
        }
        // `1/0`, `-1/0` and `0/0` are how infinity and no number are written.
        if number(rhs) != Some(0.0) || number(lhs).is_some_and(|n| n == 0.0 || n.abs() == 1.0) {
            continue;
        }
        sink.raise(format!("`{}` divides by 0: the result is {result}", view.text(span(*e))), |f| {
            f.at(view.source, span(&**rhs), "this is 0").help(
                "divide by what was meant; infinity is written `math.huge`, and a metric that is no number counts as missing",
            )
        });
    }
}

/// `swapped-assignment`: `a = b` and then `b = a`.
pub fn swapped(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for block in &view.scopes.blocks {
        let pair = |stmt: &Stmt| match stmt {
            Stmt::Assignment(a) => {
                let (mut left, mut right) = (a.variables().iter(), a.expressions().iter());
                match (left.next(), left.next(), right.next(), right.next()) {
                    (Some(l), None, Some(r), None) if !matches!(plain(r), Expression::FunctionCall(_)) => {
                        Some((span(l), span(r), span(a)))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        let mut before: Option<(Span, Span, Span)> = None;
        for stmt in block.stmts() {
            let this = pair(stmt);
            if let (Some((a, b, first)), Some((c, d, second))) = (&before, &this)
                && same(view, *a, *d)
                && same(view, *b, *c)
                && !same(view, *a, *b)
            {
                let b = normal(view, *c);
                let left = view.text(*first).split('=').next().unwrap_or_default().trim();
                let instead = format!("{left}, {b} = {b}, {left}");
                let both = Span { start: first.start, end: second.end };
                let comment = view.text(Span { start: first.end, end: second.start }).contains("--");
                sink.raise(format!("after this `{left}` and `{b}` are the same: the first assignment takes the value that the second one needs"), |f| {
                    let f = f
                        .at(view.source, *second, format!("`{left}` holds `{b}` already"))
                        .at(view.source, *first, format!("the old `{left}` is lost here"))
                        .help(format!("write `{instead}`"));
                    if comment { f } else { f.fix(fix(view, "swap the two", both, instead.clone())) }
                });
                before = None;
                continue;
            }
            before = this;
        }
    }
}

/// `self-assignment`: `x = x`.
pub fn self_assignment(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Stmt::Assignment(a) = stmt else { continue };
        if a.variables().len() != a.expressions().len() {
            continue;
        }
        let same = |left: &Var, right: &Expression| same(view, span(left), span(right));
        // `a, b, c = next(), b, c` passes some on beside one that changes.
        if a.variables().iter().zip(a.expressions().iter()).any(|(left, right)| !same(left, right)) {
            continue;
        }
        for left in a.variables().iter() {
            if view.scopes.has_call(span(left)) {
                continue;
            }
            let alone = a.variables().len() == 1;
            sink.raise(format!("`{}` is assigned to itself", view.text(span(left))), |f| {
                let f = f
                    .at(view.source, span(*stmt), "changes nothing")
                    .help("remove it, or assign what was meant");
                // Reading or writing a field may call a metamethod.
                match left {
                    Var::Name(_) if alone => {
                        f.fix(fix(view, "remove it", super::ast::whole_line(view, span(*stmt)), ""))
                    }
                    _ => f,
                }
            });
        }
    }
}

/// `unbalanced-assignment`: more names than values, or more values than names.
pub fn unbalanced(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let (count, given) = match stmt {
            Stmt::LocalAssignment(a) => (a.names().len(), a.expressions()),
            Stmt::Assignment(a) => (a.variables().len(), a.expressions()),
            _ => continue,
        };
        if given.len() == count || given.is_empty() {
            continue;
        }
        let (names, values): (Vec<String>, Vec<&Expression>) = match stmt {
            Stmt::LocalAssignment(a) => (a.names().iter().map(name).collect(), given.iter().collect()),
            Stmt::Assignment(a) => {
                (a.variables().iter().map(|v| normal(view, span(v))).collect(), given.iter().collect())
            }
            _ => continue,
        };
        let Some(last) = values.last() else { continue };
        let open = matches!(last, Expression::FunctionCall(_))
            || matches!(last, Expression::Symbol(t) if word(t) == "...");
        let nil = matches!(last, Expression::Symbol(t) if word(t) == "nil");
        // `local a, b = 0` leaves it to later statements to set `b`.
        let later = match stmt {
            Stmt::LocalAssignment(a) => a
                .names()
                .iter()
                .skip(values.len())
                .all(|n| view.scopes.variable(n).is_some_and(|v| v.is_written() || v.uses.is_empty())),
            _ => false,
        };
        if names.len() > values.len() && !open && !nil && !later {
            let left: Vec<&str> = names.iter().skip(values.len()).map(String::as_str).collect();
            let left = super::ast::list(left);
            sink.raise(
                format!("{} names and {} values: {left} becomes nil", names.len(), values.len()),
                |f| {
                    f.at(view.source, span(*stmt), "")
                        .help("give every name a value; `nil` where that is meant")
                },
            );
        } else if values.len() > names.len() {
            let Some(extra) = values.get(names.len()) else { continue };
            sink.raise(
                format!(
                    "{} values and {} names: `{}` goes nowhere",
                    values.len(),
                    names.len(),
                    view.text(span(*extra))
                ),
                |f| {
                    f.at(view.source, span(*extra), "assigned to nothing")
                        .help("remove it, or add a name for it")
                },
            );
        }
    }
}

/// `reversed-for`: a loop that counts up from above its end.
pub fn reversed_for(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Stmt::NumericFor(each) = stmt else { continue };
        let (start, end) = (number(each.start()), number(each.end()));
        let step = each.step().map_or(Some(1.0), number);
        let Some(step) = step else { continue };
        let length =
            |e: &Expression| matches!(plain(e), Expression::UnaryOperator { unop: UnOp::Hash(_), .. });
        let never = match (start, end) {
            (Some(from), Some(to)) => (step > 0.0 && from > to) || (step < 0.0 && from < to),
            // `for i = #t, 1 do` turns at most once.
            (None, Some(to)) => length(each.start()) && step > 0.0 && (0.0..=1.0).contains(&to),
            (Some(from), None) => length(each.end()) && step < 0.0 && (0.0..=1.0).contains(&from),
            _ => false,
        };
        if step == 0.0 || !never {
            continue;
        }
        let (from, to) = (view.text(span(each.start())), view.text(span(each.end())));
        let way = if step > 0.0 { "up" } else { "down" };
        let place =
            Span { start: span(each.start()).start, end: span(each.step().unwrap_or(each.end())).end };
        sink.raise(format!("this loop counts {way} from `{from}` to `{to}`: it runs at most once"), |f| {
            let f = f.at(view.source, place, "");
            if each.step().is_none() {
                let here = Span { start: place.end, end: place.end };
                f.help(format!("write `for {} = {from}, {to}, -1 do`", name(each.index_variable()))).fix(fix(
                    view,
                    "count down",
                    here,
                    ", -1",
                ))
            } else {
                f.help("exchange the two ends, or change the sign of the step")
            }
        });
    }
}

/// `duplicate-key`: a key written twice in one table.
pub fn duplicate_key(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for table in &view.scopes.tables {
        // By bytes: two texts that are no UTF-8 may differ and still be shown alike.
        let mut seen: HashMap<Vec<u8>, Span> = HashMap::new();
        let mut position = 0;
        for field in table.fields().iter() {
            let (key, place) = match field {
                Field::NameKey { key, .. } => (name(key).into_bytes(), span(key)),
                Field::ExpressionKey { key, .. } => match plain(key) {
                    Expression::String(token) => {
                        (crate::syntax::bytes(token).unwrap_or_default(), span(&**key))
                    }
                    e => match number(e) {
                        Some(n) => (format!("[{n}]").into_bytes(), span(&**key)),
                        None => continue,
                    },
                },
                Field::NoKey(value) => {
                    position += 1;
                    (format!("[{position}]").into_bytes(), span(value))
                }
                _ => continue,
            };
            if let Some(first) = seen.insert(key.clone(), place) {
                let key = String::from_utf8_lossy(&key);
                sink.raise(format!("`{key}` is written twice in one table; the last one counts"), |f| {
                    f.at(view.source, first, "never used")
                        .at(view.source, place, "this one counts")
                        .help("take one of them out")
                });
            }
        }
    }
}
