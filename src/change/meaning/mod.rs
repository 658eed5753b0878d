//! What a change of a policy means: field by field on the loaded model, in the user's numbers.
//! Code counts by what it does, so that a refactoring is no change. May import: `text`, `model`,
//! siblings.

mod guards;
mod metrics;
mod more;
mod rules;

use super::code::Code;
use super::say;
use crate::model::{Duration, Form, Mode, Policy, Replicas, Target};
use crate::text::Span;
use serde::{Deserialize, Serialize};

/// What a change is about, for who decides on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What happens outside of scaling: a hook, a secret, a host, what is scaled.
    Effects,
    /// The policy may do more than before: a bound is wider, a guard is weaker.
    Loosens,
    /// There can be less, or more, capacity when it is needed.
    Availability,
    /// It can cost more, or less.
    Cost,
    /// The policy may do less than before.
    Tightens,
    /// How it is written; it decides as before.
    Cosmetic,
}

impl Class {
    /// All of them, the weightiest first.
    pub const ALL: [Class; 6] =
        [Class::Effects, Class::Loosens, Class::Availability, Class::Cost, Class::Tightens, Class::Cosmetic];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Class::Effects => "effects",
            Class::Loosens => "loosens",
            Class::Availability => "availability",
            Class::Cost => "cost",
            Class::Tightens => "tightens",
            Class::Cosmetic => "cosmetic",
        }
    }
}

/// One change of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field: `replicas.max`, `scale_out[hot cpu].when`.
    pub field: String,
    /// What it is about; at least one.
    pub classes: Vec<Class>,
    /// What stood there; `None` where there was nothing.
    pub before: Option<String>,
    /// What stands there now; `None` where there is nothing.
    pub after: Option<String>,
    /// What it means, in a sentence without a full stop.
    pub words: String,
    /// Where it stood in the older file.
    pub before_span: Option<Span>,
    /// Where it stands in the newer file.
    pub after_span: Option<Span>,
}

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What its functions do.
    pub code: &'a Code,
}

/// The changes of a policy, in the order of the fields; none where it decides and acts as before.
pub fn compare(before: Version<'_>, after: Version<'_>) -> Vec<Change> {
    let mut diff = Diff { before, after, out: Vec::new() };
    diff.whole();
    diff.replicas("replicas", before.policy.replicas, after.policy.replicas);
    diff.metrics();
    diff.form();
    diff.rules();
    diff.guards();
    diff.more();
    diff.out
}

/// The two sides, and what was found so far.
struct Diff<'a> {
    before: Version<'a>,
    after: Version<'a>,
    out: Vec<Change>,
}

/// A range from what was to what is, as text.
type Sides = (Option<String>, Option<String>);

/// Two texts that are there.
fn sides(before: impl ToString, after: impl ToString) -> Sides {
    (Some(before.to_string()), Some(after.to_string()))
}

