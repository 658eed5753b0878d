//! A file's names: what each declares, reads and assigns, in which function; and its statements,
//! expressions, calls and tables in the order of execution, so that a rule looks at a list and
//! walks nothing. May import: `text`, `syntax`.

use crate::syntax::walk::{self, Declared, Given, Target, Visitor, plain_name, span};
use crate::text::Span;
use full_moon::ast::luau::TypeInfo;
use full_moon::ast::{Block, Expression, FunctionCall, Stmt, Suffix, TableConstructor};
use full_moon::tokenizer::TokenReference;
use std::collections::{BTreeSet, HashMap};

/// What a place does with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Its value is taken.
    Read,
    /// It gets a value.
    Write,
    /// What it holds is changed: `name.field = …`.
    Inside,
}

/// A place where a name is used.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// Where.
    pub span: Span,
    /// What for.
    pub how: How,
    /// In which function; 0 is the file itself.
    pub function: usize,
}

/// A local, a parameter or a loop variable.
pub struct Variable<'t> {
    /// What it is called.
    pub name: &'t str,
    /// Where it is declared.
    pub span: Span,
    /// How.
    pub how: Declared,
    /// The function that it is a local of; 0 is the file.
    pub function: usize,
    /// What it is given where it is declared.
    pub given: Given<'t>,
    /// The variable in sight that it hides, and whether that is in the same scope.
    pub hides: Option<(usize, bool)>,
    /// Where it is used.
    pub uses: Vec<Use>,
}

impl Variable<'_> {
    /// Whether its value is taken anywhere; a function's own calls of itself do not count.
    pub fn is_read(&self) -> bool {
        let own = match self.given {
            Given::Function(span, _) => span,
            _ => Span::default(),
        };
        self.uses.iter().any(|u| u.how == How::Read && !(own.start <= u.span.start && u.span.end <= own.end))
    }

    /// Whether it is assigned after its declaration.
    pub fn is_written(&self) -> bool {
        self.uses.iter().any(|u| u.how == How::Write)
    }

    /// Whether its name asks not to be looked at.
    pub fn is_private(&self) -> bool {
        self.name.starts_with('_')
    }
}

/// A use of a name that is not declared in the file.
pub struct Global<'t> {
    /// The name.
    pub name: &'t str,
    /// The place, and what it does.
    pub at: Use,
    /// Whether a function is given to it.
    pub function: bool,
}

/// A function of the file; number 0 is the file itself.
pub struct Function {
    /// Where it stands.
    pub span: Span,
    /// The function around it.
    pub parent: usize,
    /// Its parameters, in order, as numbers of variables.
    pub parameters: Vec<usize>,
    method: bool,
}

