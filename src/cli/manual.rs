//! `luascale completions`, `man` and `schema`: what a shell and `man` know of the command line, and an editor of
//! luascale.yaml.
//! May import: everything.

use super::Outcome;
use super::args::{Cli, Completions};
use super::failure::{Failure, status};
use super::terminal::Terminal;
use crate::config;
use clap::CommandFactory;

/// Prints a shell's completion script.
pub fn completions(args: &Completions, terminal: &Terminal) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "luascale", &mut out);
    print(out, terminal)
}

/// Prints the manual page: the program's, then those of its commands.
pub fn man(terminal: &Terminal) -> Outcome {
    let mut out = Vec::new();
    let mut whole = Cli::command();
    whole.build();
    let commands = whole.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    let pages = commands.map(|c| c.clone().display_name(format!("luascale {}", c.get_name())));
    for page in std::iter::once(whole.clone()).chain(pages) {
        clap_mangen::Man::new(page)
            .render(&mut out)
            .map_err(|error| Failure::bug(format!("the manual page cannot be written: {error}")))?;
    }
    print(out, terminal)
}

/// Prints the JSON Schema of luascale.yaml.
pub fn schema(terminal: &Terminal) -> Outcome {
    print(config::SCHEMA.into(), terminal)
}

fn print(bytes: Vec<u8>, terminal: &Terminal) -> Outcome {
    terminal.print(&String::from_utf8_lossy(&bytes), None)?;
    Ok(status::CLEAN)
}
