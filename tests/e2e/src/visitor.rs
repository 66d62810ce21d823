//! A person at a browser without the browser: requests to the edge by host name, cookies kept, redirects followed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const REDIRECTS: usize = 5;

/// Someone who visits one site. Cookies stay with the visitor.
#[derive(Debug, Clone)]
pub struct Visitor {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Content.
    pub body: Bytes,
}

impl Page {
    /// The content as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Expects this status.
    ///
    /// # Errors
    /// Another one; the error holds the page.
    pub fn expect_status(self, status: u16) -> Result<Self> {
        if self.status != status {
            bail!(
                "should answer {status}, not {}: {:?}\n{:.3000}",
                self.status,
                self.headers,
                self.text()
            );
        }
        Ok(self)
    }
}

/// What requests go through.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Visitor {
    /// Of `http://<host>:<port>/`, whatever the resolver says of the host.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            tls: None,
            cookies: BTreeMap::new(),
        }
    }

    /// The same by TLS, trusting this authority alone.
    ///
    /// # Errors
    /// The file holds no certificate.
    pub fn over_tls(mut self, authority: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority)?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(Arc::new(config));
        Ok(self)
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.authority())
    }

    /// Host, and port where it is not the scheme's own.
    fn authority(&self) -> String {
        match (self.port, &self.tls) {
            (443, Some(_)) | (80, None) => self.host.clone(),
            (port, _) => format!("{}:{port}", self.host),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.host.clone())?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        Ok(Box::new(stream.await?))
    }

    /// Opens a path, following redirects.
    ///
    /// # Errors
    /// No answer, or redirects without end or to somewhere else.
    pub async fn get(&mut self, path: &str) -> Result<Page> {
        let page = self.send(Method::GET, path, &[], Bytes::new()).await?;
        self.follow(page).await
    }

    /// Sends a form, following redirects.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let form = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        let page = self
            .send(Method::POST, path, &form, pairs.join("&").into())
            .await?;
        self.follow(page).await
    }

    /// Sends one request; redirects are answers like others.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Page> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.authority());
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
        let exchange = async {
            let response = sender.send_request(request.body(Full::new(body))?).await?;
            let (parts, body) = response.into_parts();
            anyhow::Ok(Page {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.collect().await?.to_bytes(),
            })
        };
        let page = tokio::select! {
            page = exchange => page?,
            ended = connection => bail!("the connection ended without an answer: {ended:?}"),
        };
        self.keep_cookies(&page);
        Ok(page)
    }

    fn keep_cookies(&mut self, page: &Page) {
        for cookie in page.headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            if let Some((name, value)) =
                text.split(';').next().and_then(|pair| pair.split_once('='))
            {
                self.cookies
                    .insert(name.trim().to_owned(), value.to_owned());
            }
        }
    }

    async fn follow(&mut self, mut page: Page) -> Result<Page> {
        let own = self.url("");
        for _ in 0..REDIRECTS {
            let Some(location) = page.headers.get(LOCATION) else {
                return Ok(page);
            };
            let location = location.to_str()?.to_owned();
            let path = if location.starts_with('/') {
                Some(location.as_str())
            } else {
                location.strip_prefix(&own)
            };
            let path = path.with_context(|| format!("redirected away from {own} to {location}"))?;
            page = self.send(Method::GET, path, &[], Bytes::new()).await?;
        }
        bail!("too many redirects")
    }

    /// Logs in at `wp-login.php`; returns the dashboard.
    ///
    /// # Errors
    /// The login is refused.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Result<Page> {
        self.get("/wp-login.php").await?.expect_status(200)?;
        let fields = [
            ("log", user),
            ("pwd", password),
            ("wp-submit", "Log In"),
            ("testcookie", "1"),
        ];
        let page = self
            .submit("/wp-login.php", &fields)
            .await?
            .expect_status(200)?;
        if !page.text().contains("wp-admin-bar") && !page.text().contains("wpadminbar") {
            bail!("{user} is not logged in: {:.3000}", page.text());
        }
        Ok(page)
    }

    /// Uploads an image to the media library, as someone logged in; returns the path that it is served at.
    ///
    /// # Errors
    /// WordPress refuses.
    pub async fn upload(&mut self, name: &str, image: &[u8]) -> Result<String> {
        let disposition = format!("attachment; filename=\"{name}\"");
        let headers = [
            ("content-type", "image/png"),
            ("content-disposition", disposition.as_str()),
        ];
        let made = self
            .create("media", &headers, Bytes::copy_from_slice(image))
            .await?;
        let url = made["source_url"]
            .as_str()
            .context("the upload has no URL")?;
        let path = url
            .strip_prefix(&self.url(""))
            .with_context(|| format!("{url} is not on this site"))?;
        Ok(path.to_owned())
    }

    /// Publishes a post, as someone logged in.
    ///
    /// # Errors
    /// WordPress refuses.
    pub async fn publish(&mut self, title: &str) -> Result<()> {
        let post = serde_json::json!({ "title": title, "content": title, "status": "publish" });
        self.create(
            "posts",
            &[("content-type", "application/json")],
            post.to_string().into(),
        )
        .await
        .map(drop)
    }

    /// Creates something through WordPress's REST interface, as someone logged in: `posts`, `media`, `users`.
    ///
    /// # Errors
    /// WordPress refuses.
    pub async fn create(
        &mut self,
        what: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<serde_json::Value> {
        let nonce = self
            .get("/wp-admin/admin-ajax.php?action=rest-nonce")
            .await?
            .expect_status(200)?
            .text();
        let headers: Vec<_> = headers
            .iter()
            .copied()
            .chain([("x-wp-nonce", nonce.as_str())])
            .collect();
        let made = self
            .send(
                Method::POST,
                &format!("/wp-json/wp/v2/{what}"),
                &headers,
                body,
            )
            .await?;
        Ok(serde_json::from_slice(&made.expect_status(201)?.body)?)
    }
}

/// Percent-encoding for forms: everything but what RFC 3986 calls unreserved.
fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if keep(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}
