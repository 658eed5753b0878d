//! The names that exist in a policy, and what stands in for those that do not; as data.
//! May import: nothing of this crate.

/// Globals of the Luau library that the fence leaves.
pub const LIBRARY: [&str; 28] = [
    "_G",
    "_VERSION",
    "assert",
    "bit32",
    "error",
    "getmetatable",
    "ipairs",
    "math",
    "next",
    "pairs",
    "pcall",
    "print",
    "rawequal",
    "rawget",
    "rawlen",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "typeof",
    "unpack",
    "utf8",
    "vector",
    "xpcall",
];

/// What the engine adds.
pub const ENGINE: [&str; 12] = [
    "file",
    "gateway",
    "http",
    "kubernetes",
    "llm_gateway",
    "log",
    "mcp",
    "policy",
    "prometheus",
    "require",
    "scrape",
    "secret",
];

/// What works only while a file is loaded.
pub const LOADING: [&str; 10] = [
    "file",
    "gateway",
    "http",
    "kubernetes",
    "llm_gateway",
    "mcp",
    "policy",
    "prometheus",
    "require",
    "scrape",
];

/// What it adds in scripts.
pub const SCRIPT: [&str; 6] = ["metrics", "now", "replicas", "scale_in", "scale_out", "set_replicas"];

/// Globals of other Luas and of their usual hosts: known in files that the engine does not run.
pub const ELSEWHERE: [&str; 12] = [
    "_ENV",
    "arg",
    "bit",
    "dofile",
    "jit",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "ngx",
    "package",
    "warn",
];

/// A name that policies do not have, and what they have instead.
pub struct Absent {
    /// A global, or a field of one.
    pub name: &'static str,
    /// What to write; a sentence.
    pub instead: &'static str,
}

const fn absent(name: &'static str, instead: &'static str) -> Absent {
    Absent { name, instead }
}

const CLOCK: &str =
    "a policy has no clock of its own: the time of the tick is `ctx.now` (seconds since 1970)";
const CHANCE: &str = "a policy decides alike for like input, so there is no chance in it";
const CODE: &str = "code in texts is not run: write a function, or a module for `require`";
const SHARED: &str = "shared code is found under the policy root: `require \"lib.name\"`";
const GLOBALS: &str = "a function's globals cannot be exchanged: pass what it needs as arguments";
const MEMORY: &str = "memory is looked after by the engine";

/// What policies do not have; a field before the table that it is in.
pub const ABSENT: [Absent; 24] = [
    absent("os.time", CLOCK),
    absent("os.clock", CLOCK),
    absent(
        "os.date",
        "a policy has no clock of its own: use `ctx.now` (seconds since 1970), or a schedule with its time zone",
    ),
    absent("os.difftime", "subtract the two times: they are plain seconds"),
    absent(
        "os.getenv",
        "a policy sees no environment: a secret is `secret \"NAME\"`, other settings are written in the policy",
    ),
    absent("os", "a policy sees no machine: the time is `ctx.now`, a secret is `secret \"NAME\"`"),
    absent("io", "a policy sees no files: a metric from a file is `file { path = \"…\", column = \"…\" }`"),
    absent("debug", "a policy has no debugger: `print(…)` shows a value in the dry-run"),
    absent("coroutine", "a policy keeps nothing between ticks: write a plain function or a loop"),
    absent("buffer", "use tables and strings"),
    absent("package", SHARED),
    absent("math.random", CHANCE),
    absent("math.randomseed", CHANCE),
    absent("table.foreach", "write `for key, value in pairs(t) do … end`"),
    absent("table.foreachi", "write `for index, value in ipairs(t) do … end`"),
    absent("load", CODE),
    absent("loadstring", CODE),
    absent("loadfile", SHARED),
    absent("dofile", SHARED),
    absent("getfenv", GLOBALS),
    absent("setfenv", GLOBALS),
    absent("newproxy", "use a table with a metatable"),
    absent("collectgarbage", MEMORY),
    absent("gcinfo", MEMORY),
];

/// What stands in for a dotted name that policies do not have; the part of it that is absent.
pub fn instead(path: &str) -> Option<(&'static str, &'static str)> {
    let fits = |name: &str| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    ABSENT.iter().find(|a| fits(a.name)).map(|a| (a.name, a.instead))
}
