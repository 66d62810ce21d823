//! When a request may be made again: pure decisions on what GitHub answered.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately>

use hyper::{HeaderMap, Method, StatusCode};
use std::time::Duration;

/// A limit without a header that says how long: at least a minute, longer each time.
const SECONDARY: Duration = Duration::from_secs(60);
/// A server that fails: seconds, longer each time.
const SERVER: Duration = Duration::from_secs(2);
/// Attempts after the first.
const ATTEMPTS: u32 = 5;

/// How long to wait before a request is made again, or none when the answer stands.
///
/// `attempt` counts from 0; `now` is in seconds since 1970.
pub(super) fn wait(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    (attempt, now): (u32, u64),
) -> Option<Duration> {
    if attempt >= ATTEMPTS {
        return None;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limited = matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    );
    let growing = |base: Duration| base * 2_u32.pow(attempt);
    if limited {
        if let Some(seconds) = number("retry-after") {
            return Some(Duration::from_secs(seconds));
        }
        if number("x-ratelimit-remaining") == Some(0) {
            let reset = number("x-ratelimit-reset")?;
            // A second more: the clocks need not agree.
            return Some(Duration::from_secs(reset.saturating_sub(now) + 1));
        }
        // Most 403s are refusals of another kind, which no waiting mends.
        return (status == StatusCode::TOO_MANY_REQUESTS).then(|| growing(SECONDARY));
    }
    // Whether a POST that failed was carried out, nobody knows: its callers look before they make anything.
    let repeats = *method != Method::POST;
    (status.is_server_error() && repeats).then(|| growing(SERVER))
}

/// Whether a 403 without headers is a secondary rate limit, by the page that GitHub points at.
pub(super) fn is_secondary_limit(status: StatusCode, documentation_url: Option<&str>) -> bool {
    status == StatusCode::FORBIDDEN
        && documentation_url.is_some_and(|url| url.contains("rate-limits"))
}

/// The wait of such a limit.
pub(super) fn secondary(attempt: u32) -> Option<Duration> {
    (attempt < ATTEMPTS).then(|| SECONDARY * 2_u32.pow(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        method: Method,
        status: u16,
        headers: &[(&'static str, &str)],
        attempt: u32,
    ) -> Option<u64> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name = hyper::header::HeaderName::from_static(name);
                (name, value.parse().unwrap())
            })
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        wait(&method, status, &headers, (attempt, 1_000)).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_limit_is_waited_for_as_github_says() {
        let retry_after = [("retry-after", "7"), ("x-ratelimit-remaining", "0")];
        assert_eq!(of(Method::POST, 403, &retry_after, 0), Some(7));
        assert_eq!(of(Method::GET, 429, &retry_after, 0), Some(7));
        let reset = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1090"),
        ];
        assert_eq!(of(Method::GET, 403, &reset, 0), Some(91));
        let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")];
        assert_eq!(of(Method::GET, 403, &past, 0), Some(1));
        assert_eq!(of(Method::GET, 429, &[], 0), Some(60));
        assert_eq!(of(Method::GET, 429, &[], 2), Some(240));
    }

    #[test]
    fn what_waiting_does_not_mend_is_not_repeated() {
        assert_eq!(
            of(Method::GET, 403, &[("x-ratelimit-remaining", "41")], 0),
            None
        );
        assert_eq!(of(Method::GET, 404, &[], 0), None);
        assert_eq!(of(Method::PATCH, 502, &[], 1), Some(4));
        assert_eq!(of(Method::POST, 502, &[], 0), None);
        assert_eq!(
            of(Method::GET, 429, &[("retry-after", "1")], ATTEMPTS),
            None
        );
    }
}
