//! `luascale import`: an object of another autoscaler as a policy. May import: everything.

use super::args::Import;
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::{Outcome, files, remarks};
use crate::interop::import::import;
use std::io::Read;

/// Largest object that is read, in bytes.
const MOST: u64 = 4 << 20;

/// Runs the command.
pub fn run(args: &Import, terminal: &Terminal) -> Outcome {
    let (name, bytes) = if args.file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(|e| Failure::environment(format!("cannot read standard input: {e}")))?;
        ("standard input".to_owned(), bytes)
    } else {
        let name = files::shown(&args.file);
        let bytes = files::read_limited(&args.file, MOST)
            .map_err(|why| Failure::usage(format!("cannot read {name}: {why}")))?;
        (name, bytes)
    };
    let source = files::source(&name, bytes).map_err(|finding| Failure::usage(finding.message))?;
    let imported = import(&source);
    terminal.findings(&imported.findings, std::slice::from_ref(&source), &terminal.layout(false, false));
    let Some(lua) = imported.lua else { return Ok(status::FINDINGS) };
    terminal.tell(&remarks::text(&name, "a policy", true, &imported.remarks));
    terminal.print(&lua, args.output.as_deref())?;
    Ok(if imported.remarks.iter().any(|r| r.lost) { status::FINDINGS } else { status::CLEAN })
}
