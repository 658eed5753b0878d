//! Runs an organisation's rules: a file that calls `rule`, fenced as policies are, over the plain
//! view of a policy. May import: `text`, `model`, siblings.

use super::message::{self, Phase, Said, grouped, time};
use super::native::{Entry, Trip};
use super::sandbox::{Compiled, Vm, compile};
use super::value::describe;
use super::{Clock, Limits};
use crate::model::organisation::{OrgRule, Plain, PlainValue, Reported};
use crate::model::{Finding, Level};
use crate::text::{Source, Span};
use mlua::{Function, LuaString, Table, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// The part that is written in Luau.
static OWN: Compiled = Compiled::new(include_str!("organisation.luau"));

/// Most rules of one file, and most reports of one rule on one policy.
const MOST: usize = 100;

/// Longest text of a report, in characters.
const LONGEST: usize = 1_000;

/// Identifier of what is wrong with a rule itself.
const BROKEN: &str = "broken-rule";

/// What rules reported: the place that was read, the message, the help.
type Reports = Rc<RefCell<Vec<(usize, String, Option<String>)>>>;

/// A file of an organisation's rules, loaded.
pub struct RuleFile {
    /// Its rules, in the order declared.
    pub rules: Vec<OrgRule>,
    functions: Vec<Function>,
    source: Source,
    vm: Vm,
    own: Table,
    reports: Reports,
    /// When all work of this file ends, by the clock.
    end: u64,
}

/// What a file declared so far.
#[derive(Default)]
struct Declared {
    rules: Vec<OrgRule>,
    functions: Vec<Function>,
}

impl RuleFile {
    /// Loads a file of rules. All that it does from here on, its rules included, must be done by
    /// `end`, by the clock.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn load(source: &Source, limits: &Limits, clock: Clock, end: u64) -> Result<RuleFile, Finding> {
        let vm = Vm::new(*limits, clock)
            .map_err(|e| broken(format!("the VM could not start: {}", message::root(&e))))?;
        match prepare(&vm, source, end) {
            Ok(Ok((rules, functions, own, reports))) => {
                Ok(RuleFile { rules, functions, source: source.clone(), vm, own, reports, end })
            }
            Ok(Err(said)) => Err(said.finding(source)),
            Err(error) => Err(told(&vm, &error).finding(source)),
        }
    }

    /// What a rule, by its index, reports of a policy.
    ///
    /// # Errors
    /// A finding where the rule fails, placed in its file. The VM may be full or half torn down
    /// then: the rules after it need the file loaded anew.
    pub fn look(&self, at: usize, policy: &Plain) -> Result<Vec<Reported>, Finding> {
        let (Some(rule), Some(function)) = (self.rules.get(at), self.functions.get(at)) else {
            return Ok(Vec::new());
        };
        self.reports.borrow_mut().clear();
        let mut places = Vec::new();
        let name = match &policy.value {
            PlainValue::Record { fields, .. } => fields.iter().find(|(k, _)| k == "name"),
            _ => None,
        };
        let name = match name.map(|(_, plain)| &plain.value) {
            Some(PlainValue::Text(name)) => name.as_str(),
            _ => "",
        };
        match self.call(function, policy, &mut places) {
            Ok(None) => {}
            Ok(Some(mut said)) => {
                said.message = format!("`{}` fails on the policy `{name}`: {}", rule.id, said.message);
                if said.place.is_none() {
                    said.place = Some((self.source.clone(), rule.place.line));
                }
                return Err(said.finding(&self.source));
            }
            Err(error) => {
                let mut said = told(&self.vm, &error);
                said.message = format!("`{}` fails on the policy `{name}`: {}", rule.id, said.message);
                said.place.get_or_insert_with(|| (self.source.clone(), rule.place.line));
                return Err(said.finding(&self.source));
            }
        }
        let reports = std::mem::take(&mut *self.reports.borrow_mut());
        let reported = reports.into_iter().map(|(place, message, help)| Reported {
            place: places.get(place).copied().unwrap_or(policy.place),
            message,
            help,
        });
        Ok(reported.collect())
    }

    fn call(
        &self,
        function: &Function,
        policy: &Plain,
        places: &mut Vec<Span>,
    ) -> mlua::Result<Option<Said>> {
        let limits = &self.vm.limits;
        self.own.get::<Function>("renew")?.call::<()>(())?;
        let maker =
            Maker { vm: &self.vm, record: self.own.get("record")?, several: self.own.get("several")? };
        let shown = maker.value(policy, places)?;
        let _fenced = self.vm.fence.enter(&Entry {
            budget: limits.tick_budget,
            allowed_ms: limits.tick_ms,
            timed: true,
            goes_on: false,
            run_end: Some(self.end),
        });
        let (fine, why) = self.own.get::<Function>("call")?.call::<(bool, Value)>((function, shown))?;
        if fine {
            return Ok(None);
        }
        Ok(Some(match self.vm.fence.tripped() {
            Some(trip) => tripped(&self.vm, trip),
            None => named(message::of_text(&self.vm.chunks(), limits, &super::value::raised(&why))),
        }))
    }
}

