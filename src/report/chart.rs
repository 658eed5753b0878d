//! The chart of a run for a terminal: the load above, replicas and their bounds below, on one
//! axis of time. May import: `model`, `sim`.

use super::numbers::{self, civil};
use super::paint::{Tone, cut, pad, width};
use super::{Layout, Pair};
use super::{extremes, facts};
use crate::model::Time;
use crate::sim::trace::Tick;
use std::collections::BTreeSet;
use std::ops::Range;

/// The characters that charts and marks are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Blocks and lines.
    #[default]
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

/// The glyphs of one character set.
pub(super) struct Glyphs {
    /// Bar heights, from nothing to a full cell.
    bars: &'static [char],
    flat: char,
    wall: char,
    /// Corners of a line that comes from the left and goes up or down, and that ends so.
    turn_up: char,
    turn_down: char,
    from_below: char,
    from_above: char,
    /// A line that leaves and comes back within one column, upward or downward.
    out_up: char,
    out_down: char,
    bound: char,
    missing: char,
    /// Corner, line and tick of the axis of time.
    axis: [char; 3],
    /// The other axis: where a row has a label, and where it has none.
    gutter: [char; 2],
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) mark: &'static str,
    pub(super) good: &'static str,
    pub(super) bad: &'static str,
    pub(super) neutral: &'static str,
    pub(super) arrow: &'static str,
    pub(super) cut: &'static str,
    pub(super) dot: &'static str,
    pub(super) dash: &'static str,
    pub(super) rule: &'static str,
}

impl Charset {
    pub(super) fn glyphs(self) -> &'static Glyphs {
        match self {
            Charset::Unicode => &Glyphs {
                bars: &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
                flat: '─',
                wall: '│',
                turn_up: '╯',
                turn_down: '╮',
                from_below: '╭',
                from_above: '╰',
                out_up: '┴',
                out_down: '┬',
                bound: '┈',
                missing: '·',
                axis: ['└', '─', '┬'],
                gutter: ['┤', '│'],
                up: "▲",
                down: "▼",
                mark: "●",
                good: "✓",
                bad: "✗",
                neutral: "–",
                arrow: "→",
                cut: "…",
                dot: "·",
                dash: "–",
                rule: "─",
            },
            Charset::Ascii => &Glyphs {
                bars: &[' ', '.', ':', '#'],
                flat: '-',
                wall: '|',
                turn_up: '+',
                turn_down: '+',
                from_below: '+',
                from_above: '+',
                out_up: '+',
                out_down: '+',
                bound: '.',
                missing: '?',
                axis: ['+', '-', '+'],
                gutter: ['|', '|'],
                up: "+",
                down: "-",
                mark: "*",
                good: "ok",
                bad: "!!",
                neutral: "--",
                arrow: "->",
                cut: "...",
                dot: "-",
                dash: "-",
                rule: "-",
            },
        }
    }
}

const LOAD_ROWS: usize = 4;
const REPLICA_ROWS: usize = 8;

