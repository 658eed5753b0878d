//! What makes long reports quick: dates worked out once a day, sentences made once. May import: `model`.

use super::numbers;
use crate::model::Time;
use crate::model::decision::Step;
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

/// What was made of a step, remembered: most steps of a run are what one before was, and its
/// sentence is dearer to make than to find.
pub(super) struct Memo<T> {
    /// By the step's bytes, which end by themselves, so that what follows them is 0.
    known: HashMap<[u8; 64], T>,
    spare: Option<T>,
}

/// Steps remembered at most; then it begins anew, so that measured numbers, which hardly come
/// twice, neither fill the memory nor keep the others out.
const KEPT: usize = 16_384;

impl<T> Memo<T> {
    pub(super) fn new() -> Memo<T> {
        Memo { known: HashMap::new(), spare: None }
    }

    /// What `make` made of an equal step, or makes of this one.
    pub(super) fn get(&mut self, step: &Step, make: impl FnOnce() -> T) -> &T {
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let mut key = [0; 64];
        match postcard::to_slice(step, &mut key) {
            Ok(_) => self.known.entry(key).or_insert_with(make),
            // A step of more bytes than any has is made anew each time.
            Err(_) => self.spare.insert(make()),
        }
    }
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
