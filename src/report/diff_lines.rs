//! Two lines of replicas over one axis of time: for a terminal, as SVG, as mermaid. May import:
//! `change`, siblings.

use super::Layout;
use super::chart;
use super::extremes::thinned;
use super::numbers::Clock;
use super::paint::{Tone, pad, width};
use super::text::push_wrapped;
use crate::change::behaviour::Compared;

/// Rows of the chart in a terminal.
const ROWS: usize = 8;

/// Most points of a mermaid chart: it draws no more readably.
const POINTS: usize = 48;

/// The chart's lines: where both want the same, one line; where they part, both. A column that
/// stands for several ticks has the lowest and the highest of each.
pub(super) fn chart(compared: &Compared, layout: &Layout) -> Vec<String> {
    if compared.lines.len() < 2 {
        return Vec::new();
    }
    let glyphs = layout.charset.glyphs();
    let unicode = layout.charset == super::Charset::Unicode;
    let [old, new, both] = if unicode { ['○', '●', '─'] } else { ['o', '*', '-'] };
    let (low, high) = bounds(compared);
    let gutter = high.to_string().len().max(3);
    // Two blanks before it, the axis and a blank.
    let lead = gutter + 4;
    let columns = columns(compared, layout.columns().saturating_sub(lead).max(10));
    let rows = ROWS.min((high - low) as usize + 1).max(2);
    let row = |n: u32| {
        let share = f64::from(n - low) / f64::from((high - low).max(1));
        rows - 1 - (share * (rows - 1) as f64).round() as usize
    };
    let mut cells = vec![vec![(' ', Tone::Plain); columns.len()]; rows];
    for (column, points) in columns.iter().enumerate() {
        let at = |of: &dyn Fn(&(u32, u32)) -> u32| -> Vec<usize> {
            let all = || points.iter().map(of);
            all().min().into_iter().chain(all().max()).map(row).collect()
        };
        let (before, after) = (at(&|p| p.0), at(&|p| p.1));
        for (row, line) in cells.iter_mut().enumerate() {
            let Some(cell) = line.get_mut(column) else { continue };
            match (before.contains(&row), after.contains(&row)) {
                (true, true) => *cell = (both, Tone::Dim),
                (true, false) => *cell = (old, Tone::In),
                (false, true) => *cell = (new, Tone::Warn),
                (false, false) => {}
            }
        }
    }
    let mut out = Vec::new();
    for (at, line) in cells.iter().enumerate() {
        let label = match at {
            0 => high.to_string(),
            at if at + 1 == rows => low.to_string(),
            _ => String::new(),
        };
        out.push(format!("  {}", chart::line(&label, gutter, glyphs, line)));
    }
    let axis = chart::axis(columns.len(), glyphs);
    out.push(format!("  {}{}", " ".repeat(gutter), Tone::Dim.paint(&axis)));
    let clock = Clock::between(compared.start, compared.end);
    let (from, to) = (clock.show(compared.start), clock.show(compared.end));
    let room = columns.len().saturating_sub(width(&from) + width(&to)).max(1);
    let indent = " ".repeat(lead);
    if lead + width(&from) + room + width(&to) <= layout.columns() {
        out.push(format!("{indent}{}", Tone::Dim.paint(&format!("{from}{}{to}", " ".repeat(room)))));
    } else {
        out.push(format!("{indent}{}", Tone::Dim.paint(&from)));
        out.push(Tone::Dim.paint(&pad(&to, layout.columns(), true)));
    }
    let mut legend = String::new();
    let words = format!("replicas: {old} before, {new} after, {both} both");
    push_wrapped(&mut legend, &indent, &words, Tone::Dim, layout);
    out.extend(legend.lines().map(str::to_owned));
    out
}

fn bounds(compared: &Compared) -> (u32, u32) {
    let all = || compared.lines.iter().flat_map(|(_, a, b)| [*a, *b]);
    let low = all().min().unwrap_or(0);
    (low, all().max().unwrap_or(0).max(low + 1))
}

/// What both want in each of at most so many stretches of time. One without a tick of its own has
/// what held before it.
fn columns(compared: &Compared, most: usize) -> Vec<Vec<(u32, u32)>> {
    let count = most.min(compared.lines.len()).max(1);
    let span = i128::from(compared.end.since(compared.start).0) + 1;
    let mut columns: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
    for (time, a, b) in &compared.lines {
        let at = i128::from(time.since(compared.start).0) * count as i128 / span.max(1);
        if let Some(column) = usize::try_from(at).ok().and_then(|at| columns.get_mut(at)) {
            column.push((*a, *b));
        }
    }
    let mut held = compared.lines.first().map_or((0, 0), |(_, a, b)| (*a, *b));
    for column in &mut columns {
        match column.last() {
            Some(last) => held = *last,
            None => column.push(held),
        }
    }
    columns
}

