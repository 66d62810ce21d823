//! Plain HTTP to the local cloud.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A page that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(20);

/// The status of a page of the edge. `host` chooses the site, as a browser would say it.
pub(crate) async fn page_status(port: u16, host: &str) -> Result<u16> {
    let request = Request::builder()
        .uri(format!("http://127.0.0.1:{port}/"))
        .header("host", format!("{host}:{port}"))
        .body(Full::default())?;
    Ok(send(request).await?.status().as_u16())
}

/// Calls a JSON 1.1 operation of AWS on a local cloud that evaluates no signatures (the scope in the header chooses
/// account and region): this program would need the AWS SDK otherwise, and be minutes later.
pub(crate) async fn aws_json(
    endpoint: &str,
    account: &str,
    target: &str,
    body: &Value,
) -> Result<Value> {
    let service = if target.starts_with("secretsmanager") {
        "secretsmanager"
    } else {
        "ecs"
    };
    let scope = format!("{account}/20200101/af-south-1/{service}/aws4_request");
    let request = Request::builder()
        .method(Method::POST)
        .uri(endpoint)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"),
        )
        .header("user-agent", USER_AGENT)
        .body(Full::from(body.to_string()))?;
    let answer = send(request).await?;
    if answer.status() != 200 {
        bail!(
            "{target} was answered with {}: {}",
            answer.status(),
            String::from_utf8_lossy(answer.body())
        );
    }
    serde_json::from_slice(answer.body())
        .with_context(|| format!("{target} was not answered with JSON"))
}

/// Tells this program's requests from those of `bbws` in the record.
pub(crate) const USER_AGENT: &str = "bbws-xtask";

/// One request with its whole answer; redirects are answers like others.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let whole = async {
        let (parts, body) = client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        anyhow::Ok(Response::from_parts(parts, body))
    };
    tokio::time::timeout(PATIENCE, whole)
        .await
        .context("no answer in time")?
}
