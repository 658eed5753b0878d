//! Answers a policy's conditions in the VM. May import: `text`, `model`, siblings.

use super::driver;
use super::load::Loaded;
use super::message::{self, Phase};
use super::native::{Entered, Entry, Trip};
use super::parts::{Named, Parts, pass};
use super::sandbox::Vm;
use super::value::{describe, raised};
use crate::model::input::Fault;
use crate::model::policy::{Action, Policy};
use crate::model::{Conditions, Context, Event, HookReport, Projected, Proposed, Time, Verdict};
use mlua::{Function, Table, Value};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// Most replicas that a function may ask for; the policy's max cuts it anyway.
const MOST_REPLICAS: f64 = 1e9;

/// The conditions of one policy, answered by the VM that loaded its file.
///
/// A function that reads a metric without a value is unknown; an error in such a function is
/// not reported, since NaN may be its cause. A limit of time or memory ends the policy: every
/// later answer is unknown, with the same fault.
pub struct VmConditions {
    vm: Rc<Vm>,
    parts: Result<Parts, Box<Fault>>,
    /// Where the run ends, once it has begun.
    run_end: Cell<Option<u64>>,
    /// The instant of the last call.
    tick: Cell<Option<Time>>,
    /// The fault that ended the run.
    ended: RefCell<Option<Box<Fault>>>,
    /// Rules of scale_out, and of both directions.
    rules: (usize, usize),
}

/// How a function ended: the driver's flag, whether it ended well, and what it returned or raised.
type Answer = (i64, bool, Value);

impl VmConditions {
    pub(super) fn new(loaded: &Loaded, policy: &Policy) -> VmConditions {
        let vm = loaded.vm.clone();
        let parts = Parts::new(loaded, policy).map_err(|error| {
            let said = message::of_error(&vm, &error, Phase::Load);
            let mut fault = said.fault("the policy", (&policy.source, 0));
            fault.fatal = true;
            fault
        });
        VmConditions {
            vm,
            parts,
            run_end: Cell::new(None),
            tick: Cell::new(None),
            ended: RefCell::new(None),
            rules: (policy.scale_out.len(), policy.scale_out.len() + policy.scale_in.len()),
        }
    }

    /// The parts, unless the policy's run has ended or never began.
    fn parts(&self) -> Result<&Parts, Box<Fault>> {
        if let Some(fault) = &*self.ended.borrow() {
            return Err(fault.clone());
        }
        self.parts.as_ref().map_err(Clone::clone)
    }

