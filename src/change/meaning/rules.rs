//! Changes of `scale_out` and `scale_in`: rules are known by their names. May import: siblings.

use super::{Class, Diff, or_none, sides};
use crate::change::code::Function;
use crate::change::say;
use crate::model::expr::{Expr, Kind};
use crate::model::script::Comparison;
use crate::model::{Action, Duration, Rule};

/// Whether something happens more or less readily than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lean {
    More,
    Less,
    Unclear,
}

/// What a rule that acts more (or less) readily is about.
pub(super) fn leaning(out: bool, lean: Lean) -> &'static [Class] {
    match (out, lean) {
        (true, Lean::More) => &[Class::Loosens, Class::Cost],
        (true, Lean::Less) => &[Class::Availability, Class::Tightens],
        (true, Lean::Unclear) => &[Class::Availability, Class::Cost],
        (false, Lean::More) => &[Class::Loosens, Class::Availability],
        (false, Lean::Less) => &[Class::Cost, Class::Tightens],
        (false, Lean::Unclear) => &[Class::Availability, Class::Cost],
    }
}

impl Diff<'_> {
    pub(super) fn rules(&mut self) {
        let (a, b) = (self.before.policy, self.after.policy);
        self.list("scale_out", true, &a.scale_out, &b.scale_out);
        self.list("scale_in", false, &a.scale_in, &b.scale_in);
    }

    fn list(&mut self, list: &str, out: bool, before: &[Rule], after: &[Rule]) {
        let pairs = paired(before, after);
        let verb = if out { "adds" } else { "removes" };
        for (a, b) in pairs {
            match (a, b) {
                (Some(i), Some(j)) => {
                    if let (Some(a), Some(b)) = (before.get(i), after.get(j)) {
                        self.rule(list, out, (i, a), (j, b));
                    }
                }
                (Some(i), None) => {
                    let Some(rule) = before.get(i) else { continue };
                    let words = format!("the rule that {verb} {} is gone", amount(rule.action, out));
                    let text = self.shown(&self.before.code.functions, list, i, rule, out);
                    let field = format!("{list}[{}]", rule.name);
                    let path = format!("{list}[{}]", i + 1);
                    self.put_at(&field, (&path, list), leaning(out, Lean::Less), (Some(text), None), words);
                }
                (None, Some(j)) => {
                    let Some(rule) = after.get(j) else { continue };
                    let words = format!("a new rule {verb} {}", amount(rule.action, out));
                    let text = self.shown(&self.after.code.functions, list, j, rule, out);
                    let field = format!("{list}[{}]", rule.name);
                    let path = format!("{list}[{}]", j + 1);
                    self.put_at(&field, (list, &path), leaning(out, Lean::More), (None, Some(text)), words);
                }
                (None, None) => {}
            }
        }
    }

    /// A rule in one line: `cpu > 0.8 for 5m: add 2`.
    fn shown(
        &self,
        functions: &std::collections::BTreeMap<String, Function>,
        list: &str,
        at: usize,
        rule: &Rule,
        out: bool,
    ) -> String {
        let when = functions.get(&format!("{list}[{}].when", at + 1));
        let when = when.and_then(|f| f.exact.as_ref()).and_then(say::expression);
        let held = match rule.sustained_for {
            Duration::ZERO => String::new(),
            held => format!(" for {held}"),
        };
        format!("{}{held}: {}", when.as_deref().unwrap_or("a condition"), action(rule.action, out))
    }

    fn rule(&mut self, list: &str, out: bool, (i, a): (usize, &Rule), (j, b): (usize, &Rule)) {
        let field = |part: &str| format!("{list}[{}].{part}", b.name);
        let old = |part: &str| format!("{list}[{}].{part}", i + 1);
        let new = |part: &str| format!("{list}[{}].{part}", j + 1);
        let put = |diff: &mut Self, part: &str, lean, texts, words: String| {
            diff.put_at(&field(part), (&old(part), &new(part)), leaning(out, lean), texts, words);
        };
        if a.name != b.name {
            let words = "the rule has another name and does the same";
            let texts = sides(&a.name, &b.name);
            self.put_at(&field("name"), (&old("name"), &new("name")), &[Class::Cosmetic], texts, words);
        }
        self.condition(&field("when"), (&old("when"), &new("when")), out);
        if a.sustained_for != b.sustained_for {
            let (lean, how) = if b.sustained_for < a.sustained_for {
                (Lean::More, "sooner")
            } else {
                (Lean::Less, "later")
            };
            let words = format!("it acts {how}: the condition must hold for {}", b.sustained_for);
            put(self, "sustained_for", lean, sides(a.sustained_for, b.sustained_for), words);
        }
        if !same_action(a.action, b.action) {
            let lean = more(a.action, b.action);
            let verb = if out { "adds" } else { "removes" };
            let words =
                format!("each time it {verb} {}, not {}", amount(b.action, out), amount(a.action, out));
            let part = match b.action {
                Action::Add(_) => "add",
                Action::Percent(_) => "percent",
                Action::To(_) => "to",
                Action::Remove(_) => "remove",
                Action::By(_) => "by",
            };
            put(self, part, lean, sides(action(a.action, out), action(b.action, out)), words);
        } else if matches!(b.action, Action::By(_)) {
            let words = "how many it asks for is computed otherwise";
            self.function(&field("by"), &old("by"), &new("by"), leaning(out, Lean::Unclear), words);
        }
        if a.cooldown != b.cooldown {
            let zero = Duration::ZERO;
            let (x, y) = (a.cooldown.unwrap_or(zero), b.cooldown.unwrap_or(zero));
            let lean = if y < x { Lean::More } else { Lean::Less };
            let words = format!("after it has acted it rests for {}", or_none(b.cooldown));
            put(self, "cooldown", lean, sides(or_none(a.cooldown), or_none(b.cooldown)), words);
        }
    }

    /// A condition, where it does something else.
    fn condition(&mut self, field: &str, (old, new): (&str, &str), out: bool) {
        let pair = (self.before.code.functions.get(old), self.after.code.functions.get(new));
        let (Some(a), Some(b)) = pair else { return };
        let lean = match (&a.exact, &b.exact) {
            (Some(a), Some(b)) => lean(a, b),
            _ => Lean::Unclear,
        };
        let acts = if out { "adds replicas" } else { "removes replicas" };
        let words = match lean {
            Lean::More => format!("it {acts} sooner"),
            Lean::Less => format!("it {acts} later"),
            Lean::Unclear => format!("it {acts} on another condition"),
        };
        self.function(field, old, new, leaning(out, lean), &words);
    }
}