type Prepared = (Vec<OrgRule>, Vec<Function>, Table, Rc<RefCell<Vec<(usize, String, Option<String>)>>>);

/// Runs the file once.
fn prepare(vm: &Vm, source: &Source, end: u64) -> mlua::Result<Result<Prepared, Said>> {
    let chunk = match compile(&vm.lua, &vm.shared, source) {
        Ok(chunk) => chunk,
        Err(why) => return Ok(Err(named(message::of_text(&vm.chunks(), &vm.limits, &why)))),
    };
    let declared = Rc::new(RefCell::new(Declared::default()));
    let reports = Rc::new(RefCell::new(Vec::new()));
    let host = host(vm, source, &declared, &reports)?;
    let lib: Table = vm.prelude.get("lib")?;
    let handler: Function = vm.prelude.get("handler")?;
    let suggest: Function = vm.prelude.get("suggest")?;
    let own: Table = vm.compiled(&OWN)?.call((host, lib, suggest, handler))?;
    vm.lua.globals().raw_set("rule", own.get::<Function>("rule")?)?;
    let alone = vm.lua.create_function(|_, name: LuaString| {
        let why = format!("a file of rules stands alone: it cannot require {}", name.to_string_lossy());
        Ok((None::<Function>, Some(why), false))
    })?;
    vm.prelude.get::<Function>("open")?.call::<()>(alone)?;
    let limits = &vm.limits;
    let _fenced = vm.fence.enter(&Entry {
        budget: limits.load_budget,
        allowed_ms: limits.load_ms,
        timed: true,
        goes_on: false,
        run_end: Some(end),
    });
    let (fine, why) = vm.prelude.get::<Function>("run")?.call::<(bool, Value)>(&chunk)?;
    if !fine {
        return Ok(Err(match vm.fence.tripped() {
            Some(_) => named(message::of_error(vm, &mlua::Error::runtime(""), Phase::Load)),
            None => named(message::of_text(&vm.chunks(), limits, &super::value::raised(&why))),
        }));
    }
    let (id, chunk, line) =
        own.get::<Function>("begin")?.call::<(Option<String>, Option<String>, Option<u32>)>(())?;
    let at = |line: u32| Some((source.clone(), line));
    if let Some(id) = id {
        let place = vm.chunks().source(&chunk.unwrap_or_default()).map(|s| (s, line.unwrap_or(0)));
        let message = format!("rule \"{id}\" is given no table");
        let help = Some(format!("write: rule \"{id}\" {{ policy = function(p, report) … end }}"));
        return Ok(Err(Said { message, help, place, rule: BROKEN, fatal: false }));
    }
    let Declared { rules, functions } = std::mem::take(&mut *declared.borrow_mut());
    let wrong = match (vm.shared.borrow().policies.first(), rules.is_empty()) {
        (Some(policy), _) => Some((
            "a file of rules declares a policy",
            "policies stand in files of their own",
            policy.place.line,
        )),
        (_, true) => Some((
            "this file declares no rule",
            "write: rule \"silent-ceiling\" { policy = function(p, report) … end }, or take it out of `lint: rules:`",
            1,
        )),
        _ => None,
    };
    if let Some((message, help, line)) = wrong {
        let (message, help) = (message.to_owned(), Some(help.to_owned()));
        return Ok(Err(Said { message, help, place: at(line), rule: BROKEN, fatal: false }));
    }
    let held = vm.lua.create_sequence_from(functions.iter().cloned())?;
    vm.prelude.get::<Function>("finish")?.call::<()>((held, vm.lua.globals()))?;
    Ok(Ok((rules, functions, own, reports)))
}

