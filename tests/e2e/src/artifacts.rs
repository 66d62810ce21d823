//! Where stories leave what a person may want to see afterwards: below the target directory, one folder a story.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// `<target>/e2e-artifacts/<story>`, made if it is missing.
///
/// # Errors
/// The directory cannot be made.
pub fn artifacts(story: &str) -> Result<PathBuf> {
    let directory = target()?.join("e2e-artifacts").join(story);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// The target directory that this test was built into: tests run as `<target>/<profile>/deps/<name>-<hash>`.
fn target() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let target = executable
        .ancestors()
        .nth(3)
        .context("the test is not below a target directory")?;
    Ok(target.to_owned())
}

/// The `bbws` that was built beside this test.
///
/// # Errors
/// It was not built.
pub(crate) fn binary() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let profile = executable
        .ancestors()
        .nth(2)
        .context("the test is not below a target directory")?;
    let binary = profile.join("bbws");
    anyhow::ensure!(
        binary.is_file(),
        "{} is missing: build the runner with the stories, as `cargo nextest run -p bbws -p e2e` does",
        binary.display()
    );
    Ok(binary)
}
