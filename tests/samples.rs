//! Samples as people record them: formats, defects, and the traces in `data/traces`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that reads the repository"
)]

use luascale::model::{Duration, Finding, Phase, Time};
use luascale::sim::samples::{self, Format, ReadOptions};
use luascale::sim::series::{Samples, Series, Values};
use luascale::text::{LineIndex, Span};
use proptest::prelude::*;

fn wanting(metrics: &[&str]) -> ReadOptions {
    ReadOptions {
        metrics: Some(metrics.iter().map(|m| (*m).to_string()).collect()),
        ..ReadOptions::default()
    }
}

fn mapping(columns: &[(&str, &str)], metrics: &[&str]) -> ReadOptions {
    let columns = columns.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string())).collect();
    ReadOptions { columns, ..wanting(metrics) }
}

fn read(name: &str, text: &str, options: &ReadOptions) -> Samples {
    samples::read(text.as_bytes(), name, options).unwrap_or_else(|f| panic!("{}", said(text, &f)))
}

fn wrong(name: &str, bytes: &[u8], options: &ReadOptions) -> String {
    let text = String::from_utf8_lossy(bytes);
    match samples::read(bytes, name, options) {
        Ok(samples) => panic!("read, but should not: {samples:?}"),
        Err(findings) => said(&text, &findings),
    }
}

/// Findings as `line:column "text" message | help`, one a line.
fn said(text: &str, findings: &[Finding]) -> String {
    let index = LineIndex::new(text);
    let mut out = String::new();
    for finding in findings {
        if let Some(label) = finding.labels.first() {
            let at = index.position(text, label.span.start);
            let Span { start, end } = label.span;
            let cell = text.get(start as usize..end as usize).unwrap_or("?");
            let cell: String = cell.chars().take(40).collect();
            out.push_str(&format!("{}:{} {cell:?} ", at.line, at.column));
        }
        out.push_str(&format!("{} | {}\n", finding.message, finding.help.as_deref().unwrap_or("-")));
    }
    out
}

fn series<'a>(samples: &'a Samples, metric: &str) -> &'a Series {
    samples.series.iter().find(|s| s.metric == metric).unwrap_or_else(|| panic!("no {metric}"))
}

fn numbers(samples: &Samples, metric: &str) -> Vec<f64> {
    match &series(samples, metric).values {
        Values::Scalar(track) => track.values.clone(),
        Values::Replicas(_) => panic!("{metric} is one a replica"),
    }
}

