//! What is plain from a script's text: hidden engine names, and branches of constant conditions.
//!
//! May import: `text`, `model`.

use super::place;
use super::walk::{self, Declared, Given, Target, Visitor, name, word};
use crate::model::script::{Branch, Chain, Comparison, Condition, Operand, ScriptFacts};
use crate::text::Span;
use full_moon::ast::{
    BinOp, Block, Call, Expression, Field, FunctionArgs, FunctionCall, Index, Prefix, Stmt, Suffix, UnOp, Var,
};
use full_moon::tokenizer::{TokenReference, TokenType};
use std::collections::{BTreeMap, BTreeSet};

/// Names that the engine gives to a script and that it would miss.
const ENGINE: [&str; 6] = ["metrics", "replicas", "now", "scale_out", "scale_in", "set_replicas"];

/// Reads what is plain from a script.
pub fn script_facts(block: &Block) -> ScriptFacts {
    let mut facts = ScriptFacts::default();
    let mut known = Known { tables: BTreeMap::new(), numbers: BTreeMap::new(), own: BTreeSet::new() };
    let mut changed = Changed::default();
    walk::file(block, &mut changed);
    for stmt in block.stmts() {
        match stmt {
            Stmt::LocalAssignment(local) => {
                for (name, value) in local
                    .names()
                    .iter()
                    .zip(local.expressions().iter().map(Some).chain(std::iter::repeat(None)))
                {
                    known.declare(name, value, &changed, &mut facts);
                }
            }
            Stmt::ConstAssignment(local) => {
                for (name, value) in local
                    .names()
                    .iter()
                    .zip(local.expressions().iter().map(Some).chain(std::iter::repeat(None)))
                {
                    known.declare(name, value, &changed, &mut facts);
                }
            }
            Stmt::LocalFunction(function) => known.declare(function.name(), None, &changed, &mut facts),
            Stmt::FunctionDeclaration(function) => {
                let mut names = function.name().names().iter();
                if let (Some(name), None, None) = (names.next(), names.next(), function.name().method_name())
                {
                    known.declare(name, None, &changed, &mut facts);
                }
            }
            Stmt::Assignment(assignment) => {
                for var in assignment.variables() {
                    if let Var::Name(name) = var {
                        known.declare(name, None, &changed, &mut facts);
                    }
                }
            }
            _ => {}
        }
    }
    chains(block, &known, &mut facts.chains);
    facts.hidden.sort_by_key(|(_, line)| *line);
    let mut reads = Reads::default();
    walk::file(block, &mut reads);
    if !reads.hidden && !known.own.contains("metrics") {
        facts.reads = reads.names;
        facts.reads.sort_by_key(|(_, line)| *line);
    }
    facts
}

/// What is known of the script's own names.
struct Known {
    tables: BTreeMap<String, BTreeMap<String, f64>>,
    numbers: BTreeMap<String, f64>,
    own: BTreeSet<String>,
}

impl Known {
    fn declare(
        &mut self,
        name: &TokenReference,
        value: Option<&Expression>,
        changed: &Changed,
        facts: &mut ScriptFacts,
    ) {
        let text = name.token().to_string();
        if ENGINE.contains(&text.as_str()) && self.own.insert(text.clone()) {
            facts.hidden.push((text.clone(), place::line(name)));
        }
        self.own.insert(text.clone());
        // A name that is declared twice or assigned anywhere is not constant.
        let again = self.tables.remove(&text).is_some() | self.numbers.remove(&text).is_some();
        if again || changed.names.contains(&text) {
            return;
        }
        match value {
            Some(Expression::TableConstructor(table)) => {
                let mut fields = BTreeMap::new();
                for field in table.fields() {
                    if let Field::NameKey { key, value, .. } = field
                        && let Some(number) = literal(value)
                    {
                        fields.insert(key.token().to_string(), number);
                    }
                }
                self.tables.insert(text, fields);
            }
            Some(value) => {
                if let Some(number) = literal(value) {
                    self.numbers.insert(text, number);
                }
            }
            None => {}
        }
    }

    fn operand(&self, expression: &Expression) -> Operand {
        if let Some(number) = literal(expression) {
            return Operand::Number(number);
        }
        match expression {
            Expression::Parentheses { expression, .. } => self.operand(expression),
            Expression::Var(Var::Name(name)) => {
                self.numbers.get(&name.token().to_string()).map_or(Operand::Other, |n| Operand::Number(*n))
            }
            Expression::Var(Var::Expression(var)) => {
                let mut suffixes = var.suffixes();
                let (Prefix::Name(name), Some(Suffix::Index(index)), None) =
                    (var.prefix(), suffixes.next(), suffixes.next())
                else {
                    return Operand::Other;
                };
                let Some(field) = field(index) else { return Operand::Other };
                let name = name.token().to_string();
                match self.tables.get(&name) {
                    Some(fields) => fields.get(&field).map_or(Operand::Other, |n| Operand::Number(*n)),
                    None if name == "metrics" && !self.own.contains("metrics") => Operand::Metric(field),
                    None => Operand::Other,
                }
            }
            _ => Operand::Other,
        }
    }

