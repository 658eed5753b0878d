//! How deep a text is nested, told from its tokens: parsing, walking and dropping a syntax tree
//! take stack for each level, and a stack that overflows aborts the process.
//!
//! May import: `text`.

use super::token::{Kind, Token};
use crate::text::Span;

/// Most brackets and blocks inside each other, as in the reference implementation of Lua.
pub(super) const MOST_LEVELS: usize = 200;

/// Most operators on one path from the file to a value, as in Luau.
pub(super) const MOST_OPERATORS: usize = 1000;

/// Where a text is nested too deep, and what is too deep.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TooDeep {
    /// Brackets and blocks.
    Levels(Span),
    /// Operators of one expression.
    Operators(Span),
}

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `(`, `[` or `{`.
    Bracket,
    /// `function`, `do`, `then` … up to `end` or `until`.
    Block,
    /// An `if` within an expression, which no `end` closes.
    Choice,
}

/// Finds the first place that is nested too deep.
pub(super) fn check(tokens: &[Token<'_>]) -> Result<(), TooDeep> {
    // What is open, and the operators pending at that level; the file itself comes first.
    let mut stack: Vec<(Open, usize)> = vec![(Open::Block, 0)];
    let mut operators = 0;
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| tokens.get(i));
        match token.text {
            _ if matches!(token.kind, Kind::Text | Kind::Number) => {}
            "(" | "[" | "{" => stack.push((Open::Bracket, 0)),
            ")" | "]" | "}" => close(&mut stack, &mut operators, Open::Bracket),
            "function" | "repeat" => stack.push((Open::Block, 0)),
            "do" => {
                settle(&mut stack, &mut operators);
                stack.push((Open::Block, 0));
            }
            "if" if in_expression(before, &stack) => stack.push((Open::Choice, 0)),
            "if" => {
                settle(&mut stack, &mut operators);
                stack.push((Open::Block, 0));
            }
            "end" | "until" => close(&mut stack, &mut operators, Open::Block),
            "," | ";" | "=" | "local" | "return" | "while" | "for" | "break" => {
                settle(&mut stack, &mut operators);
            }
            "then" | "else" | "elseif" | "in" => reset(&mut stack, &mut operators),
            "and" | "or" | "not" => operate(&mut stack, &mut operators),
            ":" | "." | "..." | "?" => {}
            _ if token.kind == Kind::Sign => operate(&mut stack, &mut operators),
            _ => {}
        }
        let span = || Span::new(token.start, token.end());
        if stack.len() > MOST_LEVELS + 1 {
            return Err(TooDeep::Levels(span()));
        }
        if operators > MOST_OPERATORS {
            return Err(TooDeep::Operators(span()));
        }
    }
    Ok(())
}

/// One more operator at this level.
fn operate(stack: &mut [(Open, usize)], operators: &mut usize) {
    if let Some((_, pending)) = stack.last_mut() {
        *pending += 1;
        *operators += 1;
    }
}

/// The expression at this level ends.
fn reset(stack: &mut [(Open, usize)], operators: &mut usize) {
    if let Some((_, pending)) = stack.last_mut() {
        *operators -= *pending;
        *pending = 0;
    }
}

/// The expression ends, and with it the choices that are open in it.
fn settle(stack: &mut Vec<(Open, usize)>, operators: &mut usize) {
    while let Some((Open::Choice, pending)) = stack.last().copied() {
        *operators -= pending;
        stack.pop();
    }
    reset(stack, operators);
}

/// Closes the innermost level of a kind. A bracket closes no block and the other way round:
/// where they cross, the text does not parse, and the level that stays open only counts more.
fn close(stack: &mut Vec<(Open, usize)>, operators: &mut usize, kind: Open) {
    settle(stack, operators);
    if stack.len() > 1
        && let Some((open, _)) = stack.last()
        && *open == kind
    {
        stack.pop();
    }
}

/// Whether an `if` here is part of an expression.
fn in_expression(before: Option<&Token<'_>>, stack: &[(Open, usize)]) -> bool {
    let Some(before) = before else { return false };
    match before.text {
        _ if matches!(before.kind, Kind::Text | Kind::Number) => false,
        "then" | "else" => stack.last().is_some_and(|(open, _)| *open == Open::Choice),
        "return" | "and" | "or" | "not" | "in" | "until" | "while" | "if" | "elseif" => true,
        ")" | "]" | "}" | ";" | "..." => false,
        _ => before.kind == Kind::Sign,
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens;
    use super::*;

    fn deep(text: &str) -> Result<(), TooDeep> {
        check(&tokens(text))
    }

    #[test]
    fn long_is_not_deep() {
        assert_eq!(deep(&"if a then b() elseif c then d() else e() end\n".repeat(2000)), Ok(()));
        assert_eq!(deep(&"x = if a then b elseif c then d else if e then f else g\n".repeat(2000)), Ok(()));
        assert_eq!(deep(&format!("t = {{ {} }}", "-1 + 2, f(-1), ".repeat(5000))), Ok(()));
        assert_eq!(deep(&"local x = a + b * -c\n".repeat(5000)), Ok(()));
        assert_eq!(deep(&"for i = 1, 2 do while true do repeat f() until x end end\n".repeat(2000)), Ok(()));
        assert_eq!(deep(&"f(function(a) return `x{a}` end)\n".repeat(2000)), Ok(()));
        assert_eq!(deep(&format!("x = a{}", ".b:c(1)".repeat(5000))), Ok(()));
    }

    #[test]
    fn every_kind_of_nesting_is_seen() {
        for (open, close) in [
            ("(", ")"),
            ("{", "}"),
            ("f(", ")"),
            ("x[", "]"),
            ("function() return ", " end"),
            ("if a then b else ", ""),
            ("`{", "}`"),
        ] {
            let text = format!("x = {}1{}", open.repeat(201), close.repeat(201));
            assert!(matches!(deep(&text), Err(TooDeep::Levels(_))), "{open}");
        }
        for (open, close) in
            [("do ", " end"), ("if a then ", " end"), ("while a do ", " end"), ("repeat ", " until a")]
        {
            let text = format!("{}{}", open.repeat(201), close.repeat(201));
            assert!(matches!(deep(&text), Err(TooDeep::Levels(_))), "{open}");
        }
        for chain in ["- ", "not ", "1 + ", "1 .. ", "2 ^ "] {
            let text = format!("x = {}1", chain.repeat(1001));
            assert!(matches!(deep(&text), Err(TooDeep::Operators(_))), "{chain}");
        }
        let text = format!("type T = {}number{}", "A<".repeat(1001), ">".repeat(1001));
        assert!(matches!(deep(&text), Err(TooDeep::Operators(_))));
    }
}
