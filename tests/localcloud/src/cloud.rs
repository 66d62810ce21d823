//! A running cloud and its start: claims its directory, starts the emulators, the proxy and the seed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::cleanup::{self, PATIENCE};
use crate::command::{command, run};
use crate::options::Options;
use crate::process::{Emulator, Identity};
use crate::progress::Progress;
use crate::proxy::{Addresses, Proxy};
use crate::python::Python;
use crate::state::{Claim, State};
use crate::{docker, images, paths, tls};

/// AWS's SDKs take task credentials over plain HTTP from this address (and loopback, which is the container's own).
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
const CREDENTIALS_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);

/// How long an emulator may take to answer, on a busy machine.
const EMULATOR_START: Duration = Duration::from_secs(120);
const SEED: Duration = Duration::from_secs(300);

/// A running cloud. [`LocalCloud::stop`] ends it; if the process dies instead, the emulators notice and end, and the next
/// start removes what is left.
#[derive(Debug)]
pub struct LocalCloud {
    state: State,
    proxy: Proxy,
    emulators: Vec<Emulator>,
    claim: Claim,
}

impl LocalCloud {
    /// Starts a cloud and waits until every account is seeded. Cleans first what dead clouds left behind.
    ///
    /// # Errors
    /// Says what failed and where its log is; everything started so far is ended.
    pub async fn start(options: Options) -> Result<Self> {
        let progress = Progress::new();
        let claim = claim(progress, &options).await?;
        match Self::start_in(progress, options.clone(), claim).await {
            Ok(cloud) => Ok(cloud),
            Err((error, claim)) => {
                // What failed is what there is to tell; the next start cleans again.
                let _ = cleanup::remove(&claim, &options.name).await;
                Err(error)
            }
        }
    }

    async fn start_in(
        progress: Progress,
        options: Options,
        claim: Claim,
    ) -> Result<Self, (anyhow::Error, Claim)> {
        let mut emulators = Vec::new();
        match bring_up(progress, options, &claim, &mut emulators).await {
            Ok((state, proxy)) => Ok(Self {
                state,
                proxy,
                emulators,
                claim,
            }),
            Err(error) => {
                for emulator in emulators {
                    emulator.stop(PATIENCE).await;
                }
                Err((error, claim))
            }
        }
    }

    /// Ends everything this cloud started and removes what it kept.
    pub async fn stop(self) -> Result<()> {
        let Self {
            mut state,
            proxy,
            emulators,
            claim,
        } = self;
        state.registry_ports = proxy.registry_ports();
        state.write()?;
        futures::future::join_all(
            emulators
                .into_iter()
                .map(|emulator| emulator.stop(PATIENCE)),
        )
        .await;
        drop(proxy);
        cleanup::remove(&claim, &state.options.name).await
    }

    /// Where it is and what it was started with.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// `AWS_ENDPOINT_URL`, for the host and for containers alike.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.state.endpoint
    }

    /// The edge's port on loopback.
    #[must_use]
    pub fn viewer_port(&self) -> u16 {
        self.state.viewer_port
    }

    /// The environment variables with which a client acts as the root of an environment's account.
    ///
    /// # Panics
    /// When the cloud has no such environment.
    #[must_use]
    pub fn environment(
        &self,
        environment: &str,
    ) -> std::collections::BTreeMap<&'static str, String> {
        match self.state.environment(environment) {
            Some(variables) => variables,
            None => panic!("this cloud has no environment {environment}"),
        }
    }

    /// Requests recorded, faults and gates.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The end of an emulator that ended by itself, if one has.
    pub fn failure(&mut self) -> Option<String> {
        self.emulators.iter_mut().find_map(Emulator::failed)
    }
}