    fn condition(&self, expression: &Expression) -> Condition {
        match expression {
            Expression::Parentheses { expression, .. } => self.condition(expression),
            Expression::UnaryOperator { unop: UnOp::Not(_), expression } => {
                Condition::Not(Box::new(self.condition(expression)))
            }
            Expression::BinaryOperator { lhs, binop, rhs } => {
                let comparison = match binop {
                    BinOp::And(_) => {
                        return Condition::And(Box::new(self.condition(lhs)), Box::new(self.condition(rhs)));
                    }
                    BinOp::Or(_) => {
                        return Condition::Or(Box::new(self.condition(lhs)), Box::new(self.condition(rhs)));
                    }
                    BinOp::GreaterThan(_) => Comparison::Above,
                    BinOp::GreaterThanEqual(_) => Comparison::AtLeast,
                    BinOp::LessThan(_) => Comparison::Below,
                    BinOp::LessThanEqual(_) => Comparison::AtMost,
                    BinOp::TwoEqual(_) => Comparison::Equal,
                    BinOp::TildeEqual(_) => Comparison::Unequal,
                    _ => return Condition::Opaque,
                };
                Condition::Compare(self.operand(lhs), comparison, self.operand(rhs))
            }
            _ => Condition::Opaque,
        }
    }
}

/// Names that are assigned, or whose fields are, after their declaration.
#[derive(Default)]
struct Changed {
    names: BTreeSet<String>,
}

impl<'t> Visitor<'t> for Changed {
    fn open(&mut self, _: Option<Span>) {}

    fn close(&mut self) {}

    fn declare(&mut self, _: &'t TokenReference, _: Declared, _: Given<'t>) {}

    fn assign(&mut self, target: Target<'t>, _: Given<'t>) {
        let token = match target {
            Target::Name(token) => Some(token),
            Target::Inside(inside) => match inside.prefix() {
                Prefix::Name(token) => Some(token),
                _ => None,
            },
        };
        self.names.extend(token.map(name));
    }

    // A table that is handed to a function may come back changed.
    fn call(&mut self, call: &'t FunctionCall) {
        for suffix in call.suffixes() {
            let arguments = match suffix {
                Suffix::Call(Call::AnonymousCall(arguments)) => arguments,
                Suffix::Call(Call::MethodCall(method)) => method.args(),
                _ => continue,
            };
            if let FunctionArgs::Parentheses { arguments, .. } = arguments {
                for argument in arguments {
                    if let Expression::Var(Var::Name(token)) = argument {
                        self.names.insert(name(token));
                    }
                }
            }
        }
    }

    fn follow(&mut self, _: &'t TokenReference, _: &[&'t Suffix]) {}
}

/// The metrics that are read by name. Where any scope has a `metrics` of its own, nothing is
/// said, since it may be that one which is read.
#[derive(Default)]
struct Reads {
    names: Vec<(String, u32)>,
    hidden: bool,
}

impl<'t> Visitor<'t> for Reads {
    fn open(&mut self, _: Option<Span>) {}

    fn close(&mut self) {}

    fn declare(&mut self, token: &'t TokenReference, _: Declared, _: Given<'t>) {
        self.hidden |= word(token) == "metrics";
    }

    fn assign(&mut self, target: Target<'t>, _: Given<'t>) {
        let token = match target {
            Target::Name(token) => Some(token),
            Target::Inside(inside) => match inside.prefix() {
                Prefix::Name(token) => Some(token),
                _ => None,
            },
        };
        self.hidden |= token.is_some_and(|token| word(token) == "metrics");
    }

    fn call(&mut self, _: &'t FunctionCall) {}

    fn follow(&mut self, token: &'t TokenReference, suffixes: &[&'t Suffix]) {
        if word(token) != "metrics" {
            return;
        }
        if let Some(Suffix::Index(index)) = suffixes.first()
            && let Some(metric) = field(index)
            && !self.names.iter().any(|(known, _)| *known == metric)
        {
            self.names.push((metric, place::line(token)));
        }
    }
}

