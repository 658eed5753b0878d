//! What policy code cannot reach, change or read, and how much it may use up.

use super::*;

#[test]
fn tables_and_upvalues_made_at_load_are_frozen_deeply() {
    for change in [
        "limits.cpu = 1",
        "limits.deep.er[1] = 2",
        "table.insert(limits.deep.er, 2)",
        "rawset(limits, 'cpu', 1)",
        "table.clear(limits.deep)",
        "get().x = 1",
        "getmetatable(limits).__index.y = 1",
        "shared.x = 1",
        "string.upper = nil",
        "getmetatable('').__index = nil",
        "getmetatable('').__index.upper = nil",
        "math.floor = nil",
        "_G.print = nil",
        "setmetatable(limits.deep, {})",
    ] {
        let text = format!(
            "local hidden = {{ x = 0 }}
             local function get() return hidden end
             local limits = setmetatable({{ cpu = 0, deep = {{ er = {{ 1 }} }} }}, {{ __index = {{ y = 0 }} }})
             shared = {{ x = 0 }}
             policy 'p' {{ scale_out = {{ {{ when = function(m) {change} return true end }} }} }}"
        );
        let verdict = verdicts(&text, METRICS).remove(0);
        assert!(message(&verdict).starts_with("a read-only table is changed"), "{change}: {verdict:?}");
        assert_eq!(verdict.fault.map(|f| f.line), Some(5), "{change}");
    }
    // The same tables are free while the file is loaded.
    let verdicts = verdicts(
        "local t = {} t.x = 1
         policy 'p' { scale_out = { { when = function() local c = table.clone(t) c.x = 2 return c.x > t.x end } } }",
        METRICS,
    );
    assert_eq!(verdicts[0].holds, Some(true));
}

#[test]
fn policies_of_one_file_cannot_reach_each_other() {
    let text = "local shared = { n = 0 }
        local function bump() shared.n += 1 return shared.n > 1 end
        policy 'a' { scale_out = { { when = bump } } }
        policy 'b' { scale_out = { { when = bump } } }";
    let verdict = verdicts(text, METRICS).remove(0);
    assert!(message(&verdict).starts_with("a read-only table"), "{verdict:?}");
}

#[test]
fn hooks_record_effects_and_secrets_stay_names() {
    let text = r#"
policy "shop" { on = {
  scale_out = function(event, act)
    local token = secret "TOKEN"
    act.webhook { url = secret "URL", headers = { Authorization = "Bearer " .. token },
                  body = { text = event.policy .. " -> " .. event.to, tags = { "a", "b" }, at = event.time } }
    act.log("from", event.from, "to", event.to)
    act.log(`token {token}`)
    act.log("t " .. token)
    print(token, tostring(token), ("%s"):format(token))
  end,
  scale_in = function(event, act) act.webhok {} end,
  at_max = function(event, act) act.log("first") act.slack { url = "x", txt = "y" } end,
  at_min = function(event, act) act.github { repo = "a/b" } end,
  metrics_lost = function(event, act) act.log(event.metric) error(secret "S" .. "!") end,
} }"#;
    let loaded = loaded(text);
    let policy = policy(&loaded, &["cpu"]);
    let conditions = loaded.bind(&policy);
    let run = |kind| {
        let at = policy.on.iter().position(|hook| hook.event == kind).unwrap();
        let event = Event { kind, time: Time(5_000), from: 3, to: 5, step: None, metric: Some(0) };
        conditions.hook(at, &event, &context(5_000))
    };
    let report = run(EventKind::ScaleOut);
    assert_eq!(report.fault, None);
    let lines: Vec<String> = report.effects.iter().map(crate::model::Effect::summary).collect();
    assert_eq!(
        lines,
        [
            "webhook body={\"at\":5,\"tags\":[\"a\",\"b\"],\"text\":\"shop -> 5\"} headers={\"Authorization\":\"Bearer ***\"} url=\"***\"",
            "log text=\"from\\t3\\tto\\t5\"",
            "log text=\"token ***\"",
            "log text=\"t ***\"",
        ]
    );
    assert!(format!("{:?}", report.effects[0]).contains("Secret(\"TOKEN\")"));
    assert_eq!(conditions.printed(), ["***\t***\t***"]);
    for (kind, says, effects) in [
        (EventKind::ScaleIn, "act has no webhok: did you mean webhook?", 0),
        (EventKind::AtMax, "act.slack has no argument txt: did you mean text?", 1),
        (EventKind::AtMin, "act.github needs workflow", 0),
        (EventKind::MetricsLost, "it raised a secret as an error", 1),
    ] {
        let report = run(kind);
        let fault = report.fault.unwrap();
        assert!(fault.message.contains(says), "{fault:?}");
        assert_eq!((fault.function, report.effects.len()), (format!("on.{}", kind.name()), effects));
    }
}

