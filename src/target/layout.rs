//! How policies lie in the folder of a generation: one folder a policy, its files at their paths
//! in it, so that people and engines read them as they are in the repository.
//! May import: siblings, `change`, `disk`.

#![expect(clippy::disallowed_methods, reason = "this is where a target's files are read")]

use super::{Error, LivePolicy};
use crate::change::Bundle;
use crate::change::canonical::sha256;
use crate::disk;
use crate::text::size;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What a policy's folder says of it, beside its files.
pub const ABOUT: &str = ".policy.json";

/// Largest file of a policy, in bytes; what may be loaded is no larger.
const MOST_BYTES: u64 = 4 << 20;

/// Most files of a policy.
const MOST_FILES: usize = 10_000;

/// Deepest folder in a policy's own.
const DEEPEST: usize = 32;

/// What of a policy is in none of its files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: String,
    path: String,
    entry: Option<String>,
}

/// The name of a policy's folder: its own name, with everything but letters, digits, `-`, `_` and
/// inner dots as `%` and two digits; a long one ends in a digest.
pub fn folder_of(id: &str) -> String {
    let mut name = String::new();
    for (at, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(byte as char),
            b'.' if at > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > 120 {
        let digest = sha256(id.as_bytes());
        let hex = digest.trim_start_matches("sha256:").get(..16).unwrap_or_default().to_owned();
        name.truncate(100);
        name.push('-');
        name.push_str(&hex);
    }
    name
}

/// Why a bundle cannot lie in a folder: a path in it leads elsewhere, or two are in each other's way.
pub fn unfit(bundle: &Bundle) -> Option<String> {
    let part = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && part.len() <= 255 && !part.contains(['\0', '\\'])
    };
    for (path, bytes) in &bundle.files {
        if !path.split('/').all(part) || path.split('/').count() > DEEPEST || path.len() > 1000 {
            return Some(format!("the path {path} cannot be written below a folder"));
        }
        if path == ABOUT {
            return Some(format!("{ABOUT} is the name of a file of luascale's own"));
        }
        if bytes.len() as u64 > MOST_BYTES {
            return Some(format!("{path} is larger than {}", size(MOST_BYTES)));
        }
        let below = format!("{path}/");
        if bundle.files.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below)) {
            return Some(format!("{path} is both a file and a folder"));
        }
    }
    if bundle.files.len() > MOST_FILES {
        return Some(format!("it has more than {MOST_FILES} files"));
    }
    (!bundle.files.contains_key(&bundle.path)).then(|| format!("its file {} is missing", bundle.path))
}

/// Writes a policy into a folder that is made for it. It is on the disk once the whole generation
/// is ([`disk::settle`]).
pub fn write(folder: &Path, id: &str, bundle: &Bundle) -> io::Result<()> {
    disk::folder(folder)?;
    for (path, bytes) in &bundle.files {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        disk::draft(&file, bytes)?;
    }
    let about = About { id: id.to_owned(), path: bundle.path.clone(), entry: bundle.entry.clone() };
    disk::draft(&folder.join(ABOUT), &json(&about))
}

/// Copies a policy as it lies, to the byte, to a name that is free for it. Links stay links.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = std::fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        disk::folder(to)?;
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if kind.is_symlink() {
        #[cfg(unix)]
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        disk::draft(to, &std::fs::read(from)?)?;
    }
    Ok(())
}

