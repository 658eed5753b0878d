//! Check runs: what was found of a commit, beside it. May import: siblings, the modules above,
//! `review`, `model`.

use super::super::{Annotation, Failed, Report, Why};
use super::client::Client;
use crate::model::Level;
use crate::report::markdown::plain;
use crate::report::{safe, segment};
use crate::review::{MOST_BYTES, cut_bytes};
use serde_json::{Value, json};

/// Most annotations of one request; further ones are added by further requests.
const AT_ONCE: usize = 50;

/// Most annotations of one check run: as many as fit into a minute of writes.
const MOST: usize = 4000;

/// Most characters of an annotation's title.
const TITLE: usize = 255;

/// Most bytes of an annotation's message.
const MESSAGE: usize = 64 << 10;

/// Says it, unless the newest check run of that name says the same already.
pub(super) fn report(client: &Client, report: &Report) -> Result<bool, Failed> {
    let output = output(report);
    if said(client, report, &output)?.is_some() {
        return Ok(false);
    }
    let annotations: Vec<Value> = sorted(report).into_iter().take(MOST).map(annotation).collect();
    let mut parts: Vec<&[Value]> = annotations.chunks(AT_ONCE).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let last = parts.len() - 1;
    let mut id: Option<u64> = None;
    for (at, part) in parts.into_iter().enumerate() {
        let mut output = output.clone();
        set(&mut output, "annotations", json!(part));
        let mut body = json!({ "output": output });
        // Until all annotations are there it has not ended: what is cut off has not succeeded.
        if at == last {
            set(&mut body, "status", json!("completed"));
            set(&mut body, "conclusion", json!(report.conclusion.name()));
        } else {
            set(&mut body, "status", json!("in_progress"));
        }
        match id {
            Some(id) => append(client, id, &body, (at + 1) * AT_ONCE)?,
            None => {
                set(&mut body, "name", json!(report.name));
                set(&mut body, "head_sha", json!(report.head));
                if let Some(digest) = &report.digest {
                    set(&mut body, "external_id", json!(digest));
                }
                id = Some(create(client, report, &body, &output, at == last)?);
            }
        }
    }
    Ok(true)
}

/// Creates it; where the answer is lost it is looked for.
fn create(
    client: &Client,
    report: &Report,
    body: &Value,
    output: &Value,
    ended: bool,
) -> Result<u64, Failed> {
    let mut before = newest(client, report)?.as_ref().and_then(id_of);
    let mut attempt = 1;
    loop {
        let failed = match client.post("check-runs", body) {
            Ok(made) => return id_of(&made).ok_or_else(|| Failed::odd("the check run has no id")),
            Err(failed) => failed,
        };
        if failed.why != Why::Unknown {
            return Err(failed);
        }
        let found = newest(client, report)?;
        let same = |run: &&Value| {
            id_of(run) != before && matches(run, report, output, ended.then(|| report.conclusion.name()))
        };
        if let Some(id) = found.as_ref().filter(same).and_then(id_of) {
            return Ok(id);
        }
        if attempt == 3 {
            return Err(failed);
        }
        before = found.as_ref().and_then(id_of);
        attempt += 1;
    }
}

/// Adds annotations; where the answer is lost they are counted, since adding twice would show
/// them twice.
fn append(client: &Client, id: u64, body: &Value, with: usize) -> Result<(), Failed> {
    let mut attempt = 1;
    loop {
        let failed = match client.patch(&format!("check-runs/{id}"), body) {
            Ok(_) => return Ok(()),
            Err(failed) => failed,
        };
        if failed.why != Why::Unknown || attempt == 3 {
            return Err(failed);
        }
        let run = client.get(&format!("check-runs/{id}"))?;
        let count = run.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or(0);
        let ended = body.get("status") == run.get("status");
        let added = usize::try_from(count).is_ok_and(|count| count + AT_ONCE > with);
        if added && ended {
            return Ok(());
        }
        attempt += 1;
    }
}

/// The check run that says the same already.
fn said(client: &Client, report: &Report, output: &Value) -> Result<Option<Value>, Failed> {
    let count = report.annotations.len().min(MOST) as u64;
    let found = newest(client, report)?;
    Ok(found.filter(|run| {
        run.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or(0) == count
            && matches(run, report, output, Some(report.conclusion.name()))
    }))
}

/// The newest check run of the name that this account's App wrote.
fn newest(client: &Client, report: &Report) -> Result<Option<Value>, Failed> {
    let path = format!(
        "commits/{}/check-runs?check_name={}&filter=all",
        segment(&report.head),
        segment(&report.name)
    );
    let runs = client.list(&path, "/check_runs")?;
    // Bots are named after their Apps, and only Apps write check runs.
    let app = client.viewer()?.strip_suffix("[bot]");
    let own = |run: &&Value| app.is_some() && run.pointer("/app/slug").and_then(Value::as_str) == app;
    Ok(runs.iter().filter(own).max_by_key(|run| id_of(run)).cloned())
}

fn matches(run: &Value, report: &Report, output: &Value, conclusion: Option<&str>) -> bool {
    let text = |at: &str| run.pointer(at).and_then(Value::as_str);
    let digest = text("/external_id").filter(|id| !id.is_empty());
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    let summary = output.get("summary").and_then(Value::as_str).map(plain);
    digest == report.digest.as_deref()
        && text("/conclusion") == conclusion
        && text("/output/title") == Some(&report.title)
        && text("/output/summary").map(plain) == summary
}

fn output(report: &Report) -> Value {
    let left = report.annotations.len().saturating_sub(MOST);
    let more = if left == 0 { String::new() } else { format!("\n\nand {left} findings more\n") };
    let room = MOST_BYTES - more.len();
    let mut output =
        json!({ "title": report.title, "summary": format!("{}{more}", cut_bytes(&report.summary, room)) });
    // Without it an approval is of all or nothing; what is cut has another digest, and says nothing.
    let statement =
        report.statement.as_ref().map(|line| format!("What approval binds to:\n\n```json\n{line}\n```\n"));
    if let Some(text) = statement.filter(|text| text.len() <= MOST_BYTES) {
        set(&mut output, "text", json!(text));
    }
    output
}

/// The gravest first, since a check run shows the first ones first.
fn sorted(report: &Report) -> Vec<&Annotation> {
    let mut all: Vec<&Annotation> = report.annotations.iter().collect();
    all.sort_by_key(|annotation| match annotation.level {
        Level::Error => 0,
        Level::Warning => 1,
        Level::Note => 2,
    });
    all
}

fn annotation(annotation: &Annotation) -> Value {
    let short = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let message = plain(&safe(&annotation.message));
    let end = (0..=MESSAGE.min(message.len())).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    json!({
        "path": annotation.path,
        "start_line": annotation.from,
        "end_line": annotation.to,
        "annotation_level": match annotation.level {
            Level::Error => "failure",
            Level::Warning => "warning",
            Level::Note => "notice",
        },
        "title": short(&safe(&annotation.title), TITLE),
        "message": message.get(..end).unwrap_or_default(),
    })
}

fn id_of(run: &Value) -> Option<u64> {
    run.get("id").and_then(Value::as_u64)
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}
