//! What tests need on a machine besides what the local cloud needs.

use anyhow::{Context as _, Result};
use localcloud::prerequisites;

use crate::programs::{Programs, status, succeed};

/// Tests look at the sites with a real browser, at signatures with another program than ours, and run workflows' command lines.
const FURTHER: [(&str, &[&str]); 4] = [
    ("chromium", &["chromium"]),
    ("curl", &["curl"]),
    ("jq", &["jq"]),
    ("openssl", &["openssl"]),
];

/// Makes sure that the programs are there, and what every cloud is built from. A repeat does nothing.
pub(crate) async fn ensure() -> Result<()> {
    prerequisites::ensure_with(&FURTHER).await?;
    prerequisites::prepare().await
}

/// Makes sure that cargo has the test runner: a fresh machine has only what comes with Rust.
pub(crate) async fn ensure_nextest(programs: &Programs) -> Result<()> {
    let mut version = programs.cargo();
    version
        .args(["nextest", "--version"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    if status(&mut version).await?.success() {
        return Ok(());
    }
    let mut install = programs.cargo();
    install.args(["install", "--locked", "cargo-nextest"]);
    succeed(install)
        .await
        .context("cannot install the test runner")
}
