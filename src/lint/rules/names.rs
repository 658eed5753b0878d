//! Names: not declared, declared for nothing, hidden, given to all. May import: `lint`'s own
//! modules, `text`, `model`, `syntax`.

use super::ast::{fix, is_idle, whole_line};
use super::known;
use crate::lint::scopes::{How, Variable};
use crate::lint::{Role, Sink, TreeView};
use crate::model::Level;
use crate::model::finding::did_you_mean;
use crate::syntax::walk::{Declared, Given, first, span, word};
use crate::text::Span;
use full_moon::ast::{Expression, LocalAssignment, Stmt, Var};
use std::collections::{BTreeSet, HashMap};

/// Whether a global of this name is there, in a file of this role.
fn is_known(name: &str, role: Role) -> bool {
    known::LIBRARY.contains(&name)
        || known::instead(name).is_some()
        || match role {
            Role::Policy | Role::Module => known::ENGINE.contains(&name),
            Role::Script => known::ENGINE.contains(&name) || known::SCRIPT.contains(&name),
            Role::Other => known::ELSEWHERE.contains(&name),
        }
}

/// Whether the file changes what its globals are.
fn has_own_globals(view: &TreeView<'_>) -> bool {
    let names = |name: &str| ["_ENV", "setfenv", "getfenv", "module"].contains(&name);
    view.scopes.globals.iter().any(|g| names(g.name)) || view.scopes.variables.iter().any(|v| names(v.name))
}

/// `undefined-name`: a global that nothing defines.
pub fn undefined(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    let defined = view.scopes.defined();
    if !view.role.is_ours() {
        return undefined_elsewhere(view, &defined, sink);
    }
    let requires = view.scopes.globals.iter().any(|g| g.name == "require");
    // Comparing names takes time; a file with more than these is no policy with slips in it.
    const MOST_SUGGESTED: usize = 100;
    let mut suggested = BTreeSet::new();
    for global in view.scopes.globals.iter().filter(|g| g.at.how != How::Write) {
        let name = global.name;
        if is_known(name, view.role) || defined.contains(name) {
            continue;
        }
        let here = global.at.span;
        if known::SCRIPT.contains(&name) {
            sink.raise(format!("`{name}` exists in scripts only, and this file declares policies"), |f| {
                f.at(view.source, here, "unknown here").help(
                    "a rule's function gets the metrics and `ctx` as its arguments: `function(m, ctx) … end`",
                )
            });
            continue;
        }
        let few = suggested.len() < MOST_SUGGESTED;
        suggested.insert(name);
        let variables = || view.scopes.variables.iter().filter(|_| few);
        let visible = variables().filter(|v| v.function == 0 || v.function == global.at.function);
        let known = known::LIBRARY.iter().chain(&known::ENGINE).copied();
        let known = known.chain(if view.role == Role::Script { known::SCRIPT.to_vec() } else { Vec::new() });
        let near = did_you_mean(name, visible.map(|v| v.name).chain(known).filter(|n| *n != name));
        let later = variables().find(|v| v.name == name);
        sink.raise(format!("nothing defines `{name}`"), |f| {
            let f = f.at(view.source, here, "read here");
            let f = match later {
                Some(v) => f.at(view.source, v.span, format!("this `{name}` is not in sight there")),
                None => f,
            };
            let f = match (near, later) {
                (Some(near), None) => f.help(format!("did you mean `{near}`?")),
                (_, Some(_)) => f.help(format!(
                    "move the declaration of `{name}` to before its use, in the same block or around it"
                )),
                _ => f.help(format!(
                    "to read it ends the function with an error; write `local {name} = …` before it"
                )),
            };
            // A module may have defined it, against the advice of `implicit-global`.
            if requires && near.is_none() { crate::model::Finding { level: Level::Warning, ..f } } else { f }
        });
    }
}

