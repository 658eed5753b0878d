//! The fake GitHub of the tests as a process of its own, for what is not written in Rust.
//!
//! ```sh
//! cargo build --all-features --example fake-github
//! target/debug/examples/fake-github 4013 state.json
//! ```
//!
//! It listens on 127.0.0.1 at the port (0: any that is free) and prints its address. Where the file
//! is there what it holds is read from it, and it is written after every write. While it runs,
//! `GET /_fake/state` gives what it holds and `PUT /_fake/state` puts something else in its place.
//! The API is below `/`, and below `/api/v3` and `/api/graphql` as on a server of one's own.
//!
//! What the file holds is `Store` of `tests/support/github/store.rs`:
//!
//! ```json
//! {
//!   "tokens": { "t": { "login": "github-actions[bot]", "app": { "id": 15368, "slug": "github-actions" },
//!     "permissions": { "contents": "read", "pull_requests": "write", "checks": "write" } } },
//!   "repositories": { "o/r": { "id": 1, "default_branch": "main", "pulls": { "7": { "number": 7,
//!     "author": "dev", "head": { "branch": "topic", "sha": "…", "repository": "o/r" },
//!     "base": { "branch": "main", "sha": "…", "repository": "o/r" },
//!     "files": [{ "path": "web.lua", "status": "modified", "patch": "@@ -1 +1 @@\n-a\n+b" }] } } } }
//! }
//! ```
//!
//! `fake-github --files REPOSITORY BASE HEAD` prints the `files` of a pull request between two
//! commits of a repository on disk.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

#[path = "../support/github/mod.rs"]
mod github;

use std::path::PathBuf;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder, base, head] = words.as_slice()
        && flag == "--files"
    {
        let files = github::store::files(folder.as_ref(), base, head);
        println!("{}", serde_json::to_string_pretty(&files).unwrap());
        return;
    }
    let port = words.first().expect("the port, 0 for any").parse().expect("the port is a number");
    let file = words.get(1).map(PathBuf::from);
    let store = match file.as_deref().filter(|file| file.exists()) {
        Some(file) => serde_json::from_slice(&std::fs::read(file).unwrap()).expect("the state is no state"),
        None => github::store::Store::default(),
    };
    let fake = github::Fake::listen(store, port, file);
    println!("{}", fake.address);
    loop {
        std::thread::park();
    }
}
