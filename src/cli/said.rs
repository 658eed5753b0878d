//! What a review says: the findings at their places, the summary, the report beside the commit. May
//! import: everything.

use super::failure::{Failure, status};
use super::looked::Looked;
use super::{ci, files, linted};
use crate::forge::{Annotation, Conclusion, Report};
use crate::git::{self, Oid, Repo, Side, short};
use crate::model::{Finding, Level};
use crate::report::places::{self, Base, Places};
use crate::report::{self, hosts};
use crate::review::{Placed, Touched, between};
use crate::text::Source;

/// Most characters of the title of what is said beside the commit.
const TITLE: usize = 200;

/// A finding and where it is.
pub struct Home {
    /// Its place among the findings.
    at: usize,
    path: String,
    line: u32,
    to: u32,
    words: String,
    /// The place of its text among the sources.
    source: Option<usize>,
}

impl Home {
    /// As the core takes it.
    pub fn of<'a>(&'a self, looked: &'a Looked) -> Placed<'a> {
        Placed {
            finding: &looked.findings[self.at],
            path: &self.path,
            line: self.line,
            source: self.source.and_then(|at| looked.sources.get(at)),
            words: &self.words,
        }
    }
}

/// All findings at their places.
pub fn placed(looked: &Looked) -> Vec<Home> {
    // Names of a commit's files start at the repository's root.
    let base = Base::default();
    let places = Places::new(&looked.sources, &base);
    let one = |(at, finding): (usize, &Finding)| {
        let home = places.home(finding, &looked.sources);
        let name = finding.labels.first().map(|label| &*label.source);
        let source = |source: &Source| Some(&*source.name) == name;
        // What ends at the start of a line is about the line before.
        let ends = home.end.line.saturating_sub(u32::from(home.end.column == 1));
        Home {
            at,
            path: home.path,
            line: home.start.line,
            to: ends.max(home.start.line),
            words: places::words(finding, &places),
            source: looked.sources.iter().position(source),
        }
    };
    looked.findings.iter().enumerate().map(one).collect()
}

/// The summary in the conversation: what each part came to, what the change means and would have
/// done, and what would be applied. The same for the same commit, so that nothing is said twice.
pub fn texts(looked: &Looked, head: Oid) -> String {
    let word = report::markdown::words;
    // A request that has nothing to do with policies is left alone.
    let untouched = looked.parts.iter().any(|part| part.figures.changes == Some(0));
    let well = looked.parts.iter().all(|part| part.status == status::CLEAN);
    if looked.findings.is_empty() && untouched && well {
        return String::new();
    }
    let mut out = format!("Of `{}`.\n\n| | part | result |\n|-|-|-|\n", short(head));
    for part in &looked.parts {
        let mark = if part.status == status::CLEAN { "✅" } else { "❌" };
        let hints: String = part.hints.iter().map(|hint| format!("<br>{}", word(hint))).collect();
        out.push_str(&format!("| {mark} | {} | {}{hints} |\n", part.name, word(&part.said)));
    }
    // The findings are on their lines; of a plan its end is told by the plan itself.
    for part in looked.parts.iter().filter(|part| part.name != "check") {
        let lasting: Vec<&str> =
            part.markdown.trim().lines().filter(|line| !line.contains(", to be applied until ")).collect();
        if !lasting.is_empty() {
            out.push_str(&format!(
                "\n<details open><summary>{}</summary>\n\n{}\n\n</details>\n",
                part.name,
                lasting.join("\n").trim_end()
            ));
        }
    }
    if let Some((digest, _)) = &looked.digest {
        out.push_str(&format!("\nWhat approvals bind to: `{digest}`\n"));
    }
    out
}

/// What is said beside the commit; `lenient` where nothing that is found is to fail.
pub fn report(looked: &Looked, status: u8, head: Oid, scope: &str, lenient: bool) -> Report {
    let base = Base::default();
    let places = placed(looked);
    let annotation = |home: &Home| {
        let finding = &looked.findings[home.at];
        Annotation {
            path: home.path.clone(),
            from: home.line,
            to: home.to,
            level: finding.level,
            title: finding.rule.clone(),
            message: home.words.clone(),
        }
    };
    let grave =
        looked.findings.iter().any(|finding| finding.level != Level::Note && !linted::is_of_change(finding));
    let [check, diff, _] = &looked.parts;
    let title = match status {
        status::CLEAN | status::FINDINGS => format!("{}; {}", check.said, diff.said),
        _ => ci::verdict(&looked.parts, status),
    };
    let title: String = report::line(&title).chars().take(TITLE).collect();
    Report {
        name: if scope.is_empty() { "luascale".to_owned() } else { format!("luascale ({scope})") },
        head: head.to_string(),
        conclusion: match status {
            // Something was found, and it was said that nothing is to fail for it.
            status::CLEAN if lenient && grave => Conclusion::Neutral,
            status::CLEAN => Conclusion::Success,
            _ => Conclusion::Failure,
        },
        digest: looked.digest.as_ref().map(|(digest, _)| digest.clone()),
        statement: looked.digest.as_ref().map(|(_, statement)| statement.clone()),
        title,
        summary: lasting(&ci::summary_markdown(&looked.parts, status, &short(head))),
        annotations: places.iter().map(annotation).collect(),
        quality: hosts::gitlab(&looked.findings, &looked.sources, &base),
    }
}

/// A text without the day on which a plan ends, which is another one each time.
fn lasting(text: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(", to be applied until ")).collect();
    format!("{}\n", kept.join("\n"))
}

/// The files between two commits with their hunks, where no forge can be asked for them.
///
/// # Errors
/// Where the repository cannot be read.
pub fn touched(repo: &Repo, before: Option<Oid>, head: Oid) -> Result<Vec<Touched>, Failure> {
    let before = before.map_or(Side::Empty, Side::Commit);
    let (old, new) = (repo.snapshot(&before)?, repo.snapshot(&Side::Commit(head))?);
    let mut touched = Vec::new();
    for change in repo.changes(&before, &Side::Commit(head))? {
        let Some(path) = &change.after else { continue };
        let text = |snapshot: &git::Snapshot, path: &[u8]| {
            String::from_utf8(snapshot.read(path, files::MAX_SOURCE).ok()?).ok()
        };
        let was = match &change.before {
            Some(before) => text(&old, before),
            None => Some(String::new()),
        };
        let hunks = was.zip(text(&new, path)).map(|(was, is)| between(&was, &is));
        touched.push(Touched { path: git::shown_path(path), hunks });
    }
    Ok(touched)
}
