use super::*;
use crate::change::live::{Identity, Origin};

fn entry(generation: u64) -> Entry {
    Entry {
        at: "2026-11-25T12:00:00Z".into(),
        event: "apply".into(),
        target: Identity { kind: "directory".into(), id: "0d3f".into() },
        run: format!("run{generation}"),
        generation: Some(generation),
        resumed: false,
        origin: Origin { action: "apply".into(), actor: "ci".into(), ..Origin::default() },
        operations: vec![Did {
            id: "web".into(),
            op: "create".into(),
            before: None,
            after: Some("sha256:00".into()),
        }],
    }
}

/// A ledger of so many lines, and where it ended after each.
fn ledger(lines: u64) -> (tempfile::TempDir, std::path::PathBuf, Vec<Head>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/ledger.jsonl");
    let heads = (1..=lines).map(|n| append(&path, entry(n)).unwrap()).collect();
    (folder, path, heads)
}

fn faults(bytes: &[u8], anchors: &[Anchor]) -> Vec<(u64, String)> {
    verify(bytes, anchors).faults.into_iter().map(|fault| (fault.line, fault.what)).collect()
}

#[test]
fn what_was_written_is_sound_and_ends_where_it_was_said() {
    let (_folder, path, heads) = ledger(4);
    let bytes = read(&path).unwrap();
    let verdict =
        verify(&bytes, &[Anchor::Made(2, "run2".into()), Anchor::Seen("somebody".into(), heads[2].clone())]);
    assert_eq!(verdict, Verdict { head: heads.last().cloned(), faults: Vec::new() });
    assert_eq!(lines(&bytes).len(), 4);
    assert_eq!(verify(b"", &[]), Verdict { head: None, faults: Vec::new() });
}

/// Every byte of every line, changed: found, and at its line (or at the one whose digest the
/// next line no longer follows, which is the same).
#[test]
fn every_changed_byte_is_found_at_its_line() {
    let (_folder, path, _) = ledger(3);
    let bytes = read(&path).unwrap();
    let mut line = 1;
    for at in 0..bytes.len() {
        for to in [b'x', b'0', b' ', b'\n'] {
            if bytes[at] == to || (at + 1 == bytes.len() && to != b'x') {
                continue;
            }
            let mut changed = bytes.clone();
            changed[at] = to;
            let found = faults(&changed, &[]);
            let placed = found.iter().any(|(place, _)| *place == line || *place == line + 1);
            // The end of the last line: a line is torn, or it is whole without its end.
            assert!(placed, "byte {at} of line {line} as {to}: {found:?}");
        }
        if bytes[at] == b'\n' {
            line += 1;
        }
    }
}

/// A line as somebody would write it who knows how digests are made.
fn forged(bytes: &[u8], which: usize, change: impl Fn(&mut Line)) -> Vec<u8> {
    let mut all = lines(bytes);
    change(&mut all[which]);
    all[which].digest = digest(&all[which]);
    let text = |line: &Line| canonical(&serde_json::to_value(line).unwrap()) + "\n";
    all.iter().map(text).collect::<String>().into_bytes()
}

#[test]
fn a_line_with_a_new_digest_is_found_by_the_next_one() {
    let (_folder, path, heads) = ledger(4);
    let bytes = read(&path).unwrap();
    let forged = |which| forged(&bytes, which, |line| line.entry.origin.actor = "nobody".into());
    let replaced = "it was replaced: the line after it follows another one".to_owned();
    assert_eq!(faults(&forged(1), &[]), [(2, replaced)]);
    // The last line has none after it: what was written down elsewhere finds it.
    assert_eq!(faults(&forged(3), &[]), []);
    let seen = Anchor::Seen("generation 5".into(), heads[3].clone());
    assert_eq!(
        faults(&forged(3), &[seen]),
        [(4, "it is not the line that generation 5 saw: it, or one before it, was replaced".to_owned())]
    );
}

#[test]
fn lines_that_are_missing_doubled_or_swapped_are_found() {
    let (_folder, path, heads) = ledger(5);
    let text = String::from_utf8(read(&path).unwrap()).unwrap();
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let of = |which: &[usize]| faults(which.iter().map(|i| all[*i]).collect::<String>().as_bytes(), &[]);
    assert_eq!(of(&[0, 1, 4]), [(3, "lines 3 to 4 are missing before it".to_owned())]);
    assert_eq!(of(&[1, 2]), [(1, "line 1 is missing before it".to_owned())]);
    assert_eq!(of(&[0, 1, 1, 2])[0].0, 3);
    assert_eq!(of(&[0, 2, 1, 3])[0].0, 2);
    // The tail: nothing in the file tells, but what was written down elsewhere does.
    let cut = all[..3].concat();
    assert_eq!(faults(cut.as_bytes(), &[]), []);
    let seen = Anchor::Seen("generation 5".into(), heads[3].clone());
    assert_eq!(
        faults(cut.as_bytes(), &[seen, Anchor::Made(5, "run5".into())]),
        [
            (3, "the ledger ends here, and generation 5 saw 4 lines: its tail was cut off".to_owned()),
            (3, "no line tells of generation 5, which is on the target: its line was taken away".to_owned())
        ]
    );
}

#[test]
fn a_line_whose_writing_was_interrupted_is_named_and_mended_by_the_next() {
    let (_folder, path, _) = ledger(2);
    let whole = read(&path).unwrap();
    for kept in [1, 40, 300] {
        std::fs::write(&path, [&whole[..], &whole[..kept]].concat()).unwrap();
        let torn = (3, "it is cut short: writing it was interrupted".to_owned());
        assert_eq!(faults(&read(&path).unwrap(), &[]), [torn]);
        append(&path, entry(3)).unwrap();
        let verdict = verify(&read(&path).unwrap(), &[]);
        assert_eq!((verdict.head.unwrap().lines, verdict.faults), (3, Vec::new()));
        std::fs::write(&path, &whole).unwrap();
    }
    // A line that lost its end alone is whole.
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    append(&path, entry(3)).unwrap();
    assert_eq!(faults(&read(&path).unwrap(), &[]), []);
}

#[test]
fn keys_given_twice_or_blanks_are_a_change() {
    let (_folder, path, _) = ledger(1);
    let text = String::from_utf8(read(&path).unwrap()).unwrap();
    for changed in [
        text.replacen("\"line\":1", "\"line\":1,\"line\":1", 1),
        text.replacen(':', ": ", 1),
        text.replacen("{", "{\"more\":1,", 1),
    ] {
        assert_eq!(faults(changed.as_bytes(), &[])[0].0, 1, "{changed}");
    }
}
