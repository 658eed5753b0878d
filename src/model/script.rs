//! What is plain from a script's text: which of the engine's names it hides, and its branches.
//!
//! A dry-run tells with it why a script did nothing. May import: nothing of this crate.

use serde::{Deserialize, Serialize};

/// What is plain from a script's text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScriptFacts {
    /// Engine names that the script defines itself, and the line, in the order of lines.
    pub hidden: Vec<(String, u32)>,
    /// Its `if` statements outside of functions, in order.
    pub chains: Vec<Chain>,
    /// The engine's metrics that it reads by name, and the line of the first read, in the order
    /// of lines.
    pub reads: Vec<(String, u32)>,
}

/// One `if … elseif … else … end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Its conditions, in order.
    pub branches: Vec<Branch>,
    /// Whether it has an `else`.
    pub has_else: bool,
}

/// A condition and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Line of the condition.
    pub line: u32,
    /// The condition, as it is written.
    pub text: String,
    /// What it says.
    pub condition: Condition,
}

/// A condition, as far as it is understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// A comparison.
    Compare(Operand, Comparison, Operand),
    /// `a and b`
    And(Box<Condition>, Box<Condition>),
    /// `a or b`
    Or(Box<Condition>, Box<Condition>),
    /// `not a`
    Not(Box<Condition>),
    /// Anything else.
    Opaque,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operand {
    /// A number, written there or held by a local that never changes.
    Number(f64),
    /// A metric of the engine.
    Metric(String),
    /// Anything else.
    Other,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `~=`
    Unequal,
}

impl Comparison {
    /// Whether it holds between two numbers.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Above => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Below => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Equal => left == right,
            Comparison::Unequal => left != right,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Comparison::Above => "above",
            Comparison::AtLeast => "at least",
            Comparison::Below => "below",
            Comparison::AtMost => "at most",
            Comparison::Equal => "equal to",
            Comparison::Unequal => "different from",
        }
    }
}

impl Condition {
    /// Whether it holds, and the comparison that decided it in words (`0.8 is not above 0.8`).
    /// `None` where it cannot be told. `metric` gives a metric's value; NaN is none.
    pub fn evaluate(&self, metric: &dyn Fn(&str) -> Option<f64>) -> Option<(bool, String)> {
        match self {
            Condition::Opaque => None,
            Condition::Not(inner) => inner.evaluate(metric).map(|(holds, why)| (!holds, why)),
            Condition::And(left, right) => match (left.evaluate(metric), right.evaluate(metric)) {
                (Some((false, why)), _) | (Some((true, _)), Some((false, why))) => Some((false, why)),
                (Some((true, a)), Some((true, b))) => Some((true, format!("{a} and {b}"))),
                _ => None,
            },
            Condition::Or(left, right) => match (left.evaluate(metric), right.evaluate(metric)) {
                (Some((true, why)), _) | (Some((false, _)), Some((true, why))) => Some((true, why)),
                (Some((false, a)), Some((false, b))) => Some((false, format!("{a} and {b}"))),
                _ => None,
            },
            Condition::Compare(left, comparison, right) => {
                let number = |operand: &Operand| match operand {
                    Operand::Number(n) => Some(*n),
                    Operand::Metric(name) => metric(name).filter(|n| !n.is_nan()),
                    Operand::Other => None,
                };
                let (left, right) = (number(left)?, number(right)?);
                let holds = comparison.holds(left, right);
                let not = if holds { "" } else { "not " };
                Some((holds, format!("{left} is {not}{} {right}", comparison.words())))
            }
        }
    }

    /// Whether it reads nothing that changes from tick to tick.
    pub fn is_constant(&self) -> bool {
        match self {
            Condition::Compare(left, _, right) => {
                matches!((left, right), (Operand::Number(_), Operand::Number(_)))
            }
            Condition::And(left, right) | Condition::Or(left, right) => {
                left.is_constant() && right.is_constant()
            }
            Condition::Not(inner) => inner.is_constant(),
            Condition::Opaque => false,
        }
    }
}

