//! Dry-runs as GitHub-flavoured Markdown, for a comment on a pull request or a job summary.
//! May import: `model`, `sim`.

use super::Pair;
use super::diff_lines::MERMAID;
use super::extremes::thinned;
use super::facts::{self, figures};
use super::numbers::{Clock, thousands};
use super::paint::Tone;
use crate::model::{EventKind, Finding, Level};
use crate::sim::trace::Run;

/// Events listed a policy.
const EVENTS: usize = 15;
/// Points of a chart; mermaid draws them all.
const POINTS: usize = 60;
/// Longest text of anybody's choosing.
const TEXT: usize = 300;
/// Rows of the table of policies.
const POLICIES: usize = 100;
/// Bytes of the whole: a comment on GitHub takes 65,536 characters, and its poster adds a few.
const WHOLE: usize = 60_000;

/// The report as Markdown. Texts from policies are neutralised: they make no mention, link,
/// image, HTML, code fence or table cell of their own. The whole fits a comment on GitHub.
pub fn markdown(pairs: &[Pair<'_>]) -> String {
    let mut out = String::from("## Dry-run\n\n");
    if pairs.len() != 1 {
        out.push_str("| | policy | replica-hours | under-provisioned | scaled | flaps | peak |\n");
        out.push_str("|-|-|-:|-:|-:|-:|-:|\n");
        for (pair, title) in pairs.iter().zip(facts::titles(pairs)).take(POLICIES) {
            let figures = figures(*pair);
            let figure = |key| figures.iter().find(|f| f.key == key).map_or("", |f| f.value.as_str());
            out.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                mark(*pair),
                text(&title),
                figure("replica_hours"),
                figure("under_provisioned_minutes"),
                figure("scaling_events"),
                figure("flaps"),
                figure("peak"),
            ));
        }
        out.push('\n');
    }
    let mut told = 0;
    for (pair, title) in pairs.iter().zip(facts::titles(pairs)) {
        let mut part = String::new();
        section(&mut part, *pair, &title, pairs.len() > 1);
        if out.len() + part.len() > WHOLE {
            break;
        }
        out.push_str(&part);
        told += 1;
    }
    if told < pairs.len() {
        let left = super::numbers::count((pairs.len() - told) as u64, "policy");
        out.push_str(&format!("{left} told in no more detail here: a comment has its limit.\n"));
    }
    out
}

fn mark(pair: Pair<'_>) -> &'static str {
    match facts::standing(pair) {
        Tone::Bad => "🔴",
        Tone::Dim => "–",
        Tone::Warn => "🟡",
        _ => "🟢",
    }
}

fn section(out: &mut String, pair: Pair<'_>, title: &str, folded: bool) {
    let run = pair.1;
    let verdict: Vec<String> = facts::verdict(pair).iter().map(|p| text(&p.text)).collect();
    let head = format!("{} **{}** {}", mark(pair), text(title), verdict.join(", "));
    if folded {
        // Inside <summary> Markdown is not read, so its text is HTML alone.
        let html = format!("{} <b>{}</b> {}", mark(pair), text(title), verdict.join(", "));
        out.push_str(&format!("<details><summary>{html}</summary>\n\n"));
    } else {
        out.push_str(&format!("{head}\n\n"));
    }
    let from = facts::recording(run).map_or_else(String::new, |r| format!(", {}", text(&r)));
    out.push_str(&format!("{}{from}\n\n", facts::extent(pair, "–")));
    if let Some(ended) = &run.ended {
        out.push_str(&format!("**Ended early:** {}\n\n", text(ended)));
    }
    for failed in run.faults.iter().take(EVENTS) {
        let fault = &failed.fault;
        out.push_str(&format!(
            "- **{}** {} ({}:{}), {} ticks\n",
            text(&fault.function),
            text(&fault.message),
            text(&fault.source),
            fault.line,
            failed.times
        ));
    }
    out.push_str(if run.faults.is_empty() { "" } else { "\n" });
    if facts::scalings(run) == 0 && !run.ticks.is_empty() {
        for reason in facts::why_nothing(pair, 3) {
            out.push_str(&format!("- {}\n", text(&reason)));
        }
        out.push('\n');
    }
    chart(out, run);
    if facts::measured(run) {
        score(out, pair);
    }
    events(out, pair);
    // Of a script that does nothing the notes are the reasons, and were told as such.
    let notes = if facts::silent_script(pair).is_some() { [].as_slice() } else { run.notes.as_slice() };
    for line in notes.iter().take(EVENTS) {
        out.push_str(&format!("> {}\n", text(line)));
    }
    out.push_str(if notes.is_empty() { "" } else { "\n" });
    if folded {
        out.push_str("</details>\n\n");
    }
}

fn score(out: &mut String, pair: Pair<'_>) {
    out.push_str("| score | |\n|-|-:|\n");
    for figure in figures(pair) {
        out.push_str(&format!("| {} | {} |\n", figure.label, text(&figure.value)));
    }
    out.push('\n');
}

fn events(out: &mut String, pair: Pair<'_>) {
    let (_, run) = pair;
    if run.events.is_empty() {
        return;
    }
    let clock = match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) => Clock::between(first.time, last.time),
        _ => Clock::Full,
    };
    out.push_str("| time (UTC) | event | reason |\n|-|-|-|\n");
    for happened in run.events.iter().take(EVENTS) {
        let event = &happened.event;
        let what = match event.kind {
            EventKind::ScaleOut | EventKind::ScaleIn => {
                let sign = if event.kind == EventKind::ScaleOut { "▲" } else { "▼" };
                format!("{sign} {} → {}", event.from, event.to)
            }
            kind => text(kind.name()),
        };
        let reason = text(&facts::why(pair, happened));
        let time = if facts::judged(run) { clock.show(event.time) } else { "–".into() };
        out.push_str(&format!("| {time} | {what} | {reason} |\n"));
    }
    out.push('\n');
    if run.events.len() > EVENTS {
        let more = thousands(&(run.events.len() - EVENTS).to_string());
        out.push_str(&format!("and {more} more events\n\n"));
    }
}