fn utc(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The seconds after `start` at which a metric has rows.
fn seconds(samples: &Samples, metric: &str, start: &str) -> Vec<i64> {
    series(samples, metric).times().iter().map(|t| t.since(utc(start)).0 / 1000).collect()
}

fn trace(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/traces/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn read_trace(path: &str, options: &ReadOptions) -> Samples {
    let bytes = trace(path);
    samples::read(&bytes, path, options)
        .unwrap_or_else(|f| panic!("{}", said(&String::from_utf8_lossy(&bytes), &f)))
}

#[test]
fn a_wide_file_with_replicas() {
    let text = "time,cpu,p95,replicas,ready,host\n\
                2024-03-01T12:00:00Z,0.5,0.21,4,3,a\n\
                2024-03-01T12:00:15Z,0.75,0.3,4,4,b\n\
                2024-03-01T12:00:30Z,0.9,0.5,5,4,c\n";
    let samples = read("x.csv", text, &wanting(&["cpu", "p95", "rps"]));
    assert_eq!(numbers(&samples, "cpu"), [0.5, 0.75, 0.9]);
    assert_eq!(numbers(&samples, "p95"), [0.21, 0.3, 0.5]);
    assert_eq!(series(&samples, "cpu").step, Duration::from_secs(15));
    assert_eq!(samples.replicas.as_ref().unwrap().values, [4, 4, 5]);
    assert_eq!(samples.ready.as_ref().unwrap().values, [3, 4, 4]);
    assert_eq!(samples.notes, ["x.csv: columns that no metric names were ignored: host"]);
}

#[test]
fn byte_order_mark_line_ends_quotes_and_separators() {
    let want = [0.5, 0.75];
    for text in [
        "\u{feff}time,cpu\r\n2024-03-01T12:00:00Z,0.5\r\n2024-03-01T12:00:15Z,0.75\r\n",
        "time,cpu\n\n2024-03-01T12:00:00Z,0.5\n   \n2024-03-01T12:00:15Z,0.75",
        "\"time\",\"cpu\"\n\"2024-03-01T12:00:00Z\",\"0.5\"\n\"2024-03-01T12:00:15Z\",\"0.75\"\n",
        " time , cpu \n 2024-03-01T12:00:00Z , 0.5 \n 2024-03-01T12:00:15Z , 0.75 \n",
        "time;cpu\n2024-03-01T12:00:00Z;0.5\n2024-03-01T12:00:15Z;0.75\n",
        "time\tcpu\n2024-03-01T12:00:00Z\t0.5\n2024-03-01T12:00:15Z\t0.75\n",
        "TIMESTAMP,cpu\r2024-03-01T12:00:00Z,0.5\r2024-03-01T12:00:15Z,0.75\r",
    ] {
        assert_eq!(numbers(&read("x.csv", text, &wanting(&["cpu"])), "cpu"), want, "{text:?}");
    }
}

#[test]
fn all_wrong_cells_are_told_with_line_and_column() {
    let text = "time,cpu,rps\n\
                2024-03-01T12:00:00Z,0.5,12500m\n\
                2024-03-01T12:00:15Z,85%,\"1,5\"\n\
                noon,0.5,0x10\n\
                2024-03-01T12:00:45Z,1e400,100\n\
                2024-03-01T12:01:00Z,0.5\n\
                2024-03-01T12:01:15Z,0.5,1,5\n";
    insta::assert_snapshot!(wrong("x.csv", text.as_bytes(), &wanting(&["cpu", "rps"])), @r###"
    2:26 "12500m" `12500m` is no number: it looks like a Kubernetes quantity of 12.5 | write 12.5, or read quantities with --quantities
    3:22 "85%" `85%` is no number | write 85 for a metric in percent, or 0.85 for a ratio
    3:26 "\"1,5\"" `1,5` is no number | a decimal comma is not read: write 1.5
    4:1 "noon" `noon` is no time | write 2024-03-01T12:00:00Z, 2024-03-01 12:00:00, or seconds or milliseconds since 1970
    4:10 "0x10" `0x10` is no number | hexadecimal is not read: write it in decimal
    5:22 "1e400" `1e400` is too large a number | numbers go up to 1.7e308
    6:1 "2024-03-01T12:01:00Z,0.5" this row has 2 cells, and the header 3 columns | is the file cut off here? a cell without a value is still a cell: a,,c
    7:1 "2024-03-01T12:01:15Z,0.5,1,5" this row has 4 cells, and the header 3 columns | a number has no comma: write a point for a decimal comma, 1.5 for 1,5; leave one between thousands out, 1234 for 1,234
    "###);
    // The same after a byte order mark: columns shift by the mark alone.
    let marked = format!("\u{feff}{text}");
    assert!(wrong("x.csv", marked.as_bytes(), &wanting(&["cpu", "rps"])).contains("2:26 \"12500m\""));
}

#[test]
fn quantities_are_read_where_asked_for() {
    let text = "time,rps\n2024-03-01T12:00:00Z,12500m\n2024-03-01T12:00:15Z,1.5k\n2024-03-01T12:00:30Z,2Gi\n";
    let options = ReadOptions { quantities: true, ..wanting(&["rps"]) };
    assert_eq!(numbers(&read("x.csv", text, &options), "rps"), [12.5, 1500.0, 2_147_483_648.0]);
}

#[test]
fn a_long_list_of_errors_is_cut_and_counted() {
    let mut text = String::from("time,cpu\n");
    for minute in 0..50 {
        text.push_str(&format!("2024-03-01T12:{minute:02}:00Z,high\n"));
    }
    let said = wrong("x.csv", text.as_bytes(), &wanting(&["cpu"]));
    assert_eq!(said.lines().count(), 21, "{said}");
    assert!(said.ends_with("x.csv: 30 more errors of this kind, not shown | -\n"), "{said}");
}

#[test]
fn files_that_are_no_samples_at_all() {
    let options = wanting(&["cpu"]);
    let mut latin = b"time,cpu\n2024-03-01T12:00:00Z,0.5\n".to_vec();
    latin.extend_from_slice(b"2024-03-01T12:00:15Z,caf\xe9\n");
    let cases: [(&str, &[u8]); 13] = [
        ("empty.csv", b""),
        ("blank.csv", b" \n\n"),
        ("mark.csv", "\u{feff}".as_bytes()),
        ("header.csv", b"time,cpu\n"),
        ("no_time.csv", b"date,cpu\n2024-03-01,0.5\n"),
        ("no_metric.csv", b"time,cpu_usage\n2024-03-01T12:00:00Z,0.5\n"),
        ("twice.csv", b"time,cpu,cpu\n2024-03-01T12:00:00Z,0.5,0.6\n"),
        ("latin.csv", &latin),
        ("zipped.csv", b"\x1f\x8b\x08\x00abc"),
        ("sheet.xlsx", b"PK\x03\x04abc"),
        ("wide.csv", b"\xff\xfet\x00i\x00m\x00e\x00"),
        ("binary.csv", b"time,cpu\n\x00\x01\x02"),
        ("notes.txt", b"nothing of the kind\n"),
    ];
    let all: String =
        cases.iter().map(|(name, bytes)| format!("{name}: {}", wrong(name, bytes, &options))).collect();
    insta::assert_snapshot!(all, @r###"
    empty.csv: empty.csv is empty | samples have a header or keys, and at least one row
    blank.csv: blank.csv is empty | samples have a header or keys, and at least one row
    mark.csv: mark.csv is empty | samples have a header or keys, and at least one row
    header.csv: header.csv: there is a header but no row | samples have at least one row
    no_time.csv: no_time.csv: no column is called `time` or `timestamp`; columns are date, cpu | if `date` is it, say so: columns: { time: date }
    no_metric.csv: no_metric.csv: no column is a metric of the policy; columns are time, cpu_usage; metrics are cpu | if `cpu_usage` is cpu, say so: columns: { cpu: cpu_usage }
    twice.csv: twice.csv: the column `cpu` is there twice: 2 and 3 | name the columns apart, or remove one
    latin.csv: 3:25 "�" latin.csv is not UTF-8, in line 3 | save it as UTF-8 (iconv -f latin1 -t utf-8 FILE)
    zipped.csv: zipped.csv is compressed (gzip) | unpack it first: gunzip FILE
    sheet.xlsx: sheet.xlsx is a spreadsheet or an archive | save the sheet as CSV, or unpack the archive
    wide.csv: wide.csv is UTF-16 | save it as UTF-8
    binary.csv: binary.csv is a binary file | samples are CSV, JSON lines, a Prometheus answer, YAML or Parquet
    notes.txt: notes.txt: the format of these samples cannot be told | name the file .csv, .jsonl, .json, .yaml or .parquet, or say which it is with --samples-format
    "###);
}

#[test]
fn blank_cells_are_missing_but_a_slower_column_has_no_sample_there() {
    let mut text = String::from("time,cpu,rps\n");
    for at in 0..12 {
        let cpu = if at == 5 { String::new() } else { format!("0.{at}1") };
        let rps = if at % 4 == 0 { format!("{at}") } else { String::new() };
        text.push_str(&format!("2024-03-01T12:{:02}:{:02}Z,{cpu},{rps}\n", at / 4, at % 4 * 15));
    }
    let samples = read("x.csv", &text, &wanting(&["cpu", "rps"]));
    let cpu = numbers(&samples, "cpu");
    assert_eq!(cpu.len(), 12);
    assert!(cpu[5].is_nan() && cpu.iter().filter(|v| v.is_nan()).count() == 1, "{cpu:?}");
    assert_eq!(numbers(&samples, "rps"), [0.0, 4.0, 8.0]);
    assert_eq!(series(&samples, "rps").step, Duration::from_secs(60));
}

#[test]
fn nan_and_infinity_are_missing_and_noted() {
    let text = "time,cpu,rps\n2024-03-01T12:00:00Z,NaN,1\n2024-03-01T12:00:15Z,0.5,+Inf\n2024-03-01T12:00:30Z,-Inf,nan\n";
    let samples = read("x.csv", text, &wanting(&["cpu", "rps"]));
    assert!(numbers(&samples, "cpu").iter().zip([true, false, true]).all(|(v, nan)| v.is_nan() == nan));
    assert_eq!(samples.notes, ["x.csv: cpu, rps: 2 values are NaN or infinite: missing there"]);
}

#[test]
fn rows_out_of_order_are_sorted_and_repeated_ones_settled() {
    let text = "time,cpu\n\
                2024-03-01T12:00:30Z,0.3\n\
                2024-03-01T12:00:00Z,0.1\n\
                2024-03-01T12:00:15Z,0.2\n\
                2024-03-01T12:00:15Z,0.2\n\
                2024-03-01T12:00:30Z,0.9\n\
                2024-03-01T12:00:30Z,\n";
    let samples = read("x.csv", text, &wanting(&["cpu"]));
    assert_eq!(numbers(&samples, "cpu"), [0.1, 0.2, 0.9]);
    insta::assert_snapshot!(samples.notes.join("\n"), @r###"
    x.csv: 3 rows are out of time order; sorted
    x.csv: 1 value is repeated with the same value; merged
    x.csv: 1 value is repeated with another value; the last one at each time counts (first: line 6, 2024-03-01T12:00:30Z)
    "###);
}

#[test]
fn zones_are_taken_as_utc_as_given_or_as_written() {
    let text = "time,cpu\n2024-07-01 12:00:00,1\n2024-07-01 12:00:15.250,2\n";
    let start = "2024-07-01T12:00:00Z";
    let samples = read("x.csv", text, &wanting(&["cpu"]));
    assert_eq!(seconds(&samples, "cpu", start), [0, 15]);
    assert_eq!(
        samples.notes,
        ["x.csv: the times name no zone; they were taken as UTC (--timezone says otherwise)"]
    );
    let paris = ReadOptions { timezone: Some("Europe/Paris".into()), ..wanting(&["cpu"]) };
    let samples = read("x.csv", text, &paris);
    assert_eq!(seconds(&samples, "cpu", start), [-7200, -7184]);
    assert!(samples.notes.is_empty(), "{:?}", samples.notes);
    // Zones that are written win over the option, and may differ from row to row.
    let mixed = "time,cpu\n2024-07-01T12:00:00Z,1\n2024-07-01T14:00:15+02:00,2\n2024-07-01 14:00:30,3\n1719835245,4\n1719835260000,5\n";
    let samples = read("x.csv", mixed, &paris);
    assert_eq!(seconds(&samples, "cpu", start), [0, 15, 30, 45, 60]);
    assert_eq!(samples.notes, ["x.csv: 1 of 5 times names no zone; it was taken as Europe/Paris"]);
    let nowhere = ReadOptions { timezone: Some("Europe/Pari".into()), ..wanting(&["cpu"]) };
    assert!(wrong("x.csv", text.as_bytes(), &nowhere).contains("`Europe/Pari` is no time zone"));
}

#[test]
fn a_gap_is_noted_once_for_the_columns_that_share_it() {
    let text = "time,cpu,rps\n2024-03-01T12:00:00Z,1,1\n2024-03-01T12:00:15Z,1,1\n2024-03-01T12:00:30Z,1,1\n2024-03-01T12:05:00Z,1,1\n";
    let samples = read("x.csv", text, &wanting(&["cpu", "rps"]));
    assert_eq!(
        samples.notes,
        [
            "x.csv: cpu, rps: 1 gap of more than two steps of 15s, 4m30s after 2024-03-01T12:00:30Z; missing there"
        ]
    );
}

#[test]
fn foreign_headers_are_mapped() {
    let text = "when,CPUUtilization,RequestCount,cpu\n2024-03-01T12:00:00Z,50,900,9\n2024-03-01T12:01:00Z,60,1200,9\n";
    let options =
        mapping(&[("time", "when"), ("cpu", "CPUUtilization"), ("rps", "RequestCount")], &["cpu", "rps"]);
    let samples = read("x.csv", text, &options);
    assert_eq!(numbers(&samples, "cpu"), [50.0, 60.0]);
    assert_eq!(numbers(&samples, "rps"), [900.0, 1200.0]);
    // The column that happens to be called cpu is not cpu any more.
    assert_eq!(samples.notes, ["x.csv: columns that no metric names were ignored: cpu"]);
    let slip = mapping(&[("time", "when"), ("cpu", "CPUUtilisation")], &["cpu"]);
    let said = wrong("x.csv", text.as_bytes(), &slip);
    assert!(said.contains("did you mean `CPUUtilization`?") || said.contains("CPUUtilization"), "{said}");
}

#[test]
fn without_a_list_of_metrics_every_number_is_one() {
    let text = "time,host,cpu,memory\n2024-03-01T12:00:00Z,web-1,0.8,0.6\n";
    let samples = read("x.csv", text, &ReadOptions::default());
    let names: Vec<&str> = samples.series.iter().map(|s| s.metric.as_str()).collect();
    assert_eq!(names, ["cpu", "memory"]);
    assert_eq!(samples.notes, ["x.csv: columns that no metric names were ignored: host"]);
}

#[test]
fn a_long_file() {
    let text = "time,metric,value,region\n\
                2024-03-01T12:00:00Z,cpu,0.5,eu\n\
                2024-03-01T12:00:15Z,cpu,0.6,eu\n\
                2024-03-01T12:00:00Z,cpu,0.7,us\n\
                2024-03-01T12:00:00Z,replicas,4,\n\
                2024-03-01T12:00:15Z,replicas,5,\n\
                2024-03-01T12:00:00Z,ready,3,\n\
                2024-03-01T12:00:00Z,disk,7,\n";
    let samples = read("x.csv", text, &wanting(&["cpu"]));
    assert_eq!(samples.series.len(), 2);
    assert_eq!(samples.series[0].region.as_deref(), Some("eu"));
    assert_eq!(samples.series[1].region.as_deref(), Some("us"));
    assert_eq!(samples.replicas.unwrap().values, [4, 5]);
    assert_eq!(samples.ready.unwrap().values, [3]);
    assert_eq!(samples.notes, ["x.csv: metrics that the policies do not use were ignored: disk"]);
}

#[test]
fn regions_keep_their_own_series_and_the_first_by_name_its_replicas() {
    let text = "time,region,cpu,replicas\n\
                2024-03-01T12:00:00Z,us,0.7,9\n\
                2024-03-01T12:00:00Z,eu,0.5,4\n\
                2024-03-01T12:00:15Z,us,0.8,9\n\
                2024-03-01T12:00:15Z,eu,0.6,5\n";
    let samples = read("x.csv", text, &wanting(&["cpu"]));
    let regions: Vec<_> = samples.series.iter().map(|s| s.region.as_deref()).collect();
    assert_eq!(regions, [Some("eu"), Some("us")]);
    assert_eq!(samples.replicas.unwrap().values, [4, 5]);
    assert_eq!(samples.notes, ["x.csv: replicas were recorded in 2 regions; those of eu are read"]);
}

#[test]
fn one_row_a_replica() {
    let text = "time,metric,replica,value,request,phase,started,ready,ready_changed,sampled,window,deleting\n\
        2024-03-01T12:00:00Z,cpu,web-1,0.5,1,Running,2024-03-01T11:00:00Z,true,2024-03-01T11:01:00Z,2024-03-01T11:59:50Z,30s,false\n\
        2024-03-01T12:00:00Z,cpu,web-2,,1,Pending,,false,,,,\n\
        2024-03-01T12:00:00Z,cpu,web-3,NaN,,running,,,,,,true\n\
        2024-03-01T12:00:15Z,cpu,web-1,0.6,1,Running,2024-03-01T11:00:00Z,true,2024-03-01T11:01:00Z,,15,\n";
    let samples = read("x.csv", text, &wanting(&["cpu"]));
    let Values::Replicas(track) = &series(&samples, "cpu").values else { panic!("one a replica") };
    assert_eq!(track.values.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    let first = &track.values[0][0];
    assert_eq!((first.id.as_str(), first.value, first.request), ("web-1", Some(0.5), Some(1.0)));
    assert_eq!((first.ready, first.window), (Some(true), Some(Duration::from_secs(30))));
    assert_eq!(first.ready_changed, Some(utc("2024-03-01T11:01:00Z")));
    assert_eq!(first.sampled, Some(utc("2024-03-01T11:59:50Z")));
    let second = &track.values[0][1];
    assert_eq!((second.value, second.phase, second.ready), (None, Phase::Pending, Some(false)));
    let third = &track.values[0][2];
    assert_eq!((third.value, third.ready, third.deleting), (None, None, true));
    // The same with `id`; a wrong field and an unnamed replica are told.
    let said = wrong(
        "x.csv",
        b"time,metric,id,value,phase,ready\n2024-03-01T12:00:00Z,cpu,a,1,Walking,maybe\n2024-03-01T12:00:00Z,cpu,,1,Running,\n",
        &wanting(&["cpu"]),
    );
    insta::assert_snapshot!(said, @r###"
    2:30 "Walking" `Walking` is no phase of a replica | phases are Pending, Running, Succeeded, Failed, Unknown
    2:38 "maybe" `maybe` is neither true nor false | write true or false; leave the cell empty where it is not known
    3:22 "cpu" this row has fields of a replica but does not name it | the column `replica` (or `id`) holds its name
    "###);
}

#[test]
fn replicas_are_whole_numbers() {
    let text = "time,cpu,replicas\n2024-03-01T12:00:00Z,1,2.5\n2024-03-01T12:00:15Z,1,-1\n2024-03-01T12:00:30Z,1,\n2024-03-01T12:00:45Z,1,3.0\n";
    let said = wrong("x.csv", text.as_bytes(), &wanting(&["cpu"]));
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.starts_with("2:24 \"2.5\" 2.5 is no number of replicas"), "{said}");
}

#[test]
fn json_lines_wide_and_long() {
    let wide = "{\"time\":\"2024-03-01T12:00:00Z\",\"cpu\":0.5,\"replicas\":3,\"tags\":{\"a\":[1]}}\n\n\
                {\"cpu\":null,\"time\":1709294415}\n{\"time\":1709294430000,\"replicas\":4}\n{\"time\":1709294445,\"cpu\":\"0.7\"}\n";
    let samples = read("x.jsonl", wide, &wanting(&["cpu"]));
    let cpu = numbers(&samples, "cpu");
    assert_eq!(cpu.len(), 3);
    assert!(cpu[0] == 0.5 && cpu[1].is_nan() && cpu[2] == 0.7, "{cpu:?}");
    assert_eq!(seconds(&samples, "cpu", "2024-03-01T12:00:00Z"), [0, 15, 45]);
    assert_eq!(samples.replicas.unwrap().values, [3, 4]);
    let long = "{\"time\":1709294400,\"metric\":\"cpu\",\"value\":0.5,\"replica\":\"a\",\"ready\":true,\"request\":null}\n";
    let samples = read("x.jsonl", long, &wanting(&["cpu"]));
    let Values::Replicas(track) = &series(&samples, "cpu").values else { panic!("one a replica") };
    assert_eq!((track.values[0][0].ready, track.values[0][0].request), (Some(true), None));
}

#[test]
fn json_lines_that_are_wrong() {
    let text = "{\"time\":1709294400,\"cpu\":\"85%\"}\n\
                {\"time\":1709294415,\"cpu\":{\"value\":1}}\n\
                {\"time\":1709294430,\"cpu\":NaN}\n\
                {\"time\":1709294430,\"cpu\":1e400}\n\
                {\"time\":1709294445,\"cpu\":1,\"cpu\":2}\n\
                {\"cpu\":1}\n\
                {\"time\":1709294460,\"cpu\":\n\
                7\n\
                {\"time\":true,\"cpu\":false}\n";
    insta::assert_snapshot!(wrong("x.jsonl", text.as_bytes(), &wanting(&["cpu"])), @r###"
    1:26 "\"85%\"" `85%` is no number | write 85 for a metric in percent, or 0.85 for a ratio
    2:26 "{\"value\":1}" an object is no number | write a number such as 0.75
    3:26 "NaN}" NaN and infinity are no JSON | write null where there is no value
    4:30 "0}" a number is too large | numbers go up to 1.7e308
    5:1 "{\"time\":1709294445,\"cpu\":1,\"cpu\":2}" `cpu` is there twice in this row | keep one of them
    6:1 "{\"cpu\":1}" this row has no time | give it a time
    7:25 ":" this line is no JSON object: EOF while parsing a value | write one object a line, such as {"time":"2024-03-01T12:00:00Z","cpu":0.5}; where there is no value, null
    8:1 "7" this line is no JSON object: invalid type: integer `7`, expected one … | write one object a line, such as {"time":"2024-03-01T12:00:00Z","cpu":0.5}; where there is no value, null
    9:9 "true" a boolean is no time | write 2024-03-01T12:00:00Z
    9:20 "false" `false` is no number | write 1 or 0
    "###);
    let list = wrong("x.jsonl", b"[{\"time\":1709294400,\"cpu\":1}]", &wanting(&["cpu"]));
    assert!(list.contains("a list of rows is not read | write one object a line"), "{list}");
}

const MATRIX: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"cpu"},"values":[[1709294400,"0.5"],[1709294415.5,"NaN"],[1709294430,"+Inf"],[1709294445,"0.75"]]},
    {"metric":{"__name__":"replicas"},"values":[[1709294400,"3"],[1709294415,"4"]]},
    {"metric":{"__name__":"up","job":"x"},"values":[[1709294400,"1"]]}]}}"#;

#[test]
fn a_prometheus_answer() {
    let samples = read("x.json", MATRIX, &wanting(&["cpu"]));
    let cpu = numbers(&samples, "cpu");
    assert!(cpu[0] == 0.5 && cpu[1].is_nan() && cpu[2].is_nan() && cpu[3] == 0.75, "{cpu:?}");
    assert_eq!(series(&samples, "cpu").times()[1], utc("2024-03-01T12:00:15.5Z"));
    assert_eq!(samples.replicas.unwrap().values, [3, 4]);
    assert!(samples.notes.iter().any(|n| n.contains("series that the policies do not use were ignored: up")));
    // A mapped series, the data alone, and two answers in one file.
    let data = MATRIX.trim_start_matches(r#"{"status":"success","data":"#).trim_end_matches('}');
    let data = format!("{data}}}");
    let samples = read("x.json", &data, &mapping(&[("load", "up")], &["load"]));
    assert_eq!(numbers(&samples, "load"), [1.0]);
    let second = MATRIX.replace("cpu", "p95");
    let samples = read(
        "x.json",
        &format!("{MATRIX}\n{}", second.replace("replicas", "other")),
        &wanting(&["cpu", "p95"]),
    );
    assert_eq!(samples.series.len(), 2);
}

#[test]
fn prometheus_series_of_replicas_and_without_names() {
    let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"pod":"a"},"values":[[1709294400,"0.5"],[1709294415,"0.6"]]},
        {"metric":{"pod":"b"},"values":[[1709294400,"NaN"]]}]}}"#;
    let by_pod = ReadOptions { replica_labels: vec![("cpu".into(), "pod".into())], ..wanting(&["cpu"]) };
    let samples = read("x.json", text, &by_pod);
    let Values::Replicas(track) = &series(&samples, "cpu").values else { panic!("one a replica") };
    assert_eq!(track.values.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(track.values[0][1].value, None);
    assert_eq!(samples.notes, ["x.json: series without a name are taken as cpu, the only metric"]);
    // A name from outside needs no guess.
    let named = ReadOptions { metric: Some("cpu".into()), ..by_pod.clone() };
    assert!(read("x.json", text, &named).notes.is_empty());
    let several = wrong("x.json", text.as_bytes(), &wanting(&["cpu"]));
    assert!(several.contains("2 series are cpu; they differ in pod | aggregate in the query, as in sum(cpu), or set replica_label = \"pod\""), "{several}");
    let unnamed = wrong("x.json", text.as_bytes(), &wanting(&["cpu", "rps"]));
    assert!(unnamed.contains("a series has no name; its labels are {pod=\"a\"}"), "{unnamed}");
}

