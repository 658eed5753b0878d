//! A file loaded with what its functions do, and two loaded files held against each other on the
//! same recordings. May import: the core.

use super::{CompareReply, CompareRequest, LoadReply, LoadRequest, Studied};
use super::{Purpose, recordings};
use crate::catalogue;
use crate::change::behaviour;
use crate::change::code::{self, Files};
use crate::lint::rules::known;
use crate::lua::{Clock, Modules};
use crate::program::{Program, Ran};
use crate::sim;
use crate::syntax::{self, Reading, forms};

/// Loads a file, and reads what the functions of its policies do.
pub fn study(request: &LoadRequest, modules: &dyn Modules, clock: Clock) -> (Program, Studied) {
    let source = &request.source;
    let (mut parsed, declared) =
        syntax::parse_with(source, Reading::Whole, |tree| forms::declarations(tree.block));
    let program = match catalogue::Table::new().with(&request.catalogue) {
        Ok(table) => {
            let ran = Ran::new(source, modules, &request.limits, clock);
            Program::read(source, &parsed, ran, request.entry.as_ref(), &table, &mut syntax::parse)
        }
        Err(findings) => Program::broken(source.clone(), findings, request.catalogue.clone()),
    };
    parsed.functions.link(&program.modules);
    let text = source.blanked();
    let required: Vec<_> = program.sources.iter().skip(1).filter(|s| is_lua(&s.name)).collect();
    let texts: Vec<String> = required.iter().map(|module| module.blanked()).collect();
    let files = Files {
        main: forms::Forms::new(&text, declared.unwrap_or_default(), &is_global),
        modules: texts.iter().map(|text| forms::Forms::new(text, Vec::new(), &is_global)).collect(),
    };
    let codes = program.policies.iter().map(|policy| {
        let outlines = &parsed.outline.policies;
        let outline = outlines.iter().find(|o| o.name_span == policy.name.span && !o.name_span.is_empty());
        code::read(policy, source, &parsed, outline, &files)
    });
    let studied = Studied { codes: codes.collect(), loaded: reply(&program) };
    (program, studied)
}

/// What a loaded file is told as.
pub fn reply(program: &Program) -> LoadReply {
    LoadReply {
        policies: program.policies.clone(),
        findings: program.findings.clone(),
        sources: program.sources.clone(),
        script: program.script,
        printed: program.printed.clone(),
    }
}

/// Whether a name may be a global's.
fn is_global(name: &str) -> bool {
    [&known::LIBRARY[..], &known::ENGINE, &known::SCRIPT].iter().any(|all| all.contains(&name))
        || known::instead(name).is_some()
}

fn is_lua(name: &str) -> bool {
    name.ends_with(".lua") || name.ends_with(".luau")
}

/// Runs a policy of each file over the same recordings, which are read once; `None` where a file
/// does not have the policy.
pub fn compare(
    before: &Program,
    after: &Program,
    request: CompareRequest,
    progress: &mut dyn FnMut(u64, u64),
) -> Option<CompareReply> {
    let (old, new) =
        (before.policies.get(request.before as usize)?, after.policies.get(request.after as usize)?);
    let (old_code, new_code) = (before.conditions(old)?, after.conditions(new)?);
    let read = match recordings::read(&request.samples, Purpose::DryRun, &new.name.value) {
        Ok(read) => read.recordings,
        Err((findings, sources)) => return Some(CompareReply { compared: Vec::new(), findings, sources }),
    };
    drop(request.samples);
    let total = read.len().max(1) as u64 * 2;
    let mut compared = Vec::new();
    for (done, recording) in (0u64..).zip(read) {
        let options = recording.options(&request.options);
        let share = |half: u64, ticks: usize, of: usize| {
            ((done * 2 + half) * of as u64 + ticks as u64, total * of as u64)
        };
        let mut told = |half: u64, ticks: usize, of: usize| {
            let (at, of) = share(half, ticks, of);
            progress(at, of);
        };
        let mut first = sim::run(old, &recording.samples, &old_code, &options, &mut |t, of| told(0, t, of));
        let mut second = sim::run(new, &recording.samples, &new_code, &options, &mut |t, of| told(1, t, of));
        first.samples.clone_from(&recording.names);
        second.samples = recording.names;
        compared.push(behaviour::compare((old, &first), (new, &second)));
    }
    Some(CompareReply { compared, findings: Vec::new(), sources: Vec::new() })
}
