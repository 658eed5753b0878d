//! What a change is held against: every luascale.yaml of a commit from a folder upward, and the
//! organisation's rules that they name. May import: everything.

use super::approvals::SIGNERS;
use super::failure::Failure;
use super::files;
use super::layers::{Layer, Layers};
use super::organisation;
use super::project::Unusable;
use super::store::Store;
use crate::change::canonical::{canonical, sha256};
use crate::config::{self, Approval, Config};
use crate::git::{self, Oid, Repo, Side};
use crate::text::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The configuration of a folder at a commit.
#[derive(Default)]
pub struct Configuration {
    /// Every luascale.yaml, the nearest first.
    pub layers: Layers,
    /// The organisation's files of rules, each named `path@commit`.
    pub rules: Vec<Source>,
    /// What tells it from another one; nothing where it says nothing.
    pub digest: Option<String>,
    /// The folder, from the repository's root on.
    folder: PathBuf,
}

impl Configuration {
    /// Reads the configuration of a folder, which the commit need not have: then that of the
    /// folders above it is in force there.
    ///
    /// # Errors
    /// Where the repository cannot be read, or a configuration cannot be used.
    pub fn at(repo: &Repo, commit: Oid, folder: &Path) -> Result<Configuration, Failure> {
        let snapshot = repo.snapshot(&Side::Commit(commit))?;
        let store = Store::of(&snapshot);
        let mut layers = Vec::new();
        for path in folder.ancestors().map(|at| at.join(config::FILE_NAME)) {
            // What is there and is no file is an error, and not as if there were none.
            if snapshot.entry(&git::from_path(&path))?.is_some() {
                layers.push(Arc::new(Layer::read(&store, &path, &[]).map_err(|why| unusable(why, commit))?));
            }
        }
        let layers = Layers(layers);
        let rules = organisation::sources(&store, &layers).map_err(|why| unusable(why, commit))?;
        let digest = digest(&layers, &rules);
        let at = |rules: Source| Source::new(format!("{}@{}", rules.name, git::short(commit)), &*rules.text);
        let rules = rules.into_iter().map(at).collect();
        Ok(Configuration { layers, rules, digest, folder: folder.to_owned() })
    }

    /// What a change needs: the nearest `approval:`, which is taken whole.
    pub fn approval(&self) -> Option<&Approval> {
        self.layers.nearest(|layer| layer.config.approval.as_ref()).map(|(_, approval)| approval)
    }

    /// The file of those whose signatures approve, from the repository's root on.
    pub fn signers(&self) -> String {
        let said = self.layers.nearest(|layer| layer.config.approval.as_ref());
        let (folder, path) = match said {
            Some((layer, approval)) => (&layer.root.folder, approval.allowed_signers.as_ref()),
            None => (&self.folder, None),
        };
        files::shown(&folder.join(path.map_or(SIGNERS, |path| path.value.as_str())))
    }

    /// The nearest configuration with an `apply:`, and its folder from the repository's root on.
    pub fn apply(&self) -> Option<(&Path, &config::Apply)> {
        let says = |config: &'_ Config| config.apply != config::Apply::default();
        let (layer, apply) =
            self.layers.nearest(|layer| says(&layer.config).then_some(&layer.config.apply))?;
        Some((&layer.root.folder, apply))
    }
}

/// What tells one configuration from another: what each file says and where it stands, `policies:`
/// aside, and the texts of the organisation's rules.
fn digest(layers: &Layers, rules: &[Source]) -> Option<String> {
    let said: Vec<[Option<String>; 2]> = layers
        .iter()
        .map(|layer| [Some(layer.source.name.to_string()), config::digest(&layer.source)])
        .collect();
    if said.is_empty() {
        return None;
    }
    let rules: Vec<[String; 2]> =
        rules.iter().map(|rules| [rules.name.to_string(), sha256(rules.text.as_bytes())]).collect();
    Some(sha256(canonical(&serde_json::json!({ "files": said, "rules": rules })).as_bytes()))
}

fn unusable(why: Unusable, commit: Oid) -> Failure {
    let hint = "the configuration is read from the base; once its correction is merged, name that commit: --base REV";
    match why {
        Unusable::Failure(failure) => failure,
        Unusable::Config(findings, _) => {
            let first = findings.first();
            let name = first.and_then(|f| f.labels.first()).map_or(config::FILE_NAME, |label| &*label.source);
            let what = first.map_or("it has mistakes", |finding| finding.message.as_str());
            Failure::usage(format!("{name}@{} cannot be used: {what}", git::short(commit))).hint(hint)
        }
    }
}