/// Cleans after the dead and takes the directory of the name, as one step among all starts of this user.
async fn claim(progress: Progress, options: &Options) -> Result<Claim> {
    std::fs::create_dir_all(paths::clouds()?)?;
    let lock = std::fs::File::create(paths::cache()?.join("clouds.lock"))?;
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    for name in cleanup::sweep().await? {
        progress.stage(&format!("removed what the dead cloud {name} had left"));
    }
    let Some(claim) = Claim::of(&options.name)? else {
        bail!(
            "the cloud {0} is running: end it with `localcloud down --name {0}`, or choose another name",
            options.name
        );
    };
    Ok(claim)
}

async fn bring_up(
    progress: Progress,
    options: Options,
    claim: &Claim,
    emulators: &mut Vec<Emulator>,
) -> Result<(State, Proxy)> {
    let python = Python::ensure(progress).await?;
    images::ensure(progress).await?;
    let bridge = docker::bridge_address().await?;
    ensure_credentials_address().await?;
    let directory = claim.directory.clone();
    std::fs::create_dir_all(directory.join("tmp"))?;

    let (ministack, moto) = (free_port()?, free_port()?);
    let addresses = Addresses {
        bridge,
        credentials: CREDENTIALS_ADDRESS,
        ministack: SocketAddr::from((Ipv4Addr::LOCALHOST, ministack)),
        moto: SocketAddr::from((Ipv4Addr::LOCALHOST, moto)),
        viewer_port: options.viewer_port,
    };
    let tls = if options.viewer_tls {
        Some(tls::acceptor(&python, &directory, &options).await?)
    } else {
        None
    };
    let proxy = Proxy::bind(addresses, tls, options.fault_seed).await?;
    let mut state = State {
        identity: paths::identity(&options.name)?,
        directory,
        bridge,
        endpoint: format!("http://{bridge}:{}", proxy.port()),
        control: format!("http://127.0.0.1:{}", proxy.control_port()),
        resolver: format!("127.0.0.1:{}", free_port()?),
        viewer_port: proxy.viewer_port(),
        processes: vec![Identity::of("owner", std::process::id())?],
        registry_ports: Vec::new(),
        ready: false,
        options,
    };
    state.write()?;
    progress.stage("starting MiniStack and moto");
    let credentials = format!("http://{CREDENTIALS_ADDRESS}:{}", proxy.port());
    let mut launcher = ministack_command(&python, &state, ministack, &credentials)?;
    emulators.push(Emulator::start(
        "ministack",
        &mut launcher,
        &state.directory.join("ministack.log"),
    )?);
    let mut spare = python.module("launcher.moto_server");
    spare
        .arg(moto.to_string())
        .arg(format!("http://{}", addresses.ministack))
        .env("AWS_SECRET_ACCESS_KEY", Options::SECRET_KEY);
    emulators.push(Emulator::start(
        "moto",
        &mut spare,
        &state.directory.join("moto.log"),
    )?);
    state
        .processes
        .extend(emulators.iter().map(|emulator| emulator.identity.clone()));
    state.write()?;
    await_port(&mut emulators[0], ministack).await?;
    progress.stage("seeding the accounts' foundations");
    seed(&python, &state).await?;
    // Moto takes longer to load, and the seed does not need it.
    await_port(&mut emulators[1], moto).await?;
    state.ready = true;
    state.write()?;
    progress.stage(&format!(
        "ready: {} (edge on port {})",
        state.endpoint, state.viewer_port
    ));
    Ok((state, proxy))
}

