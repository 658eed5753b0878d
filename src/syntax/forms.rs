//! The code of a function in a form that tells what it does from how it is written: comments,
//! blanks, ways to write a number or a text, the names of locals, and whether a constant has a
//! name do not count; what it uses of the file does. Two functions of one form do the same; two
//! that do the same may have two forms.
//!
//! May import: `text`.

use super::literal;
use super::token::{Kind, Token, tokens};
use super::walk::{name, span};
use crate::text::Span;
use full_moon::ast::{Block, Stmt};
use full_moon::node::Node as _;
use full_moon::tokenizer::{TokenReference, TokenType};
use std::collections::{BTreeMap, BTreeSet};

/// A statement of a file itself, and the names that it declares or may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Where it stands.
    pub span: Span,
    /// What it declares or may change.
    pub names: Vec<String>,
}

/// The statements of a file that say what names mean: all but the policies.
pub fn declarations(block: &Block) -> Vec<Declaration> {
    let mut found = Vec::new();
    for stmt in block.stmts() {
        let names: Vec<String> = match stmt {
            Stmt::LocalAssignment(local) => local.names().iter().map(name).collect(),
            Stmt::ConstAssignment(local) => local.names().iter().map(name).collect(),
            Stmt::LocalFunction(function) => vec![name(function.name())],
            Stmt::FunctionDeclaration(function) => {
                function.name().names().iter().next().map(name).into_iter().collect()
            }
            // What is given to a name or to one of its fields is a part of what the name means.
            Stmt::Assignment(assignment) => assignment
                .variables()
                .iter()
                .filter_map(|var| var.tokens().next().map(TokenReference::token).map(ToString::to_string))
                .collect(),
            // A policy is what is told, no part of what it uses.
            Stmt::FunctionCall(call)
                if call.tokens().next().is_some_and(|t| t.token().to_string() == "policy") =>
            {
                continue;
            }
            // What fills a table, in a loop or by a call, is a part of what the table means.
            other => other
                .tokens()
                .filter(|t| matches!(t.token_type(), TokenType::Identifier { .. }))
                .map(|t| t.token().to_string())
                .collect(),
        };
        found.push(Declaration { span: span(stmt), names });
    }
    found
}

/// A file, ready to tell the forms of its parts.
#[derive(Default)]
pub struct Forms<'a> {
    tokens: Vec<Token<'a>>,
    declarations: Vec<Declaration>,
    /// Names that are declared somewhere below the file's own statements.
    inner: BTreeSet<String>,
    /// Names that are declared and are a global's too: which of them is meant, tokens do not tell.
    globals: BTreeSet<String>,
    /// Locals of the file whose names do not count.
    free: BTreeSet<String>,
    /// Locals of the file that hold one number or text and are never given another, by what they
    /// hold: a use of one is that number or text.
    constants: BTreeMap<String, Token<'a>>,
}

/// What was met while telling the form of a part.
#[derive(Default)]
struct Met {
    /// Names that are used.
    used: BTreeSet<String>,
    /// Locals of the file, by the order in which they were met.
    tops: BTreeMap<String, usize>,
}

/// What a part of a file does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Its code and that of all that it uses of the file, each in its form.
    pub code: String,
    /// Whether it uses a required module.
    pub requires: bool,
    /// Texts in it that are addresses: their hosts, with ports where those are written.
    pub hosts: BTreeSet<String>,
    /// Names given to `secret`.
    pub secrets: BTreeSet<String>,
}

