//! PromQL queries as a tree with places.
//!
//! `promql-parser` is the judge of what a query is; it tells no places. Its tree is walked along
//! the query's own parts ([`tokens`]), which gives each node its place; where the two should ever
//! part, a place is the whole query. May import: `text`, `model`.

mod refuse;
pub mod spread;
pub mod tokens;
pub mod unit;
mod walk;

use crate::model::Duration;
use crate::text::Span;
use promql_parser::label::Matcher;

/// Most parts that a query may have, and how deep its brackets may go, to be looked at: the
/// parser and what follows it descend into the tree, and a nested query must not end the process.
pub const MOST_PARTS: usize = 1000;
/// See [`MOST_PARTS`].
pub const DEEPEST: usize = 60;

/// A part of a query that has a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, brackets around it included, in bytes of the query.
    pub span: Span,
}

/// What a part of a query is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A number.
    Number(f64),
    /// A text.
    Text,
    /// Series by name and labels.
    Selector(Selector),
    /// `expression[5m:30s]`
    Subquery(Box<Node>, Window),
    /// A function.
    Call {
        /// Its name.
        name: String,
        /// Where the name stands.
        at: Span,
        /// What it is given.
        arguments: Vec<Node>,
    },
    /// An aggregation.
    Aggregate {
        /// `sum`, `avg`, `topk`, …
        name: String,
        /// Where the name stands.
        at: Span,
        /// Which labels are left.
        grouping: Grouping,
        /// The first argument of `topk`, `quantile` and the like.
        parameter: Option<Box<Node>>,
        /// What is aggregated.
        of: Box<Node>,
    },
    /// An operator between two parts.
    Binary {
        /// `+`, `and`, `>=`, …
        operator: String,
        /// Where it stands.
        at: Span,
        /// How series of both sides find each other.
        matching: Matching,
        /// Whether a comparison gives 0 or 1, and so lets every series through.
        returns_bool: bool,
        /// The left side.
        left: Box<Node>,
        /// The right side.
        right: Box<Node>,
    },
    /// A minus before a part.
    Negated(Box<Node>),
}

/// Series by name and labels, at an instant or over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The name, where it is one.
    pub name: Option<String>,
    /// What labels must be, and where that stands. Alternatives (`or`) are left out.
    pub matchers: Vec<(Matcher, Span)>,
    /// The time that it looks back over.
    pub window: Option<Window>,
}

/// A time that is looked back over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long.
    pub length: Duration,
    /// Where it stands, with its brackets.
    pub span: Span,
}

/// Which labels an aggregation leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Those; none where it has no `by`.
    By(Vec<String>),
    /// All but those.
    Without(Vec<String>),
}

/// How series of two sides find each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    /// By all labels but these.
    Ignoring(Vec<String>),
    /// By these labels.
    On(Vec<String>),
    /// Many series of the left for one of the right.
    Left,
    /// Many series of the right for one of the left.
    Right,
}

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, as a sentence without a final full stop.
    pub message: String,
    /// Where, in bytes of the query.
    pub span: Span,
    /// Whether it is only more than is looked at.
    pub too_large: bool,
}

/// Reads a query.
///
/// # Errors
/// Why it is none, or that it is too large to be looked at.
pub fn read(query: &str) -> Result<Node, Refused> {
    let whole = Span::new(0, query.len());
    let parts = tokens::tokens(query).map_err(|stray| Refused {
        message: stray.message,
        span: stray.span,
        too_large: false,
    })?;
    let too_large = |message| Err(Refused { message, span: whole, too_large: true });
    if parts.len() > MOST_PARTS {
        return too_large(format!("it has {} parts, and at most {MOST_PARTS} are looked at", parts.len()));
    }
    let mut depth = 0usize;
    for part in &parts {
        match part.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return too_large(format!("its brackets go deeper than {DEEPEST}"));
        }
    }
    if let Some(part) = endless(&parts) {
        let message = format!("`{}` is no duration: it is too large", part.text);
        return Err(Refused { message, span: part.span, too_large: false });
    }
    match promql_parser::parser::parse(query) {
        Ok(tree) => Ok(walk::walk(&tree, &parts, whole)),
        Err(said) => Err(refuse::place(&said, &parts, whole)),
    }
}

/// A bare number where a duration stands that no duration holds: the parser would panic on it.
fn endless<'q>(parts: &[tokens::Token<'q>]) -> Option<tokens::Token<'q>> {
    /// Seconds; some 30,000 years.
    const MOST: f64 = 1e12;
    let mut before = "";
    for part in parts {
        let beyond = part.text.parse::<f64>().is_ok_and(|number| number.is_nan() || number.abs() >= MOST);
        if beyond && matches!(before, "offset" | "[" | ":") {
            return Some(*part);
        }
        // A sign belongs to what follows it.
        if !matches!(part.text, "-" | "+") {
            before = part.text;
        }
    }
    None
}

impl Node {
    /// Calls `f` on this node and all below it.
    pub fn each<'n>(&'n self, f: &mut impl FnMut(&'n Node)) {
        f(self);
        self.below().into_iter().for_each(|node| node.each(f));
    }

    /// The nodes right below this one, in the order of the text.
    pub fn below(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Number(_) | Kind::Text | Kind::Selector(_) => Vec::new(),
            Kind::Subquery(of, _) | Kind::Negated(of) => vec![of],
            Kind::Call { arguments, .. } => arguments.iter().collect(),
            Kind::Aggregate { parameter, of, .. } => {
                parameter.iter().map(|p| &**p).chain(std::iter::once(&**of)).collect()
            }
            Kind::Binary { left, right, .. } => vec![left, right],
        }
    }

    /// Whether it is a number whatever is measured, and which.
    pub fn constant(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(number) => Some(*number),
            Kind::Negated(of) => of.constant().map(|n| -n),
            Kind::Call { name, arguments, .. } if name == "vector" || name == "scalar" => {
                arguments.first()?.constant()
            }
            Kind::Binary { operator, left, right, .. } => {
                let (left, right) = (left.constant()?, right.constant()?);
                match operator.as_str() {
                    "+" => Some(left + right),
                    "-" => Some(left - right),
                    "*" => Some(left * right),
                    "/" => Some(left / right),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether it is a number, and not series.
    pub fn is_scalar(&self) -> bool {
        match &self.kind {
            Kind::Number(_) => true,
            Kind::Negated(of) => of.is_scalar(),
            Kind::Call { name, .. } => matches!(name.as_str(), "scalar" | "time" | "pi"),
            Kind::Binary { left, right, .. } => left.is_scalar() && right.is_scalar(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
