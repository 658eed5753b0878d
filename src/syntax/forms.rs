//! The code of a function in a form that tells what it does from how it is written: comments,
//! blanks, ways to write a number or a text, and the names of its own locals do not count; what
//! it uses of the file does. Two functions of one form do the same; two that do the same may
//! have two forms.
//!
//! May import: `text`.

use super::literal;
use super::token::{Kind, Token, tokens};
use super::walk::{name, span};
use crate::text::Span;
use full_moon::ast::{Block, Stmt};
use full_moon::node::Node as _;
use full_moon::tokenizer::TokenReference;
use std::collections::{BTreeMap, BTreeSet};

/// A statement of a file itself, and the names that it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Where it stands.
    pub span: Span,
    /// What it declares.
    pub names: Vec<String>,
}

/// The statements of a file that declare names: locals and functions.
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
            _ => continue,
        };
        found.push(Declaration { span: span(stmt), names });
    }
    found
}

/// A file, ready to tell the forms of its parts.
pub struct Forms<'a> {
    tokens: Vec<Token<'a>>,
    declarations: Vec<Declaration>,
    /// Names that are declared somewhere below the file's own statements.
    inner: BTreeSet<String>,
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
    /// A file by its text, blanked as the parser sees it, and its declarations.
    pub fn new(text: &'a str, declarations: Vec<Declaration>) -> Forms<'a> {
        let tokens = tokens(text);
        let top: BTreeSet<&str> =
            declarations.iter().flat_map(|d| d.names.iter().map(String::as_str)).collect();
        let inner = declared(&tokens).into_iter().filter(|n| !top.contains(n)).map(String::from).collect();
        Forms { tokens, declarations, inner }
    }

    /// The whole file.
    pub fn file(&self) -> Form {
        let mut form = Form::default();
        self.take(&self.tokens, &mut form, &mut BTreeSet::new());
        form
    }

    /// The part at a place, and what it uses.
    pub fn at(&self, place: Span) -> Form {
        let mut form = Form::default();
        let mut used = BTreeSet::new();
        let own = self.within(place);
        self.take(own, &mut form, &mut used);
        let own_names: BTreeSet<&str> = declared(own).into_iter().collect();
        // A name of an enclosing function or loop: what it holds, the whole file says. Statements of
        // the file itself, which follow, have none around them.
        if used.iter().any(|name| self.inner.contains(name) && !own_names.contains(name.as_str())) {
            let mut whole = self.file();
            whole.code = format!("{}\u{1}{}", form.code, whole.code);
            return whole;
        }
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        loop {
            let next = self.declarations.iter().enumerate().find(|(at, declaration)| {
                !taken.contains(at)
                    && declaration.span != place
                    && declaration.names.iter().any(|name| used.contains(name))
            });
            let Some((at, declaration)) = next else { return form };
            taken.insert(at);
            form.code.push('\u{1}');
            self.take(self.within(declaration.span), &mut form, &mut used);
        }
    }

    fn within(&self, place: Span) -> &[Token<'a>] {
        let start = self.tokens.partition_point(|t| t.start < place.start as usize);
        let end = self.tokens.partition_point(|t| t.end() <= place.end as usize).max(start);
        self.tokens.get(start..end).unwrap_or_default()
    }

    /// Adds the form of some tokens, and the names that they use.
    fn take(&self, tokens: &[Token<'_>], form: &mut Form, used: &mut BTreeSet<String>) {
        let names = self.locals(tokens);
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1);
            let last = at.checked_sub(1).and_then(|at| tokens.get(at));
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
                    let field = last.is_some_and(|t| t.is(".") || t.is(":"));
                    if token.is_name() && !field {
                        used.insert(token.text.to_string());
                        form.requires |= token.is("require");
                    }
                    match names.get(token.text) {
                        Some(number) if !field => form.code.push_str(&format!("\u{2}{number}")),
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
        let key = |name: &str| {
            tokens.windows(3).any(|w| match w {
                [a, b, c] => b.text == name && c.is("=") && (a.is("{") || a.is(",") || a.is(";")),
                _ => false,
            })
        };
        let mut names = BTreeMap::new();
        for name in declared(tokens) {
            if !names.contains_key(name) && !top(name) && !key(name) {
                names.insert(name, names.len());
            }
        }
        names
    }
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
mod tests {
    use super::*;
    use crate::syntax::parse_with;
    use crate::text::Source;

    /// The form of the first function whose text starts with a word.
    fn form(text: &str, start: &str) -> Form {
        let source = Source::new("x.lua", text);
        let (_, found) = parse_with(&source, |tree| declarations(tree.block));
        let at = text.find(start).unwrap();
        // To the `end` that closes it: these texts have one function a line.
        let line = text[at..].lines().next().unwrap();
        let end = at + line.rfind("end").unwrap() + 3;
        Forms::new(text, found.unwrap()).at(Span::new(at, end))
    }

    #[test]
    fn ways_to_write_the_same_have_one_form() {
        let one = form("local f = function(m) return m.cpu > 0.80 end", "function(");
        for text in [
            "local f = function(metrics) return metrics.cpu > 0.8 end",
            "local f = function(m) --[[ hot ]] return  m.cpu>.8; end",
        ] {
            assert_eq!(form(text, "function(").code, one.code, "{text}");
        }
        let a = form("x = function() return { 'a', b = 1, } end", "function(");
        assert_eq!(a.code, form("x = function() return { \"a\", b = 1 } end", "function(").code);
    }

    #[test]
    fn what_does_something_else_has_another_form() {
        let all = [
            "local f = function(m) return m.cpu > 0.8 end",
            "local f = function(m) return m.cpu > 0.9 end",
            "local f = function(m) return m.rps > 0.8 end",
            "local f = function(m) return { m = m } end",
            "local f = function(k) return { k = k } end",
            "local f = function(a, b) return a - b end",
            "local f = function(a, b) return b - a end",
            "local f = function(a) local b = a return b end",
            "local f = function(a) local b = a return a end",
        ];
        let forms: BTreeSet<String> = all.iter().map(|text| form(text, "function(").code).collect();
        assert_eq!(forms.len(), all.len());
    }

    #[test]
    fn what_a_function_uses_counts_and_the_rest_of_the_file_does_not() {
        let text = |limit: &str, other: &str| {
            format!(
                "local limit = {limit}\nlocal other = {other}\nlocal function hot(v) return v > limit end\nlocal f = function(m) return hot(m.cpu) end\n"
            )
        };
        let code = |limit, other| form(&text(limit, other), "function(m").code;
        assert_eq!(code("0.8", "1"), code("0.80", "2"));
        assert_ne!(code("0.8", "1"), code("0.9", "1"));
        // What a loop holds is told by the whole file.
        let looped =
            |max| format!("for _, at in {{ {max} }} do\n f = function(m) return m.cpu > at end\nend");
        assert_ne!(form(&looped(1), "function(m").code, form(&looped(2), "function(m").code);
    }

    #[test]
    fn hosts_and_secrets_are_found_where_they_are_used() {
        let text = "local url = 'https://hooks.example.com/x'\nlocal f = function(e, act) act.webhook { url = url, key = secret \"KEY\" } end";
        let form = form(text, "function(e");
        assert_eq!(form.hosts.into_iter().collect::<Vec<_>>(), ["hooks.example.com"]);
        assert_eq!(form.secrets.into_iter().collect::<Vec<_>>(), ["KEY"]);
        assert_eq!(host("\"http://u:p@a.b:80/c\"").as_deref(), Some("a.b:80"));
        assert_eq!(host("\"see ftp://x\""), None);
    }
}