impl<'a> Forms<'a> {
    /// A file by its text, blanked as the parser sees it, its declarations, and which names are
    /// globals.
    pub fn new(text: &'a str, declarations: Vec<Declaration>, is_global: &dyn Fn(&str) -> bool) -> Forms<'a> {
        let tokens = tokens(text);
        let top: BTreeSet<&str> =
            declarations.iter().flat_map(|d| d.names.iter().map(String::as_str)).collect();
        let all = declared(&tokens);
        let inner = all.iter().filter(|n| !top.contains(*n)).map(|n| (*n).to_string()).collect();
        let globals = all.iter().filter(|n| is_global(n)).map(|n| (*n).to_string()).collect();
        let mut forms = Forms { tokens, declarations, inner, globals, ..Forms::default() };
        let locals: BTreeMap<&str, usize> = forms
            .declarations
            .iter()
            .filter(|d| forms.is_local(d))
            .flat_map(|d| d.names.iter().map(move |name| (name.as_str(), d.span.end as usize)))
            .collect();
        let free = locals.iter().filter(|(name, end)| forms.is_free(name, **end));
        let free: BTreeSet<String> = free.map(|(name, _)| (*name).to_string()).collect();
        let constant = |d: &Declaration| {
            let [name] = d.names.as_slice() else { return None };
            let value = forms.constant(name, d.span)?;
            free.contains(name).then(|| (name.clone(), value))
        };
        let constants: BTreeMap<String, Token<'a>> = forms.declarations.iter().filter_map(constant).collect();
        forms.free = free;
        forms.constants = constants;
        forms
    }

    fn is_local(&self, declaration: &Declaration) -> bool {
        self.within(declaration.span).first().is_some_and(|t| t.is("local") || t.is("const"))
    }

    /// Where a name that is no field stands.
    fn places<'s>(&'s self, name: &'s str) -> impl Iterator<Item = usize> + 's {
        let is_field = |at: usize| {
            at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|t| t.is(".") || t.is(":"))
        };
        let here = self.tokens.iter().enumerate().filter(move |(_, t)| t.text == name);
        here.map(|(at, _)| at).filter(move |at| !is_field(*at))
    }