/// The chart's lines, coloured, each at most the layout's width; none for a run of fewer than
/// two ticks, which has nothing to draw.
pub(super) fn lines((policy, run): Pair<'_>, layout: &Layout) -> Vec<String> {
    if run.ticks.len() < 2 {
        return Vec::new();
    }
    let glyphs = layout.charset.glyphs();
    let replicas = Replicas::new(&run.ticks);
    let load = facts::load_metric(policy, run);
    let unit = load.and_then(|m| policy.metrics.get(m)).and_then(|m| m.unit);
    let peak = load.map_or(f64::NAN, |m| {
        (0..run.ticks.len()).filter_map(|t| run.values_of(t).get(m).copied()).fold(f64::NAN, f64::max)
    });
    let peak_label = numbers::value(peak, unit);
    let gutter = width(&peak_label).max(width(&replicas.high.to_string())).clamp(3, 14);
    let columns = layout.columns().saturating_sub(gutter + 2).max(10);
    let buckets = Buckets { ticks: run.ticks.len(), columns };
    let mut out = Vec::new();
    if let Some(metric) = load
        && peak.is_finite()
    {
        let name = run.metrics.get(metric).map_or("", String::as_str);
        let name = cut(&super::paint::clean(name), columns, glyphs.cut);
        out.push(Tone::Strong.paint(&name));
        let values = |t: usize| run.values_of(t).get(metric).copied().unwrap_or(f64::NAN);
        for (row, cells) in bars(&buckets, &values, &run.ticks, peak, glyphs).into_iter().enumerate() {
            let label = match row {
                0 => peak_label.as_str(),
                r if r + 1 == LOAD_ROWS => "0",
                _ => "",
            };
            out.push(line(label, gutter, glyphs, &cells));
        }
    }
    out.push(Tone::Strong.paint("replicas"));
    for (row, cells) in replicas.draw(&buckets, &run.ticks, glyphs).into_iter().enumerate() {
        out.push(line(&replicas.label(row, &run.ticks), gutter, glyphs, &cells));
    }
    let (axis, labels) = time_axis(&buckets, &run.ticks, glyphs);
    out.push(format!("{} {}", " ".repeat(gutter), Tone::Dim.paint(&axis)));
    out.push(format!("{} {}", " ".repeat(gutter), Tone::Dim.paint(&labels)));
    let bounds = replicas.legend(glyphs);
    let under = run.ticks.iter().any(|t| t.under == Some(true));
    let legend = if under && load.is_some() { format!("{bounds}, red: under-provisioned") } else { bounds };
    let legend = cut(&legend, columns, glyphs.cut);
    out.push(format!("{}  {}", " ".repeat(gutter), Tone::Dim.paint(&legend)));
    out
}

/// A row of a chart: its label, the axis, the cells. The axis goes on where there is no label, so
/// that no line of the chart is taken for it.
pub(super) fn line(label: &str, gutter: usize, glyphs: &Glyphs, cells: &[(char, Tone)]) -> String {
    let [labelled, bare] = glyphs.gutter;
    let axis = if label.is_empty() { bare } else { labelled };
    let label = pad(&cut(label, gutter, ""), gutter, true);
    let mut out = format!("{} ", Tone::Dim.paint(&format!("{label}{axis}")));
    // One colour sequence a stretch of the same tone.
    let mut at = 0;
    let end = cells.iter().rposition(|(c, _)| *c != ' ').map_or(0, |last| last + 1);
    while at < end {
        let tone = cells[at].1;
        let stretch = cells[at..end].iter().take_while(|(_, t)| *t == tone).count();
        let text: String = cells[at..at + stretch].iter().map(|(c, _)| *c).collect();
        out.push_str(&tone.paint(&text));
        at += stretch;
    }
    out.trim_end().to_owned()
}

/// The axis of time without marks.
pub(super) fn axis(columns: usize, glyphs: &Glyphs) -> String {
    let [corner, line, _] = glyphs.axis;
    std::iter::once(corner).chain(std::iter::repeat_n(line, columns + 1)).collect()
}

/// Which ticks stand in which column; where there are fewer ticks than columns, each takes several.
struct Buckets {
    ticks: usize,
    columns: usize,
}

impl Buckets {
    fn ticks(&self, column: usize) -> Range<usize> {
        extremes::part(column, self.columns, self.ticks)
    }
}

