//! A file, loaded: its text read, its code run once, its policies built and checked.
//!
//! May import: `text`, `model`, `catalogue`, `syntax`, `lua`.

use crate::catalogue::Table;
use crate::lua::{self, Asked, Clock, Limits, Loaded, Modules, VmConditions};
use crate::model::Policy;
use crate::model::build::{self, File};
use crate::model::expr::Functions;
use crate::model::finding::{Finding, Level};
use crate::model::raw::{Node, RawTable};
use crate::model::script::ScriptFacts;
use crate::syntax::{self, Parsed};
use crate::text::{LineIndex, Source};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most policies of one file: each is run with a deadline of its own, so that their number
/// bounds the time that a file can take.
pub const MOST_POLICIES: usize = 200;

/// What luascale.yaml declares for a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The configuration file.
    pub source: Source,
    /// The fields of the entry.
    pub table: RawTable,
    /// Where they stand.
    pub node: Node,
}

/// A file that was loaded, or the findings that say why it was not.
pub struct Program {
    /// The policies, in the order declared; none where the file has an error.
    pub policies: Vec<Policy>,
    /// What was found, in the order of the text.
    pub findings: Vec<Finding>,
    /// The file, then all that findings may point into.
    pub sources: Vec<Source>,
    /// Whether it is a script.
    pub script: bool,
    /// What it printed while it was loaded.
    pub printed: Vec<String>,
    /// What is plain from a script's text.
    pub facts: ScriptFacts,
    /// What the modules that it requires offer: their sources' names and their functions.
    pub modules: Vec<(Arc<str>, Functions)>,
    loaded: Option<Loaded>,
}

/// A file that the VM has run, or refused.
pub enum Ran {
    /// It is loaded.
    Loaded(Loaded),
    /// Why it cannot be.
    Refused(Vec<Finding>),
    /// It is a script without an entry in luascale.yaml, so that no policy comes of it; the modules
    /// that it requires.
    Idle(Vec<Source>),
}

impl Ran {
    /// Runs a file once.
    pub fn new(source: &Source, modules: &dyn Modules, limits: &Limits, clock: Clock) -> Ran {
        lua::load(source, modules, limits, clock).map_or_else(Ran::Refused, Ran::Loaded)
    }

    /// Runs a file that has no entry in luascale.yaml, unless its text tells that it is a script.
    pub fn without_entry(source: &Source, modules: &dyn Modules, limits: &Limits, clock: Clock) -> Ran {
        let asked = Asked::new(modules);
        match lua::plain_script(source, &asked, limits) {
            Some(required) => Ran::Idle(required),
            None => match Ran::new(source, &asked, limits, clock) {
                Ran::Loaded(loaded) if loaded.script => Ran::Idle(loaded.required),
                ran => ran,
            },
        }
    }
}

impl Program {
    /// A file that could not even be tried.
    pub fn broken(source: Source, findings: Vec<Finding>, beside: Vec<Source>) -> Program {
        let mut sources = vec![source];
        sources.extend(beside);
        Program {
            policies: Vec::new(),
            findings,
            sources,
            script: false,
            printed: Vec::new(),
            facts: ScriptFacts::default(),
            modules: Vec::new(),
            loaded: None,
        }
    }

    /// Loads a file. What is wrong with it is in [`Program::findings`], all of it at once; where
    /// there is an error, none of its policies is among [`Program::policies`].
    pub fn load(
        source: &Source,
        entry: Option<&Entry>,
        modules: &dyn Modules,
        catalogue: &Table,
        limits: &Limits,
        clock: Clock,
    ) -> Program {
        let parsed = syntax::parse(source);
        let ran = Ran::new(source, modules, limits, clock);
        Program::read(source, &parsed, ran, entry, catalogue, &mut syntax::parse)
    }

