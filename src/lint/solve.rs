//! For which values a condition is true: exact where it compares one metric with constants, an
//! honest "cannot tell" elsewhere.
//!
//! A condition becomes two unions of boxes (a set of values for each metric): those for which it
//! is sure to hold, and those for which it may. What is claimed of a condition follows from the
//! one or the other, and a value given as a witness has been put through the condition itself.
//! A comparison of one metric through rising or falling arithmetic is solved by halving over the
//! floats, so that its bound is the one that the policy's own arithmetic has.
//!
//! May import: `model`, siblings.

use super::intervals::Set;
use super::point::{Point, Read, is_known, number, read, truth_at};
use super::slope::{Slope, border};
use crate::model::expr::{Apply, Expr, Kind};
use crate::model::script::Comparison;
use std::collections::BTreeMap;

/// The most boxes of one condition; past it, it cannot be told.
const MOST_BOXES: usize = 96;

/// The values that things read can have.
#[derive(Debug, Clone, Default)]
pub struct Domain(pub BTreeMap<Read, Set>);

impl Domain {
    /// The values of one; of what is not named, every number.
    pub fn of(&self, read: &Read) -> Set {
        match (self.0.get(read), read) {
            (Some(set), _) => set.clone(),
            (None, Read::Has(_)) => Set::point(0.0).or(&Set::point(1.0)),
            (None, _) => Set::all(),
        }
    }

    /// With other values of one.
    #[must_use]
    pub fn with(&self, read: Read, set: Set) -> Domain {
        let mut next = self.clone();
        next.0.insert(read, set);
        next
    }
}

/// Values for some of what is read; the rest may have any of its domain.
pub type Cell = BTreeMap<Read, Set>;

/// A union of boxes.
pub type Boxes = Vec<Cell>;

/// For which values something holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// It is sure to hold in these.
    pub sure: Boxes,
    /// It can hold in none but these.
    pub may: Boxes,
}

/// What can be claimed of two conditions.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is so for no values.
    Never,
    /// It is so for these.
    At(Point),
    /// It cannot be told.
    CannotTell,
}

impl Region {
    fn nowhere() -> Region {
        Region { sure: Vec::new(), may: Vec::new() }
    }

    fn everywhere() -> Region {
        Region { sure: vec![Cell::new()], may: vec![Cell::new()] }
    }

    fn unknown() -> Region {
        Region { sure: Vec::new(), may: vec![Cell::new()] }
    }

    fn when(holds: bool) -> Region {
        if holds { Region::everywhere() } else { Region::nowhere() }
    }

    /// Where both hold.
    pub fn and(&self, other: &Region) -> Region {
        let sure = product(&self.sure, &other.sure).0;
        let (may, whole) = product(&self.may, &other.may);
        Region { sure, may: if whole { may } else { vec![Cell::new()] } }
    }

    fn or(mut self, other: Region) -> Region {
        join(&mut self.sure, other.sure);
        join(&mut self.may, other.may);
        self.sure.truncate(MOST_BOXES);
        if self.may.len() > MOST_BOXES {
            self.may = vec![Cell::new()];
        }
        self
    }
}

fn join(boxes: &mut Boxes, more: Boxes) {
    for one in more {
        if boxes.iter().any(Cell::is_empty) {
            return;
        }
        if !boxes.contains(&one) {
            boxes.push(one);
        }
    }
}

/// The intersections of two unions, and whether those are all of them.
fn product(a: &Boxes, b: &Boxes) -> (Boxes, bool) {
    let mut out = Boxes::new();
    for left in a {
        for right in b {
            let mut both = left.clone();
            for (read, set) in right {
                let met = both.get(read).map_or_else(|| set.clone(), |have| have.and(set));
                both.insert(read.clone(), met);
            }
            if both.values().any(Set::is_empty) {
                continue;
            }
            if out.len() == MOST_BOXES {
                return (out, false);
            }
            if !out.contains(&both) {
                out.push(both);
            }
        }
    }
    (out, true)
}

/// Solves conditions over a domain.
#[derive(Debug, Clone, Copy)]
pub struct Solver<'a> {
    /// What can be read.
    pub domain: &'a Domain,
}

