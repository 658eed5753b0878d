//! Sets of numbers as unions of intervals, exact over the numbers that a metric can have.
//!
//! A metric is a 64-bit float and never NaN or infinite, so each set of them is a union of closed
//! intervals: above 0.8 is from the next float on. That makes `x > 0.8 and x < 0.8` empty, as it
//! is where the policy runs. May import: nothing of this crate.

/// The numbers from the first to the second, both inside.
pub type Interval = (f64, f64);

/// Intervals, rising, that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Set(Vec<Interval>);

impl Set {
    /// Every number.
    pub fn all() -> Set {
        Set(vec![(-f64::MAX, f64::MAX)])
    }

    /// No number.
    pub fn none() -> Set {
        Set(Vec::new())
    }

    /// From one number to another, both inside; none where they are the wrong way round.
    pub fn between(low: f64, high: f64) -> Set {
        let (low, high) = (low.max(-f64::MAX), high.min(f64::MAX));
        if low <= high { Set(vec![(low, high)]) } else { Set::none() }
    }

    /// One number.
    pub fn point(at: f64) -> Set {
        Set::between(at, at)
    }

    /// Whether it has no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only number, where there is one alone.
    pub fn only(&self) -> Option<f64> {
        match self.0.as_slice() {
            [(low, high)] if low == high => Some(*low),
            _ => None,
        }
    }

    /// From its least number to its greatest.
    pub fn hull(&self) -> Option<Interval> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// Its intervals.
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether a number is inside.
    pub fn contains(&self, x: f64) -> bool {
        self.0.iter().any(|(low, high)| *low <= x && x <= *high)
    }

    /// What is in both.
    pub fn and(&self, other: &Set) -> Set {
        let mut out = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (low, high) = (a.0.max(b.0), a.1.min(b.1));
            if low <= high {
                out.push((low, high));
            }
            if a.1 < b.1 { i += 1 } else { j += 1 }
        }
        Set(out)
    }

    /// What is in either.
    pub fn or(&self, other: &Set) -> Set {
        let mut all: Vec<Interval> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut out: Vec<Interval> = Vec::new();
        for (low, high) in all {
            match out.last_mut() {
                Some(last) if low <= last.1.next_up() => last.1 = last.1.max(high),
                _ => out.push((low, high)),
            }
        }
        Set(out)
    }

    /// What is not in it.
    pub fn not(&self) -> Set {
        let mut out = Vec::new();
        let mut from = -f64::MAX;
        for (low, high) in &self.0 {
            if from < *low {
                out.push((from, low.next_down()));
            }
            from = high.next_up();
        }
        if from <= f64::MAX {
            out.push((from, f64::MAX));
        }
        Set(out)
    }

    /// Each of its numbers times a positive factor, as near as floats are.
    pub fn scaled(&self, by: f64) -> Set {
        let scaled = |x: f64| (x * by).clamp(-f64::MAX, f64::MAX);
        let each = self.0.iter().map(|(low, high)| Set::between(scaled(*low), scaled(*high)));
        each.fold(Set::none(), |all, one| all.or(&one))
    }

    /// A number of it that people would write: with few digits, near its middle or its end.
    pub fn pick(&self) -> Option<f64> {
        let mut best: Option<(usize, f64)> = None;
        for (low, high) in &self.0 {
            let found = nice(*low, *high);
            let length = found.to_string().len();
            if best.is_none_or(|(shortest, _)| length < shortest) {
                best = Some((length, found));
            }
        }
        best.map(|(_, found)| found)
    }
}

/// A short number inside an interval.
fn nice(low: f64, high: f64) -> f64 {
    if low == high {
        return low;
    }
    let middle = match (low <= -f64::MAX, high >= f64::MAX) {
        (true, true) => 0.0,
        (true, false) => high - high.abs().max(1.0) / 4.0,
        (false, true) => low + low.abs().max(1.0) / 4.0,
        (false, false) => low + (high - low) / 2.0,
    };
    let magnitude = middle.abs().max(f64::MIN_POSITIVE).log10().ceil() as i32;
    for digits in 1..16 {
        // Decimal places that leave this many digits; texts round as people do.
        let places = usize::try_from(digits - magnitude).unwrap_or(0);
        let rounded: f64 = format!("{middle:.places$}").parse().unwrap_or(middle);
        if low < rounded && rounded < high {
            return rounded;
        }
    }
    if middle > low && middle < high { middle } else { low }
}

/// A number as people write it: without the last digits that arithmetic leaves behind.
pub fn figure(x: f64) -> String {
    let near: f64 = format!("{x:.11e}").parse().unwrap_or(x);
    if (near - x).abs() <= x.abs() * 1e-11 { near.to_string() } else { x.to_string() }
}

/// A set in words: `above 0.8`, `from 0.3 to 0.5`; `anything` and `nothing` for those.
pub fn words(set: &Set) -> String {
    let one = |&(low, high): &Interval| -> String {
        let (from, after) = end(low, f64::next_down);
        let (to, before) = end(high, f64::next_up);
        match (low <= -f64::MAX, high >= f64::MAX) {
            (true, true) => "anything".into(),
            _ if low == high => figure(low),
            (false, true) => format!("{} {from}", if after { "above" } else { "at least" }),
            (true, false) => format!("{} {to}", if before { "below" } else { "at most" }),
            _ if after || before => {
                let from = format!("{} {from}", if after { "above" } else { "at least" });
                format!("{from} and {} {to}", if before { "below" } else { "at most" })
            }
            _ => format!("from {from} to {to}"),
        }
    };
    match set.0.as_slice() {
        [] => "nothing".into(),
        all => all.iter().map(one).collect::<Vec<_>>().join(" or "),
    }
}

/// An end as it would be written, and whether it is itself outside.
fn end(x: f64, outside: fn(f64) -> f64) -> (String, bool) {
    let neighbour = outside(x);
    let (inside, beyond) = (x.to_string(), neighbour.to_string());
    if beyond.len() < inside.len() { (figure(neighbour), true) } else { (figure(x), false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(x: f64) -> Set {
        Set::between(x.next_up(), f64::MAX)
    }

    #[test]
    fn sets_join_and_split_to_the_last_float() {
        let below = Set::between(-f64::MAX, 0.8_f64.next_down());
        assert_eq!(above(0.8).and(&below), Set::none());
        assert_eq!(above(0.8).or(&Set::between(-f64::MAX, 0.8)), Set::all());
        assert_eq!(above(0.8).not(), Set::between(-f64::MAX, 0.8));
        assert_eq!(above(0.8).or(&below).not(), Set::point(0.8));
        assert_eq!(Set::all().not(), Set::none());
        assert_eq!(Set::none().not(), Set::all());
        assert_eq!(Set::between(0.0, 0.0).not().or(&Set::point(-0.0)), Set::all());
    }

    #[test]
    fn words_and_picks_are_as_people_write() {
        assert_eq!(words(&above(0.8)), "above 0.8");
        assert_eq!(words(&above(0.8).not()), "at most 0.8");
        assert_eq!(
            words(&above(0.3).and(&Set::between(-f64::MAX, 0.5_f64.next_down()))),
            "above 0.3 and below 0.5"
        );
        assert_eq!(words(&Set::between(0.3, 0.5)), "from 0.3 to 0.5");
        assert_eq!(above(0.8).and(&Set::between(0.0, 1.0)).pick(), Some(0.9));
        assert_eq!(Set::between(0.30, 0.35).pick(), Some(0.32));
        assert_eq!(above(100.0).pick(), Some(125.0));
        assert_eq!(figure(0.1 + 0.2), "0.3");
    }
}