    /// Puts the fence in force for one call into the VM. Calls at the same instant belong to
    /// the same tick and share its deadline.
    fn enter(&self, now: Time, timed: bool) -> Entered<'_> {
        self.enter_with(now, timed, 0)
    }

    /// The same with more safepoints than a tick's.
    fn enter_with(&self, now: Time, timed: bool, more: u64) -> Entered<'_> {
        let limits = &self.vm.limits;
        let run_end = self.run_end.get().unwrap_or_else(|| {
            let end = self.vm.fence.now().saturating_add(limits.run_ms);
            self.run_end.set(Some(end));
            end
        });
        let goes_on = self.tick.replace(Some(now)) == Some(now);
        self.vm.fence.enter(&Entry {
            budget: limits.tick_budget.saturating_add(more),
            allowed_ms: limits.tick_ms,
            timed,
            goes_on,
            run_end: Some(run_end),
        })
    }

    /// Notes a fault that ends the run.
    fn note(&self, fault: Box<Fault>) -> Box<Fault> {
        if fault.fatal {
            self.vm.recover();
            *self.ended.borrow_mut() = Some(fault.clone());
        }
        fault
    }

    /// The fault of an error that left the VM.
    fn thrown(&self, error: &mlua::Error, named: &Named) -> Box<Fault> {
        let said = message::of_error(&self.vm, error, Phase::Tick);
        self.note(said.fault(&named.name, (&named.source, named.line)))
    }

    /// The fault of an error value that `xpcall` caught.
    fn caught(&self, value: &Value, named: &Named) -> Box<Fault> {
        let said = message::of_text(&self.vm.chunks(), &self.vm.limits, &raised(value));
        self.note(said.fault(&named.name, (&named.source, named.line)))
    }

    /// The fault of a function that returned what it must not.
    fn returned(value: &Value, expected: &str, named: &Named) -> Box<Fault> {
        Box::new(Fault {
            function: named.name.clone(),
            message: format!("it returned {} where {expected} was expected", describe(value)),
            source: named.source.as_str().into(),
            line: named.line,
            fatal: false,
        })
    }

    /// The fault of an answer that reached no value; none where NaN may be its cause.
    fn fault(&self, (flag, fine, value): &Answer, named: &Named) -> Option<Box<Fault>> {
        // Memory is not a matter of NaN.
        (!fine).then(|| self.caught(value, named)).filter(|fault| *flag == 0 || fault.fatal)
    }

    fn verdict(&self, answer: &Answer, named: &Named) -> Verdict {
        let (flag, fine, value) = answer;
        let mut verdict = Verdict { holds: None, missing: position(*flag), fault: self.fault(answer, named) };
        if *fine && *flag == 0 {
            match value {
                Value::Boolean(holds) => verdict.holds = Some(*holds),
                other => verdict.fault = Some(VmConditions::returned(other, "true or false", named)),
            }
        }
        verdict
    }

    /// What a function that returns a count wants.
    fn count(&self, answer: &Answer, named: &Named) -> Proposed {
        let (flag, fine, value) = answer;
        if !fine || *flag != 0 {
            let fault = self.fault(answer, named);
            return Proposed { want: None, unknown: true, missing: position(*flag), fault };
        }
        let number = match value {
            Value::Nil => return Proposed::default(),
            Value::Integer(n) => *n as f64,
            Value::Number(n) => *n,
            _ => f64::NAN,
        };
        if number.is_finite() && number >= 0.0 {
            return Proposed { want: Some(Action::To(whole(number))), ..Proposed::default() };
        }
        let expected = "a number of replicas (0 or more), or nil for no change,";
        failed(VmConditions::returned(value, expected, named))
    }

    /// Calls one function by its position; the fault of an error that left the VM.
    fn ask(
        &self,
        parts: &Parts,
        at: usize,
        values: &[f64],
        context: &Context<'_>,
    ) -> Result<Answer, mlua::Error> {
        let _fenced = self.enter(context.now, false);
        parts.prepare(values, context)?;
        parts.one.call::<Answer>(at + 1)
    }

    /// A function that returns a count, by its position.
    fn proposed(&self, at: usize, parts: &Parts, values: &[f64], context: &Context<'_>) -> Proposed {
        let Some(named) = parts.functions.get(at) else { return Proposed::default() };
        match self.ask(parts, at, values, context) {
            Ok(answer) => self.count(&answer, named),
            Err(error) => failed(self.thrown(&error, named)),
        }
    }

    /// A condition, by its position.
    fn condition(&self, at: usize, parts: &Parts, values: &[f64], context: &Context<'_>) -> Verdict {
        let Some(named) = parts.functions.get(at) else { return Verdict::default() };
        match self.ask(parts, at, values, context) {
            Ok(answer) => self.verdict(&answer, named),
            Err(error) => Verdict { fault: Some(self.thrown(&error, named)), ..Verdict::default() },
        }
    }

    /// Answers the rules of one driver.
    fn drive(
        &self,
        parts: &Parts,
        drive: &Function,
        rules: Range<usize>,
        (all, values, context): (bool, &[f64], &Context<'_>),
        verdicts: &mut [Verdict],
    ) {
        let first = rules.start;
        let mark = self.vm.shared.borrow().printed.mark();
        let answer = {
            let _fenced = self.enter(context.now, false);
            let shown = if parts.shows_context { parts.show(context) } else { Ok(()) };
            shown.and_then(|()| pass::<(f64, f64)>(drive, all, values))
        };
        let (holds, odd) = match answer {
            Ok((holds, odd)) => (holds as u64, odd as u64),
            Err(_) if self.vm.fence.tripped() == Some(Trip::Budget) => {
                // The budget is each function's own, and was spent by several: each alone.
                self.vm.shared.borrow_mut().printed.cut(mark);
                for at in rules {
                    let Some(verdict) = verdicts.get_mut(at - first) else { return };
                    *verdict = self.condition(at, parts, values, context);
                    if verdict.fault.as_ref().is_some_and(|fault| fault.fatal) {
                        return;
                    }
                }
                return;
            }
            Err(error) => {
                let at = parts.at.call::<usize>(()).unwrap_or(0).saturating_sub(1).max(first);
                if let (Some(verdict), Some(named)) = (verdicts.get_mut(at - first), parts.functions.get(at))
                {
                    verdict.fault = Some(self.thrown(&error, named));
                }
                return;
            }
        };
        for (bit, (at, verdict)) in rules.zip(verdicts.iter_mut()).enumerate() {
            let bit = 1_u64 << bit;
            if odd & bit == 0 {
                verdict.holds = Some(holds & bit != 0);
            } else if let Some(named) = parts.functions.get(at) {
                *verdict = match parts.detail.call::<Answer>(at + 1) {
                    Ok(answer) => self.verdict(&answer, named),
                    Err(error) => Verdict { fault: Some(self.thrown(&error, named)), ..Verdict::default() },
                };
            }
        }
    }

    /// One run of a script.
    fn script(&self, parts: &Parts, script: &Function, values: &[f64], context: &Context<'_>) -> Proposed {
        let Some(named) = parts.functions.last() else { return Proposed::default() };
        let run = || {
            let _fenced = self.enter(context.now, true);
            parts.prepare(values, context)?;
            parts.renew.call::<()>(())?;
            let globals = parts.environment.call::<Table>(())?;
            script.set_environment(globals.clone())?;
            *parts.globals.borrow_mut() = Some(globals);
            parts.run.call::<(bool, Value)>(script)
        };
        let ran: mlua::Result<(bool, Value)> = run();
        let fault = match ran {
            Ok((true, _)) => None,
            Ok((false, value)) => Some(self.caught(&value, named)),
            Err(error) => Some(self.thrown(&error, named)),
        };
        let (flag, want, amount) = match parts.wanted.call::<(i64, Option<String>, Option<f64>)>(()) {
            Ok(wanted) => wanted,
            Err(error) => return failed(fault.unwrap_or_else(|| self.thrown(&error, named))),
        };
        if flag != 0 {
            let fault = fault.filter(|fault| fault.fatal);
            return Proposed { want: None, unknown: true, missing: position(flag), fault };
        }
        if let Some(fault) = fault {
            return failed(fault);
        }
        let amount = whole(amount.unwrap_or(0.0));
        let want = match want.as_deref() {
            Some("add") => Some(Action::Add(amount)),
            Some("remove") => Some(Action::Remove(amount)),
            Some("to") => Some(Action::To(amount)),
            _ => None,
        };
        Proposed { want, ..Proposed::default() }
    }

    fn run_hook(
        &self,
        parts: &Parts,
        at: usize,
        event: &Event,
        context: &Context<'_>,
    ) -> mlua::Result<Option<Value>> {
        let table = parts.event(&self.vm.lua, event, context)?;
        let _fenced = self.enter(context.now, true);
        let (fine, value) = parts.hook.call::<(bool, Value)>((at + 1 - parts.rules, table))?;
        Ok((!fine).then_some(value))
    }
}