/// Replicas and the ceiling as a mermaid chart. The title and axes are words of our own.
fn chart(out: &mut String, run: &Run) {
    if run.ticks.len() < 2 {
        return;
    }
    let list = |of: &dyn Fn(&crate::sim::trace::Tick) -> u32| series(run.ticks.iter().map(of).collect());
    let top = run.ticks.iter().map(|t| t.desired.max(t.bounds.min)).max().unwrap_or(1).max(1);
    let hours =
        run.ticks.last().zip(run.ticks.first()).map_or(0.0, |(l, f)| l.time.since(f.time).seconds() / 3600.0);
    out.push_str(&format!(
        "{MERMAID}  title \"replicas: grey min, blue wanted\"\n  x-axis \"hours\" 0 --> {:.2}\n  y-axis \"replicas\" 0 --> {top}\n  line [{}]\n  line [{}]\n```\n\n",
        hours.max(0.01),
        list(&|t| t.bounds.min),
        list(&|t| t.desired),
    ));
}

/// A series as mermaid has it: as many points as it draws readably, no peak lost.
pub(super) fn series(values: Vec<u32>) -> String {
    let points: Vec<String> = thinned(&values, POINTS).iter().map(u32::to_string).collect();
    points.join(", ")
}

/// A finding as an item of a list, with its place in words.
pub fn finding(finding: &Finding, place: &str) -> String {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let help = finding.help.as_ref().map_or(String::new(), |help| format!(". {}", text(help)));
    format!("- {level} {}: {}{help} ({})\n", text(&finding.rule), text(&finding.message), text(place))
}

/// A text of anybody's choosing, for a table of another module.
pub fn words(raw: &str) -> String {
    text(raw)
}

/// A text of anybody's choosing as plain words: on one line, cut when long, with every
/// character that Markdown, HTML or GitHub would act on where it stands as a character reference.
pub fn text(raw: &str) -> String {
    let clean: Vec<char> = super::paint::clean(raw).chars().collect();
    let mut out = String::with_capacity(clean.len() + 16);
    for (i, c) in clean.iter().copied().enumerate() {
        if i == TEXT {
            out.push('…');
            break;
        }
        let before = i.checked_sub(1).and_then(|i| clean.get(i)).copied().unwrap_or(' ');
        let after = clean.get(i + 1).copied().unwrap_or(' ');
        let acts = match c {
            '&' | '<' | '>' | '`' | '|' | '*' | '~' | '[' | ']' | '\\' | '$' | '@' | '#' => true,
            // `scale_out` is no emphasis, `_so_` is.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            // `https://…` and `www.…` would become links.
            ':' => after == '/',
            '.' => matches!(before, 'w' | 'W'),
            // At the start of a quote or an item these begin a list.
            '-' | '+' => i == 0,
            _ => false,
        };
        if acts {
            out.push_str(&format!("&#{};", c as u32));
        } else {
            out.push(c);
        }
        // GitHub looks for mentions and issues after the references are resolved, `GH-12` too.
        let issue = c == '-' && matches!(before, 'h' | 'H') && after.is_ascii_digit();
        if matches!(c, '@' | '#') || issue {
            out.push('\u{200b}');
        }
    }
    out
}

/// A text of anybody's choosing for what shows it as it is: nobody is mentioned and no issue named in
/// it, wherever it is copied to.
pub fn plain(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 16);
    let mut before = ' ';
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let issue = c == '-' && matches!(before, 'h' | 'H') && chars.peek().is_some_and(char::is_ascii_digit);
        if matches!(c, '@' | '#') || issue {
            out.push('\u{200b}');
        }
        before = c;
    }
    out
}
