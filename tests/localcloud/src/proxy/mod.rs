//! The proxy in front of the emulators. Every AWS request passes here: it is recorded, may meet a [`fault`], may be held by
//! a [`gate`], and goes to MiniStack or, for services it lacks, to moto. Further listeners: the viewers' edge, loopback
//! registries for Docker, and a control interface for other processes.

mod api;
mod control;
pub mod errors;
pub mod fault;
pub mod gate;
pub mod operation;
mod quotas;
pub mod record;
mod registry;
mod rest;
mod restores;
mod serve;
mod upstream;
mod viewer;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use fault::{Faults, Kind, Rule};
pub use gate::{Gate, Gates};
pub use quotas::Quotas;
pub use record::{Filter, Origin, Recorder, Request};
pub use restores::Restores;

/// Where to listen, and the emulators behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) bridge: Ipv4Addr,
    pub(crate) credentials: Ipv4Addr,
    pub(crate) ministack: SocketAddr,
    pub(crate) moto: SocketAddr,
    pub(crate) viewer_port: Option<u16>,
}

/// What all listeners share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) addresses: Addresses,
    pub(crate) upstream: upstream::Client,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) gates: Arc<Gates>,
    pub(crate) quotas: Quotas,
    pub(crate) restores: Restores,
    pub(crate) sessions: operation::Sessions,
    pub(crate) registries: registry::Registries,
    /// Whether visitors come by TLS.
    pub(crate) viewer_tls: bool,
}

/// The running proxy; dropping it closes every listener and connection.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    control_port: u16,
    viewer_port: u16,
    _listeners: tokio::task::JoinSet<()>,
}

impl Proxy {
    /// Binds all listeners and starts to serve. The emulators may come later.
    pub(crate) async fn bind(
        addresses: Addresses,
        tls: Option<TlsAcceptor>,
        seed: u64,
    ) -> Result<Self> {
        let (api, credentials) = bind_pair(addresses).await?;
        let control = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let wanted = addresses.viewer_port.unwrap_or(0);
        let viewer = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
            .await
            .with_context(|| {
                format!("port {wanted} for the edge is taken: choose another with --viewer-port")
            })?;
        let (port, control_port) = (api.local_addr()?.port(), control.local_addr()?.port());
        let viewer_port = viewer.local_addr()?.port();
        // Browsers may try IPv6 first for *.localhost; a machine without it is fine.
        let viewer6 = TcpListener::bind((Ipv6Addr::LOCALHOST, viewer_port))
            .await
            .ok();
        let shared = Arc::new(Shared {
            addresses,
            upstream: upstream::Client::new(),
            recorder: Arc::default(),
            faults: Arc::new(Faults::new(seed)),
            gates: Arc::default(),
            quotas: Quotas::default(),
            restores: Restores::default(),
            sessions: operation::Sessions::default(),
            registries: registry::Registries::default(),
            viewer_tls: tls.is_some(),
        });
        let mut listeners = tokio::task::JoinSet::new();
        listeners.spawn(serve::serve(api, None, Arc::clone(&shared), api::handle));
        listeners.spawn(serve::serve(
            credentials,
            None,
            Arc::clone(&shared),
            api::handle,
        ));
        listeners.spawn(serve::serve(
            control,
            None,
            Arc::clone(&shared),
            control::handle,
        ));
        listeners.spawn(serve::serve(
            viewer,
            tls.clone(),
            Arc::clone(&shared),
            viewer::handle,
        ));
        if let Some(viewer6) = viewer6 {
            listeners.spawn(serve::serve(
                viewer6,
                tls,
                Arc::clone(&shared),
                viewer::handle,
            ));
        }
        Ok(Self {
            shared,
            port,
            control_port,
            viewer_port,
            _listeners: listeners,
        })
    }

    /// Names of all that an account has, in every service and region, from the emulator's memory.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn inventory(&self, account: &str) -> Result<Vec<String>> {
        self.view("inventory", account).await
    }

    /// `role action` of all that IAM allowed an account's roles so far. Only with IAM evaluated, and not of the services that
    /// moto stands in for.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn allowed(&self, account: &str) -> Result<Vec<String>> {
        self.view("allowed", account).await
    }

    async fn view(&self, name: &str, account: &str) -> Result<Vec<String>> {
        let path = format!("/_ministack/{name}?account={account}");
        let request = hyper::Request::get(path)
            .header("host", "localhost")
            .body(serve::full(""))?;
        let answer = self
            .shared
            .upstream
            .send(self.shared.addresses.ministack, request)
            .await
            .map_err(|error| anyhow::anyhow!(error))?;
        let content = answer.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&content)?)
    }

    /// The requests recorded so far.
    #[must_use]
    pub fn requests(&self) -> &Arc<Recorder> {
        &self.shared.recorder
    }

    /// The faults that requests meet.
    #[must_use]
    pub fn faults(&self) -> &Arc<Faults> {
        &self.shared.faults
    }

    /// Service quotas, to raise and lower.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        &self.shared.quotas
    }

    /// Restores of backups, to be told of.
    #[must_use]
    pub fn restores(&self) -> &Restores {
        &self.shared.restores
    }

    /// Holds requests at a chosen point, see [`Gates::after`].
    #[must_use]
    pub fn gates(&self) -> &Arc<Gates> {
        &self.shared.gates
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn control_port(&self) -> u16 {
        self.control_port
    }

    pub(crate) fn viewer_port(&self) -> u16 {
        self.viewer_port
    }

    pub(crate) fn registry_ports(&self) -> Vec<u16> {
        self.shared.registries.ports()
    }
}

/// One port on the bridge and on the credentials' address.
async fn bind_pair(addresses: Addresses) -> Result<(TcpListener, TcpListener)> {
    for _ in 0..50 {
        let api = TcpListener::bind((addresses.bridge, 0))
            .await
            .with_context(|| {
                format!(
                    "cannot listen on Docker's bridge ({}): is the Docker daemon on this machine?",
                    addresses.bridge
                )
            })?;
        if let Ok(credentials) =
            TcpListener::bind((addresses.credentials, api.local_addr()?.port())).await
        {
            return Ok((api, credentials));
        }
    }
    anyhow::bail!(
        "cannot listen on {}, the address of task credentials on docker0",
        addresses.credentials
    )
}