/// Reads a policy from its folder; none where there is nothing of that name. What lies in another
/// folder, behind a link, is not this policy, whatever it holds.
///
/// # Errors
/// Where it is there and the disk does not give it.
pub fn read(folder: &Path) -> Result<Option<LivePolicy>, Error> {
    let about = match std::fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed("read", folder))?,
    };
    let mut files = BTreeMap::new();
    let mut odd = Vec::new();
    if !about.is_dir() {
        let what = if about.is_symlink() { "a link" } else { "no folder any more" };
        let digest = format!("unreadable: its folder is {what}");
        let bundle = Bundle { path: String::new(), files, entry: None };
        return Ok(Some(LivePolicy { digest, bundle }));
    }
    collect(folder, "", 0, &mut files, &mut odd).map_err(failed("read", folder))?;
    let about = files.remove(ABOUT).and_then(|bytes| serde_json::from_slice::<About>(&bytes).ok());
    let bundle = match about {
        Some(about) => Bundle { path: about.path, files, entry: about.entry },
        None => {
            odd.push(format!("{ABOUT} is missing or was edited"));
            Bundle { path: String::new(), files, entry: None }
        }
    };
    let digest = match odd.first() {
        Some(why) => format!("unreadable: {why}"),
        None => bundle.digest(),
    };
    Ok(Some(LivePolicy { digest, bundle }))
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
    odd: &mut Vec<String>,
) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let about = entry.metadata()?;
        if about.is_dir() && depth < DEEPEST {
            collect(&entry.path(), &format!("{path}/"), depth + 1, files, odd)?;
        } else if entry.file_name().to_str().is_none() {
            odd.push(format!("the name {path} is no text"));
        } else if !about.is_file() {
            odd.push(format!("{path} is no regular file"));
        } else if about.len() > MOST_BYTES || files.len() > MOST_FILES {
            odd.push(format!("{path} is too much"));
        } else {
            files.insert(path, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// A value as readable JSON with a line end.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // The values of this module are plain data, which always serialises.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Makes an error of what the disk said.
pub fn failed<'a>(verb: &'a str, path: &'a Path) -> impl Fn(io::Error) -> Error + 'a {
    move |error| Error::Unavailable(format!("cannot {verb} {}: {}", path.display(), disk::said(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: &[(&str, &str)]) -> Bundle {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
        let path = files.keys().next().cloned().unwrap_or_default();
        Bundle { path, files, entry: None }
    }

    #[test]
    fn a_policy_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = bundle(&[("a/web.lua", "x"), ("lib/b.lua", "y")]);
        one.entry = Some("{}".into());
        let at = folder.path().join("web");
        write(&at, "web", &one).unwrap();
        let read = super::read(&at).unwrap().unwrap();
        assert_eq!((&read.bundle, read.digest), (&one, one.digest()));
        let copied = folder.path().join("copy");
        copy(&at, &copied).unwrap();
        assert_eq!(super::read(&copied).unwrap().unwrap().bundle, one);
        assert_eq!(super::read(&folder.path().join("none")).unwrap(), None);
    }

    #[test]
    fn names_of_folders_are_plain_and_tell_names_apart() {
        for (id, name) in [
            ("checkout-api", "checkout-api"),
            (".generation.json", "%2Egeneration.json"),
            ("..", "%2E."),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("ü \u{202e}", "%C3%BC%20%E2%80%AE"),
        ] {
            assert_eq!(folder_of(id), name, "{id}");
        }
        let (one, two) = ("x".repeat(300), format!("{}y", "x".repeat(299)));
        assert_ne!(folder_of(&one), folder_of(&two));
        assert!(folder_of(&one).len() < 128);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_unfit() {
        for path in ["../x", "/x", "a//b", "a/./b", "", "a/../../b", "a\0b", "a\\b", ABOUT] {
            assert!(unfit(&bundle(&[(path, "")])).is_some(), "{path:?}");
        }
        assert!(unfit(&bundle(&[("a.lua", ""), ("a.lua/b.lua", "")])).is_some());
        assert!(unfit(&bundle(&[("a", ""), ("a.lua", ""), ("a/b.lua", "")])).is_some());
        assert_eq!(unfit(&bundle(&[("a.lua", ""), ("lib/b c.lua", "")])), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_bundle_any_more_is_unreadable_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("web");
        write(&at, "web", &bundle(&[("web.lua", "x")])).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at.join("more.lua")).unwrap();
        assert_eq!(super::read(&at).unwrap().unwrap().digest, "unreadable: more.lua is no regular file");
        std::fs::remove_file(at.join("more.lua")).unwrap();
        std::fs::write(at.join(ABOUT), "{").unwrap();
        assert!(super::read(&at).unwrap().unwrap().digest.starts_with("unreadable: .policy.json"));
    }

    #[cfg(unix)]
    #[test]
    fn what_lies_behind_a_link_is_not_the_policy_though_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (at, away) = (folder.path().join("web"), folder.path().join("away"));
        write(&away, "web", &bundle(&[("lib/a.lua", "y"), ("web.lua", "x")])).unwrap();
        let said = |at: &Path| super::read(at).unwrap().unwrap().digest;
        std::os::unix::fs::symlink(&away, &at).unwrap();
        assert_eq!(said(&at), "unreadable: its folder is a link");
        // The next generation takes it as it is, and nothing of what it leads to.
        let copied = folder.path().join("copied");
        copy(&at, &copied).unwrap();
        assert_eq!(std::fs::read_link(&copied).unwrap(), away);
        std::fs::remove_file(&at).unwrap();
        std::fs::write(&at, "x").unwrap();
        assert_eq!(said(&at), "unreadable: its folder is no folder any more");
        std::fs::remove_file(&at).unwrap();
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &at).unwrap();
        assert_eq!(said(&at), "unreadable: its folder is a link");
        for (part, leads) in [("lib", "lib is"), ("web.lua", "web.lua is"), (ABOUT, ".policy.json is")] {
            let moved = folder.path().join("moved");
            std::fs::rename(away.join(part), &moved).unwrap();
            std::os::unix::fs::symlink(&moved, away.join(part)).unwrap();
            assert!(said(&away).contains(leads), "{part}: {}", said(&away));
            std::fs::remove_file(away.join(part)).unwrap();
            std::fs::rename(&moved, away.join(part)).unwrap();
        }
        assert!(said(&away).starts_with("sha256:"));
    }
}
