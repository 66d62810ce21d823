//! The edge on loopback: `http://<site>.<environment>.localhost:<port>/` reaches the distribution with that alias, through
//! MiniStack's CloudFront. Bodies are streamed; Host stays as the viewer sent it.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::http::HeaderValue;
use hyper::{Request, Response};

use super::Shared;
use super::serve::{Body, Error, full};
use super::upstream::streamed;

/// Headers that only the edge itself may set; a viewer's are not believed.
const EDGE_ONLY: [&str; 4] = [
    "x-forwarded-proto",
    "x-forwarded-port",
    "cloudfront-forwarded-proto",
    "x-amz-cf-id",
];

pub(crate) async fn handle(
    shared: Arc<Shared>,
    _peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Error> {
    let (mut parts, body) = request.into_parts();
    for name in EDGE_ONLY {
        parts.headers.remove(name);
    }
    // Tells the launcher that this is a viewer, whatever its Host.
    parts
        .headers
        .insert("x-bbws-viewer", HeaderValue::from_static("1"));
    if shared.viewer_tls {
        parts
            .headers
            .insert("x-forwarded-proto", HeaderValue::from_static("https"));
    }
    let request = Request::from_parts(parts, body.map_err(Error::from).boxed());
    match shared
        .upstream
        .send(shared.addresses.ministack, request)
        .await
    {
        Ok(response) => Ok(streamed(response)),
        Err(error) => {
            let page = format!(
                "The local cloud's edge does not answer: {error}\nIs it still starting? See `localcloud status`.\n"
            );
            Ok(Response::builder()
                .status(502)
                .header("content-type", "text/plain")
                .body(full(page))?)
        }
    }
}
