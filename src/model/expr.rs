//! A function of a policy as far as its text tells: what it returns, over its parameters.
//!
//! Made by `syntax`, read by the linter's analyses. What the text does not tell stands in it as
//! [`Kind::CannotTell`], with the place and the reason, so that no analysis claims more than it
//! knows. May import: `text`, siblings.

use super::script::Comparison;
use crate::text::Span;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A place in one of several sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Name of the source.
    pub source: Arc<str>,
    /// The place in it.
    pub span: Span,
}

/// An expression and where it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// Where it stands; of a constant used by its name, where that is given its value.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// What an expression is. `and`, `or` and `if` give values, as in Lua.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// `nil`
    Nil,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// The function's parameter at this position, from 0.
    Parameter(u8),
    /// A field, by name: `m.cpu`, `ctx.replicas`.
    Field(Box<Expr>, String),
    /// `m.has("cpu")`
    Has(Box<Expr>, String),
    /// Two numbers and an operator.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// A function of `math`.
    Apply(Apply, Vec<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `a and b`
    And(Box<Expr>, Box<Expr>),
    /// `a or b`
    Or(Box<Expr>, Box<Expr>),
    /// `not a`
    Not(Box<Expr>),
    /// The second where the first holds, else the third.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// What a required module has under a dotted path; empty for the module itself.
    Required(String, String),
    /// A call of it.
    Call(String, String, Vec<Expr>),
    /// Something that only running it would tell, and why.
    CannotTell(String),
}

/// Operators of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
}

/// Functions of `math` that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Apply {
    /// `math.min`
    Min,
    /// `math.max`
    Max,
    /// `math.abs`
    Abs,
    /// `math.floor`
    Floor,
    /// `math.ceil`
    Ceil,
    /// `math.clamp(x, least, most)`; an error where `least > most`.
    Clamp,
}

impl Arithmetic {
    /// The result, as Luau has it.
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::FloorDivide => (a / b).floor(),
        }
    }
}

/// What a file's functions return, as far as its text tells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Functions {
    /// Each with the place by which an outline knows it: of the function, or of what was given for
    /// one (`when = above(0.8)`). Sorted by place.
    pub functions: Vec<(Span, Expr)>,
    /// What the file returns to who requires it, by dotted path.
    pub exports: Vec<(String, Export)>,
}

/// What a module offers under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Export {
    /// A value.
    Value(Expr),
    /// A function: what it returns.
    Function(Expr),
}

/// The most expressions that putting modules' functions in place of their calls may make.
const MOST: usize = 20_000;
/// How deep calls into modules are followed.
const DEEPEST: u32 = 8;

impl Functions {
    /// The function at a place.
    pub fn at(&self, place: Span) -> Option<&Expr> {
        self.functions.iter().find(|(span, _)| *span == place).map(|(_, expr)| expr)
    }

    /// Puts what modules offer in the place of what is required of them. Modules are the names of
    /// their sources and their functions; `lib.limits` is one whose name ends in `lib/limits.lua`.
    pub fn link(&mut self, modules: &[(Arc<str>, Functions)]) {
        let mut linker = Linker { modules, left: MOST };
        for (_, expr) in &mut self.functions {
            let linked = linker.expr(expr, None, 0);
            *expr = linked;
        }
    }
}

struct Linker<'a> {
    modules: &'a [(Arc<str>, Functions)],
    left: usize,
}

