//! Files without a policy.

use super::*;

fn run_script(text: &str, metrics: &[(&str, f64)]) -> (Proposed, Vec<String>) {
    let loaded = loaded(text);
    assert!(loaded.script);
    let names: Vec<&str> = metrics.iter().map(|(name, _)| *name).collect();
    let values: Vec<f64> = metrics.iter().map(|(_, value)| *value).collect();
    let conditions = loaded.bind(&policy(&loaded, &names));
    let proposed = conditions.propose(&values, &context(1_000));
    (proposed, conditions.printed())
}

#[test]
fn scripts_run_anew_with_fresh_globals() {
    let metrics = [("cpu", 0.9), ("memory", f64::NAN)];
    let classic = "if metrics.cpu > 0.8 then scale_out() elseif metrics.memory < 0.5 then scale_in() end";
    for (text, want) in [
        (classic, Some(Action::Add(1))),
        ("scale_out(3) scale_in(2)", Some(Action::Remove(2))),
        ("set_replicas(0)", Some(Action::To(0))),
        ("scale_out() set_replicas(math.ceil(replicas * 1.5))", Some(Action::To(5))),
        ("x = (x or 0) + 1", None),
        ("if rawget(_G, 'x') then scale_out() end x = 1", None),
        (
            "local t = { now, replicas } if t[1] == 1 and t[2] == 3 then scale_out(2) end",
            Some(Action::Add(2)),
        ),
        ("", None),
    ] {
        let (proposed, _) = run_script(text, &metrics);
        if text.starts_with("x = (x or 0)") {
            assert!(proposed.fault.is_some_and(|f| f.message.contains("unknown name x")), "{text}");
            continue;
        }
        assert_eq!(proposed, Proposed { want, ..Proposed::default() }, "{text}");
    }
    let (proposed, _) = run_script("if metrics.memory < 0.5 then scale_in() end", &metrics);
    assert_eq!((proposed.want, proposed.unknown, proposed.missing), (None, true, Some(1)));
    // No metric is declared at all: unknown, and no slip of the name.
    let (proposed, _) = run_script(classic, &[]);
    assert_eq!((proposed.want, proposed.unknown, proposed.missing, proposed.fault), (None, true, None, None));
    let (proposed, _) = run_script("\nif metrics.cup > 0.8 then scale_out() end", &metrics);
    let fault = proposed.fault.unwrap();
    assert_eq!((fault.function.as_str(), fault.line, fault.fatal), ("script", 2, false));
    assert_eq!(fault.message, "there is no metric cup: did you mean cpu?");
    for (text, says) in [
        ("scale_out(0)", "scale_out needs a whole number of replicas, 1 or more, not 0"),
        ("scale_out(1.5)", "not 1.5"),
        ("set_replicas(-1)", "set_replicas needs a whole number of replicas, 0 or more, not -1"),
        ("set_replicas()", "set_replicas needs a number of replicas, not nil"),
        ("scale_in('2')", "scale_in needs a number of replicas, not \"2\" (a text)"),
        ("set_replicas(0 / 0)", "not nan"),
        ("prometheus {}", "prometheus works only while the file is loaded"),
        ("require 'lib.x'", "there is no module \"lib.x\""),
    ] {
        let fault = run_script(text, &metrics).0.fault.unwrap();
        assert!(fault.message.contains(says), "{text}: {fault:?}");
    }
}

#[test]
fn a_script_keeps_nothing_between_ticks_and_its_modules_are_fresh() {
    let shelf = Shelf(BTreeMap::from([("lib.count", "count = rawget(_G, 'count') return { n = 0 }")]));
    let text =
        "local c = require 'lib.count' c.n += 1 seen = c.n print(seen, now) if c.n > 1 then scale_out() end";
    let loaded = load(&Source::new("s.lua", text), &shelf, &Limits::default(), clock()).ok().unwrap();
    assert_eq!((loaded.script, loaded.required.len()), (true, 1));
    let conditions = loaded.bind(&policy(&loaded, &[]));
    for tick in 1..4 {
        assert_eq!(conditions.propose(&[], &context(tick * 1000)), Proposed::default());
        assert_eq!(conditions.printed(), [format!("1\t{tick}")]);
    }
}

#[test]
fn the_classic_example_runs_and_never_reaches_the_engine() {
    let text = |cpu: &str| {
        format!(
            "local metrics = {{cpu = {cpu}, memory = 0.6}}

local function scale_out()
    print(\"Scaling out\")
end

local function scale_in()
    print(\"Scaling in\")
end

if metrics.cpu > 0.8 then
    scale_out()
elseif metrics.memory < 0.5 then
    scale_in()
end
"
        )
    };
    assert_eq!(run_script(&text("0.8"), &[]), (Proposed::default(), Vec::new()));
    assert_eq!(run_script(&text("0.81"), &[]), (Proposed::default(), vec!["Scaling out".to_string()]));
}
