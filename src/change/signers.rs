//! Who may approve by a signature: a file of `allowed_signers`, as ssh-keygen(1) describes it.
//! May import: siblings, `text`, `model`.

use crate::model::Finding;
use crate::text::{LineIndex, Source, Span};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::{HashAlg, PublicKey};

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Who it is, as patterns: `ann@example.com`, `*@example.com`.
    pub principals: Vec<String>,
    /// What the key may sign, as patterns; anything where it does not say.
    pub namespaces: Option<Vec<String>>,
    /// From when on it counts.
    pub valid_after: Option<Timestamp>,
    /// Until when it counts.
    pub valid_before: Option<Timestamp>,
    /// Whether the key only signs certificates, which are not read.
    pub authority: bool,
    /// The key.
    pub key: PublicKey,
    /// The line, from 1.
    pub line: u32,
}

impl Signer {
    /// The key in short, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Why the line lets its key approve nothing now, if it does not.
    pub fn objection(&self, namespace: &str, now: Timestamp) -> Option<String> {
        let line = self.line;
        if self.authority {
            return Some(format!(
                "line {line} of the signers is a cert-authority, and certificates are not read: list the keys themselves"
            ));
        }
        if self.namespaces.as_ref().is_some_and(|list| !matches(list, namespace)) {
            return Some(format!(
                "line {line} of the signers lets it sign other namespaces than {namespace}"
            ));
        }
        if self.valid_after.is_some_and(|after| now < after) {
            return Some(format!("line {line} of the signers makes it valid later"));
        }
        if self.valid_before.is_some_and(|before| now >= before) {
            return Some(format!("line {line} of the signers made it valid earlier, and it ran out"));
        }
        None
    }

    /// Whether the line may stand for who has this name and this address. Capitals do not count,
    /// nor does what follows a `+` in an address, and a principal without `@` is the address's part before it.
    pub fn is(&self, name: &str, address: &str) -> bool {
        let (name, address) = (name.to_lowercase(), address.to_lowercase());
        let principals: Vec<String> = self.principals.iter().map(|p| p.to_lowercase()).collect();
        let principals: Vec<String> =
            principals.iter().map(|p| untagged(p)).chain(principals.clone()).collect();
        let bare = untagged(&address);
        let local = |address: &str| address.split('@').next().unwrap_or_default().to_owned();
        let plain = |text: &str| !text.is_empty() && matches(&principals, text);
        [address.clone(), bare.clone(), local(&address), local(&bare), name].iter().any(|text| plain(text))
    }
}

/// An address without what follows a `+` before its `@`.
fn untagged(address: &str) -> String {
    match address.split_once('@') {
        Some((local, host)) => format!("{}@{host}", local.split('+').next().unwrap_or(local)),
        None => address.to_owned(),
    }
}

/// Reads the file. A line that cannot be read counts for nobody and is told: were it an error,
/// nothing that mends it could be approved.
pub fn parse(source: &Source) -> (Vec<Signer>, Vec<Finding>) {
    let lines = LineIndex::new(&source.text);
    let (mut signers, mut findings) = (Vec::new(), Vec::new());
    for (line, text) in (1u32..).zip(source.text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match signer(text, line) {
            Ok(signer) => signers.push(signer),
            Err(why) => {
                let span = lines.line_span(&source.text, line).unwrap_or_default();
                let message = format!("{}:{line} lets nobody sign: {why}", source.name);
                findings.push(
                    Finding::warning("bad-signer", message)
                        .at(source, Span::new(span.start as usize, span.end as usize), "this line")
                        .help("write it as `ann@example.com ssh-ed25519 AAAA…`, with the key of a .pub file"),
                );
            }
        }
    }
    (signers, findings)
}

fn signer(text: &str, line: u32) -> Result<Signer, String> {
    let mut words = words(text)?.into_iter();
    let principals = words.next().ok_or("it is empty")?;
    let mut signer = Options::default();
    let mut kind = words.next().ok_or("it has no key")?;
    if !is_algorithm(&kind) {
        signer.read(&kind)?;
        kind = words.next().ok_or("it has no key")?;
    }
    if !is_algorithm(&kind) {
        return Err(format!("{kind} is no kind of key"));
    }
    let body = words.next().ok_or("it has a kind of key and no key")?;
    let key = PublicKey::from_openssh(&format!("{kind} {body}"))
        .map_err(|_| format!("its key is no key of the kind {kind}"))?;
    Ok(Signer {
        principals: principals
            .split(',')
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .map(String::from)
            .collect(),
        namespaces: signer.namespaces,
        valid_after: signer.valid_after,
        valid_before: signer.valid_before,
        authority: signer.authority,
        key,
        line,
    })
}

fn is_algorithm(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start))
}

#[derive(Default)]
struct Options {
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
    authority: bool,
}

impl Options {
    /// Options with commas between them, quotes already taken away: a comma inside them was
    /// replaced by a unit separator.
    fn read(&mut self, text: &str) -> Result<(), String> {
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key.to_ascii_lowercase().as_str() {
                "cert-authority" => self.authority = true,
                "namespaces" => {
                    self.namespaces = Some(value.split([COMMA, ',']).map(|n| n.trim().to_owned()).collect());
                }
                "valid-after" => self.valid_after = Some(time(value)?),
                "valid-before" => self.valid_before = Some(time(value)?),
                _ => return Err(format!("there is no option {key}")),
            }
        }
        Ok(())
    }
}

/// Stands for a comma inside quotes.
const COMMA: char = '\u{1f}';

/// The words of a line; blanks inside quotes belong to a word.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if quoted && word.contains('=') => word.push(COMMA),
            COMMA => return Err("it has a control character".into()),
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err("it has a quote without an end".into());
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Ok(words)
}

/// A time as `YYYYMMDD[HHMM[SS]]`, with or without a `Z`: always in UTC here, so that every
/// machine comes to the same end.
fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text} is no time of the form YYYYMMDD or YYYYMMDDHHMMSS");
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i8>().ok());
    let year = digits.get(..4).and_then(|year| year.parse::<i16>().ok());
    let read = || {
        let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
        let date = (year?, part(4, 6)?, part(6, 8)?);
        let time = (hour.unwrap_or(0), minute.unwrap_or(0), second.unwrap_or(0));
        let civil = DateTime::new(date.0, date.1, date.2, time.0, time.1, time.2, 0).ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    read().ok_or_else(wrong)
}

/// Whether a list of patterns takes a text: `*` and `?` stand for any and for one character, and
/// a pattern with `!` before it takes it away whatever the others say. As in ssh_config(5).
pub fn matches(patterns: &[String], text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(not) if glob(not, text) => return false,
            Some(_) => {}
            None => found |= glob(pattern, text),
        }
    }
    found
}

/// In steps of no more than pattern times text, whatever the pattern is.
fn glob(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the text the pattern so far takes.
    let mut takes = vec![false; text.len() + 1];
    takes[0] = true;
    for p in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for (at, slot) in next.iter_mut().enumerate() {
            let before = at.checked_sub(1);
            *slot = if p == '*' {
                takes.iter().take(at + 1).any(|t| *t)
            } else {
                before.is_some_and(|b| takes.get(b) == Some(&true) && (p == '?' || text.get(b) == Some(&p)))
            };
        }
        takes = next;
    }
    takes.last() == Some(&true)
}

#[cfg(test)]
#[path = "signers_tests.rs"]
mod tests;
