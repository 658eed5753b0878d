//! What a policy's functions do, as far as it can be told without running them: of each its form,
//! the condition that it is where that is plain, the hosts and secrets it uses; and where the
//! fields of the policy stand. May import: `text`, `model`, `syntax`.

use super::canonical::sha256;
use crate::model::expr::{Expr, Kind};
use crate::model::raw::{Key, Node, OutlinePolicy};
use crate::model::{Activation, Form, Policy};
use crate::syntax::Parsed;
use crate::syntax::forms::Forms;
use crate::text::{Source, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Deepest field whose place is kept: `scale_out[1].when`.
const DEEPEST: usize = 4;

/// Most places that are kept of one policy.
const MOST_PLACES: usize = 2_000;

/// What the code of a policy is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Code {
    /// Functions by the path of their field: `scale_out[1].when`, `decide`, `on.scale_out`.
    pub functions: BTreeMap<String, Function>,
    /// Where fields stand in the policy's file, by their path: `replicas.max`.
    pub places: BTreeMap<String, Span>,
    /// Digest of the form of all of the policy's files.
    pub whole: String,
    /// Hosts in texts of all of its files.
    pub hosts: BTreeSet<String>,
    /// Secrets that any of its files names.
    pub secrets: BTreeSet<String>,
}

/// A function of a policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Function {
    /// Where it stands.
    pub span: Span,
    /// What it returns, where all of that is plain from its text.
    pub exact: Option<Expr>,
    /// Digest of its form and of the form of all that it uses.
    pub form: String,
    /// Hosts in the texts that it uses.
    pub hosts: BTreeSet<String>,
    /// Secrets that it uses.
    pub secrets: BTreeSet<String>,
}

/// Files of a policy by their forms: its own first.
pub struct Files<'a> {
    /// The file that declares it.
    pub main: Forms<'a>,
    /// What it requires, in any order.
    pub modules: Vec<Forms<'a>>,
}

impl Files<'_> {
    /// The forms of all modules, as one.
    fn modules(&self) -> crate::syntax::forms::Form {
        let mut all: Vec<_> = self.modules.iter().map(Forms::file).collect();
        all.sort_by(|a, b| a.code.cmp(&b.code));
        all.into_iter().fold(Default::default(), |mut sum: crate::syntax::forms::Form, form| {
            sum.code.push('\u{3}');
            sum.code.push_str(&form.code);
            sum.hosts.extend(form.hosts);
            sum.secrets.extend(form.secrets);
            sum
        })
    }
}

/// Reads the code of a policy. Where its outline is not known (it is made by a function or a
/// loop), the whole file stands for each of its functions.
pub fn read(
    policy: &Policy,
    source: &Source,
    parsed: &Parsed,
    outline: Option<&OutlinePolicy>,
    files: &Files<'_>,
) -> Code {
    let modules = files.modules();
    let whole = files.main.file();
    let mut code = Code {
        whole: sha256(format!("{}\u{3}{}", whole.code, modules.code).as_bytes()),
        hosts: whole.hosts.union(&modules.hosts).cloned().collect(),
        secrets: whole.secrets.union(&modules.secrets).cloned().collect(),
        ..Code::default()
    };
    let outline = outline.filter(|_| *policy.source == *source.name);
    if let Some(outline) = outline {
        places(&outline.root, "", 0, &mut code.places);
    }
    for (path, span) in functions(policy, outline) {
        let known = outline.is_some() && !span.is_empty();
        let mut form = if known { files.main.at(span) } else { files.main.file() };
        if form.requires || !known {
            form.code.push_str(&modules.code);
            form.hosts.extend(modules.hosts.iter().cloned());
            form.secrets.extend(modules.secrets.iter().cloned());
        }
        let exact = parsed.functions.at(span).filter(|expr| known && is_plain(expr)).cloned();
        let function = Function {
            span,
            exact,
            form: sha256(form.code.as_bytes()),
            hosts: form.hosts,
            secrets: form.secrets,
        };
        code.functions.insert(path, function);
    }
    code
}