    /// Reads what became of a file that has run; `parse` reads the modules that it required.
    pub fn read(
        source: &Source,
        parsed: &Parsed,
        ran: Ran,
        entry: Option<&Entry>,
        catalogue: &Table,
        parse: &mut dyn FnMut(&Source) -> Parsed,
    ) -> Program {
        let beside = entry.map(|e| e.source.clone()).into_iter().collect();
        let mut program = Program::broken(source.clone(), Vec::new(), beside);
        let loaded = match ran {
            Ran::Loaded(loaded) => loaded,
            Ran::Refused(errors) => {
                program.findings = not_loaded(source, parsed, errors, catalogue);
                return program;
            }
            Ran::Idle(required) => {
                program.script = true;
                program.findings = syntax::parser_limits(parsed.findings.clone());
                program.sources.extend(required);
                return program;
            }
        };
        if loaded.raw.policies.len() > MOST_POLICIES {
            let message = format!(
                "this file declares {} policies, and one file may declare {MOST_POLICIES}",
                loaded.raw.policies.len()
            );
            let line = LineIndex::new(&source.text).line_span(&source.text, 1).unwrap_or_default();
            let finding = Finding::error("too-many-policies", message).at(source, line, "");
            program.findings =
                vec![finding.help("split them over several files; each policy is run by itself")];
            return program;
        }
        program.sources.extend(loaded.required.iter().cloned());
        program.script = loaded.script;
        program.printed.clone_from(&loaded.printed);
        let mut findings = syntax::parser_limits(parsed.findings.clone());
        let (policies, found) = if loaded.script {
            let entry = entry.map(|e| build::Entry { table: &e.table, node: &e.node, source: &e.source });
            let (policy, found) = build::script(stem(&source.name), source, entry, catalogue);
            program.facts = parsed.facts.clone();
            (policy.into_iter().collect(), found)
        } else {
            findings.extend(parsed.purity.iter().cloned());
            for module in &loaded.required {
                let parsed = parse(module);
                findings.extend(parsed.purity);
                program.modules.push((module.name.clone(), parsed.functions));
            }
            let (required, outline) = (&loaded.required, &parsed.outline);
            build::policies(&File { raw: &loaded.raw, source, required, outline, catalogue })
        };
        findings.extend(found);
        // A file with an error is not run: a report on half of it would look whole.
        let unsound = findings.iter().any(|f| f.level == Level::Error);
        program.policies = if unsound { Vec::new() } else { policies };
        program.findings = in_order(findings, source);
        program.loaded = Some(loaded);
        program
    }

    /// Who answers the functions of one of [`Program::policies`].
    pub fn conditions(&self, policy: &Policy) -> Option<VmConditions> {
        self.loaded.as_ref().map(|loaded| loaded.bind(policy))
    }
}

/// What is wrong with a file that the VM refused. The parser's findings are preferred where
/// both speak of the text, since they name the construct; where the code failed while it ran,
/// the literals that can be read are checked too.
fn not_loaded(source: &Source, parsed: &Parsed, errors: Vec<Finding>, catalogue: &Table) -> Vec<Finding> {
    if !parsed.is_sound() {
        return in_order(parsed.findings.clone(), source);
    }
    let mut findings = errors;
    findings.extend(parsed.findings.iter().cloned());
    if parsed.declares {
        findings.extend(parsed.purity.iter().cloned());
        let (raw, outline) = (&parsed.literals, &parsed.outline);
        let (_, found) = build::policies(&File { raw, source, required: &[], outline, catalogue });
        // Where both speak of one line, `build` names the field and what is accepted.
        let lines = LineIndex::new(&source.text);
        let line = |f: &Finding| {
            f.labels.first().filter(|l| l.source == source.name).map(|l| lines.line(l.span.start))
        };
        let told: Vec<_> = found.iter().filter_map(line).collect();
        findings.retain(|f| f.rule != "runtime-error" || line(f).is_none_or(|at| !told.contains(&at)));
        findings.extend(found);
    }
    in_order(findings, source)
}

/// The order of the text, the file itself before what it required.
fn in_order(mut findings: Vec<Finding>, source: &Source) -> Vec<Finding> {
    findings.sort_by_key(|f| f.labels.first().map(|l| (l.source != source.name, l.source.clone(), l.span)));
    findings
}

/// What a script is called: its file's name without folder and extension.
fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".lua").or_else(|| file.strip_suffix(".luau")).unwrap_or(file)
}
