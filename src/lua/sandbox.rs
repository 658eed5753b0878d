//! One fenced VM: its libraries, its limits, its chunks.
//!
//! Library functions are replaced before Luau's own sandbox is switched on, which makes them
//! read-only. May import: `text`, `model`, siblings.

use super::lexer::Token;
use super::native::{self, Fence};
use super::secret::{Meter, Secret};
use super::value::{Reader, Walk};
use super::{Clock, Limits, each};
use crate::model::finding::did_you_mean;
use crate::model::raw::RawPolicy;
use crate::text::Source;
use mlua::chunk::{Chunk, ChunkMode, Compiler};
use mlua::{Function, Lua, LuaOptions, LuaString, StdLib, Table, Value};
use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;

/// Name of the chunks that are ours; errors are never placed in them.
const OWN: &str = "(luascale)";

/// Most lines and bytes that policy code may print before they are taken: they live outside
/// the VM's memory limit.
const MOST_LINES: usize = 1_000;
const MOST_BYTES: usize = 256 * 1024;

/// Bytes that telling of a memory error may take beyond the limit.
const FOR_MESSAGES: usize = 256 * 1024;

/// Whether a chunk is ours and not a policy's.
pub(super) fn is_own_chunk(chunk: &str) -> bool {
    chunk == OWN || chunk == "[C]"
}

/// The sources by the names that the VM's messages give them.
#[derive(Default)]
pub(super) struct Chunks(Vec<(String, Source)>);

impl Chunks {
    /// Adds a source; the name of its chunk.
    pub(super) fn add(&mut self, source: &Source) -> String {
        // The VM cuts names at 255 bytes; the end of a path says more than its start.
        let mut from = source.name.len().saturating_sub(200);
        while !source.name.is_char_boundary(from) {
            from += 1;
        }
        let mut chunk: String = source.name.get(from..).unwrap_or_default().replace(['\n', '\r', '\0'], "?");
        if chunk.is_empty() || is_own_chunk(&chunk) {
            chunk.push('?');
        }
        self.0.push((chunk.clone(), source.clone()));
        chunk
    }

    /// Whether a text names a field: `.cpu`, or `cpu` in quotes.
    pub(super) fn mention(&self, field: &str) -> bool {
        let ways = [format!(".{field}"), format!("\"{field}\""), format!("'{field}'"), format!("`{field}`")];
        self.0.iter().any(|(_, source)| ways.iter().any(|way| source.text.contains(way.as_str())))
    }

    /// The source of a chunk.
    pub(super) fn source(&self, chunk: &str) -> Option<Source> {
        self.0.iter().find(|(name, _)| name == chunk).map(|(_, source)| source.clone())
    }

    /// Splits `chunk:line:` off a message, several times where an error was passed on: the
    /// innermost place that is a policy's.
    pub(super) fn split<'t>(&self, text: &'t str) -> (Option<(Source, u32)>, &'t str) {
        let mut place = None;
        let mut rest = text;
        loop {
            let own = [OWN, "[C]"];
            let names = self.0.iter().map(|(name, source)| (name.as_str(), Some(source)));
            let cut = names.chain(own.map(|name| (name, None))).find_map(|(name, source)| {
                let after = rest.strip_prefix(name)?.strip_prefix(':')?;
                let (line, after) = after.split_once(':')?;
                Some((source, line.parse::<u32>().ok()?, after))
            });
            let Some((source, line, after)) = cut else { return (place, rest) };
            if let Some(source) = source {
                place = Some((source.clone(), line));
            }
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
    }
}

/// What policy code printed and has not been taken yet.
#[derive(Default)]
pub(super) struct Printed {
    lines: Vec<String>,
    bytes: usize,
    dropped: usize,
}

impl Printed {
    fn add(&mut self, line: String) {
        if self.lines.len() >= MOST_LINES || self.bytes + line.len() > MOST_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push(line);
    }

    /// How much is there, for [`Printed::cut`].
    pub(super) fn mark(&self) -> (usize, usize, usize) {
        (self.lines.len(), self.bytes, self.dropped)
    }

