//! What the families language and sandbox say of ordinary modules, and keep to themselves.

use crate::lint::{self, Role, TreeView, Wanted};
use crate::syntax::{Reading, parse_with};
use crate::text::{LineIndex, Source};

/// `rule:line` of each finding in a module that the engine does not run, notes left out.
fn elsewhere(text: &str) -> Vec<String> {
    let source = Source::new("m.lua", text);
    let lines = LineIndex::new(text);
    let (_, found) = parse_with(&source, Reading::Whole, |tree| {
        assert_eq!(TreeView::new(&source, tree, false, false).role, Role::Other, "{text}");
        lint::tree(&source, tree, (false, false), &Wanted::all())
    });
    let found = found.unwrap_or_else(|| panic!("does not parse: {text}"));
    let serious = found.iter().filter(|f| f.level > crate::model::Level::Note);
    serious.map(|f| format!("{}:{}", f.rule, lines.line(f.labels[0].span.start))).collect()
}

#[test]
fn ordinary_lua_is_left_alone() {
    for text in [
        // Names: hosts define their own, and versions are told apart.
        "describe('x', function() it('y', function() end) end)",
        "local unpack = table.unpack or unpack\nreturn unpack",
        "local load = loadstring or load\nreturn load",
        "if _VERSION == 'Lua 5.1' then setfenv(1, {}) end\nx = 1",
        "module('a')\nfunction f() y = 1 end",
        "function helper() return 1 end\nfunction main() state = helper() end\nstate = 0",
        "local t = setmetatable({}, { __index = function(_, k) return k end })\nreturn t",
        // The first of several results must have a name.
        "local ok, err = pcall(f)\nif err then print(err) end",
        "local ok, err\nok, err = f()\nprint(err)",
        "local _unused = f()",
        // Declared first, set later.
        "local a, b = 0\nb = a\nprint(b)",
        "local f\nf = function() return f() end\nreturn f",
        // Tables that others hold.
        "local t = package.loaded\nt.x = 1",
        "local M = {}\nfunction M.f() end\nreturn M",
        // Libraries overload operators.
        "local cp = compile(p) / 0\nreturn cp",
        "local inf, ninf, nan = 1/0, -1/0, 0/0\nreturn inf, ninf, nan",
        // Idioms.
        "local key = k and #k > 0 and k or nil\nreturn key",
        "local x = not a == true\nreturn x",
        "local x = not a == not b\nreturn x",
        "repeat\n  local r, e = c()\n  if r then return r, e end\n  y(1)\nuntil false\nreturn nil",
        "local function f() error('x') return nil end\nreturn f",
        "while true do coroutine.yield() end",
        "while running do step() end",
        "local n = #t\nwhile t[n] == nil do n = n - 1 end\nreturn n",
        "for k in pairs(t) do return k end",
        "for i = #t, 1, -1 do print(t[i]) end",
        "for i = n, 1 do print(i) end",
        "if a then\n  -- nothing to do\nelse\n  b()\nend",
        "if a then return 1 elseif b then return 1 else return 2 end",
        "if f() then a() elseif f() then b() end",
        "if s:match('a') then a() elseif s:match('a') then b() end",
        "if x > 1 then a() elseif x > 0.5 then b() elseif y > 2 then c() end",
        // Calls that do something by being made.
        "local ok, m = pcall(require, 'lanes')\nreturn ok and m",
        "string.gsub(s, '(.)', function(c) out = c end)\nout = nil",
        "error()",
        "tostring(x)",
        "local s = string.rep('a', 3, ',') .. math.log(8, 2)\nreturn s",
        "print(math.floor('3'), ('x'):rep(2))",
        "setmetatable(t, nil)",
        // Loops that take the first, drain an iterator, or are blocks to be left.
        "for k, v in pairs(t) do first = { k, v } break end\nfirst = nil",
        "for line in f:lines() do\n  local n = tonumber(line)\n  return n\nend",
        "for k, v in pairs(t) do\n  local u = { k }\n  if v then u.port = nil end\n  return u\nend",
        "for _ in iterator() do end",
        "while step() do end",
        "while true do\n  if a then break end\n  b()\n  break\nend",
        "repeat\n  if a then break end\n  b()\nuntil true",
        "for _, v in ipairs(t) do\n  if v then continue end\n  return v\nend",
        "for i = 1, 3 do\n  -- a delay\nend",
        "for _, v in ipairs(t) do\n  if v > 1 then return v elseif v > 0 then b() end\nend",
        // Values that are read somewhere before they are replaced.
        "local x = f()\nx = x + 1\nreturn x",
        "local x = f()\nlocal function g() return x end\nx = 2\nreturn g, x",
        "local x = 0\nx = f()\nreturn x",
        "local x = f()\nif a then x = 2 end\nreturn x",
        "local x\nwhile a() do\n  x = f()\n  if b() then break end\n  x = g()\nend\nreturn x",
        "local x = f()\nx.y = 1\nx = g()\nreturn x",
        "local a, b = f()\na = 1\nreturn a, b",
        "local x = f()\nx += 1\nx = 2\nreturn x",
        "local x = f()\nrepeat x = g(x) until x\nreturn x",
        // Other names for the library, and methods of what is no text.
        "local insert = table.insert\ninsert(t, 1, 2)",
        "local insert = table.insert\nif old then insert = f end\ninsert(t)",
        "local unpack = unpack or table.unpack\nreturn unpack()",
        "local s = { rep = f }\ns:rep()",
        "local s = f()\ns:rep()",
        "local floor = math.floor\nreturn floor(...)",
        // Types read names.
        "local T = {}\nlocal x: typeof(T) = f()\nreturn x",
        "local metrics = { { name = 'cpu', get = os.clock } }\nfor _, m in ipairs(metrics) do m.get() end",
    ] {
        assert_eq!(elsewhere(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn faults_of_published_modules_are_found() {
    for (text, rule) in [
        ("if not line:sub(1, 1) == '+' then f() end", "misplaced-not:1"),
        ("if license then a() elseif license then b(text) end", "covered-condition:1"),
        ("if string.gsub('[^' .. x .. ']', y) == '' then f() end", "wrong-arguments:1"),
        ("local function f(...)\n  argt = {...}\n  return #argt\nend\nreturn f", "implicit-global:2"),
        ("local kinds = self.kinds, kind\nreturn kinds", "unbalanced-assignment:1"),
        ("local x = 1\nif x then tonubmer(x) end", "undefined-name:2"),
        ("for _, v in ipairs(t) do\n  if v then return v else return nil end\nend", "single-turn-loop:1"),
        ("while f() do\n  g()\n  break\nend", "single-turn-loop:1"),
        ("for i = 1, 3 do\n  if f(i) then g() end\n  return i\nend", "single-turn-loop:1"),
        ("for i = 1, 3 do end", "empty-loop:1"),
        ("local x = f()\ng()\nx = h()\nreturn x", "overwritten-value:1"),
        ("local function x() end\nfunction x() end\nreturn x", "overwritten-value:1"),
        ("local x\nif a then\n  x = f()\n  x, y = h()\nend\nreturn x, y", "overwritten-value:3"),
        ("local floor = math.floor\nreturn floor()", "wrong-arguments:2"),
        ("local str = string\nreturn str.rep('x')", "wrong-arguments:2"),
        ("local s = ('x'):rep()\nreturn s", "wrong-arguments:1"),
        ("local dash = '-'\nreturn dash:rep()", "wrong-arguments:2"),
    ] {
        assert_eq!(elsewhere(text), [rule], "{text}");
    }
}

#[test]
fn what_the_fence_takes_away_is_told() {
    // The keys of the prelude's table are the names that policies do not have.
    let prelude = include_str!("../../lua/prelude.luau");
    let gone = prelude.split("local gone = {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let names: Vec<&str> =
        gone.lines().filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next()).collect();
    assert!(names.len() > 20, "{names:?}");
    let told: Vec<&str> = super::known::ABSENT.iter().map(|a| a.name).collect();
    assert_eq!(names, told);
}

#[test]
fn known_effects_and_fields_are_those_of_the_engine() {
    let driver = include_str!("../../lua/driver.luau");
    let listed = |names: &[&str]| {
        let list = names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        assert!(driver.contains(&format!("{{ {list} }}")), "{list}");
    };
    listed(&super::signatures::CONTEXT);
    listed(&super::signatures::EVENT);
    let mut effects: Vec<&str> = super::signatures::EFFECTS.iter().map(|(n, ..)| *n).collect();
    effects.sort_unstable();
    listed(&effects);
}

#[test]
fn a_file_of_any_shape_is_looked_at_in_time() {
    // Each has many of what some rule compares: what takes the square of that would not come back.
    let most = crate::syntax::LONGEST / 8;
    let repeated = |piece: &str| piece.repeat(most / piece.len());
    for text in [
        repeated("x = y "),
        repeated("local a = b "),
        repeated("if a then elseif a then end "),
        repeated("f() "),
        format!("scale_out() {}", repeated("for k, v in pairs(t) do x = v end ")),
        format!("policy 'a' {{ {} }}", repeated("when = function(m) end, ")),
        format!("scale_out({{ {} }})", repeated("a = 1, ")),
        repeated("while a < b do end "),
        repeated("local function f() end "),
        repeated("unpack() "),
        format!("local x {}", repeated("x = y ")),
        repeated("for i = 1, 2 do break end "),
    ] {
        let source = Source::new("m.lua", text);
        let (_, found) = parse_with(&source, Reading::Whole, |tree| {
            lint::tree(&source, tree, (false, false), &Wanted::all())
        });
        assert!(found.is_some());
    }
}
