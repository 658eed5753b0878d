//! Two lines of replicas over one axis of time: for a terminal, as SVG, as mermaid. May import:
//! `change`, siblings.

use super::Layout;
use super::numbers::Clock;
use super::paint::{Tone, pad};
use crate::change::behaviour::Compared;

/// Rows of the chart in a terminal.
const ROWS: usize = 8;

/// Most points of a mermaid chart: it draws no more readably.
const POINTS: usize = 48;

/// The chart's lines: where both want the same, one line; where they part, both.
pub(super) fn chart(compared: &Compared, layout: &Layout) -> Vec<String> {
    if compared.lines.len() < 2 {
        return Vec::new();
    }
    let unicode = layout.charset == super::Charset::Unicode;
    let [old, new, both] = if unicode { ['○', '●', '─'] } else { ['o', '*', '-'] };
    let (low, high) = bounds(compared);
    let gutter = high.to_string().len().max(3);
    let columns = layout.columns().saturating_sub(gutter + 5).clamp(10, compared.lines.len());
    let points = thinned(compared, columns);
    let rows = ROWS.min((high - low) as usize + 1).max(2);
    let row = |n: u32| {
        let share = f64::from(n - low) / f64::from((high - low).max(1));
        rows - 1 - (share * (rows - 1) as f64).round() as usize
    };
    let mut cells = vec![vec![(' ', Tone::Plain); points.len()]; rows];
    for (column, (_, a, b)) in points.iter().enumerate() {
        let mut set = |n: u32, glyph: char, tone: Tone| {
            if let Some(cell) = cells.get_mut(row(n)).and_then(|line| line.get_mut(column)) {
                *cell = (glyph, tone);
            }
        };
        if a == b {
            set(*a, both, Tone::Dim);
        } else {
            set(*a, old, Tone::In);
            set(*b, new, Tone::Warn);
        }
    }
    let mut out = Vec::new();
    for (at, line) in cells.iter().enumerate() {
        let label = match at {
            0 => high.to_string(),
            at if at + 1 == rows => low.to_string(),
            _ => String::new(),
        };
        let body: String = line
            .iter()
            .map(|(glyph, tone)| if *glyph == ' ' { " ".into() } else { tone.paint(&glyph.to_string()) })
            .collect();
        out.push(
            format!("  {} {}", Tone::Dim.paint(&pad(&label, gutter, true)), body).trim_end().to_string(),
        );
    }
    let clock = Clock::between(compared.start, compared.end);
    let (from, to) = (clock.show(compared.start), clock.show(compared.end));
    let room = points.len().saturating_sub(from.len() + to.len()).max(1);
    out.push(format!(
        "  {} {}",
        " ".repeat(gutter),
        Tone::Dim.paint(&format!("{from}{}{to}", " ".repeat(room)))
    ));
    let legend = format!("replicas: {old} before, {new} after, {both} both");
    out.push(format!("  {} {}", " ".repeat(gutter), Tone::Dim.paint(&legend)));
    out
}

fn bounds(compared: &Compared) -> (u32, u32) {
    let all = || compared.lines.iter().flat_map(|(_, a, b)| [*a, *b]);
    let low = all().min().unwrap_or(0);
    (low, all().max().unwrap_or(0).max(low + 1))
}

/// At most so many columns, each with the most of what it stands for.
fn thinned(compared: &Compared, columns: usize) -> Vec<(i64, u32, u32)> {
    let lines = &compared.lines;
    let columns = columns.min(lines.len()).max(1);
    (0..columns)
        .filter_map(|column| {
            let start = column * lines.len() / columns;
            let end = ((column + 1) * lines.len() / columns).max(start + 1);
            let part = lines.get(start..end.min(lines.len()))?;
            // Where they part within a column, that is what is shown.
            let apart = part.iter().filter(|(_, a, b)| a != b).max_by_key(|(_, a, b)| a.abs_diff(*b));
            let shown = apart.or_else(|| part.iter().max_by_key(|(_, a, _)| *a))?;
            Some((shown.0.0, shown.1, shown.2))
        })
        .collect()
}

/// What a chart of mermaid's begins with: its own colours are too pale to tell two lines apart.
pub(super) const MERMAID: &str = "```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#8c959f, #1f6feb\"}}}}%%\nxychart-beta\n";

/// The chart as mermaid's xychart, which GitHub and GitLab draw.
pub(super) fn mermaid(compared: &Compared) -> String {
    let points = thinned(compared, POINTS);
    let hours = compared.end.since(compared.start).seconds() / 3600.0;
    let list = |of: &dyn Fn(&(i64, u32, u32)) -> u32| {
        points.iter().map(|p| of(p).to_string()).collect::<Vec<_>>().join(", ")
    };
    let most = points.iter().map(|(_, a, b)| *a.max(b)).max().unwrap_or(1).max(1);
    format!(
        "{MERMAID}  title \"replicas: grey before, blue after\"\n  x-axis \"hours\" 0 --> {:.2}\n  y-axis \"replicas\" 0 --> {most}\n  line [{}]\n  line [{}]\n```\n",
        hours.max(0.01),
        list(&|p| p.1),
        list(&|p| p.2),
    )
}

/// The chart as SVG.
pub(super) fn svg(compared: &Compared) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 180.0;
    let high = f64::from(bounds(compared).1);
    let span = compared.end.since(compared.start).0.max(1) as f64;
    let line = |of: &dyn Fn(&(crate::model::Time, u32, u32)) -> u32| {
        let mut points = String::new();
        let mut last: Option<f64> = None;
        for point in &compared.lines {
            let x = 40.0 + point.0.since(compared.start).0 as f64 / span * (WIDTH - 50.0);
            let y = 10.0 + (1.0 - f64::from(of(point)) / high) * (HEIGHT - 35.0);
            if let Some(last) = last {
                points.push_str(&format!("{x:.1},{last:.1} "));
            }
            points.push_str(&format!("{x:.1},{y:.1} "));
            last = Some(y);
        }
        points.trim_end().to_string()
    };
    let clock = Clock::between(compared.start, compared.end);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"replicas before and after\">\
         <text x=\"34\" y=\"16\" class=\"axis end\">{high}</text><text x=\"34\" y=\"{}\" class=\"axis end\">0</text>\
         <polyline class=\"old\" points=\"{}\"/><polyline class=\"new\" points=\"{}\"/>\
         <text x=\"40\" y=\"{}\" class=\"axis\">{}</text><text x=\"{}\" y=\"{}\" class=\"axis end\">{} UTC</text></svg>",
        HEIGHT - 24.0,
        line(&|p| p.1),
        line(&|p| p.2),
        HEIGHT - 6.0,
        clock.show(compared.start),
        WIDTH - 10.0,
        HEIGHT - 6.0,
        clock.show(compared.end),
    )
}
