//! Programs that the local cloud needs. On Debian as root they are installed; elsewhere it is said what to install.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::command::{command, run, succeeds};
use crate::process::{Identity, tail};
use crate::progress::Progress;
use crate::python::Python;
use crate::{images, paths};

/// A program, and the Debian packages that bring it. A package that a release does not have is left out: Docker's
/// command line became a package of its own with trixie.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("dockerd", &["docker.io", "iptables"]),
    ("docker", &["docker.io", "docker-cli"]),
    ("debootstrap", &["debootstrap"]),
    ("node", &["nodejs"]),
    ("ip", &["iproute2"]),
];

/// How long a Docker daemon may take to answer.
const DOCKER_START: Duration = Duration::from_secs(60);

/// Makes sure that everything is installed and that the Docker daemon runs. Does nothing when so; a repeat after a crash
/// carries on.
///
/// # Errors
/// Says what to install where it cannot: not Debian, not root.
pub async fn ensure() -> Result<()> {
    ensure_with(&[]).await
}

/// The same with further programs, each with the Debian packages that bring it.
///
/// # Errors
/// As [`ensure`].
pub async fn ensure_with(further: &[(&str, &'static [&'static str])]) -> Result<()> {
    let progress = Progress::new();
    let packages = missing(further).await;
    if !packages.is_empty() {
        install(progress, &packages).await?;
    }
    if !docker_answers().await {
        start_docker(progress).await?;
    }
    Ok(())
}

/// Makes what clouds are built from, once a machine: the emulators' Python packages and the base images. Every start does
/// so itself; doing it before lets builds use the images, and tests not wait. A repeat does nothing.
///
/// # Errors
/// Says what cannot be fetched.
pub async fn prepare() -> Result<()> {
    let progress = Progress::new();
    Python::ensure(progress).await?;
    images::ensure(progress).await
}

/// A program of Python packages, which are installed once a machine into an environment of their own. `requirements` is a
/// file with hashes.
///
/// # Errors
/// Says what cannot be installed.
pub async fn python_program(requirements: &Path, name: &str) -> Result<PathBuf> {
    let python = Python::with(Progress::new(), requirements, name).await?;
    Ok(python.program(name))
}

/// Debian packages that would bring what is missing.
async fn missing(further: &[(&str, &'static [&'static str])]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for (program, from) in PROGRAMS.iter().chain(further) {
        if !on_path(program) {
            packages.extend(*from);
        }
    }
    if !succeeds("python3", &["-c", "import venv, ensurepip"]).await {
        packages.extend(["python3", "python3-venv"]);
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn on_path(program: &str) -> bool {
    let places = std::env::var_os("PATH").unwrap_or_default();
    // Daemons live where an ordinary user's PATH does not look.
    std::env::split_paths(&places)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|place| place.join(program).is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

async fn install(progress: Progress, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !is_root() || !Path::new("/etc/debian_version").exists() {
        bail!(
            "missing programs. Install what Debian calls {list} (as root: `apt-get install {list}`), then try again"
        );
    }
    progress.stage(&format!("installing {list}"));
    run(command("apt-get", &["update", "-q"]))
        .await
        .context("apt-get cannot read its mirrors")?;
    let mut known = Vec::new();
    for package in packages {
        if succeeds("apt-cache", &["show", package]).await {
            known.push(*package);
        }
    }
    let mut apt = command(
        "apt-get",
        &["install", "-q", "-y", "--no-install-recommends"],
    );
    apt.args(&known).env("DEBIAN_FRONTEND", "noninteractive");
    run(apt)
        .await
        .with_context(|| format!("`apt-get install {list}` failed"))?;
    Ok(())
}

async fn docker_answers() -> bool {
    succeeds("docker", &["version", "--format", "{{.Server.Version}}"]).await
}

/// Starts the daemon where no init does. It is left running: other programs may come to use it.
async fn start_docker(progress: Progress) -> Result<()> {
    progress.stage("starting the Docker daemon");
    if Path::new("/run/systemd/system").exists() {
        run(command("systemctl", &["start", "docker"]))
            .await
            .context("systemd cannot start Docker")?;
    } else {
        if !is_root() {
            bail!(
                "no Docker daemon answers. Start it (as root: `dockerd`), or set DOCKER_HOST, then try again"
            );
        }
        launch_docker()?;
    }
    let deadline = tokio::time::Instant::now() + DOCKER_START;
    while !docker_answers().await {
        if tokio::time::Instant::now() > deadline {
            let log = paths::cache()?.join("dockerd.log");
            bail!(
                "the Docker daemon does not answer; its log {} ends:\n{}",
                log.display(),
                tail(&log)
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

fn launch_docker() -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let cache = paths::cache()?;
    std::fs::create_dir_all(&cache)?;
    let log = std::fs::File::create(cache.join("dockerd.log"))?;
    let child = std::process::Command::new("dockerd")
        .env("PATH", sbin_path())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("cannot start dockerd")?;
    let identity = Identity::of("dockerd", child.id())?;
    std::fs::write(
        cache.join("dockerd.json"),
        serde_json::to_vec_pretty(&identity)?,
    )?;
    Ok(())
}

/// The daemon calls iptables and containerd, which live in sbin.
fn sbin_path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// Ends the Docker daemon if [`ensure`] started it. Only for when no cloud and no container is left.
pub(crate) async fn stop_own_docker() -> Result<bool> {
    let file = paths::cache()?.join("dockerd.json");
    let Ok(bytes) = std::fs::read(&file) else {
        return Ok(false);
    };
    let identity: Identity = serde_json::from_slice(&bytes)?;
    if identity.alive() {
        let running = run(command("docker", &["ps", "-q"])).await?;
        if !running.is_empty() {
            return Ok(false);
        }
        identity.end(Duration::from_secs(30)).await;
    }
    std::fs::remove_file(&file)?;
    Ok(true)
}