/// The name that an index gives, where it is written there.
fn field(index: &Index) -> Option<String> {
    match index {
        Index::Dot { name, .. } => Some(name.token().to_string()),
        Index::Brackets { expression, .. } => string(expression),
        _ => None,
    }
}

fn chains(block: &Block, known: &Known, into: &mut Vec<Chain>) {
    for stmt in block.stmts() {
        match stmt {
            Stmt::If(statement) => {
                let mut branches = vec![branch(statement.condition(), known)];
                for other in statement.else_if().into_iter().flatten() {
                    branches.push(branch(other.condition(), known));
                }
                into.push(Chain { branches, has_else: statement.else_block().is_some() });
            }
            Stmt::Do(inner) => chains(inner.block(), known, into),
            _ => {}
        }
    }
}

fn branch(condition: &Expression, known: &Known) -> Branch {
    let line = place::first(condition).map_or(0, place::line);
    let text: Vec<String> = condition.to_string().split_whitespace().map(str::to_owned).collect();
    Branch { line, text: text.join(" "), condition: known.condition(condition) }
}

/// A number as it is written.
fn literal(expression: &Expression) -> Option<f64> {
    match expression {
        Expression::Number(token) => match token.token_type() {
            TokenType::Number { text } => text.as_str().replace('_', "").parse().ok(),
            _ => None,
        },
        Expression::UnaryOperator { unop: UnOp::Minus(_), expression } => literal(expression).map(|n| -n),
        Expression::Parentheses { expression, .. } => literal(expression),
        _ => None,
    }
}

fn string(expression: &Expression) -> Option<String> {
    match expression {
        Expression::String(token) => match token.token_type() {
            TokenType::StringLiteral { literal, .. } => Some(literal.to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::syntax::parse;
    use crate::text::Source;

    fn notes(text: &str) -> Vec<String> {
        parse(&Source::new("s.lua", text)).facts.notes(&["cpu", "memory"])
    }

    const CLASSIC: &str = "local metrics = {cpu = 0.8, memory = 0.6}\n\
        local function scale_out() print(\"scaling out\") end\n\
        local function scale_in() print(\"scaling in\") end\n\
        if metrics.cpu > 0.8 then\n  scale_out()\nelseif metrics.memory < 0.5 then\n  scale_in()\nend\n";

    #[test]
    fn the_classic_script_says_why_nothing_happens() {
        let notes = notes(CLASSIC);
        assert_eq!(notes.len(), 2, "{notes:#?}");
        assert!(
            notes[0].contains("`metrics` (line 1), `scale_out` (line 2), `scale_in` (line 3)"),
            "{}",
            notes[0]
        );
        assert!(notes[0].contains("nothing could ever scale"), "{}", notes[0]);
        assert!(notes[1].contains("line 4: `metrics.cpu > 0.8`: 0.8 is not above 0.8"), "{}", notes[1]);
        assert!(notes[1].contains("line 6: `metrics.memory < 0.5`: 0.6 is not below 0.5"), "{}", notes[1]);
    }

    #[test]
    fn a_metric_that_nothing_declares_is_named_with_its_line_and_the_way_out() {
        let text = "local hot = 0.8\nif metrics.cpu > hot or metrics[\"queue\"] > 3 then\n\
            if metrics.queue > 9 then scale_out(2) end\nend\nlocal function f() return metrics.p95 end\n";
        let told = notes(text);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(
            told[0].starts_with("it reads metrics.queue (line 2), metrics.p95 (line 5), which"),
            "{told:?}"
        );
        assert!(told[0].contains("`policies:` in luascale.yaml"), "{told:?}");
        assert_eq!(notes("if metrics.cpu > 0.8 then scale_out() end"), Vec::<String>::new());
        // It may be the script's own that is read.
        assert_eq!(notes("local function f(metrics) return metrics.queue end"), Vec::<String>::new());
    }

    #[test]
    fn a_branch_that_is_taken_or_may_be_is_not_denied() {
        assert_eq!(notes(&CLASSIC.replace("cpu = 0.8,", "cpu = 0.81,")).len(), 1);
        // Changed later, handed out, or not the script's own: nothing is constant.
        for text in [
            "local t = {cpu = 0.8}\nt.cpu = 0.9\nif t.cpu > 0.8 then scale_out() end",
            "local t = {cpu = 0.8}\nfill(t)\nif t.cpu > 0.8 then scale_out() end",
            "local t = 0.8\nt += 1\nif t > 0.8 then scale_out() end",
            "if metrics.cpu > 0.8 then scale_out() end",
            "local t = 0.8\nif t > 0.8 then scale_out() else scale_in() end",
        ] {
            assert_eq!(notes(text), Vec::<String>::new(), "{text}");
        }
    }
}
