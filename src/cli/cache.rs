//! What checks of files came to, kept from one run to the next. Edge.
//!
//! A file's check is a function of what the worker is sent: the file, its entry in luascale.yaml,
//! the kinds of gateways, the limits, the rules that look, and the modules that it asks for. So the
//! key is the digest of the request as it would be sent, and of this binary; and what was kept counts
//! only while every module that was asked for then is the same now. What is suppressed and until
//! when, and what a baseline knows is worked out anew each time, and never kept.
//!
//! A cache may be removed, cut short, written by two at once, or not be writable: then files are
//! checked, and nothing else is different. May import: everything.

#![expect(clippy::disallowed_methods, reason = "the cache is files")]

use crate::lint::{Checked, rules};
use crate::lua::Modules;
use crate::text::Source;
use crate::worker::{CheckRequest, LoadRequest};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Changes with the shape of what is kept.
const FORMAT: &str = "luascale check 2";

/// Most that is kept after a sweep, in bytes.
const MOST: u64 = 192 << 20;

/// How much is written between two sweeps, in bytes.
const SWEEP_AFTER: u64 = 64 << 20;

/// Longest entry that is kept or read, in bytes.
const LONGEST: u64 = 8 << 20;

/// How old an entry's date may be before its use renews it.
const RENEW: Duration = Duration::from_secs(24 * 3600);

/// What a file takes at least on a disk, in bytes.
const BLOCK: u64 = 4096;

/// Rules whose findings depend on how fast the machine was: such a check is never kept.
const TIMED: [&str; 2] = ["limit-exceeded", "broken-rule"];

/// A SHA-256.
type Sum = [u8; 32];

/// A folder of kept checks.
pub struct Cache {
    folder: PathBuf,
    /// Digest of what is the same in all entries: this binary and its rules.
    seed: Sum,
    /// Set by the first write that failed: there will be others.
    broken: AtomicBool,
    /// Bytes written by this run.
    written: AtomicU64,
    /// Names of temporary files differ by it.
    next: AtomicU64,
}

/// What is kept of a file.
#[derive(Serialize, Deserialize)]
struct Entry {
    key: Sum,
    /// The modules asked for, in order, and the digest of each answer.
    needs: Vec<(String, Sum)>,
    /// The check, without its sources.
    checked: Checked,
    sources: Vec<Kept>,
}

/// A source of a kept check.
#[derive(Serialize, Deserialize)]
enum Kept {
    /// One that the request or a module's answer has.
    Known(u32),
    /// Any other.
    Whole(Source),
}

/// Modules, and what was asked of them.
pub struct Asked<'a> {
    modules: &'a dyn Modules,
    answers: RefCell<Vec<(String, Result<Source, String>)>>,
}

impl<'a> Asked<'a> {
    /// Nothing was asked yet.
    pub fn new(modules: &'a dyn Modules) -> Asked<'a> {
        Asked { modules, answers: RefCell::default() }
    }
}

impl Modules for Asked<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        let answer = self.modules.find(name);
        self.answers.borrow_mut().push((name.to_owned(), answer.clone()));
        answer
    }
}

/// A check to be kept, or one that was.
pub struct Slot<'a> {
    cache: &'a Cache,
    key: Sum,
}

impl Cache {
    /// The cache in a folder, which need not be there yet.
    pub fn new(folder: PathBuf, binary: &Path) -> Cache {
        let mut seed = Sha256::new();
        seed.update(FORMAT);
        seed.update(env!("CARGO_PKG_VERSION"));
        // The rules' pages, and the binary itself: while rules are written the version stays.
        rules::RULES.iter().for_each(|rule| seed.update(rule.id));
        let real = std::fs::canonicalize(binary).unwrap_or_else(|_| binary.to_owned());
        if let Ok(about) = std::fs::metadata(&real) {
            let changed = about.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
            seed.update(about.len().to_le_bytes());
            seed.update(changed.unwrap_or_default().as_nanos().to_le_bytes());
        }
        Cache {
            folder,
            seed: seed.finalize().into(),
            broken: AtomicBool::new(false),
            written: AtomicU64::new(0),
            next: AtomicU64::new(0),
        }
    }

    /// The place of a request's check.
    pub fn slot(&self, request: &CheckRequest) -> Option<Slot<'_>> {
        let mut key = Sha256::new();
        key.update(self.seed);
        key.update(postcard::to_allocvec(request).ok()?);
        Some(Slot { cache: self, key: key.finalize().into() })
    }

    /// Why nothing could be kept, where that is so.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Ends a run: where much was written, what was not used for longest goes.
    pub fn finish(&self) {
        let written = self.written.load(Ordering::Relaxed);
        if written == 0 {
            return;
        }
        // A tally of what was written since the last sweep, one byte for each block, so that runs
        // at the same time can all add to it.
        let tally = self.folder.join("written");
        let blocks = vec![b'.'; usize::try_from(written / BLOCK).unwrap_or(0)];
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&tally);
        let length = file.and_then(|mut file| {
            file.write_all(&blocks)?;
            file.metadata().map(|about| about.len())
        });
        // Where the tally cannot be kept, nothing bounds the cache: sweep each time.
        if length.map_or(true, |blocks| blocks > SWEEP_AFTER / BLOCK) && self.sweep().is_ok() {
            // Nothing depends on it: the next sweep only comes sooner.
            let _ = std::fs::write(&tally, "");
        }
    }

    fn sweep(&self) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for shard in std::fs::read_dir(&self.folder)? {
            let shard = shard?;
            if !shard.file_type()?.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(shard.path())? {
                let entry = entry?;
                // Another sweep may have been faster.
                let Ok(about) = entry.metadata() else { continue };
                if about.is_file() {
                    let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    entries.push((used, about.len().next_multiple_of(BLOCK), entry.path()));
                }
            }
        }
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        entries.sort();
        for (_, size, path) in entries {
            if total <= MOST {
                break;
            }
            let _ = std::fs::remove_file(path);
            total -= size;
        }
        Ok(())
    }
}

