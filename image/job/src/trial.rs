//! Whether a site answers with its own plugins and themes, tried in a job before any visitor meets them.

use std::{
    env, io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

use crate::{
    healthcheck, log,
    protocol::{Failure, FailureCode},
    serve::environment::allowed,
};

/// What visitors, those who log in and programs ask for. An answer that is no server error is a good one.
const PAGES: [&str; 3] = ["/", "/wp-login.php", "/wp-json/"];
/// Nothing is compiled yet, and the smallest task has a quarter of a CPU.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the site may take to stop; nobody waits for its answers.
const STOPPING: Duration = Duration::from_secs(10);

/// Serves the site inside this container, as its tasks will, and asks for some pages.
///
/// # Errors
/// [`FailureCode::CodeBroken`] with the page's status and PHP's last error.
pub(crate) async fn run() -> Result<(), Failure> {
    let unable = |error: io::Error| {
        Failure::new(
            FailureCode::FilesFailed,
            format!("serving the site to try it: {error}"),
        )
    };
    let program = env::current_exe().map_err(unable)?;
    let mut site = Command::new(program)
        .args(["serve", "--only-requests"])
        .env_clear()
        .envs(env::vars().filter(|(name, _)| allowed(name)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(unable)?;
    let errors = Errors::default();
    if let Some(output) = site.stdout.take() {
        tokio::spawn(listen(output, errors.clone()));
    }
    let tried = tokio::select! {
        tried = pages() => tried,
        ended = site.wait() => Err(match ended {
            Ok(status) => format!("the site ended by itself with {status}"),
            Err(error) => format!("the site cannot be followed: {error}"),
        }),
    };
    stop(&mut site).await;
    tried.map_err(|reason| {
        let message = match errors.last() {
            Some(error) => format!("{reason}: {error}"),
            None => reason,
        };
        Failure::new(FailureCode::CodeBroken, message)
    })
}

async fn pages() -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !matches!(ask("/readyz").await, Ok(200)) {
        if Instant::now() > deadline {
            return Err(format!(
                "the site was not ready within {} s",
                PATIENCE.as_secs()
            ));
        }
        sleep(Duration::from_millis(50)).await;
    }
    for page in PAGES {
        match ask(page).await {
            Ok(status) if status < 500 => {}
            Ok(status) => {
                // PHP's words come by another way than its answer.
                sleep(Duration::from_millis(200)).await;
                return Err(format!(
                    "with the site's plugins and themes, {page} answers {status}"
                ));
            }
            Err(error) => {
                return Err(format!(
                    "with the site's plugins and themes, {page} is not answered: {error}"
                ));
            }
        }
    }
    Ok(())
}

async fn ask(page: &'static str) -> io::Result<u16> {
    spawn_blocking(move || healthcheck::status_within(8080, page, PATIENCE))
        .await
        .map_err(io::Error::other)?
}

async fn stop(site: &mut Child) {
    let pid = site.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(STOPPING, site.wait()).await.is_err() {
        let _ = site.kill().await;
    }
}

/// PHP's last error.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Option<String>>>);

impl Errors {
    fn last(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return;
        };
        if line.level == "error" && line.source == "php" {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.message);
        }
    }
}

#[derive(Deserialize)]
struct Line {
    source: String,
    level: String,
    message: String,
}

/// Passes the site's log on.
async fn listen(output: ChildStdout, errors: Errors) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        errors.note(&line);
        log::raw(format!("{line}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_phps_errors_are_reasons() {
        let errors = Errors::default();
        for line in [
            r#"{"time":"t","source":"php","level":"error","message":"PHP Fatal error: first"}"#,
            r#"{"time":"t","source":"php","level":"error","message":"PHP Fatal error: second"}"#,
            r#"{"time":"t","source":"php","level":"warning","message":"only a warning"}"#,
            r#"{"time":"t","source":"nginx","level":"error","message":"of nginx"}"#,
            "no JSON",
        ] {
            errors.note(line);
        }
        assert_eq!(errors.last().as_deref(), Some("PHP Fatal error: second"));
    }
}
