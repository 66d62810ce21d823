//! The command line as its users meet it: the real binary, in an environment that holds nothing else.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod image_lock;
mod invalid;
mod schemas;
mod usage;
mod valid;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// `bbws` with these arguments and no environment variable.
fn bbws(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bbws"));
    command.env_clear().args(arguments);
    command
}

/// What a finished command left: exit code, stdout, stderr.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The root of the repository, which is a fleet itself.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures/invalid").join(name)
}