impl Solver<'_> {
    /// Where a condition is true.
    pub fn holds(&self, e: &Expr) -> Region {
        self.clip(self.truth(e, true))
    }

    /// Where a condition is false.
    pub fn fails(&self, e: &Expr) -> Region {
        self.clip(self.truth(e, false))
    }

    /// Whether all of some conditions hold at once (each with whether it is to be true).
    pub fn together(&self, all: &[(&Expr, bool)]) -> Claim {
        let mut region = Region::everywhere();
        for (e, want) in all {
            region = region.and(&self.clip(self.truth(e, *want)));
        }
        if region.may.is_empty() {
            return Claim::Never;
        }
        let point = |one: &Cell| {
            let point = self.point(one, all)?;
            let agrees = |(e, want): &(&Expr, bool)| truth_at(e, &point) == Some(*want);
            all.iter().all(agrees).then_some(point)
        };
        region.sure.iter().find_map(point).map_or(Claim::CannotTell, Claim::At)
    }

    /// A point of a box, with a value for all that the conditions read.
    fn point(&self, one: &Cell, all: &[(&Expr, bool)]) -> Option<Point> {
        let mut reads = Vec::new();
        all.iter().for_each(|(e, _)| e.each(&mut |e| reads.extend(read(e))));
        let mut point = Point::new();
        for read in one.keys().cloned().chain(reads) {
            let set = one.get(&read).cloned().unwrap_or_else(|| self.domain.of(&read));
            let value = match &read {
                Read::Context(_) => whole(&set)?,
                Read::Has(_) if set.contains(1.0) => 1.0,
                _ => set.pick()?,
            };
            point.insert(read, value);
        }
        Some(point)
    }

    /// Leaves out of a region what its domain has not.
    fn clip(&self, region: Region) -> Region {
        let clip = |boxes: Boxes| -> Boxes {
            let mut out = Boxes::new();
            for mut one in boxes {
                for (read, set) in &mut one {
                    *set = set.and(&self.domain.of(read));
                }
                if !one.values().any(Set::is_empty) {
                    out.push(one);
                }
            }
            out
        };
        Region { sure: clip(region.sure), may: clip(region.may) }
    }

    fn truth(&self, e: &Expr, want: bool) -> Region {
        match &e.kind {
            Kind::Nil => Region::when(!want),
            Kind::Bool(b) => Region::when(*b == want),
            // Numbers count as true; a metric without a value makes the rule unknown.
            Kind::Number(_) | Kind::Arithmetic(..) | Kind::Negate(_) | Kind::Apply(..) => {
                if is_known(e) {
                    Region::when(want)
                } else {
                    Region::unknown()
                }
            }
            Kind::Field(..) => {
                if read(e).is_some() {
                    Region::when(want)
                } else {
                    Region::unknown()
                }
            }
            Kind::Has(..) => match read(e) {
                Some(has) => {
                    let boxes = vec![Cell::from([(has, Set::point(f64::from(u8::from(want))))])];
                    Region { sure: boxes.clone(), may: boxes }
                }
                None => Region::unknown(),
            },
            Kind::Not(inner) => self.truth(inner, !want),
            Kind::And(a, b) if want => self.truth(a, true).and(&self.truth(b, true)),
            Kind::And(a, b) => self.truth(a, false).or(self.truth(b, false)),
            Kind::Or(a, b) if want => self.truth(a, true).or(self.truth(b, true)),
            Kind::Or(a, b) => self.truth(a, false).and(&self.truth(b, false)),
            Kind::If(c, a, b) => {
                let then = self.truth(c, true).and(&self.truth(a, want));
                then.or(self.truth(c, false).and(&self.truth(b, want)))
            }
            Kind::Compare(op, a, b) => self.compare(if want { *op } else { opposite(*op) }, a, b, 0),
            Kind::Parameter(_) | Kind::Required(..) | Kind::Call(..) | Kind::CannotTell(_) => {
                Region::unknown()
            }
        }
    }

    fn compare(&self, op: Comparison, a: &Expr, b: &Expr, depth: u32) -> Region {
        if depth < 6 {
            if let Some(region) = self.split(op, a, b, depth) {
                return region;
            }
            if let Some(region) = self.split(mirrored(op), b, a, depth) {
                return region;
            }
        }
        self.atom(op, a, b).unwrap_or_else(Region::unknown)
    }

    /// A comparison whose left side is a choice, as a choice of comparisons.
    fn split(&self, op: Comparison, a: &Expr, b: &Expr, depth: u32) -> Option<Region> {
        match &a.kind {
            Kind::If(c, x, y) => {
                let then = self.truth(c, true).and(&self.compare(op, x, b, depth + 1));
                Some(then.or(self.truth(c, false).and(&self.compare(op, y, b, depth + 1))))
            }
            // `x or y` and `x and y` as numbers: the first where it decides.
            Kind::Or(x, y) => {
                let then = self.truth(x, true).and(&self.compare(op, x, b, depth + 1));
                Some(then.or(self.truth(x, false).and(&self.compare(op, y, b, depth + 1))))
            }
            // Where `x` is false, a comparison with it is an error, which fires nothing.
            Kind::And(x, y) => {
                let sure = self.truth(x, true).and(&self.compare(op, y, b, depth + 1));
                Some(Region { sure: sure.sure, may: self.truth(x, true).and(&Region::unknown()).may })
            }
            Kind::Apply(apply @ (Apply::Min | Apply::Max), all) => {
                let any = match (op, apply) {
                    (Comparison::Above | Comparison::AtLeast, Apply::Max)
                    | (Comparison::Below | Comparison::AtMost, Apply::Min) => true,
                    (Comparison::Equal | Comparison::Unequal, _) => return None,
                    _ => false,
                };
                let each = all.iter().map(|x| self.compare(op, x, b, depth + 1));
                each.reduce(|x, y| if any { x.or(y) } else { x.and(&y) })
            }
            Kind::Apply(Apply::Abs, all) => {
                let [x] = all.as_slice() else { return None };
                let zero = Expr { at: a.at.clone(), kind: Kind::Number(0.0) };
                let minus = Expr { at: a.at.clone(), kind: Kind::Negate(Box::new(x.clone())) };
                let positive = self.compare(Comparison::AtLeast, x, &zero, depth + 1);
                let negative = self.compare(Comparison::Below, x, &zero, depth + 1);
                let then = positive.and(&self.compare(op, x, b, depth + 1));
                Some(then.or(negative.and(&self.compare(op, &minus, b, depth + 1))))
            }
            _ => None,
        }
    }

    /// A comparison of two numbers; `None` where they are not understood.
    fn atom(&self, op: Comparison, a: &Expr, b: &Expr) -> Option<Region> {
        let mut reads: Vec<Read> = Vec::new();
        for side in [a, b] {
            side.each(&mut |e| {
                reads.extend(read(e).filter(|r| self.domain.of(r).only().is_none()));
            });
        }
        reads.sort();
        reads.dedup();
        if !is_known(a) || !is_known(b) {
            return None;
        }
        let at = |x: Option<(&Read, f64)>| -> Option<bool> {
            let value = |read: &Read| match x {
                Some((of, x)) if of == read => Some(x),
                _ => self.domain.of(read).only(),
            };
            let (a, b) = (number(a, &value)?, number(b, &value)?);
            (!a.is_nan() && !b.is_nan()).then(|| op.holds(a, b))
        };
        match reads.as_slice() {
            [] => at(None).map(Region::when),
            [one] => {
                let exact = self.one(op, a, b, one, &|x| at(Some((one, x))));
                exact.or_else(|| self.by_range(op, a, b))
            }
            _ => self.by_range(op, a, b),
        }
    }

    /// A comparison of one variable that turns once or twice over its values.
    fn one(
        &self,
        op: Comparison,
        a: &Expr,
        b: &Expr,
        read: &Read,
        at: &dyn Fn(f64) -> Option<bool>,
    ) -> Option<Region> {
        let region = |set: Set| {
            if set.is_empty() {
                return Region::nowhere();
            }
            let boxes = vec![Cell::from([(read.clone(), set)])];
            Region { sure: boxes.clone(), may: boxes }
        };
        let (slope_a, slope_b) = (self.slope(a, read)?, self.slope(b, read)?);
        // How `a - b` goes with the variable.
        let slope = match (slope_a, slope_b) {
            (a, Slope::Flat) => a,
            (Slope::Flat, Slope::Up) | (Slope::Down, Slope::Up) => Slope::Down,
            (Slope::Flat, Slope::Down) | (Slope::Up, Slope::Down) => Slope::Up,
            _ => return None,
        };
        match op {
            Comparison::Equal | Comparison::Unequal => {
                let least = self
                    .one(Comparison::AtLeast, a, b, read, &|x| self.at(Comparison::AtLeast, a, b, read, x))?;
                let most = self
                    .one(Comparison::AtMost, a, b, read, &|x| self.at(Comparison::AtMost, a, b, read, x))?;
                let set = |region: &Region| {
                    region.sure.first().and_then(|one| one.get(read).cloned()).unwrap_or_else(Set::none)
                };
                let equal = set(&least).and(&set(&most));
                Some(region(if op == Comparison::Equal { equal } else { equal.not() }))
            }
            _ => {
                let (low, high) = self.domain.of(read).hull()?;
                let rises = (slope == Slope::Up) == matches!(op, Comparison::Above | Comparison::AtLeast);
                let (first, last) = (at(low)?, at(high)?);
                let set = match (first, last) {
                    (true, true) => Set::all(),
                    (false, false) => Set::none(),
                    (false, true) if rises || slope == Slope::Flat => {
                        Set::between(border(low, high, at)?.1, f64::MAX)
                    }
                    (true, false) if !rises || slope == Slope::Flat => {
                        Set::between(-f64::MAX, border(low, high, at)?.0)
                    }
                    _ => return None,
                };
                Some(region(set))
            }
        }
    }

    fn at(&self, op: Comparison, a: &Expr, b: &Expr, of: &Read, x: f64) -> Option<bool> {
        let value = |read: &Read| if read == of { Some(x) } else { self.domain.of(read).only() };
        let (a, b) = (number(a, &value)?, number(b, &value)?);
        (!a.is_nan() && !b.is_nan()).then(|| op.holds(a, b))
    }

    /// A comparison by the ranges of its sides alone.
    fn by_range(&self, op: Comparison, a: &Expr, b: &Expr) -> Option<Region> {
        let (a, b) = (self.range(a)?, self.range(b)?);
        let (always, never) = match op {
            Comparison::Above => (a.0 > b.1, a.1 <= b.0),
            Comparison::AtLeast => (a.0 >= b.1, a.1 < b.0),
            Comparison::Below => (a.1 < b.0, a.0 >= b.1),
            Comparison::AtMost => (a.1 <= b.0, a.0 > b.1),
            Comparison::Equal => (false, a.1 < b.0 || a.0 > b.1),
            Comparison::Unequal => (a.1 < b.0 || a.0 > b.1, false),
        };
        Some(match (always, never) {
            (true, _) => Region::everywhere(),
            (_, true) => Region::nowhere(),
            _ => Region::unknown(),
        })
    }
}

/// A whole number of a set, where it has one.
fn whole(set: &Set) -> Option<f64> {
    set.intervals()
        .iter()
        .map(|(low, high)| (low.ceil(), *high))
        .find(|(low, high)| low <= high)
        .map(|(low, _)| low)
}

fn opposite(op: Comparison) -> Comparison {
    match op {
        Comparison::Above => Comparison::AtMost,
        Comparison::AtLeast => Comparison::Below,
        Comparison::Below => Comparison::AtLeast,
        Comparison::AtMost => Comparison::Above,
        Comparison::Equal => Comparison::Unequal,
        Comparison::Unequal => Comparison::Equal,
    }
}

fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Above => Comparison::Below,
        Comparison::AtLeast => Comparison::AtMost,
        Comparison::Below => Comparison::Above,
        Comparison::AtMost => Comparison::AtLeast,
        Comparison::Equal | Comparison::Unequal => op,
    }
}
