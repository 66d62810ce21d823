//! The edge's certificate, where it speaks TLS: a new authority for each cloud, trusted by whoever is told of it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::options::Options;
use crate::python::Python;

/// File of the authority's certificate in the cloud's directory.
pub(crate) const AUTHORITY: &str = "edge-authority.pem";
const CERTIFICATE: &str = "edge.pem";
const KEY: &str = "edge.key";

/// Makes the certificate for the sites of all environments.
pub(crate) async fn acceptor(
    python: &Python,
    directory: &Path,
    options: &Options,
) -> Result<TlsAcceptor> {
    let names = options
        .accounts
        .iter()
        .map(|account| format!("*.{}.localhost", account.environment));
    let output = python
        .module("edge_certificate")
        .args([AUTHORITY, CERTIFICATE, KEY].map(|name| directory.join(name)))
        .args(names)
        .stdin(Stdio::null())
        .output()
        .await?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("the edge's certificate cannot be made: {errors}");
    }
    let chain = CertificateDer::pem_file_iter(directory.join(CERTIFICATE))?;
    let chain = chain.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(directory.join(KEY))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the edge's certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
