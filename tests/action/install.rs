//! Which luascale the action runs: nothing but what its own commit vouches for, and nothing of a checkout.

use super::server::Server;
use super::support::{Folder, Ran, run};
use super::world::executable;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FILE: &str = "luascale-v9.8.7-x86_64-unknown-linux-musl.tar.gz";
/// What the release does; it says so in the version, which the script prints.
const GENUINE: &str = "#!/bin/sh\necho 'luascale 9.8.7 genuine'\n";
const FORGED: &str = "#!/bin/sh\necho 'luascale 9.8.7 forged'\n";

/// A runner: its folders, and a checkout.
struct Runner(Folder);

impl Runner {
    fn new() -> Runner {
        let folder = Folder::with(&[("temp/.keep", ""), ("cache/.keep", ""), ("checkout/.keep", "")]);
        Runner(folder)
    }

    fn program(&self, path: &str, text: &str) -> String {
        let path = self.0.write(path, text.as_bytes());
        executable(&path);
        path.display().to_string()
    }

    /// An archive as a release has it, and its checksum.
    fn archive(&self, program: &str) -> (Vec<u8>, String) {
        self.program("made/luascale", program);
        let made = self.0.path().join("made");
        let archive = made.join("archive");
        let tar = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&made).arg("luascale").status();
        assert!(tar.unwrap().success());
        let sum = Command::new("sha256sum").arg(&archive).output().unwrap().stdout;
        (std::fs::read(&archive).unwrap(), String::from_utf8(sum).unwrap()[..64].to_owned())
    }

    /// Checksums as the commit of the action has them.
    fn checksums(&self, sum: &str) -> String {
        self.0.write("checksums.txt", format!("# releases\n{sum}  {FILE}\n").as_bytes()).display().to_string()
    }

    /// Runs the script; `path` comes first on the PATH.
    fn install(&self, path: &[&str], env: &[(&str, &str)]) -> Ran {
        let at = |name: &str| self.0.path().join(name).display().to_string();
        self.0.write("output", b"");
        let mut first: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        first.push(std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg(Path::new(super::ROOT).join("action/install.sh")).current_dir(at("checkout")).env_clear();
        command.env("PATH", first.join(":")).env("HOME", at("temp"));
        command.env("GITHUB_OUTPUT", at("output")).env("GITHUB_WORKSPACE", at("checkout"));
        command.env("RUNNER_TEMP", at("temp")).env("RUNNER_TOOL_CACHE", at("cache"));
        command.env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64").env("INPUT_TOKEN", "the-token");
        command.env("LUASCALE_REPOSITORY", "acme/luascale").envs(env.iter().copied());
        run(command, Duration::from_secs(60))
    }

    /// The program that is run in the end, from the output of the step.
    fn chosen(&self) -> Option<String> {
        let output = self.0.read("output");
        let mut lines = output.lines();
        let end = lines.next()?.strip_prefix("luascale<<")?.to_owned();
        let path = lines.next()?.to_owned();
        assert_eq!(lines.next(), Some(end.as_str()), "{output}");
        let said = Command::new(&path).arg("--version").output().unwrap().stdout;
        Some(String::from_utf8(said).unwrap().trim().to_owned())
    }
}

/// A server of releases, by path.
fn releases(files: &[(&str, &[u8])]) -> Server {
    Server::start(files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect())
}

const AT: &str = "/v9.8.7/luascale-v9.8.7-x86_64-unknown-linux-musl.tar.gz";

#[test]
fn a_release_is_installed_by_the_checksum_of_the_actions_commit_and_kept() {
    let runner = Runner::new();
    let (archive, sum) = runner.archive(GENUINE);
    let (server, sums) = (releases(&[(AT, &archive)]), runner.checksums(&sum));
    let env = [
        ("LUASCALE_RELEASES", server.url.as_str()),
        ("LUASCALE_CHECKSUMS", &sums),
        ("INPUT_VERSION", "9.8.7"),
    ];
    runner.install(&[], &env).expect(0).says("luascale 9.8.7 genuine");
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
    // A second job takes what is kept, also where it is asked for with a v.
    let again = [env[0], env[1], ("INPUT_VERSION", "v9.8.7")];
    runner.install(&[], &again).expect(0);
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
    // No token is sent to where releases are.
    assert!(!server.asked().concat().contains("the-token"));
}

