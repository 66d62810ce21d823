//! Removing what clouds left behind. A cloud is dead when its directory's lock is free.

use std::time::Duration;

use anyhow::Result;

use crate::state::{Claim, State};
use crate::{docker, paths};

/// How long an emulator may take to end by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Cleans after every dead cloud. Returns the names of those that had left something running.
pub(crate) async fn sweep() -> Result<Vec<String>> {
    let mut cleaned = Vec::new();
    let Ok(entries) = std::fs::read_dir(paths::clouds()?) else {
        return Ok(cleaned);
    };
    for entry in entries {
        let directory = entry?.path();
        let Some(name) = directory
            .file_name()
            .and_then(|name| name.to_str())
            .map(str::to_owned)
        else {
            continue;
        };
        let Some(claim) = Claim::take(directory)? else {
            continue;
        };
        remove(&claim, &name).await?;
        cleaned.push(name);
    }
    Ok(cleaned)
}

/// Ends and removes everything of a cloud whose directory we hold. Repeating it after a crash finishes the work: the
/// directory, which tells what there is, goes last.
pub(crate) async fn remove(claim: &Claim, name: &str) -> Result<()> {
    let state = State::read(&claim.directory).ok().flatten();
    let own = std::process::id();
    for process in state
        .iter()
        .flat_map(|state| &state.processes)
        .filter(|process| process.pid != own)
    {
        process.end(PATIENCE).await;
    }
    docker::remove_all(&paths::identity(name)?).await?;
    for port in state.iter().flat_map(|state| &state.registry_ports) {
        docker::forget_registry(*port).await?;
    }
    std::fs::remove_dir_all(&claim.directory)?;
    Ok(())
}