/// A flag of the driver as the position of a metric.
fn position(flag: i64) -> Option<usize> {
    usize::try_from(flag).ok()?.checked_sub(1)
}

/// A count, rounded up with the slack that `track` has.
fn whole(number: f64) -> u32 {
    (number - number.abs() * 1e-9).ceil().clamp(0.0, MOST_REPLICAS) as u32
}

fn failed(fault: Box<Fault>) -> Proposed {
    Proposed { want: None, unknown: true, missing: None, fault: Some(fault) }
}

impl Conditions for VmConditions {
    fn when(&self, which: Projected, values: &[f64], context: &Context<'_>, verdicts: &mut Vec<Verdict>) {
        verdicts.clear();
        let all = which == Projected::All;
        let parts = match self.parts() {
            Ok(parts) => parts,
            Err(fault) => {
                // One answer a rule all the same; how many there are is the policy's to say.
                let count = if all { self.rules.1 } else { self.rules.0 };
                let unknown = Verdict { holds: None, missing: None, fault: Some(fault) };
                return verdicts.resize(count, unknown);
            }
        };
        let count = if all { parts.rules } else { parts.out };
        verdicts.resize_with(count, Verdict::default);
        for (chunk, drive) in parts.drives.iter().enumerate() {
            let first = chunk * driver::RULES;
            let rules = first..count.min(first + driver::RULES);
            let Some(verdicts) = verdicts.get_mut(rules.clone()).filter(|v| !v.is_empty()) else { break };
            self.drive(parts, drive, rules, (all, values, context), verdicts);
        }
    }

