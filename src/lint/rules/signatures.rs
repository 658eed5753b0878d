//! What the functions of the library and of the engine take, as data. May import: nothing of this
//! crate.

/// What a function takes.
pub struct Signature {
    /// Its dotted name.
    pub name: &'static str,
    /// Fewest arguments.
    pub least: usize,
    /// Most arguments; 99 for any number.
    pub most: usize,
    /// A letter for each argument: `n`umber, `s`tring, `t`able, `f`unction, `*` anything.
    pub types: &'static str,
    /// Whether it does nothing but give a result.
    pub pure: bool,
}

const fn pure(name: &'static str, least: usize, most: usize, types: &'static str) -> Signature {
    Signature { name, least, most, types, pure: true }
}

const fn acts(name: &'static str, least: usize, most: usize, types: &'static str) -> Signature {
    Signature { name, least, most, types, pure: false }
}

/// All of them; a test holds them against the VM.
pub const SIGNATURES: [Signature; 120] = [
    acts("assert", 1, 99, "*"),
    acts("error", 0, 2, "*n"),
    pure("getmetatable", 1, 1, "*"),
    pure("ipairs", 1, 1, "t"),
    pure("next", 1, 2, "t*"),
    pure("pairs", 1, 1, "t"),
    acts("pcall", 1, 99, "f*"),
    acts("print", 0, 99, "*"),
    pure("rawequal", 2, 2, "**"),
    pure("rawget", 2, 2, "t*"),
    pure("rawlen", 1, 1, "*"),
    acts("rawset", 3, 3, "t**"),
    acts("select", 1, 99, "*"),
    acts("setmetatable", 1, 2, "t*"),
    pure("tonumber", 1, 2, "*n"),
    pure("tostring", 1, 1, "*"),
    pure("type", 1, 1, "*"),
    pure("typeof", 1, 1, "*"),
    acts("xpcall", 2, 99, "ff*"),
    pure("bit32.arshift", 2, 2, "nn"),
    pure("bit32.band", 0, 99, "n"),
    pure("bit32.bnot", 1, 1, "n"),
    pure("bit32.bor", 0, 99, "n"),
    pure("bit32.btest", 0, 99, "n"),
    pure("bit32.bxor", 0, 99, "n"),
    pure("bit32.byteswap", 1, 1, "n"),
    pure("bit32.countlz", 1, 1, "n"),
    pure("bit32.countrz", 1, 1, "n"),
    pure("bit32.extract", 2, 3, "nnn"),
    pure("bit32.lrotate", 2, 2, "nn"),
    pure("bit32.lshift", 2, 2, "nn"),
    pure("bit32.replace", 3, 4, "nnnn"),
    pure("bit32.rrotate", 2, 2, "nn"),
    pure("bit32.rshift", 2, 2, "nn"),
    pure("math.abs", 1, 1, "n"),
    pure("math.acos", 1, 1, "n"),
    pure("math.asin", 1, 1, "n"),
    pure("math.atan", 1, 1, "n"),
    pure("math.atan2", 2, 2, "nn"),
    pure("math.ceil", 1, 1, "n"),
    pure("math.clamp", 3, 3, "nnn"),
    pure("math.cos", 1, 1, "n"),
    pure("math.cosh", 1, 1, "n"),
    pure("math.deg", 1, 1, "n"),
    pure("math.exp", 1, 1, "n"),
    pure("math.floor", 1, 1, "n"),
    pure("math.fmod", 2, 2, "nn"),
    pure("math.frexp", 1, 1, "n"),
    pure("math.isfinite", 1, 1, "n"),
    pure("math.isinf", 1, 1, "n"),
    pure("math.isnan", 1, 1, "n"),
    pure("math.ldexp", 2, 2, "nn"),
    pure("math.lerp", 3, 3, "nnn"),
    pure("math.log", 1, 2, "nn"),
    pure("math.log10", 1, 1, "n"),
    pure("math.map", 5, 5, "nnnnn"),
    pure("math.max", 1, 99, "nn"),
    pure("math.min", 1, 99, "nn"),
    pure("math.modf", 1, 1, "n"),
    pure("math.noise", 1, 3, "nnn"),
    pure("math.pow", 2, 2, "nn"),
    pure("math.rad", 1, 1, "n"),
    pure("math.round", 1, 1, "n"),
    pure("math.sign", 1, 1, "n"),
    pure("math.sin", 1, 1, "n"),
    pure("math.sinh", 1, 1, "n"),
    pure("math.sqrt", 1, 1, "n"),
    pure("math.tan", 1, 1, "n"),
    pure("math.tanh", 1, 1, "n"),
    pure("string.byte", 1, 3, "snn"),
    pure("string.char", 0, 99, "n"),
    pure("string.find", 2, 4, "ssn*"),
    pure("string.format", 1, 99, "s*"),
    pure("string.gmatch", 2, 2, "ss"),
    acts("string.gsub", 3, 4, "ss*n"),
    pure("string.len", 1, 1, "s"),
    pure("string.lower", 1, 1, "s"),
    pure("string.match", 2, 3, "ssn"),
    pure("string.pack", 1, 99, "s*"),
    pure("string.packsize", 1, 1, "s"),
    pure("string.rep", 2, 2, "sn"),
    pure("string.reverse", 1, 1, "s"),
    pure("string.split", 1, 2, "ss"),
    pure("string.sub", 2, 3, "snn"),
    pure("string.unpack", 2, 3, "ssn"),
    pure("string.upper", 1, 1, "s"),
    acts("table.clear", 1, 1, "t"),
    pure("table.clone", 1, 1, "t"),
    pure("table.concat", 1, 4, "tsnn"),
    pure("table.create", 1, 2, "n*"),
    pure("table.find", 2, 3, "t*n"),
    acts("table.freeze", 1, 1, "t"),
    acts("table.insert", 2, 3, "t**"),
    pure("table.getn", 1, 1, "t"),
    pure("table.isfrozen", 1, 1, "t"),
    pure("table.maxn", 1, 1, "t"),
    acts("table.move", 4, 5, "tnnnt"),
    pure("table.pack", 0, 99, "*"),
    acts("table.remove", 1, 2, "tn"),
    acts("table.sort", 1, 2, "tf"),
    pure("table.unpack", 1, 3, "tnn"),
    pure("unpack", 1, 3, "tnn"),
    pure("utf8.char", 0, 99, "n"),
    pure("utf8.codepoint", 1, 3, "snn"),
    pure("utf8.codes", 1, 1, "s"),
    pure("utf8.len", 1, 3, "snn"),
    pure("utf8.offset", 2, 3, "snn"),
    acts("require", 1, 1, "s"),
    acts("policy", 1, 2, "st"),
    pure("secret", 1, 1, "s"),
    pure("prometheus", 1, 1, "t"),
    pure("scrape", 1, 1, "t"),
    pure("mcp", 1, 1, "t"),
    pure("file", 1, 1, "t"),
    pure("kubernetes.deployment", 1, 1, "t"),
    pure("kubernetes.statefulset", 1, 1, "t"),
    pure("kubernetes.scale", 1, 1, "t"),
    acts("scale_out", 0, 1, "n"),
    acts("scale_in", 0, 1, "n"),
    acts("set_replicas", 1, 1, "n"),
];

