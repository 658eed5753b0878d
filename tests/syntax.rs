//! The text of a file without running it: what does not parse and how that is told, what other
//! Luas have and this one has not, which functions keep state, where policies stand.

use luascale::model::raw::{Key, Node, RawValue};
use luascale::model::{Finding, Level};
use luascale::syntax::{self, Parsed};
use luascale::text::{LineIndex, Source, Span};
use proptest::prelude::*;

fn parse(text: &str) -> Parsed {
    syntax::parse(&Source::new("x.lua", text))
}

fn at(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

/// A finding in lines: rule and message, what is pointed at, help.
fn render(text: &str, finding: &Finding) -> String {
    let lines = LineIndex::new(text);
    let mut out = format!("{}: {}\n", finding.rule, finding.message);
    for label in &finding.labels {
        let place = lines.position(text, label.span.start);
        let what = at(text, label.span).split('\n').next().unwrap_or_default();
        let says = if label.text.is_empty() { String::new() } else { format!("  ({})", label.text) };
        out.push_str(&format!("  {}:{}  {what}{says}\n", place.line, place.column));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("  = {help}\n"));
    }
    out
}

fn told(findings: &[Finding], text: &str) -> String {
    findings.iter().map(|f| render(text, f)).collect()
}

/// Whether Luau itself accepts a text; it is the judge.
fn luau_accepts(text: &str) -> bool {
    mlua::Lua::new().load(text).set_name("=x").into_function().is_ok()
}

/// What does not parse; each is one slip, told once.
const BROKEN: &[&str] = &[
    // Other Luas.
    "for i = 1, 2 do\n  if i > 1 then goto continue end\n  ::continue::\nend",
    "goto done",
    "local x <const> = 1\nlocal y <close> = 2",
    "local a = 1 & 2\nlocal b = ~a | 3\nlocal c = a ~ b\nlocal d = a << 2 >> 1",
    "local x = a != b and c",
    "if a && !b then c() end",
    "local x = 1;;",
    // Slips.
    "local t = { a = 1 b = 2 }\nlocal u = { c = 3 }",
    "policy \"x\" {\n  replicas = { max = 3 },\n",
    "policy \"x\" {\n  replicas = { max = 3 \n  mode = \"scale\",\n}\nlocal y = 1",
    "local x = = 2\nlocal y = 3\nlocal z = = 4",
    "if x then\n  foo()\n",
    "foo(\nlocal y = 1",
    "x",
    "local s = \"abc\nlocal y = 2",
    "local s = [[abc\nlocal y = 2",
    "--[[ never closed\nlocal x = 1",
    "return 1\nfoo()",
    "end",
    "function() end",
    "local x = é",
    "a = `x {",
    "local x = 1LL",
    "f = function(a b) end",
    "while true do break foo() end",
    "\u{feff}#!/usr/bin/lua\r\nlocal x = = 1\r\n",
];

#[test]
fn what_does_not_parse_is_told_once_and_at_its_place() {
    let mut golden = String::new();
    for text in BROKEN {
        let parsed = parse(text);
        assert!(!parsed.is_sound(), "{text}");
        let blanked = Source::new("x", *text).blanked();
        assert!(!luau_accepts(&blanked), "Luau accepts {text}");
        golden.push_str(&format!("{text}\n{}\n", told(&parsed.findings, text)));
    }
    insta::assert_snapshot!(golden);
}

/// What Luau accepts and must parse without a word.
const SOUND: &[&str] = &[
    "",
    "-- nothing",
    "const x = 1",
    "local x: number | string = 1; type T = { a: number } & { b: string }",
    "export type F<T> = (a: T, ...number) -> (T, string?)",
    "for i, v in t do if v then continue end break end",
    "local s = `a {1 + 2} b {`c {3}`}`",
    "local x = if a then b elseif c then d else e",
    "x += 1; t.a //= 2; s ..= 'x'",
    "local b = bit32.band(1, 2) // 3",
    "f{} f'x' f[[x]] (f)()",
    "local a = b :: any",
    "local function f(...: number): (number, string) return ... end",
    "repeat local x = 1 until x",
    "local n = 0xFF + 0b11 + 1_000 + .5e-3",
    "local s = 'a\\z\n   b' .. \"\\u{e9}\\x41\\065\"",
    "\u{feff}#!/usr/bin/lua\nreturn 1",
    "local goto_ = 1 local continue = 2 continue = 3",
    "local t = { [1] = 2, 'x'; y = 3, }",
    "@native\nlocal function f() end",
    "while true do break end",
];