impl Linker<'_> {
    fn export(&self, module: &str, path: &str) -> Option<&Export> {
        let file = module.replace('.', "/");
        let named = |name: &str| {
            let stem = name.strip_suffix(".luau").or_else(|| name.strip_suffix(".lua")).unwrap_or(name);
            stem.strip_suffix(&file).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let (_, functions) = self.modules.iter().find(|(name, _)| named(name))?;
        functions.exports.iter().find(|(p, _)| p == path).map(|(_, export)| export)
    }

    /// The expression with its parameters given and its modules' parts put in.
    fn expr(&mut self, expr: &Expr, given: Option<&[Expr]>, depth: u32) -> Expr {
        let cannot = |why: String| Expr { at: expr.at.clone(), kind: Kind::CannotTell(why) };
        if self.left == 0 || depth > DEEPEST {
            return cannot("it is too long to follow".into());
        }
        self.left -= 1;
        let kind = match &expr.kind {
            Kind::Parameter(at) => match given {
                Some(given) => {
                    let nil = || Expr { at: expr.at.clone(), kind: Kind::Nil };
                    let given = given.get(usize::from(*at)).cloned().unwrap_or_else(nil);
                    self.left = self.left.saturating_sub(given.size());
                    return if self.left == 0 { cannot("it is too long to follow".into()) } else { given };
                }
                None => expr.kind.clone(),
            },
            Kind::Required(module, path) => match self.export(module, path).cloned() {
                Some(Export::Value(value)) => return self.expr(&value, None, depth + 1),
                Some(Export::Function(function)) if given.is_none() => {
                    // A module's function given for a condition.
                    return self.expr(&function, None, depth + 1);
                }
                _ => {
                    return cannot(format!("`{path}` of the module \"{module}\" is not plain from its text"));
                }
            },
            Kind::Call(module, path, arguments) => {
                let arguments: Vec<Expr> = arguments.iter().map(|a| self.expr(a, given, depth)).collect();
                match self.export(module, path).cloned() {
                    Some(Export::Function(body)) => return self.expr(&body, Some(&arguments), depth + 1),
                    _ => {
                        return cannot(format!(
                            "the function `{path}` of the module \"{module}\" is not plain from its text"
                        ));
                    }
                }
            }
            Kind::Field(of, name) => Kind::Field(Box::new(self.expr(of, given, depth)), name.clone()),
            Kind::Has(of, name) => Kind::Has(Box::new(self.expr(of, given, depth)), name.clone()),
            Kind::Arithmetic(op, a, b) => {
                Kind::Arithmetic(*op, self.boxed(a, given, depth), self.boxed(b, given, depth))
            }
            Kind::Compare(op, a, b) => {
                Kind::Compare(*op, self.boxed(a, given, depth), self.boxed(b, given, depth))
            }
            Kind::Negate(a) => Kind::Negate(self.boxed(a, given, depth)),
            Kind::Not(a) => Kind::Not(self.boxed(a, given, depth)),
            Kind::And(a, b) => Kind::And(self.boxed(a, given, depth), self.boxed(b, given, depth)),
            Kind::Or(a, b) => Kind::Or(self.boxed(a, given, depth), self.boxed(b, given, depth)),
            Kind::If(c, a, b) => Kind::If(
                self.boxed(c, given, depth),
                self.boxed(a, given, depth),
                self.boxed(b, given, depth),
            ),
            Kind::Apply(apply, all) => {
                Kind::Apply(*apply, all.iter().map(|a| self.expr(a, given, depth)).collect())
            }
            Kind::Nil | Kind::Bool(_) | Kind::Number(_) | Kind::CannotTell(_) => expr.kind.clone(),
        };
        Expr { at: expr.at.clone(), kind }
    }

    fn boxed(&mut self, expr: &Expr, given: Option<&[Expr]>, depth: u32) -> Box<Expr> {
        Box::new(self.expr(expr, given, depth))
    }
}

impl Expr {
    /// How many expressions it is made of, itself included.
    pub fn size(&self) -> usize {
        let mut size = 0;
        self.each(&mut |_| size += 1);
        size
    }

    /// Calls `see` with it and all that it is made of.
    pub fn each<'e>(&'e self, see: &mut dyn FnMut(&'e Expr)) {
        see(self);
        match &self.kind {
            Kind::Field(a, _) | Kind::Has(a, _) | Kind::Negate(a) | Kind::Not(a) => a.each(see),
            Kind::Arithmetic(_, a, b) | Kind::Compare(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
                a.each(see);
                b.each(see);
            }
            Kind::If(a, b, c) => [a, b, c].into_iter().for_each(|e| e.each(see)),
            Kind::Apply(_, all) | Kind::Call(_, _, all) => all.iter().for_each(|e| e.each(see)),
            _ => {}
        }
    }
}
