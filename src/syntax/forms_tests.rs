//! What counts as the same code, and what does not. May import: `syntax`, `text`.

use super::*;
use crate::syntax::{Reading, parse_with};
use crate::text::Source;

/// The form of the first function whose text starts with a word.
fn form(text: &str, start: &str) -> Form {
    let source = Source::new("x.lua", text);
    let (_, found) = parse_with(&source, Reading::Whole, |tree| declarations(tree.block));
    let at = text.find(start).unwrap();
    // To the `end` that closes it: these texts have one function a line.
    let line = text[at..].lines().next().unwrap();
    let end = at + line.rfind("end").unwrap() + 3;
    Forms::new(text, found.unwrap(), &|name| name == "now").at(Span::new(at, end))
}

#[test]
fn ways_to_write_the_same_have_one_form() {
    let one = form("local f = function(m) return m.cpu > 0.80 end", "function(");
    for text in [
        "local f = function(metrics) return metrics.cpu > 0.8 end",
        "local f = function(m) --[[ hot ]] return  m.cpu>.8; end",
    ] {
        assert_eq!(form(text, "function(").code, one.code, "{text}");
    }
    let a = form("x = function() return { 'a', b = 1, } end", "function(");
    assert_eq!(a.code, form("x = function() return { \"a\", b = 1 } end", "function(").code);
}

#[test]
fn what_does_something_else_has_another_form() {
    let all = [
        "local f = function(m) return m.cpu > 0.8 end",
        "local f = function(m) return m.cpu > 0.9 end",
        "local f = function(m) return m.rps > 0.8 end",
        "local f = function(m) return { m = m } end",
        "local f = function(k) return { k = k } end",
        "local f = function(a, b) return a - b end",
        "local f = function(a, b) return b - a end",
        "local f = function(a) local b = a return b end",
        "local f = function(a) local b = a return a end",
    ];
    let forms: BTreeSet<String> = all.iter().map(|text| form(text, "function(").code).collect();
    assert_eq!(forms.len(), all.len());
}

#[test]
fn what_a_function_uses_counts_and_the_rest_of_the_file_does_not() {
    let text = |limit: &str, other: &str| {
        format!(
            "local limit = {limit}\nlocal other = {other}\nlocal function hot(v) return v > limit end\nlocal f = function(m) return hot(m.cpu) end\n"
        )
    };
    let code = |limit, other| form(&text(limit, other), "function(m").code;
    assert_eq!(code("0.8", "1"), code("0.80", "2"));
    assert_ne!(code("0.8", "1"), code("0.9", "1"));
    // What a loop holds is told by the whole file.
    let looped = |max| format!("for _, at in {{ {max} }} do\n f = function(m) return m.cpu > at end\nend");
    assert_ne!(form(&looped(1), "function(m").code, form(&looped(2), "function(m").code);
}

#[test]
fn hosts_and_secrets_are_found_where_they_are_used() {
    let text = "local url = 'https://hooks.example.com/x'\nlocal f = function(e, act) act.webhook { url = url, key = secret \"KEY\" } end";
    let form = form(text, "function(e");
    assert_eq!(form.hosts.into_iter().collect::<Vec<_>>(), ["hooks.example.com"]);
    assert_eq!(form.secrets.into_iter().collect::<Vec<_>>(), ["KEY"]);
    assert_eq!(host("\"http://u:p@a.b:80/c\"").as_deref(), Some("a.b:80"));
    assert_eq!(host("\"see ftp://x\""), None);
}

#[test]
fn names_of_locals_and_of_constants_do_not_count() {
    let code = |text: &str| form(text, "function(m").code;
    let plain = code("f = function(m) if m.cpu > 0.8 then return 1 end return 2 end");
    for text in [
        "local HOT = .8\nf = function(m) if m.cpu > HOT then return 1 end return 2 end",
        "local HOT: number = 0.8\nf = function(m) if m.cpu > HOT then return 1 end return 2 end",
    ] {
        assert_eq!(code(text), plain, "{text}");
    }
    let helper = |name: &str| {
        format!(
            "local function {name}(v) return v and {name}(v - 1) end\nf = function(m) return {name}(m.cpu) end"
        )
    };
    assert_eq!(code(&helper("hot")), code(&helper("is_hot")));
    let kept = |name: &str| format!("local {name} = {{ 1 }}\nf = function(m) return {name}[m.cpu] end");
    assert_eq!(code(&kept("steps")), code(&kept("sizes")));
}

#[test]
fn a_name_that_is_given_something_else_is_no_constant() {
    let code = |text: &str| form(text, "function(m").code;
    let all = [
        "local at = 0.8\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nat = 0.9\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nat += 0.1\nf = function(m) return m.cpu > at end",
        "local at, b = 0.8, 1\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nat, b = 0.9, 1\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nb, at = 0.9, 1\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nat, b[1] = 0.9, 1\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nif x then at = 1 end\nf = function(m) return m.cpu > at end",
        "local at = 0.8\nf = function(m, at) return m.cpu > at end",
        "local at = 0.8\nf = function(m) local at = 1 return m.cpu > at end",
    ];
    let forms: BTreeSet<String> = all.iter().map(|text| code(text)).collect();
    assert_eq!(forms.len(), all.len(), "{forms:#?}");
}

#[test]
fn a_local_that_hides_a_global_keeps_its_name() {
    let code = |text: &str| form(text, "function(m").code;
    let inner = |name: &str| format!("f = function(m) do local {name} = 1 end return {name} end");
    assert_ne!(code(&inner("now")), code(&inner("then_")));
    let top = |name: &str| format!("local {name} = {name}\nf = function(m) return {name} end");
    assert_ne!(code(&top("a")), code(&top("b")));
}

#[test]
fn what_fills_a_table_is_a_part_of_it() {
    let code = |text: &str| form(text, "function(m").code;
    let filled = |n: u32| {
        format!("local t = {{}}\nfor i = 1, {n} do t[i] = i end\nf = function(m) return t[m.cpu] end")
    };
    assert_ne!(code(&filled(1)), code(&filled(2)));
    let called =
        |n: u32| format!("local t = {{}}\ntable.insert(t, {n})\nf = function(m) return t[m.cpu] end");
    assert_ne!(code(&called(1)), code(&called(2)));
    let other = |n: u32| format!("local t = {{}}\nprint({n})\nf = function(m) return t[m.cpu] end");
    assert_eq!(code(&other(1)), code(&other(2)));
}

#[test]
fn a_whole_script_is_told_as_its_parts_are() {
    let whole = |text: &str| {
        let (_, found) =
            parse_with(&Source::new("x.lua", text), Reading::Whole, |tree| declarations(tree.block));
        Forms::new(text, found.unwrap(), &|name| name == "metrics").file().code
    };
    let plain = whole("if metrics.cpu > 0.8 then scale_out(1) end");
    assert_eq!(whole("local HOT = .8\nif metrics.cpu > HOT then scale_out(1) end"), plain);
    assert_ne!(whole("local HOT = .9\nif metrics.cpu > HOT then scale_out(1) end"), plain);
    let helper = |name: &str| format!("local function {name}() scale_out(1) end\n{name}()");
    assert_eq!(whole(&helper("grow")), whole(&helper("more")));
    assert_ne!(whole("local a, b = 1, 2 scale_out(a)"), whole("local a, b = 1, 2 scale_out(b)"));
    let hidden =
        |name: &str| format!("local {name} = {{ cpu = 1 }}\nif {name}.cpu > 0.8 then scale_out() end");
    assert_ne!(whole(&hidden("metrics")), whole(&hidden("values")));
}
