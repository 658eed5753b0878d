//! The text of a file without running it: does it parse, where do its policies stand, does any
//! of its functions keep state. Behind it is full_moon, with Luau's grammar only.
//!
//! A syntax tree takes much more memory than its text and much stack to drop, so none leaves
//! the thread that parsed it: what is learnt from it is plain data.
//!
//! May import: `text`, `model`.

pub mod comments;
mod conditions;
mod depth;
mod dialect;
mod errors;
mod evaluate;
mod facts;
pub mod forms;
pub mod literal;
mod outline;
mod place;
mod purity;
mod token;
pub mod walk;

pub use evaluate::{bytes, text};

use crate::model::expr::Functions;
use crate::model::finding::{Finding, Level};
use crate::model::raw::{Outline, RawFile};
use crate::model::script::ScriptFacts;
use crate::text::{LineIndex, Source, Span, size};
use full_moon::LuaVersion;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The longest text that is parsed, in bytes. A syntax tree takes about 116 bytes for each
/// byte of text, so this is some 60 MB.
pub const LONGEST: usize = 512 * 1024;

/// How many findings of one kind a file may have.
const MOST_FINDINGS: usize = 100;

/// Stack of the thread that parses. A nested function takes full_moon 25 kB of stack, and
/// `depth` lets 200 of them through, and 1000 operators of 6 kB.
const STACK: usize = 64 * 1024 * 1024;

thread_local! {
    /// Whether this thread has the stack to parse on.
    static ROOMY: Cell<bool> = const { Cell::new(false) };
}

/// What the text of a file says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Parsed {
    /// What keeps it from parsing, and warnings about the text; in the order of the text. What
    /// Luau's own compiler accepts all the same is to be passed through [`parser_limits`].
    pub findings: Vec<Finding>,
    /// Where its policies stand, as far as it parses.
    pub outline: Outline,
    /// What the literals of its policies say: what `build` takes where the file will not run.
    /// Functions are `FnRef(u32::MAX)`, and what is computed is unknown.
    pub literals: RawFile,
    /// Functions that assign a global or an outer local. To be reported for files that declare
    /// policies and for what they require; a script begins anew at each tick, so what its
    /// functions assign is forgotten.
    pub purity: Vec<Finding>,
    /// Whether it calls `policy` anywhere.
    pub declares: bool,
    /// What is plain from the text where it is a script.
    pub facts: ScriptFacts,
    /// What its functions return; those of required modules are put in by [`Functions::link`].
    pub functions: Functions,
}

impl Parsed {
    /// Whether the text parses.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|f| f.level != Level::Error)
    }
}

/// Runs something on a thread with the stack to parse on: what it parses is parsed right there.
/// Elsewhere a thread begins and ends for each file, and its heap with it.
///
/// # Errors
/// Where the system gives no such thread. A panic goes on in the caller.
pub fn on_large_stack<R: Send>(run: impl FnOnce() -> R + Send) -> std::io::Result<R> {
    std::thread::scope(|scope| {
        let roomy = || {
            ROOMY.set(true);
            run()
        };
        let thread = std::thread::Builder::new().name("parse".into()).stack_size(STACK);
        let ended = thread.spawn_scoped(scope, roomy)?.join();
        Ok(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Parses a file, on a thread with a large stack: this one, where it is [`on_large_stack`], else one
/// of its own. Never panics and never overflows: what is nested too deep or too long to parse is a
/// finding.
pub fn parse(source: &Source) -> Parsed {
    parse_with(source, Reading::Whole, |_| ()).0
}

/// How much is read of a text that parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All that [`Parsed`] has.
    Whole,
    /// Its findings, its outline, and whether it declares: all that there is to a file that no
    /// policy comes of.
    Outline,
}

/// A syntax tree, for as long as it is looked at.
pub struct Tree<'a> {
    /// The text that was parsed: a byte order mark and a `#!` line are blanked.
    pub text: &'a str,
    /// Its statements.
    pub block: &'a full_moon::ast::Block,
    /// Whether it calls `policy` anywhere; else it is a script, or a module.
    pub declares: bool,
    tokens: &'a [token::Token<'a>],
}

impl<'a> Tree<'a> {
    /// The names, values and signs that stand in a place, blanks and comments left out.
    pub fn words(&self, within: Span) -> impl Iterator<Item = &'a str> + use<'a> {
        let (start, end) = (within.start as usize, within.end as usize);
        let from = self.tokens.partition_point(|token| token.start < start);
        let rest = self.tokens.get(from..).unwrap_or_default();
        rest.iter().take_while(move |token| token.end() <= end).map(|token| token.text)
    }
}

/// Parses as [`parse`] does and looks at the tree on the thread that parsed it; `None` where the
/// text does not parse.
pub fn parse_with<R: Send>(
    source: &Source,
    reading: Reading,
    look: impl FnOnce(&Tree<'_>) -> R + Send,
) -> (Parsed, Option<R>) {
    let whole = || Span::new(0, source.text.len());
    if source.text.len() > LONGEST {
        let finding = Finding::error(
            "too-long",
            format!("this file is larger than {}, the most that the parser takes", size(LONGEST as u64)),
        );
        let start = LineIndex::new(&source.text).line_span(&source.text, 1).unwrap_or_default();
        let help = "a limit of the parser: keep data in samples, and split policies over several files";
        let findings = vec![finding.at(source, start, "").help(help)];
        return (Parsed { findings, ..Parsed::default() }, None);
    }
    let failed = |why: &str| {
        let finding = Finding::error("parser-failed", format!("this file could not be parsed: {why}"));
        let finding =
            finding.at(source, whole(), "").help("a limit of the parser; please report it with the file");
        (Parsed { findings: vec![finding], ..Parsed::default() }, None)
    };
    let parsed = catch_unwind(AssertUnwindSafe(|| match ROOMY.get() {
        true => Ok(on_this_stack(source, reading, look)),
        false => on_large_stack(|| on_this_stack(source, reading, look)),
    }));
    match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(error)) => failed(&format!("no thread to parse on ({error})")),
        Err(_) => failed("the parser broke off"),
    }
}

