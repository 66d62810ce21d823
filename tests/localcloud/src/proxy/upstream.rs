//! Sending requests on to the emulators.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::http::{HeaderMap, HeaderName, uri};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::serve::{Body, Error, full};

/// Headers of one connection, not of the message. `host` stays: signatures and routing depend on it.
/// RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 5] = [
    hyper::header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    hyper::header::TRANSFER_ENCODING,
    hyper::header::UPGRADE,
];

/// A pool of connections to the emulators.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Body>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Below the emulators' own 75 s, so that no request meets a connection that just closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .set_host(false)
            .build(connector);
        Self { pool }
    }

    /// Sends the request to `address`, body and answer streamed.
    pub(crate) async fn send(
        &self,
        address: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        let path = request
            .uri()
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| uri::PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::builder()
            .scheme("http")
            .authority(address.to_string())
            .path_and_query(path)
            .build()?;
        strip(request.headers_mut());
        Ok(self.pool.request(request).await?)
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Bytes of a body that is not streamed.
const SMALL: u64 = 64 << 10;

/// The answer. A small body leaves with its head in one piece: where MiniStack sends them apart and the head arrives alone, Terraform's
/// AWS provider closes the connection at once and asks again; what it had created is there already then.
pub(crate) async fn answered(response: Response<Incoming>) -> Result<Response<Body>, Error> {
    let most = response.body().size_hint().upper();
    if most.is_none_or(|most| most > SMALL) {
        return Ok(streamed(response));
    }
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    let content = body.collect().await?.to_bytes();
    Ok(Response::from_parts(parts, full(content)))
}

/// The answer with its body streamed.
pub(crate) fn streamed(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    Response::from_parts(parts, body.map_err(Error::from).boxed())
}
