//! Reviews on a forge: the client against a stateful fake of GitHub, with its limits and faults,
//! and every request that a test sends against GitHub's own description of its API.
#![cfg(feature = "forge")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod client;
mod comment;
mod contract;
mod gitlab;
mod hostile;
mod perform;
mod proof;
mod review;
mod site;
mod story;
mod world;

#[path = "../support/github/mod.rs"]
mod github;
#[path = "../support/mod.rs"]
mod support;
