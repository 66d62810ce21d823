//! Clouds that outlive the command that started them: a detached process owns the cloud, as a library user would.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cleanup;
use crate::cloud::LocalCloud;
use crate::options::Options;
use crate::process::Identity;
use crate::state::{self, Claim, State};
use crate::{paths, prerequisites};

/// How long the whole start may take from nothing, base images and Python packages included.
const START: Duration = Duration::from_secs(30 * 60);

/// Starts a cloud in the background, or finds it running; returns when it is ready. `program` is this crate's binary, or
/// another one that passes the arguments after `arguments` on to [`crate::cli`]. The start's narration appears on stderr.
///
/// # Errors
/// Says why the cloud did not start; nothing stays behind then.
pub async fn up(program: &Path, arguments: &[&str], options: &Options) -> Result<State> {
    if let Some(state) = status(&options.name)?.filter(|state| state.ready) {
        return Ok(state);
    }
    let log = paths::cache()?.join(format!("cloud-{}.log", options.name));
    std::fs::create_dir_all(paths::cache()?)?;
    let file = std::fs::File::create(&log)?;
    let mut child = {
        use std::os::unix::process::CommandExt as _;
        std::process::Command::new(program)
            .args(arguments)
            .args(["serve", "--options", &serde_json::to_string(options)?])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?
    };
    let owner = Identity::of("owner", child.id())?;
    let deadline = tokio::time::Instant::now() + START;
    let mut shown = 0;
    loop {
        shown += show(&log, shown);
        if let Some(status) = child.try_wait()? {
            show(&log, shown);
            bail!(
                "the local cloud did not start ({status}); this is in {}",
                log.display()
            );
        }
        let state = State::read(&state::directory(&options.name)?)?;
        // A state left by a dead cloud is not this one's.
        if let Some(state) = state.filter(|state| state.ready && state.processes.contains(&owner)) {
            return Ok(state);
        }
        if tokio::time::Instant::now() > deadline {
            owner.end(cleanup::PATIENCE).await;
            bail!(
                "the local cloud is not ready after {} minutes, see {}",
                START.as_secs() / 60,
                log.display()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Copies what was added to the log to stderr; returns how much.
fn show(log: &Path, from: usize) -> usize {
    let text = std::fs::read(log).unwrap_or_default();
    let new = text.get(from..).unwrap_or_default();
    let whole_lines = new
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    eprint!("{}", String::from_utf8_lossy(&new[..whole_lines]));
    whole_lines
}

/// The running cloud of this name; None when there is none.
pub fn status(name: &str) -> Result<Option<State>> {
    let state = State::read(&state::directory(name)?)?;
    Ok(state.filter(|state| {
        state
            .processes
            .iter()
            .any(|process| process.role == "owner" && process.alive())
    }))
}

/// Ends the cloud of this name and whatever dead clouds left; returns whether one was running. Ends the Docker daemon too
/// if [`prerequisites::ensure`] started it and nothing uses it any more.
pub async fn down(name: &str) -> Result<bool> {
    let running = status(name)?;
    if let Some(owner) = running
        .iter()
        .flat_map(|state| &state.processes)
        .find(|process| process.role == "owner")
    {
        owner.end(Duration::from_secs(60)).await;
    }
    let directory = state::directory(name)?;
    if directory.exists() {
        // The owner removed everything itself unless it was killed.
        let claim = Claim::of(name)?.with_context(|| format!("the cloud {name} does not end"))?;
        cleanup::remove(&claim, name).await?;
    }
    cleanup::sweep().await?;
    let others =
        std::fs::read_dir(paths::clouds()?).is_ok_and(|mut entries| entries.next().is_some());
    if !others && prerequisites::stop_own_docker().await? {
        eprintln!("stopped the Docker daemon that was started for the local cloud");
    }
    Ok(running.is_some())
}

/// Owns a cloud until it is asked to end (SIGTERM, SIGINT) or an emulator fails.
pub(crate) async fn serve(options: Options) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let mut cloud = tokio::select! {
        started = async { prerequisites::ensure().await?; LocalCloud::start(options).await } => started?,
        _ = terminate.recv() => bail!("ended while starting"),
        _ = interrupt.recv() => bail!("ended while starting"),
    };
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let failure = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            _ = look.tick() => if let Some(failure) = cloud.failure() { break Some(failure) },
        }
    };
    cloud.stop().await?;
    match failure {
        Some(failure) => bail!(failure),
        None => Ok(()),
    }
}
