//! Requests to one repository's REST API: paced, repeated where GitHub says so, page by page.

use super::retry;
use http_body_util::BodyExt;
use hyper::{Method, Request, StatusCode};
use octocrab::Octocrab;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Between two requests that change something, as GitHub asks for.
const PACE: Duration = Duration::from_secs(1);
/// No wait ends later than this after the first request: a job of a workflow should not sleep for an hour.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// The largest page.
const PAGE: usize = 100;

/// Why something at GitHub was not done.
#[derive(Debug, thiserror::Error)]
pub enum GithubError {
    /// The process lacks what workflows have.
    #[error("{0} is not set; in a workflow it is")]
    Missing(&'static str),
    /// Not what the variable should hold.
    #[error("{0} is {1:?}, which cannot be used")]
    Unusable(&'static str, String),
    /// GitHub did not answer, or not with JSON.
    #[error("{request} failed: {reason}")]
    Unanswered {
        /// Method and path.
        request: String,
        /// The connection's or the parser's.
        reason: String,
    },
    /// GitHub refused.
    #[error("{request} was answered with {status}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP's.
        status: u16,
        /// GitHub's words.
        message: String,
    },
    /// A limit that lasts too long to be waited for.
    #[error("{request} is limited for another {} s", wait.as_secs())]
    Limited {
        /// Method and path.
        request: String,
        /// As GitHub told.
        wait: Duration,
    },
    /// A file that is not what the default branch holds.
    #[error("{0} is not what the default branch holds: bring the checkout up to date, and repeat")]
    Stale(String),
    /// A file that is read or written.
    #[error("{file}: {reason}")]
    File {
        /// Its path.
        file: String,
        /// Why.
        reason: String,
    },
}

/// One repository.
#[derive(Debug)]
pub struct Client {
    octocrab: Octocrab,
    repository: String,
    began: Instant,
    last_write: Mutex<Option<Instant>>,
}

impl Client {
    /// The repository of the workflow that runs: `GITHUB_REPOSITORY` at `GITHUB_API_URL`, with `GITHUB_TOKEN`.
    ///
    /// # Errors
    /// One of them is missing or unusable.
    pub fn of_workflow() -> Result<Self, GithubError> {
        let repository = variable("GITHUB_REPOSITORY")?;
        if repository.split('/').filter(|part| is_name(part)).count() != 2 {
            return Err(GithubError::Unusable("GITHUB_REPOSITORY", repository));
        }
        let api = variable("GITHUB_API_URL")?;
        let unusable = |_| GithubError::Unusable("GITHUB_API_URL", api.clone());
        let octocrab = Octocrab::builder()
            .base_uri(api.as_str())
            .map_err(unusable)?
            .personal_token(variable("GITHUB_TOKEN")?)
            .build()
            .map_err(unusable)?;
        Ok(Self {
            octocrab,
            repository,
            began: Instant::now(),
            last_write: Mutex::new(None),
        })
    }

    /// `GET` of a path below the repository.
    ///
    /// # Errors
    /// GitHub's.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GithubError> {
        self.request(Method::GET, path, None).await
    }

    /// All pages of a list: of the array itself, or of the field of an object.
    ///
    /// # Errors
    /// GitHub's.
    pub(super) async fn list(
        &self,
        path: &str,
        field: Option<&str>,
    ) -> Result<Vec<Value>, GithubError> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("{path}{joint}per_page={PAGE}&page={page}");
            let answer: Value = self.get(&path).await?;
            let items = field.map_or(&answer, |field| &answer[field]);
            let items = items.as_array().cloned().unwrap_or_default();
            let count = items.len();
            all.extend(items);
            if count < PAGE {
                break;
            }
        }
        Ok(all)
    }

    /// A request that changes something.
    ///
    /// # Errors
    /// GitHub's.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, GithubError> {
        let mut last = self.last_write.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + PACE).await;
        }
        let answer = self.request(method, path, Some(body)).await;
        *last = Some(Instant::now());
        answer
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, GithubError> {
        let named = format!("{method} /repos/{}/{path}", self.repository);
        let unanswered = |reason: String| GithubError::Unanswered {
            request: named.clone(),
            reason,
        };
        for attempt in 0.. {
            let uri = format!("/repos/{}/{path}", self.repository);
            let uri = uri.trim_end_matches('/');
            let request = Request::builder().method(method.clone()).uri(uri);
            let request = self
                .octocrab
                .build_request(request, body)
                .map_err(|error| unanswered(chain(&error)))?;
            let answer = self.octocrab.execute(request).await;
            let answer = answer.map_err(|error| unanswered(chain(&error)))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let bytes = answer.into_body().collect().await;
            let bytes = bytes.map_err(|error| unanswered(chain(&error)))?.to_bytes();
            if status.is_success() {
                let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
                return serde_json::from_slice(text).map_err(|error| unanswered(error.to_string()));
            }
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let wait = wait(&method, status, &headers, (attempt, &said));
            let Some(wait) = wait else {
                return Err(GithubError::Refused {
                    status: status.as_u16(),
                    message: said["message"].as_str().unwrap_or_default().to_owned(),
                    request: named,
                });
            };
            if self.began.elapsed() + wait > LONGEST {
                return Err(GithubError::Limited {
                    request: named,
                    wait,
                });
            }
            crate::output::narrate(format_args!(
                "{named} was answered with {status}: again in {} s",
                wait.as_secs()
            ));
            tokio::time::sleep(wait).await;
        }
        unreachable!("the loop ends by itself")
    }
}

fn wait(
    method: &Method,
    status: StatusCode,
    headers: &hyper::HeaderMap,
    (attempt, said): (u32, &Value),
) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    retry::wait(method, status, headers, (attempt, now)).or_else(|| {
        retry::is_secondary_limit(status, said["documentation_url"].as_str())
            .then(|| retry::secondary(attempt))
            .flatten()
    })
}

fn variable(name: &'static str) -> Result<String, GithubError> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or(GithubError::Missing(name))
}

fn is_name(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
}

/// An error with what is underneath: octocrab's own messages say little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut current = error.source();
    while let Some(cause) = current {
        text = format!("{text}: {cause}");
        current = cause.source();
    }
    // Its Display carries a backtrace.
    text.lines().next().unwrap_or_default().to_owned()
}