#[test]
fn prometheus_answers_that_are_no_recording() {
    let options = wanting(&["cpu"]);
    let cases = [
        r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}"#,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1709294400,"2"]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"mem"},"values":[[1709294400,"2"]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"cpu"},"values":[[1709294400,"12500m"],[1709294415,2]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"cpu"},"values":[[1709294400,"12500m"]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"cpu"},"histograms":[[1709294400,{}]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","#,
    ];
    let all: String = cases.iter().map(|text| wrong("x.json", text.as_bytes(), &options)).collect();
    insta::assert_snapshot!(all, @r###"
    1:1 "{" Prometheus answered with an error: parse error: unexpected end | ask again, and save the answer
    1:1 "{" the answer is a vector: one instant, not a recording | ask /api/v1/query_range with start, end and step, and save the whole answer
    1:1 "{" the answer is a scalar: one instant, not a recording | ask /api/v1/query_range with start, end and step, and save the whole answer
    x.json: the answer holds no series | the query found nothing in that time: check its labels and the range
    x.json: no series is a metric of the policy; series are mem; metrics are cpu | map them: columns: { METRIC: SERIES } beside the path in luascale.yaml
    1:112 "\"12500m\"" `12500m` is no number: it looks like a Kubernetes quantity of 12.5 (cpu at 2024-03-01T12:00:00Z) | write 12.5, or read quantities with --quantities
    1:112 "\"12500m\"" `12500m` is no number: it looks like a Kubernetes quantity of 12.5 (cpu at 2024-03-01T12:00:00Z) | write 12.5, or read quantities with --quantities
    x.json: cpu is a native histogram, not numbers | ask for a quantile: histogram_quantile(0.95, …)
    1:50 "," this is no answer of a Prometheus query_range: EOF while parsing a value | save the whole answer of /api/v1/query_range; samples in JSON lines are named .jsonl
    "###);
}

