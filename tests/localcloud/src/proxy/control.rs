//! The control interface on loopback, for a cloud that runs in another process:
//! `GET /_bbws/requests` (all records), `DELETE /_bbws/requests`, `POST /_bbws/faults` (one rule), `DELETE /_bbws/faults`,
//! `GET /_bbws/registry?account=&region=` (where Docker finds an ECR).

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::Shared;
use super::fault::Rule;
use super::serve::{Body, Error, json};

pub(crate) async fn handle(
    shared: Arc<Shared>,
    _peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Error> {
    let done = serde_json::json!({"done": true});
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/_bbws/requests") => json(200, &shared.recorder.all()),
        ("DELETE", "/_bbws/requests") => {
            shared.recorder.clear();
            json(200, &done)
        }
        ("POST", "/_bbws/faults") => {
            let body = request.into_body().collect().await?.to_bytes();
            match serde_json::from_slice::<Rule>(&body) {
                Ok(rule) => {
                    shared.faults.add(rule);
                    json(200, &done)
                }
                Err(error) => json(400, &serde_json::json!({"error": error.to_string()})),
            }
        }
        ("DELETE", "/_bbws/faults") => {
            shared.faults.reset(0);
            json(200, &done)
        }
        ("GET", "/_bbws/registry") => {
            let query = request.uri().query().unwrap_or_default();
            let value = |name: &str| {
                query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            };
            match (value("account"), value("region")) {
                (Some(account), Some(region)) => {
                    let port = shared.registries.port(&shared, account, region)?;
                    json(
                        200,
                        &serde_json::json!({"address": format!("127.0.0.1:{port}")}),
                    )
                }
                _ => json(
                    400,
                    &serde_json::json!({"error": "account and region are required"}),
                ),
            }
        }
        _ => json(404, &serde_json::json!({"error": "no such control"})),
    }
}