/// Rules of both sides, paired by name; those without one of their own, and renamed ones, by
/// what they are: the same condition's place in the list. In the order of the newer side, what
/// is gone at the end.
fn paired(before: &[Rule], after: &[Rule]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut free: Vec<usize> = (0..before.len()).collect();
    let mut pairs: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    for (j, rule) in after.iter().enumerate() {
        let found = free.iter().position(|i| before.get(*i).is_some_and(|r| r.name == rule.name));
        pairs.push((found.map(|at| free.remove(at)), Some(j)));
    }
    // A renamed rule: the one left over at the same place, doing the same.
    for (a, b) in &mut pairs {
        let (None, Some(j)) = (&a, *b) else { continue };
        let Some(rule) = after.get(j) else { continue };
        let same = |r: &Rule| same_action(r.action, rule.action) && r.sustained_for == rule.sustained_for;
        if let Some(at) = free.iter().position(|i| *i == j && before.get(*i).is_some_and(same)) {
            *a = Some(free.remove(at));
        }
    }
    pairs.extend(free.into_iter().map(|i| (Some(i), None)));
    pairs
}

fn same_action(a: Action, b: Action) -> bool {
    match (a, b) {
        (Action::By(_), Action::By(_)) => true,
        _ => a == b,
    }
}

