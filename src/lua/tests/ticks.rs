//! Conditions, decide and by at ticks.

use super::*;

#[test]
fn conditions_are_true_false_or_unknown() {
    for (body, holds, missing) in [
        ("return m.cpu > 0.8", Some(true), None),
        ("return m.cpu > 0.95", Some(false), None),
        ("return m.p95 > 0.5", None, Some(1)),
        // What a short circuit skips is not read.
        ("return m.cpu > 0.8 or m.p95 > 0.5", Some(true), None),
        ("return m.cpu > 0.95 and m.p95 > 0.5", Some(false), None),
        // What is read counts, whatever comes out.
        ("return m.p95 > 0.5 or m.cpu > 0.8", None, Some(1)),
        ("return m.has(\"cpu\") and not m.has(\"p95\")", Some(true), None),
        ("return m.has(\"p95\") and m.p95 > 1", Some(false), None),
        // NaN may be the cause of an error: unknown, and not a fault.
        ("return ({ [1] = true })[m.p95].x", None, Some(1)),
    ] {
        let verdict = condition(body, METRICS);
        assert_eq!((verdict.holds, verdict.missing), (holds, missing), "{body}: {verdict:?}");
        assert_eq!(verdict.fault, None, "{body}");
    }
}

#[test]
fn what_a_condition_must_not_do_is_a_fault_with_its_line() {
    for (body, says, at) in [
        ("return 5", "it returned 5 (a number) where true or false was expected", 1),
        ("return nil", "it returned nil where true or false was expected", 1),
        ("return m.cup > 0.8", "there is no metric cup: did you mean cpu?", 2),
        ("return m.bananas > 0.8", "there is no metric bananas: declared are cpu, p95, rps", 2),
        ("return ctx.replica > 1", "ctx has no replica: did you mean replicas?", 2),
        ("m.cpu = 1 return true", "m is read-only", 2),
        ("rawset(m, 'cpu', 1) return true", "a read-only table is changed", 2),
        ("ctx.now = 1 return true", "ctx is read-only", 2),
        ("\nreturn nothing.x", "unknown name nothing", 3),
        ("return m.cpu > 'x'", "attempt to compare string < number", 2),
        ("counter = 1 return true", "a read-only table is changed", 2),
        ("error({}) ", "it raised a table as an error", 2),
        ("error('no luck')", "no luck", 2),
        (
            "return os.time() > 1",
            "os.time is not there: a policy has no clock of its own: the time of the tick is ctx.now",
            2,
        ),
        ("coroutine.wrap(print)", "coroutine.wrap is not there: a policy keeps nothing between ticks", 2),
        ("buffer.create(1)", "buffer.create is not there: a policy has no buffers", 2),
        ("return math.random() > 1", "math.random is not there: a policy decides alike", 2),
        ("prometheus { query = 'x' }", "prometheus works only while the file is loaded", 2),
        ("policy 'x'", "policy works only while the file is loaded", 2),
        ("require 'x'", "require works only while the file is loaded", 2),
        ("return tostring({}) == ''", "a table has no text of its own", 2),
        ("return `{print}` == ''", "a function has no text of its own", 2),
        ("return ('%*'):format({}) == ''", "a table has no text of its own", 2),
        ("return {} .. '' == ''", "attempt to concatenate table with string", 2),
        ("for k in { [{}] = 1 } do end return true", "keys that are tables or functions", 2),
        ("for k in pairs({ [print] = 1 }) do end return true", "keys that are tables or functions", 2),
        ("for k in next, { [print] = 1 } do end return true", "keys that are tables or functions", 2),
        ("return next({ a = 1, [print] = 1 }) == nil", "keys that are tables or functions", 2),
        ("setmetatable({}, { __mode = 'k' }) return true", "weak tables are not there", 2),
        ("return metrics.cpu > 1", "metrics exists only in scripts", 2),
    ] {
        let verdict = condition(body, METRICS);
        assert_eq!(verdict.holds, None, "{body}");
        assert!(message(&verdict).contains(says), "{body}: {verdict:#?}");
        let fault = verdict.fault.as_ref().map(|f| (f.function.as_str(), &*f.source, f.line, f.fatal));
        assert_eq!(fault, Some(("r", "p.lua", at, false)), "{body}: {verdict:#?}");
    }
}

