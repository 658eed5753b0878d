//! Separated values: the header's columns, then one row a line, through the `csv` crate.

use super::ReadOptions;
use super::place::{Complaint, Problems, Text};
use super::table::{Cell, Role, Table};
use crate::model::Finding;
use crate::sim::many;
use crate::sim::series::Samples;
use std::borrow::Cow;

/// Reads a whole file.
///
/// # Errors
/// Findings with places.
pub(super) fn read(text: Text<'_>, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let mut table = Table::new(options, Problems::new(&text), &text.name);
    let delimiter = delimiter(text.text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.text.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => {}
        Ok(false) => return table.finish(),
        Err(error) => {
            table.problems.whole(Finding::error("samples-cell", error.to_string()));
            return table.finish();
        }
    }
    let columns: Vec<String> = record.iter().map(|c| c.trim().to_string()).collect();
    let mut plan = table.header(&columns);
    // Without a time or a metric every row would be wrong for the same reason.
    if !table.problems.none() {
        return Err(table.problems.finish());
    }
    let mut first = true;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                table.problems.whole(Finding::error("samples-cell", error.to_string()));
                break;
            }
        }
        let offset = record.position().map_or(0, |p| p.byte() as usize);
        // A line of blanks between others is no row.
        if record.len() == 1 && record.get(0).is_some_and(|c| c.trim().is_empty()) {
            continue;
        }
        let place = |column: usize| cell_place(text.text, offset, delimiter, column);
        if record.len() != columns.len() {
            let complaint = ragged(&record, &columns, delimiter);
            table.problems.at(place(usize::MAX), complaint, "");
            continue;
        }
        if std::mem::take(&mut first) {
            table.drop_texts(&mut plan, &columns, &|at| record.get(at).unwrap_or_default().to_string());
        }
        let cells = plan.iter().map(|(role, at): &(Role, usize)| {
            (*role, Cell::Text(Cow::Borrowed(record.get(*at).unwrap_or_default())), *at)
        });
        table.row(offset, cells, &place);
    }
    table.finish()
}

/// The delimiter: the one of comma, semicolon and tab that the header has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let count = |d: char| header.matches(d).count();
    let (comma, semicolon, tab) = (count(','), count(';'), count('\t'));
    if comma >= semicolon && comma >= tab {
        b','
    } else if semicolon >= tab {
        b';'
    } else {
        b'\t'
    }
}

fn ragged(record: &csv::StringRecord, columns: &[String], delimiter: u8) -> Complaint {
    let (cells, header) = (many(record.len(), "cell"), many(columns.len(), "column"));
    let message = format!("this row has {cells}, and the header {header}");
    let digits =
        |cell: Option<&str>| cell.is_some_and(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_digit()));
    let last = record.len().wrapping_sub(1);
    let help = if delimiter == b',' && record.len() > columns.len() && digits(record.get(last)) {
        "a number has no comma: write a point for a decimal comma, 1.5 for 1,5; leave one between thousands out, 1234 for 1,234"
    } else if record.len() < columns.len() {
        "is the file cut off here? a cell without a value is still a cell: a,,c"
    } else {
        "quote a cell that holds the separator: \"a,b\""
    };
    Complaint::new(message, help)
}

/// The bytes of a cell of the record that begins at or after `offset`; of the whole line past the last column.
fn cell_place(text: &str, offset: usize, delimiter: u8, column: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let mut at = offset;
    while matches!(bytes.get(at), Some(b'\n' | b'\r')) {
        at += 1;
    }
    let begin = at;
    let mut start = at;
    let mut number = 0;
    let mut quoted = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            b if *b == delimiter && !quoted => {
                if number == column {
                    return (start, at);
                }
                number += 1;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if number == column { (start, at) } else { (begin, at) }
}
