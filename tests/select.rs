//! What is told of a selection is what is told of everything, less what was not selected: rules that
//! are not wanted do not look, and nothing else may follow from that.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use luascale::config;
use luascale::lint::examples::{Example, examples, unmarked};
use luascale::lint::rules::RULES;
use luascale::lint::{Assumptions, Checked, Group, Review, Settings, Wanted, review};
use luascale::lua::Limits;
use luascale::program::Entry;
use luascale::text::Source;
use luascale::worker::{CheckRequest, LoadRequest, check};
use std::path::Path;
use std::sync::Arc;

/// The Lua files of a folder and its luascale.yaml, by their names in it.
fn folder(name: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policies").join(name);
    let mut files = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "lua" || e == "yaml") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.push(Source::new(name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(files.len() > 10, "{name}");
    files
}

/// The Lua examples of all rules' pages, each a folder of its own.
fn pages() -> Vec<Vec<Source>> {
    let others = [("yaml", "luascale.yaml")];
    let mut all = Vec::new();
    for page in RULES.iter().filter_map(|rule| rule.page()) {
        for blocks in [&page.bad, &page.good] {
            let known: Vec<_> = blocks
                .iter()
                .filter(|b| b.language.starts_with("lua") || b.language == "yaml")
                .cloned()
                .collect();
            let (found, _) = examples(&known, &others).unwrap();
            all.extend(found.into_iter().map(|Example { files, .. }| {
                files.into_iter().map(|(name, text)| Source::new(name, unmarked(&text).0)).collect()
            }));
        }
    }
    assert!(all.len() > 200, "{}", all.len());
    all
}

/// What comes of the files where only some rules look.
fn looked(files: &[Source], wanted: &Wanted) -> Vec<Checked> {
    let configured = files.iter().find(|f| &*f.name == "luascale.yaml").map(|f| (config::parse(f).0, f));
    let modules = |name: &str| {
        let path = format!("{}.lua", name.replace('.', "/"));
        files.iter().find(|f| *f.name == *path).cloned().ok_or_else(|| format!("there is no {path}"))
    };
    let shelf = check::Shelf::default();
    let checked = files.iter().filter(|file| file.name.ends_with(".lua")).map(|file| {
        let entry = configured.as_ref().and_then(|(config, source)| {
            let found = config.policy(&file.name)?;
            let (table, node) = (found.table.clone(), found.node.clone());
            Some(Entry { source: (*source).clone(), table, node })
        });
        let limits = Limits { load_ms: 20_000, ..Limits::default() };
        let load = LoadRequest { source: file.clone(), entry, catalogue: Vec::new(), limits };
        let request = CheckRequest {
            load,
            assumptions: Assumptions::default(),
            wanted: wanted.clone(),
            rules: Vec::new(),
        };
        check::load(&request, &Found(&modules), Arc::new(|| 0), &shelf).0
    });
    checked.collect()
}

/// What is told of it by settings.
fn told(files: &[Checked], settings: &Settings) -> Review {
    let group = Group { files, settings, configs: Vec::new(), whole: true };
    review(&[group], "2026-11-25".parse().unwrap())
}

struct Found<'a>(&'a dyn Fn(&str) -> Result<Source, String>);

impl luascale::lua::Modules for Found<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        (self.0)(name)
    }
}

/// Selections: each family, some rules alone, and some left out.
fn selections() -> Vec<Settings> {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let of = |select: &[&str], ignore: &[&str]| Settings {
        select: owned(select),
        ignore: owned(ignore),
        ..Settings::default()
    };
    let mut families: Vec<&str> =
        RULES.iter().filter_map(|rule| rule.page()).flat_map(|page| page.tags.iter().copied()).collect();
    families.sort_unstable();
    families.dedup();
    let mut all: Vec<Settings> = families.iter().map(|family| of(&[family], &[])).collect();
    all.push(of(&["unused-suppression", "never-fires"], &[]));
    all.push(of(&["unused-local", "same-target"], &[]));
    all.push(of(&["query-unit", "duplicate-key"], &[]));
    all.push(of(&[], &["language", "promql"]));
    all.push(of(&["language"], &["unused-local"]));
    all
}

#[test]
fn a_selection_tells_what_everything_tells_less_what_was_not_selected() {
    let mut sets = pages();
    sets.push(folder("clean"));
    sets.push(folder("faulty"));
    // Allowances that are used, that are not, and that are about a rule that was not selected.
    let allowing = "-- luascale: allow-file(unused-local): generated\n\
        local unused = 1\n\
        -- luascale: allow(never-fires): the gateway caps it\n\
        policy \"w\" { target = kubernetes.deployment { namespace = \"a\", name = \"b\" }, replicas = { min = 1, max = 4 },\n\
        metrics = { cpu = prometheus { query = \"sum(rate(c[5m]))\", unit = \"ratio\", per = \"replica\" } },\n\
        scale_out = { { when = function(m) return m.cpu > 80 end, add = 1 } } } -- luascale: allow(empty-loop): none\n";
    sets.push(vec![Source::new("allowing.lua", allowing)]);
    let mut different = 0;
    let selections = selections();
    for (at, files) in sets.iter().enumerate() {
        let all = looked(files, &Wanted::all());
        // Pages take turns with the selections; a corpus takes all of them.
        let few = if files.len() < 10 { 5 } else { selections.len() };
        for settings in selections.iter().cycle().skip(at * few).take(few) {
            let whole = told(&all, settings);
            let selected = told(&looked(files, &Wanted::by([settings])), settings);
            different += whole.told.len() + whole.suppressed.len();
            let names: Vec<&str> = files.iter().map(|f| &*f.name).collect();
            assert_eq!(selected, whole, "{names:?} {:?} {:?}", settings.select, settings.ignore);
        }
    }
    assert!(different > 500, "{different}");
}

#[test]
fn rules_that_are_not_wanted_do_not_look() {
    let settings = Settings { select: vec!["language".into()], ..Settings::default() };
    let wanted = Wanted::by([&settings]);
    let tags: Vec<&str> =
        wanted.rules().filter_map(|rule| rule.page()).flat_map(|page| page.tags.iter().copied()).collect();
    assert!(tags.contains(&"language") && !tags.contains(&"dynamics"), "{tags:?}");
    assert_eq!(Wanted::all().rules().count(), RULES.len());
}
