//! The folders of generations: their names, their manifests, which of them are kept.
//! May import: siblings, `change`, `disk`.

#![expect(clippy::disallowed_methods, reason = "this is where a target's files are read")]

use super::layout::{failed, json};
use super::{Error, Generation};
use crate::change::canonical::sha256;
use crate::disk;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the manifest in a generation's folder. No policy's folder begins with a dot.
pub const MANIFEST: &str = ".generation.json";

/// Digits of the digest in a folder's name.
const DIGITS: usize = 12;

/// The number in a folder's name; none where it is no name of a generation.
pub fn number(name: &str) -> Option<u64> {
    let (number, digest) = name.split_once('-')?;
    let hex = digest.len() == DIGITS && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit());
    (hex && digits).then(|| number.parse().ok()).flatten()
}

/// The name of a folder with this manifest.
fn name(serial: u64, manifest: &[u8]) -> String {
    let digest = sha256(manifest);
    let hex = digest.trim_start_matches("sha256:").get(..DIGITS).unwrap_or_default();
    format!("{serial:06}-{hex}")
}

/// Largest manifest that is read, in bytes.
const MOST_MANIFEST: u64 = 256 << 20;

/// Whether a generation is there: a folder with its manifest, and neither a link that leads elsewhere.
pub fn is_whole(folder: &Path) -> bool {
    let about = |path: &Path| std::fs::symlink_metadata(path);
    about(folder).is_ok_and(|a| a.is_dir()) && about(&folder.join(MANIFEST)).is_ok_and(|a| a.is_file())
}

/// Reads the manifest of a folder, and holds it against the folder's name.
pub fn read(folder: &Path) -> Result<Generation, Error> {
    let path = folder.join(MANIFEST);
    let bytes = disk::read(&path, MOST_MANIFEST).map_err(failed("read", &path))?;
    let damaged = |why: String| Error::Damaged(format!("{} is not as it was written: {why}", path.display()));
    let generation: Generation =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if folder.file_name().is_none_or(|own| own != name(generation.serial, &bytes).as_str()) {
        return Err(damaged("its digest is not the one in the folder's name".into()));
    }
    Ok(generation)
}

/// All generations, the oldest first. One without its manifest is being taken away.
pub fn all(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed("read", folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("read", folder))?;
        let number = entry.file_name().to_str().and_then(number);
        if let Some(number) = number.filter(|_| is_whole(&entry.path())) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The highest number, and the run that made it; 0 where there is none.
pub fn highest(folder: &Path) -> Result<(u64, Option<String>), Error> {
    match all(folder)?.last() {
        None => Ok((0, None)),
        Some((number, folder)) => Ok((*number, Some(read(folder)?.run))),
    }
}

/// Gives the staging folder its manifest and its place among the generations; its name.
pub fn seal(staging: &Path, generations: &Path, generation: &Generation) -> Result<String, Error> {
    let manifest = json(generation);
    let path = staging.join(MANIFEST);
    disk::draft(&path, &manifest).map_err(failed("write", &path))?;
    disk::settle(staging).map_err(failed("write", staging))?;
    let name = name(generation.serial, &manifest);
    let place = generations.join(&name);
    // The same run may have come as far before it was killed.
    disk::clear(&place).map_err(failed("clear", &place))?;
    disk::rename(staging, &place).map_err(failed("write", &place))?;
    Ok(name)
}

/// Takes away what a run made and nobody points at, and the oldest beyond those that are kept.
pub fn tidy(folder: &Path, live: u64, run: &str, kept: usize) -> Result<(), Error> {
    let all = all(folder)?;
    let unused = all.iter().filter(|(number, path)| *number > live && read(path).is_ok_and(|g| g.run == run));
    let older: Vec<_> = all.iter().filter(|(number, _)| *number <= live).collect();
    let many = older.len().saturating_sub(kept);
    for (_, path) in older.into_iter().take(many).chain(unused) {
        // Without its manifest it is none any more, however far the rest comes.
        let manifest = path.join(MANIFEST);
        disk::remove(&manifest).map_err(failed("remove", &manifest))?;
        disk::clear(path).map_err(failed("clear", path))?;
    }
    // Those whose removal was cut short.
    let entries = std::fs::read_dir(folder).map_err(failed("read", folder))?;
    for entry in entries {
        let path = entry.map_err(failed("read", folder))?.path();
        let named = path.file_name().and_then(|n| n.to_str()).is_some_and(|name| number(name).is_some());
        let kind = |path: &Path| std::fs::symlink_metadata(path).ok().map(|about| about.file_type());
        if named && kind(&path).is_some_and(|k| k.is_dir()) && kind(&path.join(MANIFEST)).is_none() {
            disk::clear(&path).map_err(failed("clear", &path))?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_manifest_that_is_no_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join(MANIFEST), folder.path().join("elsewhere"));
        std::fs::write(&elsewhere, "{}").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is no regular file"), "{error}");
        std::fs::remove_file(&path).unwrap();
        // Nobody writes into it: whoever opened it would wait for ever.
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is no regular file"), "{error}");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read(folder.path()).is_err());
    }
}
