//! A real browser: headless Chromium, for what only a browser can tell.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(120);
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Chromium with a profile of its own, gone when it is dropped.
#[derive(Debug)]
pub struct Browser {
    program: &'static str,
    profile: TempDir,
}

impl Browser {
    /// Finds the machine's Chromium.
    ///
    /// # Errors
    /// There is none.
    pub fn new() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let exists = |program: &&str| {
            std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
        };
        let program = PROGRAMS.into_iter().find(exists);
        let program =
            program.context("this story needs a browser: on Debian, `apt-get install chromium`")?;
        Ok(Self {
            program,
            profile: TempDir::new()?,
        })
    }

    /// Saves what the page looks like as a PNG.
    ///
    /// # Errors
    /// The browser failed or saved nothing.
    pub async fn screenshot(&self, url: &str, file: &Path) -> Result<()> {
        let option = format!("--screenshot={}", file.display());
        self.run(&[&option, "--window-size=1280,900", "--hide-scrollbars", url])
            .await?;
        anyhow::ensure!(file.is_file(), "the browser saved no {}", file.display());
        Ok(())
    }

    /// The page's document after its scripts ran, as HTML.
    ///
    /// # Errors
    /// The browser failed.
    pub async fn document(&self, url: &str) -> Result<String> {
        self.run(&["--dump-dom", url]).await
    }

    async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.program);
        command
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            // Nothing of the browser's own goes out to the world; every name is this machine.
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--host-resolver-rules=MAP * 127.0.0.1",
            ])
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let Ok(output) = tokio::time::timeout(LIMIT, command.output()).await else {
            bail!("{} has not ended after {} s", self.program, LIMIT.as_secs());
        };
        let output = output.with_context(|| format!("cannot start {}", self.program))?;
        if !output.status.success() {
            bail!(
                "{} failed: {}",
                self.program,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