#[test]
fn secrets_cannot_be_read() {
    for body in [
        "return #secret 'A' > 1",
        "return secret('A'):sub(1, 1) == ''",
        "return secret('A').name == ''",
        "return secret 'A' < secret 'B'",
        "return string.len(secret 'A') == 1",
        "return table.concat({ secret 'A' }) == ''",
        "return next(secret 'A') == nil",
        "for k in secret 'A' do end return true",
        "return getmetatable(secret 'A').__tostring(1) == ''",
        "return tonumber(secret 'A') == 1",
        "return secret 'A' + 1 == 1",
        "error(secret 'NAME' .. 'x')",
        "error('x' .. tostring(secret 'NAME'))",
    ] {
        let verdict = condition(body, METRICS);
        assert!(verdict.fault.is_some() || verdict.holds == Some(false), "{body}: {verdict:?}");
        assert!(!message(&verdict).contains("NAME"), "{body}: {verdict:?}");
    }
}

#[test]
fn the_same_text_takes_the_same_safepoints_and_the_same_order() {
    let text = "local order = {}
        for k in pairs({ a = 1, b = 2, [3] = 3, [true] = 4, zz = 5, [0.5] = 6 }) do table.insert(order, tostring(k)) end
        print(table.concat(order, ' '))
        policy 'p' { scale_out = { { when = function(m) local n = 0 for i = 1, 100 do n += #tostring(i) end return n > 0 end } } }";
    let run = || {
        let loaded = loaded(text);
        let at_load = loaded.vm.fence.left();
        let mut out = Vec::new();
        let conditions = loaded.bind(&policy(&loaded, &[]));
        conditions.when(Projected::All, &[], &context(0), &mut out);
        let first = loaded.vm.fence.left();
        conditions.when(Projected::All, &[], &context(1), &mut out);
        assert_eq!(first, loaded.vm.fence.left());
        (loaded.printed, at_load, first)
    };
    let first = run();
    assert!(first.1 < Limits::default().load_budget && first.2 < Limits::default().tick_budget);
    for _ in 0..3 {
        assert_eq!(run(), first);
    }
}

#[test]
fn the_budget_falls_on_the_function_that_spends_it() {
    let loop_of = |n: u32| {
        format!("{{ when = function(m) local n = 0 for i = 1, {n} do n += 1 end return n > 0 end }}")
    };
    let text = format!(
        "policy 'p' {{ scale_out = {{ {}, {}, {}, {} }} }}",
        loop_of(600),
        loop_of(600),
        loop_of(2_000),
        loop_of(10)
    );
    let limits = Limits { tick_budget: 1_000, ..Limits::default() };
    let loaded = load(&Source::new("p.lua", text), &NoModules, &limits, clock()).ok().unwrap();
    let conditions = loaded.bind(&policy(&loaded, &[]));
    let mut out = Vec::new();
    for tick in 0..3 {
        conditions.when(Projected::All, &[], &context(tick), &mut out);
        let holds: Vec<_> = out.iter().map(|v| v.holds).collect();
        assert_eq!(holds, [Some(true), Some(true), None, Some(true)]);
        let fault = out[2].fault.as_ref().unwrap();
        assert!(fault.message.starts_with("it took more than 1,000 steps"), "{fault:?}");
        assert_eq!((fault.function.as_str(), fault.line, fault.fatal), ("scale_out[3]", 1, false));
    }
}

#[test]
fn a_file_that_replaces_globals_changes_no_driver_and_no_guard() {
    let text = "
        local function evil() return true, 1, 2, 3 end
        xpcall = evil pcall = evil setmetatable = evil error = evil type = evil rawget = evil select = evil
        table = { concat = evil, freeze = evil, insert = evil, clone = evil } math = { floor = evil }
        string = {} next = evil pairs = evil ipairs = evil tostring = evil print = evil
        policy 'p' { scale_out = {
          { when = function(m) return m.cpu > 0.8 end }, { when = function(m) return m.p95 > 0.8 end },
          { when = function(m) return m.cup > 0.8 end }, { when = function(m) m.cpu = 1 return true end } } }";
    let verdicts = verdicts(text, METRICS);
    assert_eq!(verdicts[0].holds, Some(true));
    assert_eq!((verdicts[1].holds, verdicts[1].missing), (None, Some(1)));
    assert!(message(&verdicts[2]).contains("did you mean cpu"), "{:?}", verdicts[2]);
    assert!(message(&verdicts[3]).contains("m is read-only"), "{:?}", verdicts[3]);
    let finding = refused("policy 'p' {}\n__luascale_each = function() end");
    assert_eq!(finding.message, "names that begin with __luascale are the engine's own");
    assert_eq!(line(&finding, "policy 'p' {}\n__luascale_each = function() end"), 2);
}
