//! Turns the VM's errors into sentences with a place. May import: `text`, `model`, siblings.

use super::Limits;
use super::native::Trip;
use super::sandbox::{Chunks, Vm};
use crate::model::Finding;
use crate::model::input::Fault;
use crate::text::{LineIndex, Source, Span, size};

/// What went wrong, in words and, where it is known, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The source and the line in it, from 1.
    pub(super) place: Option<(Source, u32)>,
    /// Identifier of the kind of fault.
    pub(super) rule: &'static str,
    /// A deadline or the memory limit.
    pub(super) fatal: bool,
}

/// Whether limits belong to a load or to a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Load,
    Tick,
}

/// What is to be said of an error that ended a call into the VM. A limit that was passed is
/// told instead of whatever the code made of it.
pub(super) fn of_error(vm: &Vm, error: &mlua::Error, phase: Phase) -> Said {
    match vm.fence.tripped() {
        Some(trip) => of_trip(vm, trip, phase),
        None => of_text(&vm.chunks(), &vm.limits, &root(error)),
    }
}

/// What is to be said of a limit of time or work.
pub(super) fn of_trip(vm: &Vm, trip: Trip, phase: Phase) -> Said {
    let limits = &vm.limits;
    let what = if phase == Phase::Load { "loading the file" } else { "it" };
    let (message, help) = match (trip, phase) {
        (Trip::Budget, Phase::Load) => (
            format!("{what} took more than {} steps, the budget of a file", grouped(limits.load_budget)),
            "a step is a call, a return or a turn of a loop; look for a loop that does not end",
        ),
        (Trip::Budget, Phase::Tick) => (
            format!(
                "{what} took more than {} steps, the budget of a function at a tick",
                grouped(limits.tick_budget)
            ),
            "a step is a call, a return or a turn of a loop; look for a loop that does not end",
        ),
        (Trip::Deadline, Phase::Load) => (
            format!("{what} took longer than {}, the deadline of a file", time(limits.load_ms)),
            "look for a loop that does not end, or for work on very long texts",
        ),
        (Trip::Deadline, Phase::Tick) => (
            format!("{what} took longer than {}, the deadline of a tick", time(limits.tick_ms)),
            "look for a loop that does not end, or for work on very long texts",
        ),
        (Trip::Run, _) => (
            format!("the policy's ticks took longer than {}, the deadline of a run", time(limits.run_ms)),
            "fewer ticks, or less work in each",
        ),
    };
    let place = vm.fence.take_place().and_then(|(chunk, line)| {
        let source = vm.chunks().source(&chunk)?;
        Some((source, line))
    });
    Said { message, help: Some(help.into()), place, rule: "limit-exceeded", fatal: trip != Trip::Budget }
}

/// What is to be said of an error text of the VM, with `chunk:line:` in front or not.
pub(super) fn of_text(chunks: &Chunks, limits: &Limits, text: &str) -> Said {
    let (place, rest) = chunks.split(text);
    if rest == "not enough memory" {
        return Said {
            message: format!("it needed more than {}, the memory of a policy", size(limits.memory)),
            help: Some("look for a text or a table that grows without an end".into()),
            place,
            rule: "limit-exceeded",
            fatal: true,
        };
    }
    let (message, help) = plain(rest);
    Said { message, help, place, rule: "runtime-error", fatal: false }
}

/// The VM's terse messages in words.
fn plain(text: &str) -> (String, Option<String>) {
    if text == "attempt to modify a readonly table" {
        return (
            "a read-only table is changed".into(),
            Some(
                "libraries are read-only, and so are globals and tables made while the file was loaded: a policy \
                 keeps nothing between ticks; change a copy (table.clone) made inside the function"
                    .into(),
            ),
        );
    }
    if text.starts_with("stack overflow") || text == "C stack overflow" || text == "error in error handling" {
        return (
            "the calls are nested too deeply (stack overflow)".into(),
            Some("look for a function that calls itself without an end".into()),
        );
    }
    if text == "attempt to call a nil value" {
        return (
            "a nil value is called as if it were a function".into(),
            Some(
                "the field or variable before the brackets holds nothing; look for a slip in its name".into(),
            ),
        );
    }
    if text == "a limit was reached" {
        return ("a limit was reached".into(), None);
    }
    (shortened(text.trim_end()), None)
}

/// At most some lines of a message, as it may hold any text that the code made.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 500;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_string(),
    }
}

/// The text at the bottom of mlua's wrapping: no prefixes, no traceback.
pub(super) fn root(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => root(cause),
        mlua::Error::WithContext { cause, .. } => root(cause),
        mlua::Error::BadArgument { cause, .. } => root(cause),
        mlua::Error::MemoryError(_) => "not enough memory".into(),
        mlua::Error::RuntimeError(text) => without_traceback(text).into(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::ExternalError(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn without_traceback(text: &str) -> &str {
    text.split("\nstack traceback:").next().unwrap_or(text)
}

impl Said {
    /// As a finding at load; without a place of its own it stands at the file's first line.
    pub(super) fn finding(self, main: &Source) -> Finding {
        let (source, line) = self.place.unwrap_or_else(|| (main.clone(), 0));
        let mut finding = Finding::error(self.rule, self.message);
        let index = LineIndex::new(&source.text);
        let span = index.line_span(&source.text, line.max(1)).unwrap_or_else(|| {
            // Past the last line: the end of the text.
            Span::new(source.text.len(), source.text.len())
        });
        finding = finding.at(&source, span, "");
        match self.help {
            Some(help) => finding.help(help),
            None => finding,
        }
    }

    /// As a fault at a tick; without a place of its own it stands where the function starts.
    pub(super) fn fault(self, function: &str, fallback: (&str, u32)) -> Box<Fault> {
        let (source, line) = match self.place {
            Some((source, line)) => (source.name, line),
            None => (fallback.0.into(), fallback.1),
        };
        let message = match self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message,
        };
        Box::new(Fault { function: function.into(), message, source, line, fatal: self.fatal })
    }
}

/// `1 s`, `200 ms`.
pub(super) fn time(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

/// `20,000,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(grouped(20_000_000), "20,000,000");
        assert_eq!(grouped(999), "999");
        assert_eq!((time(1000), time(200)), ("1 s".into(), "200 ms".into()));
    }

    #[test]
    fn the_innermost_place_of_an_error_is_told() {
        let mut chunks = Chunks::default();
        chunks.add(&Source::new("a.lua", "x"));
        chunks.add(&Source::new("lib/b.lua", "y"));
        let said = of_text(&chunks, &Limits::default(), "a.lua:9: lib/b.lua:2: boom: 7: x");
        assert_eq!(said.message, "boom: 7: x");
        assert_eq!(said.place.map(|(s, line)| (s.name.to_string(), line)), Some(("lib/b.lua".into(), 2)));
    }
}
