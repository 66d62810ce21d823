//! Docker's way to ECR: one loopback port for each account and region. Docker talks plain HTTP to loopback, and MiniStack
//! tells registries apart by Host.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Shared;
use super::operation::Operation;
use super::serve::{Body, Error, full, serve};
use super::upstream::streamed;

/// The registries opened so far.
#[derive(Debug, Default)]
pub(crate) struct Registries {
    inner: Mutex<Open>,
}

/// Ports by (account, region), and what serves them.
#[derive(Debug, Default)]
struct Open {
    ports: HashMap<(String, String), u16>,
    listeners: JoinSet<()>,
}

impl Registries {
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.lock().ports.values().copied().collect()
    }

    /// The port of an account's registry in a region; opened on first use.
    pub(crate) fn port(
        &self,
        shared: &Arc<Shared>,
        account: &str,
        region: &str,
    ) -> Result<u16, Error> {
        let Open { ports, listeners } = &mut *self.lock();
        if let Some(port) = ports.get(&(account.to_owned(), region.to_owned())) {
            return Ok(*port);
        }
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let host = format!("{account}.dkr.ecr.{region}.amazonaws.com");
        let handle = move |shared: Arc<Shared>, _: SocketAddr, request: Request<Incoming>| {
            forward(shared, host.clone(), request)
        };
        listeners.spawn(serve(
            TcpListener::from_std(listener)?,
            None,
            Arc::clone(shared),
            handle,
        ));
        ports.insert((account.to_owned(), region.to_owned()), port);
        Ok(port)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn forward(
    shared: Arc<Shared>,
    host: String,
    request: Request<Incoming>,
) -> Result<Response<Body>, Error> {
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("host", host.parse()?);
    let request = Request::from_parts(parts, body.map_err(Error::from).boxed());
    Ok(streamed(
        shared
            .upstream
            .send(shared.addresses.ministack, request)
            .await?,
    ))
}

/// The answer of GetDownloadUrlForLayer with an address that is there.
pub(crate) async fn with_loopback_download(
    shared: &Arc<Shared>,
    operation: &Operation,
    response: Response<Incoming>,
) -> Result<Response<Body>, Error> {
    let (mut parts, body) = response.into_parts();
    let mut answer: serde_json::Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    let port = shared
        .registries
        .port(shared, &operation.account, &operation.region)?;
    let url = answer["downloadUrl"].as_str().unwrap_or_default();
    answer["downloadUrl"] = url
        .replacen("https://registry", &format!("http://127.0.0.1:{port}"), 1)
        .into();
    parts.headers.remove("content-length");
    Ok(Response::from_parts(parts, full(answer.to_string())))
}

/// The answer of GetAuthorizationToken with the endpoint where Docker finds the registry.
pub(crate) async fn with_loopback_endpoint(
    shared: &Arc<Shared>,
    operation: &Operation,
    response: Response<Incoming>,
) -> Result<Response<Body>, Error> {
    let (mut parts, body) = response.into_parts();
    let mut answer: serde_json::Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    let port = shared
        .registries
        .port(shared, &operation.account, &operation.region)?;
    for data in answer["authorizationData"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        data["proxyEndpoint"] = format!("http://127.0.0.1:{port}").into();
    }
    parts.headers.remove("content-length");
    Ok(Response::from_parts(parts, full(answer.to_string())))
}