/// The functions of the host that the rules' library uses.
fn host(
    vm: &Vm,
    source: &Source,
    declared: &Rc<RefCell<Declared>>,
    reports: &Reports,
) -> mlua::Result<Table> {
    let host = vm.lua.create_table()?;
    host.raw_set("describe", vm.lua.create_function(|_, value: Value| Ok(describe(&value)))?)?;
    let to = declared.clone();
    let shared = vm.shared.clone();
    let main = source.clone();
    host.raw_set(
        "declare",
        vm.lua.create_function(move |_, (id, chunk, line, table): (LuaString, LuaString, u32, Table)| {
            let place = shared.borrow().chunks.place(&chunk.to_string_lossy(), line);
            let place = if place.source.is_empty() {
                crate::model::raw::Place { source: main.name.clone(), line }
            } else {
                place
            };
            Ok(declare(&mut to.borrow_mut(), id.to_string_lossy(), place, &table).err())
        })?,
    )?;
    let to = reports.clone();
    host.raw_set(
        "report",
        vm.lua.create_function(move |_, (place, message, help): (f64, LuaString, Option<LuaString>)| {
            let mut to = to.borrow_mut();
            if to.len() >= MOST {
                return Ok(Some(format!("a rule reports at most {MOST} faults of one policy")));
            }
            let text = |text: LuaString| -> String {
                // Cut before it is read as characters: it may be as long as memory allows.
                let bytes = text.as_bytes();
                let bytes = bytes.get(..bytes.len().min(4 * LONGEST)).unwrap_or_default();
                String::from_utf8_lossy(bytes).chars().take(LONGEST).collect()
            };
            to.push((place as usize, text(message), help.map(text)));
            Ok(None)
        })?,
    )?;
    Ok(host)
}

/// Takes a rule in.
///
/// # Errors
/// A sentence for who wrote it.
fn declare(
    to: &mut Declared,
    id: String,
    place: crate::model::raw::Place,
    table: &Table,
) -> Result<(), String> {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if id.len() > 64 || !id.split('-').all(word) || id.starts_with(|c: char| c.is_ascii_digit()) {
        let shown: String = id.chars().take(64).collect();
        return Err(format!(
            "`{shown}` is no name of a rule: small letters and digits with `-` between words, as in `silent-ceiling`"
        ));
    }
    if to.rules.iter().any(|rule| rule.id == id) {
        return Err(format!("the rule `{id}` is declared twice"));
    }
    if to.rules.len() >= MOST {
        return Err(format!("a file declares at most {MOST} rules"));
    }
    const FIELDS: [&str; 3] = ["level", "policy", "why"];
    let (mut level, mut why, mut policy) = (Level::Warning, String::new(), None);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|e| message::root(&e))?;
        let key = match &key {
            Value::String(key) => key.to_string_lossy(),
            other => return Err(format!("rule \"{id}\" has the key {}", describe(other))),
        };
        match (key.as_str(), value) {
            ("level", Value::String(text)) => {
                level = match &*text.as_bytes() {
                    b"note" => Level::Note,
                    b"warning" => Level::Warning,
                    b"error" => Level::Error,
                    _ => return Err(format!("the level of rule \"{id}\" is one of note, warning, error")),
                }
            }
            ("why", Value::String(text)) => {
                why = text.to_string_lossy().chars().take(LONGEST).collect();
            }
            ("policy", Value::Function(function)) => policy = Some(function),
            (known @ ("level" | "why" | "policy"), other) => {
                let wanted = if known == "policy" { "a function(p, report)" } else { "a text" };
                return Err(format!("{known} of rule \"{id}\" is {wanted}, not {}", describe(&other)));
            }
            (other, _) => {
                let shown: String = other.chars().take(64).collect();
                let near = crate::model::finding::did_you_mean(other, FIELDS);
                let near = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
                return Err(format!("rule \"{id}\" has no {shown}{near}; it has {}", FIELDS.join(", ")));
            }
        }
    }
    let Some(policy) = policy else {
        return Err(format!("rule \"{id}\" has no function that looks: policy = function(p, report) … end"));
    };
    to.rules.push(OrgRule { id, level, why, place });
    to.functions.push(policy);
    Ok(())
}