#[test]
fn what_luau_accepts_parses_without_a_word() {
    for text in SOUND {
        let blanked = Source::new("x", *text).blanked();
        assert!(luau_accepts(&blanked), "Luau refuses {text}");
        assert_eq!(told(&parse(text).findings, text), "", "{text}");
    }
}

#[test]
fn what_luau_accepts_all_the_same_is_called_a_limit_of_the_parser() {
    let text = format!("x = {}1{}", "(".repeat(300), ")".repeat(300));
    assert!(luau_accepts(&text));
    let limits = syntax::parser_limits(parse(&text).findings);
    let [limit] = &limits[..] else { panic!("{limits:?}") };
    assert_eq!((limit.rule.as_str(), limit.level), ("parser-limit", Level::Warning));
    assert!(limit.message.starts_with("a limit of the parser"), "{}", limit.message);
}

/// Every kind of nesting, far deeper than any stack holds.
#[test]
fn no_nesting_overflows_the_stack() {
    let around = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("{", "", "}"),
        ("f(", "1", ")"),
        ("x[", "1", "]"),
        ("function() return ", "1", " end"),
        ("if a then b else ", "1", ""),
        ("`{", "1", "}`"),
        ("- ", "1", ""),
        ("not ", "1", ""),
        ("1 + ", "1", ""),
        ("1 .. ", "1", ""),
        ("2 ^ ", "1", ""),
        ("1 and ", "1", ""),
    ] {
        for n in [150, 1200, 100_000] {
            let text = format!("x = {}", around(open, inner, close, n));
            if text.len() <= syntax::LONGEST {
                let parsed = parse(&text);
                assert_eq!(parsed.is_sound(), n == 150, "{open} {n}");
            }
        }
    }
    for (open, close) in [
        ("do ", " end"),
        ("if a then ", " end"),
        ("while a do ", " end"),
        ("repeat ", " until a"),
        ("for i = 1, 2 do ", " end"),
    ] {
        assert!(parse(&around(open, "", close, 150)).is_sound(), "{open}");
        assert_eq!(parse(&around(open, "", close, 20_000)).findings[0].rule, "too-deep", "{open}");
    }
    for text in [
        around("type T = {a: ", "number", "}", 100_000).replace("{a: type T = ", "{a: "),
        format!("type T = {}", "A<".repeat(100_000)),
        format!("type T = {}number", "() -> ".repeat(50_000)),
        format!("x = a{}", ".b".repeat(100_000)),
        format!("x = a{}", "()".repeat(100_000)),
        "else if a then ".repeat(20_000),
        "elseif a then ".repeat(20_000),
        "x = (".repeat(150),
        format!("if {} then end", around("x[", "1", "]", 150)),
        "[".repeat(400_000),
        "`{".repeat(200_000),
        "--[[".repeat(100_000),
    ] {
        parse(&text);
    }
    // What is long and not deep parses.
    assert!(parse(&"local x = f(1 + 2, { a = -1 })\n".repeat(8000)).is_sound());
    let branches = format!("if a then b() {}end", "elseif c then d() ".repeat(5000));
    assert!(parse(&branches).is_sound());
    assert_eq!(parse(&" ".repeat(syntax::LONGEST + 1)).findings[0].rule, "too-long");
}

/// A table that holds one table twice, which holds another twice, and so on: its paths are more
/// than any memory holds.
#[test]
fn following_locals_is_bounded() {
    let mut text = String::from("local t0 = { 1, 2, 3, 4 }\n");
    for i in 1..60 {
        text.push_str(&format!("local t{i} = {{ t{0}, t{0}, t{0}, t{0} }}\n", i - 1));
    }
    text.push_str("policy \"x\" { metrics = t59 }\n");
    let parsed = parse(&text);
    assert!(parsed.is_sound());
    assert_eq!(parsed.outline.policies.len(), 1);
}