/// Names that Luau keeps for old code, or that are gone, and what to write.
pub const DEPRECATED: [(&str, &str); 9] = [
    ("table.getn", "#t"),
    ("table.setn", "t[#t + 1] = value"),
    ("table.maxn", "#t"),
    ("table.foreach", "for key, value in pairs(t) do … end"),
    ("table.foreachi", "for index, value in ipairs(t) do … end"),
    ("string.gfind", "string.gmatch"),
    ("math.pow", "x ^ y"),
    ("math.mod", "x % y"),
    ("unpack", "table.unpack"),
];

/// What a hook can ask for: required arguments, then optional ones.
pub const EFFECTS: [(&str, &[&str], &[&str]); 6] = [
    ("webhook", &["url"], &["body", "method", "headers"]),
    ("slack", &["url", "text"], &[]),
    ("github", &["repo", "workflow"], &["ref", "inputs"]),
    ("mcp", &["server", "tool"], &["arguments"]),
    ("llm", &["gateway", "model", "prompt"], &[]),
    ("log", &[], &[]),
];

/// What `ctx` has.
pub const CONTEXT: [&str; 6] = ["max", "min", "now", "ready", "region", "replicas"];

/// What a hook's `event` has.
pub const EVENT: [&str; 9] = ["from", "kind", "max", "metric", "min", "policy", "region", "time", "to"];
