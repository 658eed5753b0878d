//! What a load gives, and how it fails.

use super::*;

#[test]
fn a_file_gives_its_tables_with_places_and_constructors() {
    let text = r#"
policy "checkout" {
  target = kubernetes.deployment { namespace = "shop", name = "checkout" },
  replicas = { min = 3, max = 60 },
  metrics = {
    cpu = prometheus {
      query = "up",
    },
    rps = gateway.haproxy { url = "http://x" },
  },
  holes = { 1, nil, 3, [2.5] = true, [true] = 1 },
  token = secret "T" .. "!",
  scale_out = {
    { when = function(m)
        return true
      end },
  },
}
policy("second")({})
"#;
    let loaded = loaded(text);
    let [first, second] = &loaded.raw.policies[..] else { panic!("{:?}", loaded.raw) };
    assert_eq!((first.name.as_str(), first.place.line), ("checkout", 2));
    assert_eq!((second.name.as_str(), second.place.line), ("second", 19));
    let constructed = |table: &RawTable, key: &str| match table.get(key) {
        Some(RawValue::Table(t)) => (t.constructor.clone().unwrap_or_default(), t.place.line),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(constructed(&first.table, "target"), ("kubernetes.deployment".into(), 3));
    let Some(RawValue::Table(metrics)) = first.table.get("metrics") else { panic!() };
    assert_eq!(constructed(metrics, "cpu").0, "prometheus");
    assert_eq!(constructed(metrics, "rps"), ("gateway.haproxy".into(), 9));
    let Some(RawValue::Table(holes)) = first.table.get("holes") else { panic!() };
    assert_eq!(holes.list, [RawValue::Number(1.0), RawValue::Nil, RawValue::Number(3.0)]);
    assert_eq!(holes.odd_keys, ["2.5", "true"]);
    let Some(RawValue::Secret(token)) = first.table.get("token") else { panic!() };
    assert_eq!(token.to_string(), "***!");
    let Some(RawValue::Table(out)) = first.table.get("scale_out") else { panic!() };
    let RawValue::Table(rule) = &out.list[0] else { panic!() };
    assert!(matches!(rule.get("when"), Some(RawValue::Function(FnRef(0), place)) if place.line == 14));
}

#[test]
fn a_mistake_at_load_is_told_with_its_line() {
    for (text, says, at) in [
        ("\nlocal x = = 1", "Expected", 2),
        ("\n\nprint(nothing)", "unknown name nothing", 3),
        ("promotheus { }", "unknown name promotheus: did you mean prometheus?", 1),
        ("policy 'a' (1)", "policy \"a\" needs a table", 1),
        ("policy {}", "policy needs a name", 1),
        ("policy ''", "policy needs a name", 1),
        ("\npolicy 'a'", "policy \"a\" is given no table", 2),
        ("local p = policy 'a' p {} p {}", "given a second table", 1),
        (
            "policy 'a' { target = kubernetes.deploymint {} }",
            "kubernetes.deploymint is not there: did you mean deployment?",
            1,
        ),
        ("policy 'a' { x = prometheus 'q' }", "prometheus needs a table", 1),
        (
            "policy 'a' {}\nlocal t = {} t.t = t\npolicy 'b' (t)",
            "the table of policy \"b\" contains itself",
            3,
        ),
        ("local t = {} for i = 1, 40 do t = { t } end policy 'b' (t)", "nested more than 32 tables deep", 1),
        ("local t = {} for i = 1, 30 do t = { t, t } end policy 'b' (t)", "more than 50000 values", 1),
        ("policy 'b' { x = ('x'):rep(2000000) }", "more than 1 MiB of text", 1),
        ("policy 'a' {}\nerror({})", "it raised a table as an error", 2),
        ("policy 'a' {} secret ''", "secret needs a name", 1),
        ("policy 'a' {} require 'lib.x'", "there is no module \"lib.x\"", 1),
        ("policy 'a' {} require 'lib.x' {}", "there is no module \"lib.x\"", 1),
        ("policy 'a' {}\nlocal s = secret 'A' .. {}", "a secret cannot be joined to a table", 2),
        ("policy 'a' {}\nlocal n = #secret 'A'", "attempt to get length of", 2),
        ("policy 'a' {}\nos.execute('x')", "os.execute is not there", 2),
        ("policy 'a' {} load('x')", "load is not there: code in texts is not run", 1),
    ] {
        let text = &format!("{text}\npolicy 'zz' {{}}");
        let finding = refused(text);
        assert!(finding.message.contains(says), "{text}: {finding:#?}");
        assert_eq!(line(&finding, text), at, "{text}: {finding:#?}");
        let all = format!("{finding:?}");
        for noise in ["[string", "traceback", "runtime error:", "0x", "(luascale)"] {
            assert!(!all.contains(noise), "{text}: {all}");
        }
    }
}

#[test]
fn modules_are_found_run_once_and_never_in_a_circle() {
    let shelf = Shelf(BTreeMap::from([
        ("lib.limits", "print('once') return { cpu = 0.8 }"),
        ("lib.a", "return require 'lib.b'"),
        ("lib.b", "return require 'lib.a'"),
        ("lib.broken", "\nlocal ="),
        ("lib.fails", "\n\nlocal x = nil + 1"),
        ("lib.loops", "while true do end"),
        ("lib.make", "return function(name) policy(name) {} end"),
    ]));
    let text = "local a, b = require 'lib.limits', require('lib.limits')
        policy 'p' { same = a == b, cpu = a.cpu, scale_out = { { when = function() a.cpu = 1 return true end } } }";
    let source = Source::new("p.lua", text);
    let loaded = load(&source, &shelf, &Limits::default(), clock()).map_err(|f| panic!("{f:#?}")).unwrap();
    assert_eq!(loaded.printed, ["once"]);
    assert_eq!(loaded.required.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["lib/limits.lua"]);
    assert_eq!(loaded.raw.policies[0].table.get("same"), Some(&RawValue::Bool(true)));
    let mut out = Vec::new();
    loaded.bind(&policy(&loaded, &[])).when(Projected::All, &[], &context(0), &mut out);
    assert!(message(&out[0]).starts_with("a read-only table"), "{out:?}");

    let finding = refused_with("policy 'p' { x = require 'lib.a' }", &shelf);
    assert_eq!(finding.message, "modules require each other in a circle: lib.a -> lib.b -> lib.a");
    let finding = refused_with("policy 'p' { x = require 'lib.broken' }", &shelf);
    assert_eq!((&*finding.labels[0].source, line(&finding, "\nlocal =")), ("lib/broken.lua", 2));
    let finding = refused_with("policy 'p' { x = require 'lib.fails' }", &shelf);
    assert_eq!((&*finding.labels[0].source, line(&finding, "\n\nlocal x = nil + 1")), ("lib/fails.lua", 3));
    let finding = refused_with("policy 'p' { x = require 'lib.loops' }", &shelf);
    assert_eq!((finding.rule.as_str(), &*finding.labels[0].source), ("limit-exceeded", "lib/loops.lua"));
    // A module may be what calls policy.
    let source = Source::new("p.lua", "require 'lib.make' 'made'");
    let loaded = load(&source, &shelf, &Limits::default(), clock()).map_err(|f| panic!("{f:#?}")).unwrap();
    assert_eq!((loaded.script, loaded.raw.policies[0].name.as_str()), (false, "made"));
}

#[test]
fn bytecode_is_no_policy_file() {
    // Code that the VM's compiler did not check could do anything.
    let bytecode = mlua::chunk::Compiler::new().compile("policy('p')({})").unwrap_or_default();
    let text = String::from_utf8(bytecode).unwrap_or_default();
    assert!(text.contains("policy"), "it is text enough for a file: {text:?}");
    for text in [text.as_str(), "\u{6}", "\t\u{1}"] {
        let finding = refused(text);
        assert_eq!(finding.rule, "syntax-error", "{text:?}: {finding:?}");
    }
    let shelf = Shelf(BTreeMap::from([("code", "\u{6}\u{3}x")]));
    let finding = refused_with("require 'code' policy 'p' {}", &shelf);
    assert!(finding.message.contains("bytecode is not run"), "{finding:?}");
}
