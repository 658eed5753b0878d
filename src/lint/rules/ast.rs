//! What several rules ask of the tree. May import: `lint`'s own modules, `text`, `model`, `syntax`.

use crate::lint::TreeView;
use crate::lint::scopes::How;
use crate::model::finding::{Edit, Fix};
use crate::syntax::literal;
use crate::syntax::walk::{Given, name, span, word};
use crate::text::Span;
use full_moon::ast::{
    BinOp, Call, Expression, FunctionArgs, FunctionCall, Index, Prefix, Suffix, UnOp, Var, VarExpression,
};
use full_moon::tokenizer::TokenReference;

/// An expression without the parentheses and type assertions around it.
pub fn plain(e: &Expression) -> &Expression {
    match e {
        Expression::Parentheses { expression, .. } | Expression::TypeAssertion { expression, .. } => {
            plain(expression)
        }
        _ => e,
    }
}

/// The number that an expression is, as written.
pub fn number(e: &Expression) -> Option<f64> {
    match plain(e) {
        Expression::Number(token) => literal::number(&word(token)),
        Expression::UnaryOperator { unop: UnOp::Minus(_), expression } => number(expression).map(|n| -n),
        _ => None,
    }
}

/// Whether an expression is `0 / 0`.
pub fn is_nan(e: &Expression) -> bool {
    match plain(e) {
        Expression::BinaryOperator { lhs, binop: BinOp::Slash(_), rhs } => {
            number(lhs) == Some(0.0) && number(rhs) == Some(0.0)
        }
        Expression::UnaryOperator { unop: UnOp::Minus(_), expression } => is_nan(expression),
        _ => false,
    }
}

/// The text of a place, its tokens apart by one blank.
pub fn normal(view: &TreeView<'_>, place: Span) -> String {
    view.tree.words(place).collect::<Vec<_>>().join(" ")
}

/// Whether two places say the same: blanks and comments make no difference.
pub fn same(view: &TreeView<'_>, a: Span, b: Span) -> bool {
    view.tree.words(a).eq(view.tree.words(b))
}

/// The arguments of a call in any of its forms.
pub enum Arguments<'t> {
    /// `f(a, b)`
    List(Vec<&'t Expression>),
    /// `f "text"`
    Text(&'t TokenReference),
    /// `f { … }`
    Table(&'t full_moon::ast::TableConstructor),
}

impl<'t> Arguments<'t> {
    fn of(args: &'t FunctionArgs) -> Arguments<'t> {
        match args {
            FunctionArgs::String(token) => Arguments::Text(token),
            FunctionArgs::TableConstructor(table) => Arguments::Table(table),
            FunctionArgs::Parentheses { arguments, .. } => Arguments::List(arguments.iter().collect()),
            _ => Arguments::List(Vec::new()),
        }
    }

    /// An argument that is an expression in parentheses.
    pub fn get(&self, at: usize) -> Option<&'t Expression> {
        match self {
            Arguments::List(list) => list.get(at).copied(),
            _ => None,
        }
    }

    /// The only or first argument, where it is a text.
    pub fn text(&self) -> Option<(String, Span)> {
        match self {
            Arguments::Text(token) => Some((crate::syntax::text(token)?, span(*token))),
            Arguments::List(list) => match plain(list.first()?) {
                Expression::String(token) => Some((crate::syntax::text(token)?, span(token))),
                _ => None,
            },
            Arguments::Table(_) => None,
        }
    }
}

/// A call of a dotted name: `a(…)`, `a.b(…)`.
pub struct Callee<'t> {
    /// The first name.
    pub root: &'t TokenReference,
    /// All of it: `table.insert`.
    pub path: String,
    /// From the first name to the last.
    pub span: Span,
    /// What it is given.
    pub arguments: Arguments<'t>,
    /// Whether nothing follows the call (`f()` and not `f().x`).
    pub ends: bool,
}

/// What a call calls first, where that is a dotted name.
pub fn callee(call: &FunctionCall) -> Option<Callee<'_>> {
    let Prefix::Name(root) = call.prefix() else { return None };
    let (mut path, mut place) = (name(root), span(root));
    let mut suffixes = call.suffixes();
    loop {
        match suffixes.next()? {
            Suffix::Index(Index::Dot { name: token, .. }) => {
                path.push('.');
                path.push_str(&word(token));
                place.end = span(token).end;
            }
            Suffix::Call(Call::AnonymousCall(args)) => {
                let (arguments, ends) = (Arguments::of(args), suffixes.next().is_none());
                return Some(Callee { root, path, span: place, arguments, ends });
            }
            _ => return None,
        }
    }
}

/// A call of something of the library, by whatever name it goes in the file.
pub struct Library<'t> {
    /// The global that it is, or is a field of.
    pub root: String,
    /// What it is in the library: `string.rep`.
    pub path: String,
    /// What it is called by, where that is another name: `rep`, `("x"):rep`.
    pub called: Option<String>,
    /// From the first name to the last.
    pub span: Span,
    /// What stands before the colon of a method: the first argument.
    pub object: Option<&'t Expression>,
    /// What it is given.
    pub arguments: Arguments<'t>,
    /// Whether nothing follows the call.
    pub ends: bool,
}

