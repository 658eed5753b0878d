//! The command line: arguments in, an exit status out. May import: everything.

mod agent;
mod apply;
mod approvals;
mod approve;
mod args;
mod args_apply;
mod args_plan;
#[cfg(feature = "forge")]
mod args_review;
mod cache;
mod changed;
mod check;
mod ci;
mod clash;
pub mod compare;
mod configuration;
mod delivery;
mod diff;
mod drift;
mod dry_run;
mod edited;
mod excluded;
mod explain;
mod export;
mod failure;
mod figures;
mod files;
mod gitargs;
pub mod guards;
mod hands;
mod history;
mod import;
mod jobs;
mod known;
#[cfg(feature = "forge")]
mod ladder;
mod layers;
mod ledger;
mod linted;
mod looked;
mod manual;
mod mapped;
#[cfg(feature = "forge")]
mod mirror;
mod modules;
mod online;
mod organisation;
mod output;
mod past;
#[cfg(feature = "forge")]
mod pipeline;
mod plan;
mod planned;
mod planning;
#[cfg(feature = "forge")]
mod preview;
mod project;
#[cfg(feature = "forge")]
mod proof;
mod remarks;
#[cfg(feature = "forge")]
mod review;
pub mod revision;
mod rollback;
mod rules;
mod rules_test;
#[cfg(feature = "forge")]
mod said;
mod show;
mod store;
mod stored;
mod story;
mod targets;
mod terminal;
mod test;
mod touched;
mod verified;
mod wanted;
mod watch;
mod weakened;

use crate::syntax::on_large_stack;
use crate::worker;
use args::{Cli, Command};
use clap::Parser;
use clap::error::ErrorKind;
use failure::{Failure, status};
use std::io::Write;
use terminal::Terminal;

/// What a command came to: its exit status, or why it could not do its work.
type Outcome = Result<u8, Failure>;

/// Runs the command that the process was started with and gives its exit status.
pub fn main() -> u8 {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        let mut stderr = std::io::stderr().lock();
        // Nothing is left to do where standard error is gone too.
        let _ = writeln!(stderr, "luascale failed{place}: {what}");
        let _ = writeln!(stderr, "  hint: this is a bug; please report it with the command and the files");
    }));
    std::panic::catch_unwind(parsed).unwrap_or(status::BUG)
}

fn parsed() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return misread(&error);
        }
    };
    let terminal = Terminal::new(cli.color);
    let outcome = match cli.command {
        Command::Check(args) => check::run(&args, &terminal),
        Command::Explain(args) => explain::run(&args, &terminal),
        Command::Rules(args) => rules::run(&args, &terminal),
        Command::Completions(args) => manual::completions(&args, &terminal),
        Command::Man => manual::man(&terminal),
        Command::Schema => manual::schema(&terminal),
        Command::DryRun(args) => dry_run::run(&args, &terminal),
        Command::Test(args) => test::run(&args, &terminal),
        Command::Apply(args) => apply::run(&args, &terminal),
        Command::Drift(args) => drift::run(&args, &terminal),
        Command::Diff(args) => diff::run(&args, &terminal),
        Command::Log(args) => history::log(&args, &terminal),
        Command::Bisect(args) => history::bisect(&args, &terminal),
        Command::Rollback(args) => rollback::run(&args, &terminal),
        Command::Unlock(args) => ledger::unlock(&args, &terminal),
        Command::Ledger(args) => ledger::run(&args, &terminal),
        Command::Export(args) => export::run(&args, &terminal),
        Command::Import(args) => import::run(&args, &terminal),
        Command::Plan(args) => plan::run(&args, &terminal),
        Command::Show(args) => show::run(&args, &terminal),
        Command::Ci(args) => ci::run(&args, &terminal),
        Command::Approve(args) => approve::run(&args, &terminal),
        #[cfg(feature = "forge")]
        Command::Review(args) => review::run(&args, &terminal),
        Command::Worker(args) => return serve(args.memory),
    };
    outcome.unwrap_or_else(|failure| {
        terminal.fail(&failure);
        failure.status()
    })
}

/// A command line that names no command to run: help, which goes to standard output and is no
/// mistake, or what is wrong with it.
fn misread(error: &clap::Error) -> u8 {
    // What was typed may carry what steers a terminal, and clap shows it as it is. Where there
    // is such a word, the same is asked again with that escaped.
    let typed: Vec<String> = std::env::args_os().map(|word| files::shown_word(&word)).collect();
    let again = Cli::try_parse_from(&typed).err().filter(|again| again.kind() == error.kind());
    let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    match again.as_ref().unwrap_or(error).print() {
        Err(lost) if help && lost.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: cannot write to standard output: {lost}");
            status::ENVIRONMENT
        }
        _ if help => status::CLEAN,
        _ => status::USAGE,
    }
}

/// The other end of [`worker::Worker`].
fn serve(memory: u64) -> u8 {
    if let Err(error) = worker::child::fence(memory) {
        let _ = writeln!(std::io::stderr(), "it could not set its own limits: {error}");
        return worker::UNFENCED;
    }
    // What locks an end of a pipe stays on one thread.
    let served = on_large_stack(|| worker::child::serve(std::io::stdin().lock(), std::io::stdout().lock()));
    match served.and_then(|served| served) {
        Ok(()) => status::CLEAN,
        // The parent is gone: there is nobody to tell.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => status::CLEAN,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            worker::PANICKED
        }
    }
}