    /// Whether a local of the file may have any name: until the end of its declaration nothing
    /// else has that one, and it is no key of a table, which tokens do not tell from it.
    fn is_free(&self, name: &str, end: usize) -> bool {
        let function = |at: usize| {
            at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|t| t.is("function"))
        };
        let mut early = self.places(name).filter(|at| self.tokens.get(*at).is_some_and(|t| t.end() <= end));
        let first = early.next();
        // A local function may call itself; a value cannot hold what is being declared.
        let alone = first.is_some_and(function) || early.next().is_none();
        alone && !self.globals.contains(name) && !is_key(&self.tokens, name)
    }

    /// What a declaration `local NAME = 0.8`, with or without a type, holds, where the name is declared nowhere else and
    /// is given nothing else.
    fn constant(&self, name: &str, declaration: Span) -> Option<Token<'a>> {
        let [_, _, .., equals, value] = self.within(declaration) else { return None };
        let is_value = equals.is("=") && matches!(value.kind, Kind::Number | Kind::Text);
        let once = declared(&self.tokens).into_iter().filter(|n| *n == name).count() == 1;
        let mut uses = self.places(name).skip(1);
        (is_value && once && !uses.any(|at| self.may_be_given(at))).then_some(*value)
    }

    /// Whether the name at a place may be given a value there: `x = 1`, `x += 1`, `x, y = 1, 2`,
    /// `function x() end`; rather too often than too seldom.
    fn may_be_given(&self, at: usize) -> bool {
        if at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|t| t.is("function")) {
            return true;
        }
        let mut depth = 0usize;
        for (steps, token) in self.tokens.iter().skip(at + 1).enumerate() {
            let gives = token.kind == Kind::Sign
                && token.text.ends_with('=')
                && !["==", "~=", "<=", ">="].contains(&token.text);
            if depth == 0 && gives {
                return true;
            }
            if depth == 0 && steps == 0 && !token.is(",") {
                return false;
            }
            if token.kind == Kind::Word && !token.is_name() {
                return false;
            }
            depth += usize::from(["(", "{", "["].contains(&token.text));
            if [")", "}", "]"].contains(&token.text) {
                if depth == 0 {
                    return false;
                }
                depth -= 1;
            }
        }
        false
    }

    /// The whole file.
    pub fn file(&self) -> Form {
        let mut form = Form::default();
        // A constant is told where it is used.
        let named =
            |d: &&Declaration| matches!(d.names.as_slice(), [name] if self.constants.contains_key(name));
        let constants: Vec<Span> =
            self.declarations.iter().filter(named).filter(|d| self.is_local(d)).map(|d| d.span).collect();
        let apart =
            |t: &&Token<'a>| constants.iter().any(|s| (s.start as usize..s.end as usize).contains(&t.start));
        let tokens: Vec<Token<'a>> = self.tokens.iter().filter(|t| !apart(t)).copied().collect();
        self.take(&tokens, &mut form, &mut Met::default());
        form
    }

    /// The part at a place, and what it uses.
    pub fn at(&self, place: Span) -> Form {
        let mut form = Form::default();
        let mut met = Met::default();
        let own = self.within(place);
        self.take(own, &mut form, &mut met);
        let own_names: BTreeSet<&str> = declared(own).into_iter().collect();
        // A name of an enclosing function or loop: what it holds, the whole file says. Statements of
        // the file itself, which follow, have none around them.
        if met.used.iter().any(|name| self.inner.contains(name) && !own_names.contains(name.as_str())) {
            let mut whole = self.file();
            whole.code = format!("{}\u{1}{}", form.code, whole.code);
            return whole;
        }
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        loop {
            let next = self.declarations.iter().enumerate().find(|(at, declaration)| {
                !taken.contains(at)
                    && declaration.span != place
                    && declaration.names.iter().any(|name| met.used.contains(name))
            });
            let Some((at, declaration)) = next else { return form };
            taken.insert(at);
            form.code.push('\u{1}');
            self.take(self.within(declaration.span), &mut form, &mut met);
        }
    }

    fn within(&self, place: Span) -> &[Token<'a>] {
        let start = self.tokens.partition_point(|t| t.start < place.start as usize);
        let end = self.tokens.partition_point(|t| t.end() <= place.end as usize).max(start);
        self.tokens.get(start..end).unwrap_or_default()
    }

    /// Adds the form of some tokens, and what is met in them.
    fn take(&self, tokens: &[Token<'_>], form: &mut Form, met: &mut Met) {
        let names = self.locals(tokens);
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1);
            let last = at.checked_sub(1).and_then(|at| tokens.get(at));
            let field = last.is_some_and(|t| t.is(".") || t.is(":"));
            let constant = self.constants.get(token.text).filter(|_| token.kind == Kind::Word && !field);
            let token = constant.unwrap_or(token);
            match token.kind {
                Kind::Number => match literal::number(token.text) {
                    Some(number) => form.code.push_str(&format!("{number:?}")),
                    None => form.code.push_str(token.text),
                },
                Kind::Text => {
                    let text = plain(token.text);
                    form.hosts.extend(host(&text));
                    form.code.push_str(&text);
                    let before = match last {
                        Some(t) if t.is("(") => at.checked_sub(2).and_then(|at| tokens.get(at)),
                        other => other,
                    };
                    if before.is_some_and(|t| t.is("secret")) {
                        form.secrets.insert(text.trim_matches('"').to_string());
                    }
                }
                Kind::Word => {
                    if token.is_name() && !field {
                        met.used.insert(token.text.to_string());
                        form.requires |= token.is("require");
                    }
                    let top = met.tops.len();
                    match names.get(token.text) {
                        Some(number) if !field => form.code.push_str(&format!("\u{2}{number}")),
                        None if !field && self.free.contains(token.text) => {
                            let number = *met.tops.entry(token.text.to_string()).or_insert(top);
                            form.code.push_str(&format!("\u{4}{number}"));
                        }
                        _ => form.code.push_str(token.text),
                    }
                }
                // Separators that may as well be left out.
                Kind::Sign if token.is(";") && next.is_none_or(begins) => continue,
                Kind::Sign if (token.is(",") || token.is(";")) && next.is_some_and(|t| t.is("}")) => continue,
                Kind::Sign => form.code.push_str(token.text),
            }
            form.code.push(' ');
        }
    }

    /// Locals of some tokens by the order of their declarations. A name that is a table's key too
    /// keeps itself, since tokens do not tell which is which everywhere.
    fn locals<'t>(&self, tokens: &[Token<'t>]) -> BTreeMap<&'t str, usize> {
        let top = |name: &str| self.declarations.iter().any(|d| d.names.iter().any(|n| n == name));
        let mut names = BTreeMap::new();
        for name in declared(tokens) {
            if !names.contains_key(name)
                && !top(name)
                && !self.globals.contains(name)
                && !is_key(tokens, name)
            {
                names.insert(name, names.len());
            }
        }
        names
    }
}

