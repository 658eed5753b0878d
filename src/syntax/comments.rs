//! Comments, and what they stand over. Reads tokens alone, so that a text that does not parse
//! has its comments too. May import: `text`.

use super::token::{Kind, Token, tokens_and_comments};
use crate::text::{Comment, LineIndex, Span};

/// The comments of a text, in order.
pub fn comments(text: &str) -> Vec<Comment> {
    let (tokens, comments) = tokens_and_comments(text);
    let lines = LineIndex::new(text);
    let line = |at: usize| lines.line(u32::try_from(at).unwrap_or(u32::MAX));
    let whole = |line: u32| lines.line_span(text, line).unwrap_or_default();
    let comment = |(start, end): &(usize, usize)| {
        let end = text.get(*start..*end).map_or(*end, |t| start + t.trim_end().len());
        let next = tokens.partition_point(|t| t.start < *start);
        let before = next.checked_sub(1).and_then(|at| tokens.get(at));
        let alone = before.is_none_or(|token| line(token.end()) < line(*start));
        let covers =
            if alone { over(tokens.get(next..).unwrap_or_default(), &line) } else { whole(line(*start)) };
        Comment { span: Span::new(*start, end), alone, covers }
    };
    comments.iter().map(comment).collect()
}

/// The first line of tokens, and on to where all that it opens is closed.
fn over(tokens: &[Token<'_>], line: &dyn Fn(usize) -> u32) -> Span {
    let Some(first) = tokens.first() else { return Span::default() };
    let mut depth = 0i64;
    let mut end = first.end();
    let mut before: Option<&Token<'_>> = None;
    for token in tokens {
        if depth <= 0 && line(token.start) > line(first.start) && line(token.start) > line(end) {
            break;
        }
        depth += opens(token, before);
        if depth < 0 {
            break;
        }
        end = token.end();
        before = Some(token);
    }
    Span::new(first.start, end)
}

/// 1 for what opens a bracket or a block, -1 for what closes one.
fn opens(token: &Token<'_>, before: Option<&Token<'_>>) -> i64 {
    if token.kind == Kind::Text {
        return 0;
    }
    match token.text {
        "(" | "[" | "{" | "function" | "do" | "repeat" => 1,
        ")" | "]" | "}" | "end" | "until" => -1,
        // An `if` where a value is expected is an expression, and has no `end`.
        "if" => {
            let value = before.is_some_and(|b| {
                matches!(b.text, "return" | "and" | "or" | "not" | "in")
                    || b.kind == Kind::Sign && !matches!(b.text, ")" | "]" | "}" | ";")
            });
            i64::from(!value)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str) -> Vec<(bool, &str)> {
        let all = comments(text).into_iter();
        all.map(|c| (c.alone, &text[c.covers.start as usize..c.covers.end as usize])).collect()
    }

    #[test]
    fn a_comment_covers_its_line_or_what_follows_to_its_end() {
        assert_eq!(covered("local a = 1 -- x\nlocal b"), [(false, "local a = 1 -- x")]);
        assert_eq!(
            covered("-- x\n\n-- y\nlocal a = {\n  1,\n}\nlocal b"),
            [(true, "local a = {\n  1,\n}"); 2]
        );
        assert_eq!(
            covered("t = {\n  -- x\n  { when = function(m)\n    return m.a\n  end, add = 1 },\n  b,\n}"),
            [(true, "{ when = function(m)\n    return m.a\n  end, add = 1 },")]
        );
        assert_eq!(
            covered("-- x\nif a then\n  local c = if b then 1 else 2\nend\nd()"),
            [(true, "if a then\n  local c = if b then 1 else 2\nend")]
        );
        assert_eq!(covered("f() -- x"), [(false, "f() -- x")]);
        assert_eq!(covered("-- x"), [(true, "")]);
        assert_eq!(covered("g = {\n  -- x\n}"), [(true, "}")]);
        assert_eq!(
            covered("local s = \"-- no\" --[[ yes\n ]] local t"),
            [(false, "local s = \"-- no\" --[[ yes")]
        );
    }
}
