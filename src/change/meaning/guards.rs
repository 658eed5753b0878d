//! Changes of what holds decisions back: windows, cooldowns, rate limits, tolerance, anti_flap,
//! activation, fallback. May import: siblings.

use super::rules::{Lean, leaning};
use super::{Class, Diff, or_none, sides};
use crate::change::say;
use crate::model::{Activation, Amount, Duration, Fallback, Policy, RateLimit, Select};

impl Diff<'_> {
    pub(super) fn guards(&mut self) {
        let (a, b) = (self.before.policy, self.after.policy);
        for out in [true, false] {
            let direction = if out { "scale_out" } else { "scale_in" };
            let of = |p: &Policy| {
                if out { p.stabilization_window.scale_out } else { p.stabilization_window.scale_in }
            };
            self.window(&format!("stabilization_window.{direction}"), out, of(a), of(b));
            let of = |p: &Policy| if out { p.cooldown.scale_out } else { p.cooldown.scale_in };
            self.cooldown(&format!("cooldown.{direction}"), out, of(a), of(b));
        }
        self.rate("rate_limit.scale_out", true, &a.rate_limit.scale_out, &b.rate_limit.scale_out);
        self.rate("rate_limit.scale_in", false, &a.rate_limit.scale_in, &b.rate_limit.scale_in);
        self.tolerance("tolerance.scale_out", true, a.tolerance.scale_out, b.tolerance.scale_out);
        self.tolerance("tolerance.scale_in", false, a.tolerance.scale_in, b.tolerance.scale_in);
        if a.anti_flap != b.anti_flap {
            let (classes, words): (&[Class], _) = if b.anti_flap {
                (&[Class::Tightens, Class::Cost], "steps in that would turn round at once are left out")
            } else {
                (
                    &[Class::Loosens, Class::Availability],
                    "nothing keeps it from removing replicas that it adds again at once",
                )
            };
            self.put("anti_flap", classes, sides(a.anti_flap, b.anti_flap), words);
        }
        self.activation(a, b);
        self.fallback(a.fallback, b.fallback);
    }

    fn window(&mut self, field: &str, out: bool, a: Duration, b: Duration) {
        if a == b {
            return;
        }
        let lean = if b < a { Lean::More } else { Lean::Less };
        let verb = if out { "grows" } else { "shrinks" };
        let words = match b {
            Duration::ZERO => format!("it {verb} at once"),
            _ => format!("it {verb} by the mildest that was proposed within {b}"),
        };
        self.put(field, leaning(out, lean), sides(a, b), words);
    }

    fn cooldown(&mut self, field: &str, out: bool, a: Option<Duration>, b: Option<Duration>) {
        if a == b {
            return;
        }
        let (x, y) = (a.unwrap_or(Duration::ZERO), b.unwrap_or(Duration::ZERO));
        let lean = if y < x { Lean::More } else { Lean::Less };
        let verb = if out { "growing" } else { "shrinking" };
        let words = match b {
            Some(b) if b > Duration::ZERO => format!("it rests for {b} after {verb}"),
            _ => format!("it does not rest after {verb}"),
        };
        self.put(field, leaning(out, lean), sides(or_none(a), or_none(b)), words);
    }

    fn rate(&mut self, field: &str, out: bool, a: &RateLimit, b: &RateLimit) {
        if a == b {
            return;
        }
        let lean = match (speed(a), speed(b)) {
            (Some(x), Some(y)) if y > x => Lean::More,
            (Some(x), Some(y)) if y < x => Lean::Less,
            _ => Lean::Unclear,
        };
        let verb = if out { "grows" } else { "shrinks" };
        let words = match (b.select, lean) {
            (Select::Disabled, _) => format!("it never {verb}"),
            (_, Lean::More) => format!("it {verb} faster"),
            (_, Lean::Less) => format!("it {verb} more slowly"),
            _ => format!("it {verb} at another pace"),
        };
        self.put(field, leaning(out, lean), sides(shown(a), shown(b)), words);
    }

    fn tolerance(&mut self, field: &str, out: bool, a: f64, b: f64) {
        if a == b {
            return;
        }
        let lean = if b < a { Lean::More } else { Lean::Less };
        let words = format!("a value up to {}% off its target changes nothing", say::number(b * 100.0));
        self.put(field, leaning(out, lean), sides(say::number(a), say::number(b)), words);
    }

    fn activation(&mut self, a: &Policy, b: &Policy) {
        const CLASSES: &[Class] = &[Class::Availability, Class::Cost];
        let above = |p: &Policy, list: &[(usize, f64)]| {
            let name = |at: usize| p.metrics.get(at).map_or("", |m| m.name.value.as_str());
            let all: Vec<String> =
                list.iter().map(|(m, v)| format!("{} > {}", name(*m), say::number(*v))).collect();
            all.join(" or ")
        };
        let shown = |p: &Policy| {
            p.activation.as_ref().map(|activation| match activation {
                Activation::When(..) => "a condition".to_string(),
                Activation::Above(list) => above(p, list),
            })
        };
        if let (Some(Activation::When(..)), Some(Activation::When(..))) = (&a.activation, &b.activation) {
            let words = "another condition wakes it from zero";
            self.function("activation", "activation", "activation", CLASSES, words);
            return;
        }
        let (x, y) = (shown(a), shown(b));
        if x == y {
            return;
        }
        let words = match (&x, &y) {
            (None, _) => "it is woken from zero by this",
            (_, None) => "nothing wakes it from zero any more",
            _ => "something else wakes it from zero",
        };
        self.put("activation", CLASSES, (x, y), words);
    }

    fn fallback(&mut self, a: Option<Fallback>, b: Option<Fallback>) {
        if a == b {
            return;
        }
        let shown = |f: Fallback| format!("{} after {}", say::replicas(f.replicas), f.after);
        let (classes, words): (&[Class], String) = match (a, b) {
            (_, None) => (
                &[Class::Loosens, Class::Availability],
                "nothing raises the count any more when metrics are lost".into(),
            ),
            (None, Some(b)) => (
                &[Class::Tightens, Class::Cost],
                format!("at least {} when metrics are lost", say::replicas(b.replicas)),
            ),
            (Some(a), Some(b)) => {
                let weaker = b.replicas < a.replicas || b.after > a.after;
                let classes: &[Class] = if weaker {
                    &[Class::Loosens, Class::Availability]
                } else {
                    &[Class::Tightens, Class::Cost]
                };
                (
                    classes,
                    format!("at least {} once metrics are lost for {}", say::replicas(b.replicas), b.after),
                )
            }
        };
        self.put("fallback", classes, (a.map(shown), b.map(shown)), words);
    }
}

/// Replicas a minute that a limit allows to 10 replicas; `None` where that cannot be compared.
fn speed(limit: &RateLimit) -> Option<f64> {
    let each = limit.limits.iter().map(|l| {
        let replicas = match l.amount {
            Amount::Replicas(n) => f64::from(n),
            Amount::Percent(p) => p / 10.0,
        };
        replicas / (l.per.seconds() / 60.0).max(f64::MIN_POSITIVE)
    });
    match limit.select {
        Select::Disabled => Some(0.0),
        Select::Max => each.reduce(f64::max),
        Select::Min => each.reduce(f64::min),
    }
}

fn shown(limit: &RateLimit) -> String {
    let each = limit.limits.iter().map(|l| match l.amount {
        Amount::Replicas(n) => format!("{n} a {}", l.per),
        Amount::Percent(p) => format!("{}% a {}", say::number(p), l.per),
    });
    let all: Vec<String> = each.collect();
    match limit.select {
        Select::Disabled => "disabled".into(),
        Select::Max if all.len() > 1 => format!("the larger of {}", all.join(", ")),
        Select::Min if all.len() > 1 => format!("the smaller of {}", all.join(", ")),
        _ => all.join(", "),
    }
}
