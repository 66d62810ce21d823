//! Python environments, the emulators' and others': a venv in the cache for each content of a file of requirements.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::command::{command, run};
use crate::paths;
use crate::progress::Progress;

/// The venv's interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The emulators'.
    pub(crate) async fn ensure(progress: Progress) -> Result<Self> {
        let requirements = paths::emulator().join("requirements.txt");
        Self::with(progress, &requirements, "MiniStack and moto").await
    }

    /// Finds the venv, or makes it: every package's hash is checked. A half-made one is made again.
    pub(crate) async fn with(progress: Progress, requirements: &Path, what: &str) -> Result<Self> {
        let content = std::fs::read(requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        let cache = paths::cache()?;
        std::fs::create_dir_all(&cache)?;
        let venv = cache.join(format!(
            "venv-{}",
            &hex::encode(Sha256::digest(&content))[..12]
        ));
        let python = Self {
            interpreter: venv.join("bin/python"),
        };
        let complete = venv.join("complete");
        if complete.exists() {
            return Ok(python);
        }
        let lock = File::create(cache.join("venv.lock"))?;
        let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        if !complete.exists() {
            progress.stage(&format!("installing {what} (Python, once)"));
            make(&venv, &python.interpreter, requirements)
                .await
                .with_context(|| {
                    format!("pip cannot install {what}: is the Python package index reachable?")
                })?;
            File::create(&complete)?;
        }
        Ok(python)
    }

    /// A program that a package brought.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.interpreter.with_file_name(name)
    }

    /// `python -m <module>` of ours.
    pub(crate) fn module(&self, module: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .args(["-m", module])
            .current_dir(paths::emulator())
            .env("PYTHONUNBUFFERED", "1");
        if let Ok(cache) = paths::cache() {
            // Compiled modules belong in the cache, not in the source tree.
            command.env("PYTHONPYCACHEPREFIX", cache.join("pycache"));
        }
        command.kill_on_drop(true);
        command
    }
}

async fn make(venv: &Path, interpreter: &Path, requirements: &Path) -> Result<()> {
    let mut create = command("python3", &["-m", "venv", "--clear"]);
    create.arg(venv);
    run(create).await.context("cannot make a Python venv")?;
    let mut install = Command::new(interpreter);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    install
        .args(["--no-warn-script-location", "--require-hashes", "-r"])
        .arg(requirements)
        .kill_on_drop(true);
    run(install).await.map(drop)
}
