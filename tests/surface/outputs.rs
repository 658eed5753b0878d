//! Nothing is written through a link that a commit put into the work tree.

use super::support::Folder;
use super::{policy, site};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\nspec:\n  \
    scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }\n  minReplicas: 1\n  maxReplicas: 10\n  \
    metrics:\n    - type: Resource\n      resource: { name: cpu, target: { type: Utilization, averageUtilization: 60 } }\n";

const TEST: &str = "start: 2026-01-01T00:00:00Z\ninterval: 1m\nseries: { cpu: \"1x5\" }\nexpect: [ { at: 2m, replicas: 1 } ]\n";

/// Every command that writes where it is told to, as it is run on [`site`].
const WRITERS: [&[&str]; 13] = [
    &["plan", "-o"],
    &["diff", "HEAD~1..HEAD", "-o"],
    &["diff", "HEAD~1..HEAD", "--format", "html", "-o"],
    &["log", "web", "-o"],
    &["dry-run", "web.lua", "--samples", "cpu.csv", "-o"],
    &["dry-run", "web.lua", "--samples", "cpu.csv", "--format", "csv", "-o"],
    &["test", "web.lua", "--samples", "test.yaml", "-o"],
    &["test", "web.lua", "--samples", "test.yaml", "--format", "junit", "-o"],
    &["check", "web.lua", "--format", "sarif", "-o"],
    &["export", "web", "--to", "hpa", "-o"],
    &["import", "hpa.yaml", "-o"],
    &["ci", "--output-dir"],
    &["check", "web.lua", "--update-baseline", "--baseline"],
];

#[test]
fn an_output_is_not_written_through_a_link_of_the_work_tree() {
    let site = site();
    site.write("hpa.yaml", HPA.as_bytes());
    site.write("test.yaml", TEST.as_bytes());
    let own = tempfile::tempdir().unwrap();
    std::fs::create_dir(own.path().join("folder")).unwrap();
    std::fs::write(own.path().join("file"), "mine\n").unwrap();
    let at = |name: &str| site.path().join(name);
    symlink(own.path().join("file"), at("file")).unwrap();
    symlink(own.path().join("folder"), at("folder")).unwrap();
    symlink(own.path().join("new"), at("new")).unwrap();
    site.commit("eve", "a little help");
    for writer in WRITERS {
        for through in ["file", "folder/x", "new", "./folder/../folder/x"] {
            let ran = site.luascale(&[writer, &[through]].concat()).expect(64);
            ran.says("is a link in a work tree, and nothing is written through one");
        }
        // What somebody's own file system has is theirs.
        let ways = own.path().join("way");
        let _ = std::fs::remove_file(&ways);
        symlink("landed", &ways).unwrap();
        let ran = site.luascale(&[writer, &[ways.to_str().unwrap()]].concat());
        assert!(ran.status <= 1, "{writer:?}: {}", ran.stderr);
        let landed = own.path().join("landed");
        match writer[0] == "ci" {
            // A folder is made where the link leads.
            true => std::fs::remove_dir_all(landed).unwrap(),
            false => std::fs::remove_file(landed).unwrap(),
        }
    }
    assert_eq!(std::fs::read_to_string(own.path().join("file")).unwrap(), "mine\n");
    assert_eq!(std::fs::read_dir(own.path().join("folder")).unwrap().count(), 0);
    assert!(!own.path().join("new").exists());
}

#[test]
fn reports_in_a_folder_are_not_written_through_links_in_it() {
    let site = site();
    let own = tempfile::tempdir().unwrap();
    std::fs::write(own.path().join("file"), "mine\n").unwrap();
    std::fs::create_dir(site.path().join("reports")).unwrap();
    symlink(own.path().join("file"), site.path().join("reports/check.sarif")).unwrap();
    site.commit("eve", "a little help");
    site.luascale(&["ci", "--output-dir", "reports"]).expect(64).says("check.sarif is a link in a work tree");
    assert_eq!(std::fs::read_to_string(own.path().join("file")).unwrap(), "mine\n");
}

#[test]
fn a_signature_is_not_written_through_a_link_of_the_work_tree() {
    let site = site();
    let own = tempfile::tempdir().unwrap();
    let key = own.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "zoe", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    site.luascale(&["plan", "-o", "plan.json"]).expect(0);
    symlink(own.path(), site.path().join("plan.json.approvals")).unwrap();
    let approve = ["approve", "plan.json", "--key", key.to_str().unwrap()];
    site.luascale(&approve).expect(64).says("plan.json.approvals is a link in a work tree");
    assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 2, "the key and its other half");
    std::fs::remove_file(site.path().join("plan.json.approvals")).unwrap();
    site.luascale(&approve).expect(0).says("plan.json.approvals/");
}

#[test]
fn a_fix_is_not_written_through_a_link_beside_the_file() {
    let allowed = |rules: &str| format!("-- luascale: allow({rules}): generated\n{}", policy("web", 10));
    let site = Folder::with(&[("web.lua", &allowed("duplicate-kye, bad-name"))]);
    let own = tempfile::tempdir().unwrap();
    std::fs::write(own.path().join("file"), "mine\n").unwrap();
    for beside in ["web.lua.luascale-fix", ".web.lua.new"] {
        symlink(own.path().join("file"), site.path().join(beside)).unwrap();
    }
    site.luascale(&["check", "web.lua", "--fix"]);
    assert_ne!(site.read("web.lua"), allowed("duplicate-kye, bad-name"));
    assert_eq!(std::fs::read_to_string(own.path().join("file")).unwrap(), "mine\n");
}

#[test]
fn what_is_no_file_is_written_to_as_it_is() {
    let site = site();
    let to = |path: &Path| site.luascale(&["log", "web", "--format", "json", "-o", path.to_str().unwrap()]);
    let ran = to(Path::new("/dev/stdout")).expect(0);
    assert_eq!(ran.json()["policy"], "web");
    to(Path::new("/dev/null")).expect(0);
    to(site.path()).expect(3).says("it is a folder");
}
