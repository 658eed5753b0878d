//! Runs a file once. May import: `text`, `model`, siblings.

use super::conditions::VmConditions;
use super::message::{self, Phase};
use super::native::Entry;
use super::sandbox::{Vm, bytecode_length, compile};
use super::{Clock, Limits, Modules, lexer};
use crate::model::raw::RawFile;
use crate::model::{Finding, Policy};
use crate::text::Source;
use mlua::{Function, LuaString, Table, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// A file that was loaded: what it declared, and the VM that holds its functions.
pub struct Loaded {
    /// What it declared; no policies where it is a script.
    pub raw: RawFile,
    /// Whether it never calls `policy`: it is then run anew at each tick.
    pub script: bool,
    /// The modules that it required, in the order found.
    pub required: Vec<Source>,
    /// What it printed while it was loaded.
    pub printed: Vec<String>,
    pub(super) vm: Rc<Vm>,
    pub(super) main: Source,
    /// The compiled script and its modules by name.
    pub(super) script_chunks: Option<(Function, Scripts)>,
}

/// Modules of a script, compiled once and run anew at each tick.
pub(super) type Scripts = BTreeMap<String, Function>;

/// Loads a policy file: compiles it, runs it once, and keeps its functions for the ticks. A
/// script (a file that never calls `policy`) is compiled only, with the modules that it
/// requires by a literal name.
///
/// # Errors
/// Findings with a place: a source that is too long, syntax errors as the VM's compiler reports
/// them, errors of the code, limits that were passed.
pub fn load(
    source: &Source,
    modules: &dyn Modules,
    limits: &Limits,
    clock: Clock,
) -> Result<Loaded, Vec<Finding>> {
    too_long(source, limits).map_or(Ok(()), |finding| Err(vec![finding]))?;
    let vm = Vm::new(*limits, clock).map_err(|error| {
        vec![
            Finding::error("limit-exceeded", format!("the VM could not start: {}", message::root(&error)))
                .help("give it more memory: at least 1 MiB"),
        ]
    })?;
    let required = RefCell::new(Vec::new());
    let text = source.blanked();
    let chunk = compile(&vm.lua, &vm.shared, source).map_err(|error| vec![syntax(&vm, source, &error)])?;
    let requires = lexer::requires(&text);
    if !lexer::calls_policy(&text) && !requires_policy(&requires, modules) {
        return script(source, requires, modules, vm, chunk);
    }
    let ran = vm.lua.scope(|scope| {
        let find = scope.create_function(|lua, name: LuaString| {
            let name = name.to_string_lossy();
            let found = match modules.find(&name) {
                Ok(found) => found,
                Err(why) => return Ok((None, Some(why), false)),
            };
            if let Some(finding) = too_long(&found, &vm.limits) {
                return Ok((None, Some(finding.message), false));
            }
            required.borrow_mut().push(found.clone());
            Ok(match compile(lua, &vm.shared, &found) {
                Ok(function) => (Some(function), None, false),
                Err(error) => (None, Some(error), true),
            })
        })?;
        vm.prelude.get::<Function>("open")?.call::<()>(find)?;
        let _fenced = vm.fence.enter(&Entry {
            budget: limits.load_budget,
            allowed_ms: limits.load_ms,
            timed: true,
            goes_on: false,
            run_end: None,
        });
        let (fine, why) = vm.prelude.get::<Function>("run")?.call::<(bool, Value)>(&chunk)?;
        match fine {
            true => finish(&vm).map(|()| None),
            false => Ok(Some(super::value::raised(&why))),
        }
    });
    match ran {
        Ok(None) => {}
        Ok(Some(why)) => {
            let said = message::of_text(&vm.chunks(), limits, &why);
            return Err(vec![said.finding(source)]);
        }
        Err(error) => {
            let said = message::of_error(&vm, &error, Phase::Load);
            return Err(vec![said.finding(source)]);
        }
    }
    let left = unfinished(&vm, source);
    if !left.is_empty() {
        return Err(left);
    }
    let policies = std::mem::take(&mut vm.shared.borrow_mut().policies);
    let required = required.into_inner();
    if policies.is_empty() {
        // It could have called `policy`, and did not.
        return script(source, requires, modules, vm, chunk);
    }
    let printed = vm.take_printed();
    let raw = RawFile { policies };
    Ok(Loaded {
        raw,
        script: false,
        required,
        printed,
        vm: Rc::new(vm),
        main: source.clone(),
        script_chunks: None,
    })
}

/// Modules, each asked for once: whoever has them may be in another process.
pub struct Asked<'a> {
    modules: &'a dyn Modules,
    answers: RefCell<HashMap<String, Result<Source, String>>>,
}

impl<'a> Asked<'a> {
    /// Nothing was asked yet.
    pub fn new(modules: &'a dyn Modules) -> Asked<'a> {
        Asked { modules, answers: RefCell::default() }
    }
}

impl Modules for Asked<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        if let Some(answer) = self.answers.borrow().get(name) {
            return answer.clone();
        }
        let answer = self.modules.find(name);
        self.answers.borrow_mut().insert(name.to_owned(), answer.clone());
        answer
    }
}

/// Freezes what ticks can reach, and tells the prelude that ticks begin.
fn finish(vm: &Vm) -> mlua::Result<()> {
    let held = vm.lua.create_sequence_from(vm.shared.borrow().functions.iter().cloned())?;
    vm.prelude.get::<Function>("finish")?.call((held, vm.lua.globals()))
}