impl Slot<'_> {
    fn path(&self) -> PathBuf {
        let name = data_encoding::HEXLOWER.encode(&self.key);
        let (shard, rest) = name.split_at(2);
        self.cache.folder.join(shard).join(rest)
    }

    /// What was kept, where it still counts.
    pub fn get(&self, request: &LoadRequest, modules: &dyn Modules) -> Option<Checked> {
        let path = self.path();
        let file = std::fs::File::open(&path).ok()?;
        let about = file.metadata().ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(LONGEST)).ok()?);
        io::Read::read_to_end(&mut io::Read::take(file, LONGEST), &mut bytes).ok()?;
        let (sum, body) = bytes.split_first_chunk::<32>()?;
        if *sum != <Sum>::from(Sha256::digest(body)) {
            return None;
        }
        let Entry { key, needs, mut checked, sources } = postcard::from_bytes(body).ok()?;
        if key != self.key {
            return None;
        }
        let mut answers = Vec::new();
        for (name, sum) in needs {
            let answer = modules.find(&name);
            if digest(&answer)? != sum {
                return None;
            }
            answers.push(answer);
        }
        let known = known(request, answers.iter());
        let source = |kept| match kept {
            Kept::Known(at) => known.get(at as usize).map(|source| (*source).clone()),
            Kept::Whole(source) => Some(source),
        };
        checked.sources = sources.into_iter().map(source).collect::<Option<_>>()?;
        let old = about.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > RENEW);
        if old {
            // Only how long it is kept depends on it.
            let _ = std::fs::File::options()
                .append(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(checked)
    }

    /// Keeps a check, where it can be kept.
    pub fn put(&self, request: &LoadRequest, asked: &Asked<'_>, checked: &Checked) {
        let timed = checked.findings.iter().any(|f| TIMED.contains(&&*f.rule));
        if timed || self.cache.is_broken() {
            return;
        }
        let answers = asked.answers.borrow();
        let needs: Option<Vec<(String, Sum)>> =
            answers.iter().map(|(name, answer)| Some((name.clone(), digest(answer)?))).collect();
        let Some(needs) = needs else { return };
        let known = known(request, answers.iter().map(|(_, answer)| answer));
        let keep = |source: &Source| match known.iter().position(|k| *k == source) {
            Some(at) => Kept::Known(u32::try_from(at).unwrap_or(u32::MAX)),
            None => Kept::Whole(source.clone()),
        };
        let sources = checked.sources.iter().map(keep).collect();
        let checked = Checked {
            policies: checked.policies.clone(),
            findings: checked.findings.clone(),
            sources: Vec::new(),
            parsed: checked.parsed.clone(),
        };
        let Ok(body) = postcard::to_allocvec(&Entry { key: self.key, needs, checked, sources }) else {
            return;
        };
        if body.len() as u64 + 32 > LONGEST {
            return;
        }
        match self.write(&body) {
            Ok(()) => {
                let size = (body.len() as u64 + 32).next_multiple_of(BLOCK);
                self.cache.written.fetch_add(size, Ordering::Relaxed);
            }
            Err(_) => self.cache.broken.store(true, Ordering::Relaxed),
        }
    }

    /// Writes beside the entry's place and then takes it, so that no reader sees a half.
    fn write(&self, body: &[u8]) -> io::Result<()> {
        let path = self.path();
        let folder = path.parent().unwrap_or(&self.cache.folder);
        std::fs::create_dir_all(folder)?;
        let at = self.cache.next.fetch_add(1, Ordering::Relaxed);
        let beside = folder.join(format!("new-{}-{at}", std::process::id()));
        let written = std::fs::File::create(&beside).and_then(|mut file| {
            file.write_all(&Sha256::digest(body))?;
            file.write_all(body)
        });
        written.and_then(|()| std::fs::rename(&beside, &path)).inspect_err(|_| {
            // What was written of it is of no use.
            let _ = std::fs::remove_file(&beside);
        })
    }
}

/// The sources that a request and the answers to it hold.
fn known<'a>(
    request: &'a LoadRequest,
    answers: impl Iterator<Item = &'a Result<Source, String>>,
) -> Vec<&'a Source> {
    let entry = request.entry.iter().map(|entry| &entry.source);
    std::iter::once(&request.source).chain(entry).chain(&request.catalogue).chain(answers.flatten()).collect()
}

