//! A file, loaded and linted: what the child does for `luascale check`.
//!
//! May import: the core.

use super::LoadRequest;
use crate::catalogue;
use crate::lint::{self, Checked, PolicyView, TreeView};
use crate::lua::{Clock, Modules};
use crate::program::Program;
use crate::syntax;

/// Loads a file and runs the rules that look at it alone. A file that declares nothing and that
/// nothing declares may be a module or a script without its entry: only its text is looked at.
pub fn check(request: &LoadRequest, modules: &dyn Modules, clock: Clock) -> Checked {
    let LoadRequest { source, entry, limits, .. } = request;
    let all = |_: &str| true;
    let declared = entry.is_some();
    let (mut parsed, seen) =
        syntax::parse_with(source, |tree| lint::tree(&TreeView::new(source, tree, declared, false), &all));
    let program = match catalogue::Table::new().with(&request.catalogue) {
        Ok(table) => Program::load_parsed(source, &parsed, entry.as_ref(), modules, &table, limits, clock),
        Err(findings) => Program::broken(source.clone(), findings, request.catalogue.clone()),
    };
    parsed.functions.link(&program.modules);
    let idle = program.script && entry.is_none();
    let (policies, mut findings) = match idle {
        true => (Vec::new(), syntax::parser_limits(parsed.findings.clone())),
        false => (program.policies, program.findings),
    };
    findings.extend(seen.unwrap_or_default());
    // What it requires runs as it does itself.
    for module in
        program.sources.iter().skip(1).filter(|s| s.name.ends_with(".lua") || s.name.ends_with(".luau"))
    {
        let (_, seen) =
            syntax::parse_with(module, |tree| lint::tree(&TreeView::new(module, tree, false, true), &all));
        findings.extend(seen.unwrap_or_default());
    }
    let mut checked = Checked { policies, findings, sources: program.sources, parsed };
    let found: Vec<_> =
        checked.views().iter().flat_map(|view: &PolicyView<'_>| lint::policy(view, &all)).collect();
    checked.findings.extend(found);
    checked
}
