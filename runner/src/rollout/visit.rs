//! Asking a site for a page as its visitors do, through DNS, edge and load balancer.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::USER_AGENT;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// A page that takes longer is as good as none: what CloudFront waits for an origin by default.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a page, in bytes; an answer without an end must not fill the memory.
const LARGEST: usize = 16 << 20;

/// Asks for pages. Redirects are not followed: they are an answer.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>,
}

impl Visitor {
    /// Trusts what the machine trusts.
    ///
    /// # Errors
    /// The machine has no trusted certificates.
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut http = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        http.enforce_http(false);
        http.set_connect_timeout(Some(Duration::from_secs(5)));
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { client })
    }

    /// The status of `url`'s whole answer, or why there is none.
    pub(crate) async fn status(&self, url: &str) -> Result<u16, String> {
        let ask = async {
            let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
            let request = Request::get(uri)
                .header(USER_AGENT, concat!("bbws/", env!("CARGO_PKG_VERSION")))
                .body(Empty::new())
                .map_err(|error| error.to_string())?;
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| causes(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map_err(|error| format!("the answer broke off: {error}"))?;
            Ok(status)
        };
        tokio::time::timeout(PATIENCE, ask)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = all.map(ToString::to_string).collect();
    texts.join(": ")
}

/// The system's resolver, but for `localhost` and all names below it, which are this machine whatever the system's
/// resolver knows of them (RFC 6761, section 6.3; browsers do the same).
#[derive(Clone, Debug)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if name.as_str() == "localhost" || name.as_str().ends_with(".localhost") {
            let here = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
            return Box::pin(std::future::ready(Ok(here.into_iter())));
        }
        let found = self.0.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}