    /// Forgets what was printed after a mark.
    pub(super) fn cut(&mut self, mark: (usize, usize, usize)) {
        self.lines.truncate(mark.0);
        (self.bytes, self.dropped) = (mark.1, mark.2);
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        let Printed { mut lines, dropped, .. } = std::mem::take(self);
        if dropped > 0 {
            lines.push(format!("… {dropped} more lines were printed and left out"));
        }
        lines
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

/// What the functions inside the VM share with the host.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) chunks: Chunks,
    pub(super) printed: Printed,
    pub(super) policies: Vec<RawPolicy>,
    pub(super) functions: Vec<Function>,
    pub(super) walk: Walk,
}

/// A fenced VM.
pub(super) struct Vm {
    pub(super) lua: Lua,
    pub(super) fence: Fence,
    pub(super) limits: Limits,
    pub(super) shared: Rc<RefCell<Shared>>,
    /// Functions of the prelude: `open`, `run`, `finish`, `pending`, `renew`, and what drivers use.
    pub(super) prelude: Table,
}

impl Vm {
    /// A VM with the policy library, nothing loaded yet.
    pub(super) fn new(limits: Limits, clock: Clock) -> mlua::Result<Vm> {
        let libraries = StdLib::TABLE
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::BIT
            | StdLib::MATH
            | StdLib::VECTOR
            | StdLib::DEBUG;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_compiler(compiler());
        let shared = Rc::new(RefCell::new(Shared::default()));
        let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
        let host = host(&lua, &shared)?;
        host.raw_set(
            "relax",
            lua.create_function(move |lua, ()| {
                lua.set_memory_limit(memory.saturating_add(FOR_MESSAGES)).map(|_| ())
            })?,
        )?;
        static PRELUDE: Compiled = Compiled::new(include_str!("prelude.luau"));
        let prelude: Table = PRELUDE.load(&lua)?.call(host)?;
        lua.sandbox(true)?;
        native::install(&lua)?;
        lua.set_memory_limit(memory)?;
        Ok(Vm { lua, fence: Fence::new(clock), limits, shared, prelude })
    }

    pub(super) fn chunks(&self) -> Ref<'_, Chunks> {
        Ref::map(self.shared.borrow(), |shared| &shared.chunks)
    }

    /// After a memory error: gives garbage back and puts the limit in force again, for the
    /// policies beside the one that failed.
    pub(super) fn recover(&self) {
        let _ = self.lua.gc_collect();
        let _ = self.lua.set_memory_limit(usize::try_from(self.limits.memory).unwrap_or(usize::MAX));
    }

    pub(super) fn take_printed(&self) -> Vec<String> {
        let mut shared = self.shared.borrow_mut();
        if shared.printed.is_empty() { Vec::new() } else { shared.printed.take() }
    }

    /// The function of our own text, compiled before; it sees no global, as with [`Vm::own`].
    pub(super) fn compiled(&self, compiled: &'static Compiled) -> mlua::Result<Function> {
        let nothing = self.lua.create_table()?;
        compiled.chunk(&self.lua)?.set_environment(nothing).into_function()
    }

    /// Compiles our own text, such as a driver. It sees no global: a file may have put its own in
    /// their place.
    pub(super) fn own(&self, text: &str) -> mlua::Result<Function> {
        let nothing = self.lua.create_table()?;
        self.lua.load(text).set_name(format!("={OWN}")).set_environment(nothing).into_function()
    }
}

/// A text of our own that is compiled once in the process: compiling it again for each VM takes
/// longer than all else that a small file needs.
pub(super) struct Compiled {
    text: &'static str,
    bytecode: OnceLock<Vec<u8>>,
}

impl Compiled {
    pub(super) const fn new(text: &'static str) -> Compiled {
        Compiled { text, bytecode: OnceLock::new() }
    }

    /// Its function in this VM, with the VM's globals.
    fn load(&self, lua: &Lua) -> mlua::Result<Function> {
        self.chunk(lua)?.into_function()
    }

    fn chunk(&self, lua: &Lua) -> mlua::Result<Chunk<'_>> {
        let bytecode = match self.bytecode.get() {
            Some(bytecode) => bytecode,
            None => {
                let made = compiler().compile(self.text)?;
                self.bytecode.get_or_init(|| made)
            }
        };
        Ok(lua.load(bytecode.as_slice()).set_mode(ChunkMode::Binary).set_name(format!("={OWN}")))
    }
}

/// Compiles a source, its loops guarded; the error is the VM's text.
pub(super) fn compile(lua: &Lua, shared: &RefCell<Shared>, source: &Source) -> Result<Function, String> {
    let chunk = shared.borrow_mut().chunks.add(source);
    let plain = source.blanked();
    if let Some(at) = engine_name(&plain) {
        let line = 1 + memchr::memchr_iter(b'\n', plain.as_bytes().get(..at).unwrap_or_default()).count();
        return Err(format!("{chunk}:{line}: names that begin with {} are the engine's own", each::PREFIX));
    }
    // The VM takes a text that begins like bytecode for bytecode, which it does not check.
    if let Some(byte) = bytecode_mark(&plain) {
        return Err(format!(
            "{chunk}:1: the file begins with the byte {byte}, as no Lua text does; bytecode is not run"
        ));
    }
    let load = |text: &str| {
        lua.load(text)
            .set_mode(ChunkMode::Text)
            .set_name(format!("={chunk}"))
            .into_function()
            .map_err(|error| super::message::root(&error))
    };
    load(&each::guarded(&plain)).map_err(|guarded| match load(&plain) {
        // Told in the words of the text as it stands.
        Err(error) => error,
        Ok(_) => format!("{guarded} (write the `for` loop on this line in a simpler way)"),
    })
}

/// Where a text has a name that only the engine may write.
fn engine_name(plain: &str) -> Option<usize> {
    memchr::memmem::find(plain.as_bytes(), each::PREFIX.as_bytes())
}

