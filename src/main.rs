//! The luascale binary: parse arguments, run, exit.

fn main() -> std::process::ExitCode {
    luascale::cli::main().into()
}