/// In Lua that the engine does not run the host may define what it likes: only what looks like a slip
/// of the library's name, or of a local in sight, is told.
fn undefined_elsewhere(view: &TreeView<'_>, defined: &BTreeSet<&str>, sink: &mut Sink<'_>) {
    if has_own_globals(view) {
        return;
    }
    let mut count: HashMap<&str, usize> = HashMap::new();
    view.scopes.globals.iter().for_each(|g| *count.entry(g.name).or_default() += 1);
    for global in view.scopes.globals.iter().filter(|g| g.at.how == How::Read) {
        let name = global.name;
        if name.len() < 5
            || is_known(name, view.role)
            || defined.contains(name)
            || count.get(name) != Some(&1)
        {
            continue;
        }
        let library = known::LIBRARY.iter().copied();
        let Some(near) = library.filter(|n| n.len() >= 5).find(|n| is_slip(name, n)) else { continue };
        sink.raise(format!("nothing defines `{name}`"), |f| {
            let f = f.at(view.source, global.at.span, "read here").help(format!("did you mean `{near}`?"));
            crate::model::Finding { level: Level::Warning, ..f }
        });
    }
}

/// Whether one is the other with two letters exchanged, or one letter more, less or other.
fn is_slip(name: &str, other: &str) -> bool {
    if name == other || name.len().abs_diff(other.len()) > 1 {
        return false;
    }
    // Asked of every name: what takes time comes last.
    let (mut a, mut b): (Vec<char>, Vec<char>) = (name.chars().collect(), other.chars().collect());
    a.sort_unstable();
    b.sort_unstable();
    (a == b || a.len() != b.len()) && did_you_mean(name, [other]).is_some()
}

/// `implicit-global`: a name assigned without `local`.
pub fn implicit_global(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if view.role == Role::Other && has_own_globals(view) {
        return;
    }
    let globals = &view.scopes.globals;
    let mut told = BTreeSet::new();
    let reads: BTreeSet<&str> = globals.iter().filter(|g| g.at.how != How::Write).map(|g| g.name).collect();
    let top: BTreeSet<&str> =
        globals.iter().filter(|g| g.at.how == How::Write && g.at.function == 0).map(|g| g.name).collect();
    for global in globals.iter().filter(|g| g.at.how == How::Write) {
        let name = global.name;
        let read = reads.contains(name);
        let tell = match view.role {
            // Each tick has fresh globals: only one that nothing reads is a fault.
            Role::Script => !read && !known::SCRIPT.contains(&name),
            // In functions it is an error of its own.
            Role::Policy | Role::Module => global.at.function == 0,
            // A program's own globals are its own affair; one that a function leaks is not.
            Role::Other => {
                global.at.function != 0
                    && !top.contains(name)
                    && !global.function
                    && !is_known(name, view.role)
            }
        };
        if !tell || !told.insert(name) {
            continue;
        }
        let message = if view.role == Role::Script {
            format!("`{name}` is given a value that nothing reads")
        } else if global.at.function != 0 {
            format!("this function gives a value to the global `{name}`")
        } else {
            format!("`{name}` becomes a global, which every file that is loaded with this one can see")
        };
        let keyword = local_before(view, name, global.at.span);
        sink.raise(message, |f| {
            let f = f.at(view.source, global.at.span, "no `local` before it");
            let f = f.help(match global.function {
                true => format!("write `local function {name}(…) … end`"),
                false => format!("write `local {name} = …`"),
            });
            match keyword {
                Some(at) if view.role != Role::Other => {
                    f.fix(fix(view, "make it a local", Span { end: at, start: at }, "local "))
                }
                _ => f,
            }
        });
    }
}

