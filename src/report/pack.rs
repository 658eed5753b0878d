//! Packs a run for the HTML report: small enough that a fortnight at 15 s opens at once, and
//! exact enough that every tick tells its full reason. May import: `model`, `decide`, `sim`.
//!
//! Three kinds of columns, all in base64:
//! - counts: runs of `zigzag(change), length` as LEB128 numbers;
//! - metrics: 32-bit floats, little-endian, NaN for no value;
//! - reasons: sentences are cut at their numbers into a form and the digits. Each tick is the
//!   id of its list of forms, the changes of each step, and the digits; ticks that say just what
//!   the one before said are counted. assets/report.js has the other half.

use super::Pair;
use super::fast::Memo;
use crate::decide::reason;
use crate::model::Time;
use crate::sim::trace::Tick;
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Digits of a number up to which it is exact in JavaScript with a bit to spare.
const DIGITS: usize = 15;

/// Ticks up to which each tells its own figures; past it, ticks that say the same as the one
/// before but for their figures share its words.
const EXACT: usize = 250_000;

/// The charts' data of a run.
pub(super) fn pack(pair: Pair<'_>, all_ticks: usize) -> Value {
    let (policy, run) = pair;
    let column = |f: &dyn Fn(&Tick) -> u32| counts(run.ticks.iter().map(f));
    let metrics: Vec<Value> = run
        .metrics
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let declared = policy.metric(name).and_then(|m| policy.metrics.get(m));
            json!({
                "name": name,
                "unit": declared.and_then(|m| m.unit).map(|u| u.name()),
                "values": floats((0..run.ticks.len()).map(|t| run.values_of(t).get(i).copied().unwrap_or(f64::NAN))),
            })
        })
        .collect();
    json!({
        "ticks": run.ticks.len(),
        "times": times(&run.ticks),
        "current": column(&|t| t.current),
        "ready": column(&|t| t.ready),
        "proposed": column(&|t| t.proposed),
        "desired": column(&|t| t.desired),
        "min": column(&|t| t.bounds.min),
        "max": column(&|t| t.bounds.max),
        "under": column(&|t| t.under.map_or(2, u32::from)),
        "metrics": metrics,
        "load": super::facts::load_metric(policy, run),
        "why": Reasons::pack(pair, all_ticks <= EXACT),
    })
}

/// LEB128: seven bits a byte, the lowest first.
fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Small numbers of either sign as small numbers.
fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn counts(values: impl Iterator<Item = u32>) -> String {
    let mut out = Vec::new();
    let mut before = 0_i64;
    let mut run: Option<(i64, u64)> = None;
    let mut flush = |value: i64, length: u64, out: &mut Vec<u8>| {
        varint(out, zigzag(value - before));
        varint(out, length);
        before = value;
    };
    for value in values.map(i64::from) {
        run = match run {
            Some((last, length)) if last == value => Some((last, length + 1)),
            Some((last, length)) => {
                flush(last, length, &mut out);
                Some((value, 1))
            }
            None => Some((value, 1)),
        };
    }
    if let Some((last, length)) = run {
        flush(last, length, &mut out);
    }
    BASE64.encode(&out)
}

fn floats(values: impl Iterator<Item = f64>) -> String {
    let bytes: Vec<u8> = values.flat_map(|v| (v as f32).to_le_bytes()).collect();
    BASE64.encode(&bytes)
}

/// The first instant in milliseconds, then runs of equal steps.
fn times(ticks: &[Tick]) -> Value {
    let mut out = Vec::new();
    let mut run: Option<(i64, u64)> = None;
    let step = |pair: &[Tick]| match pair {
        [a, b] => b.time.since(a.time).0,
        _ => 0,
    };
    for by in ticks.windows(2).map(step) {
        run = match run {
            Some((last, length)) if last == by => Some((last, length + 1)),
            Some((last, length)) => {
                varint(&mut out, zigzag(last));
                varint(&mut out, length);
                Some((by, 1))
            }
            None => Some((by, 1)),
        };
    }
    if let Some((last, length)) = run {
        varint(&mut out, zigzag(last));
        varint(&mut out, length);
    }
    json!({ "first": ticks.first().map_or(Time(0), |t| t.time).0, "steps": BASE64.encode(&out) })
}

/// Tables of names, forms and lists of forms, and the ticks that refer to them.
struct Reasons {
    names: Table,
    forms: Table,
    /// Lists of `(name, form)`, flattened.
    lists: HashMap<Vec<u32>, u32>,
    in_order: Vec<Vec<u32>>,
    /// What a step comes to: its name, its form, its digits.
    known: Memo<(u32, u32, Vec<u8>)>,
}

#[derive(Default)]
struct Table {
    known: HashMap<String, u32>,
    in_order: Vec<String>,
}

impl Table {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.known.get(text) {
            return *id;
        }
        let id = self.in_order.len() as u32;
        self.in_order.push(text.to_owned());
        self.known.insert(text.to_owned(), id);
        id
    }
}

