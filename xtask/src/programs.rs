//! The programs that tasks run: cargo, and what it built. They inherit stderr, so that their progress is seen.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use localcloud::State;
use tokio::process::Command;

/// The workspace and where its programs are. Made once, before cargo replaces the program that runs.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The workspace's root, which holds the sample fleet.
    pub(crate) root: PathBuf,
    /// Cargo's output folder, in which this program lies too.
    pub(crate) folder: PathBuf,
    /// This program.
    pub(crate) own: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> Result<Self> {
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let folder = own
            .parent()
            .context("this program lies in no folder")?
            .to_owned();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("no workspace")?
            .to_owned();
        Ok(Self { root, folder, own })
    }

    /// Builds the whole workspace as the lock file says, tests included: cargo chooses the features of shared
    /// dependencies by what is built together, so one selection for every task lets them reuse each other's output.
    pub(crate) async fn build(&self) -> Result<()> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--locked", "--workspace", "--all-targets"]);
        succeed(cargo).await
    }

    /// `cargo`, the one that started this program.
    pub(crate) fn cargo(&self) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // `cargo run` tells this program of itself. Build scripts that look at such variables would run again, and what
        // they are for be built again, whenever cargo is called by hand in between.
        for (name, _) in std::env::vars_os() {
            let own = [
                "CARGO_MANIFEST_",
                "CARGO_PKG_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
            ];
            if own
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command
    }

    /// `bbws` on the sample fleet. With a cloud: as the root of the environment's account there.
    pub(crate) fn bbws(&self, fleet: &Path, cloud: Option<(&State, &str)>) -> Result<Command> {
        let mut command = Command::new(self.folder.join("bbws"));
        command
            .current_dir(&self.root)
            .env("BBWS_FLEET", fleet)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some((state, environment)) = cloud {
            for (name, _) in std::env::vars_os() {
                // A profile or a session token of the caller would go before what we set.
                if name.to_string_lossy().starts_with("AWS_") {
                    command.env_remove(name);
                }
            }
            let variables = state.environment(environment);
            command
                .envs(variables.with_context(|| {
                    format!("the local cloud has no environment {environment}")
                })?);
        }
        Ok(command)
    }
}

/// Runs to the end; an error unless it succeeds.
pub(crate) async fn succeed(mut command: Command) -> Result<()> {
    let status = status(&mut command).await?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(&command));
    }
    Ok(())
}

/// Runs to the end.
pub(crate) async fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .await
        .with_context(|| format!("cannot run `{}`", shown(command)))
}

/// Runs to the end; its standard output. An error unless it succeeds.
pub(crate) async fn output(mut command: Command) -> Result<Vec<u8>> {
    let output = captured(&mut command).await?;
    if !output.status.success() {
        bail!("`{}` ended with {}", shown(&command), output.status);
    }
    Ok(output.stdout)
}

/// Runs to the end, whatever that is; its standard output and how it ended.
pub(crate) async fn captured(command: &mut Command) -> Result<Output> {
    // `output()` would take standard error as well, whatever is set for it.
    let run = async {
        let child = command.stdout(Stdio::piped()).spawn()?;
        child.wait_with_output().await
    };
    let output = run.await;
    output.with_context(|| format!("cannot run `{}`", shown(command)))
}

/// As one would type it: no folder, no variables.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}
