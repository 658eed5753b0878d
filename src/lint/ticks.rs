//! Which functions run at a tick, and as what: what a policy's `when`, `by`, `decide`, `failover`,
//! `activation` and `on` hold, and what those call by name. May import: `text`, `syntax`.

use super::Role;
use super::scopes::Scopes;
use crate::syntax::walk::{Given, name, word};
use full_moon::ast::{Call, Expression, Field, Prefix, Suffix, TableConstructor, Var};
use std::collections::BTreeSet;

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// It answers a question: `when`, `by`, `decide`, `failover`, `activation`.
    Condition,
    /// It says what else happens: a function of `on`.
    Hook,
    /// A script, at each tick.
    Script,
}

/// For each function of a file what it is at a tick; `None` where it runs at load only, as far as
/// the text tells.
#[derive(Default)]
pub struct Ticks {
    parts: Vec<Option<Part>>,
    /// The functions that the engine itself calls.
    entries: BTreeSet<usize>,
}

/// Fields that hold a condition.
const CONDITIONS: [&str; 5] = ["when", "by", "decide", "failover", "activation"];

/// Fields of `on`.
const EVENTS: [&str; 5] = ["scale_out", "scale_in", "at_max", "at_min", "metrics_lost"];

impl Ticks {
    /// Finds the functions of a file that run at a tick.
    pub fn new(scopes: &Scopes<'_>, role: Role) -> Ticks {
        let mut ticks = Ticks { parts: vec![None; scopes.functions.len()], entries: BTreeSet::new() };
        match role {
            Role::Script => ticks.parts.fill(Some(Part::Script)),
            Role::Policy | Role::Module => {
                for table in &scopes.tables {
                    ticks.fields(table, scopes);
                }
                ticks.spread(scopes);
            }
            Role::Other => {}
        }
        ticks
    }

    /// What a function is at a tick.
    pub fn part(&self, function: usize) -> Option<Part> {
        self.parts.get(function).copied().flatten()
    }

    /// Whether the engine itself calls a function.
    pub fn is_entry(&self, function: usize) -> bool {
        self.entries.contains(&function)
    }

    fn fields(&mut self, table: &TableConstructor, scopes: &Scopes<'_>) {
        for field in table.fields().iter() {
            let Field::NameKey { key, value, .. } = field else { continue };
            let key = name(key);
            if CONDITIONS.contains(&key.as_str()) {
                self.enter(value, Part::Condition, scopes);
            } else if key == "on"
                && let Expression::TableConstructor(hooks) = &**value
            {
                for hook in hooks.fields().iter() {
                    if let Field::NameKey { key, value, .. } = hook
                        && EVENTS.contains(&&*word(key))
                    {
                        self.enter(value, Part::Hook, scopes);
                    }
                }
            }
        }
    }

    fn enter(&mut self, value: &Expression, part: Part, scopes: &Scopes<'_>) {
        if let Some(function) = function(value, scopes) {
            self.set(function, part);
            self.entries.insert(function);
        }
    }

    fn set(&mut self, function: usize, part: Part) -> bool {
        match self.parts.get_mut(function) {
            Some(old @ None) => {
                *old = Some(part);
                true
            }
            _ => false,
        }
    }

    /// Goes on to what these functions call by name, and to the functions written in them.
    fn spread(&mut self, scopes: &Scopes<'_>) {
        loop {
            let mut more = false;
            for (at, function) in scopes.functions.iter().enumerate().skip(1) {
                if let Some(part) = self.part(function.parent) {
                    more |= self.set(at, part);
                }
            }
            for (call, caller) in &scopes.calls {
                let Some(part) = self.part(*caller) else { continue };
                let mut suffixes = call.suffixes();
                let (Prefix::Name(token), Some(Suffix::Call(Call::AnonymousCall(_)))) =
                    (call.prefix(), suffixes.next())
                else {
                    continue;
                };
                if let Some(called) = scopes.variable(token).and_then(|v| given(&v.given, scopes)) {
                    more |= self.set(called, part);
                }
            }
            if !more {
                return;
            }
        }
    }
}

/// The function that an expression is, or names.
fn function(e: &Expression, scopes: &Scopes<'_>) -> Option<usize> {
    match e {
        Expression::Function(_) => scopes.function_at(crate::syntax::walk::span(e)),
        Expression::Parentheses { expression, .. } => function(expression, scopes),
        Expression::Var(Var::Name(token)) => scopes.variable(token).and_then(|v| given(&v.given, scopes)),
        _ => None,
    }
}

fn given(given: &Given<'_>, scopes: &Scopes<'_>) -> Option<usize> {
    match given {
        Given::Function(span, _) => scopes.function_at(*span),
        Given::Value(e @ Expression::Function(_)) => scopes.function_at(crate::syntax::walk::span(*e)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Reading, parse_with};
    use crate::text::{LineIndex, Source};

    #[test]
    fn functions_that_a_tick_reaches_are_known() {
        let text = "local function hot(m)\n return m.cpu > 1 end\n\
            local function once()\n return 1 end\n\
            local wake = function(m)\n return hot(m) end\n\
            policy 'a' { scale_out = { { when = wake, add = once() } },\n\
            on = { at_max = function(e, act)\n act.log('x') end } }";
        let source = Source::new("x.lua", text);
        let lines = LineIndex::new(text);
        let (_, parts) = parse_with(&source, Reading::Whole, |tree| {
            let scopes = Scopes::new(tree.block, tree.text);
            let ticks = Ticks::new(&scopes, Role::Policy);
            let part =
                |(at, f): (usize, &crate::lint::scopes::Function)| (lines.line(f.span.start), ticks.part(at));
            scopes.functions.iter().enumerate().skip(1).map(part).collect::<Vec<_>>()
        });
        let expected =
            [(1, Some(Part::Condition)), (3, None), (5, Some(Part::Condition)), (8, Some(Part::Hook))];
        assert_eq!(parts.unwrap(), expected);
    }
}