#[test]
fn a_tampered_archive_is_refused_and_nothing_of_it_runs() {
    let runner = Runner::new();
    let (_, sum) = runner.archive(GENUINE);
    let (forged, other) = runner.archive(FORGED);
    let (server, sums) = (releases(&[(AT, &forged)]), runner.checksums(&sum));
    let env = [
        ("LUASCALE_RELEASES", server.url.as_str()),
        ("LUASCALE_CHECKSUMS", &sums),
        ("INPUT_VERSION", "9.8.7"),
    ];
    let ran = runner.install(&[], &env).expect(3);
    ran.says("::error title=luascale::").says("is not what was released").says(&sum).says(&other);
    assert_eq!(runner.chosen(), None);
    assert!(!runner.0.path().join("cache/luascale/9.8.7").exists(), "what is refused is not kept");
}

#[test]
fn what_another_job_left_in_the_cache_is_not_trusted() {
    let runner = Runner::new();
    let (archive, sum) = runner.archive(GENUINE);
    let (forged, _) = runner.archive(FORGED);
    runner.0.write(&format!("cache/luascale/9.8.7/{FILE}"), &forged);
    let (server, sums) = (releases(&[(AT, &archive)]), runner.checksums(&sum));
    let env = [
        ("LUASCALE_RELEASES", server.url.as_str()),
        ("LUASCALE_CHECKSUMS", &sums),
        ("INPUT_VERSION", "9.8.7"),
    ];
    runner.install(&[], &env).expect(0);
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
}

#[test]
fn a_version_that_is_not_there_is_named() {
    let runner = Runner::new();
    let (_, sum) = runner.archive(GENUINE);
    let (server, sums) = (releases(&[]), runner.checksums(&sum));
    let env = |version| {
        [
            ("LUASCALE_RELEASES", server.url.as_str()),
            ("LUASCALE_CHECKSUMS", sums.as_str()),
            ("INPUT_VERSION", version),
        ]
    };
    runner.install(&[], &env("9.9.9")).expect(3).says("there is no release v9.9.9 of acme/luascale");
    runner.install(&[], &env("9.8.7")).expect(3).says("release v9.8.7 cannot be fetched");
    // What is no version would be another path of the server.
    for version in
        ["../../../evil/luascale/releases/download/v1", "9.8.7/../x", "latest", "9.8.7\n9.8.8", "$(id)"]
    {
        let asked = server.asked().len();
        runner.install(&[], &env(version)).expect(64).says("which is none; write it as 0.1.0");
        assert_eq!(server.asked().len(), asked, "{version:?} reached the server");
    }
    assert_eq!(runner.chosen(), None);
}

#[test]
fn a_later_release_counts_where_github_says_who_built_it() {
    let runner = Runner::new();
    let (archive, sum) = runner.archive(GENUINE);
    let list = format!("{sum}  {FILE}\n");
    let server = releases(&[(AT, &archive), ("/v9.8.7/SHA256SUMS", list.as_bytes())]);
    // Stands in for GitHub's client: it tells what it was asked, and says what it is told to.
    let said = runner.0.path().join("gh.txt").display().to_string();
    let gh = |status: u8| format!("#!/bin/sh\nprintf '%s|' \"$@\" >>'{said}'\nexit {status}\n");
    runner.program("tools/gh", &gh(0));
    let tools = runner.0.path().join("tools").display().to_string();
    let env = [("LUASCALE_RELEASES", server.url.as_str()), ("INPUT_VERSION", "9.8.7")];
    runner.install(&[&tools], &env).expect(0);
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
    let asked = runner.0.read("gh.txt");
    for part in [
        "attestation|verify|",
        "/SHA256SUMS|--repo|acme/luascale|",
        "--signer-workflow|acme/luascale/.github/workflows/release.yml|",
        "--source-ref|refs/tags/v9.8.7|",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }

    // What nobody vouches for is not installed.
    let runner = Runner::new();
    runner.program("tools/gh", &gh(1));
    let tools = runner.0.path().join("tools").display().to_string();
    runner.install(&[&tools], &env).expect(3).says("do not come from the release workflow of acme/luascale");
    assert_eq!(runner.chosen(), None);
}