/// The names of a file, and its parts.
#[derive(Default)]
pub struct Scopes<'t> {
    /// All variables in the order of declaration.
    pub variables: Vec<Variable<'t>>,
    /// All uses of other names, in the order of execution.
    pub globals: Vec<Global<'t>>,
    /// All functions; the first is the file.
    pub functions: Vec<Function>,
    /// All blocks.
    pub blocks: Vec<&'t Block>,
    /// All statements, with the function they are in.
    pub statements: Vec<(&'t Stmt, usize)>,
    /// All expressions, with the function they are in.
    pub expressions: Vec<(&'t Expression, usize)>,
    /// All calls, with the function they are in.
    pub calls: Vec<(&'t FunctionCall, usize)>,
    /// All tables.
    pub tables: Vec<&'t TableConstructor>,
    /// The variable that a name at a byte means.
    means: HashMap<u32, usize>,
    /// Functions by their places.
    placed: HashMap<Span, usize>,
    /// The first bytes of all calls, in order.
    called: Vec<u32>,
}

impl<'t> Scopes<'t> {
    /// Reads a file's block, and its text.
    pub fn new(block: &'t Block, text: &str) -> Scopes<'t> {
        let file = Function { span: Span::default(), parent: 0, parameters: Vec::new(), method: false };
        let scopes = Scopes { functions: vec![file], ..Scopes::default() };
        let mut builder = Builder { scopes, stack: Vec::new(), open: vec![0], visible: HashMap::new() };
        walk::file(block, &mut builder);
        let mut typed = Typed::default();
        if memchr::memmem::find(text.as_bytes(), b"typeof").is_some() {
            full_moon::visitors::Visit::visit(block, &mut typed);
        }
        let mut scopes = builder.scopes;
        scopes.called = scopes.calls.iter().map(|(call, _)| span(*call).start).collect();
        scopes.called.sort_unstable();
        scopes.placed = scopes.functions.iter().enumerate().skip(1).map(|(at, f)| (f.span, at)).collect();
        // Names in `typeof(…)` are read by the checker of types.
        for variable in scopes.variables.iter_mut().filter(|v| typed.names.contains(v.name)) {
            variable.uses.push(Use { span: variable.span, how: How::Read, function: variable.function });
        }
        scopes
    }

    /// The variable that a name means, where it is declared in the file.
    pub fn variable(&self, token: &TokenReference) -> Option<&Variable<'t>> {
        self.variables.get(*self.means.get(&span(token).start)?)
    }

    /// Whether a name means the global of that name.
    pub fn is_global(&self, token: &TokenReference) -> bool {
        !self.means.contains_key(&span(token).start)
    }

    /// Whether a function is another one or stands in it.
    pub fn is_within(&self, mut function: usize, other: usize) -> bool {
        while function != other {
            match self.functions.get(function) {
                Some(inner) if function != 0 => function = inner.parent,
                _ => return false,
            }
        }
        true
    }

    /// The function that stands at a place.
    pub fn function_at(&self, span: Span) -> Option<usize> {
        self.placed.get(&span).copied()
    }

    /// Whether anything in a span calls a function.
    pub fn has_call(&self, within: Span) -> bool {
        let from = self.called.partition_point(|at| *at < within.start);
        self.called.get(from).is_some_and(|at| *at < within.end)
    }

    /// Names that the file gives to globals.
    pub fn defined(&self) -> BTreeSet<&'t str> {
        self.globals.iter().filter(|g| g.at.how == How::Write).map(|g| g.name).collect()
    }
}

/// Whether a span holds another.
pub fn contains(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Names in types that ask for the type of a value.
#[derive(Default)]
struct Typed {
    names: BTreeSet<String>,
}

impl full_moon::visitors::Visitor for Typed {
    fn visit_type_info(&mut self, node: &TypeInfo) {
        if let TypeInfo::Typeof { inner, .. } = node {
            let text = inner.to_string();
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            self.names.extend(words.map(str::to_string));
        }
    }
}

struct Builder<'t> {
    scopes: Scopes<'t>,
    /// For each open scope whether it is a function's, and the names that it declares with what
    /// they meant before.
    #[allow(clippy::type_complexity, reason = "private, and said above")]
    stack: Vec<(bool, Vec<(&'t str, Option<usize>)>)>,
    /// The open functions.
    open: Vec<usize>,
    visible: HashMap<&'t str, usize>,
}

impl<'t> Builder<'t> {
    fn function(&self) -> usize {
        self.open.last().copied().unwrap_or(0)
    }

    fn used(&mut self, token: &'t TokenReference, how: How, given_function: bool) {
        let at = Use { span: span(token), how, function: self.function() };
        let name = plain_name(token);
        if let Some(variable) = self.visible.get(name) {
            self.scopes.means.insert(at.span.start, *variable);
            if let Some(variable) = self.scopes.variables.get_mut(*variable) {
                variable.uses.push(at);
            }
            return;
        }
        let method = name == "self"
            && self.open.iter().any(|f| self.scopes.functions.get(*f).is_some_and(|f| f.method));
        if !method {
            self.scopes.globals.push(Global { name, at, function: given_function });
        }
    }
}

impl<'t> Visitor<'t> for Builder<'t> {
    fn open(&mut self, function: Option<Span>) {
        if let Some(span) = function {
            let parent = self.function();
            self.open.push(self.scopes.functions.len());
            self.scopes.functions.push(Function { span, parent, parameters: Vec::new(), method: false });
        }
        self.stack.push((function.is_some(), Vec::new()));
    }

    fn close(&mut self) {
        let Some((function, names)) = self.stack.pop() else { return };
        for (name, before) in names.into_iter().rev() {
            match before {
                Some(before) => self.visible.insert(name, before),
                None => self.visible.remove(name),
            };
        }
        if function {
            self.open.pop();
        }
    }

    fn method(&mut self) {
        let at = self.function();
        if let Some(function) = self.scopes.functions.get_mut(at) {
            function.method = true;
        }
    }

    fn declare(&mut self, token: &'t TokenReference, how: Declared, given: Given<'t>) {
        let (name, number, function) = (plain_name(token), self.scopes.variables.len(), self.function());
        let before = self.visible.insert(name, number);
        let here = self.stack.last().is_some_and(|(_, names)| names.iter().any(|(n, _)| *n == name));
        if let Some((_, names)) = self.stack.last_mut() {
            names.push((name, before));
        }
        if how == Declared::Parameter
            && let Some(function) = self.scopes.functions.get_mut(function)
        {
            function.parameters.push(number);
        }
        let (span, hides) = (span(token), before.map(|b| (b, here)));
        self.scopes.means.insert(span.start, number);
        self.scopes.variables.push(Variable { name, span, how, function, given, hides, uses: Vec::new() });
    }

    fn assign(&mut self, target: Target<'t>, given: Given<'t>) {
        match target {
            Target::Name(token) => {
                let function = match given {
                    Given::Function(..) => true,
                    Given::Value(e) => matches!(e, Expression::Function(_)),
                    Given::Unknown => false,
                };
                self.used(token, How::Write, function);
            }
            // `follow` came before this one and took it for a read.
            Target::Inside(inside) => {
                let full_moon::ast::Prefix::Name(token) = inside.prefix() else { return };
                let place = span(token);
                let used = match self.scopes.means.get(&place.start) {
                    Some(at) => self
                        .scopes
                        .variables
                        .get_mut(*at)
                        .and_then(|v| v.uses.iter_mut().rfind(|u| u.span == place)),
                    None => self.scopes.globals.iter_mut().rfind(|g| g.at.span == place).map(|g| &mut g.at),
                };
                if let Some(used) = used {
                    used.how = How::Inside;
                }
            }
        }
    }

    fn call(&mut self, call: &'t FunctionCall) {
        self.scopes.calls.push((call, self.function()));
    }

    fn follow(&mut self, token: &'t TokenReference, _: &[&'t Suffix]) {
        self.used(token, How::Read, false);
    }

    fn read(&mut self, token: &'t TokenReference) {
        self.used(token, How::Read, false);
    }

    fn block(&mut self, block: &'t Block) {
        self.scopes.blocks.push(block);
    }

    fn statement(&mut self, statement: &'t Stmt) {
        self.scopes.statements.push((statement, self.function()));
    }

    fn expression(&mut self, expression: &'t Expression) {
        self.scopes.expressions.push((expression, self.function()));
    }

    fn table(&mut self, table: &'t TableConstructor) {
        self.scopes.tables.push(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Reading, parse_with};
    use crate::text::Source;

    /// Each variable as `name@line`, what it hides, and its uses as letters with their lines.
    fn table(text: &str) -> Vec<String> {
        let source = Source::new("x.lua", text);
        let lines = crate::text::LineIndex::new(text);
        let seen = parse_with(&source, Reading::Whole, |tree| {
            let scopes = Scopes::new(tree.block, tree.text);
            let used = |at: &Use| {
                let how = match at.how {
                    How::Read => "r",
                    How::Write => "w",
                    How::Inside => "i",
                };
                format!(" {how}{}", lines.line(at.span.start))
            };
            let mut out: Vec<String> = Vec::new();
            for v in &scopes.variables {
                let uses: String = v.uses.iter().map(used).collect();
                let hides = v.hides.map_or("", |(_, same)| if same { " again" } else { " hides" });
                out.push(format!("{}@{}{hides}{uses}", v.name, lines.line(v.span.start)));
            }
            out.extend(scopes.globals.iter().map(|g| format!("global {}{}", g.name, used(&g.at))));
            out
        });
        seen.1.unwrap()
    }

    #[test]
    fn names_are_followed_through_scopes() {
        assert_eq!(
            table("local a = 1\nlocal a = a\ndo local a = 2 a = 3 end\nprint(a)\n"),
            ["a@1 r2", "a@2 again r4", "a@3 hides w3", "global print r4"]
        );
        assert_eq!(
            table(
                "local t = {}\nt.x = 1\nt.y.z = t\nfunction t.f() return u end\nfunction t:g() return self end"
            ),
            ["t@1 i2 r3 i3 r4 r5", "global u r4"]
        );
        assert_eq!(
            table("for i, v in pairs(x) do\n  v = i\nend\nrepeat local done = f() until done"),
            ["i@1 r2", "v@1 w2", "done@4 r4", "global pairs r1", "global x r1", "global f r4"]
        );
        assert_eq!(table("local T = {}\ntype X = typeof(T)"), ["T@1 r1"]);
    }

    #[test]
    fn functions_know_what_they_stand_in() {
        let source = Source::new("x.lua", "local function f() return function() end end");
        let (_, seen) = parse_with(&source, Reading::Whole, |tree| {
            let scopes = Scopes::new(tree.block, tree.text);
            (scopes.is_within(2, 1), scopes.is_within(1, 2), scopes.is_within(2, 0))
        });
        assert_eq!(seen, Some((true, false, true)));
    }
}