fn digest(answer: &Result<Source, String>) -> Option<Sum> {
    Some(Sha256::digest(postcard::to_allocvec(answer).ok()?).into())
}

/// The folder for caches of whoever runs this, as the system has it; `None` where it has none.
pub fn default_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            folder("HOME").map(|home| home.join("Library/Caches"))
        } else {
            folder("HOME").map(|home| home.join(".cache"))
        }
    });
    caches.map(|caches| caches.join("luascale").join("check"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Group, Settings, Wanted, review};
    use crate::lua::Limits;
    use crate::worker::check::check;

    /// A module whose text can be changed; any other is not there.
    struct Lib(&'static str);

    impl Modules for Lib {
        fn find(&self, name: &str) -> Result<Source, String> {
            let found = (name == "lib.hot").then(|| Source::new("lib/hot.lua", self.0));
            found.ok_or_else(|| "there is no such file".into())
        }
    }

    fn request(text: &str) -> LoadRequest {
        LoadRequest {
            source: Source::new("web.lua", text),
            entry: None,
            catalogue: Vec::new(),
            limits: Limits::default(),
        }
    }

    fn kept(cache: &Cache, request: &LoadRequest, modules: &dyn Modules) -> Checked {
        let asked = Asked::new(modules);
        let checked = check(&request.clone().into(), &asked, std::sync::Arc::new(|| 0));
        cache.slot(&request.clone().into()).unwrap().put(request, &asked, &checked);
        checked
    }

    const POLICY: &str = "local lib = require \"lib.hot\"
-- luascale: allow(duplicate-key): generated until 2027-01-31
policy \"w\" { replicas = { max = lib.max }, metrics = { cpu = { unit = \"ratio\", per = \"replica\" } },
  track = { cpu = 0.5 }, interval = \"15s\", interval = \"30s\" }
";

    #[test]
    fn what_was_kept_counts_while_the_file_and_what_it_requires_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("not/yet"), Path::new("/bin/sh"));
        let (first, other) = (Lib("return { max = 3 }"), Lib("return { max = 4 }"));
        let policy = request(POLICY);
        let slot = cache.slot(&policy.clone().into()).unwrap();
        assert_eq!(slot.get(&policy, &first), None);
        let checked = kept(&cache, &policy, &first);
        assert_eq!(slot.get(&policy, &first), Some(checked));
        assert_eq!(slot.get(&policy, &other), None);
        let edited = request(&POLICY.replace("30s", "40s"));
        assert_eq!(cache.slot(&edited.clone().into()).unwrap().get(&edited, &first), None);
        let mut assumed = CheckRequest::from(policy.clone());
        assumed.assumptions.scrape_interval = crate::model::Duration::from_secs(15);
        assert_eq!(cache.slot(&assumed).unwrap().get(&policy, &first), None, "another scrape interval");
        let mut selected = CheckRequest::from(policy.clone());
        selected.wanted = Wanted::by([&Settings { select: vec!["model".into()], ..Settings::default() }]);
        assert_eq!(cache.slot(&selected).unwrap().get(&policy, &first), None, "other rules");
        let renewed = Cache::new(folder.path().join("not/yet"), Path::new("/bin/cat"));
        assert_eq!(
            renewed.slot(&policy.clone().into()).unwrap().get(&policy, &first),
            None,
            "another binary"
        );
    }

    #[test]
    fn a_suppression_expires_though_the_file_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned(), Path::new("/bin/sh"));
        let (lib, policy) = (Lib("return { max = 3 }"), request(POLICY));
        kept(&cache, &policy, &lib);
        let on = |day: &str| {
            let files = [cache.slot(&policy.clone().into()).unwrap().get(&policy, &lib).unwrap()];
            let groups =
                [Group { files: &files, settings: &Settings::default(), configs: Vec::new(), whole: true }];
            let told = review(&groups, day.parse().unwrap()).told;
            told.into_iter().map(|told| told.finding.rule).collect::<Vec<_>>()
        };
        assert_eq!(on("2027-01-31"), [""; 0]);
        assert_eq!(on("2027-02-01"), ["expired-suppression", "duplicate-key"]);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned(), Path::new("/bin/sh"));
        let old = SystemTime::now() - Duration::from_secs(3600);
        let entry = |name: &str, used| {
            let path = folder.path().join("ab").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = std::fs::File::create(&path).unwrap();
            file.set_len(MOST / 2).unwrap();
            file.set_modified(used).unwrap();
            path
        };
        let all = [entry("a", old), entry("b", SystemTime::now()), entry("c", old - RENEW)];
        // Little was written since the last sweep.
        cache.written.store(BLOCK, Ordering::Relaxed);
        cache.finish();
        assert_eq!(all.each_ref().map(|path| path.exists()), [true; 3]);
        cache.written.store(SWEEP_AFTER, Ordering::Relaxed);
        cache.finish();
        assert_eq!(all.each_ref().map(|path| path.exists()), [true, true, false]);
    }
}
