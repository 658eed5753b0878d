//! The streams that people read: their width, their colours, a progress bar. Edge.

use super::args::Colour;
use super::failure::Failure;
use super::output;
use crate::model::Finding;
use crate::report::{self, Charset, Layout};
use crate::text::Source;
use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Width assumed where the output is no terminal.
const PLAIN_WIDTH: usize = 100;

/// How long work goes on before a progress bar appears.
const PATIENCE: Duration = Duration::from_millis(400);

/// Standard output and standard error.
pub struct Terminal {
    choice: ColorChoice,
    width: usize,
}

impl Terminal {
    /// With colours where `colour` and the streams have it so.
    pub fn new(colour: Colour) -> Terminal {
        let choice = match colour {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        };
        let size = terminal_size::terminal_size().map(|(terminal_size::Width(w), _)| usize::from(w));
        let width = if io::stdout().is_terminal() { size.unwrap_or(PLAIN_WIDTH) } else { PLAIN_WIDTH };
        Terminal { choice, width }
    }

    /// Columns that there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether standard output is a terminal.
    pub fn watched(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// How reports are laid out.
    pub fn layout(&self, ascii: bool, all_events: bool) -> Layout {
        let charset = if ascii { Charset::Ascii } else { Charset::Unicode };
        Layout { width: self.width, charset, all_events }
    }

    /// A line on standard error. What a name in it holds is anybody's, and begins no other line.
    pub fn say(&self, line: &str) {
        self.tell(&report::line(line));
    }

    /// Why a command, or a part of it, could not do its work: a line, and one for each hint.
    pub fn fail(&self, failure: &Failure) {
        self.tell(&report::safe(&failure.to_string()));
    }

    /// Makes room for a report that takes the place of the one before; where nobody looks, an
    /// empty line parts them.
    pub fn clear(&self) {
        let mut stdout = io::stdout().lock();
        let clear: &[u8] = if stdout.is_terminal() { b"\x1b[2J\x1b[3J\x1b[H" } else { b"\n" };
        // A reader that is gone is told by the report itself.
        let _ = stdout.write_all(clear).and_then(|()| stdout.flush());
    }

    /// A report on standard error: coloured, and made safe by who wrote it.
    pub fn tell(&self, report: &str) {
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(AutoStream::new(io::stderr(), self.choice).lock(), "{report}");
    }

    /// Findings on standard error, most important first.
    pub fn findings(&self, findings: &[Finding], sources: &[Source], layout: &Layout) {
        if findings.is_empty() {
            return;
        }
        let stderr = AutoStream::new(io::stderr(), self.choice);
        let colour = stderr.current_choice() != ColorChoice::Never;
        let _ = stderr.lock().write_all(report::findings(findings, sources, layout, colour).as_bytes());
    }

    /// A report, on standard output or into a file.
    ///
    /// # Errors
    /// Where it cannot be written; a reader that went away (`| head`) is none.
    pub fn print(&self, text: &str, into: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = into else {
            let mut stdout = AutoStream::new(io::stdout(), self.choice).lock();
            return match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Failure::environment(format!("cannot write to standard output: {e}")))
                }
                _ => Ok(()),
            };
        };
        let plain = anstream::adapter::strip_str(text).to_string();
        output::write(path, plain.as_bytes())
    }

    /// A bar that appears where work takes long and somebody looks.
    pub fn progress(&self, what: &str) -> Progress {
        let watched = io::stderr().is_terminal() && self.choice != ColorChoice::Never;
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {percent}%  {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        Progress { bar, watched }
    }
}

/// A progress bar, hidden until it has been needed for a while.
pub struct Progress {
    bar: ProgressBar,
    watched: bool,
}

impl Progress {
    /// Thousandths done.
    pub fn set(&self, done: u64) {
        if self.watched && self.bar.is_hidden() && self.bar.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
