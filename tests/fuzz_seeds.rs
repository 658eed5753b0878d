//! Replays the committed inputs of the fuzz targets (`fuzz/seeds`) through the same functions: what
//! once broke something stays fixed. The targets themselves need libFuzzer and run by hand.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "a test that reads the repository")]

#[path = "../fuzz/src/lib.rs"]
#[expect(clippy::expect_used, reason = "a target ends on what must not be")]
mod entry;

use std::path::{Path, PathBuf};

#[expect(clippy::panic, reason = "a test")]
fn listed(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_holds() {
    for (name, run) in entry::TARGETS {
        let seeds = listed(&format!("seeds/{name}"));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let bytes = std::fs::read(&seed).unwrap();
            // The name of the seed, where it does not hold.
            if let Err(why) = std::panic::catch_unwind(|| run(&bytes)) {
                eprintln!("seed: {}", seed.display());
                std::panic::resume_unwind(why);
            }
        }
    }
}

#[test]
fn every_target_is_one_of_cargo_fuzz() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let names: Vec<&str> = entry::TARGETS.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted());
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(listed("fuzz_targets").iter().map(stem).collect::<Vec<_>>(), names);
    assert_eq!(listed("seeds").iter().map(stem).collect::<Vec<_>>(), names);
    for (name, path) in names.iter().zip(listed("fuzz_targets")) {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is missing in fuzz/Cargo.toml");
        assert!(
            std::fs::read_to_string(path).unwrap().contains(&format!("luascale_fuzz::{name}(")),
            "{name}"
        );
    }
}
