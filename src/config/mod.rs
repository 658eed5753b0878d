//! luascale.yaml: what stands beside the policies, read and checked, with places.
//!
//! Pure: bytes come in as a source; which file is the nearest one upward is for the shell to
//! find. May import: the core.

mod digest;
pub mod exclude;
mod policies;
pub mod rules;
mod sections;

pub use digest::digest;

use crate::lint::Assumptions;
use crate::model::finding::capped;
use crate::model::raw::{Node, RawTable};
use crate::model::{Duration, Finding};
use crate::text::{Source, Spanned};
use crate::yaml::{self, Reader};
use serde::{Deserialize, Serialize};

/// Name of the file.
pub const FILE_NAME: &str = "luascale.yaml";

/// The file's JSON Schema (draft 2020-12): which keys there are and of what type, not all that is checked.
pub const SCHEMA: &str = include_str!("../../docs/schema/luascale.schema.json");

/// The sections, in the order the documentation lists them.
const SECTIONS: [&str; 7] = ["policies", "samples", "catalogue", "secrets", "lint", "approval", "apply"];

/// What a luascale.yaml says. Every part is optional; paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Config {
    /// What script forms cannot declare themselves, in the order written.
    pub policies: Vec<PolicyEntry>,
    /// Recordings by policy, in the order written.
    pub samples: Vec<SamplesEntry>,
    /// Files with further kinds of gateways, in the order written.
    pub catalogue: Vec<Spanned<String>>,
    /// Names that `secret` may resolve, in the order written.
    pub secrets: Vec<Secret>,
    /// Settings of the linter.
    pub lint: Lint,
    /// What a change needs before it is applied.
    pub approval: Option<Approval>,
    /// Where policies are applied to.
    pub apply: Apply,
}

/// The declaration of a script form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyEntry {
    /// The policy file: relative, with `/`, without `.` and `..`.
    pub path: Spanned<String>,
    /// Its fields; constructors are still one-key maps (`kubernetes.deployment: { … }`).
    pub table: RawTable,
    /// Where they stand.
    pub node: Node,
}

/// The recordings that a policy is judged on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplesEntry {
    /// Name of the policy.
    pub policy: Spanned<String>,
    /// At least one.
    pub files: Vec<SampleFile>,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleFile {
    /// The file: relative, with `/`, without `.` and `..`.
    pub path: Spanned<String>,
    /// `(metric, column)`: columns that have another name than their metric.
    pub columns: Vec<(String, String)>,
    /// IANA name of the zone of times without one.
    pub timezone: Option<String>,
}

/// A name that `secret` may resolve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// As given to `secret "…"`.
    pub name: Spanned<String>,
    /// The environment variable that holds it.
    pub env: String,
    /// Hosts it may be sent to, in small letters, `host` or `host:port`; at least one.
    pub hosts: Vec<String>,
}

/// Settings of the linter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lint {
    /// Rules to run; all of them where it is empty.
    pub select: Vec<Spanned<String>>,
    /// Rules not to run.
    pub ignore: Vec<Spanned<String>>,
    /// From which level on findings fail a check.
    pub fail_on: Option<FailOn>,
    /// File of the findings that are known already.
    pub baseline: Option<Spanned<String>>,
    /// Files of the organisation's own rules: globs and folders.
    pub rules: Vec<Spanned<String>>,
    /// How often Prometheus takes a sample; at least 1 s.
    pub scrape_interval: Option<Duration>,
    /// What of the tree is not checked: globs of files and folders.
    pub exclude: Vec<Spanned<String>>,
    /// By how many replicas the ceilings of all policies together may rise in one change.
    pub budget: Option<Spanned<u32>>,
}

impl Lint {
    /// What the linter takes for granted.
    pub fn assumptions(&self) -> Assumptions {
        let default = Assumptions::default();
        Assumptions { scrape_interval: self.scrape_interval.unwrap_or(default.scrape_interval) }
    }
}

/// From which level on findings fail a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailOn {
    /// Any finding.
    Note,
    /// Warnings and errors.
    Warning,
    /// Errors alone.
    Error,
    /// None.
    Never,
}

/// What a change needs before it is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The protected branch.
    pub branch: Option<Spanned<String>>,
    /// How many people have to approve; one where it does not say.
    pub reviews: Option<u32>,
    /// The file of those whose signatures approve; `allowed_signers` where it does not say.
    pub allowed_signers: Option<Spanned<String>>,
    /// Reviews on GitHub approve too, where it is there.
    pub github: Option<GitHub>,
}