impl Reasons {
    fn pack((policy, run): Pair<'_>, exact: bool) -> Value {
        let mut reasons = Reasons {
            names: Table::default(),
            forms: Table::default(),
            lists: HashMap::new(),
            in_order: Vec::new(),
            known: Memo::new(),
        };
        let mut out = Vec::new();
        // What the tick before said, and how many after it said the same.
        let mut said: Option<(Vec<u8>, u32)> = None;
        let mut again: u64 = 0;
        let mut body = Vec::new();
        for (index, tick) in run.ticks.iter().enumerate() {
            body.clear();
            let list = reasons.tick(&mut body, (policy, run), index, tick);
            let same = match &said {
                Some((before, id)) => {
                    *id == list && (*before == body || (!exact && tick.current == tick.desired))
                }
                None => false,
            };
            if same {
                again += 1;
                continue;
            }
            if said.is_some() {
                varint(&mut out, again);
            }
            again = 0;
            varint(&mut out, list.into());
            out.extend_from_slice(&body);
            said = Some((std::mem::take(&mut body), list));
        }
        if said.is_some() {
            varint(&mut out, again);
        }
        json!({
            "exact": exact,
            "names": reasons.names.in_order,
            "forms": reasons.forms.in_order,
            "lists": reasons.in_order,
            "ticks": BASE64.encode(&out),
        })
    }

    /// Writes a tick's changes and digits; gives the id of its list of forms.
    fn tick(&mut self, body: &mut Vec<u8>, (policy, run): Pair<'_>, index: usize, tick: &Tick) -> u32 {
        let mut list = Vec::new();
        let mut before = i64::from(tick.current);
        for step in run.steps_of(index) {
            varint(body, zigzag(i64::from(step.input) - before));
            varint(body, zigzag(i64::from(step.output) - i64::from(step.input)));
            before = step.output.into();
            let (names, forms) = (&mut self.names, &mut self.forms);
            let (name, form, digits) = self.known.get(step, || {
                let (mut form, mut digits) = (String::new(), Vec::new());
                split(&reason::words(policy, step), &mut form, &mut digits);
                (names.id(reason::name(&step.why)), forms.id(&form), digits)
            });
            body.extend_from_slice(digits);
            list.extend([*name, *form]);
        }
        if let Some(id) = self.lists.get(&list) {
            return *id;
        }
        let id = self.in_order.len() as u32;
        self.in_order.push(list.clone());
        self.lists.insert(list, id);
        id
    }
}

/// Cuts a sentence at its numbers: `form` gets the text with U+0000 for each, `digits` the
/// numbers, their leading zeros counted.
fn split(sentence: &str, form: &mut String, digits: &mut Vec<u8>) {
    let bytes = sentence.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            let text = bytes.iter().skip(at).take_while(|b| !b.is_ascii_digit()).count();
            // A number stands where U+0000 does, so the text may hold none.
            form.extend(sentence.get(at..at + text).unwrap_or_default().chars().filter(|c| *c != '\0'));
            at += text;
            continue;
        }
        let text = sentence.get(at..at + length).unwrap_or_default();
        let number = text.trim_start_matches('0');
        if number.len() > DIGITS || length > 64 {
            form.push_str(text);
        } else {
            form.push('\0');
            let zeros = (length - number.len()) as u64;
            let value: u64 = number.parse().unwrap_or(0);
            varint(digits, value << 1 | u64::from(zeros > 0));
            if zeros > 0 {
                varint(digits, zeros);
            }
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What assets/report.js does.
    fn join(form: &str, digits: &[u8]) -> String {
        let mut at = 0;
        let mut next = || {
            let (mut n, mut shift) = (0_u64, 0);
            loop {
                let byte = digits[at];
                at += 1;
                n |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return n;
                }
            }
        };
        let mut out = String::new();
        for c in form.chars() {
            if c != '\0' {
                out.push(c);
                continue;
            }
            let head = next();
            let zeros = if head & 1 == 1 { next() } else { 0 };
            out.push_str(&"0".repeat(zeros as usize));
            if head >> 1 > 0 {
                out.push_str(&(head >> 1).to_string());
            }
        }
        out
    }

    #[test]
    fn a_sentence_comes_back_from_its_form_and_digits() {
        for sentence in [
            "",
            "cpu 0.0612 of 0.60",
            "007 and 0 and 00",
            "123456789012345 is long, 1234567890123456 longer",
            "rule 2 of 10: ü7é",
        ] {
            let (mut form, mut digits) = (String::new(), Vec::new());
            split(sentence, &mut form, &mut digits);
            assert_eq!(join(&form, &digits), sentence);
        }
    }

    #[test]
    fn sentences_that_differ_in_numbers_share_a_form() {
        let form = |s: &str| {
            let mut form = String::new();
            split(s, &mut form, &mut Vec::new());
            form
        };
        assert_eq!(form("cpu 0.61 of 0.6"), form("cpu 1.2 of 10.55"));
    }
}