/// Where `local` can be put so that every use of a global means the local: the first
/// assignment is a statement of the file itself, of this name alone, and all uses follow it.
fn local_before(view: &TreeView<'_>, name: &str, here: Span) -> Option<u32> {
    let mut stmts = view.tree.block.stmts();
    let (start, end) = stmts.find_map(|stmt| {
        let whole = span(stmt);
        match stmt {
            Stmt::Assignment(a) if a.variables().len() == 1 => match a.variables().iter().next()? {
                Var::Name(token) if span(token) == here => Some((whole.start, whole.end)),
                _ => None,
            },
            Stmt::FunctionDeclaration(f)
                if f.name().names().len() == 1 && f.name().method_name().is_none() =>
            {
                (span(f.name()) == here).then_some((whole.start, here.start))
            }
            _ => None,
        }
    })?;
    let mut uses = view.scopes.globals.iter().filter(|g| g.name == name);
    uses.all(|g| g.at.span == here || g.at.span.start >= end).then_some(start)
}

/// `unused-local`: a local that nothing uses.
pub fn unused_local(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        match stmt {
            Stmt::LocalAssignment(local) => unused_names(view, local, sink),
            Stmt::LocalFunction(function) => {
                let Some(v) = view.scopes.variable(function.name()) else { continue };
                if v.is_read()
                    || v.is_private()
                    || v.is_written()
                    || v.uses.iter().any(|u| u.how == How::Inside)
                {
                    continue;
                }
                let calls = if v.uses.is_empty() { "never called" } else { "called by itself only" };
                sink.raise(format!("the function `{}` is {calls}", v.name), |f| {
                    f.at(view.source, v.span, "").help("remove it, or call it").fix(fix(
                        view,
                        format!("remove the function `{}`", v.name),
                        whole_line(view, span(*stmt)),
                        "",
                    ))
                });
            }
            _ => {}
        }
    }
}

fn unused_names(view: &TreeView<'_>, local: &LocalAssignment, sink: &mut Sink<'_>) {
    let names: Vec<&Variable<'_>> = local.names().iter().filter_map(|n| view.scopes.variable(n)).collect();
    // What comes before a used name cannot be left out.
    let last = names.iter().rposition(|v| !v.uses.is_empty());
    for v in names.iter().skip(last.map_or(0, |l| l + 1)) {
        if v.is_private() {
            continue;
        }
        let values = local.expressions();
        let alone = names.len() == 1 && values.len() <= 1;
        let idle = values.iter().all(is_idle) && local.type_specifiers().all(|t| t.is_none());
        let cure = if alone && idle {
            fix(view, format!("remove `{}`", v.name), whole_line(view, span(local)), "")
        } else {
            fix(view, format!("name it `_{}`", v.name), v.span, format!("_{}", v.name))
        };
        let help = if alone && idle {
            "remove it"
        } else {
            "remove it, or name it with a `_` in front where it must be there"
        };
        sink.raise(format!("nothing uses the local `{}`", v.name), |f| {
            f.at(view.source, v.span, "").help(help).fix(cure)
        });
    }
}

/// `unused-parameter`: a parameter, or a variable of a `for`, that nothing uses and that no used one follows.
pub fn unused_parameter(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for function in &view.scopes.functions {
        let all: Vec<&Variable<'_>> =
            function.parameters.iter().filter_map(|p| view.scopes.variables.get(*p)).collect();
        // A function that does nothing takes what its place in an interface asks for.
        if view.text(function.span).trim_end().trim_end_matches("end").trim_end().ends_with(')') {
            continue;
        }
        let used = all.iter().rposition(|v| !v.uses.is_empty()).map_or(0, |at| at + 1);
        let unused: Vec<_> = all.iter().skip(used).filter(|v| !v.is_private()).collect();
        for v in unused {
            sink.raise(format!("nothing uses the parameter `{}`", v.name), |f| {
                f.at(view.source, v.span, "")
                    .help("leave it out, or name it with a `_` in front where it says what is passed")
                    .fix(fix(view, format!("name it `_{}`", v.name), v.span, format!("_{}", v.name)))
            });
        }
    }
    for (stmt, _) in &view.scopes.statements {
        let Stmt::GenericFor(each) = stmt else { continue };
        let all: Vec<&Variable<'_>> = each.names().iter().filter_map(|n| view.scopes.variable(n)).collect();
        let used = all.iter().rposition(|v| !v.uses.is_empty()).map_or(0, |at| at + 1);
        // One variable alone must be there, so that there is a loop.
        for v in all.iter().skip(used.max(1)).filter(|v| !v.is_private()) {
            sink.raise(format!("nothing uses the loop variable `{}`", v.name), |f| {
                f.at(view.source, v.span, "").help("leave it out, or name it with a `_` in front").fix(fix(
                    view,
                    format!("name it `_{}`", v.name),
                    v.span,
                    format!("_{}", v.name),
                ))
            });
        }
    }
}