/// MiniStack is configured by its environment, which is ours alone: nothing of the caller's AWS settings reaches it.
fn ministack_command(
    python: &Python,
    state: &State,
    port: u16,
    credentials: &str,
) -> Result<tokio::process::Command> {
    let bridge = state.bridge.to_string();
    let first = state
        .options
        .accounts
        .first()
        .context("a cloud needs an account")?;
    let mut command = python.module("launcher");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let settings = [
        ("GATEWAY_PORT", port.to_string()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("MINISTACK_HOST", bridge.clone()),
        ("MINISTACK_HOSTNAME", state.identity.clone()),
        ("MINISTACK_REGION", "af-south-1".into()),
        ("MINISTACK_ACCOUNT_ID", first.id.clone()),
        // Docker is slow on a busy machine, above all the first time it starts an image.
        ("MINISTACK_DOCKER_TIMEOUT", "120".into()),
        ("RDS_BASE_PORT", free_port_range()?.to_string()),
        ("RDS_PERSIST", "1".into()),
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        ("AUTH", state.options.auth.to_string()),
        ("AWS_SECRET_ACCESS_KEY", Options::SECRET_KEY.into()),
        ("LOCALCLOUD_ID", state.identity.clone()),
        ("LOCALCLOUD_STATE", state.directory.display().to_string()),
        ("LOCALCLOUD_BRIDGE", bridge),
        ("LOCALCLOUD_ENDPOINT", state.endpoint.clone()),
        ("LOCALCLOUD_CREDENTIALS", credentials.into()),
        ("LOCALCLOUD_CONTROL", state.control.clone()),
        ("LOCALCLOUD_RESOLVER", state.resolver.clone()),
        (
            "LOCALCLOUD_TIME_SCALE",
            state.options.time_scale.to_string(),
        ),
    ];
    command
        .envs(settings)
        .env("TMPDIR", state.directory.join("tmp"));
    Ok(command)
}

/// Gives Docker's bridge the address of the task credentials endpoint. Clouds share it, on ports of their own; it stays.
async fn ensure_credentials_address() -> Result<()> {
    if docker::bridge_addresses()
        .await?
        .contains(&CREDENTIALS_ADDRESS)
    {
        return Ok(());
    }
    let (address, bridge) = (format!("{CREDENTIALS_ADDRESS}/32"), docker::BRIDGE);
    let added = run(command("ip", &["addr", "add", &address, "dev", bridge])).await;
    // Another start may have been quicker.
    if !docker::bridge_addresses()
        .await?
        .contains(&CREDENTIALS_ADDRESS)
    {
        added.with_context(|| format!("tasks get their credentials from {address}: as root, `ip addr add {address} dev {bridge}`"))?;
    }
    Ok(())
}

async fn await_port(emulator: &mut Emulator, port: u16) -> Result<()> {
    let deadline = tokio::time::Instant::now() + EMULATOR_START;
    while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .is_err()
    {
        if let Some(failure) = emulator.failed() {
            bail!(failure);
        }
        if tokio::time::Instant::now() > deadline {
            bail!(
                "{} does not answer, see {}",
                emulator.identity.role,
                emulator.log.display()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn seed(python: &Python, state: &State) -> Result<()> {
    let accounts: Vec<_> = state
        .options
        .accounts
        .iter()
        .filter(|account| account.seeded)
        .map(|account| json!({"environment": account.environment, "id": account.id, "cells": account.cells}))
        .collect();
    let request = json!({"endpoint": state.endpoint, "secret_key": Options::SECRET_KEY,
        "viewer_port": state.viewer_port, "accounts": accounts});
    let log = state.directory.join("foundation.log");
    let file = std::fs::File::create(&log)?;
    let mut child = python
        .module("foundation")
        .stdin(std::process::Stdio::piped())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start the seed")?;
    child
        .stdin
        .take()
        .context("the seed has no input")?
        .write_all(request.to_string().as_bytes())
        .await?;
    let status = tokio::time::timeout(SEED, child.wait())
        .await
        .context("seeding takes too long")??;
    if !status.success() {
        bail!(
            "seeding the foundation failed; {} ends:\n{}",
            log.display(),
            crate::process::tail(&log)
        );
    }
    Ok(())
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// The first of some neighbouring ports for databases, below those that the kernel hands out.
fn free_port_range() -> Result<u16> {
    for _ in 0..200 {
        let first = 10_000 + 50 * rand::random_range(0..400_u16);
        if (first..first + 8).all(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()) {
            return Ok(first);
        }
    }
    bail!("no free ports for databases between 10000 and 30000")
}
