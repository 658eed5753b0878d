//! `drift`: what git has, what was applied and what is live, held against each other.

use super::{Site, policy};

#[test]
fn drift_tells_git_applied_and_live_apart_and_writes_nothing() {
    let site = Site::new();
    let ran = site.run(&["drift", "--detailed-exitcode"]).expect(2);
    ran.says("2 pending");
    assert!(!site.0.path().join("live").exists(), "drift made something");
    site.run(&["apply"]).expect(0);
    site.run(&["drift", "--detailed-exitcode"]).expect(0).says("2 in sync");
    site.0.write("live/current/web/web.lua", policy("web", 11).as_bytes());
    site.0.write("live/current/notes.txt", b"mine");
    site.0.write("live/left.txt", b"mine");
    let ran = site.run(&["drift", "--detailed-exitcode"]).expect(2);
    ran.says("drifted   web")
        .says("somebody else changed it")
        .says("1 drifted, 1 in sync")
        .says("current/notes.txt")
        .says("left.txt");
    site.change("web.lua", &policy("web", 12));
    site.run(&["drift", "--detailed-exitcode"]).expect(2).says("conflict  web");
    site.run(&["drift"]).expect(0);
    let json = site.run(&["drift", "--format", "json"]).expect(0).json();
    assert_eq!(json["policies"][0]["state"], "conflict");
    assert_eq!(json["differs"], true);
    std::fs::remove_dir_all(site.0.path().join("live/current/api")).unwrap();
    site.run(&["drift"]).expect(0).says("drifted   api").says("nothing is live");
}

#[test]
fn drift_says_which_fields_differ_and_from_what_to_what() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    let first =
        |site: &Site| site.run(&["drift", "--format", "json"]).expect(0).json()["policies"][0].clone();
    // Git is ahead: what is to come.
    site.change("web.lua", &policy("web", 30));
    site.run(&["drift"]).expect(0).says("from live to in git:").says("replicas.max  10 → 30");
    let told = first(&site);
    assert_eq!((&told["state"], &told["difference"]["from"]), (&"pending".into(), &"live".into()));
    assert_eq!(told["difference"]["changes"][0]["field"], "replicas.max");
    assert_eq!(told["difference"]["changes"][0]["before"], "10");
    assert_eq!(told["difference"]["changes"][0]["after"], "30");
    // Somebody changed it besides: what they did to what was applied, whatever git has now.
    site.0.write("live/current/web/web.lua", policy("web", 11).as_bytes());
    let ran = site.run(&["drift"]).expect(0);
    ran.says("conflict  web").says("from applied to live:").says("replicas.max  10 → 11");
    // And where git has not changed.
    site.0.write("live/current/web/web.lua", policy("web", 10).as_bytes());
    site.run(&["apply"]).expect(0);
    site.0.write("live/current/web/lib/shared.lua", b"return { cpu = 0.9 }\n");
    let ran = site.run(&["drift"]).expect(0);
    ran.says("drifted   web").says("from applied to live:").says("track.cpu  0.6 → 0.9").says("tightens");
    let told = first(&site);
    assert_eq!(told["difference"]["to"], "live");
    assert_eq!(told["difference"]["changes"][0]["classes"][0], "availability");
    // Another way to write it is said to be that.
    site.0.write("live/current/web/lib/shared.lua", b"-- by hand\nreturn { cpu = 0.6 }\n");
    site.run(&["drift"]).expect(0).says("drifted   web").says("no change of meaning");
    assert_eq!(first(&site)["difference"]["changes"], serde_json::json!([]));
    // What does not load has no fields.
    site.0.write("live/current/web/lib/shared.lua", b"return {");
    site.run(&["drift"]).expect(0).says("what is live does not load, so its fields are not told");
    let told = first(&site);
    assert_eq!(told["difference"]["unloaded"], "live");
    assert_eq!(told["difference"]["changes"], serde_json::Value::Null);
    std::fs::remove_dir_all(site.0.path().join("live/current/web")).unwrap();
    assert_eq!(first(&site)["difference"], serde_json::Value::Null);
}

#[cfg(unix)]
#[test]
fn a_policy_that_was_replaced_by_something_else_has_drifted() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    let live = site.0.path().join("live/current");
    let away = site.0.path().join("live/away");
    let drifted = |why: &str| {
        let ran = site.run(&["drift", "--detailed-exitcode"]).expect(2);
        ran.says("drifted   web").says("1 drifted, 1 in sync").says(why);
        assert_eq!(
            site.run(&["drift", "--format", "json"]).json()["policies"][0]["difference"]["changes"],
            serde_json::Value::Null
        );
    };
    // The same files, but elsewhere, where anybody may change them.
    std::fs::rename(live.join("web"), &away).unwrap();
    symlink(&away, live.join("web")).unwrap();
    drifted("unreadable: its folder is a link");
    std::fs::remove_file(live.join("web")).unwrap();
    std::fs::write(live.join("web"), "").unwrap();
    drifted("unreadable: its folder is no folder any more");
    std::fs::remove_file(live.join("web")).unwrap();
    symlink("nowhere", live.join("web")).unwrap();
    drifted("unreadable: its folder is a link");
    std::fs::remove_file(live.join("web")).unwrap();
    std::fs::rename(&away, live.join("web")).unwrap();
    for part in ["web.lua", "lib", "lib/shared.lua", ".policy.json"] {
        std::fs::rename(live.join("web").join(part), &away).unwrap();
        symlink(&away, live.join("web").join(part)).unwrap();
        drifted(&format!("unreadable: {part} is no regular file"));
        std::fs::remove_file(live.join("web").join(part)).unwrap();
        std::fs::rename(&away, live.join("web").join(part)).unwrap();
    }
    site.run(&["drift", "--detailed-exitcode"]).expect(0).says("2 in sync");
    // Another policy's apply takes it along as it is, and the next one of its own mends it.
    std::fs::rename(live.join("web"), &away).unwrap();
    symlink(&away, live.join("web")).unwrap();
    site.run(&["apply"]).expect(0).says("~ update  web");
    assert!(!std::fs::symlink_metadata(live.join("web")).unwrap().is_symlink());
    site.run(&["drift", "--detailed-exitcode"]).expect(0).says("2 in sync");
}

#[cfg(unix)]
#[test]
fn a_generation_behind_a_link_is_none() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &policy("web", 20));
    site.run(&["apply"]).expect(0);
    let live = site.0.path().join("live");
    let folder = live.join(std::fs::read_link(live.join("current")).unwrap());
    std::fs::rename(&folder, live.join("away")).unwrap();
    std::os::unix::fs::symlink(live.join("away"), &folder).unwrap();
    let ran = site.run(&["drift"]).expect(3);
    ran.says("which is no folder with a manifest any more").says("luascale rollback --to N");
    site.run(&["rollback", "--to", "1"]).expect(0);
    assert_eq!(site.max("web"), Some(10));
}
