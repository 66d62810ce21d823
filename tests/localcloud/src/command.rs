//! Running programs to their end.

use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// A command that dies with the task that waits for it.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs to the end; standard output, trimmed. A failure carries the end of what the program said.
pub(crate) async fn run(mut command: Command) -> Result<String> {
    let shown = format!("{:?}", command.as_std());
    let output = command
        .output()
        .await
        .with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed ({}):\n{}", output.status, tail(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether the program ran and succeeded.
pub(crate) async fn succeeds(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments)
        .output()
        .await
        .is_ok_and(|output| output.status.success())
}

fn tail(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
