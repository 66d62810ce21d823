//! A site of the run, from inside of its container.

use std::collections::BTreeSet;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use localcloud::LocalCloud;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A running site.
pub(super) struct Site {
    container: String,
}

/// What a site was filled with, in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Size {
    pub(super) database: u64,
    pub(super) uploads: u64,
    pub(super) rows: u64,
}

impl Site {
    /// The container that serves an environment's site.
    pub(super) async fn find(cloud: &LocalCloud, environment: &str) -> Result<Self> {
        let name = format!("name=bbws-{}-", cloud.state().options.name);
        let listed = docker(&["ps", "--quiet", "--filter", &name], b"").await?;
        for container in listed.split_whitespace() {
            let format = "{{json .Config.Env}}";
            let variables = docker(&["inspect", "--format", format, container], b"").await?;
            let wanted = format!("\"BBWS_ENVIRONMENT={environment}\"");
            if variables.contains(&wanted) && variables.contains("\"WP_HOME=") {
                return Ok(Self {
                    container: container.to_owned(),
                });
            }
        }
        bail!("no container serves the site of {environment}")
    }

    /// Fills it up to so many MB.
    pub(super) async fn fill(&self, database: u32, uploads: u32) -> Result<Size> {
        let sizes = [database.to_string(), uploads.to_string()];
        let arguments = ["eval-file", "-", &sizes[0], &sizes[1]];
        let said = self.wp(&arguments, include_str!("fill.php")).await?;
        let last = said.lines().next_back().context("it said nothing")?;
        Ok(serde_json::from_str(last)?)
    }

    /// Rewrites its database with WP-CLI.
    pub(super) async fn search_replace(&self, old: &str, new: &str) -> Result<()> {
        let arguments = [
            "search-replace",
            old,
            new,
            "--quiet",
            "--skip-plugins",
            "--skip-themes",
        ];
        self.wp(&arguments, "").await.map(drop)
    }

    /// Its rows by their hashes.
    pub(super) async fn rows(&self) -> Result<BTreeSet<String>> {
        let said = self
            .wp(&["eval-file", "-"], include_str!("rows.php"))
            .await?;
        let rows: BTreeSet<_> = said
            .lines()
            .filter(|line| line.starts_with("wp_"))
            .map(str::to_owned)
            .collect();
        ensure!(rows.len() > 100, "only {} rows", rows.len());
        Ok(rows)
    }

    async fn wp(&self, arguments: &[&str], input: &str) -> Result<String> {
        let wp = [
            "exec",
            "-i",
            &self.container,
            "/usr/bin/php8.4",
            "-d",
            "memory_limit=-1",
            "/usr/local/lib/wp-cli.phar",
            "--path=/srv/wordpress",
        ];
        docker(&[&wp[..], arguments].concat(), input.as_bytes()).await
    }
}

async fn docker(arguments: &[&str], input: &[u8]) -> Result<String> {
    let mut child = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).await?;
    }
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "docker {} ended with {}",
        arguments.join(" "),
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}