impl Chain {
    /// Whether no branch can be taken whatever is measured, and why, a sentence a branch.
    pub fn never_taken(&self) -> Option<Vec<String>> {
        if self.has_else {
            return None;
        }
        self.branches
            .iter()
            .map(|branch| {
                let known = branch.condition.is_constant();
                match branch.condition.evaluate(&|_| None) {
                    Some((false, why)) if known => {
                        Some(format!("line {}: `{}`: {why}", branch.line, branch.text))
                    }
                    _ => None,
                }
            })
            .collect()
    }
}

impl ScriptFacts {
    /// What a reader of a dry-run must know of the script, most important first; `declared` are
    /// the names of the metrics that its entry declares.
    pub fn notes(&self, declared: &[&str]) -> Vec<String> {
        let mut notes = Vec::new();
        let undeclared: Vec<String> = self
            .reads
            .iter()
            .filter(|(name, _)| !declared.contains(&name.as_str()))
            .map(|(name, line)| format!("metrics.{name} (line {line})"))
            .collect();
        if !undeclared.is_empty() {
            let one = undeclared.len() == 1;
            let (has, them) = if one { ("has", "it") } else { ("have", "them") };
            notes.push(format!(
                "it reads {}, which nothing declares and which {has} no value: declare {them} under `metrics:` in the script's entry under `policies:` in luascale.yaml",
                undeclared.join(", ")
            ));
        }
        if !self.hidden.is_empty() {
            let list: Vec<String> =
                self.hidden.iter().map(|(name, line)| format!("`{name}` (line {line})")).collect();
            let own = if list.len() == 1 { "its own name hides" } else { "its own names hide" };
            let reads = self.hidden.iter().any(|(name, _)| name == "metrics");
            let acts =
                self.hidden.iter().any(|(name, _)| name != "metrics" && name != "replicas" && name != "now");
            let so = match (reads, acts) {
                (true, true) => {
                    "it reads nothing that is measured and calls nothing that scales, so nothing could ever scale"
                }
                (true, false) => "it reads nothing that is measured, so it decides the same at every tick",
                (false, true) => {
                    "a call of them is a call of the script's own function, which scales nothing"
                }
                (false, false) => "it does not see the engine's values of them",
            };
            notes.push(format!("{own} the engine's metrics and functions: {}; {so}", list.join(", ")));
        }
        for chain in &self.chains {
            if let Some(why) = chain.never_taken() {
                notes.push(format!("no branch is taken: {}", why.join("; ")));
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(left: f64, right: f64) -> Condition {
        Condition::Compare(Operand::Number(left), Comparison::Above, Operand::Number(right))
    }

    fn chain(condition: Condition) -> Chain {
        Chain { branches: vec![Branch { line: 3, text: "c".into(), condition }], has_else: false }
    }

    #[test]
    fn a_branch_that_is_never_taken_says_why() {
        assert_eq!(
            chain(above(0.8, 0.8)).never_taken(),
            Some(vec!["line 3: `c`: 0.8 is not above 0.8".into()])
        );
        assert_eq!(chain(above(0.81, 0.8)).never_taken(), None);
        assert_eq!(chain(Condition::Opaque).never_taken(), None);
        assert_eq!(Chain { has_else: true, ..chain(above(0.8, 0.8)) }.never_taken(), None);
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        let metric =
            Condition::Compare(Operand::Metric("cpu".into()), Comparison::Above, Operand::Number(0.5));
        assert_eq!(metric.evaluate(&|_| Some(f64::NAN)), None);
        assert_eq!(metric.evaluate(&|_| Some(0.7)).map(|(holds, _)| holds), Some(true));
        let both = Condition::And(Box::new(above(1.0, 2.0)), Box::new(Condition::Opaque));
        assert_eq!(both.evaluate(&|_| None).map(|(holds, _)| holds), Some(false));
        let either = Condition::Or(Box::new(above(1.0, 2.0)), Box::new(Condition::Opaque));
        assert_eq!(either.evaluate(&|_| None), None);
        assert_eq!(Condition::Not(Box::new(Condition::Opaque)).evaluate(&|_| None), None);
    }
}
