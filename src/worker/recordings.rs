//! Which files make one recording, and which are recordings of their own. May import: the core.
//!
//! Files that hold different metrics, or the same at different times, are parts of one recording
//! and are merged; a file that tells a metric for a time that an earlier one tells is another
//! recording, and is run by itself. Each test of a YAML file is by itself: its expectations are
//! about what it says.

use super::{Purpose, SampleFile};
use crate::model::{Finding, Time};
use crate::sim::RunOptions;
use crate::sim::cases::{Case, read_cases};
use crate::sim::samples::{self, Format};
use crate::sim::series::{Samples, Series, Values};
use crate::text::{Source, Spanned};

/// A recording, ready to be run on.
#[derive(Debug)]
pub struct Recording {
    /// Names of its files.
    pub names: Vec<String>,
    /// What they hold.
    pub samples: Samples,
    /// The test that it belongs to.
    pub test: Option<Test>,
}

/// A test of a YAML file.
#[derive(Debug)]
pub struct Test {
    /// The file.
    pub source: Source,
    /// The test; its samples have become those of the recording.
    pub case: Case,
}

/// All recordings of a policy.
#[derive(Debug, Default)]
pub struct Recordings {
    /// In the order of their first files.
    pub recordings: Vec<Recording>,
    /// Tests that are about another policy: the file, the name, its place.
    pub foreign: Vec<(String, Spanned<String>)>,
}

/// What is wrong with the files, and their texts.
pub type Refused = (Vec<Finding>, Vec<Source>);

impl Recording {
    /// How it is run: as the command says, else as the test does.
    pub fn options(&self, given: &RunOptions) -> RunOptions {
        let Some(test) = &self.test else { return given.clone() };
        let own = &test.case.options;
        RunOptions {
            kind: given.kind.or(own.kind),
            recorded_replicas: given.recorded_replicas.or(own.recorded_replicas),
            scenarios: own.scenarios.iter().chain(&given.scenarios).cloned().collect(),
        }
    }
}

/// Reads the files and sorts them into recordings. Without any file a dry-run has one recording
/// of nothing, to look at a policy on its own.
///
/// # Errors
/// The findings of all files, and the texts that they point into.
pub fn read(files: &[SampleFile], purpose: Purpose, policy: &str) -> Result<Recordings, Refused> {
    let mut all = Sorted::default();
    for file in files {
        if let Err(found) = all.file(file, policy) {
            all.findings.extend(found);
            all.sources.push(text(file));
        }
    }
    if !all.findings.is_empty() {
        return Err((all.findings, all.sources));
    }
    let Sorted { mut groups, columns, mut tests, foreign, .. } = all;
    match purpose {
        Purpose::Test => {
            groups.clear();
            tests.retain(|(_, test)| !test.case.expectations.is_empty());
        }
        // What has no expectations is a recording, however it is written.
        Purpose::Check => tests.retain(|(_, test)| test.case.expectations.is_empty()),
        Purpose::DryRun if !groups.is_empty() => tests.clear(),
        Purpose::DryRun if tests.is_empty() => groups.push(Vec::new()),
        Purpose::DryRun => {}
    }
    let groups = groups.into_iter().map(|parts| (parts, None));
    let tests = tests.into_iter().map(|(part, test)| (vec![part], Some(test)));
    let mut findings = Vec::new();
    let mut recordings = Vec::new();
    for (mut parts, test) in groups.chain(tests) {
        // A column that a metric names is read where the recording does not tell the metric.
        for column in &columns {
            if parts.iter().all(|(_, samples)| !overlap(samples, &column.1)) {
                parts.push(column.clone());
            }
        }
        let mut names: Vec<String> = parts.iter().map(|(name, _)| name.clone()).collect();
        names.dedup();
        match samples::merge(parts) {
            Ok(samples) => recordings.push(Recording { names, samples, test }),
            Err(found) => findings.extend(found),
        }
    }
    if findings.is_empty() { Ok(Recordings { recordings, foreign }) } else { Err((findings, Vec::new())) }
}

/// What a file or a part of it holds, by its name.
type Part = (String, Samples);

/// Files on their way to recordings.
#[derive(Default)]
struct Sorted {
    groups: Vec<Vec<Part>>,
    columns: Vec<Part>,
    tests: Vec<(Part, Test)>,
    foreign: Vec<(String, Spanned<String>)>,
    findings: Vec<Finding>,
    sources: Vec<Source>,
}

