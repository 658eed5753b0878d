//! What of a policy lives in the VM: its functions and the driver that calls them.
//! May import: `text`, `model`, siblings.

use super::driver::{self, Shape};
use super::hook;
use super::load::Loaded;
use super::sandbox::Vm;
use super::value::describe;
use crate::model::policy::{Action, Activation, Form, Policy};
use crate::model::{Context, Effect, Event};
use mlua::{FromLuaMulti, Function, Lua, LuaString, MultiValue, Table, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// One of the policy's functions: what it is called in messages, and where it starts.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) line: u32,
}

/// What lives in the VM.
pub(super) struct Parts {
    pub(super) metrics: Vec<String>,
    pub(super) out: usize,
    pub(super) rules: usize,
    /// Those of the rules, then those of `more` in the driver.
    pub(super) functions: Vec<Named>,
    pub(super) activation: Option<usize>,
    /// By rule: the position of its `by`.
    pub(super) by: Vec<Option<usize>>,
    pub(super) decide: Option<usize>,
    pub(super) hooks: Vec<usize>,
    pub(super) script: Option<Function>,
    pub(super) drives: Vec<Function>,
    pub(super) set: Function,
    pub(super) one: Function,
    pub(super) reads: Function,
    pub(super) at: Function,
    pub(super) detail: Function,
    pub(super) context: Function,
    /// Whether a rule's `when` takes `ctx`.
    pub(super) shows_context: bool,
    pub(super) environment: Function,
    pub(super) wanted: Function,
    pub(super) hook: Function,
    pub(super) renew: Function,
    pub(super) run: Function,
    pub(super) policy: String,
    pub(super) effects: Rc<RefCell<Vec<Effect>>>,
    /// The globals of the script's tick that runs.
    pub(super) globals: Rc<RefCell<Option<Table>>>,
}

/// Calls a function of the driver with the metrics' values as plain arguments: a tuple is pushed
/// at once, while a list of values is made first and pushed one by one.
pub(super) fn pass<R: FromLuaMulti>(function: &Function, all: bool, values: &[f64]) -> mlua::Result<R> {
    macro_rules! by_length {
        ($([$($v:ident)*])*) => {
            match values {
                $([$($v),*] => function.call((all, $(*$v),*)),)*
                _ => {
                    let numbers = values.iter().map(|n| Value::Number(*n));
                    function.call(std::iter::once(Value::Boolean(all)).chain(numbers).collect::<MultiValue>())
                }
            }
        };
    }
    by_length! {
        [] [a] [a b] [a b c] [a b c d] [a b c d e] [a b c d e f] [a b c d e f g] [a b c d e f g h]
        [a b c d e f g h i] [a b c d e f g h i j] [a b c d e f g h i j k] [a b c d e f g h i j k l]
    }
}

