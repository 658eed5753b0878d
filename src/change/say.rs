//! Conditions and numbers in words: `cpu > 0.8 and p95 < 0.2`. May import: `model`.

use crate::model::expr::{Apply, Arithmetic, Expr, Kind};
use crate::model::script::Comparison;

/// Longest condition that is written out, in characters.
const LONGEST: usize = 160;

/// A number with at most four decimals.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "none".into();
    }
    if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        return format!("{value:e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `1 replica`, `2 replicas`.
pub fn replicas(n: u32) -> String {
    if n == 1 { "1 replica".into() } else { format!("{n} replicas") }
}

/// By how much a number changes, in percent: `25% more`, `half`; of what was 0, nothing.
pub fn by(before: f64, after: f64) -> Option<String> {
    if !(before.is_finite() && after.is_finite()) || before <= 0.0 || before == after {
        return None;
    }
    let percent = (after / before - 1.0) * 100.0;
    let size =
        if percent.abs() >= 10.0 { percent.abs().round() } else { (percent.abs() * 10.0).round() / 10.0 };
    Some(format!("{}% {}", number(size), if percent > 0.0 { "more" } else { "less" }))
}

/// A condition or a value, as one would say it; `None` where it is too long.
pub fn expression(expr: &Expr) -> Option<String> {
    if expr.size() > 60 {
        return None;
    }
    let mut out = String::new();
    write(expr, 0, &mut out);
    (out.chars().count() <= LONGEST).then_some(out)
}

fn sign(of: Comparison) -> &'static str {
    match of {
        Comparison::Above => ">",
        Comparison::AtLeast => ">=",
        Comparison::Below => "<",
        Comparison::AtMost => "<=",
        Comparison::Equal => "==",
        Comparison::Unequal => "~=",
    }
}

/// Writes an expression; `around` is how strongly what is around it binds.
fn write(expr: &Expr, around: u8, out: &mut String) {
    let strength = match &expr.kind {
        Kind::Or(..) => 1,
        Kind::And(..) => 2,
        Kind::Compare(..) => 3,
        Kind::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 4,
        Kind::Arithmetic(..) => 5,
        Kind::Not(_) | Kind::Negate(_) => 6,
        Kind::If(..) => 0,
        _ => 9,
    };
    let closed = strength < around;
    if closed {
        out.push('(');
    }
    let two = |sign: &str, a: &Expr, b: &Expr, out: &mut String| {
        write(a, strength, out);
        out.push_str(&format!(" {sign} "));
        write(b, strength + 1, out);
    };
    match &expr.kind {
        Kind::Nil => out.push_str("nil"),
        Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Number(n) => out.push_str(&number(*n)),
        // The metrics come first and are known by their own names.
        Kind::Parameter(0) => out.push_str("metrics"),
        Kind::Parameter(_) => out.push_str("ctx"),
        Kind::Field(of, name) => {
            if !matches!(of.kind, Kind::Parameter(0)) {
                write(of, 9, out);
                out.push('.');
            }
            out.push_str(name);
        }
        Kind::Has(_, name) => out.push_str(&format!("has {name}")),
        Kind::Arithmetic(op, a, b) => {
            let sign = match op {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
                Arithmetic::FloorDivide => "//",
            };
            two(sign, a, b, out);
        }
        Kind::Compare(op, a, b) => two(sign(*op), a, b, out),
        Kind::And(a, b) => two("and", a, b, out),
        Kind::Or(a, b) => two("or", a, b, out),
        Kind::Negate(a) => {
            out.push('-');
            write(a, strength, out);
        }
        Kind::Not(a) => {
            out.push_str("not ");
            write(a, strength, out);
        }
        Kind::If(c, a, b) => {
            out.push_str("if ");
            write(c, 1, out);
            out.push_str(" then ");
            write(a, 1, out);
            out.push_str(" else ");
            write(b, 1, out);
        }
        Kind::Apply(apply, all) => {
            out.push_str(match apply {
                Apply::Min => "min(",
                Apply::Max => "max(",
                Apply::Abs => "abs(",
                Apply::Floor => "floor(",
                Apply::Ceil => "ceil(",
                Apply::Clamp => "clamp(",
            });
            for (at, one) in all.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(one, 0, out);
            }
            out.push(')');
        }
        Kind::Required(module, path) | Kind::Call(module, path, _) => {
            out.push_str(&format!("{module}.{path}"))
        }
        Kind::CannotTell(_) => out.push('…'),
    }
    if closed {
        out.push(')');
    }
}
