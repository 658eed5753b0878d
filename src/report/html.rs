//! Dry-runs as one HTML file that needs nothing else: no network, no other file.
//! May import: `model`, `decide`, `sim`.
//!
//! All that is words (verdict, score, events, notes) is in the document itself, so that it can
//! be read, searched and printed without a script; the charts and the reasons of each tick are
//! data that assets/report.js draws. Texts of policies are escaped here, and only ever set as
//! text there. The document forbids itself, by a content policy of hashes, any script but its
//! own and any request at all.

use super::Pair;
use super::facts::{self, Piece};
use super::numbers::{Clock, count};
use super::pack::pack;
use super::paint::Tone;
use crate::decide::reason;
use crate::model::{EventKind, Time};
use crate::sim::trace::Run;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

const CHARTS: &str = include_str!("../../assets/uPlot.iife.min.js");
const CHARTS_STYLE: &str = include_str!("../../assets/uPlot.min.css");
const CHARTS_LICENCE: &str = include_str!("../../assets/uPlot.LICENSE");
const SCRIPT: &str = include_str!("../../assets/report.js");
const STYLE: &str = include_str!("../../assets/report.css");

/// The report as one HTML document.
pub fn html(pairs: &[Pair<'_>]) -> String {
    let style = format!("\n{CHARTS_STYLE}\n{STYLE}");
    let charts = format!("\n/*!\n{CHARTS_LICENCE}*/\n{CHARTS}");
    let script = format!("\n{SCRIPT}");
    let title = match pairs {
        [(policy, _)] => format!("{} · dry-run", escape(&policy.name.value)),
        _ => format!("{} · dry-run", count(pairs.len() as u64, "policy")),
    };
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str(&format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
         form-action 'none'; style-src '{}'; script-src '{}' '{}'\">\n",
        hash(&style),
        hash(&charts),
        hash(&script),
    ));
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    out.push_str(&format!("<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"));
    out.push_str(
        "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header class=\"top\"><div class=\"brand\">\
         <svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M2 17h4v-5h4V7h4V3h4\"/></svg>luascale\
         <span>dry-run</span></div><button id=\"theme\" type=\"button\" hidden>\
         <span aria-hidden=\"true\">◐</span> <span class=\"what\">Dark</span></button></header>\n<main id=\"main\">\n",
    );
    if pairs.len() != 1 {
        overview(&mut out, pairs);
    }
    let ticks = pairs.iter().map(|(_, run)| run.ticks.len()).sum();
    for (index, pair) in pairs.iter().enumerate() {
        section(&mut out, index, *pair, ticks);
    }
    out.push_str(&format!(
        "</main>\n<footer>luascale {} · this file works offline and loads nothing · times are UTC</footer>\n",
        env!("CARGO_PKG_VERSION")
    ));
    out.push_str(&format!("<script>{charts}</script>\n<script>{script}</script>\n</body>\n</html>\n"));
    out
}

/// A source expression of the content policy for an inline text.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(&Sha256::digest(text.as_bytes())))
}

/// Text between tags and in quoted attributes; what could turn the reading direction or is
/// invisible is written as an escape.
fn escape(raw: &str) -> String {
    let clean = super::paint::clean(raw);
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong => "strong",
        Tone::Dim => "dim",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Out => "out",
        Tone::In => "in",
        Tone::Load => "load",
    }
}

fn pieces(verdict: &[Piece]) -> String {
    let items: Vec<String> =
        verdict.iter().map(|p| format!("<li class=\"{}\">{}</li>", tone(p.tone), escape(&p.text))).collect();
    format!("<ul class=\"verdict\">{}</ul>", items.concat())
}