/// The load as bars: the largest value of each column, red where any tick of it was
/// under-provisioned, since a peak must not be averaged away.
fn bars(
    buckets: &Buckets,
    values: &dyn Fn(usize) -> f64,
    ticks: &[Tick],
    peak: f64,
    glyphs: &Glyphs,
) -> Vec<Vec<(char, Tone)>> {
    let steps = glyphs.bars.len() - 1;
    let mut rows = vec![vec![(' ', Tone::Plain); buckets.columns]; LOAD_ROWS];
    for column in 0..buckets.columns {
        let range = buckets.ticks(column);
        let top = range.clone().map(values).fold(f64::NAN, f64::max);
        let under = ticks.get(range).unwrap_or_default().iter().any(|t| t.under == Some(true));
        let tone = if under { Tone::Bad } else { Tone::Load };
        if !top.is_finite() {
            rows[LOAD_ROWS - 1][column] = (glyphs.missing, Tone::Dim);
            continue;
        }
        let full = if peak > 0.0 { (top / peak).clamp(0.0, 1.0) } else { 0.0 };
        // At least the thinnest bar for anything above nothing.
        let height = ((full * (LOAD_ROWS * steps) as f64).round() as usize).max(usize::from(top > 0.0));
        for (row, cells) in rows.iter_mut().rev().enumerate() {
            let cell = height.saturating_sub(row * steps).min(steps);
            cells[column] = (glyphs.bars[cell], tone);
        }
    }
    rows
}

/// The panel of replicas: its scale and its lines.
struct Replicas {
    low: u32,
    high: u32,
    rows: usize,
    min: Range<u32>,
    max: Range<u32>,
}

impl Replicas {
    fn new(ticks: &[Tick]) -> Replicas {
        let over = |f: fn(&Tick) -> u32| {
            let least = ticks.iter().map(f).min().unwrap_or(0);
            least..ticks.iter().map(f).max().unwrap_or(0)
        };
        let (desired, min, max) = (over(|t| t.desired), over(|t| t.bounds.min), over(|t| t.bounds.max));
        let low = desired.start.min(min.start);
        let peak = desired.end.max(min.end);
        // A ceiling far above the peak would press the line flat; it is named in the legend instead.
        let high = if u64::from(max.end) * 5 <= u64::from(peak) * 8 { peak.max(max.end) } else { peak };
        let high = high.max(low.saturating_add(1));
        let rows = REPLICA_ROWS.min((high - low) as usize + 1);
        Replicas { low, high, rows, min, max }
    }

    /// Row from the top, where a count stands; `None` off the scale.
    fn row(&self, count: u32) -> Option<usize> {
        if count < self.low || count > self.high {
            return None;
        }
        let share = f64::from(count - self.low) / f64::from(self.high - self.low);
        Some(self.rows - 1 - (share * (self.rows - 1) as f64).round() as usize)
    }

    /// The count of a row: where several counts share rows, only of a row that is just one; in the
    /// middle also that of the one count which is drawn there.
    fn label(&self, row: usize, ticks: &[Tick]) -> String {
        let (rows, span) = (self.rows as u32 - 1, self.high - self.low);
        let up = rows - row as u32;
        let exact = (u64::from(up) * u64::from(span)) % u64::from(rows) == 0;
        let count = self.low + (u64::from(up) * u64::from(span) / u64::from(rows)) as u32;
        let middle = row == (self.rows - 1) / 2;
        if exact && (row == 0 || up == 0 || middle || rows == span) {
            return count.to_string();
        }
        if !middle {
            return String::new();
        }
        let drawn: BTreeSet<u32> =
            ticks.iter().map(|t| t.desired).filter(|n| self.row(*n) == Some(row)).collect();
        match drawn.first() {
            Some(only) if drawn.len() == 1 => only.to_string(),
            _ => String::new(),
        }
    }

