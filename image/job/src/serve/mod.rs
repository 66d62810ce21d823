//! The container's init: starts PHP-FPM and nginx, turns their output into JSON, passes on the wish to stop, and reaps
//! what is orphaned.
//!
//! Either program ending by itself ends the container, so that the platform replaces it. Only `/run/bbws`, `/srv/code` and
//! `/tmp` are written.

mod compiled;
pub mod environment;
mod lines;
mod size;

pub use size::Size;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::{
    consts::{SIGCHLD, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
};

use crate::{
    aws::Aws,
    code,
    log::{self, Level},
    tend::pages,
};
use environment::{FOR_PHP, Site, allowed};

const STATE: &str = "/run/bbws";
const SOCKET: &str = "/run/bbws/php.sock";
/// Where the web server answers [`crate::doctor`].
pub const STATUS_SOCKET: &str = "/run/bbws/status.sock";
const PHP_STATUS_SOCKET: &str = "/run/bbws/php-status.sock";
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const TRUSTED_CERTIFICATES: &str = "/run/bbws/ca-certificates.crt";
/// ECS kills 30 seconds after it asks (`stopTimeout`'s default); requests get most of that to finish.
const STOP_DEADLINE: Duration = Duration::from_secs(25);
const START_DEADLINE: Duration = Duration::from_secs(15);

/// Runs the site until it is told to stop. Returns whether it stopped because it was told to. Without `scheduled`, what is beside
/// the requests is left out: fresh caches and scheduled work.
///
/// # Errors
/// When the environment is unusable or a program cannot be started.
pub fn serve(scheduled: bool) -> anyhow::Result<bool> {
    fetch_code()?;
    let variables = scrubbed_environment()?;
    let site = Site::from_environment(&variables)?;
    write_state(&site, &variables)?;
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGCHLD]).context("installing signal handlers")?;

    let mut php = Command::new("/usr/sbin/php-fpm8.4");
    php.args(["--nodaemonize", "--fpm-config", "/etc/bbws/php-fpm.conf"]);
    if variables.contains_key("DB_CA_FILE") {
        php.args(["-d", &format!("openssl.cafile={TRUSTED_CERTIFICATES}")]);
    }
    php.env_clear().envs(
        variables
            .iter()
            .filter(|(name, _)| FOR_PHP.contains(&name.as_str())),
    );
    let mut running = Running {
        php: Some(start("php", php)?),
        nginx: None,
        tend: None,
    };
    wait_for_php()?;
    compiled::close()?;

    let mut nginx = Command::new("/usr/sbin/nginx");
    nginx
        .args([
            "-e",
            "stderr",
            "-c",
            "/etc/bbws/nginx.conf",
            "-g",
            "daemon off;",
        ])
        .env_clear();
    running.nginx = Some(start("nginx", nginx)?);
    if scheduled {
        running.tend = Some(start_tend()?);
    }
    log::line("init", Level::Info, None, "serving");

    let mut told = false;
    for signal in signals.forever() {
        if signal == SIGCHLD {
            if !running.reap() {
                return Ok(told);
            }
            if !running.complete() && !told {
                log::line(
                    "init",
                    Level::Error,
                    None,
                    "stopping, because a program ended by itself",
                );
                running.stop();
                // Not `told`: the exit code must say that this was not asked for.
                return running.drain(&mut signals).map(|()| false);
            }
            if told {
                running.stop();
            } else if scheduled && running.tend.is_none() {
                // It waits before it does anything, so this is no busy loop.
                running.tend = Some(start_tend()?);
            }
        } else if !told {
            told = true;
            log::line("init", Level::Info, None, "stopping");
            running.stop();
            running.kill_after(STOP_DEADLINE);
        }
    }
    Ok(told)
}

/// Comes before the environment is made smaller: only the task role may read the site's own plugins and themes, and its
/// credentials are for no process that serves. Where there is something to fetch, there is something to take out, so that this
/// program starts again, and then finds nothing to fetch.
fn fetch_code() -> anyhow::Result<()> {
    let Some(code) = code::wanted()? else {
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let aws = Aws::from_environment().await;
        code::prepare(&code, &aws.s3).await
    })?;
    Ok(())
}

/// The allowed part of the environment. When there is more, this process is replaced by itself without it: what a process
/// was started with stays readable in `/proc` for everything of the same user, PHP included.
fn scrubbed_environment() -> anyhow::Result<BTreeMap<String, String>> {
    let all: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    let count = all.len();
    let kept: BTreeMap<String, String> =
        all.into_iter().filter(|(name, _)| allowed(name)).collect();
    if kept.len() == count && std::env::vars_os().count() == count {
        return Ok(kept);
    }
    let program = std::env::current_exe().context("finding this program")?;
    let error = Command::new(program)
        .arg("serve")
        .env_clear()
        .envs(&kept)
        .exec();
    Err(error).context("starting again with a smaller environment")
}