/// `never-read`: a local that gets values which nothing reads.
pub fn never_read(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    // In `ok, err = f()` a name must stand before the one that is wanted.
    let mut forced: BTreeSet<Span> = BTreeSet::new();
    for (stmt, _) in &view.scopes.statements {
        let Stmt::Assignment(a) = stmt else { continue };
        let places: Vec<Span> = a.variables().iter().map(span).collect();
        forced.extend(places.iter().rev().skip(1).copied());
    }
    for v in &view.scopes.variables {
        if v.is_private() || v.uses.is_empty() || v.is_read() || v.how == Declared::Function {
            continue;
        }
        let filled = v.uses.iter().any(|u| u.how == How::Inside);
        // Only a table that was made here is held by nothing else.
        let own = matches!(v.given, Given::Value(Expression::TableConstructor(_)));
        if filled && (!own || v.is_written()) {
            continue;
        }
        if !filled && !v.is_written() {
            continue;
        }
        if v.uses.iter().all(|u| forced.contains(&u.span)) {
            continue;
        }
        let Some(first) = v.uses.iter().find(|u| u.how != How::Read) else { continue };
        let (what, verb) = if filled {
            ("is filled, and never read", "filled here")
        } else {
            ("gets a value that nothing reads", "assigned here")
        };
        sink.raise(format!("`{}` {what}", v.name), |f| {
            f.at(view.source, v.span, "declared here").at(view.source, first.span, verb).help(format!(
                "use `{}`, or remove it with what is assigned to it; a slip in the name at one of the places is likely",
                v.name
            ))
        });
    }
}

/// `never-set`: a local that is read and never gets a value.
pub fn never_set(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for (stmt, _) in &view.scopes.statements {
        let Stmt::LocalAssignment(local) = stmt else { continue };
        if !local.expressions().is_empty() {
            continue;
        }
        for v in local.names().iter().filter_map(|n| view.scopes.variable(n)) {
            let changed = v.uses.iter().any(|u| u.how != How::Read);
            let Some(read) = v.uses.iter().find(|u| u.how == How::Read && u.span != v.span) else { continue };
            if changed || v.is_private() {
                continue;
            }
            sink.raise(
                format!("`{}` is read, and nothing gives it a value: it is always nil", v.name),
                |f| {
                    f.at(view.source, v.span, "declared without a value")
                        .at(view.source, read.span, "read here")
                        .help(format!("write `local {} = …`, or `nil` where that is meant", v.name))
                },
            );
        }
    }
}

/// `shadowed-name`: a local that hides another one, or the library's name.
pub fn shadowed(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    for v in view.scopes.variables.iter().filter(|v| !v.is_private()) {
        let itself = match v.given {
            // `local x = x` and `local x = x or 1` take the value over.
            Given::Value(e) => first(e).is_some_and(|t| word(t) == v.name),
            _ => false,
        };
        if itself {
            continue;
        }
        match v.hides {
            Some((hidden, same)) => {
                let Some(hidden) = view.scopes.variables.get(hidden) else { continue };
                // Used up before it is declared anew: `local ok, err = a()`, `local ok, err = b()`.
                if same || hidden.is_private() || hidden.uses.is_empty() {
                    continue;
                }
                let later = hidden.uses.iter().any(|u| u.span.start > v.span.end);
                if !later {
                    continue;
                }
                sink.raise(format!("this `{}` hides another one", v.name), |f| {
                    f.at(view.source, v.span, "from here on it means this one")
                        .at(view.source, hidden.span, "the one that is hidden")
                        .help("give one of them another name")
                });
            }
            None if view.role.is_ours()
                && (known::LIBRARY.contains(&v.name) || known::ENGINE.contains(&v.name)) =>
            {
                sink.raise(format!("this `{0}` hides the `{0}` of the library", v.name), |f| {
                    f.at(view.source, v.span, "").help("give it another name")
                });
            }
            None => {}
        }
    }
}