/// The text with each comment blanked that ends at a carriage return without a line feed: there Luau's
/// comment ends, and full_moon's would go on over code that runs.
fn parted(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let (_, comments) = token::tokens_and_comments(&text);
    let mut bytes = text.clone().into_bytes();
    for (start, end) in comments {
        let alone = bytes.get(end) == Some(&b'\r') && bytes.get(end + 1) != Some(&b'\n');
        if let (true, Some(comment)) = (alone, bytes.get_mut(start..=end)) {
            comment.fill(b' ');
        }
    }
    // Whole comments became blanks, so this is text still.
    String::from_utf8(bytes).unwrap_or(text)
}

fn on_this_stack<R>(
    source: &Source,
    reading: Reading,
    look: impl FnOnce(&Tree<'_>) -> R,
) -> (Parsed, Option<R>) {
    let text = parted(source.blanked());
    let tokens = token::tokens(&text);
    if let Err(deep) = depth::check(&tokens) {
        let (what, most, span) = match deep {
            depth::TooDeep::Levels(span) => ("brackets and blocks are nested", depth::MOST_LEVELS, span),
            depth::TooDeep::Operators(span) => {
                ("operators follow on each other", depth::MOST_OPERATORS, span)
            }
        };
        let finding = Finding::error("too-deep", format!("{what} more than {most} deep"))
            .at(source, span, "")
            .help("a limit of the parser: split the expression, or move parts of it into functions");
        return (Parsed { findings: vec![finding], ..Parsed::default() }, None);
    }
    let mut result = full_moon::parse_fallible(&text, LuaVersion::luau());
    let mut findings = Vec::new();
    if !result.errors().is_empty() {
        let (foreign, repaired) = dialect::check(source, &text, &tokens);
        if foreign.is_empty() {
            findings = errors::findings(source, &text, &tokens, result.errors());
        } else {
            let tokens = token::tokens(&repaired);
            result = full_moon::parse_fallible(&repaired, LuaVersion::luau());
            findings = errors::findings(source, &repaired, &tokens, result.errors());
            findings.extend(foreign);
        }
    }
    let block = result.ast().nodes();
    let mut parsed = Parsed::default();
    // Nothing else stands in an outline.
    if reading == Reading::Whole || memchr::memmem::find(text.as_bytes(), b"policy").is_some() {
        let read = outline::read(source, block);
        findings.extend(read.findings);
        parsed = Parsed { outline: read.outline, literals: read.literals, declares: read.declares, ..parsed };
    }
    if reading == Reading::Whole {
        parsed.purity = first(purity::check(source, block));
        parsed.facts = facts::script_facts(block);
        parsed.functions = conditions::read(source, block);
    }
    findings.sort_by_key(|f| f.labels.first().map(|l| l.span));
    parsed.findings = first(findings);
    let tree = Tree { text: &text, block, declares: parsed.declares, tokens: &tokens };
    let seen = parsed.is_sound().then(|| look(&tree));
    (parsed, seen)
}

/// The first findings; a file that is wrong in more places is no policy, and what it says must
/// not take more memory than what it is.
fn first(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        findings.truncate(MOST_FINDINGS);
        let rest = findings.last().and_then(|f| f.labels.first()).cloned();
        let note = Finding::note("more-findings", format!("{more} more findings of this kind are not shown"));
        findings.push(Finding { labels: rest.into_iter().collect(), ..note });
    }
    findings
}

/// What is left of a parse's findings where Luau's compiler, which is the judge, accepts the
/// file: the errors say that they are a limit of the parser, and are no more than warnings.
pub fn parser_limits(findings: Vec<Finding>) -> Vec<Finding> {
    let limit = |finding: Finding| match finding.level {
        Level::Error => Finding {
            rule: "parser-limit".into(),
            level: Level::Warning,
            message: format!("a limit of the parser, which Luau does not share: {}", finding.message),
            help: Some("the policy runs; places in reports may be less exact".into()),
            ..finding
        },
        _ => finding,
    };
    findings.into_iter().map(limit).collect()
}