/// Functions that keep state: what is written, the rule, and the two places.
const IMPURE: &[(&str, &str, &[&str])] = &[
    ("function f() x = 1 end", "assigned-global", &["x"]),
    ("local function f() x = 1 end", "assigned-global", &["x"]),
    ("f = function() x = 1 end", "assigned-global", &["x"]),
    ("f = function() function g() end end", "assigned-global", &["g"]),
    (
        "local n = 0 policy 'x' { on = { at_max = function() n += 1 end } }",
        "assigned-outer-local",
        &["n", "n"],
    ),
    ("local n = 0 local function f() n = 1 end", "assigned-outer-local", &["n", "n"]),
    ("local function f() local n = 0 return function() n = 1 end end", "assigned-outer-local", &["n", "n"]),
    ("local function f(n) return function() n = 1 end end", "assigned-outer-local", &["n", "n"]),
    ("for i = 1, 2 do f(function() i = 2 end) end", "assigned-outer-local", &["i", "i"]),
    ("for k, v in t do f(function() v = 2 end) end", "assigned-outer-local", &["v", "v"]),
    ("local f function g() f = 1 end", "assigned-outer-local", &["f", "f"]),
    ("local function f() f = nil end", "assigned-outer-local", &["f", "f"]),
    ("local x = function() x = 1 end", "assigned-global", &["x"]),
    ("local function f() do local x end x = 1 end", "assigned-global", &["x"]),
    ("local function f() repeat local x until x x = 1 end", "assigned-global", &["x"]),
    ("local function f() for i = 1, 2 do end i = 1 end", "assigned-global", &["i"]),
    ("local function f() if a then local x end x = 1 end", "assigned-global", &["x"]),
    ("local a, b = 1 function f() a, c = 1, 2 end", "assigned-outer-local", &["a", "a"]),
    ("local s = `{function() q = 1 end}`", "assigned-global", &["q"]),
    ("local v = if a then function() q = 1 end else 1", "assigned-global", &["q"]),
    ("t[function() q = 1 end].x = 2", "assigned-global", &["q"]),
    (
        "local n = 1 local function f() local n = 2 n = 3 return function() n = 4 end end",
        "assigned-outer-local",
        &["n", "n"],
    ),
];

/// Functions that keep none.
const PURE: &[&str] = &[
    "x = 1 function f() end g = function() end",
    "do x = 1 end if a then y = 2 end for i = 1, 2 do z = i end",
    "local function f() local x = 1 x = 2 x += 1 end",
    "local function f(x) x = x + 1 return x end",
    "local function f() for i = 1, 2 do i = 3 end for k, v in t do v = k end end",
    "local function f() local n = 0 for i = 1, 3 do if i then n += i end end return n end",
    "local function f() local t = {} t.x = 1 t[1] = 2 end",
    "local function f() repeat local x = 1 x = 2 until x end",
    "local function f() local function g() end g = nil end",
    "local x x = function() end x = 2",
    "function t.f() end function t:g() self.x = 1 end",
    "local function f() local x = 1 do x = 2 end while x do x = nil end end",
];

#[test]
fn functions_that_keep_state_are_told_with_both_places() {
    let mut golden = String::new();
    for (text, rule, places) in IMPURE {
        assert!(luau_accepts(text), "{text}");
        let parsed = parse(text);
        assert!(parsed.is_sound(), "{text}");
        let [first, ..] = &parsed.purity[..] else { panic!("{text} is called pure") };
        let at: Vec<&str> = first.labels.iter().map(|l| at(text, l.span)).collect();
        assert_eq!((first.rule.as_str(), &at[..]), (*rule, *places), "{text}");
        golden.push_str(&format!("{text}\n{}\n", told(&parsed.purity, text)));
    }
    insta::assert_snapshot!(golden);
    for text in PURE {
        assert!(luau_accepts(text), "{text}");
        assert_eq!(told(&parse(text).purity, text), "", "{text}");
    }
}

/// The value at a path of the first policy, and its key.
fn node<'n>(parsed: &'n Parsed, path: &[&str]) -> &'n Node {
    path.iter().fold(&parsed.outline.policies[0].root, |node, step| {
        let found = match step.parse() {
            Ok(index) => node.index(index),
            Err(_) => node.field(step),
        };
        assert!(found.is_some(), "no {step} of {path:?}");
        found.unwrap_or(node)
    })
}