/// What a chart of mermaid's begins with: its own colours are too pale to tell two lines apart.
pub(super) const MERMAID: &str = "```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#8c959f, #1f6feb\"}}}}%%\nxychart-beta\n";

/// The chart as mermaid's xychart, which GitHub and GitLab draw.
pub(super) fn mermaid(compared: &Compared) -> String {
    // Two points of each stretch, where it has several ticks: the lowest and the highest.
    let each = if compared.lines.len() > POINTS { 2 } else { 1 };
    let columns = columns(compared, POINTS / each);
    let hours = compared.end.since(compared.start).seconds() / 3600.0;
    let list = |of: &dyn Fn(&(u32, u32)) -> u32| {
        let points = columns.iter().flat_map(|column| {
            let values: Vec<u32> = column.iter().map(of).collect();
            let mut shown = thinned(&values, each);
            // Both lines have as many points.
            shown.truncate(each);
            shown.extend(shown.last().copied().filter(|_| shown.len() < each));
            shown
        });
        points.map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    };
    let most = bounds(compared).1;
    format!(
        "{MERMAID}  title \"replicas: grey before, blue after\"\n  x-axis \"hours\" 0 --> {:.2}\n  y-axis \"replicas\" 0 --> {most}\n  line [{}]\n  line [{}]\n```\n",
        hours.max(0.01),
        list(&|p| p.0),
        list(&|p| p.1),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::sim::trace::{Loop, Score};

    /// Both versions over minutes.
    fn compared(before: &[u32], after: &[u32]) -> Compared {
        let lines: Vec<_> =
            before.iter().zip(after).enumerate().map(|(at, (a, b))| (minute(at), *a, *b)).collect();
        Compared {
            samples: vec!["day.csv".into()],
            kind: Loop::Closed,
            start: minute(0),
            end: minute(before.len() - 1),
            ticks: before.len() as u32,
            before: Score::default(),
            after: Score::default(),
            partings: 1,
            apart_ms: 0,
            first: Vec::new(),
            lines,
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn minute(at: usize) -> Time {
        Time(1_732_838_400_000 + at as i64 * 60_000)
    }

    fn plain(lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn a_column_shows_the_lowest_and_the_highest_of_both() {
        // The older one flaps at each tick, the newer one peaks once.
        let flapping: Vec<u32> = (0..640).map(|at| if at % 2 == 0 { 1 } else { 8 }).collect();
        let mut peak = vec![4; 640];
        peak[321] = 15;
        let compared = compared(&flapping, &peak);
        let lines = plain(&chart(&compared, &Layout { width: 80, ..Layout::default() }));
        assert_eq!(lines[0].trim_end().chars().filter(|c| *c == '●').count(), 1, "{lines:#?}");
        assert!(lines[0].starts_with("   15┤"), "{lines:#?}");
        // From one end to the other, in the rows of 1 and of 8.
        assert_eq!(lines[7].chars().filter(|c| *c == '○').count(), 73, "{lines:#?}");
        assert!(lines.iter().filter(|line| line.chars().filter(|c| *c == '○').count() == 73).count() == 2);
        let drawn = mermaid(&compared);
        assert!(drawn.contains("0 --> 15"), "{drawn}");
        let series: Vec<Vec<u32>> = drawn
            .lines()
            .filter_map(|line| line.trim().strip_prefix("line [")?.strip_suffix(']'))
            .map(|list| list.split(", ").map(|n| n.parse().unwrap()).collect())
            .collect();
        assert_eq!(series[0].len(), 48);
        assert!(series[0].chunks(2).all(|two| two == [1, 8] || two == [8, 1]), "{drawn}");
        assert_eq!((series[1].len(), series[1].iter().max()), (48, Some(&15)));
    }

    #[test]
    fn few_ticks_are_drawn_one_by_one() {
        let compared = compared(&[1, 2, 3, 3], &[1, 2, 2, 3]);
        let drawn = mermaid(&compared);
        assert!(drawn.contains("line [1, 2, 3, 3]\n  line [1, 2, 2, 3]"), "{drawn}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for (ticks, minutes) in [(3, 1), (12, 1), (700, 1), (700, 2000)] {
            let mut compared = compared(&vec![3; ticks], &vec![4; ticks]);
            compared.lines.iter_mut().enumerate().for_each(|(at, line)| line.0 = minute(at * minutes));
            compared.end = minute((ticks - 1) * minutes);
            for width in [40, 41, 60, 100, 200] {
                for charset in [super::super::Charset::Unicode, super::super::Charset::Ascii] {
                    let layout = Layout { width, charset, all_events: false };
                    for line in plain(&chart(&compared, &layout)) {
                        assert!(super::width(&line) <= width, "{width}: {line:?}");
                    }
                }
            }
        }
    }
}
