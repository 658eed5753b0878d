//! Runs the binary as its user does, in a scrubbed environment.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A folder with the files of one test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with files, by relative path and content.
    pub fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (path, text) in files {
            folder.write(path, text.as_bytes());
        }
        folder
    }

    /// Writes a file, making the folders above it.
    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A command that runs in it.
    pub fn luascale(&self, args: &[&str]) -> Ran {
        self.luascale_with(args, &[])
    }

    /// A command that runs in it, with an environment.
    pub fn luascale_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        run(self.command(args, env), Duration::from_secs(120))
    }

    /// Runs git in it as somebody, without any configuration; what it printed.
    pub fn git(&self, who: &str, args: &[&str]) -> String {
        let mail = format!("{}@example.com", if who.len() < 20 { who } else { "somebody" });
        let output = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_AUTHOR_NAME", who)
            .env("GIT_AUTHOR_EMAIL", &mail)
            .env("GIT_COMMITTER_NAME", who)
            .env("GIT_COMMITTER_EMAIL", &mail)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits all that is there; the commit's identifier.
    pub fn commit(&self, who: &str, message: &str) -> String {
        self.git(who, &["add", "-A"]);
        self.git(who, &["commit", "-q", "-m", message]);
        self.git(who, &["rev-parse", "HEAD"])
    }

    /// A command, not yet started.
    pub fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_luascale"));
        command.args(args).current_dir(self.path()).env_clear().envs(env.iter().copied());
        command
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status; -1 where a signal ended it.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it printed beside that.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Asserts the status, showing what was printed where it differs.
    #[track_caller]
    pub fn expect(self, status: i32) -> Ran {
        assert!(
            self.status == status,
            "status {} instead of {status}\n{}\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that a part was printed, on either stream.
    #[track_caller]
    pub fn says(&self, part: &str) -> &Ran {
        let said = self.stdout.contains(part) || self.stderr.contains(part);
        assert!(said, "{part:?} is not in\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.stdout, self.stderr))
    }
}

/// Runs a command to its end under a watchdog.
pub fn run(mut command: Command, watchdog: Duration) -> Ran {
    command.stdin(Stdio::null());
    run_with_input(command, watchdog)
}

/// Runs a command, with the standard input that it has, to its end under a watchdog.
pub fn run_with_input(mut command: Command, watchdog: Duration) -> Ran {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let read = |mut from: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(Box::new(child.stdout.take().unwrap()));
    let stderr = read(Box::new(child.stderr.take().unwrap()));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code().unwrap_or(-1);
        }
        if begun.elapsed() > watchdog {
            let _ = child.kill();
            panic!("still running after {watchdog:?}: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = begun.elapsed();
    Ran { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), took }
}