fn overview(out: &mut String, pairs: &[Pair<'_>]) {
    let (bad, unjudged) = facts::tally(pairs);
    let span = |class: &str, told: Option<String>| {
        told.map_or_else(String::new, |t| format!(" <span class=\"{class}\">{t}</span>"))
    };
    let told = span("bad", bad) + &span("dim", unjudged);
    out.push_str(&format!("<h1>{}{told}</h1>\n", count(pairs.len() as u64, "policy")));
    out.push_str("<nav class=\"policies\" aria-label=\"Policies\">\n");
    for (index, (pair, title)) in pairs.iter().zip(facts::titles(pairs)).enumerate() {
        let verdict = facts::verdict(*pair);
        out.push_str(&format!(
            "<a href=\"#policy-{index}\" data-policy=\"{index}\"><i class=\"mark {}\"></i><b>{}</b>{}</a>\n",
            tone(facts::standing(*pair)),
            escape(&title),
            pieces(&verdict)
        ));
    }
    out.push_str("</nav>\n");
}

fn section(out: &mut String, index: usize, pair: Pair<'_>, all_ticks: usize) {
    let (policy, run) = pair;
    let verdict = facts::verdict(pair);
    out.push_str(&format!(
        "<section class=\"policy\" id=\"policy-{index}\" data-policy=\"{index}\">\n<div class=\"head\">\
         <h2><i class=\"mark {}\"></i>{}</h2>{}<p class=\"extent\">{}<br>{}</p></div>\n",
        tone(facts::standing(pair)),
        escape(&policy.name.value),
        pieces(&verdict),
        escape(&facts::extent(pair, "–")),
        escape(
            &[Some(run.source.clone()), facts::recording(run)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" on ")
        ),
    ));
    alerts(out, pair);
    if facts::measured(run) {
        cards(out, pair);
    }
    if run.ticks.len() == 1 {
        one_tick(out, pair);
    } else if !run.ticks.is_empty() {
        let data = pack(pair, all_ticks).to_string();
        // Inside a script element only `</script` and `<!--` matter, and both begin with `<`.
        let data = data.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        out.push_str(&format!(
            "<div class=\"bench\"><div class=\"charts\"><noscript>The charts need JavaScript; all else is here.\
             </noscript></div><aside class=\"tick\" aria-label=\"The tick under the pointer\"></aside></div>\n\
             <script type=\"application/json\" class=\"data\">{data}</script>\n"
        ));
    }
    events(out, pair);
    if facts::silent_script(pair).is_none() {
        list(out, "Notes", run.notes.iter().map(|n| escape(n)));
    }
    let clock = clock(run);
    let printed = run.printed.iter().map(|line| {
        let tick = line.tick.and_then(|t| run.ticks.get(t as usize));
        let time = tick.map_or_else(|| "while loading".into(), |t| moment(run, clock, t.time));
        format!("<time>{time}</time> <code>{}</code>", escape(&line.text))
    });
    list(out, "Printed", printed);
    out.push_str("</section>\n");
}

/// One tick has no course that a chart could draw; without samples it has no time either.
fn one_tick(out: &mut String, (policy, run): Pair<'_>) {
    let why = if facts::judged(run) {
        "No chart: this run is one tick."
    } else {
        "No chart: there are no samples, so the policy was run at one tick, without metrics."
    };
    out.push_str(&format!("<p class=\"alert note\">{why}</p>\n"));
    let steps = run.steps_of(0).iter().map(|step| escape(&reason::words(policy, step)));
    list(out, "Why", steps);
}

fn list(out: &mut String, heading: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.map(|item| format!("<li>{item}</li>\n")).collect();
    if !items.is_empty() {
        out.push_str(&format!("<h3>{heading}</h3>\n<ul class=\"notes\">\n{}</ul>\n", items.concat()));
    }
}

fn alerts(out: &mut String, pair: Pair<'_>) {
    let (_, run) = pair;
    let mut alert = |class: &str, text: String| {
        out.push_str(&format!("<p class=\"alert {class}\">{text}</p>\n"));
    };
    if let Some(ended) = &run.ended {
        alert("bad", format!("<b>Ended early.</b> {}", escape(ended)));
    }
    let clock = clock(run);
    for failed in &run.faults {
        let fault = &failed.fault;
        let time =
            run.ticks.get(failed.tick as usize).map_or_else(String::new, |t| moment(run, clock, t.time));
        let line = if fault.line > 0 { format!(":{}", fault.line) } else { String::new() };
        alert(
            "bad",
            format!(
                "<b>{}</b> {} <span>({}{line}, {time}, {})</span>",
                escape(&fault.function),
                escape(&fault.message),
                escape(&fault.source),
                count(failed.times.into(), "tick")
            ),
        );
    }
    if facts::scalings(run) == 0 && !run.ticks.is_empty() {
        let reasons = facts::why_nothing(pair, 3);
        let reasons: Vec<String> = reasons.iter().map(|r| format!("<br>{}", escape(r))).collect();
        alert("note", format!("<b>Why nothing happened</b>{}", reasons.concat()));
    }
}

fn cards(out: &mut String, pair: Pair<'_>) {
    out.push_str("<dl class=\"cards\">\n");
    for figure in facts::figures(pair) {
        let note =
            figure.note.map_or_else(String::new, |n| format!("<dd class=\"note\">{}</dd>", escape(&n)));
        out.push_str(&format!(
            "<div class=\"{}\"><dt>{}</dt><dd>{}</dd>{note}</div>\n",
            tone(figure.tone),
            figure.label,
            escape(&figure.value)
        ));
    }
    out.push_str("</dl>\n");
}

fn clock(run: &Run) -> Clock {
    match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) => Clock::between(first.time, last.time),
        _ => Clock::Full,
    }
}

/// An instant of a run; without samples its one tick is at no time that means anything.
fn moment(run: &Run, clock: Clock, time: Time) -> String {
    if facts::judged(run) { clock.show(time) } else { "at the one tick".into() }
}

fn events(out: &mut String, pair: Pair<'_>) {
    let (_, run) = pair;
    if run.events.is_empty() {
        return;
    }
    let clock = clock(run);
    out.push_str(&format!(
        "<h3>Events <span class=\"dim\">{}</span></h3>\n<ol class=\"events\" tabindex=\"0\" aria-label=\"Events\">\n",
        super::numbers::thousands(&run.events.len().to_string())
    ));
    for happened in &run.events {
        let event = &happened.event;
        let (class, what) = match event.kind {
            EventKind::ScaleOut => ("out", format!("▲ {} → {}", event.from, event.to)),
            EventKind::ScaleIn => ("in", format!("▼ {} → {}", event.from, event.to)),
            EventKind::AtMax => ("warn", "● at max".into()),
            EventKind::AtMin => ("dim", "● at min".into()),
            EventKind::MetricsLost => ("bad", "● metrics lost".into()),
        };
        let effects: Vec<String> = happened
            .effects
            .iter()
            .map(|e| format!("<span class=\"effect\">would {}</span>", escape(&super::effect(e))))
            .collect();
        out.push_str(&format!(
            "<li><button type=\"button\" data-tick=\"{}\"><time>{}</time><b class=\"{class}\">{what}</b>\
             <span>{}</span>{}</button></li>\n",
            happened.tick,
            moment(run, clock, event.time),
            escape(&facts::why(pair, happened)),
            effects.concat()
        ));
    }
    out.push_str("</ol>\n");
}
