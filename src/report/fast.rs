//! What makes long reports quick: times by the day, sentences made once. May import: `model`, `decide`.

use super::numbers;
use crate::decide::reason;
use crate::model::decision::Step;
use crate::model::{Policy, Time};
use std::collections::HashMap;

const DAY: i64 = 86_400_000;

/// Writes instants as [`Time`]'s `Display` does (RFC 3339, UTC), working the date out once a day.
#[derive(Default)]
pub(super) struct Times {
    day: Option<i64>,
    date: String,
}

impl Times {
    /// Appends an instant.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, time: Time) {
        let day = time.0.div_euclid(DAY);
        let ms = time.0.rem_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            // Only four-digit years have the plain form.
            self.date = match numbers::civil(time) {
                Some(at) if at.year() > 0 => at.strftime("%Y-%m-%dT").to_string(),
                _ => String::new(),
            };
        }
        if self.date.is_empty() || ms % 1000 != 0 {
            out.extend_from_slice(time.to_string().as_bytes());
            return;
        }
        out.extend_from_slice(self.date.as_bytes());
        let seconds = ms / 1000;
        let mut clock = *b"00:00:00Z";
        for (at, part) in [(0, seconds / 3600), (3, seconds / 60 % 60), (6, seconds % 60)] {
            clock[at] += (part / 10) as u8;
            clock[at + 1] += (part % 10) as u8;
        }
        out.extend_from_slice(&clock);
    }
}

/// Sentences of steps as JSON strings, remembered: most steps of a run say what one before said.
#[derive(Default)]
pub(super) struct Sentences {
    known: HashMap<Vec<u8>, Box<str>>,
    made: String,
}

/// Sentences kept at most: each step with a measured number in it is new, and would be kept in vain.
const KEPT: usize = 4096;

impl Sentences {
    /// The sentence of a step of this policy, in quotes and escaped for JSON.
    pub(super) fn get(&mut self, policy: &Policy, step: &Step) -> &str {
        let mut space = [0_u8; 96];
        let Ok(key) = postcard::to_slice(step, &mut space) else {
            self.made = quoted(&reason::words(policy, step));
            return &self.made;
        };
        let key: &[u8] = key;
        if !self.known.contains_key(key) {
            let sentence = quoted(&reason::words(policy, step));
            if self.known.len() >= KEPT {
                self.made = sentence;
                return &self.made;
            }
            self.known.insert(key.to_vec(), sentence.into());
        }
        self.known.get(key).map_or("\"\"", |s| s)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_display() {
        let mut times = Times::default();
        for ms in
            [0, 1_732_838_415_000, 1_732_838_415_250, -1, -62_200_000_000_000, 253_402_300_799_000, i64::MAX]
        {
            let mut out = Vec::new();
            times.write(&mut out, Time(ms));
            assert_eq!(String::from_utf8(out).unwrap(), Time(ms).to_string());
        }
    }
}