impl Sorted {
    fn file(&mut self, file: &SampleFile, policy: &str) -> Result<(), Vec<Finding>> {
        if let Some((metric, column)) = &file.column {
            let samples = samples::read_column(&file.bytes, &file.name, column, metric, &file.options)?;
            self.columns.push((file.name.clone(), samples));
        } else if is_yaml(file) {
            for mut case in read_cases(&file.bytes, &file.name, &file.options)? {
                match &case.policy {
                    Some(named) if named.value != policy => {
                        self.foreign.push((file.name.clone(), named.clone()))
                    }
                    _ => {
                        let name = format!("{}: {}", file.name, case.name);
                        let samples = std::mem::take(&mut case.samples);
                        self.tests.push(((name, samples), Test { source: text(file), case }));
                    }
                }
            }
        } else {
            let samples = samples::read(&file.bytes, &file.name, &file.options)?;
            let fits = |group: &&mut Vec<Part>| group.iter().all(|(_, other)| !overlap(other, &samples));
            match self.groups.iter_mut().find(fits) {
                Some(group) => group.push((file.name.clone(), samples)),
                None => self.groups.push(vec![(file.name.clone(), samples)]),
            }
        }
        Ok(())
    }
}

fn text(file: &SampleFile) -> Source {
    Source::new(file.name.as_str(), String::from_utf8_lossy(&file.bytes))
}

fn is_yaml(file: &SampleFile) -> bool {
    match file.options.format {
        Some(format) => format == Format::Yaml,
        None => file.name.ends_with(".yaml") || file.name.ends_with(".yml"),
    }
}

/// Whether two files tell the same metric of the same region at the same time.
fn overlap(a: &Samples, b: &Samples) -> bool {
    let meet = |x: &Series, y: &Series| match (range(x), range(y)) {
        (Some((from, to)), Some((start, end))) => from <= end && start <= to,
        _ => false,
    };
    let same = |x: &Series, y: &Series| x.metric == y.metric && x.region == y.region && meet(x, y);
    a.series.iter().any(|x| b.series.iter().any(|y| same(x, y)))
}

fn range(series: &Series) -> Option<(Time, Time)> {
    match &series.values {
        Values::Scalar(track) => track.range(),
        Values::Replicas(track) => track.range(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::samples::ReadOptions;

    fn file(name: &str, text: &str) -> SampleFile {
        SampleFile { name: name.into(), bytes: text.into(), options: ReadOptions::default(), column: None }
    }

    fn named(files: &[SampleFile], purpose: Purpose) -> Vec<String> {
        let read = read(files, purpose, "web").unwrap();
        read.recordings.iter().map(|r| r.names.join("+")).collect()
    }

    #[test]
    fn the_linter_judges_recordings_and_not_what_tests_made_up() {
        let cpu = file("cpu.csv", "time,cpu\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,1\n");
        let plain = TEST.replace("expect: [ { at: 2m, replicas: 1 } ]\n", "");
        let files = [cpu, file("t.yaml", TEST), file("plain.yaml", &plain)];
        assert_eq!(named(&files, Purpose::Check), ["cpu.csv", "plain.yaml: test 1"]);
        assert_eq!(named(&[file("t.yaml", TEST)], Purpose::Check), Vec::<String>::new());
        assert_eq!(named(&[], Purpose::Check), Vec::<String>::new());
    }

    const TEST: &str = "start: 2026-01-01T00:00:00Z\ninterval: 1m\nseries: { cpu: \"1x5\" }\nexpect: [ { at: 2m, replicas: 1 } ]\n";

    #[test]
    fn parts_are_merged_and_rivals_are_recordings_of_their_own() {
        let cpu = file("cpu.csv", "time,cpu\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,1\n");
        let rps = file("rps.csv", "time,rps\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,1\n");
        let later = file("later.csv", "time,cpu\n2026-01-01T00:02:00Z,1\n2026-01-01T00:03:00Z,1\n");
        let rival = file("rival.csv", "time,cpu\n2026-01-01T00:00:30Z,2\n2026-01-01T00:01:30Z,2\n");
        let files = [cpu, rps, later, rival];
        assert_eq!(named(&files, Purpose::DryRun), ["cpu.csv+rps.csv+later.csv", "rival.csv"]);
        assert_eq!(named(&files, Purpose::Test), Vec::<String>::new());
        assert_eq!(named(&[], Purpose::DryRun), [""]);
    }

    #[test]
    fn tests_are_by_themselves_and_looked_at_only_where_there_is_nothing_else() {
        let cpu = file("cpu.csv", "time,cpu\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,1\n");
        let test = file("t.yaml", TEST);
        let other = file("o.yaml", &format!("policy: other\n{TEST}"));
        assert_eq!(named(&[cpu, file("t.yaml", TEST)], Purpose::DryRun), ["cpu.csv"]);
        assert_eq!(named(&[file("t.yaml", TEST)], Purpose::DryRun), ["t.yaml: test 1"]);
        let read = read(&[test, other], Purpose::Test, "web").unwrap();
        assert_eq!(read.recordings.len(), 1);
        assert_eq!(
            read.foreign.iter().map(|(f, p)| (f.as_str(), p.value.as_str())).collect::<Vec<_>>(),
            [("o.yaml", "other")]
        );
    }

    #[test]
    fn all_files_are_read_before_anything_is_refused() {
        let (findings, sources) =
            read(&[file("a.csv", "time,cpu\nx,1\n"), file("b.csv", "")], Purpose::DryRun, "web").unwrap_err();
        assert!(findings.len() >= 2, "{findings:?}");
        assert_eq!(sources.len(), 2);
    }
}
