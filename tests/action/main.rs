//! The action of GitHub: its scripts as they are, the whole of it run by act, and everything that GitHub reads held
//! against what reads it. `scripts/test` installs act, zizmor, check-jsonschema and GitHub's parser.

#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

#[path = "../forge/contract.rs"]
mod contract;
#[path = "../support/github/mod.rs"]
mod github;
#[path = "../support/mod.rs"]
mod support;

mod events;
mod hostile;
mod install;
mod review;
mod server;
mod validators;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A program that `scripts/test` installs.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(ROOT).join(".tools/python/bin").join(name);
    assert!(path.is_file(), "{name} is not there: scripts/test installs it");
    path
}

/// Whether a command ended well, and all that it said.
fn run(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}