#[test]
fn a_luascale_of_the_pull_request_is_never_chosen() {
    let runner = Runner::new();
    let own = runner.program("checkout/luascale", FORGED);
    runner.program("checkout/bin/luascale", FORGED);
    runner.program("tools/luascale", GENUINE);
    std::os::unix::fs::symlink(&own, runner.0.path().join("tools/linked")).unwrap();
    let at = |name: &str| runner.0.path().join(name).display().to_string();
    let (bin, tools) = (at("checkout/bin"), at("tools"));
    for asked in [own.as_str(), &at("tools/linked"), &at("tools/../checkout/luascale")] {
        runner.install(&[], &[("INPUT_BINARY", asked)]).expect(64).says("which is inside the checkout");
        assert_eq!(runner.chosen(), None);
    }
    // Folders of the checkout, and such as depend on where one is, are not on the PATH any more.
    let path = [bin.as_str(), ".", "bin", "", &tools];
    runner.install(&path, &[("INPUT_BINARY", "luascale")]).expect(0);
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
    runner
        .install(&path[..4], &[("INPUT_BINARY", "luascale")])
        .expect(64)
        .says("there is no luascale on the PATH");
    for relative in ["./luascale", "bin/luascale"] {
        runner.install(&[], &[("INPUT_BINARY", relative)]).expect(64).says("depends on where it is run");
    }
}

#[test]
fn programs_that_the_script_calls_are_not_the_pull_requests_either() {
    let runner = Runner::new();
    let (archive, sum) = runner.archive(GENUINE);
    let (server, sums) = (releases(&[(AT, &archive)]), runner.checksums(&sum));
    let told = runner.0.path().join("told").display().to_string();
    for name in ["curl", "tar", "sha256sum", "shasum", "awk", "sed", "dirname", "cut"] {
        runner.program(&format!("checkout/bin/{name}"), &format!("#!/bin/sh\necho {name} >>'{told}'\n"));
    }
    let bin = runner.0.path().join("checkout/bin").display().to_string();
    let env = [
        ("LUASCALE_RELEASES", server.url.as_str()),
        ("LUASCALE_CHECKSUMS", &sums),
        ("INPUT_VERSION", "9.8.7"),
    ];
    runner.install(&[&bin, "bin"], &env).expect(0);
    assert_eq!(std::fs::read_to_string(&told).unwrap_or_default(), "");
}

#[test]
fn what_goes_against_each_other_is_said() {
    let runner = Runner::new();
    let program = runner.program("tools/luascale", GENUINE);
    let other = runner.program("tools/other", "#!/bin/sh\necho other 1.0\n");
    for (env, said) in [
        (vec![("INPUT_BINARY", program.as_str()), ("INPUT_VERSION", "9.8.7")], "have no say"),
        (vec![("INPUT_BINARY", &program), ("INPUT_BUILD_FROM_SOURCE", "true")], "have no say"),
        (vec![("INPUT_VERSION", "9.8.7"), ("INPUT_BUILD_FROM_SOURCE", "true")], "version has no say"),
        (vec![("INPUT_BUILD_FROM_SOURCE", "yes")], "can be true or false"),
        (vec![("INPUT_BINARY", &other)], "is not luascale"),
        (vec![("INPUT_BINARY", "/nowhere/luascale")], "there is no program"),
    ] {
        runner.install(&[], &env).expect(64).says(said);
        assert_eq!(runner.chosen(), None, "{env:?}");
    }
    let none = [("RUNNER_ARCH", "RISCV"), ("INPUT_VERSION", "9.8.7")];
    runner.install(&[], &none).expect(3).says("there is no release for Linux on RISCV");
}

#[test]
fn a_build_is_of_the_actions_source_and_heeds_no_file_of_the_checkout() {
    let runner = Runner::new();
    let told = runner.0.path().join("told").display().to_string();
    // Stands in for cargo: what it is asked to build is where it runs, and its own settings lie there.
    let cargo = format!(
        "#!/bin/sh\necho \"$PWD $*\" >>'{told}'\nwhile [ \"$1\" != --root ]; do shift; done\n\
         mkdir -p \"$2/bin\" && printf '#!/bin/sh\\necho luascale 9.8.7 genuine\\n' >\"$2/bin/luascale\" && \
         chmod +x \"$2/bin/luascale\"\n"
    );
    runner.program("tools/cargo", &cargo);
    let tools = runner.0.path().join("tools").display().to_string();
    runner.install(&[&tools], &[("INPUT_BUILD_FROM_SOURCE", "true")]).expect(0);
    assert_eq!(runner.chosen().unwrap(), "luascale 9.8.7 genuine");
    let asked = runner.0.read("told");
    let root = std::fs::canonicalize(super::ROOT).unwrap();
    assert!(asked.starts_with(&format!("{} install --locked", root.display())), "{asked}");
}
