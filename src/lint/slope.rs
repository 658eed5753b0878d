//! Between which numbers an expression lies, and whether it rises or falls with a variable.
//!
//! May import: `model`, siblings.

use super::intervals::Interval;
use super::point::{Read, read};
use super::solve::Solver;
use crate::model::expr::{Apply, Arithmetic, Expr, Kind};

impl Solver<'_> {
    /// Between which numbers an expression lies. Rounding keeps the order of numbers, so that the
    /// ends are those of the policy's own arithmetic.
    pub fn range(&self, e: &Expr) -> Option<Interval> {
        let found = match &e.kind {
            Kind::Number(x) => (*x, *x),
            Kind::Field(..) => self.domain.of(&read(e)?).hull()?,
            Kind::Negate(x) => {
                let (low, high) = self.range(x)?;
                (-high, -low)
            }
            Kind::Arithmetic(op, x, y) => {
                let (x, y) = (self.range(x)?, self.range(y)?);
                if matches!(op, Arithmetic::Divide | Arithmetic::FloorDivide) && y.0 <= 0.0 && y.1 >= 0.0 {
                    return None;
                }
                let ends = [op.of(x.0, y.0), op.of(x.0, y.1), op.of(x.1, y.0), op.of(x.1, y.1)];
                if ends.iter().any(|end| end.is_nan()) {
                    return None;
                }
                let fold = |f: fn(f64, f64) -> f64| ends.into_iter().reduce(f);
                (fold(f64::min)?, fold(f64::max)?)
            }
            Kind::Apply(apply, all) => {
                let all: Option<Vec<Interval>> = all.iter().map(|x| self.range(x)).collect();
                let all = all?;
                let (first, rest) = all.split_first()?;
                match apply {
                    Apply::Min => rest.iter().fold(*first, |a, b| (a.0.min(b.0), a.1.min(b.1))),
                    Apply::Max => rest.iter().fold(*first, |a, b| (a.0.max(b.0), a.1.max(b.1))),
                    Apply::Floor => (first.0.floor(), first.1.floor()),
                    Apply::Ceil => (first.0.ceil(), first.1.ceil()),
                    Apply::Abs if first.0 <= 0.0 && first.1 >= 0.0 => (0.0, first.1.max(-first.0)),
                    Apply::Abs => (first.0.abs().min(first.1.abs()), first.0.abs().max(first.1.abs())),
                    Apply::Clamp => return None,
                }
            }
            _ => return None,
        };
        (!found.0.is_nan() && !found.1.is_nan()).then_some(found)
    }

    /// How an expression goes with a variable, where that is the same over all its values.
    pub(super) fn slope(&self, e: &Expr, of: &Read) -> Option<Slope> {
        match &e.kind {
            Kind::Number(_) => Some(Slope::Flat),
            Kind::Field(..) => Some(if read(e)? == *of { Slope::Up } else { Slope::Flat }),
            Kind::Negate(x) => Some(self.slope(x, of)?.turned()),
            Kind::Arithmetic(op, x, y) => {
                let (a, b) = (self.slope(x, of)?, self.slope(y, of)?);
                match op {
                    Arithmetic::Add => a.with(b),
                    Arithmetic::Subtract => a.with(b.turned()),
                    Arithmetic::Multiply => {
                        let (slope, factor) = match (a, b) {
                            (slope, Slope::Flat) => (slope, self.range(y)?),
                            (Slope::Flat, slope) => (slope, self.range(x)?),
                            _ => return None,
                        };
                        slope.scaled(factor)
                    }
                    Arithmetic::Divide | Arithmetic::FloorDivide => match (a, b) {
                        (slope, Slope::Flat) => {
                            let by = self.range(y)?;
                            if by.0 <= 0.0 && by.1 >= 0.0 { None } else { slope.scaled(by) }
                        }
                        (Slope::Flat, slope) => {
                            let by = self.range(y)?;
                            if by.0 <= 0.0 && by.1 >= 0.0 {
                                return None;
                            }
                            slope.turned().scaled(self.range(x)?)
                        }
                        _ => None,
                    },
                }
            }
            Kind::Apply(Apply::Min | Apply::Max | Apply::Floor | Apply::Ceil, all) => {
                all.iter().try_fold(Slope::Flat, |so_far, x| so_far.with(self.slope(x, of)?))
            }
            _ => None,
        }
    }
}

/// How a value goes with a variable: never the other way, perhaps not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slope {
    Flat,
    Up,
    Down,
}

impl Slope {
    pub fn turned(self) -> Slope {
        match self {
            Slope::Flat => Slope::Flat,
            Slope::Up => Slope::Down,
            Slope::Down => Slope::Up,
        }
    }

    pub fn with(self, other: Slope) -> Option<Slope> {
        match (self, other) {
            (a, Slope::Flat) => Some(a),
            (Slope::Flat, b) => Some(b),
            (a, b) => (a == b).then_some(a),
        }
    }

    /// Times a number of this range, which must not change its sign.
    pub fn scaled(self, by: Interval) -> Option<Slope> {
        if by.0 >= 0.0 {
            Some(self)
        } else if by.1 <= 0.0 {
            Some(self.turned())
        } else {
            (self == Slope::Flat).then_some(self)
        }
    }
}

/// The two neighbours between which something that turns once turns.
pub(super) fn border(low: f64, high: f64, at: &dyn Fn(f64) -> Option<bool>) -> Option<Interval> {
    let first = at(low)?;
    let (mut low, mut high) = (rank(low), rank(high));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if at(unrank(middle))? == first { low = middle } else { high = middle }
    }
    Some((unrank(low), unrank(high)))
}

/// The position of a float among all floats; the two zeros are one.
fn rank(x: f64) -> i128 {
    let bits = i128::from(x.abs().to_bits());
    if x < 0.0 { -bits } else { bits }
}

fn unrank(rank: i128) -> f64 {
    let size = f64::from_bits(u64::try_from(rank.unsigned_abs()).unwrap_or(u64::MAX));
    if rank < 0 { -size } else { size }
}
