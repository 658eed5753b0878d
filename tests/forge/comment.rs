//! The comment as people see it: rendered, with its charts drawn by mermaid itself, in a browser.
//!
//! Needs Node.js, what `npm ci` puts into tests/browser, and Chromium (`CHROMIUM` names it);
//! scripts/test installs them. Where one is missing it is said, and it is a failure where `CI=true`.

use crate::site::{Site, policy};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The script and the browser; none where one is missing.
fn browser() -> Option<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let node = Command::new("node").arg("--version").output().is_ok_and(|out| out.status.success());
    let chromium = std::env::var("CHROMIUM").ok().filter(|path| Path::new(path).exists());
    if !node || chromium.is_none() || !folder.join("node_modules/mermaid").exists() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "what draws the comment is missing: run scripts/test"
        );
        println!(
            "skipped: the comment in a browser: Node.js, npm ci in tests/browser or CHROMIUM is missing"
        );
        return None;
    }
    Some((folder.join("comment.mjs"), chromium?))
}

#[test]
fn the_comment_is_drawn_as_it_is_meant() {
    let Some((script, chromium)) = browser() else { return };
    let before = policy("web", 4, "");
    let site = Site::new(&[("web.lua", &before)], &[("web.lua", &before.replace("max = 4", "max = 90"))]);
    site.review(&[]).expect(0);
    let body = site.pull().said()[0].to_owned();
    assert!(body.contains("```mermaid"), "{body}");
    let file = site.folder.write("comment.md", body.as_bytes());
    let drawn = Command::new("node").arg(script).arg(&file).env("CHROMIUM", chromium).output().unwrap();
    assert!(
        drawn.status.success(),
        "{}{}",
        String::from_utf8_lossy(&drawn.stdout),
        String::from_utf8_lossy(&drawn.stderr)
    );
}
