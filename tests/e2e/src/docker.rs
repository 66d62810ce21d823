//! Docker's command line: looking at the containers of a cloud from outside, and doing things inside them.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Runs docker with these arguments and this on standard input; returns its standard output.
///
/// # Errors
/// It failed; the error holds what it wrote to standard error.
pub async fn docker(arguments: &[&str], input: &[u8]) -> Result<String> {
    let mut child = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start docker")?;
    let mut stdin = child.stdin.take().context("docker has no input")?;
    let write = async move {
        // A command that fails early does not read to the end; its own error says more.
        let _ = stdin.write_all(input).await;
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    if !output.status.success() {
        bail!(
            "docker {}: {}",
            arguments.first().unwrap_or(&""),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The containers of one cloud.
#[derive(Debug, Clone)]
pub struct Containers {
    cloud: String,
}

impl Containers {
    /// Those that carry the label of the cloud with this identity.
    #[must_use]
    pub fn of(identity: &str) -> Self {
        Self {
            cloud: identity.to_owned(),
        }
    }

    /// Names and environments, one line a container: enough to tell whose it is.
    ///
    /// # Errors
    /// Docker's.
    pub async fn described(&self) -> Result<Vec<(String, String)>> {
        let filter = format!("label=bbws.localcloud={}", self.cloud);
        let names = docker(
            &["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"],
            b"",
        )
        .await?;
        let mut described = Vec::new();
        for name in names.lines() {
            // One may end in between.
            if let Ok(text) = docker(
                &[
                    "inspect",
                    "--format",
                    "{{.State.Status}} {{json .Config.Env}}",
                    name,
                ],
                b"",
            )
            .await
            {
                described.push((name.to_owned(), text.trim().to_owned()));
            }
        }
        Ok(described)
    }

    /// Containers that run WordPress for a tenant.
    ///
    /// # Errors
    /// Docker's.
    pub async fn serving(&self, tenant: &str) -> Result<Vec<String>> {
        let variable = format!("\"BBWS_TENANT={tenant}\"");
        let all = self.described().await?;
        let mine = all
            .into_iter()
            .filter(|(_, text)| text.starts_with("running ") && text.contains(&variable));
        Ok(mine.map(|(name, _)| name).collect())
    }
}