/// Whether a name is a key of a table somewhere in some tokens.
fn is_key(tokens: &[Token<'_>], name: &str) -> bool {
    tokens.windows(3).any(|w| match w {
        [a, b, c] => b.text == name && c.is("=") && (a.is("{") || a.is(",") || a.is(";")),
        _ => false,
    })
}

/// Whether a token can only begin or end a statement: what comes before it needs no `;`, and it
/// is no entry of a table.
fn begins(next: &Token<'_>) -> bool {
    const WORDS: [&str; 11] =
        ["end", "else", "elseif", "until", "return", "local", "while", "for", "repeat", "break", "do"];
    next.kind == Kind::Word && WORDS.contains(&next.text)
}

/// Names that some tokens declare, in their order: locals, parameters, names of loops.
fn declared<'t>(tokens: &[Token<'t>]) -> Vec<&'t str> {
    let mut found = Vec::new();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|t| t.is(text));
    let name = |at: usize| tokens.get(at).filter(|t| t.is_name()).map(|t| t.text);
    for (at, token) in tokens.iter().enumerate() {
        let field = at.checked_sub(1).is_some_and(|at| is(at, ".") || is(at, ":"));
        if field {
            continue;
        }
        if token.is("local") && is(at + 1, "function") {
            found.extend(name(at + 2));
        } else if token.is("local") || token.is("for") || (token.is("const") && name(at + 1).is_some()) {
            list(tokens, at + 1, &mut found);
        } else if token.is("function") {
            // Past the name, where there is one, to the parameters.
            let open = (at + 1..tokens.len()).take(16).find(|i| is(*i, "("));
            if let Some(open) = open {
                list(tokens, open + 1, &mut found);
            }
        }
    }
    found
}

/// Names between commas, their types passed over.
fn list<'t>(tokens: &[Token<'t>], mut at: usize, found: &mut Vec<&'t str>) {
    while let Some(token) = tokens.get(at).filter(|t| t.is_name()) {
        found.push(token.text);
        at += 1;
        let mut depth = 0usize;
        if tokens.get(at).is_some_and(|t| t.is(":")) {
            while let Some(token) = tokens.get(at) {
                let ends = token.is(",") || token.is("=") || token.is(")");
                if depth == 0 && (ends || (token.kind == Kind::Word && !token.is_name() && !token.is("nil")))
                {
                    break;
                }
                depth += usize::from(token.is("(") || token.is("{") || token.is("<"));
                depth = depth.saturating_sub(usize::from(token.is(")") || token.is("}") || token.is(">")));
                at += 1;
            }
        }
        if !tokens.get(at).is_some_and(|t| t.is(",")) {
            return;
        }
        at += 1;
    }
}

/// A text in one way of writing it, where that is plain.
fn plain(text: &str) -> String {
    let inside = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    match inside {
        Some(inside) if !inside.contains(['\\', '"', '\n']) => format!("\"{inside}\""),
        _ => text.to_string(),
    }
}

/// The host of an address in a text: `hooks.example.com`, `localhost:8080`.
fn host(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if !(scheme.ends_with("http") || scheme.ends_with("https")) {
        return None;
    }
    let end =
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-._:@[]".contains(c))).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let host = authority.rsplit('@').next().unwrap_or(authority).trim_end_matches(':');
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "forms_tests.rs"]
mod tests;
