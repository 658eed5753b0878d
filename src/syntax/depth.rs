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

/// One thing that is open: what, by which token, and the operators pending in it.
struct Level {
    open: Open,
    token: usize,
    pending: usize,
}

/// Finds the first place that is nested too deep.
pub(super) fn check(tokens: &[Token<'_>]) -> Result<(), TooDeep> {
    let mut walk = Walk::new();
    for (i, token) in tokens.iter().enumerate() {
        walk.step(tokens, i, token);
        let span = || Span::new(token.start, token.end());
        if walk.stack.len() > MOST_LEVELS + 1 {
            return Err(TooDeep::Levels(span()));
        }
        if walk.operators > MOST_OPERATORS {
            return Err(TooDeep::Operators(span()));
        }
    }
    Ok(())
}

/// The token that opens the innermost bracket or block that is open at the end; `None` where
/// there is none, or where brackets and blocks cross.
pub(super) fn unclosed(tokens: &[Token<'_>]) -> Option<usize> {
    let mut walk = Walk::new();
    tokens.iter().enumerate().for_each(|(i, token)| walk.step(tokens, i, token));
    walk.settle();
    let open = walk.stack.last().filter(|_| walk.stack.len() > 1 && !walk.crossed)?;
    // A `do` closes with the loop that it belongs to, which is what a person looks for.
    let own = tokens.get(open.token)?;
    let head = tokens.get(..open.token)?.iter().rposition(|t| t.is("while") || t.is("for"));
    match head {
        Some(head) if own.is("do") && !tokens.get(head..open.token)?.iter().any(|t| t.is("end")) => {
            Some(head)
        }
        _ => Some(open.token),
    }
}

/// A walk over tokens that keeps count of what is open.
struct Walk {
    /// The file itself comes first.
    stack: Vec<Level>,
    operators: usize,
    crossed: bool,
}

impl Walk {
    fn new() -> Walk {
        let file = Level { open: Open::Block, token: 0, pending: 0 };
        Walk { stack: vec![file], operators: 0, crossed: false }
    }

    fn step(&mut self, tokens: &[Token<'_>], at: usize, token: &Token<'_>) {
        let before = at.checked_sub(1).and_then(|i| tokens.get(i));
        match token.text {
            _ if matches!(token.kind, Kind::Text | Kind::Number) => {}
            "(" | "[" | "{" => self.open(Open::Bracket, at),
            ")" | "]" | "}" => self.close(tokens, token, Open::Bracket),
            "function" | "repeat" => self.open(Open::Block, at),
            "if" if in_expression(before, &self.stack) => self.open(Open::Choice, at),
            "do" | "if" => {
                self.settle();
                self.open(Open::Block, at);
            }
            "end" | "until" => self.close(tokens, token, Open::Block),
            "," | ";" | "=" | "local" | "return" | "while" | "for" | "break" => self.settle(),
            "then" | "else" | "elseif" | "in" => self.reset(),
            ":" | "." | "..." | "?" => {}
            _ if token.kind == Kind::Sign || ["and", "or", "not"].contains(&token.text) => {
                if let Some(level) = self.stack.last_mut() {
                    level.pending += 1;
                    self.operators += 1;
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, open: Open, token: usize) {
        self.stack.push(Level { open, token, pending: 0 });
    }

    /// The expression at this level ends.
    fn reset(&mut self) {
        if let Some(level) = self.stack.last_mut() {
            self.operators -= level.pending;
            level.pending = 0;
        }
    }

    /// The expression ends, and with it the choices that are open in it.
    fn settle(&mut self) {
        while self.stack.last().is_some_and(|level| level.open == Open::Choice) {
            self.reset();
            self.stack.pop();
        }
        self.reset();
    }

    /// Closes the innermost level of a kind. A bracket closes no block and the other way round:
    /// where they cross, the text does not parse, and the level that stays open only counts more.
    fn close(&mut self, tokens: &[Token<'_>], token: &Token<'_>, kind: Open) {
        self.settle();
        match self.stack.last() {
            Some(level) if self.stack.len() > 1 && level.open == kind => {
                let opened = tokens.get(level.token).map_or("", |t| t.text);
                self.crossed |= match token.text {
                    ")" => opened != "(",
                    "]" => opened != "[",
                    "}" => opened != "{",
                    "until" => opened != "repeat",
                    _ => opened == "repeat",
                };
                self.stack.pop();
            }
            _ => self.crossed = true,
        }
    }
}

/// Whether an `if` here is part of an expression.
fn in_expression(before: Option<&Token<'_>>, stack: &[Level]) -> bool {
    let Some(before) = before else { return false };
    match before.text {
        _ if matches!(before.kind, Kind::Text | Kind::Number) => false,
        "then" | "else" => stack.last().is_some_and(|level| level.open == Open::Choice),
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
