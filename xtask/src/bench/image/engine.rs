//! Docker, through its command line, and the database of a run. Everything carries a label, by which it is removed.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::programs::output;

const LABEL: &str = "bbws.bench";
const DATABASE: &str = "mysql:8.4";
const STARTS: Duration = Duration::from_secs(90);

/// What a run makes in the Docker engine.
pub(super) struct Engine {
    id: String,
    /// Of the database's root, made up for the run.
    pub(super) password: String,
}

/// Runs docker; its standard output.
pub(super) async fn docker(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments).kill_on_drop(true);
    Ok(String::from_utf8(output(command).await?)?.trim().to_owned())
}

impl Engine {
    pub(super) fn begin() -> Self {
        let id = std::process::id().to_string();
        // Only this machine's bridge leads to the database, for as long as the run lasts.
        let password = format!("bench-{id}");
        Self { id, password }
    }

    pub(super) fn name(&self, what: &str) -> String {
        format!("bbws-bench-{}-{what}", self.id)
    }

    pub(super) fn label(&self) -> String {
        format!("{LABEL}={}", self.id)
    }

    /// Makes the network and the database; returns the network's name.
    pub(super) async fn prepare(&self) -> Result<String> {
        let (network, label, name) = (self.name("net"), self.label(), self.name("database"));
        docker(&["network", "create", "--label", &label, &network]).await?;
        let password = format!("MYSQL_ROOT_PASSWORD={}", self.password);
        docker(&[
            "run",
            "-d",
            "--name",
            &name,
            "--label",
            &label,
            "--network",
            &network,
            "--network-alias",
            "database",
            "-e",
            &password,
            DATABASE,
            "mysqld",
            "--innodb-buffer-pool-size=256M",
        ])
        .await?;
        let deadline = tokio::time::Instant::now() + STARTS;
        while self.sql("SELECT 1").await.is_err() {
            if tokio::time::Instant::now() > deadline {
                bail!("the database does not answer");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(network)
    }

    /// Over TCP: the official image's first server, which only prepares, listens on no port.
    pub(super) async fn sql(&self, statement: &str) -> Result<String> {
        let (name, password) = (
            self.name("database"),
            format!("MYSQL_PWD={}", self.password),
        );
        let mut command = Command::new("docker");
        command.args([
            "exec",
            "-e",
            &password,
            &name,
            "mysql",
            "--protocol=TCP",
            "--host=127.0.0.1",
            "--user=root",
            "--batch",
            "--execute",
            statement,
        ]);
        let output = command.kill_on_drop(true).output().await?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Processor time that a container and the database have had so far. What else a machine does changes requests per second
    /// much, and this little.
    pub(super) async fn processor(&self, container: &str) -> Result<Duration> {
        let database = self.name("database");
        Ok(processor(container).await? + processor(&database).await?)
    }

    /// Bytes that a container's processes use; the kernel's cache of files, which it gives back, does not count.
    pub(super) async fn memory(&self, container: &str) -> Result<u64> {
        let shown = docker(&[
            "stats",
            "--no-stream",
            "--format",
            "{{.MemUsage}}",
            container,
        ])
        .await?;
        let used = shown.split('/').next().unwrap_or_default().trim();
        let digits = used.trim_end_matches(|c: char| c.is_alphabetic());
        let unit = match &used[digits.len()..] {
            "B" => 1.0,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            other => bail!("docker tells memory in {other:?}"),
        };
        let number: f64 = digits.parse().context("docker tells no memory")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive size"
        )]
        Ok((number * unit) as u64)
    }

    /// Removes what the run made.
    pub(super) async fn end(&self) -> Result<()> {
        let filter = format!("label={}", self.label());
        let containers = docker(&["ps", "-aq", "--filter", &filter]).await?;
        for container in containers.lines() {
            docker(&["rm", "-f", "-v", container]).await?;
        }
        let networks = docker(&["network", "ls", "-q", "--filter", &filter]).await?;
        for network in networks.lines() {
            docker(&["network", "rm", network]).await?;
        }
        Ok(())
    }
}

/// From the kernel's control groups: of version 2, in microseconds, or of version 1, in nanoseconds.
async fn processor(container: &str) -> Result<Duration> {
    let process = docker(&["inspect", "--format", "{{.State.Pid}}", container]).await?;
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup"))?;
    let lines = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let mut unified = None;
    for (controllers, path) in lines {
        if controllers.split(',').any(|name| name == "cpuacct") {
            let usage = std::fs::read_to_string(format!(
                "/sys/fs/cgroup/{controllers}{path}/cpuacct.usage"
            ))?;
            return Ok(Duration::from_nanos(usage.trim().parse()?));
        }
        if controllers.is_empty() {
            unified = Some(format!("/sys/fs/cgroup{path}/cpu.stat"));
        }
    }
    let text = std::fs::read_to_string(unified.context("the container has no control group")?)?;
    let usage = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    let usage = usage.context("the control group tells no processor time")?;
    Ok(Duration::from_micros(usage.trim().parse()?))
}
