//! What a cloud leaves on disk about itself, so that others find it and clean up after it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::options::Options;
use crate::process::Identity;
use crate::{paths, tls};

/// A cloud as its `state.json` tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// What it was started with.
    pub options: Options,
    /// Its identity on the machine, the value of its Docker label.
    pub identity: String,
    /// Its own directory: logs, file systems, this file.
    pub directory: PathBuf,
    /// Docker's bridge address, on which containers reach the proxy.
    pub bridge: Ipv4Addr,
    /// `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// The proxy's control interface, on loopback.
    pub control: String,
    /// Where DNS is asked, on loopback: `127.0.0.1:<port>`.
    #[serde(default)]
    pub resolver: String,
    /// The edge, on loopback.
    pub viewer_port: u16,
    /// Emulators, and the owner itself.
    pub processes: Vec<Identity>,
    /// Loopback ports that Docker knows as registries.
    pub registry_ports: Vec<u16>,
    /// Whether everything is up and seeded.
    pub ready: bool,
}

impl State {
    fn file(directory: &Path) -> PathBuf {
        directory.join("state.json")
    }

    /// Reads a cloud's state; None when there is none (yet).
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let file = Self::file(directory);
        match std::fs::read(&file) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("cannot read {}", file.display())
                })?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self) -> Result<()> {
        let file = Self::file(&self.directory);
        let temporary = file.with_extension("new");
        std::fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&temporary, &file)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// The certificate authority of the edge, where it speaks TLS.
    #[must_use]
    pub fn edge_authority(&self) -> Option<PathBuf> {
        let file = self.directory.join(tls::AUTHORITY);
        self.options.viewer_tls.then_some(file)
    }

    /// What an AWS client needs to act as the root of an environment's account.
    #[must_use]
    pub fn environment(&self, environment: &str) -> Option<BTreeMap<&'static str, String>> {
        let account = self
            .options
            .accounts
            .iter()
            .find(|account| account.environment == environment)?;
        Some(BTreeMap::from([
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", account.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", Options::SECRET_KEY.to_owned()),
            ("AWS_REGION", "af-south-1".to_owned()),
            ("BBWS_RESOLVER", self.resolver.clone()),
        ]))
    }
}

/// The directory of a cloud, held by a lock that its owner's death releases.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) directory: PathBuf,
    _lock: File,
}

impl Claim {
    /// Takes the directory; None while a living cloud holds it.
    pub(crate) fn take(directory: PathBuf) -> Result<Option<Self>> {
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                directory,
                _lock: lock,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Takes the directory of a name.
    pub(crate) fn of(name: &str) -> Result<Option<Self>> {
        Self::take(directory(name)?)
    }
}

/// The directory of the cloud of this name.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    {
        bail!("a cloud's name has small letters and digits only: {name:?}");
    }
    Ok(paths::clouds()?.join(name))
}