    fn activation(&self, values: &[f64], context: &Context<'_>) -> Verdict {
        match self.parts() {
            Ok(parts) => parts
                .activation
                .map_or_else(Verdict::default, |at| self.condition(at, parts, values, context)),
            Err(fault) => Verdict { fault: Some(fault), ..Verdict::default() },
        }
    }

    fn by(&self, rule: usize, values: &[f64], context: &Context<'_>) -> Proposed {
        match self.parts() {
            Ok(parts) => match parts.by.get(rule).copied().flatten() {
                Some(at) => self.proposed(at, parts, values, context),
                None => Proposed::default(),
            },
            Err(fault) => failed(fault),
        }
    }

    fn propose(&self, values: &[f64], context: &Context<'_>) -> Proposed {
        match self.parts() {
            Ok(parts) => match (&parts.script, parts.decide) {
                (Some(script), _) => self.script(parts, script, values, context),
                (None, Some(at)) => self.proposed(at, parts, values, context),
                (None, None) => Proposed::default(),
            },
            Err(fault) => failed(fault),
        }
    }

    /// Exact: the rule is run once more, with a view of the metrics that notes what is read, so
    /// that a run that needs no such answer pays nothing for it. What it prints was printed.
    fn mentions(&self, metric: &str) -> bool {
        self.vm.chunks().mention(metric)
    }

    fn reads(&self, rule: usize, values: &[f64], context: &Context<'_>) -> Option<Vec<usize>> {
        let parts = self.parts().ok().filter(|parts| rule < parts.rules)?;
        let mark = self.vm.shared.borrow().printed.mark();
        let read = {
            // Each first read passes safepoints of its own.
            let _fenced = self.enter_with(context.now, false, 4 * driver::MOST_METRICS as u64);
            parts.prepare(values, context).and_then(|()| parts.reads.call::<Vec<usize>>(rule + 1))
        };
        self.vm.shared.borrow_mut().printed.cut(mark);
        match read {
            Ok(read) => Some(read.into_iter().filter_map(|at| at.checked_sub(1)).collect()),
            Err(error) => {
                if let Some(named) = parts.functions.get(rule) {
                    self.thrown(&error, named);
                }
                None
            }
        }
    }

    fn hook(&self, hook: usize, event: &Event, context: &Context<'_>) -> HookReport {
        let parts = match self.parts() {
            Ok(parts) => parts,
            Err(fault) => return HookReport { effects: Vec::new(), fault: Some(fault) },
        };
        let Some(at) = parts.hooks.get(hook).copied() else { return HookReport::default() };
        let Some(named) = parts.functions.get(at) else { return HookReport::default() };
        parts.effects.borrow_mut().clear();
        let fault = match self.run_hook(parts, at, event, context) {
            Ok(None) => None,
            Ok(Some(value)) => Some(self.caught(&value, named)),
            Err(error) => Some(self.thrown(&error, named)),
        };
        HookReport { effects: parts.effects.take(), fault }
    }

    fn printed(&self) -> Vec<String> {
        self.vm.take_printed()
    }
}
