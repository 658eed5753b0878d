//! Changes of what holds decisions back: windows, cooldowns, rate limits, tolerance, anti_flap,
//! activation, fallback. May import: siblings.

use super::rules::{Lean, leaning};
use super::{Class, Diff, or_none, sides};
use crate::change::say;
use crate::model::{Action, Activation, Amount, Duration, Fallback, Form, Policy, RateLimit, Select};

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
            if of(a) != of(b) {
                let implied = |p: &Policy| if out { implied(p) } else { None };
                self.cooldown(
                    &format!("cooldown.{direction}"),
                    out,
                    (of(a), implied(a)),
                    (of(b), implied(b)),
                );
            }
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

    /// Of either side what is written, and what holds where nothing is.
    fn cooldown(
        &mut self,
        field: &str,
        out: bool,
        (a, implied_a): (Option<Duration>, Option<Duration>),
        (b, implied_b): (Option<Duration>, Option<Duration>),
    ) {
        let (x, y) = (a.or(implied_a).unwrap_or(Duration::ZERO), b.or(implied_b).unwrap_or(Duration::ZERO));
        // As long as before, what is only implied holds for fewer steps.
        let lean = if y < x || (y == x && b.is_none()) { Lean::More } else { Lean::Less };
        let verb = if out { "growing" } else { "shrinking" };
        let words = match (b, y) {
            (_, Duration::ZERO) => format!("it does not rest after {verb}"),
            (Some(_), y) => format!("it rests for {y} after {verb}"),
            (None, y) => format!("it rests for its startup, {y}, after {verb} by `add` or `percent`"),
        };
        let shown = |written: Option<Duration>, implied: Option<Duration>| match (written, implied) {
            (None, Some(startup)) => format!("{startup} (startup)"),
            _ => or_none(written),
        };
        self.put(field, leaning(out, lean), sides(shown(a, implied_a), shown(b, implied_b)), words);
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

/// How long a policy without a `cooldown` rests after growing by steps that are relative to the
/// current count: they would add up while new replicas start. Code may take such steps.
fn implied(policy: &Policy) -> Option<Duration> {
    let relative =
        policy.scale_out.iter().any(|rule| matches!(rule.action, Action::Add(_) | Action::Percent(_)));
    let code = !matches!(policy.form, Form::Rules);
    ((relative || code) && policy.startup > Duration::ZERO).then_some(policy.startup)
}