/// Makes the view's values in the VM.
struct Maker<'a> {
    vm: &'a Vm,
    record: Function,
    several: Function,
}

impl Maker<'_> {
    fn value(&self, plain: &Plain, places: &mut Vec<Span>) -> mlua::Result<Value> {
        let place = places.len();
        places.push(plain.place);
        let lua = &self.vm.lua;
        Ok(match &plain.value {
            PlainValue::Absent => Value::Nil,
            PlainValue::Bool(b) => Value::Boolean(*b),
            PlainValue::Number(n) => Value::Number(*n),
            PlainValue::Text(text) => Value::String(lua.create_string(text)?),
            PlainValue::Record { what, fields, known } => {
                let (data, ids, keys) = (lua.create_table()?, lua.create_table()?, lua.create_table()?);
                for (name, field) in fields {
                    ids.raw_set(name.as_str(), places.len())?;
                    let value = self.value(field, places)?;
                    if !value.is_nil() {
                        keys.raw_push(name.as_str())?;
                    }
                    data.raw_set(name.as_str(), value)?;
                }
                let names = match known {
                    true => Some(lua.create_sequence_from(fields.iter().map(|(name, _)| name.as_str()))?),
                    false => None,
                };
                self.record.call((*what, data, ids, keys, names, place))?
            }
            PlainValue::List(all) => {
                let list = lua.create_table()?;
                for one in all {
                    list.raw_push(self.value(one, places)?)?;
                }
                self.several.call((list, place))?
            }
            PlainValue::Map(all) => {
                let map = lua.create_table()?;
                for (name, one) in all {
                    map.raw_set(name.as_str(), self.value(one, places)?)?;
                }
                self.several.call((map, place))?
            }
        })
    }
}

fn broken(message: String) -> Finding {
    Finding::error(BROKEN, message)
}

/// By the name of what is wrong with a rule.
fn named(said: Said) -> Said {
    let message = said.message.replace("the memory of a policy", "the memory of a file of rules");
    Said { rule: BROKEN, message, ..said }
}

/// What is to be said of an error that ended a call.
fn told(vm: &Vm, error: &mlua::Error) -> Said {
    match vm.fence.tripped() {
        Some(trip) => tripped(vm, trip),
        None => named(message::of_text(&vm.chunks(), &vm.limits, &message::root(error))),
    }
}

/// What is to be said of a limit that a rule passed.
fn tripped(vm: &Vm, trip: Trip) -> Said {
    let limits = &vm.limits;
    let said = named(message::of_trip(vm, trip, Phase::Tick));
    let message = match trip {
        Trip::Budget => format!(
            "it took more than {} steps, the budget of a rule on one policy",
            grouped(limits.tick_budget)
        ),
        Trip::Deadline => {
            format!("it took longer than {}, the deadline of a rule on one policy", time(limits.tick_ms))
        }
        Trip::Run => format!(
            "the rules of this file took longer than {} on one file of policies",
            time(limits.load_ms)
        ),
    };
    Said { message, ..said }
}
