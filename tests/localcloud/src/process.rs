//! Processes by id *and* start time, so that an id used again is never mistaken for ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is to the cloud.
    pub role: String,
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot, from `/proc/<pid>/stat`.
    pub started: u64,
}

impl Identity {
    /// The running process `pid`.
    pub(crate) fn of(role: &str, pid: u32) -> Result<Self> {
        let started =
            start_time(pid).with_context(|| format!("{role} (process {pid}) ended at once"))?;
        Ok(Self {
            role: role.into(),
            pid,
            started,
        })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    fn signal(&self, signal: Signal) {
        if let (true, Some(pid)) = (
            self.alive(),
            Pid::from_raw(i32::try_from(self.pid).unwrap_or(0)),
        ) {
            // Gone in between is as good.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to end, waits for `patience`, then ends it. Repeating it is harmless.
    pub(crate) async fn end(&self, patience: Duration) {
        self.signal(Signal::TERM);
        let deadline = tokio::time::Instant::now() + patience;
        while self.alive() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.signal(Signal::KILL);
    }
}

/// Field 22 of `/proc/<pid>/stat`, None for a process that is gone or a zombie.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        None
    } else {
        fields.nth(18)?.parse().ok()
    }
}

/// A child whose standard input we hold open: it ends when that closes, however we end.
#[derive(Debug)]
pub(crate) struct Emulator {
    pub(crate) identity: Identity,
    pub(crate) log: PathBuf,
    child: Child,
}

impl Emulator {
    /// Starts it with its output in `log`, in a process group of its own so that a terminal's Ctrl-C reaches us alone.
    pub(crate) fn start(role: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {role}"))?;
        let pid = child
            .id()
            .with_context(|| format!("{role} ended at once, see {}", log.display()))?;
        Ok(Self {
            identity: Identity::of(role, pid)?,
            log: log.to_owned(),
            child,
        })
    }

    /// Whether it ended by itself, with the end of its log.
    pub(crate) fn failed(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!(
            "{} ended ({status}); its log {} ends:\n{}",
            self.identity.role,
            self.log.display(),
            tail(&self.log)
        ))
    }

    /// Closes its input, which ends it; insists after `patience`.
    pub(crate) async fn stop(mut self, patience: Duration) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
