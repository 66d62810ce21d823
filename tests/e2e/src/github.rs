//! A GitHub that holds one repository in memory and speaks the REST API's shapes, as far as `bbws` uses them: it refuses what
//! GitHub refuses, pages as GitHub pages, and can limit rates. <https://docs.github.com/en/rest>

mod rest;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Bbws, Fleet};

/// The repository.
pub const REPOSITORY: &str = "acme-hosting/fleet";
/// The only token that is let in.
const TOKEN: &str = "ghs_of-the-story";
/// As an Enterprise server has it.
const PREFIX: &str = "/api/v3";

/// What the repository holds besides code. All values have the shape of GitHub's answers.
#[derive(Debug, Default)]
pub struct Repository {
    /// Issues and pull requests, by number.
    pub issues: BTreeMap<u64, Value>,
    /// Comments, by id.
    pub comments: BTreeMap<u64, Value>,
    /// Check runs, by id, with all their annotations.
    pub check_runs: BTreeMap<u64, Value>,
    /// Pull requests, by the commit that merged them.
    pub pulls: BTreeMap<String, Value>,
    /// Deployments, by id, each with its `statuses`.
    pub deployments: BTreeMap<u64, Value>,
    /// Method and path of every request, and the status that it was answered with.
    pub requests: Vec<(String, u16)>,
    /// Answers for the next requests: a status, and headers.
    pub limits: Vec<(u16, Vec<(&'static str, String)>)>,
    /// Files that releases offer, by path below the repository's page.
    pub downloads: BTreeMap<String, Vec<u8>>,
    /// Files of the default branch, by path.
    pub files: BTreeMap<String, String>,
    /// Branches beside the default one: name and commit.
    pub branches: BTreeMap<String, String>,
    /// Trees and commits, by SHA, as they were made.
    pub objects: BTreeMap<String, Value>,
    /// Pull requests that were opened by the API, by number.
    pub opened: BTreeMap<u64, Value>,
    last_id: u64,
}

impl Repository {
    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The comments of an issue, oldest first.
    #[must_use]
    pub fn comments_of(&self, issue: u64) -> Vec<&Value> {
        let comments = self.comments.values();
        comments
            .filter(|comment| comment["issue"] == issue)
            .collect()
    }

    /// The names of an issue's labels.
    #[must_use]
    pub fn labels_of(&self, issue: u64) -> Vec<&str> {
        let labels = self
            .issues
            .get(&issue)
            .and_then(|issue| issue["labels"].as_array());
        let labels = labels.into_iter().flatten();
        labels.filter_map(|label| label["name"].as_str()).collect()
    }

    /// Opens a pull request of a head commit.
    pub fn open_pull_request(&mut self, title: &str, head: &str) -> u64 {
        let number = self.id();
        let issue = serde_json::json!({
            "number": number, "title": title, "body": null, "state": "open", "labels": [],
            "user": {"login": "ada", "type": "User"}, "pull_request": {}, "head": {"sha": head},
        });
        self.issues.insert(number, issue);
        number
    }

    /// Merges it as `commit`.
    pub fn merge(&mut self, number: u64, commit: &str) {
        let head = self.issues[&number]["head"].clone();
        let pull = serde_json::json!({
            "number": number, "state": "closed", "merged_at": "2026-11-26T12:00:00Z",
            "merge_commit_sha": commit, "head": head,
        });
        self.pulls.insert(commit.to_owned(), pull);
    }
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub struct Github {
    repository: Arc<Mutex<Repository>>,
    port: u16,
    server: JoinHandle<()>,
}

impl Github {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// The system's.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let repository = Arc::new(Mutex::new(Repository::default()));
        let state = Arc::clone(&repository);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self {
            repository,
            port,
            server,
        })
    }

    /// What it holds.
    pub fn repository(&self) -> MutexGuard<'_, Repository> {
        self.repository
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a checkout the action that installs `bbws`, and publishes the release that it pins.
    ///
    /// # Errors
    /// The file system's.
    pub fn release(&self, bbws: &Bbws, checkout: &Fleet) -> Result<()> {
        let action = ".github/actions/bbws/action.yml";
        checkout.put(action, &std::fs::read(crate::repository(action))?)?;
        // A release's archive holds the program itself; this one's calls the one that was built.
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", bbws.binary().display());
        let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(packed);
        let mut header = tar::Header::new_gnu();
        header.set_size(script.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, "bbws", script.as_bytes())?;
        let archive = archive.into_inner()?.finish()?;
        let pin = format!("v1.0.0 {}\n", hex::encode(Sha256::digest(&archive)));
        checkout.put(".github/bbws.version", pin.as_bytes())?;
        let path = "releases/download/v1.0.0/bbws-x86_64-linux.tar.gz".to_owned();
        self.repository().downloads.insert(path, archive);
        Ok(())
    }

    /// What a workflow's step finds in its environment.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        let server = format!("http://127.0.0.1:{}", self.port);
        BTreeMap::from([
            ("GITHUB_API_URL", format!("{server}{PREFIX}")),
            ("GITHUB_SERVER_URL", server),
            ("GITHUB_REPOSITORY", REPOSITORY.to_owned()),
            ("GITHUB_RUN_ID", "4711".to_owned()),
            ("GITHUB_ACTOR", "ada".to_owned()),
            ("GITHUB_TOKEN", TOKEN.to_owned()),
        ])
    }
}

impl Drop for Github {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    state: Arc<Mutex<Repository>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let mut repository = state.lock().unwrap_or_else(PoisonError::into_inner);
    let download = path
        .strip_prefix(&format!("/{REPOSITORY}/"))
        .and_then(|path| repository.downloads.get(path).cloned());
    if let Some(file) = download {
        return Ok(Response::new(Full::new(file.into())));
    }
    if path == "/id-token" {
        let token = serde_json::json!({"value": "a.token.of-the-story"});
        return Ok(response(200, &[], &token));
    }
    let named = format!("{} {}", parts.method, path.trim_start_matches(PREFIX));
    let allowed = parts.headers.get("authorization");
    let allowed =
        allowed.is_some_and(|given| given.as_bytes() == format!("Bearer {TOKEN}").as_bytes());
    let (status, headers, value) = if !allowed || !path.starts_with(PREFIX) {
        (401, Vec::new(), message("Bad credentials"))
    } else if !repository.limits.is_empty() {
        let (status, headers) = repository.limits.remove(0);
        (status, headers, message("You have exceeded a rate limit."))
    } else {
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default();
        let route = path.trim_start_matches(PREFIX);
        let (status, value) = rest::answer(
            &mut repository,
            parts.method.as_str(),
            (route, query),
            &body,
        );
        (status, Vec::new(), value)
    };
    repository.requests.push((named, status));
    Ok(response(status, &headers, &value))
}

fn message(text: &str) -> Value {
    serde_json::json!({"message": text})
}

fn response(
    status: u16,
    headers: &[(&'static str, String)],
    value: &Value,
) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8");
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    let body = if status == 204 {
        String::new()
    } else {
        value.to_string()
    };
    builder
        .body(Full::new(body.into()))
        .unwrap_or_else(|_| Response::new(Full::default()))
}