impl Diff<'_> {
    fn put(
        &mut self,
        field: impl Into<String>,
        classes: &[Class],
        (before, after): Sides,
        words: impl Into<String>,
    ) {
        let field = field.into();
        self.put_at(&field.clone(), (&field, &field), classes, (before, after), words);
    }

    /// A change of a field that has another path in the text, such as a rule known by its name.
    fn put_at(
        &mut self,
        field: &str,
        (old, new): (&str, &str),
        classes: &[Class],
        (before, after): Sides,
        words: impl Into<String>,
    ) {
        let before_span = place(self.before.code, old);
        let after_span = place(self.after.code, new);
        let classes = classes.to_vec();
        let field = field.to_string();
        self.out.push(Change { field, classes, before, after, words: words.into(), before_span, after_span });
    }

    /// The price of some replicas for an hour, where the newer policy names one.
    fn hourly(&self, replicas: u32) -> Option<String> {
        let cost = self.after.policy.cost.as_ref()?;
        let price = f64::from(replicas) * cost.per_replica_hour;
        Some(format!("{} {price:.2} an hour", cost.currency))
    }

    /// Name, mode, target, pace.
    fn whole(&mut self) {
        let (a, b) = (self.before.policy, self.after.policy);
        if a.name.value != b.name.value {
            self.put(
                "name",
                &[Class::Effects],
                sides(&a.name.value, &b.name.value),
                "it is known by another name: what is live under the old one is not this policy",
            );
        }
        if a.mode != b.mode {
            let name = |mode: Mode| if mode == Mode::Scale { "scale" } else { "observe" };
            let (classes, words): (&[Class], _) = match b.mode {
                Mode::Scale => {
                    (&[Class::Loosens, Class::Effects], "its decisions are carried out from now on")
                }
                Mode::Observe => {
                    (&[Class::Availability, Class::Tightens], "it decides and changes nothing any more")
                }
            };
            self.put("mode", classes, sides(name(a.mode), name(b.mode)), words);
        }
        let (before, after) = (a.target.as_ref().map(|t| &t.value), b.target.as_ref().map(|t| &t.value));
        self.target("target", before, after);
        if a.interval != b.interval {
            let words = if b.interval > a.interval {
                format!("it looks every {} instead of {}: it reacts later", b.interval, a.interval)
            } else {
                format!("it looks every {} instead of {}: it reacts sooner", b.interval, a.interval)
            };
            self.put("interval", &[Class::Availability], sides(a.interval, b.interval), words);
        }
        if a.startup != b.startup {
            let words = format!(
                "new replicas are taken to need {} until they take load, not {}",
                b.startup, a.startup
            );
            self.put("startup", &[Class::Availability], sides(a.startup, b.startup), words);
        }
    }

    fn target(&mut self, field: &str, before: Option<&Target>, after: Option<&Target>) {
        if before == after {
            return;
        }
        let shown = |target: &Target| {
            let arguments: Vec<String> = target.arguments.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{} {}", target.kind, arguments.join(" ")).trim_end().to_string()
        };
        let words = match (before, after) {
            (None, _) => "it scales something now",
            (_, None) => "it scales nothing any more",
            _ => "it scales something else",
        };
        self.put(field, &[Class::Effects, Class::Availability], (before.map(shown), after.map(shown)), words);
    }

    fn replicas(&mut self, field: &str, a: Replicas, b: Replicas) {
        self.least(&format!("{field}.min"), *a.min, *b.min);
        self.most(&format!("{field}.max"), *a.max, *b.max);
    }

    /// A floor.
    fn least(&mut self, field: &str, a: u32, b: u32) {
        if a == b {
            return;
        }
        let n = a.abs_diff(b);
        let price = self.hourly(n);
        let (classes, mut words): (&[Class], _) = if b > a {
            (&[Class::Cost, Class::Tightens], format!("at least {n} more at all times"))
        } else if b == 0 {
            (&[Class::Availability, Class::Loosens], "it may scale to zero".to_string())
        } else {
            (&[Class::Availability, Class::Loosens], format!("down to {} fewer", say::replicas(n)))
        };
        if let Some(price) = price {
            let sign = if b > a { "+" } else { "-" };
            words.push_str(&format!(", {sign}{price} {}", if b > a { "at least" } else { "at most" }));
        }
        self.put(field, classes, sides(a, b), words);
    }

    /// A ceiling.
    fn most(&mut self, field: &str, a: u32, b: u32) {
        if a == b {
            return;
        }
        let n = a.abs_diff(b);
        let price = self.hourly(n);
        let (classes, mut words): (&[Class], _) = if b > a {
            (
                &[Class::Loosens, Class::Cost],
                format!("up to {n} more replica{}", if n == 1 { "" } else { "s" }),
            )
        } else {
            (
                &[Class::Availability, Class::Tightens],
                format!("{} fewer when it is needed most", say::replicas(n)),
            )
        };
        if let Some(price) = price {
            words.push_str(&format!(", {}{price} at most", if b > a { "+" } else { "-" }));
        }
        self.put(field, classes, sides(a, b), words);
    }

    /// How it decides.
    fn form(&mut self) {
        let (a, b) = (self.before.policy.form, self.after.policy.form);
        let name = |form: Form| match form {
            Form::Rules => "rules",
            Form::Decide(_) => "a function",
            Form::Script => "a script",
        };
        if name(a) != name(b) {
            let words = format!("it decides by {} instead of {}", name(b), name(a));
            self.put("decide", &[Class::Loosens, Class::Availability], sides(name(a), name(b)), words);
            return;
        }
        let field = if matches!(b, Form::Script) { "script" } else { "decide" };
        self.function(
            field,
            field,
            field,
            &[Class::Loosens, Class::Availability],
            "the code that decides does something else",
        );
    }

    /// A function that both sides have, where it does something else.
    fn function(&mut self, field: &str, old: &str, new: &str, classes: &[Class], words: &str) -> bool {
        let pair = (self.before.code.functions.get(old), self.after.code.functions.get(new));
        let (Some(a), Some(b)) = pair else { return false };
        if a.same(b) {
            return false;
        }
        let shown = |f: &super::code::Function| f.exact.as_ref().and_then(say::expression);
        let texts = (shown(a), shown(b));
        self.put_at(field, (old, new), classes, texts, words);
        true
    }
}

/// Where a field stands: it, or the nearest table around it.
fn place(code: &Code, field: &str) -> Option<Span> {
    let mut path = field;
    loop {
        if let Some(span) = code.places.get(path) {
            return Some(*span);
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

/// A duration that may be absent.
fn or_none(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "none".into(), |d| d.to_string())
}