    fn draw(&self, buckets: &Buckets, ticks: &[Tick], glyphs: &Glyphs) -> Vec<Vec<(char, Tone)>> {
        let mut rows = vec![vec![(' ', Tone::Plain); buckets.columns]; self.rows];
        let mut before: Option<usize> = None;
        for column in 0..buckets.columns {
            let ticks = ticks.get(buckets.ticks(column)).unwrap_or_default();
            for bound in ticks.iter().flat_map(|t| [t.bounds.min, t.bounds.max]) {
                if let Some(row) = self.row(bound) {
                    rows[row][column] = (glyphs.bound, Tone::Dim);
                }
            }
            let Some(last) = ticks.last().and_then(|t| self.row(t.desired)) else { continue };
            let seen = || ticks.iter().filter_map(|t| self.row(t.desired));
            let first = ticks.first().and_then(|t| self.row(t.desired));
            let from = before.or(first).unwrap_or(last);
            let top = seen().min().unwrap_or(last).min(from);
            let bottom = seen().max().unwrap_or(last).max(from);
            for (row, cells) in rows.iter_mut().enumerate().take(bottom + 1).skip(top) {
                let glyph = match row {
                    _ if top == bottom => glyphs.flat,
                    r if r == last && r == from && r == bottom => glyphs.out_up,
                    r if r == last && r == from && r == top => glyphs.out_down,
                    r if r == last && r == top => glyphs.from_below,
                    r if r == last && r == bottom => glyphs.from_above,
                    r if r == from && r == bottom => glyphs.turn_up,
                    r if r == from && r == top => glyphs.turn_down,
                    _ => glyphs.wall,
                };
                cells[column] = (glyph, Tone::Strong);
            }
            before = Some(last);
        }
        rows
    }

    fn legend(&self, glyphs: &Glyphs) -> String {
        let range = |r: &Range<u32>| match r {
            r if r.start == r.end => r.start.to_string(),
            r => format!("{}{}{}", r.start, glyphs.dash, r.end),
        };
        let off = if self.max.start > self.high { " (above the chart)" } else { "" };
        let line: String = [glyphs.bound; 2].iter().collect();
        format!("{line} min {}, max {}{off}", range(&self.min), range(&self.max))
    }
}

/// The axis and its labels, at round times no nearer than a label is wide.
fn time_axis(buckets: &Buckets, ticks: &[Tick], glyphs: &Glyphs) -> (String, String) {
    const STEPS: [i64; 24] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        172_800, 259_200, 432_000, 604_800, 1_209_600, 2_592_000,
    ];
    let mut axis: Vec<char> = vec![glyphs.axis[1]; buckets.columns + 1];
    axis[0] = glyphs.axis[0];
    let mut labels = vec![' '; buckets.columns + 1];
    let at = |column: usize| ticks.get(buckets.ticks(column).start).map_or(Time(0), |t| t.time);
    let (first, last) = (at(0), at(buckets.columns - 1));
    let span = last.since(first).0.max(1);
    let least = span as f64 / buckets.columns as f64 * 12.0 / 1000.0;
    let step = STEPS.iter().copied().find(|s| *s as f64 >= least).unwrap_or(31_536_000) * 1000;
    let mut free = 0;
    let mut before: Option<i64> = None;
    let mut seen = 0;
    for column in 0..buckets.columns {
        // The tick with which a new stretch of the axis begins; a label is the time of a tick, so
        // that who reads it and asks for it gets that tick.
        let range = buckets.ticks(column);
        let mut turned = None;
        for tick in range.start.max(seen)..range.end {
            let Some(time) = ticks.get(tick).map(|t| t.time) else { break };
            let slot = time.0.div_euclid(step);
            let begins = before.map_or(time.0.rem_euclid(step) == 0, |b| b != slot);
            turned = turned.or(begins.then_some(time));
            before = Some(slot);
        }
        seen = range.end;
        let Some(time) = turned.and_then(civil) else { continue };
        let form = match step {
            s if s >= 86_400_000 || time.time() == jiff::civil::Time::midnight() => "%b %d",
            _ if time.second() != 0 || step < 60_000 => "%H:%M:%S",
            _ => "%H:%M",
        };
        let text = time.strftime(form).to_string();
        // The mark stands under the column; the label begins there.
        let cell = column + 1;
        if cell < free || cell + text.len() > labels.len() {
            continue;
        }
        axis[cell] = glyphs.axis[2];
        labels.splice(cell..cell + text.len(), text.chars());
        free = cell + text.len() + 2;
    }
    let text = |cells: Vec<char>| cells.into_iter().collect::<String>().trim_end().to_owned();
    (text(axis), text(labels))
}