/// The byte by which a text begins like bytecode.
fn bytecode_mark(plain: &str) -> Option<u8> {
    plain.bytes().take(2).find(|b| *b < b'\t')
}

/// How long the bytecode of a text is, in bytes; `None` where [`compile`] would refuse it. The text
/// is blanked. Nothing runs it, so that no time is spent on making it fast.
pub(super) fn bytecode_length(plain: &str, tokens: &[Token<'_>]) -> Option<usize> {
    if engine_name(plain).is_some() || bytecode_mark(plain).is_some() {
        return None;
    }
    let guarded = each::guarded_tokens(plain, tokens.iter().copied());
    let plain = compiler().set_optimization_level(0).set_debug_level(0);
    plain.compile(guarded).ok().map(|bytecode| bytecode.len())
}

fn compiler() -> Compiler {
    // `setmetatable` is replaced, and a built-in would be called past the replacement. The others
    // take one more safepoint when the collector is due, so a budget would hang on what ran before.
    let ordinary = ["setmetatable", "tostring", "string.char", "string.sub"];
    Compiler::new().set_optimization_level(1).set_debug_level(1).set_disabled_builtins(ordinary)
}

/// The functions of the host that the prelude uses.
fn host(lua: &Lua, shared: &Rc<RefCell<Shared>>) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.raw_set("rawmeta", lua.create_function(|_, value: Value| Ok(metatable(&value)))?)?;
    host.raw_set(
        "freeze",
        lua.create_function(|_, table: Table| {
            table.set_readonly(true);
            Ok(table.metatable())
        })?,
    )?;
    host.raw_set("raised", lua.create_function(|_, value: Value| Ok(super::value::raised(&value)))?)?;
    host.raw_set(
        "upvalues",
        lua.create_function(|lua, function: Function| {
            let held = lua.create_table()?;
            let mut n = 0;
            for value in native::upvalues(lua, function)? {
                if matches!(value, Value::Table(_) | Value::Function(_)) {
                    n += 1;
                    held.raw_set(n, value)?;
                }
            }
            Ok(held)
        })?,
    )?;
    host.raw_set(
        "suggest",
        lua.create_function(|_, (typed, known): (LuaString, Table)| {
            // No slip of a name is that long, and comparing takes length times length.
            if typed.as_bytes().len() > 64 {
                return Ok(String::new());
            }
            let known: Vec<String> = known.sequence_values::<String>().filter_map(Result::ok).collect();
            let known = known.iter().map(String::as_str).filter(|name| !name.starts_with('_'));
            let near = did_you_mean(&typed.to_string_lossy(), known);
            Ok(near.map_or_else(String::new, |name| format!(": did you mean {name}?")))
        })?,
    )?;
    host.raw_set("find", lua.create_function(|_, args: (LuaString, LuaString, f64)| Ok(find(&args)))?)?;
    let meter = Meter::default();
    host.raw_set(
        "secret",
        lua.create_function(move |lua, name: LuaString| {
            Secret::named(lua, &name.to_string_lossy(), &meter).map_err(mlua::Error::runtime)
        })?,
    )?;
    let to = shared.clone();
    host.raw_set(
        "emit",
        lua.create_function(move |_, line: LuaString| {
            to.borrow_mut().printed.add(line.to_string_lossy());
            Ok(())
        })?,
    )?;
    let to = shared.clone();
    host.raw_set(
        "declare",
        lua.create_function(
            move |_, (name, chunk, line, table, made): (LuaString, LuaString, u32, Table, Table)| {
                let mut shared = to.borrow_mut();
                let Shared { chunks, functions, policies, walk, .. } = &mut *shared;
                let name = name.to_string_lossy();
                let place = chunks.place(&chunk.to_string_lossy(), line);
                match (Reader { made: &made, chunks, functions, walk }).table(&table) {
                    Ok(table) => {
                        policies.push(RawPolicy { name, place, table });
                        Ok(None)
                    }
                    Err(why) => Ok(Some(format!("the table of policy \"{name}\" {why}"))),
                }
            },
        )?,
    )?;
    Ok(host)
}

/// The metatable of a table, `__metatable` notwithstanding.
fn metatable(value: &Value) -> Option<Table> {
    value.as_table().and_then(Table::metatable)
}

/// `string.find` of a plain text, in linear time: first and last byte from 1.
fn find((text, pattern, init): &(LuaString, LuaString, f64)) -> (Option<usize>, Option<usize>) {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let length = text.len();
    let init = if init.is_nan() { 0.0 } else { init.trunc() };
    let from = match init {
        i if i > 0.0 => i,
        i if i < 0.0 && -i <= length as f64 => length as f64 + i + 1.0,
        _ => 1.0,
    };
    if from > length as f64 + 1.0 {
        return (None, None);
    }
    let from = from as usize - 1;
    if length > 64 * 1024 {
        native::hurry();
    }
    let found = text.get(from..).and_then(|rest| memchr::memmem::find(rest, &pattern));
    found.map_or((None, None), |at| (Some(from + at + 1), Some(from + at + pattern.len())))
}
