//! A file, loaded and linted: what the child does for `luascale check`.
//!
//! May import: the core.

use super::{CheckRequest, LoadRequest, organisation};
use crate::catalogue;
use crate::lint::{self, Checked, PolicyView, RunView, TreeView};
use crate::lua::{Clock, Modules};
use crate::model::{Finding, Level};
use crate::program::Program;
use crate::sim::trace::Run;
use crate::syntax;

/// Loads a file and runs the rules that look at it alone. A file that declares nothing and that
/// nothing declares may be a module or a script without its entry: only its text is looked at.
pub fn check(request: &CheckRequest, modules: &dyn Modules, clock: Clock) -> Checked {
    load(request, modules, clock).0
}

/// As [`check`], with the file ready to be run.
pub fn load(request: &CheckRequest, modules: &dyn Modules, clock: Clock) -> (Checked, Program) {
    let CheckRequest { load: LoadRequest { source, entry, catalogue, limits }, assumptions, rules } = request;
    let declared = entry.is_some();
    let (mut parsed, seen) =
        syntax::parse_with(source, |tree| lint::tree(&TreeView::new(source, tree, declared, false)));
    let program = match catalogue::Table::new().with(catalogue) {
        Ok(table) => {
            Program::load_parsed(source, &parsed, entry.as_ref(), modules, &table, limits, clock.clone())
        }
        Err(findings) => Program::broken(source.clone(), findings, catalogue.clone()),
    };
    parsed.functions.link(&program.modules);
    let idle = program.script && entry.is_none();
    let (policies, mut findings) = match idle {
        true => (Vec::new(), syntax::parser_limits(parsed.findings.clone())),
        false => (program.policies.clone(), program.findings.clone()),
    };
    findings.extend(seen.unwrap_or_default());
    // What it requires runs as it does itself.
    for module in
        program.sources.iter().skip(1).filter(|s| s.name.ends_with(".lua") || s.name.ends_with(".luau"))
    {
        let (_, seen) =
            syntax::parse_with(module, |tree| lint::tree(&TreeView::new(module, tree, false, true)));
        findings.extend(seen.unwrap_or_default());
    }
    let mut checked = Checked { policies, findings, sources: program.sources.clone(), parsed };
    let one = |view: &PolicyView<'_>| lint::policy(view, *assumptions);
    let found: Vec<_> = checked.views().iter().flat_map(one).collect();
    checked.findings.extend(found);
    if !rules.is_empty() {
        let (found, broken) = organisation::look(&checked, rules, limits, &clock);
        checked.findings.extend(found);
        checked.sources.extend(broken);
    }
    lighten(&mut checked);
    (checked, program)
}

/// What the rules say of the runs of one of a file's policies, by its index.
pub fn judge(checked: &Checked, policy: usize, runs: &[Run]) -> Vec<Finding> {
    let views = checked.views();
    let Some(view) = views.get(policy).filter(|_| !runs.is_empty()) else { return Vec::new() };
    lint::run(&RunView { policy: *view, runs })
}

/// Takes out what only the rules that have run by now look at: it would travel, and be kept in
/// memory for every file.
fn lighten(checked: &mut Checked) {
    let parsed = std::mem::take(&mut checked.parsed);
    checked.parsed.declares = parsed.declares;
    checked.parsed.findings = parsed.findings;
    checked.parsed.findings.retain(|f| f.level == Level::Error);
    if !checked.policies.is_empty() {
        (checked.parsed.outline, checked.parsed.functions) = (parsed.outline, parsed.functions);
    }
}
