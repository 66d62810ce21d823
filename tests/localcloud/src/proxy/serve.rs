//! Accepting connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Shared;

/// A body that is streamed or complete.
pub(crate) type Body = BoxBody<Bytes, Error>;
/// A handler's failure closes the connection without an answer: that is how dropped connections are made.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A complete body.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into())
        .map_err(|never: Infallible| match never {})
        .boxed()
}

/// A JSON answer.
pub(crate) fn json(status: u16, value: &impl serde::Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_vec(value)?;
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(full(body))?)
}

/// Serves until aborted; connections end with it. With `tls`, connections begin with a handshake.
pub(crate) async fn serve<H, F>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    handle: H,
) where
    H: Fn(Arc<Shared>, SocketAddr, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
{
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let (shared, handle) = (Arc::clone(&shared), handle.clone());
                let service = service_fn(move |request| handle(Arc::clone(&shared), peer, request));
                let tls = tls.clone();
                connections.spawn(async move {
                    let mut http = hyper::server::conn::http1::Builder::new();
                    http.timer(TokioTimer::new());
                    // An error here is the client's or a fault's: there is nobody to tell.
                    let _ = match tls {
                        None => http.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            http.serve_connection(TokioIo::new(stream), service).await
                        }
                    };
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
