//! The parser's tree and the query's parts, side by side. May import: `text`, `model`, siblings.

use super::tokens::{Token, TokenKind};
use super::{Grouping, Kind, Matching, Node, Selector, Window};
use crate::model::Duration;
use crate::text::Span;
use promql_parser::label::Matcher;
use promql_parser::parser::{
    BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector as Written,
};

/// The tree of a query with its places.
pub(super) fn walk(tree: &Expr, parts: &[Token<'_>], whole: Span) -> Node {
    let mut walker = Walker { parts, at: 0, whole, lost: false };
    let node = walker.node(tree);
    if walker.lost || walker.at != parts.len() {
        // Never seen; better no place than a wrong one.
        walker.lost = true;
        walker.at = 0;
        return walker.node(tree);
    }
    node
}

struct Walker<'q> {
    parts: &'q [Token<'q>],
    at: usize,
    whole: Span,
    /// Tree and parts have come apart: every place is the whole query.
    lost: bool,
}

impl<'q> Walker<'q> {
    fn peek(&self) -> Option<&Token<'q>> {
        self.parts.get(self.at)
    }

    fn is(&self, text: &str) -> bool {
        self.peek().is_some_and(|t| t.kind != TokenKind::Text && t.text.eq_ignore_ascii_case(text))
    }

    /// Goes past a part, if it is this one.
    fn skip(&mut self, text: &str) -> bool {
        let here = self.is(text);
        self.at += usize::from(here);
        here
    }

    /// Goes past a part, which must be this one.
    fn expect(&mut self, text: &str) -> Span {
        let span = self.here();
        if !self.skip(text) {
            self.lost = true;
        }
        span
    }

    /// Goes past one part, whatever it is.
    fn any(&mut self) -> Span {
        let span = self.here();
        self.at += 1;
        span
    }

    /// Where the next part stands.
    fn here(&self) -> Span {
        match self.peek() {
            Some(token) if !self.lost => token.span,
            _ => self.whole,
        }
    }

    /// From a place to the end of the part before.
    fn since(&self, start: Span) -> Span {
        match self.at.checked_sub(1).and_then(|at| self.parts.get(at)) {
            Some(last) if !self.lost => Span { start: start.start, end: last.span.end.max(start.end) },
            _ => self.whole,
        }
    }

    fn node(&mut self, tree: &Expr) -> Node {
        let start = self.here();
        // A plus before a part is nothing to the parser.
        while !self.lost && self.skip("+") {}
        let kind = match tree {
            Expr::NumberLiteral(number) => {
                while self.skip("-") || self.skip("+") {}
                self.any();
                Kind::Number(number.val)
            }
            Expr::StringLiteral(_) => {
                self.any();
                Kind::Text
            }
            Expr::Paren(paren) => {
                self.expect("(");
                let inner = self.node(&paren.expr);
                self.expect(")");
                inner.kind
            }
            Expr::Unary(unary) => {
                self.expect("-");
                Kind::Negated(Box::new(self.node(&unary.expr)))
            }
            Expr::VectorSelector(written) => {
                let selector = self.selector(written);
                self.moved();
                Kind::Selector(selector)
            }
            Expr::MatrixSelector(matrix) => {
                let mut selector = self.selector(&matrix.vs);
                selector.window = Some(self.window(matrix.range));
                self.moved();
                Kind::Selector(selector)
            }
            Expr::Subquery(sub) => {
                let of = self.node(&sub.expr);
                let window = self.window(sub.range);
                self.moved();
                Kind::Subquery(Box::new(of), window)
            }
            Expr::Call(call) => {
                let at = self.expect(call.func.name);
                self.expect("(");
                let mut arguments = Vec::new();
                for argument in &call.args.args {
                    if !arguments.is_empty() {
                        self.expect(",");
                    }
                    arguments.push(self.node(argument));
                }
                self.expect(")");
                Kind::Call { name: call.func.name.to_owned(), at, arguments }
            }
            Expr::Aggregate(aggregate) => {
                let name = aggregate.op.to_string();
                let at = self.expect(&name);
                let before = self.grouping();
                self.expect("(");
                let parameter = aggregate.param.as_ref().map(|parameter| {
                    let node = self.node(parameter);
                    self.expect(",");
                    Box::new(node)
                });
                let of = Box::new(self.node(&aggregate.expr));
                self.expect(")");
                if !before {
                    self.grouping();
                }
                let grouping = match &aggregate.modifier {
                    None => Grouping::By(Vec::new()),
                    Some(LabelModifier::Include(labels)) => Grouping::By(labels.labels.clone()),
                    Some(LabelModifier::Exclude(labels)) => Grouping::Without(labels.labels.clone()),
                };
                Kind::Aggregate { name, at, grouping, parameter, of }
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Extension(_) => {
                self.lost = true;
                Kind::Text
            }
        };
        Node { kind, span: self.since(start) }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Kind {
        let left = Box::new(self.node(&binary.lhs));
        let operator = binary.op.to_string();
        let at = self.expect(&operator);
        self.skip("bool");
        if self.skip("on") || self.skip("ignoring") {
            self.labels();
        }
        if (self.skip("group_left") || self.skip("group_right")) && self.is("(") {
            self.labels();
        }
        while self.skip("fill") || self.skip("fill_left") || self.skip("fill_right") {
            self.labels();
        }
        let right = Box::new(self.node(&binary.rhs));
        let card = binary.modifier.as_ref().map(|m| &m.card);
        let matching = match (card, binary.modifier.as_ref().and_then(|m| m.matching.as_ref())) {
            (Some(VectorMatchCardinality::ManyToOne(_)), _) => Matching::Left,
            (Some(VectorMatchCardinality::OneToMany(_)), _) => Matching::Right,
            (_, Some(LabelModifier::Include(labels))) => Matching::On(labels.labels.clone()),
            (_, Some(LabelModifier::Exclude(labels))) => Matching::Ignoring(labels.labels.clone()),
            (_, None) => Matching::Ignoring(Vec::new()),
        };
        Kind::Binary { operator, at, matching, returns_bool: binary.return_bool(), left, right }
    }

    /// Goes past `by (…)` or `without (…)`, if there is one.
    fn grouping(&mut self) -> bool {
        let there = self.skip("by") || self.skip("without");
        if there {
            self.labels();
        }
        there
    }

    /// Goes past a list in brackets.
    fn labels(&mut self) {
        self.expect("(");
        while self.peek().is_some() && !self.is(")") {
            self.at += 1;
        }
        self.expect(")");
    }

    /// Goes past `[…]`.
    fn window(&mut self, range: std::time::Duration) -> Window {
        let start = self.expect("[");
        while self.peek().is_some() && !self.is("]") {
            self.at += 1;
        }
        self.expect("]");
        let length = Duration(i64::try_from(range.as_millis()).unwrap_or(i64::MAX));
        Window { length, span: self.since(start) }
    }

    /// Goes past `offset …` and `@ …`.
    fn moved(&mut self) {
        loop {
            if self.skip("offset") {
                let _ = self.skip("-") || self.skip("+");
                self.any();
            } else if self.skip("@") {
                let _ = self.skip("-") || self.skip("+");
                self.any();
                if self.is("(") {
                    self.labels();
                }
            } else {
                return;
            }
        }
    }

    fn selector(&mut self, written: &Written) -> Selector {
        if !self.is("{") {
            self.any();
        }
        let mut places: Vec<Span> = Vec::new();
        if self.skip("{") {
            while self.peek().is_some() && !self.is("}") {
                let start = self.any();
                while self.peek().is_some() && !self.is("}") && !self.is(",") && !self.is("or") {
                    self.at += 1;
                }
                places.push(self.since(start));
                let _ = self.skip(",") || self.skip("or");
            }
            self.expect("}");
        }
        let known = |matcher: &&Matcher| matcher.name != "__name__" || written.name.is_none();
        let all: Vec<&Matcher> = written.matchers.matchers.iter().filter(known).collect();
        let exact = places.len() == all.len() && !self.lost;
        let place = |at: usize| places.get(at).copied().filter(|_| exact).unwrap_or(self.whole);
        let matchers = all.into_iter().enumerate().map(|(at, m)| (m.clone(), place(at))).collect();
        Selector { name: name(written), matchers, window: None }
    }
}

/// The name of the series, written before the brackets or in them.
fn name(written: &Written) -> Option<String> {
    use promql_parser::label::MatchOp;
    let inside = || written.matchers.matchers.iter().find(|m| m.name == "__name__" && m.op == MatchOp::Equal);
    written.name.clone().or_else(|| inside().map(|m| m.value.clone()))
}