#[test]
fn every_form_of_a_policy_has_its_outline() {
    for text in [
        "policy \"a\" { replicas = { max = 7 } }",
        "policy(\"a\", { replicas = { max = 7 } })",
        "policy(\"a\") { replicas = { max = 7 } }",
        "policy(\"a\")({ replicas = { max = 7 } })",
        "policy 'a' ((({ replicas = { max = 7 } })))",
        "policy [[a]] { [\"replicas\"] = { max = 7 } }",
        "local t = { replicas = { max = 7 } } policy \"a\" (t)",
        "local n, t = \"a\", {} t.replicas = { max = 7 } policy(n, t)",
        "local r = { max = 7 } do policy \"a\" { replicas = r } end",
        "local lib = { bounds = { max = 7 } } if x then policy \"a\" { replicas = lib.bounds } end",
        "for i = 1, 2 do policy \"a\" { replicas = { max = 3 + 4 } } end",
        "local p = f(policy \"a\" { replicas = { max = 14 / 2 } })",
    ] {
        let parsed = parse(text);
        assert!(parsed.is_sound() && parsed.declares, "{text}");
        let policy = &parsed.outline.policies[0];
        assert_eq!(policy.name.as_deref(), Some("a"), "{text}");
        assert!(at(text, policy.span).starts_with("policy"), "{text}");
        let max = node(&parsed, &["replicas", "max"]);
        assert!(["7", "3 + 4", "14 / 2"].contains(&at(text, max.value)), "{text}");
        assert_eq!(at(text, max.key), "max");
        let replicas = parsed.literals.policies[0].table.get("replicas");
        let Some(RawValue::Table(replicas)) = replicas else { panic!("{text}: {replicas:?}") };
        assert_eq!(replicas.get("max"), Some(&RawValue::Number(7.0)), "{text}");
    }
    for text in
        ["local policy = f policy \"a\" {}", "x.policy \"a\" {}", "local p = policy", "-- policy 'a' {}"]
    {
        let parsed = parse(text);
        assert!(!parsed.declares && parsed.outline.policies.is_empty(), "{text}");
    }
}

#[test]
fn constructors_functions_and_locals_have_their_places() {
    let text = r#"
local function hot(m) return m.cpu > 0.8 end
local query = "up"
policy "a" {
  metrics = { cpu = (prometheus { query = query, unit = "ratio" }), q = gateway.haproxy({ url = "http://a" }) },
  scale_out = {
    { when = hot, add = 1 },
    { when = function(m) return true end, add = STEP },
  },
  [1 + 1] = true, ["cost"] = lib.cost(),
}
"#;
    let parsed = parse(text);
    assert!(parsed.is_sound());
    let shown = |path: &[&str]| at(text, node(&parsed, path).value);
    assert_eq!(shown(&["metrics", "cpu"]), "(prometheus { query = query, unit = \"ratio\" })");
    assert_eq!(shown(&["metrics", "cpu", "query"]), "query");
    assert_eq!(shown(&["metrics", "q"]), "gateway.haproxy({ url = \"http://a\" })");
    assert_eq!(shown(&["metrics", "q", "url"]), "\"http://a\"");
    assert_eq!(shown(&["scale_out", "1", "when"]), "function hot(m) return m.cpu > 0.8 end");
    assert_eq!(shown(&["scale_out", "2", "when"]), "function(m) return true end");
    assert_eq!(shown(&["scale_out", "2"]), "{ when = function(m) return true end, add = STEP }");
    assert_eq!(shown(&["cost"]), "lib.cost()");
    assert!(node(&parsed, &[]).children.iter().any(|(key, _)| *key == Key::Index(2)));
    let raw = &parsed.literals.policies[0].table;
    assert_eq!(raw.get("cost"), Some(&RawValue::Unknown));
    let Some(RawValue::Table(metrics)) = raw.get("metrics") else { panic!("{raw:?}") };
    let Some(RawValue::Table(cpu)) = metrics.get("cpu") else { panic!("{metrics:?}") };
    assert_eq!(cpu.constructor.as_deref(), Some("prometheus"));
    assert_eq!(cpu.get("query"), Some(&RawValue::String("up".into())));
}