/// What a call calls first: a global or a field of one, by its own name or by a local that never
/// holds anything else (`local floor = math.floor`), or a method of a text.
pub fn library<'t>(view: &TreeView<'t>, call: &'t FunctionCall) -> Option<Library<'t>> {
    if let Some(method) = text_method(view, call) {
        return Some(method);
    }
    let Callee { root, path, span, arguments, ends } = callee(call)?;
    let own = view.scopes.variable(root);
    let (root, whole) = match own {
        None => (name(root), path.clone()),
        Some(variable) if !variable.is_written() && !variable.uses.iter().any(|u| u.how == How::Inside) => {
            let Given::Value(value) = variable.given else { return None };
            let (first, before) = match plain(value) {
                Expression::Var(Var::Name(token)) => (token, name(token)),
                Expression::Var(Var::Expression(inside)) => dotted(inside)?,
                _ => return None,
            };
            let rest = path.strip_prefix(variable.name)?;
            view.scopes.is_global(first).then(|| (name(first), format!("{before}{rest}")))?
        }
        Some(_) => return None,
    };
    let called = (whole != path).then_some(path);
    Some(Library { root, path: whole, called, span, object: None, arguments, ends })
}

/// A method of a text: `("x"):rep(3)`, `line:rep(3)` where `line` is a text by its declaration.
fn text_method<'t>(view: &TreeView<'t>, call: &'t FunctionCall) -> Option<Library<'t>> {
    let mut suffixes = call.suffixes();
    let Some(Suffix::Call(Call::MethodCall(method))) = suffixes.next() else { return None };
    let is_text =
        |e: &Expression| matches!(plain(e), Expression::String(_) | Expression::InterpolatedString(_));
    let (object, start) = match call.prefix() {
        Prefix::Expression(e) if is_text(e) => (&**e, span(&**e)),
        Prefix::Name(token) => {
            let variable = view.scopes.variable(token).filter(|v| !v.is_written())?;
            match variable.given {
                Given::Value(e) if is_text(e) => (e, span(token)),
                _ => return None,
            }
        }
        _ => return None,
    };
    let token = method.name();
    let place = Span { start: start.start, end: span(token).end };
    Some(Library {
        root: "string".into(),
        path: format!("string.{}", name(token)),
        called: Some(format!(":{}", name(token))),
        span: place,
        object: Some(object),
        arguments: Arguments::of(method.args()),
        ends: suffixes.next().is_none(),
    })
}

/// What a call calls first, where that is a global or a field of one.
pub fn global_callee<'t>(view: &TreeView<'_>, call: &'t FunctionCall) -> Option<Callee<'t>> {
    callee(call).filter(|c| view.scopes.is_global(c.root))
}

/// The dotted name that an expression is, with its first name.
pub fn dotted(inside: &VarExpression) -> Option<(&TokenReference, String)> {
    let Prefix::Name(root) = inside.prefix() else { return None };
    let mut path = name(root);
    for suffix in inside.suffixes() {
        let Suffix::Index(Index::Dot { name: token, .. }) = suffix else { return None };
        path.push('.');
        path.push_str(&word(token));
    }
    Some((root, path))
}

/// Whether an expression is a name or a dotted name.
pub fn is_path(e: &Expression) -> bool {
    match plain(e) {
        Expression::Var(Var::Name(_)) => true,
        Expression::Var(Var::Expression(inside)) => dotted(inside).is_some(),
        _ => false,
    }
}

/// Whether an expression gives a value rather than an answer: it is no comparison and no `not`.
pub fn is_value(e: &Expression) -> bool {
    !matches!(
        plain(e),
        Expression::BinaryOperator { .. } | Expression::UnaryOperator { unop: UnOp::Not(_), .. }
    )
}

/// Whether evaluating an expression does nothing else: it can be left out.
pub fn is_idle(e: &Expression) -> bool {
    match plain(e) {
        Expression::Number(_) | Expression::String(_) | Expression::Function(_) | Expression::Symbol(_) => {
            true
        }
        Expression::Var(Var::Name(_)) => true,
        Expression::UnaryOperator { expression, .. } => number(expression).is_some(),
        Expression::TableConstructor(table) => table.fields().iter().next().is_none(),
        _ => false,
    }
}

/// A safe fix of one edit in this file.
pub fn fix(view: &TreeView<'_>, title: impl Into<String>, span: Span, text: impl Into<String>) -> Fix {
    Fix {
        title: title.into(),
        safe: true,
        edits: vec![Edit { source: view.source.name.clone(), span, text: text.into() }],
    }
}

/// A statement's place, with its line where nothing else stands on it.
pub fn whole_line(view: &TreeView<'_>, span: Span) -> Span {
    let text = view.tree.text;
    let (start, end) = (span.start as usize, span.end as usize);
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let lead = before.len() - before.trim_end_matches([' ', '\t']).len();
    let tail = after.len() - after.trim_start_matches([' ', '\t', ';', '\r']).len();
    let alone = before.get(..start - lead).is_some_and(|b| b.is_empty() || b.ends_with('\n'));
    match after.get(tail..) {
        Some(rest) if alone && (rest.is_empty() || rest.starts_with('\n')) => {
            Span::new(start - lead, end + tail + usize::from(rest.starts_with('\n')))
        }
        _ => span,
    }
}

/// `name_a`, `name_b` and `name_c`, in backticks.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
