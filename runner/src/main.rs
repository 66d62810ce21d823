//! `bbws`, the command. Everything is in the library; this file only turns its outcome into the process's exit code.

fn main() -> std::process::ExitCode {
    bbws::cli::main().into()
}