#[test]
fn a_broken_file_still_has_the_outline_of_what_can_be_read() {
    let text = "policy \"a\" { replicas = { max = 7 } }\nlocal x = 1 & 2\nlocal y = = 3\npolicy \"b\" { replicas = { max = 8 } }\n";
    let parsed = parse(text);
    assert_eq!(parsed.findings.len(), 2, "{}", told(&parsed.findings, text));
    let names: Vec<_> = parsed.outline.policies.iter().filter_map(|p| p.name.as_deref()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_key_that_is_written_twice_is_warned_of() {
    let text = "policy \"a\" { replicas = { max = 7, max = 8 } }";
    let parsed = parse(text);
    let [twice] = &parsed.findings[..] else { panic!("{:?}", parsed.findings) };
    assert_eq!((twice.rule.as_str(), twice.level), ("duplicate-key", Level::Warning));
    assert_eq!(twice.labels.iter().map(|l| l.span.start).collect::<Vec<_>>(), [26, 35]);
    assert_eq!(at(text, node(&parsed, &["replicas", "max"]).value), "8");
}

/// Every span of a parse lies in its text, on whole characters.
fn spans_are_sound(text: &str, parsed: &Parsed) -> bool {
    fn inside(text: &str, node: &Node) -> bool {
        let sound = |s: Span| text.get(s.start as usize..s.end as usize).is_some();
        sound(node.key) && sound(node.value) && node.children.iter().all(|(_, n)| inside(text, n))
    }
    let labels = parsed.findings.iter().chain(&parsed.purity).flat_map(|f| &f.labels);
    labels.into_iter().all(|l| text.get(l.span.start as usize..l.span.end as usize).is_some())
        && parsed.outline.policies.iter().all(|p| inside(text, &p.root))
}

const FULL: &str = include_str!("data/policies/full.lua");

/// A text of Lua with pieces cut out, doubled and replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        prop::sample::select(vec![
            "end",
            "(",
            ")",
            "{",
            "}",
            "[[",
            "]]",
            "\"",
            "'",
            "`",
            "`{",
            "goto x",
            "::a::",
            "<const>",
            "&",
            "|",
            "~",
            ">>",
            "=",
            ",",
            "function(",
            "if x then ",
            "else",
            "until",
            "repeat ",
            "local ",
            "policy 'x' ",
            "é",
            "\u{feff}",
            "\\",
            "--",
            "--[[",
            "0x",
            "1e",
            "..",
            "...",
            "return",
            "break ",
            "continue ",
            "type T = ",
            ": A<B<",
            "@x",
            "!=",
            "\r\n",
            "\r",
            "-- c\r",
            "\0",
        ])
        .prop_map(String::from),
        ".{0,6}",
    ];
    proptest::collection::vec((0usize..FULL.len(), 0usize..40, piece), 1..6).prop_map(|edits| {
        let mut text = FULL.to_string();
        for (start, length, piece) in edits {
            let (mut a, mut b) = (start.min(text.len()), (start + length).min(text.len()));
            while !text.is_char_boundary(a) {
                a -= 1;
            }
            while !text.is_char_boundary(b) {
                b += 1;
            }
            text.replace_range(a..b, &piece);
        }
        text
    })
}

#[test]
fn a_comment_that_ends_at_a_carriage_return_hides_no_code() {
    let text = "-- nothing\r policy(\"web\", 1)\nlocal n = 1 -- x\rn = 2\n";
    assert!(luau_accepts(text));
    let parsed = parse(text);
    assert!(parsed.is_sound() && parsed.declares, "{}", told(&parsed.findings, text));
    assert!(parse("-- nothing\r\n-- policy\r\n").is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Any bytes end in findings, at places that are there.
    #[test]
    fn any_bytes_end_in_findings(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parsed = parse(&text);
        prop_assert!(spans_are_sound(&text, &parsed));
        if parsed.is_sound() {
            prop_assert!(parsed.findings.iter().all(|f| f.level == Level::Warning));
        }
    }

    /// A policy with slips in it parses exactly where Luau takes it, whatever the slips.
    #[test]
    fn slips_are_found_where_luau_finds_them(text in mutated()) {
        let parsed = parse(&text);
        prop_assert!(spans_are_sound(&text, &parsed));
        let blanked = Source::new("x", text.as_str()).blanked();
        if luau_accepts(&blanked) {
            prop_assert!(parsed.is_sound(), "{}", told(&parsed.findings, &text));
        }
    }
}