/// Writes what the static configuration includes; a repeat overwrites.
fn write_state(site: &Site, variables: &BTreeMap<String, String>) -> anyhow::Result<()> {
    fs::create_dir_all(STATE)
        .with_context(|| format!("making {STATE} (is /run writable for this user?)"))?;
    let size = Size::of_container();
    fs::write(
        format!("{STATE}/site.conf"),
        site.http_block() + &page_cache(size),
    )
    .context("writing nginx's configuration")?;
    fs::write(format!("{STATE}/pool.conf"), size.pool()).context("writing PHP's configuration")?;
    fs::write(format!("{STATE}/server.conf"), site.server_block())
        .context("writing nginx's configuration")?;
    if let Some(file) = variables.get("DB_CA_FILE") {
        let own = fs::read(file).with_context(|| format!("reading DB_CA_FILE {file}"))?;
        let mut bundle =
            fs::read(SYSTEM_CERTIFICATES).context("reading the system's certificates")?;
        bundle.push(b'\n');
        bundle.extend(own);
        fs::write(TRUSTED_CERTIFICATES, bundle).context("writing the trusted certificates")?;
    }
    compiled::lay()?;
    for socket in [SOCKET, PHP_STATUS_SOCKET, STATUS_SOCKET] {
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing the old {socket}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The memory for keys takes 8,000 pages a MiB; the web server forgets what nobody asked for in an hour.
fn page_cache(size: Size) -> String {
    format!(
        "fastcgi_cache_path {} levels=1 keys_zone=pages:2m max_size={}m inactive=60m use_temp_path=off;\n",
        pages::FOLDER,
        size.page_cache()
    )
}

fn start_tend() -> anyhow::Result<Pid> {
    let mut tend = Command::new(std::env::current_exe().context("finding this program")?);
    tend.arg("tend");
    start("tend", tend)
}

fn start(name: &'static str, mut command: Command) -> anyhow::Result<Pid> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    if let Some(stream) = child.stdout.take() {
        lines::forward(name, stream);
    }
    if let Some(stream) = child.stderr.take() {
        lines::forward(name, stream);
    }
    // The handle is let go: this program reaps whatever child ends, known or orphaned.
    Pid::from_raw(i32::try_from(child.id())?).context("a child without a process id")
}

/// Waits until PHP accepts connections, so that the first health check is not answered with 502.
fn wait_for_php() -> anyhow::Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    while UnixStream::connect(Path::new(SOCKET)).is_err() {
        if Instant::now() > deadline {
            bail!(
                "PHP did not accept connections within {} s",
                START_DEADLINE.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Running {
    php: Option<Pid>,
    nginx: Option<Pid>,
    tend: Option<Pid>,
}

impl Running {
    fn complete(&self) -> bool {
        self.php.is_some() && self.nginx.is_some()
    }

    /// Collects every child that has ended. Returns whether one of the programs still runs.
    fn reap(&mut self) -> bool {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            for (name, program) in [
                ("php", &mut self.php),
                ("nginx", &mut self.nginx),
                ("tend", &mut self.tend),
            ] {
                if *program == Some(pid) {
                    *program = None;
                    log::line(
                        "init",
                        Level::Info,
                        None,
                        &format!("{name} ended: {}", describe(status)),
                    );
                }
            }
        }
        self.php.is_some() || self.nginx.is_some() || self.tend.is_some()
    }

    /// Lets nginx finish its requests first, then PHP; scheduled work that has begun, beside them. Called again when
    /// something has ended.
    fn stop(&self) {
        if let Some(pid) = self.tend {
            let _ = kill_process(pid, Signal::TERM);
        }
        // SIGQUIT is the graceful stop of both (nginx(8), php-fpm(8)).
        if let Some(pid) = self.nginx.or(self.php) {
            let _ = kill_process(pid, Signal::QUIT);
        }
    }

    fn kill_after(self, delay: Duration) {
        thread::spawn(move || {
            thread::sleep(delay);
            log::line(
                "init",
                Level::Warning,
                None,
                "requests did not finish in time: killing",
            );
            let _ = io::stdout().flush();
            for pid in [self.nginx, self.php, self.tend].into_iter().flatten() {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
    }

    fn drain(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        self.kill_after(STOP_DEADLINE);
        for signal in signals.forever() {
            if signal == SIGCHLD && !self.reap() {
                break;
            }
            self.stop();
        }
        Ok(())
    }
}

fn describe(status: rustix::process::WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