/// Which reviews on GitHub approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitHub {
    /// `owner/name` of the repository; what the pipeline says where it is left out.
    pub repository: Option<Spanned<String>>,
    /// Name of the check run that says what is approved.
    pub check: String,
    /// The app that makes the check run.
    pub app: u32,
    /// A deployment environment whose approval counts too.
    pub environment: Option<Spanned<String>>,
}

impl GitHub {
    /// Which reviews approve, in words. A target keeps them: other words are other reviews.
    pub fn words(&self) -> String {
        let of = self.repository.as_ref().map_or("its own repository", |name| name.value.as_str());
        let mut words = format!("GitHub, {of}, check `{}` of app {}", self.check, self.app);
        if let Some(environment) = &self.environment {
            words.push_str(&format!(", environment {}", environment.value));
        }
        words
    }
}

impl Default for GitHub {
    /// The check run that `luascale review` makes in a workflow of GitHub Actions.
    fn default() -> GitHub {
        GitHub { repository: None, check: "luascale".into(), app: GITHUB_ACTIONS, environment: None }
    }
}

/// The app that stands behind the token of a workflow run.
const GITHUB_ACTIONS: u32 = 15_368;

/// Where policies are applied to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Apply {
    /// A directory that they are written to.
    pub directory: Option<Spanned<String>>,
    /// A namespace of a cluster that they are written to.
    pub kubernetes: Option<Kubernetes>,
}

/// A namespace that policies are applied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kubernetes {
    /// Its name; it has to be there.
    pub namespace: Spanned<String>,
    /// The context of the kubeconfig; the current one where it is left out.
    pub context: Option<Spanned<String>>,
    /// The file that says what was done there, relative; `luascale-ledger.jsonl` where it is left out.
    pub ledger: Option<Spanned<String>>,
}

impl Config {
    /// The entry of a policy file, by its path from the configuration's folder.
    pub fn policy(&self, path: &str) -> Option<&PolicyEntry> {
        let path = below(path).ok()?;
        self.policies.iter().find(|entry| entry.path.value == path)
    }

    /// The recordings of a policy, by its name; none where it has no entry.
    pub fn samples(&self, policy: &str) -> &[SampleFile] {
        self.samples.iter().find(|entry| entry.policy.value == policy).map_or(&[], |entry| &entry.files)
    }
}

/// Reads a luascale.yaml. An empty one says nothing, and is no mistake.
///
/// Every finding is an error, and of many the first 100 are told and how many more there are; where there are any, what could be read is given all the same, for
/// an editor to use, and must not be acted upon.
pub fn parse(source: &Source) -> (Config, Vec<Finding>) {
    let (root, mut findings) = yaml::parse(source);
    let mut config = Config::default();
    let Some(root) = root else { return (config, findings) };
    let mut reader = Reader::new(source);
    for (key, node) in reader.map(&root, FILE_NAME, &SECTIONS) {
        match key.value.as_str() {
            "policies" => config.policies = policies::policies(&mut reader, node),
            "samples" => config.samples = sections::samples(&mut reader, node),
            "catalogue" => config.catalogue = sections::catalogue(&mut reader, node),
            "secrets" => config.secrets = sections::secrets(&mut reader, node),
            "lint" => config.lint = sections::lint(&mut reader, node),
            "approval" => config.approval = Some(sections::approval(&mut reader, node)),
            _ => config.apply = sections::apply(&mut reader, node),
        }
    }
    findings.append(&mut reader.findings);
    findings.sort_by_key(|f| f.labels.first().map(|label| label.span));
    (config, capped(findings, 0, &source.name))
}

/// A path as written, made plain: relative, with `/`, without `.`.
///
/// # Errors
/// Why it is none below the configuration's folder.
pub fn below(path: &str) -> Result<String, &'static str> {
    if path.contains('\\') {
        return Err("it has a backslash, and `/` stands between the parts of a path");
    }
    if path.starts_with('/') || path.split('/').next().is_some_and(|part| part.ends_with(':')) {
        return Err("it is absolute, and paths here are relative to this file's folder");
    }
    if path.split('/').any(|part| part == "..") {
        return Err("it leads outside by `..`, and only files below this file's folder are read");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() || path.ends_with('/') {
        return Err("it names a folder, and a file is needed");
    }
    Ok(parts.join("/"))
}

/// Reads a path below the configuration's folder.
fn path(reader: &mut Reader<'_>, written: Spanned<String>, what: &str) -> Option<Spanned<String>> {
    match below(&written.value) {
        Ok(plain) => Some(Spanned::new(plain, written.span)),
        Err(why) => {
            let message = format!("`{what}` cannot be `{}`", written.value);
            reader.report("bad-path", message, written.span, why);
            None
        }
    }
}
