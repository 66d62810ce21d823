//! Installs WordPress and makes its settings as the manifest says, through WP-CLI.
//!
//! Passwords go to WP-CLI by standard input: its arguments are visible to everything in the container, and its
//! environment is only what WordPress's configuration reads.

use std::{env, io, process::Stdio};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    code, database,
    log::{self, Level},
    protocol::{Failure, FailureCode, Installed, Settings},
    serve::environment::FOR_PHP,
};

/// The interpreter.
pub(crate) const PHP: &str = "/usr/bin/php8.4";
const WP_CLI: &str = "/usr/local/lib/wp-cli.phar";
const WORDPRESS: &str = "/srv/wordpress";
const SETTINGS_SCRIPT: &str = "/usr/local/lib/bbws/settings.php";
const LEAKS_SCRIPT: &str = "/usr/local/lib/bbws/leaks.php";

/// Installs WordPress where it is not installed, then changes the settings that differ. A repeat changes nothing and
/// says so. A crash during the installation leaves tables without a site address, which the repeat completes.
///
/// # Errors
/// When the database is unreachable, WP-CLI fails, or the image has no pack for the locale.
pub async fn install(settings: &Settings) -> Result<Installed, Failure> {
    // WP-CLI's own words for an unreachable database are a page of HTML; asked first, the failure has its class.
    let connection = database::connect_site().await?;
    let _ = connection.disconnect().await;
    let password = env::var("WP_ADMIN_PASSWORD")
        .ok()
        .filter(|password| !password.is_empty())
        .ok_or_else(|| {
            Failure::new(
                FailureCode::BadRequest,
                "the environment has no WP_ADMIN_PASSWORD",
            )
        })?;

    let asked = ["core", "is-installed", "--skip-plugins", "--skip-themes"];
    let installed = match wp(&asked, "").await? {
        run if run.code == Some(0) => false,
        // 1 without a word is WP-CLI's "no"; with words it is an error.
        run if run.code == Some(1) && run.errors.is_empty() => {
            create(settings, &password).await?;
            true
        }
        run => return Err(run.failure("asking whether WordPress is installed")),
    };
    let changed = apply(settings, &password).await?;
    Ok(Installed {
        installed,
        changed,
        leak_test: None,
    })
}

async fn create(settings: &Settings, password: &str) -> Result<(), Failure> {
    let arguments = [
        "core",
        "install",
        "--skip-email",
        "--prompt=admin_password",
        &format!("--url={}", settings.home),
        &format!("--title={}", settings.title),
        &format!("--admin_user={}", settings.admin_user),
        &format!("--admin_email={}", settings.admin_email),
        // The first post and page are then in the site's language.
        &format!("--locale={}", settings.locale),
    ];
    let run = wp(&arguments, &format!("{password}\n")).await?;
    if run.code == Some(0) {
        Ok(())
    } else {
        Err(run.failure("installing WordPress"))
    }
}

#[derive(Serialize)]
struct Wanted<'a> {
    settings: &'a Settings,
    admin_password: &'a str,
}

#[derive(Deserialize)]
struct Applied {
    changed: Vec<String>,
    locale_unavailable: bool,
}

async fn apply(settings: &Settings, password: &str) -> Result<Vec<String>, Failure> {
    let attempt = "applying WordPress's settings";
    let wanted = serde_json::to_string(&Wanted {
        settings,
        admin_password: password,
    })
    .map_err(|error| Failure::new(FailureCode::BadRequest, format!("{attempt}: {error}")))?;
    let run = wp(&["eval-file", SETTINGS_SCRIPT], &wanted).await?;
    if run.code != Some(0) {
        return Err(run.failure(attempt));
    }
    let applied: Applied = run.answer().ok_or_else(|| run.failure(attempt))?;
    if applied.locale_unavailable {
        let message = format!(
            "the image has no language pack for {}; the other settings are applied",
            settings.locale
        );
        return Err(Failure::new(FailureCode::LocaleUnavailable, message));
    }
    Ok(applied.changed)
}

/// Lets WordPress try to get out, and returns its answer.
///
/// # Errors
/// When WP-CLI fails, or answers something else.
pub(crate) async fn try_leaks<T: DeserializeOwned>(input: &str) -> Result<T, Failure> {
    let attempt = "trying whether the quarantine holds";
    let run = wp(&["eval-file", LEAKS_SCRIPT], input).await?;
    if run.code != Some(0) {
        return Err(run.failure(attempt));
    }
    run.answer().ok_or_else(|| run.failure(attempt))
}

/// Runs WordPress's events that are due. A repeat finds none; one that is cut off leaves those that were not begun.
///
/// # Errors
/// When WP-CLI fails, which it does when an event does.
pub(crate) async fn run_scheduled() -> Result<(), Failure> {
    let run = wp(&["cron", "event", "run", "--due-now", "--quiet"], "").await?;
    if run.code == Some(0) {
        Ok(())
    } else {
        Err(run.failure("running scheduled work"))
    }
}

struct Run {
    code: Option<i32>,
    output: String,
    errors: String,
}

impl Run {
    /// Plugins may print while WordPress loads; a script's answer is the last line.
    fn answer<T: DeserializeOwned>(&self) -> Option<T> {
        let last = self.output.lines().next_back()?;
        serde_json::from_str(last).ok()
    }

    fn failure(&self, attempt: &str) -> Failure {
        let ended = self
            .code
            .map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        let words = if self.errors.is_empty() {
            &self.output
        } else {
            &self.errors
        };
        // Where PHP ends it says why in one line, and then much more.
        let fatal = words.lines().find_map(|line| {
            let starts = ["PHP Fatal error:", "PHP Parse error:"];
            let start = starts.iter().find_map(|start| line.find(start))?;
            line.get(start..).map(str::to_owned)
        });
        let words = fatal.unwrap_or_else(|| {
            let last: Vec<&str> = words.lines().rev().take(5).collect();
            last.into_iter().rev().collect::<Vec<_>>().join(" / ")
        });
        // PHP names the file that it fails in.
        let class = match words.contains(code::FOLDER) {
            true => FailureCode::CodeBroken,
            false => FailureCode::WordpressFailed,
        };
        Failure::new(
            class,
            format!("{attempt}: WP-CLI ended with {ended}: {words}"),
        )
    }
}

async fn wp(arguments: &[&str], input: &str) -> Result<Run, Failure> {
    let attempt = |error: io::Error| {
        Failure::new(
            FailureCode::WordpressFailed,
            format!(
                "running WP-CLI {}: {error}",
                arguments.first().unwrap_or(&"")
            ),
        )
    };
    let mut child = Command::new(PHP)
        .args(["-d", "error_log=/dev/stderr", WP_CLI, "--no-color"])
        .arg(format!("--path={WORDPRESS}"))
        .args(arguments)
        .env_clear()
        .envs(env::vars().filter(|(name, _)| FOR_PHP.contains(&name.as_str())))
        // Nothing is written outside of /tmp, and nothing there outlives the task.
        .envs([
            ("HOME", "/tmp"),
            ("WP_CLI_CACHE_DIR", "/tmp/wp-cli"),
            ("WP_CLI_DISABLE_AUTO_CHECK_UPDATE", "1"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(attempt)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()).await {
            // A program that fails at once does not read; its exit code and words say why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(attempt(error)),
            _ => drop(stdin),
        }
    }
    let output = child.wait_with_output().await.map_err(attempt)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let run = Run {
        code: output.status.code(),
        output: text(output.stdout),
        errors: text(output.stderr),
    };
    for line in run.errors.lines() {
        log::line("wp-cli", Level::Warning, None, line);
    }
    Ok(run)
}
