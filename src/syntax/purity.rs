//! No hidden state: a function that assigns a global or a local of an outer function (or of
//! the file) would remember something from one tick to the next. May import: `text`, `model`.

use super::place;
use super::walk::{self, Declared, Given, Target, Visitor, name};
use crate::model::finding::Finding;
use crate::text::{Source, Span};
use full_moon::ast::{Block, FunctionCall, Suffix};
use full_moon::tokenizer::TokenReference;
use std::collections::HashMap;

/// Finds every assignment in a function to something that outlives its call.
pub(super) fn check(source: &Source, block: &Block) -> Vec<Finding> {
    let mut purity = Purity { source, scopes: Vec::new(), functions: 0, findings: Vec::new() };
    walk::file(block, &mut purity);
    purity.findings
}

struct Purity<'s> {
    source: &'s Source,
    /// From the outermost; each with the locals declared in it so far.
    scopes: Vec<Scope>,
    /// How many functions are open.
    functions: u32,
    findings: Vec<Finding>,
}

struct Scope {
    function: bool,
    /// The depth of functions in which the locals live.
    depth: u32,
    locals: HashMap<String, Span>,
}

impl<'t> Visitor<'t> for Purity<'_> {
    fn open(&mut self, function: Option<Span>) {
        let function = function.is_some();
        self.functions += u32::from(function);
        self.scopes.push(Scope { function, depth: self.functions, locals: HashMap::new() });
    }

    fn close(&mut self) {
        let function = self.scopes.pop().is_some_and(|s| s.function);
        self.functions -= u32::from(function);
    }

    fn declare(&mut self, token: &'t TokenReference, _: Declared, _: Given<'t>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.locals.insert(name(token), place::token(token));
        }
    }

    fn assign(&mut self, target: Target<'t>, given: Given<'t>) {
        let Target::Name(token) = target else { return };
        if self.functions == 0 {
            // The file itself runs once; its globals are frozen when it has run.
            return;
        }
        let name = name(token);
        let here = place::token(token);
        let local = self.scopes.iter().rev().find_map(|s| Some((s.depth, *s.locals.get(&name)?)));
        let finding = match local {
            Some((depth, _)) if depth == self.functions => return,
            Some((_, declared)) => Finding::error(
                "assigned-outer-local",
                format!("this function assigns `{name}`, a local of {}", outer(local)),
            )
            .at(self.source, here, "assigned here")
            .at(self.source, declared, format!("`{name}` is declared here"))
            .help(format!(
                "nothing may be remembered from one tick to the next; write `local {name} = …` in the function, or return the value"
            )),
            None => {
                let help = match given {
                    Given::Function(..) => format!("write `local function {name}() … end`"),
                    _ => format!("write `local {name} = …`; nothing may be remembered from one tick to the next"),
                };
                Finding::error("assigned-global", format!("this function assigns the global `{name}`"))
                    .at(self.source, here, "assigned here")
                    .help(help)
            }
        };
        self.findings.push(finding);
    }

    fn call(&mut self, _: &'t FunctionCall) {}

    fn follow(&mut self, _: &'t TokenReference, _: &[&'t Suffix]) {}
}

/// Whose local it is.
fn outer(local: Option<(u32, Span)>) -> &'static str {
    match local {
        Some((0, _)) => "the file",
        _ => "the function around it",
    }
}
