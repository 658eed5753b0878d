//! What a condition says at one point, computed as the policy would.
//!
//! May import: `model`.

use crate::model::expr::{Apply, Expr, Kind};
use crate::model::script::Comparison;
use std::collections::BTreeMap;

/// Something that a condition reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// A metric, by its name.
    Metric(String),
    /// A field of `ctx`: `replicas`, `ready`, `min`, `max`, `now`.
    Context(String),
    /// Whether a metric has a value, as `m.has` says: 1 or 0.
    Has(String),
}

/// One value for each thing read.
pub type Point = BTreeMap<Read, f64>;

/// What an expression reads, where it is a read.
pub fn read(e: &Expr) -> Option<Read> {
    match &e.kind {
        Kind::Field(of, name) => match of.kind {
            Kind::Parameter(0) => Some(Read::Metric(name.clone())),
            Kind::Parameter(1) if name != "region" => Some(Read::Context(name.clone())),
            _ => None,
        },
        Kind::Has(of, name) if of.kind == Kind::Parameter(0) => Some(Read::Has(name.clone())),
        _ => None,
    }
}

/// Whether an expression is a number made of reads and constants.
pub(super) fn is_known(e: &Expr) -> bool {
    match &e.kind {
        Kind::Number(_) => true,
        Kind::Field(..) => read(e).is_some(),
        Kind::Negate(x) => is_known(x),
        Kind::Arithmetic(_, x, y) => is_known(x) && is_known(y),
        Kind::Apply(_, all) => all.iter().all(is_known),
        _ => false,
    }
}

/// A number, computed as the policy would.
pub(super) fn number(e: &Expr, value: &dyn Fn(&Read) -> Option<f64>) -> Option<f64> {
    Some(match &e.kind {
        Kind::Number(x) => *x,
        Kind::Field(..) => value(&read(e)?)?,
        Kind::Negate(x) => -number(x, value)?,
        Kind::Arithmetic(op, x, y) => op.of(number(x, value)?, number(y, value)?),
        Kind::Apply(apply, all) => {
            let all: Option<Vec<f64>> = all.iter().map(|x| number(x, value)).collect();
            let all = all?;
            let first = *all.first()?;
            match apply {
                Apply::Min => all.into_iter().fold(first, |a, b| if b < a { b } else { a }),
                Apply::Max => all.into_iter().fold(first, |a, b| if b > a { b } else { a }),
                Apply::Abs => first.abs(),
                Apply::Floor => first.floor(),
                Apply::Ceil => first.ceil(),
                Apply::Clamp => {
                    let (least, most) = (*all.get(1)?, *all.get(2)?);
                    (least <= most).then(|| first.max(least).min(most))?
                }
            }
        }
        _ => return None,
    })
}

/// A value of Lua, as far as conditions have them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plain {
    Nil,
    Bool(bool),
    Number(f64),
}

impl Plain {
    fn is_true(self) -> bool {
        !matches!(self, Plain::Nil | Plain::Bool(false))
    }
}

/// What a condition says at a point; `None` where it says neither, reads a metric that the
/// point lacks, or cannot be told.
pub fn truth_at(e: &Expr, point: &Point) -> Option<bool> {
    let value = plain(e, point)?;
    Some(value.is_true())
}

fn plain(e: &Expr, point: &Point) -> Option<Plain> {
    let value = |read: &Read| {
        let absent = match read {
            Read::Metric(name) => point.get(&Read::Has(name.clone())) == Some(&0.0),
            _ => false,
        };
        point.get(read).copied().filter(|_| !absent)
    };
    let of = |e: &Expr| plain(e, point);
    Some(match &e.kind {
        Kind::Nil => Plain::Nil,
        Kind::Bool(b) => Plain::Bool(*b),
        Kind::Has(..) => Plain::Bool(point.get(&read(e)?).is_none_or(|has| *has != 0.0)),
        Kind::Not(x) => Plain::Bool(!of(x)?.is_true()),
        Kind::And(x, y) => {
            let x = of(x)?;
            if x.is_true() { of(y)? } else { x }
        }
        Kind::Or(x, y) => {
            let x = of(x)?;
            if x.is_true() { x } else { of(y)? }
        }
        Kind::If(c, x, y) => {
            if of(c)?.is_true() {
                of(x)?
            } else {
                of(y)?
            }
        }
        Kind::Compare(op, x, y) => match (op, of(x)?, of(y)?) {
            (_, Plain::Number(x), Plain::Number(y)) => Plain::Bool(op.holds(x, y)),
            (Comparison::Equal, x, y) => Plain::Bool(x == y),
            (Comparison::Unequal, x, y) => Plain::Bool(x != y),
            _ => return None,
        },
        Kind::Field(..) => Plain::Number(value(&read(e)?)?),
        Kind::Number(x) => Plain::Number(*x),
        Kind::Negate(x) => match of(x)? {
            Plain::Number(x) => Plain::Number(-x),
            _ => return None,
        },
        Kind::Arithmetic(op, x, y) => match (of(x)?, of(y)?) {
            (Plain::Number(x), Plain::Number(y)) => Plain::Number(op.of(x, y)),
            _ => return None,
        },
        Kind::Apply(..) => Plain::Number(number(e, &value)?),
        Kind::Parameter(_) | Kind::Required(..) | Kind::Call(..) | Kind::CannotTell(_) => return None,
    })
}
