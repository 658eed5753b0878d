//! A file, loaded and linted: what the child does for `luascale check`.
//!
//! May import: the core.

use super::{CheckRequest, LoadRequest, organisation};
use crate::catalogue;
use crate::lint::{self, Checked, PolicyView, RunView, Wanted};
use crate::lua::{Clock, Modules};
use crate::model::{Finding, Level};
use crate::program::{Program, Ran};
use crate::sim::trace::Run;
use crate::syntax::{self, Parsed, Reading, Tree};
use crate::text::Source;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Most modules, and most bytes of their texts, that are kept from one file to the next.
const MOST_KEPT: usize = 64;
const MOST_TEXT: usize = 4 << 20;

/// Modules that were read for the files before: many files require the same ones.
#[derive(Default)]
pub struct Shelf(RefCell<HashMap<Arc<str>, Kept>>);

/// A module that was read.
struct Kept {
    module: Source,
    wanted: Wanted,
    parsed: Parsed,
    findings: Vec<Finding>,
}

impl Shelf {
    /// Reads a module, or takes what was read of it, and has a look at that.
    fn read<R>(&self, module: &Source, wanted: &Wanted, look: impl FnOnce(&Kept) -> R) -> R {
        if let Some(kept) = self.0.borrow().get(&module.name)
            && kept.module == *module
            && kept.wanted == *wanted
        {
            return look(kept);
        }
        let found = |tree: &Tree<'_>| lint::tree(module, tree, (false, true), wanted);
        let (parsed, findings) = syntax::parse_with(module, Reading::Whole, found);
        let kept = Kept {
            module: module.clone(),
            wanted: wanted.clone(),
            parsed,
            findings: findings.unwrap_or_default(),
        };
        let looked = look(&kept);
        let mut all = self.0.borrow_mut();
        let text: usize = all.values().map(|kept| kept.module.text.len()).sum();
        if all.len() >= MOST_KEPT || text + module.text.len() > MOST_TEXT {
            all.clear();
        }
        all.insert(module.name.clone(), kept);
        looked
    }
}

/// Loads a file and runs the rules that look at it alone. A file that declares nothing and that
/// nothing declares may be a module or a script without its entry: only its text is looked at.
pub fn check(request: &CheckRequest, modules: &dyn Modules, clock: Clock) -> Checked {
    load(request, modules, clock, &Shelf::default()).0
}

/// As [`check`], with the file ready to be run; modules are taken from the shelf.
pub fn load(
    request: &CheckRequest,
    modules: &dyn Modules,
    clock: Clock,
    shelf: &Shelf,
) -> (Checked, Program) {
    let CheckRequest { load: LoadRequest { source, entry, catalogue, limits }, assumptions, wanted, rules } =
        request;
    let table = catalogue::Table::new().with(catalogue);
    let declared = entry.is_some();
    let run = if declared { Ran::new } else { Ran::without_entry };
    let ran = table.is_ok().then(|| run(source, modules, limits, clock.clone()));
    let idle = matches!(ran, Some(Ran::Idle(_)));
    let reading = if idle { Reading::Outline } else { Reading::Whole };
    let (mut parsed, seen) =
        syntax::parse_with(source, reading, |tree| lint::tree(source, tree, (declared, false), wanted));
    let program = match (table, ran) {
        (Ok(table), Some(ran)) => {
            let parse = &mut |module: &Source| shelf.read(module, wanted, |kept| kept.parsed.clone());
            Program::read(source, &parsed, ran, entry.as_ref(), &table, parse)
        }
        (table, _) => Program::broken(source.clone(), table.err().unwrap_or_default(), catalogue.clone()),
    };
    parsed.functions.link(&program.modules);
    let (policies, mut findings) = (program.policies.clone(), program.findings.clone());
    findings.extend(seen.unwrap_or_default());
    // What it requires runs as it does itself.
    for module in
        program.sources.iter().skip(1).filter(|s| s.name.ends_with(".lua") || s.name.ends_with(".luau"))
    {
        shelf.read(module, wanted, |kept| findings.extend(kept.findings.iter().cloned()));
    }
    let mut checked = Checked { policies, findings, sources: program.sources.clone(), parsed };
    let one = |view: &PolicyView<'_>| lint::policy(view, *assumptions, wanted);
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
    lint::run(&RunView { policy: *view, runs }, &Wanted::all())
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
