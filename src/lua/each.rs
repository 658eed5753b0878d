//! Puts a guard around what every generic `for` goes over.
//!
//! The order in which the VM goes through keys that are tables or functions follows their
//! addresses, and a plain `for key in t do` calls nothing that could be replaced. So before it
//! is compiled, `for … in EXPRESSIONS do` becomes `for … in __luascale_each(EXPRESSIONS) do`:
//! no line moves. May import: siblings.

use super::lexer::{Kind, Lexer, Token};

/// How the names begin that only the engine may write.
pub(super) const PREFIX: &str = "__luascale";

/// What is open at a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// A bracket, or an interpolated text's `{`.
    Bracket,
    /// `for`, before its `in`.
    For,
    /// `for … in`: where the expressions begin.
    In(usize),
    /// `while` or a numeric `for`, before its `do`.
    While,
    /// Ends with `end`.
    Block,
    /// Ends with `until`.
    Repeat,
    /// An `if` of an expression, and whether its `else` has come.
    IfExpression(bool),
}

/// The text with a guard around each loop's expressions; bytes elsewhere stay as they are.
pub(super) fn guarded(text: &str) -> String {
    guarded_tokens(text, Lexer::new(text))
}

/// As [`guarded`], by the tokens of the text.
pub(super) fn guarded_tokens<'t>(text: &str, tokens: impl Iterator<Item = Token<'t>>) -> String {
    let mut cuts: Vec<(usize, &str)> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut before: Option<Token<'_>> = None;
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(Open::Bracket),
            Kind::Middle => drop_expressions(&mut open),
            // The last piece of an interpolated text closes it; a plain text has no such start.
            Kind::Text if token.text.starts_with('}') => {
                drop_expressions(&mut open);
                open.pop();
            }
            Kind::Mark => match token.text {
                "(" | "[" | "{" => open.push(Open::Bracket),
                ")" | "]" | "}" => {
                    drop_expressions(&mut open);
                    open.pop();
                }
                "," | ";" => drop_expressions(&mut open),
                // The bounds of a numeric loop follow.
                "=" if open.last() == Some(&Open::For) => {
                    open.pop();
                    open.push(Open::While);
                }
                _ => {}
            },
            Kind::Word => match token.text {
                "function" | "repeat" if field(before) => {}
                "function" => open.push(Open::Block),
                "repeat" => open.push(Open::Repeat),
                "for" => open.push(Open::For),
                "while" => open.push(Open::While),
                "in" if open.last() == Some(&Open::For) => {
                    open.pop();
                    open.push(Open::In(token.start + 2));
                }
                "do" => {
                    drop_expressions(&mut open);
                    match open.last() {
                        Some(Open::In(from)) => {
                            cuts.push((*from, " __luascale_each("));
                            cuts.push((token.start, ") "));
                            open.pop();
                        }
                        Some(Open::While) => {
                            open.pop();
                        }
                        _ => {}
                    }
                    open.push(Open::Block);
                }
                "if" if is_expression(before, text, token, &open) => open.push(Open::IfExpression(false)),
                "if" => open.push(Open::Block),
                "else" => {
                    drop_finished(&mut open);
                    if let Some(Open::IfExpression(done)) = open.last_mut() {
                        *done = true;
                    }
                }
                "then" | "elseif" => drop_finished(&mut open),
                "end" | "until" => {
                    drop_expressions(&mut open);
                    open.pop();
                }
                _ => {}
            },
            Kind::Text | Kind::Number => {}
        }
        before = Some(token);
    }
    // Loops in loops' expressions close before those around them, but begin after.
    cuts.sort_by_key(|(at, _)| *at);
    let mut out = String::with_capacity(text.len() + cuts.len() * 20);
    let mut from = 0;
    for (at, piece) in cuts {
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(piece);
        from = at;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

fn field(before: Option<Token<'_>>) -> bool {
    before.is_some_and(|t| matches!(t.text, "." | ":"))
}

/// An enclosing bracket or block ends: the `if` expressions in it have ended too.
fn drop_expressions(open: &mut Vec<Open>) {
    while let Some(Open::IfExpression(_)) = open.last() {
        open.pop();
    }
}

/// A `then` or `else` belongs to the nearest `if` that still wants one.
fn drop_finished(open: &mut Vec<Open>) {
    while open.last() == Some(&Open::IfExpression(true)) {
        open.pop();
    }
}

/// Whether an `if` stands where a value is wanted.
fn is_expression(before: Option<Token<'_>>, text: &str, token: Token<'_>, open: &[Open]) -> bool {
    let Some(before) = before else { return false };
    let in_expression = matches!(open.last(), Some(Open::IfExpression(_)));
    match (before.kind, before.text) {
        (Kind::Open | Kind::Middle, _) => true,
        (Kind::Word, "then" | "else") => in_expression,
        (Kind::Word, "return" | "and" | "or" | "not" | "in" | "until" | "while" | "if" | "elseif") => true,
        (Kind::Mark, ")" | "]" | "}" | "..." | "?") => false,
        (Kind::Mark, ";") => open.last() == Some(&Open::Bracket),
        // `local x: List<number>` and a statement on the next line, or `a > if …`.
        (Kind::Mark, ">" | ">>") => {
            !text.get(before.start..token.start).is_some_and(|between| between.contains('\n'))
        }
        (Kind::Mark, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn every_generic_loop_is_guarded_and_nothing_else_changes() {
        for (text, want) in [
            ("for k in t do end", "for k in __luascale_each( t ) do end"),
            ("for k, v in next, t do end", "for k, v in __luascale_each( next, t ) do end"),
            (
                "for i = 1, 9 do for k in t do end end",
                "for i = 1, 9 do for k in __luascale_each( t ) do end end",
            ),
            ("for i = 1, #{ 1 } do end", "for i = 1, #{ 1 } do end"),
            ("-- for k in t do end", "-- for k in t do end"),
            ("s = [[for k in t do end]]", "s = [[for k in t do end]]"),
            ("s = `for {k} in t do`", "s = `for {k} in t do`"),
            (
                "for k: string in f(function() for a in b do end return if x then y else z end) do end",
                "for k: string in __luascale_each( f(function() for a in __luascale_each( b ) do end return if x then y else z end) ) do end",
            ),
            (
                "if q then x = if a then b else c else z() end for k in t do end",
                "if q then x = if a then b else c else z() end for k in __luascale_each( t ) do end",
            ),
            (
                "if if a then b else c then for k in t do end end",
                "if if a then b else c then for k in __luascale_each( t ) do end end",
            ),
            (
                "local x: List<number>\nif a then b() end for k in t do end",
                "local x: List<number>\nif a then b() end for k in __luascale_each( t ) do end",
            ),
            (
                "s = `{(function() for k in t do end return 1 end)()} x {if a then `{b}` else c}` for k in t do end",
                "s = `{(function() for k in __luascale_each( t ) do end return 1 end)()} x {if a then `{b}` else c}` for k in __luascale_each( t ) do end",
            ),
            (
                "repeat local x = { if a then 1 else 2; if b then 3 else 4 } until if c then d else e for k in t do end",
                "repeat local x = { if a then 1 else 2; if b then 3 else 4 } until if c then d else e for k in __luascale_each( t ) do end",
            ),
            (
                "while if a then b else c do for k in t do end end",
                "while if a then b else c do for k in __luascale_each( t ) do end end",
            ),
        ] {
            assert_eq!(guarded(text), want, "{text}");
        }
    }

    use proptest::prelude::*;

    /// An expression, deep enough to hold blocks in functions in tables in interpolated texts.
    fn expression() -> BoxedStrategy<String> {
        let leaf = prop_oneof![
            Just("x".to_string()),
            Just("1".to_string()),
            Just("\"do end\"".to_string()),
            Just("[=[in do]=]".to_string()),
            Just("nil".to_string()),
            Just("...".to_string()),
        ];
        leaf.prop_recursive(5, 40, 3, |inner| {
            let block = statements(inner.clone());
            prop_oneof![
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
                (inner.clone(), inner.clone(), inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c, d, e)| format!("if {a} then {b} elseif {c} then {d} else {e}")),
                block.prop_map(|b| format!("function(...) {b} end")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ {a}; {b}, k = {a} }}")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("`{{({a})}}do{{({b})}}`")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) > {b}")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("x[{a}]({b})")),
                inner.prop_map(|a| format!("not {a}")),
            ]
        })
        .boxed()
    }

    fn statements(expression: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<String> {
        let e = expression;
        let one = prop_oneof![
            e.clone().prop_map(|e| format!("local y = {e}")),
            e.clone().prop_map(|e| format!("x.y += {e}")),
            e.clone().prop_map(|e| format!("f({e})")),
            Just("local z: { [string]: number } = x :: any".to_string()),
            Just("-- for k in x do\n".to_string()),
        ];
        one.prop_recursive(3, 12, 3, move |inner| {
            let body = proptest::collection::vec(inner, 0..3).prop_map(|all| all.join(" "));
            prop_oneof![
                (e.clone(), body.clone()).prop_map(|(e, b)| format!("for k, v in {e} do {b} end")),
                (e.clone(), e.clone(), body.clone())
                    .prop_map(|(a, c, b)| format!("for k: string in {a}, {c} do {b} end")),
                (e.clone(), body.clone()).prop_map(|(e, b)| format!("for i = 1, {e} do {b} end")),
                (e.clone(), body.clone()).prop_map(|(e, b)| format!("while {e} do {b} end")),
                (e.clone(), body.clone()).prop_map(|(e, b)| format!("repeat {b} until {e}")),
                (e.clone(), body.clone(), body.clone())
                    .prop_map(|(e, a, b)| format!("if {e} then {a} else {b} end")),
                body.clone().prop_map(|b| format!("do {b} end")),
                (e.clone(), body).prop_map(|(e, b)| format!("local function g(...) {b} return {e} end")),
            ]
        })
        .boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn what_compiled_compiles_and_each_loop_has_its_guard(
            text in proptest::collection::vec(statements(expression()), 1..4).prop_map(|all| all.join("\n"))
        ) {
            let lua = mlua::Lua::new();
            let compiles = |text: &str| lua.load(text).into_function().map(|_| ()).map_err(|e| e.to_string());
            prop_assert_eq!(compiles(&text), Ok(()), "{}", &text);
            let guarded = guarded(&text);
            prop_assert_eq!(compiles(&guarded), Ok(()), "{}\n{}", &text, &guarded);
            let loops = text.matches("for k, v in ").count() + text.matches("for k: string in ").count();
            prop_assert_eq!(guarded.matches("__luascale_each").count(), loops, "{}", &guarded);
            prop_assert_eq!(guarded.matches('\n').count(), text.matches('\n').count());
        }
    }
}
