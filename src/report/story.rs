//! A policy's story, commit by commit. May import: `change`, siblings.

use super::Layout;
use super::diff::changes;
use super::paint::{Tone, clean, inert};
use super::text::push_wrapped;
use crate::change::difference::{Differing, Fate};
use crate::model::Time;
use crate::text::short_commit;
use serde_json::json;

/// A commit of the story.
pub struct Chapter<'a> {
    /// The commit's identifier.
    pub commit: String,
    /// Who wrote it.
    pub author: &'a str,
    /// When, in seconds since 1970.
    pub time: i64,
    /// The first line of its message.
    pub summary: &'a str,
    /// The policy's name at it.
    pub policy: &'a str,
    /// What it did; `None` where the policy does not load.
    pub change: Option<&'a Differing>,
    /// Whether history was cut off before it, so that what it did cannot be told.
    pub cut: bool,
}

/// For a terminal, newest first, with ANSI colours.
pub fn text(policy: &str, chapters: &[Chapter<'_>], layout: &Layout) -> String {
    let mut out = String::new();
    if chapters.is_empty() {
        push_wrapped(&mut out, "", &format!("no commit changed {}", clean(policy)), Tone::Plain, layout);
    }
    for (at, chapter) in chapters.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let day = Time(chapter.time.saturating_mul(1000)).to_string();
        let day = day.get(..10).unwrap_or(&day);
        out.push_str(&format!(
            "{} {} {}\n",
            Tone::Warn.paint(short_commit(&chapter.commit)),
            Tone::Dim.paint(&format!("{day} {}", clean(chapter.author))),
            Tone::Strong.paint(&clean(chapter.summary))
        ));
        let Some(change) = chapter.change else {
            push_wrapped(
                &mut out,
                "  ",
                &format!("{} does not load here: skipped", clean(chapter.policy)),
                Tone::Bad,
                layout,
            );
            continue;
        };
        match change.fate {
            Fate::Added if chapter.cut => {
                let text = format!("as it is here: {}", clean(&change.summary));
                push_wrapped(&mut out, "  ", &text, Tone::Plain, layout);
            }
            Fate::Added => push_wrapped(
                &mut out,
                "  ",
                &format!("added: {}", clean(&change.summary)),
                Tone::Good,
                layout,
            ),
            Fate::Renamed => {
                let was = change.was.as_deref().unwrap_or_default();
                push_wrapped(&mut out, "  ", &format!("renamed from {}", clean(was)), Tone::Plain, layout);
            }
            _ => {}
        }
        if let Some(was) = &change.was_path {
            push_wrapped(&mut out, "  ", &format!("moved from {}", clean(was)), Tone::Plain, layout);
        }
        if change.is_cosmetic() && change.changes.is_empty() {
            push_wrapped(&mut out, "  ", "no change of meaning", Tone::Dim, layout);
        }
        changes(&mut out, &change.changes, layout);
    }
    inert(out)
}

/// For programs.
pub fn json(policy: &str, chapters: &[Chapter<'_>]) -> String {
    let all: Vec<_> = chapters
        .iter()
        .map(|chapter| {
            json!({
                "commit": chapter.commit,
                "author": chapter.author,
                "time": Time(chapter.time.saturating_mul(1000)).to_string(),
                "summary": chapter.summary,
                "policy": chapter.policy,
                "loads": chapter.change.is_some(),
                "cut": chapter.cut,
                "change": chapter.change.filter(|_| !chapter.cut).map(super::diff_pages::policy),
            })
        })
        .collect();
    let shallow = chapters.iter().any(|chapter| chapter.cut);
    format!("{:#}\n", json!({ "version": 1, "policy": policy, "shallow": shallow, "commits": all }))
}