#[test]
fn a_condition_sees_its_context_and_the_whole_plain_library() {
    for body in [
        "return ctx.now == 1 and ctx.replicas == 3 and ctx.ready == 2 and ctx.min == 1 and ctx.max == 10 and ctx.region == nil",
        "local s = 0 for name, value in m do if name ~= 'p95' then s += value end end return false",
        "local s = '' for k, v in pairs({ a = 1, b = 2, c = 3 }) do s ..= k .. v end return #s == 6",
        "local s = 0 for i, v in ipairs({ 4, 5 }) do s += i * v end return s == 14",
        "local s = 0 for i = 1, 3 do s += i end return s == 6",
        "local n = 0 for w in string.gmatch('a b c', '%a') do n += 1 end return n == 3",
        "local t = setmetatable({}, { __iter = function() return next, { x = 1 } end }) for k, v in t do return k == 'x' end return false",
        "local t = { 3, 1, 2 } table.sort(t) return table.concat(t, ',') == '1,2,3'",
        "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return table.concat(t) == '321'",
        "return ('a.b'):find('.', 1, true) == 2 and ('a.b'):find('%.') == 2 and ('abc'):find('c', -1) == 3",
        "return ('abc'):find('') == 1 and ('abc'):find('x') == nil and ('abc'):find('', 10) == nil",
        "return table.concat(('a, b, c'):split(', '), '|') == 'a|b|c' and #(''):split(', ') == 1",
        "return ('%d%%'):format(5) == '5%' and tostring(nil) == 'nil' and `{1 + 1}` == '2'",
        "local ok, why = pcall(error, 'x') return not ok and why == 'x'",
        "return math.floor(2.5) == 2 and bit32.band(6, 3) == 2 and utf8.len('ü') == 1",
        "return next({}) == nil and next({ 1 }) == 1 and rawget(_G, 'nothing') == nil",
    ] {
        let verdict = condition(body, METRICS);
        let expected = if body.contains("for name, value in m") { None } else { Some(true) };
        assert_eq!((verdict.holds, verdict.fault.as_ref()), (expected, None), "{body}");
    }
}

#[test]
fn decide_and_by_give_counts() {
    let decide = |body: &str, metrics: &[(&str, f64)]| {
        let loaded = loaded(&format!("policy 'p' {{ decide = function(m, ctx)\n{body}\nend }}"));
        let names: Vec<&str> = metrics.iter().map(|(name, _)| *name).collect();
        let values: Vec<f64> = metrics.iter().map(|(_, value)| *value).collect();
        loaded.bind(&policy(&loaded, &names)).propose(&values, &context(1_000))
    };
    for (body, want) in [
        ("return ctx.replicas + 2", Some(Action::To(5))),
        // 7.000000000000001: the slack of section 4.
        ("return 2 * 1.05 / 0.3", Some(Action::To(7))),
        ("return m.rps / 50", Some(Action::To(3))),
        ("return nil", None),
        ("", None),
        ("return 1e300", Some(Action::To(1_000_000_000))),
    ] {
        assert_eq!(decide(body, METRICS), Proposed { want, ..Proposed::default() }, "{body}");
    }
    for body in ["return -1", "return 0/0", "return 1/0", "return '3'", "return true", "error('x')"] {
        let proposed = decide(body, METRICS);
        assert!(
            proposed.unknown && proposed.want.is_none() && proposed.fault.is_some(),
            "{body}: {proposed:?}"
        );
    }
    let proposed = decide("return m.p95 * 3", METRICS);
    assert_eq!((proposed.unknown, proposed.missing, proposed.fault), (true, Some(1), None));

    let loaded = loaded(
        "policy 'p' { scale_out = { { name = 'a', when = function() return true end },
           { name = 'b', when = function() return true end, by = function(m, ctx) return m.rps + ctx.min end } },
           activation = function(m) return m.rps > 100 end }",
    );
    let conditions = loaded.bind(&policy(&loaded, &["rps"]));
    assert_eq!(conditions.by(1, &[12.0], &context(0)).want, Some(Action::To(13)));
    assert_eq!(conditions.by(0, &[12.0], &context(0)), Proposed::default());
    assert_eq!(conditions.activation(&[101.0], &context(0)).holds, Some(true));
    assert_eq!(conditions.activation(&[f64::NAN], &context(0)).missing, Some(0));
}