impl Parts {
    pub(super) fn new(loaded: &Loaded, policy: &Policy) -> mlua::Result<Parts> {
        let vm = &loaded.vm;
        let lua = &vm.lua;
        let metrics: Vec<String> = policy.metrics.iter().map(|m| m.name.value.clone()).collect();
        if metrics.len() > driver::MOST_METRICS {
            let most = driver::MOST_METRICS;
            return Err(mlua::Error::runtime(format!("a policy may have at most {most} metrics")));
        }
        let mut functions = Vec::new();
        let mut keep = |name: String, at: u32| -> mlua::Result<Function> {
            let lost = || mlua::Error::runtime(format!("the function of {name} is not in the file"));
            let (function, source, line) = loaded.function(at).ok_or_else(lost)?;
            functions.push(Named { name, source, line });
            Ok(function)
        };
        let rules: Vec<_> = policy.scale_out.iter().chain(&policy.scale_in).collect();
        let mut whens = Vec::new();
        for rule in &rules {
            whens.push(keep(rule.name.clone(), rule.when.0)?);
        }
        let shows_context = whens.iter().any(|when| {
            let info = when.info();
            info.num_params > 1 || info.is_vararg
        });
        let mut more = Vec::new();
        let next = |function, more: &mut Vec<Function>| {
            more.push(function);
            whens.len() + more.len() - 1
        };
        let mut by = Vec::new();
        for rule in &rules {
            by.push(match rule.action {
                Action::By(at) => Some(next(keep(format!("{} (by)", rule.name), at.0)?, &mut more)),
                _ => None,
            });
        }
        let activation = match &policy.activation {
            Some(Activation::When(at, _)) => Some(next(keep("activation".into(), at.0)?, &mut more)),
            _ => None,
        };
        let decide = match policy.form {
            Form::Decide(at) => Some(next(keep("decide".into(), at.0)?, &mut more)),
            _ => None,
        };
        let mut hooks = Vec::new();
        for hook in &policy.on {
            hooks.push(next(keep(format!("on.{}", hook.event.name()), hook.function.0)?, &mut more));
        }
        let script = match policy.form {
            Form::Script => loaded.script_chunks.clone(),
            _ => None,
        };
        if script.is_some() {
            functions.push(Named { name: "script".into(), source: loaded.main.name.to_string(), line: 1 });
        }
        let shape = Shape {
            metrics: metrics.iter().map(String::as_str).collect(),
            out: policy.scale_out.len(),
            rules: rules.len(),
        };
        let globals = Rc::new(RefCell::new(None));
        let effects = Rc::new(RefCell::new(Vec::new()));
        let host = host(vm, script.is_some(), &effects)?;
        let chunk = vm.own(&driver::text(&shape))?;
        let made: Table = chunk.call((
            vm.compiled(&driver::BASE)?,
            lua.create_sequence_from(whens)?,
            lua.create_sequence_from(more)?,
            lua.create_sequence_from(metrics.iter().cloned())?,
            host,
            lua.globals(),
        ))?;
        if let Some((_, modules)) = &script {
            let (modules, globals): (_, Rc<RefCell<Option<Table>>>) = (modules.clone(), globals.clone());
            let find = lua.create_function(move |_, name: LuaString| {
                let name = name.to_string_lossy();
                let function = modules.get(&name).cloned();
                if let (Some(function), Some(globals)) = (&function, &*globals.borrow()) {
                    function.set_environment(globals.clone())?;
                }
                let why = function.is_none().then(|| {
                    format!(
                        "there is no module \"{name}\" under the policy root, or its name is not written out: a \
                         script's require takes a literal name, as in require \"lib.thresholds\""
                    )
                });
                Ok((function, why, false))
            })?;
            vm.prelude.get::<Function>("open")?.call::<()>((find, true))?;
        }
        Ok(Parts {
            out: shape.out,
            rules: shape.rules,
            functions,
            activation,
            by,
            decide,
            hooks,
            script: script.map(|(chunk, _)| chunk),
            drives: made.get("drives")?,
            set: made.get("set")?,
            one: made.get("one")?,
            reads: made.get("reads")?,
            at: made.get("at")?,
            detail: made.get("detail")?,
            context: made.get("context")?,
            shows_context,
            environment: made.get("environment")?,
            wanted: made.get("wanted")?,
            hook: made.get("hook")?,
            renew: vm.prelude.get("renew")?,
            run: vm.prelude.get("run")?,
            policy: policy.name.value.clone(),
            metrics,
            effects,
            globals,
        })
    }

    /// Sets what `ctx` shows.
    pub(super) fn show(&self, context: &Context<'_>) -> mlua::Result<()> {
        let c = context;
        self.context.call((c.now.seconds(), c.current, c.ready, c.min, c.max, c.region))
    }

    /// Sets metrics and context for a single function.
    pub(super) fn prepare(&self, values: &[f64], context: &Context<'_>) -> mlua::Result<()> {
        self.show(context)?;
        pass(&self.set, true, values)
    }
}

impl Parts {
    /// What a hook is told.
    pub(super) fn event(&self, lua: &Lua, event: &Event, context: &Context<'_>) -> mlua::Result<Table> {
        let table = lua.create_table()?;
        table.raw_set("kind", event.kind.name())?;
        table.raw_set("policy", self.policy.as_str())?;
        table.raw_set("from", event.from)?;
        table.raw_set("to", event.to)?;
        table.raw_set("time", event.time.seconds())?;
        table.raw_set("min", context.min)?;
        table.raw_set("max", context.max)?;
        if let Some(region) = context.region {
            table.raw_set("region", region)?;
        }
        if let Some(name) = event.metric.and_then(|at| self.metrics.get(usize::from(at))) {
            table.raw_set("metric", name.as_str())?;
        }
        Ok(table)
    }
}

/// What the driver asks of the host.
fn host(vm: &Vm, script: bool, effects: &Rc<RefCell<Vec<Effect>>>) -> mlua::Result<Table> {
    let lua = &vm.lua;
    let host = lua.create_table()?;
    host.raw_set("script", script)?;
    host.raw_set("suggest", vm.prelude.get::<Function>("suggest")?)?;
    host.raw_set("lib", vm.prelude.get::<Table>("lib")?)?;
    host.raw_set("handler", vm.prelude.get::<Function>("handler")?)?;
    host.raw_set("line", vm.prelude.get::<Function>("line")?)?;
    host.raw_set("describe", lua.create_function(|_, value: Value| Ok(describe(&value)))?)?;
    let effects = effects.clone();
    host.raw_set(
        "record",
        lua.create_function(move |_, (kind, table): (LuaString, Table)| {
            Ok(hook::record(&kind.to_string_lossy(), &table, &mut effects.borrow_mut()).err())
        })?,
    )?;
    Ok(host)
}