/// A `policy "name"` that was never given its table.
fn unfinished(vm: &Vm, source: &Source) -> Vec<Finding> {
    let slots = vm.prelude.get::<Function>("pending").and_then(|f| f.call::<Vec<Table>>(()));
    let mut findings = Vec::new();
    for slot in slots.unwrap_or_default() {
        let name = slot.get::<String>(1).unwrap_or_default();
        let chunk = slot.get::<String>(2).unwrap_or_default();
        let line = slot.get::<u32>(3).unwrap_or(0);
        let said = message::Said {
            message: format!("policy \"{name}\" is given no table"),
            help: Some(format!("write: policy \"{name}\" {{ … }}")),
            place: vm.chunks().source(&chunk).map(|source| (source, line)),
            rule: "runtime-error",
            fatal: false,
        };
        findings.push(said.finding(source));
    }
    findings
}

/// The modules that a file requires, where its text tells that it is a script, and all of it
/// compiles and is small: then [`load`] has nothing to say, and no VM is needed. `None` elsewhere.
pub fn plain_script(source: &Source, modules: &dyn Modules, limits: &Limits) -> Option<Vec<Source>> {
    if too_long(source, limits).is_some() {
        return None;
    }
    let text = source.blanked();
    if lexer::calls_policy(&text) {
        return None;
    }
    let tokens: Vec<lexer::Token<'_>> = lexer::Lexer::new(&text).collect();
    let mut todo = lexer::requires_tokens(&tokens);
    if requires_policy(&todo, modules) {
        return None;
    }
    // What a VM makes of bytecode takes a few times its bytes.
    let mut room = usize::try_from(limits.memory / 32).ok()?;
    let mut fits = |text: &str, tokens: &[lexer::Token<'_>]| {
        room = room.checked_sub(bytecode_length(text, tokens)?)?;
        Some(())
    };
    fits(&text, &tokens)?;
    let mut names = BTreeSet::new();
    let mut required = Vec::new();
    while let Some(name) = todo.pop() {
        if names.contains(&name) {
            continue;
        }
        let Ok(found) = modules.find(&name) else { continue };
        if too_long(&found, limits).is_some() {
            return None;
        }
        let text = found.blanked();
        let tokens: Vec<lexer::Token<'_>> = lexer::Lexer::new(&text).collect();
        fits(&text, &tokens)?;
        todo.extend(lexer::requires_tokens(&tokens));
        names.insert(name);
        required.push(found);
    }
    Some(required)
}

/// Finishes the load of a script: compiles its modules.
fn script(
    source: &Source,
    mut todo: Vec<String>,
    modules: &dyn Modules,
    vm: Vm,
    chunk: Function,
) -> Result<Loaded, Vec<Finding>> {
    let mut scripts = BTreeMap::new();
    let mut required = Vec::new();
    let mut findings = Vec::new();
    while let Some(name) = todo.pop() {
        if scripts.contains_key(&name) {
            continue;
        }
        // Whatever is wrong with a module is told where `require` asks for it.
        let Ok(found) = modules.find(&name) else { continue };
        if let Some(finding) = too_long(&found, &vm.limits) {
            findings.push(finding);
            continue;
        }
        match compile(&vm.lua, &vm.shared, &found) {
            Ok(function) => {
                scripts.insert(name, function);
            }
            Err(error) => findings.push(syntax(&vm, &found, &error)),
        }
        todo.extend(lexer::requires(&found.blanked()));
        required.push(found);
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let printed = Vec::new();
    vm.take_printed();
    if let Err(error) = finish(&vm) {
        return Err(vec![message::of_error(&vm, &error, Phase::Load).finding(source)]);
    }
    Ok(Loaded {
        raw: RawFile::default(),
        script: true,
        required,
        printed,
        vm: Rc::new(vm),
        main: source.clone(),
        script_chunks: Some((chunk, scripts)),
    })
}

/// Whether a module that is required by a literal name calls `policy`, some modules deep.
fn requires_policy(requires: &[String], modules: &dyn Modules) -> bool {
    let mut seen = Vec::new();
    let mut todo = requires.to_vec();
    while let Some(name) = todo.pop() {
        if seen.contains(&name) || seen.len() > 1_000 {
            continue;
        }
        if let Ok(found) = modules.find(&name) {
            let text = found.blanked();
            if lexer::calls_policy(&text) {
                return true;
            }
            todo.extend(lexer::requires(&text));
        }
        seen.push(name);
    }
    false
}

fn too_long(source: &Source, limits: &Limits) -> Option<Finding> {
    let length = source.text.len() as u64;
    (length > limits.source).then(|| {
        let most = crate::text::size(limits.source);
        let message = format!("the file is larger than {most}, the most that a policy file may have");
        Finding::error("too-long", message).at(source, crate::text::Span::default(), "")
    })
}

fn syntax(vm: &Vm, source: &Source, error: &str) -> Finding {
    let mut said = message::of_text(&vm.chunks(), &vm.limits, error);
    said.rule = "syntax-error";
    said.finding(source)
}

impl Loaded {
    /// The conditions of one of this file's policies, as `build` made it from [`Loaded::raw`]
    /// (or from the configuration's entry, for a script).
    pub fn bind(&self, policy: &Policy) -> VmConditions {
        VmConditions::new(self, policy)
    }

    /// A function that the file declared, the name of its source and the line it starts on.
    pub(super) fn function(&self, at: u32) -> Option<(Function, String, u32)> {
        let function = self.vm.shared.borrow().functions.get(at as usize).cloned()?;
        let info = function.info();
        let place = self.vm.chunks().place(
            &info.short_src.unwrap_or_default(),
            info.line_defined.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
        );
        Some((function, place.source.to_string(), place.line))
    }
}