#[test]
fn the_format_is_told_by_extension_then_by_content() {
    let options = wanting(&["cpu"]);
    assert_eq!(numbers(&read("x", "time,cpu\n2024-03-01T12:00:00Z,1\n", &options), "cpu"), [1.0]);
    assert_eq!(numbers(&read("x.json", "{\"time\":1709294400,\"cpu\":1}", &options), "cpu"), [1.0]);
    assert_eq!(numbers(&read("x.txt", MATRIX, &options), "cpu").len(), 4);
    let forced = ReadOptions { format: Some(Format::Csv), ..options };
    assert_eq!(numbers(&read("x.json", "time,cpu\n2024-03-01T12:00:00Z,1\n", &forced), "cpu"), [1.0]);
    assert_eq!(Format::parse("jsonl"), Ok(Format::JsonLines));
    assert!(Format::parse("yamll").unwrap_err().contains("did you mean `yaml`?"));
}

#[test]
fn files_are_merged_where_they_do_not_contradict() {
    let options = wanting(&["cpu", "rps"]);
    let part = |name: &str, text: &str| (name.to_string(), read(name, text, &options));
    let cpu = part("a.csv", "time,cpu,replicas\n2024-03-01T12:00:00Z,1,3\n2024-03-01T12:00:15Z,2,3\n");
    let rps = part("b.csv", "time,rps,replicas\n2024-03-01T12:00:00Z,9,3\n2024-03-01T12:00:30Z,8,4\n");
    let later = part("c.csv", "time,cpu\n2024-03-01T12:00:30Z,3\n");
    let merged = samples::merge(vec![later, cpu.clone(), rps]).unwrap();
    assert_eq!(numbers(&merged, "cpu"), [1.0, 2.0, 3.0]);
    assert_eq!(series(&merged, "cpu").step, Duration::from_secs(15));
    assert_eq!(numbers(&merged, "rps"), [9.0, 8.0]);
    assert_eq!(merged.replicas.unwrap().values, [3, 3, 4]);
    let again = part("d.csv", "time,cpu,replicas\n2024-03-01T12:00:15Z,2,7\n");
    let findings = samples::merge(vec![cpu, again]).unwrap_err();
    insta::assert_snapshot!(said("", &findings), @r###"
    cpu is recorded twice for the same time: a.csv and d.csv both have it | give one of the files, or map the columns of one to another metric (columns in luascale.yaml)
    `replicas` is 3 in a.csv and 7 in d.csv at 2024-03-01T12:00:15Z | keep the column `replicas` in one of the files
    "###);
}

#[test]
fn one_column_as_a_file_metric() {
    let text = b"time,queue,replicas\n2024-03-01T12:00:00Z,7,2\n";
    let samples = samples::read_column(text, "q.csv", "queue", "waiting", &ReadOptions::default()).unwrap();
    assert_eq!(numbers(&samples, "waiting"), [7.0]);
    assert_eq!(samples.replicas, None);
    let findings =
        samples::read_column(text, "q.csv", "queu", "waiting", &ReadOptions::default()).unwrap_err();
    assert!(said("", &findings).contains("queue"), "{}", said("", &findings));
}

#[test]
fn huge_lines_are_read_or_refused_in_short() {
    let mut text = String::from("time,cpu,note\n2024-03-01T12:00:00Z,0.5,");
    text.push_str(&"x".repeat(5_000_000));
    assert_eq!(numbers(&read("x.csv", &text, &wanting(&["cpu"])), "cpu"), [0.5]);
    let said = wrong("x.csv", text.as_bytes(), &wanting(&["note"]));
    assert!(said.len() < 400, "{}", said.len());
}

// The traces. What is asserted is what their SOURCE.md and a look at the files say.

#[test]
fn llmd_runs_have_replicas_no_zone_and_a_gap() {
    let columns = [("queue", "num_requests_waiting"), ("kv_cache", "kv_cache_usage_perc")];
    let options = mapping(&columns, &["queue", "kv_cache"]);
    let high = read_trace("llmd-hpa-runs/high-load-hpa-20251124-155733.csv", &options);
    // A quantity without its suffix is a number like any other: nothing in the file tells.
    let queue = numbers(&high, "queue");
    assert_eq!((queue.len(), queue.iter().filter(|v| **v == 60250.0).count()), (29, 2));
    assert_eq!(high.replicas.as_ref().unwrap().values.iter().max(), Some(&10));
    assert_eq!(series(&high, "queue").step, Duration::from_secs(21));
    assert!(high.notes.iter().any(|n| n.contains("name no zone")), "{:?}", high.notes);
    assert!(!high.notes.iter().any(|n| n.contains("gap")), "{:?}", high.notes);
    let moderate = read_trace("llmd-hpa-runs/moderate-load-hpa-20251124-161753.csv", &options);
    assert!(numbers(&moderate, "queue").contains(&10.5));
    let extended = read_trace("llmd-hpa-runs/moderate-load-hpa-extended-20251210-132157.csv", &options);
    assert_eq!(numbers(&extended, "queue").len(), 64);
    assert!(
        extended.notes.iter().any(|n| n.contains(
            "kv_cache, queue: 1 gap of more than two steps of 21s, 2m1s after 2025-12-10T13:41:03Z; missing there"
        ) || n.contains("queue, kv_cache: 1 gap of more than two steps of 21s, 2m1s after 2025-12-10T13:41:03Z")),
        "{:?}",
        extended.notes
    );
}

#[test]
fn nab_has_a_collapsed_hour_and_no_zone() {
    let samples = read_trace("nab/ec2_network_in_5abac7.csv", &wanting(&["bytes"]));
    // 4,730 rows of which 12 share one time.
    assert_eq!(numbers(&samples, "bytes").len(), 4730 - 11);
    insta::assert_snapshot!(samples.notes.join("\n"), @r###"
    nab/ec2_network_in_5abac7.csv: the times name no zone; they were taken as UTC (--timezone says otherwise)
    nab/ec2_network_in_5abac7.csv: the column `value` is taken as bytes, the only metric
    nab/ec2_network_in_5abac7.csv: 11 values are repeated with another value; the last one at each time counts (first: line 2120, 2014-03-09T03:00:00Z); it follows a gap as long as what was put together, as local times do at the change to summer time
    nab/ec2_network_in_5abac7.csv: bytes: 1 gap of more than two steps of 5m, 1h4m after 2014-03-09T01:56:00Z; missing there
    "###);
    // The last of the twelve counts.
    let at = series(&samples, "bytes").times().binary_search(&utc("2014-03-09T03:00:00Z")).unwrap();
    assert_eq!(numbers(&samples, "bytes")[at], 60.0);
    let occupancy =
        read_trace("nab/occupancy_t4013.csv", &mapping(&[("occupancy", "value")], &["occupancy"]));
    assert!(
        occupancy.notes.iter().any(|n| n.contains("gaps of more than two steps of")),
        "{:?}",
        occupancy.notes
    );
}

#[test]
fn nasa_tells_lost_logs_from_a_server_that_was_down() {
    let samples = read_trace("nasa-http-1995/nasa_http_5m_outages.csv", &wanting(&["rps"]));
    let zeros = numbers(&samples, "rps").iter().filter(|v| **v == 0.0).count();
    assert!(zeros > 400, "{zeros}");
    insta::assert_snapshot!(samples.notes.join("\n"), @r###"
    nasa-http-1995/nasa_http_5m_outages.csv: rps: 1 gap of more than two steps of 5m, 3d10h30m after 1995-07-28T17:30:00Z; missing there
    "###);
}

#[test]
fn knative_counts_of_one_service() {
    let options = ReadOptions {
        only: vec![("service".into(), "stress-func-4".into())],
        ..mapping(&[("want", "want"), ("replicas", "want")], &["want"])
    };
    let samples = read_trace("knative-pod-counts-2022/pod_counts.csv", &options);
    assert_eq!(numbers(&samples, "want"), [4.0, 6.0, 6.0, 3.0, 3.0, 1.0, 0.0, 0.0]);
    assert_eq!(samples.ready.as_ref().unwrap().values, [8, 13, 13, 6, 6, 3, 1, 1]);
    assert_eq!(samples.replicas.as_ref().unwrap().values, [4, 6, 6, 3, 3, 1, 0, 0]);
    // Without a choice of one service the rows of fifty contradict each other, which is said.
    let all = read_trace("knative-pod-counts-2022/pod_counts.csv", &wanting(&["want"]));
    assert!(all.notes.iter().any(|n| n.contains("repeated with another value")), "{:?}", all.notes);
    let slip = ReadOptions { only: vec![("service".into(), "stress-func-999".into())], ..wanting(&["want"]) };
    let bytes = trace("knative-pod-counts-2022/pod_counts.csv");
    assert!(wrong("p.csv", &bytes, &slip).contains("no row has `stress-func-999` in the column `service`"));
}

#[test]
fn azure_functions_derived_and_as_published() {
    let options = mapping(&[("rps", "fn5")], &["rps"]);
    let samples = read_trace("azure-functions-2019/five_functions_rps.csv", &options);
    assert_eq!(numbers(&samples, "rps").len(), 1440);
    assert_eq!(series(&samples, "rps").step, Duration::from_secs(60));
    let raw = wrong("azure.csv", &trace("azure-functions-2019/invocations_5fn.csv"), &wanting(&["rps"]));
    assert!(raw.contains("no column is called `time` or `timestamp`; columns are HashOwner, HashApp, HashFunction, Trigger, 1"), "{raw}");
}

#[test]
fn azure_llm_requests_and_rates() {
    let columns = [("tokens", "generated_tokens_per_second")];
    let rates = read_trace("azure-llm-2023/conv_10s.csv", &mapping(&columns, &["rps", "tokens"]));
    assert_eq!(numbers(&rates, "tokens").len(), 351);
    // One row a request, at times of a tenth of a microsecond: they are kept to the millisecond.
    let requests = read_trace(
        "azure-llm-2023/code_first_500.csv",
        &mapping(&[("tokens", "GeneratedTokens")], &["tokens"]),
    );
    assert_eq!(series(&requests, "tokens").times()[0], utc("2023-11-16T18:17:03.979Z"));
}

#[test]
fn phpa_and_the_world_cup() {
    let hpa = read_trace("phpa-vs-hpa-2020/hpa.csv", &wanting(&["rps", "latency_avg"]));
    assert_eq!(hpa.replicas.as_ref().unwrap().values.iter().max(), Some(&12));
    assert_eq!(numbers(&hpa, "rps").len(), 60);
    let cup = read_trace(
        "worldcup98/worldcup98_5m_four_days.csv",
        &mapping(&[("requests", "count_raw")], &["requests"]),
    );
    assert_eq!(numbers(&cup, "requests").len(), 1152);
    assert_eq!(
        cup.notes,
        [
            "worldcup98/worldcup98_5m_four_days.csv: the times name no zone; they were taken as UTC (--timezone says otherwise)",
            "worldcup98/worldcup98_5m_four_days.csv: columns that no metric names were ignored: count_thousand"
        ]
    );
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_where_it_is_not_built_in() {
    let said = wrong("x.parquet", b"PAR1....PAR1", &wanting(&["cpu"]));
    assert_eq!(
        said,
        "x.parquet is a Parquet file, which this build does not read | build with --features parquet, or export it as CSV\n"
    );
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use super::*;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// A file of a time column of this type, `cpu`, `host` and `replicas`.
    fn file(time: &str, times: &[i64], cpu: &[Option<f64>]) -> Vec<u8> {
        let schema = format!(
            "message samples {{ REQUIRED INT64 time {time}; OPTIONAL DOUBLE cpu; REQUIRED BYTE_ARRAY host (UTF8); REQUIRED INT64 replicas; }}"
        );
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let mut out = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut out, schema, Arc::new(WriterProperties::builder().build()))
                .unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(times, None, None).unwrap();
        column.close().unwrap();
        let present: Vec<f64> = cpu.iter().copied().flatten().collect();
        let levels: Vec<i16> = cpu.iter().map(|c| i16::from(c.is_some())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&present, Some(&levels), None).unwrap();
        column.close().unwrap();
        let hosts: Vec<ByteArray> = times.iter().map(|_| ByteArray::from("web-1")).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&hosts, None, None).unwrap();
        column.close().unwrap();
        let replicas: Vec<i64> = times.iter().map(|_| 3).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&replicas, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        out
    }

    #[test]
    fn times_of_every_unit() {
        let start = utc("2024-03-01T12:00:00Z").0;
        for (kind, factor) in [
            ("(TIMESTAMP(MILLIS,true))", 1),
            ("(TIMESTAMP(MICROS,true))", 1000),
            ("(TIMESTAMP(NANOS,true))", 1_000_000),
            ("(TIMESTAMP(MICROS,false))", 1000),
            ("", 1),
        ] {
            let bytes = file(kind, &[start * factor, (start + 15_000) * factor], &[Some(0.5), None]);
            let samples = samples::read(&bytes, "x.parquet", &wanting(&["cpu"])).unwrap();
            assert_eq!(seconds(&samples, "cpu", "2024-03-01T12:00:00Z"), [0, 15], "{kind}");
            let cpu = numbers(&samples, "cpu");
            assert!(cpu[0] == 0.5 && cpu[1].is_nan(), "{kind}: {cpu:?}");
            assert_eq!(samples.replicas.as_ref().unwrap().values, [3, 3]);
            assert_eq!(
                samples.notes.iter().any(|n| n.contains("name no zone")),
                kind.contains("false"),
                "{kind}"
            );
        }
        // A local time follows the zone that is given.
        let bytes = file("(TIMESTAMP(MICROS,false))", &[start * 1000], &[Some(0.5)]);
        let paris = ReadOptions { timezone: Some("Europe/Paris".into()), ..wanting(&["cpu"]) };
        let samples = samples::read(&bytes, "x", &paris).unwrap();
        assert_eq!(seconds(&samples, "cpu", "2024-03-01T12:00:00Z"), [-3600]);
    }

    #[test]
    fn what_is_wrong_names_its_row() {
        let bytes = file("", &[1_709_294_400, -5], &[Some(0.5), Some(1.0)]);
        let said = wrong("x.parquet", &bytes, &wanting(&["cpu", "host"]));
        insta::assert_snapshot!(said, @r###"
        x.parquet: row 1: `web-1` is no number | write a number such as 0.75 or 1200; leave the cell empty where there is no value
        x.parquet: row 2: -5 is no time | write 2024-03-01T12:00:00Z, 2024-03-01 12:00:00, or seconds or milliseconds since 1970
        x.parquet: row 2: `web-1` is no number | write a number such as 0.75 or 1200; leave the cell empty where there is no value
        "###);
        assert!(
            wrong("x.parquet", b"PAR1 and nothing more", &wanting(&["cpu"]))
                .contains("is no Parquet file that can be read")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn damaged_files_are_read_or_refused(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut bytes = file("(TIMESTAMP(MILLIS,true))", &[1_709_294_400_000, 1_709_294_415_000], &[Some(0.5), None]);
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Err(findings) = samples::read(&bytes, "x.parquet", &wanting(&["cpu"])) {
                prop_assert!(!findings.is_empty());
            }
        }
    }
}

/// Valid files of each format, to be damaged.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("x.csv", trace("llmd-hpa-runs/high-load-hpa-20251124-155733.csv")),
        ("x.csv", b"time,metric,replica,value,ready,window\n2024-03-01T12:00:00Z,cpu,\"a\",0.5,true,30s\n1709294415,cpu,b,1e3,,\n".to_vec()),
        ("x.jsonl", b"{\"time\":\"2024-03-01T12:00:00+01:00\",\"cpu\":0.5,\"replicas\":3}\n{\"time\":1709294415,\"cpu\":null}\n".to_vec()),
        ("x.json", MATRIX.as_bytes().to_vec()),
        ("x.yaml", b"start: 2024-03-01T12:00:00Z\ninterval: 30s\nseries:\n  cpu: \"0.5x4 _ 1-0.1x3 stale\"\n  queue: { a: [1, null], b: 2x3 }\n  replicas: 3x9\nexpect:\n  - { at: 1m..2m, replicas: 3..8, event: none }\n".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever is done to a file, a reader answers: with samples whose times rise and whose values fit
    /// them, or with at least one finding whose places lie in the file.
    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0usize..5,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..5, any::<u8>()), 1..12),
        quantities: bool,
        all: bool,
    ) {
        let (name, mut bytes) = valid().swap_remove(which);
        for (at, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => {
                    let piece = bytes[at..].iter().copied().take(usize::from(byte)).collect::<Vec<u8>>();
                    bytes.splice(at..at, piece);
                }
            }
        }
        let options = ReadOptions {
            quantities,
            timezone: Some("America/New_York".into()),
            ..if all { ReadOptions::default() } else { mapping(&[("queue", "num_requests_waiting")], &["cpu", "queue"]) }
        };
        let lossy = String::from_utf8_lossy(&bytes);
        match samples::read(&bytes, name, &options) {
            Ok(samples) => {
                for series in &samples.series {
                    prop_assert!(series.times().windows(2).all(|w| w[0] < w[1]));
                    if let Values::Scalar(track) = &series.values {
                        prop_assert_eq!(track.times.len(), track.values.len());
                        prop_assert!(track.values.iter().all(|v| v.is_finite() || v.is_nan()));
                    }
                }
            }
            Err(findings) => {
                prop_assert!(!findings.is_empty() && findings.len() <= 21);
                for label in findings.iter().flat_map(|f| &f.labels) {
                    prop_assert!(label.span.end as usize <= lossy.len() + 3, "{:?} of {}", label, lossy.len());
                }
            }
        }
    }
}