/// The functions of a policy by their paths, and where each stands; an empty place where that is
/// not known.
fn functions(policy: &Policy, outline: Option<&OutlinePolicy>) -> Vec<(String, Span)> {
    let root = outline.map(|outline| &outline.root);
    let at = |path: &[&str]| {
        let found = path.iter().try_fold(root?, |node, name| node.field(name))?;
        Some(found.value)
    };
    let mut all = Vec::new();
    match policy.form {
        Form::Decide(_) => all.push(("decide".into(), at(&["decide"]).unwrap_or_default())),
        Form::Script => all.push(("script".into(), Span::default())),
        Form::Rules => {}
    }
    for (list, rules) in [("scale_out", &policy.scale_out), ("scale_in", &policy.scale_in)] {
        for (number, rule) in (1u32..).zip(rules) {
            all.push((format!("{list}[{number}].when"), rule.when_span));
            if let crate::model::Action::By(_) = rule.action {
                let by = root.and_then(|r| r.field(list)?.index(number)?.field("by")).map(|node| node.value);
                all.push((format!("{list}[{number}].by"), by.unwrap_or_default()));
            }
        }
    }
    if let Some(Activation::When(_, span)) = policy.activation {
        all.push(("activation".into(), at(&["activation", "when"]).or(at(&["activation"])).unwrap_or(span)));
    }
    if policy.regions.as_ref().is_some_and(|regions| regions.failover.is_some()) {
        all.push(("regions.failover".into(), at(&["regions", "failover"]).unwrap_or_default()));
    }
    for hook in &policy.on {
        let name = hook.event.name();
        all.push((format!("on.{name}"), at(&["on", name]).unwrap_or_default()));
    }
    all
}

/// The places of a table's fields.
fn places(node: &Node, path: &str, depth: usize, out: &mut BTreeMap<String, Span>) {
    for (key, child) in &node.children {
        if out.len() >= MOST_PLACES || depth >= DEEPEST {
            return;
        }
        let path = match key {
            Key::Field(name) if path.is_empty() => name.clone(),
            Key::Field(name) => format!("{path}.{name}"),
            Key::Index(at) => format!("{path}[{at}]"),
        };
        let span = if child.value.is_empty() { child.key } else { child.value };
        out.insert(path.clone(), span);
        places(child, &path, depth + 1, out);
    }
}

/// Whether all of an expression is known.
fn is_plain(expr: &Expr) -> bool {
    let mut plain = true;
    expr.each(&mut |e| {
        plain &= !matches!(e.kind, Kind::CannotTell(_) | Kind::Required(..) | Kind::Call(..));
    });
    plain
}

impl Function {
    /// Whether it does the same as another, as far as can be told.
    pub fn same(&self, other: &Function) -> bool {
        match (&self.exact, &other.exact) {
            (Some(a), Some(b)) => alike(a, b) || self.form == other.form,
            _ => self.form == other.form,
        }
    }
}

/// Whether two expressions are the same but for their places, and for `a < b` written `b > a`.
pub fn alike(a: &Expr, b: &Expr) -> bool {
    use crate::model::script::Comparison;
    let all = |x: &[Expr], y: &[Expr]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| alike(x, y));
    let turned = |of: Comparison| match of {
        Comparison::Above => Comparison::Below,
        Comparison::Below => Comparison::Above,
        Comparison::AtLeast => Comparison::AtMost,
        Comparison::AtMost => Comparison::AtLeast,
        same => same,
    };
    match (&a.kind, &b.kind) {
        (Kind::Nil, Kind::Nil) => true,
        (Kind::Bool(x), Kind::Bool(y)) => x == y,
        (Kind::Number(x), Kind::Number(y)) => x == y || (x.is_nan() && y.is_nan()),
        (Kind::Parameter(x), Kind::Parameter(y)) => x == y,
        (Kind::Field(x, n), Kind::Field(y, m)) | (Kind::Has(x, n), Kind::Has(y, m)) => n == m && alike(x, y),
        (Kind::Arithmetic(o, x, y), Kind::Arithmetic(p, v, w)) => o == p && alike(x, v) && alike(y, w),
        (Kind::Compare(o, x, y), Kind::Compare(p, v, w)) => {
            (o == p && alike(x, v) && alike(y, w)) || (turned(*o) == *p && alike(x, w) && alike(y, v))
        }
        (Kind::And(x, y), Kind::And(v, w)) | (Kind::Or(x, y), Kind::Or(v, w)) => alike(x, v) && alike(y, w),
        (Kind::Negate(x), Kind::Negate(y)) | (Kind::Not(x), Kind::Not(y)) => alike(x, y),
        (Kind::If(a, b, c), Kind::If(x, y, z)) => alike(a, x) && alike(b, y) && alike(c, z),
        (Kind::Apply(f, x), Kind::Apply(g, y)) => f == g && all(x, y),
        _ => false,
    }
}