/// Whether the second does more.
fn more(a: Action, b: Action) -> Lean {
    let order = match (a, b) {
        (Action::Add(a), Action::Add(b)) | (Action::Remove(a), Action::Remove(b)) => b.cmp(&a),
        (Action::Percent(a), Action::Percent(b)) => b.total_cmp(&a),
        _ => return Lean::Unclear,
    };
    if order.is_gt() { Lean::More } else { Lean::Less }
}

fn action(action: Action, out: bool) -> String {
    match action {
        Action::Add(n) => format!("add {n}"),
        Action::Percent(p) => format!("{}{}%", if out { "+" } else { "-" }, say::number(p)),
        Action::To(n) => format!("to {n}"),
        Action::Remove(n) => format!("remove {n}"),
        Action::By(_) => "what a function says".into(),
    }
}

fn amount(action: Action, _out: bool) -> String {
    match action {
        Action::Add(n) | Action::Remove(n) => say::replicas(n),
        Action::Percent(p) => format!("{}%", say::number(p)),
        Action::To(n) => format!("what is missing to {n}"),
        Action::By(_) => "what a function says".into(),
    }
}

/// Whether the second condition is true more readily, where they differ in thresholds alone.
fn lean(a: &Expr, b: &Expr) -> Lean {
    let mut found: Vec<Lean> = Vec::new();
    if !walk(a, b, false, &mut found) {
        return match (&a.kind, &b.kind) {
            // One more demand, or one more way.
            (_, Kind::And(x, y)) if same(a, x) || same(a, y) => Lean::Less,
            (Kind::And(x, y), _) if same(b, x) || same(b, y) => Lean::More,
            (_, Kind::Or(x, y)) if same(a, x) || same(a, y) => Lean::More,
            (Kind::Or(x, y), _) if same(b, x) || same(b, y) => Lean::Less,
            _ => Lean::Unclear,
        };
    }
    match found.first() {
        Some(first) if found.iter().all(|l| l == first) => *first,
        _ => Lean::Unclear,
    }
}

fn same(a: &Expr, b: &Expr) -> bool {
    crate::change::code::alike(a, b)
}

/// Goes through two expressions of one shape; false where they have another.
fn walk(a: &Expr, b: &Expr, negated: bool, found: &mut Vec<Lean>) -> bool {
    if same(a, b) {
        return true;
    }
    let toward = |more: bool| if more != negated { Lean::More } else { Lean::Less };
    match (&a.kind, &b.kind) {
        (Kind::And(x, y), Kind::And(v, w)) | (Kind::Or(x, y), Kind::Or(v, w)) => {
            walk(x, v, negated, found) && walk(y, w, negated, found)
        }
        (Kind::Not(x), Kind::Not(y)) => walk(x, y, !negated, found),
        (Kind::Compare(o, x, y), Kind::Compare(p, v, w)) => {
            let strict = |of: Comparison| matches!(of, Comparison::Above | Comparison::Below);
            let up = |of: Comparison| match of {
                Comparison::Above | Comparison::AtLeast => Some(true),
                Comparison::Below | Comparison::AtMost => Some(false),
                Comparison::Equal | Comparison::Unequal => None,
            };
            let (Some(up), Some(other)) = (up(*o), up(*p)) else { return false };
            if up != other {
                return false;
            }
            if o != p {
                // `>` became `>=`, or the other way.
                found.push(toward(strict(*o)));
            }
            match (&x.kind, &y.kind, &v.kind, &w.kind) {
                (_, Kind::Number(s), _, Kind::Number(t)) if same(x, v) => {
                    if s != t {
                        found.push(toward((t < s) == up));
                    }
                    true
                }
                (Kind::Number(s), _, Kind::Number(t), _) if same(y, w) => {
                    if s != t {
                        found.push(toward((t > s) == up));
                    }
                    true
                }
                _ => false,
            }
        }
        _ => false,
    }
}
