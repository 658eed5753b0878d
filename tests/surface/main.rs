//! What holds for every command alike: where it writes, what it prints, what its JSON looks like.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests of files and processes")]

mod names;
#[cfg(unix)]
mod outputs;
mod schemas;
#[path = "../support/mod.rs"]
mod support;

use support::Folder;

/// A policy that scales on one metric.
fn policy(name: &str, max: u32) -> String {
    format!(
        "policy \"{name}\" {{\n  replicas = {{ min = 1, max = {max} }},\n  \
         target = kubernetes.deployment {{ namespace = \"shop\", name = \"web\" }},\n  \
         metrics = {{ cpu = prometheus {{ query = \"cpu\", unit = \"ratio\", per = \"replica\" }} }},\n  \
         track = {{ cpu = 0.6 }},\n}}\n"
    )
}

/// Twenty minutes of one metric, which rises at the half of it.
fn samples(metric: &str) -> String {
    let rows = (0..20).map(|minute| {
        let value = if minute < 10 { 0.5 } else { 1.5 };
        format!("2026-01-01T00:{minute:02}:00Z,{value}\n")
    });
    format!("time,{metric}\n{}", rows.collect::<String>())
}

/// A repository with one policy, its recording, and two commits that changed it.
fn site() -> Folder {
    let site = Folder::with(&[
        ("luascale.yaml", "apply: { directory: { path: live/ } }\nsamples: { web: [ cpu.csv ] }\n"),
        (".gitignore", "/live/\n/out/\n"),
        ("web.lua", &policy("web", 10)),
        ("cpu.csv", &samples("cpu")),
    ]);
    site.git("ann", &["init", "-q", "-b", "main"]);
    site.commit("ann", "begin");
    site.write("web.lua", policy("web", 20).as_bytes());
    site.commit("ann", "more");
    site
}