/// `hidden-engine-name`: a script that has its own `metrics` or `scale_out`, and so never reaches the engine's.
pub fn hidden_engine_name(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if view.role != Role::Script {
        return;
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut tell = |name: &str, here: Span, uses: Vec<Span>| {
        let Some(name) = known::SCRIPT.iter().find(|n| **n == name) else { return };
        if !told.insert(name) {
            return;
        }
        let so = match *name {
            "metrics" => "so nothing that is measured is read",
            "now" | "replicas" => "so the engine's value is not seen",
            _ => "so a call of it scales nothing",
        };
        sink.raise(format!("this script's own `{name}` hides the engine's, {so}"), |f| {
            let f = f.at(view.source, here, "hides the engine's from here on");
            let f = match uses.first() {
                Some(first) => f.at(view.source, *first, "means the script's own"),
                None => f,
            };
            f.help(format!("remove it: the engine gives `{name}` to a script; or give yours another name"))
        });
    };
    for v in view.scopes.variables.iter().filter(|v| v.function == 0) {
        let itself =
            matches!(v.given, Given::Value(Expression::Var(Var::Name(token))) if word(token) == v.name);
        if v.how != Declared::Loop && !itself {
            tell(v.name, v.span, v.uses.iter().map(|u| u.span).collect());
        }
    }
    for global in view.scopes.globals.iter().filter(|g| g.at.how == How::Write) {
        let later = view
            .scopes
            .globals
            .iter()
            .filter(|g| g.name == global.name && g.at.span.start > global.at.span.start);
        tell(global.name, global.at.span, later.map(|g| g.at.span).collect());
    }
}

/// `absent-library`: a library or a function that policies do not have.
pub fn absent(view: &TreeView<'_>, sink: &mut Sink<'_>) {
    if !view.role.is_ours() {
        return;
    }
    let defined = view.scopes.defined();
    for global in view.scopes.globals.iter().filter(|g| g.at.how != How::Write && !defined.contains(g.name)) {
        // The dotted name is read off the text: it may be called, passed on, or followed further.
        let from = global.at.span.start as usize;
        let rest = view.tree.text.get(from..).unwrap_or_default();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let path = rest.get(..end).unwrap_or_default().trim_end_matches('.');
        let Some((name, instead)) = known::instead(path) else { continue };
        let place = Span::new(from, from + path.len().max(name.len()));
        let clock = matches!(path, "os.time" | "os.clock").then(|| now(view, global.at.function)).flatten();
        let call = rest.get(end..).and_then(|after| after.strip_prefix("()")).is_some();
        sink.raise(format!("a policy has no `{}`", if path.starts_with(name) { path } else { name }), |f| {
            let f = f.at(view.source, place, "not there when the policy runs").help(instead);
            match (clock, call) {
                (Some(now), true) => {
                    f.fix(fix(view, format!("read `{now}`"), Span { end: place.end + 2, ..place }, now))
                }
                _ => f,
            }
        });
    }
}

/// How a function reads the time of the tick.
fn now(view: &TreeView<'_>, mut function: usize) -> Option<String> {
    if view.role == Role::Script {
        return Some("now".into());
    }
    while function != 0 {
        let this = view.scopes.functions.get(function)?;
        if view.ticks.is_entry(function)
            && let Some(ctx) = this.parameters.get(1).and_then(|p| view.scopes.variables.get(*p))
            && view.ticks.part(function) == Some(crate::lint::ticks::Part::Condition)
        {
            return Some(format!("{}.now", ctx.name));
        }
        function = this.parent;
    }
    None
}
