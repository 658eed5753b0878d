//! Kills, signals, two at once, full disks, targets that cannot be written.

use super::support::{self, Ran};
use super::{Site, policy};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn an_apply_that_was_killed_is_finished_by_the_next() {
    let mut seen = (0, 0);
    for step in (4..120).step_by(9) {
        let site = Site::new();
        site.run(&["apply"]).expect(0);
        site.change("lib/shared.lua", "return { cpu = 0.7 }\n");
        let ran = site.faulty(&["apply"], &format!("kill:{step}"));
        if ran.status == 0 {
            break;
        }
        assert_eq!(ran.status, -1, "{}", ran.stderr);
        let live = (site.live("web/lib/shared.lua"), site.live("api/lib/shared.lua"));
        assert_eq!(live.0, live.1, "step {step}: a mix");
        if live.0.contains("0.6") {
            seen.0 += 1
        } else {
            seen.1 += 1
        }
        site.run(&["ledger", "verify"]).expect(0);
        site.run(&["apply"]).expect(0);
        assert_eq!(site.live("web/lib/shared.lua"), "return { cpu = 0.7 }\n");
        assert_eq!(site.live("api/lib/shared.lua"), "return { cpu = 0.7 }\n");
        assert_eq!(site.generation(), 2);
        site.ledger_is_whole(2);
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}

#[test]
fn a_killed_apply_is_shown_can_be_given_up_and_is_then_drift() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &policy("web", 20));
    let ran = site.faulty(&["apply"], "kill:25");
    assert_eq!(ran.status, -1);
    let note = site.run(&["drift"]).expect(0);
    note.says("did not come to its end");
    let id = note.stderr.split("the run ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    site.run(&["unlock", "--id", "nobody"]).expect(64).says("no lock has the id nobody").says(&id);
    site.run(&["unlock", "--id", &id, "--abandon"]).expect(0).says("gave up");
    assert_eq!(site.max("web"), Some(10));
    site.run(&["drift"]).expect(0).says("1 pending");
    site.run(&["apply"]).expect(0).says("generation 2");
    site.run(&["ledger", "show"]).expect(0).says("abandon").says("unlock");
    site.run(&["ledger", "verify"]).expect(0);
}

#[test]
fn two_at_once_are_one_after_the_other_or_one_is_refused() {
    let site = Site::new();
    let start = |wait: &str| {
        let mut command =
            site.0.command(&["apply", "--lock-timeout", wait], &[("LUASCALE_TEST_FAULT", "slow:15")]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let held = || site.0.read("live/.locks/lock.json").contains("\"id\"");
    for waits in [true, false] {
        let first = start("0s");
        while !site.0.path().join("live/.locks/lock.json").exists() || !held() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let second = start(if waits { "60s" } else { "0s" }).wait_with_output().unwrap();
        let first = first.wait_with_output().unwrap();
        let said =
            String::from_utf8_lossy(&second.stderr).into_owned() + &String::from_utf8_lossy(&second.stdout);
        assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
        if waits {
            assert!(second.status.success() && said.contains("already applied"), "{said}");
        } else {
            assert_eq!(second.status.code(), Some(3), "{said}");
            assert!(said.contains("another apply is at work") && said.contains("--lock-timeout"), "{said}");
        }
        if waits {
            site.change("lib/shared.lua", "return { cpu = 0.7 }\n");
        }
    }
    site.ledger_is_whole(2);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_between_two_operations_and_gives_the_lock_back() {
    let site = Site::new();
    let mut command = site.0.command(&["apply"], &[("LUASCALE_TEST_FAULT", "slow:25")]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !site.0.path().join("live/journal.json").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("as a signal asked; the lock was given back"), "{said}");
    assert!(site.0.read("live/.locks/lock.json").contains("\"lock\": null"));
    assert!(!site.0.path().join("live/current").exists());
    site.run(&["apply"])
        .expect(0)
        .says("did not come to its end; finishing it first")
        .says("already applied");
    assert_eq!(site.generation(), 1);
    site.ledger_is_whole(1);
}

#[cfg(unix)]
#[test]
fn a_limit_of_the_system_on_the_size_of_files_is_survived() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &(policy("web", 20) + &"-- much\n".repeat(4000)));
    // As a full disk would: the kernel refuses to write on. Units of 512 or 1024 bytes.
    let limited = format!("trap '' XFSZ; ulimit -f 16; exec {} apply", env!("CARGO_BIN_EXE_luascale"));
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).current_dir(site.0.path()).env_clear();
    let ran = support::run(command, Duration::from_secs(60)).expect(3);
    ran.says("cannot write").says("larger than this process may write");
    assert_eq!((site.max("web"), site.generation()), (Some(10), 1));
    site.run(&["apply"]).expect(0);
    assert_eq!((site.max("web"), site.generation()), (Some(20), 2));
    site.ledger_is_whole(2);
}

/// As the one who runs the tests, or as nobody where that is root, whom nothing is refused.
#[cfg(unix)]
fn as_nobody(site: &Site, args: &[&str]) -> Ran {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;
    if tempfile::tempdir().unwrap().path().metadata().unwrap().uid() != 0 {
        return site.run(args);
    }
    fn give(path: &Path) {
        std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
        if path.is_dir() && !path.is_symlink() {
            std::fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
        }
    }
    give(site.0.path());
    chown(site.0.path(), Some(65534), Some(65534)).unwrap();
    let own = tempfile::tempdir().unwrap();
    let binary = own.path().join("luascale");
    std::fs::copy(env!("CARGO_BIN_EXE_luascale"), &binary).unwrap();
    chown(own.path(), Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(&binary);
    command.args(args).current_dir(site.0.path()).env_clear().uid(65534).gid(65534);
    support::run(command, Duration::from_secs(60))
}

#[cfg(unix)]
#[test]
fn a_target_that_cannot_be_written_is_said_so_and_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &policy("web", 20));
    fn all(path: &Path, folders: u32) {
        if path.is_symlink() {
            return;
        }
        if path.is_dir() {
            std::fs::read_dir(path).unwrap().for_each(|entry| all(&entry.unwrap().path(), folders));
        }
        let mode = if path.is_dir() { folders } else { folders & 0o666 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let live = site.0.path().join("live");
    all(&live, 0o555);
    as_nobody(&site, &["apply"]).expect(3).says("permission denied");
    as_nobody(&site, &["drift"]).expect(0).says("pending");
    assert_eq!((site.max("web"), site.generation()), (Some(10), 1));
    all(&live, 0o755);
    as_nobody(&site, &["apply"]).expect(0).says("generation 2");
    assert_eq!(site.max("web"), Some(20));
}
