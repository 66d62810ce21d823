//! The AWS endpoint: identifies, records, spoils where asked, and sends on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::{Request, Response};
use time::OffsetDateTime;
use time::macros::format_description;

use super::errors::{Refusal, answer};
use super::fault::Kind;
use super::operation::{self, Operation};
use super::record::{self, Origin};
use super::serve::{Body, Error, full};
use super::upstream::{answered, streamed};
use super::{Shared, registry};

/// Services that MiniStack does not have and moto has, by signing name.
const SPARE: [&str; 2] = ["application-autoscaling", "ce"];

pub(crate) async fn handle(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Error> {
    let (parts, body) = request.into_parts();
    // Only form bodies are needed to tell the operation; the rest, uploads above all, is streamed.
    let (head, body) = if operation::needs_body(&parts.headers) {
        let content = body.collect().await?.to_bytes();
        (content.clone(), full(content))
    } else {
        (Bytes::new(), body.map_err(Error::from).boxed())
    };
    let (path, query) = (
        parts.uri.path().to_owned(),
        parts.uri.query().unwrap_or_default().to_owned(),
    );
    let found = operation::identify(
        parts.method.as_str(),
        &path,
        &query,
        &parts.headers,
        &head,
        &shared.sessions,
    );
    let request = Request::from_parts(parts, body);
    let Some(operation) = found else {
        return metadata(&shared, request, &path).await;
    };
    let agent = request
        .headers()
        .get("user-agent")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let record = shared
        .recorder
        .arrived(&operation, &path, Origin::of(peer.ip()), agent);
    // Dropped with this future when the client goes away: the record still ends.
    let mut pending = Pending {
        shared: Arc::clone(&shared),
        record: Some(record),
        began: Instant::now(),
    };
    shared.gates.enter(pending.request()).await;
    let fault = shared.faults.decide(pending.request());
    pending.request().fault = fault.as_ref().map(Kind::name);
    let outcome = spoil(&shared, &operation, fault, request).await;
    pending.request().status = outcome
        .as_ref()
        .ok()
        .map(|response| response.status().as_u16());
    shared.gates.leave(pending.request()).await;
    pending.end();
    outcome
}

/// A request whose end is recorded however it ends.
struct Pending {
    shared: Arc<Shared>,
    record: Option<record::Request>,
    began: Instant,
}

impl Pending {
    fn request(&mut self) -> &mut record::Request {
        // Taken by `end` alone, which comes last.
        self.record
            .as_mut()
            .unwrap_or_else(|| unreachable!("the request has ended"))
    }

    fn end(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.seconds = Some(self.began.elapsed().as_secs_f64());
            self.shared.recorder.ended(record);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end();
    }
}

async fn spoil(
    shared: &Arc<Shared>,
    operation: &Operation,
    fault: Option<Kind>,
    request: Request<Body>,
) -> Result<Response<Body>, Error> {
    match fault {
        Some(Kind::Throttle) => answer(Refusal::Throttled, operation),
        Some(Kind::AccessDenied) => answer(Refusal::Denied, operation),
        Some(Kind::ServerError(status)) => answer(Refusal::Failed(status), operation),
        Some(Kind::Hang) => std::future::pending().await,
        Some(Kind::DropBefore) => Err("dropped before AWS handled it, by a fault rule".into()),
        Some(Kind::DropAfter) => {
            forward(shared, operation, request).await?;
            Err("dropped after AWS handled it, by a fault rule".into())
        }
        Some(Kind::Delay(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            forward(shared, operation, request).await
        }
        Some(Kind::Clock(seconds)) => {
            let mut response = forward(shared, operation, request).await?;
            response.headers_mut().insert(DATE, date(seconds)?);
            Ok(response)
        }
        None => forward(shared, operation, request).await,
    }
}

/// So many seconds from now, as HTTP writes it (RFC 9110, 5.6.7).
fn date(seconds: i64) -> Result<HeaderValue, Error> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    Ok(date.format(format)?.parse()?)
}

async fn forward(
    shared: &Arc<Shared>,
    operation: &Operation,
    mut request: Request<Body>,
) -> Result<Response<Body>, Error> {
    if SPARE.contains(&operation.service.as_str()) {
        request
            .headers_mut()
            .insert("x-moto-account-id", operation.account.parse()?);
        return answered(shared.upstream.send(shared.addresses.moto, request).await?).await;
    }
    if operation.service == "servicequotas" {
        return shared.quotas.answer(operation, request).await;
    }
    if operation.name == "ListRestoreJobsByProtectedResource" {
        let asked = request.uri();
        let query = asked.query().unwrap_or_default();
        return shared.restores.answer(asked.path(), query);
    }
    let response = shared
        .upstream
        .send(shared.addresses.ministack, request)
        .await?;
    match (operation.service.as_str(), operation.name.as_str()) {
        ("ecr", "GetAuthorizationToken") if response.status().is_success() => {
            registry::with_loopback_endpoint(shared, operation, response).await
        }
        ("ecr", "GetDownloadUrlForLayer") if response.status().is_success() => {
            registry::with_loopback_download(shared, operation, response).await
        }
        ("sts", name) if name.starts_with("AssumeRole") => learnt(shared, response).await,
        _ => answered(response).await,
    }
}

/// Remembers whose account the credentials in the answer are.
async fn learnt(shared: &Shared, response: Response<Incoming>) -> Result<Response<Body>, Error> {
    let (parts, body) = response.into_parts();
    let content = body.collect().await?.to_bytes();
    shared.sessions.learn(&String::from_utf8_lossy(&content));
    Ok(Response::from_parts(parts, full(content)))
}

/// What is not signed: the container metadata and credentials endpoints, and pages of the emulator itself.
async fn metadata(
    shared: &Shared,
    request: Request<Body>,
    path: &str,
) -> Result<Response<Body>, Error> {
    let response = shared
        .upstream
        .send(shared.addresses.ministack, request)
        .await?;
    if path.starts_with("/v2/credentials/") {
        learnt(shared, response).await
    } else {
        Ok(streamed(response))
    }
}
