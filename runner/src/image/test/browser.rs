//! Someone who visits the site through a load balancer: the site's prefix before every path, cookies kept.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request,
    header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The header in which the image tells what its page cache did.
pub(super) const CACHE: &str = "x-bbws-cache";
const PATIENCE: Duration = Duration::from_secs(40);
const REDIRECTS: usize = 5;

/// An answer began and did not end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(super) struct CutOff;

/// A visitor of one site, at one of its tasks. Every request has a connection of its own.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    /// The task that answers.
    pub(super) at: SocketAddr,
    authority: String,
    prefix: String,
    cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the answer is no JSON: {}", self.words()))
    }

    /// The answer, if it has this status.
    pub(super) fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "answered {}, not {status}: {}",
            self.status,
            self.words()
        );
        Ok(self)
    }

    /// Whether the text is in the page.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The beginning of what a person would read.
    fn words(&self) -> String {
        let text = self.text();
        let body = text.split_once("<body").map_or(&*text, |(_, body)| body);
        let mut inside = false;
        let words: String = body
            .chars()
            .filter(|&c| {
                inside = (inside || c == '<') && c != '>';
                !inside && c != '>'
            })
            .collect();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().take(300).collect()
    }
}

impl Browser {
    pub(super) fn new(at: SocketAddr, authority: &str, prefix: &str) -> Self {
        Self {
            at,
            authority: authority.to_owned(),
            prefix: prefix.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// The same person, answered by another task.
    pub(super) fn at(&self, at: SocketAddr) -> Self {
        Self { at, ..self.clone() }
    }

    /// Someone else: no cookies.
    pub(super) fn stranger(&self) -> Self {
        Self {
            cookies: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Takes a cookie from elsewhere.
    pub(super) fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.keys().map(String::as_str)
    }

    /// Sends one request; redirects are answers like others. A `host` among the headers replaces the site's.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(CONNECTION, "close");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header(HOST, &self.authority);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let answer = tokio::time::timeout(PATIENCE, exchange(self.at, request))
            .await
            .with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))
            .flatten()
            .with_context(|| format!("asking for {path}"))?;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            if let Some((name, value)) = text.split(';').next().and_then(|it| it.split_once('=')) {
                self.cookies
                    .insert(name.trim().to_owned(), value.to_owned());
            }
        }
    }

    /// One request without following a redirect.
    pub(super) async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], "").await
    }

    /// Opens a page, following redirects within the site.
    pub(super) async fn open(&mut self, path: &str) -> Result<Answer> {
        let answer = self.get(path).await?;
        self.follow(answer).await
    }

    async fn follow(&mut self, mut answer: Answer) -> Result<Answer> {
        let home = format!("http://{}", self.authority);
        for _ in 0..REDIRECTS {
            let Some(location) = answer.headers.get(LOCATION) else {
                return Ok(answer);
            };
            let location = location.to_str()?.to_owned();
            let Some(path) = location
                .strip_prefix(&home)
                .or_else(|| location.starts_with('/').then_some(location.as_str()))
            else {
                bail!("redirected away from the site, to {location}");
            };
            answer = self.get(path).await?;
        }
        bail!("too many redirects")
    }

    /// Sends a form, following redirects.
    pub(super) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let form = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        let answer = self
            .send(Method::POST, path, &form, pairs.join("&"))
            .await?;
        self.follow(answer).await
    }

    /// Logs in at `wp-login.php` as the form there does, and opens the dashboard.
    pub(super) async fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        self.open("/wp-login.php").await?.expect(200)?;
        let fields = [
            ("log", user),
            ("pwd", password),
            ("wp-submit", "Log In"),
            ("testcookie", "1"),
        ];
        let page = self.submit("/wp-login.php", &fields).await?.expect(200)?;
        ensure!(
            self.cookies()
                .any(|name| name.starts_with("wordpress_logged_in_")),
            "no cookie was set: {}",
            page.words()
        );
        let dashboard = self.open("/wp-admin/").await?.expect(200)?;
        ensure!(
            dashboard.shows("wpadminbar"),
            "no dashboard: {}",
            dashboard.words()
        );
        Ok(())
    }

    /// A request to WordPress's REST interface as whoever is logged in.
    pub(super) async fn rest(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let body = body.map_or(Bytes::new(), |body| body.to_string().into());
        self.rest_raw(method, path, &[("content-type", "application/json")], body)
            .await
    }

    /// The same with any content.
    pub(super) async fn rest_raw(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer> {
        let nonce = self
            .open("/wp-admin/admin-ajax.php?action=rest-nonce")
            .await?
            .expect(200)?
            .text();
        let mut headers = headers.to_vec();
        headers.push(("x-wp-nonce", nonce.as_str()));
        self.send(method, &format!("/wp-json{path}"), &headers, body)
            .await
    }

    /// Creates something through the REST interface; what WordPress says of it.
    pub(super) async fn create(&mut self, path: &str, body: &Value) -> Result<Value> {
        let made = self.rest(Method::POST, path, Some(body)).await?;
        made.expect(201)?.json()
    }
}

/// One request over a connection of its own.
async fn exchange(at: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer> {
    let stream = TcpStream::connect(at).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        anyhow::Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.context(CutOff)?.to_bytes(),
        })
    };
    // The connection's own end tells why there is no answer; with `Connection: close` it also comes after one.
    let (answer, connection) = tokio::join!(answer, connection);
    match (answer, connection) {
        (Err(error), Err(reason)) => Err(error.context(reason.to_string())),
        (answer, _) => answer,
    }
}

/// Percent-encoding for forms: everything but what RFC 3986 calls unreserved.
fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
