//! Reports of dry-runs, tests and findings: pure functions from values to text.
//!
//! Every reporter takes `(&Policy, &Run)` pairs, one a policy, and gives a `String`. Nothing here
//! knows a terminal: width and character set come in, colours go out as ANSI sequences that the
//! edge strips where nobody sees them. Policy code chooses names and prints lines, so every
//! reporter treats each text of a run as hostile in its own format.
//!
//! May import: `text`, `model`, `decide`, `sim`, `change`, `lint`.

pub mod chart;
pub mod csv;
pub mod delivered;
pub mod diff;
pub mod diff_html;
mod diff_lines;
pub mod diff_pages;
pub mod drift;
pub mod explain;
mod extremes;
pub mod facts;
mod fast;
pub mod findings;
pub mod fingerprint;
pub mod hosts;
pub mod html;
pub mod json;
pub mod kept;
pub mod ledger;
pub mod markdown;
mod numbers;
mod pack;
pub mod pages;
mod paint;
pub mod places;
pub mod plan;
pub mod sarif;
mod server;
pub mod story;
pub mod tested;
pub mod text;

pub use chart::Charset;
pub use explain::{When, at, when};
pub use findings::{findings, findings_json};
pub use kept::why_not;
pub use server::{causes, said, segment};
pub use text::text;

use crate::model::{Effect, Policy};
use crate::sim::trace::Run;

/// A policy and what became of it.
pub type Pair<'a> = (&'a Policy, &'a Run);

/// How a report for a terminal is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns of the terminal; reports fit 40 to 200 and treat others as the nearest of these.
    pub width: usize,
    /// Which characters charts and marks are made of.
    pub charset: Charset,
    /// Whether every event is listed, or a long list folded.
    pub all_events: bool,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout { width: 100, charset: Charset::Unicode, all_events: false }
    }
}

/// A text of several lines, made safe to show: what could steer a terminal or the runner of a
/// pipeline is written so that it does not.
pub fn safe(text: &str) -> String {
    paint::inert(text.split('\n').map(paint::clean).collect::<Vec<_>>().join("\n"))
}

/// A text of one line, made safe to show as [`safe`] does: a line break in it, which a name may
/// have, begins no line of its own.
pub fn line(text: &str) -> String {
    paint::inert(paint::clean(text))
}

/// Characters shown of what an effect would send; JSON has the whole.
const EFFECT: usize = 300;

/// An effect in a line, cut where it is long.
fn effect(effect: &Effect) -> String {
    let text = effect.summary();
    match text.char_indices().nth(EFFECT) {
        None => text,
        Some((at, _)) => {
            let all = numbers::thousands(&text.chars().count().to_string());
            format!("{}… ({all} characters)", text.get(..at).unwrap_or_default())
        }
    }
}

impl Layout {
    fn columns(&self) -> usize {
        self.width.clamp(40, 200)
    }
}