#[test]
fn many_rules_and_metrics_keep_their_places() {
    let rules: Vec<String> = (0..120)
        .map(|i| format!("{{ when = function(m) return m.m{} == {} end }}", i % 100, i % 100))
        .collect();
    let text = format!("policy 'p' {{ scale_out = {{ {} }} }}", rules.join(","));
    let names: Vec<String> = (0..100).map(|i| format!("m{i}")).collect();
    let mut metrics: Vec<(&str, f64)> =
        names.iter().enumerate().map(|(i, n)| (n.as_str(), i as f64)).collect();
    metrics[17].1 = f64::NAN;
    metrics[18].1 = -1.0;
    let out = verdicts(&text, &metrics);
    for (i, verdict) in out.iter().enumerate() {
        let expected = match i % 100 {
            17 => (None, Some(17)),
            18 => (Some(false), None),
            _ => (Some(true), None),
        };
        assert_eq!((verdict.holds, verdict.missing), expected, "{i}");
    }
}

#[test]
fn scale_out_alone_is_asked_on_projected_metrics() {
    let loaded = loaded(
        "policy 'p' { scale_out = { { when = function(m) return m.cpu > 1 end } },
           scale_in = { { when = function(m) error('not asked') end } } }",
    );
    let conditions = loaded.bind(&policy(&loaded, &["cpu"]));
    let mut out = Vec::new();
    conditions.when(Projected::ScaleOut, &[2.0], &context(0), &mut out);
    assert_eq!(out, [Verdict { holds: Some(true), missing: None, fault: None }]);
    conditions.when(Projected::All, &[2.0], &context(0), &mut out);
    assert_eq!(out[1].fault.as_ref().map(|f| f.message.as_str()), Some("not asked"));
}

#[test]
fn what_a_rule_reads_is_told_exactly_and_leaves_no_trace() {
    for (body, reads) in [
        ("return m.rps > 1", vec![2]),
        ("return m.cpu > 0.8 or m.rps > 1", vec![0]),
        ("return m.cpu < 0.8 or m.rps > 1", vec![0, 2]),
        ("return m[('RPS'):lower()] + m.rps > m.cpu", vec![2, 0]),
        // What has no value gives no sample.
        ("return m.has('rps') and not m.has('p95')", vec![2]),
        ("for name in m do return name == 'cpu' end return false", vec![0]),
        ("print(m.cpu) return ctx.now == 1 and ctx.replicas == 3", vec![0]),
        ("return ctx.replicas == 3", vec![]),
    ] {
        let text = format!("policy 'p' {{ scale_in = {{ {{ when = function(m, ctx)\n{body}\nend }} }} }}");
        let loaded = loaded(&text);
        let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        let values: Vec<f64> = METRICS.iter().map(|(_, value)| *value).collect();
        let conditions = loaded.bind(&policy(&loaded, &names));
        let mut before = Vec::new();
        conditions.when(Projected::All, &values, &context(1_000), &mut before);
        let printed = conditions.printed();
        for _ in 0..2 {
            assert_eq!(conditions.reads(0, &values, &context(1_000)), Some(reads.clone()), "{body}");
        }
        assert_eq!(conditions.reads(1, &values, &context(1_000)), None, "there is one rule");
        assert_eq!(conditions.printed(), Vec::<String>::new(), "{body}");
        let mut after = Vec::new();
        conditions.when(Projected::All, &values, &context(1_000), &mut after);
        assert_eq!((before[0].holds, &before), (Some(true), &after), "{body}");
        assert_eq!(conditions.printed(), printed);
    }
}
