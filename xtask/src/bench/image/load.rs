//! Load on one address, by wrk: four connections that are kept, each with one request at a time.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::process::Command;

use crate::programs::output;

const CONNECTIONS: &str = "4";

/// Where to, and under which name.
pub(super) struct Visitor {
    pub(super) at: SocketAddr,
    pub(super) host: String,
}

/// What a load found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Load {
    /// How many were answered.
    pub(super) requests: u32,
    /// Requests answered, per second.
    pub(super) per_second: f64,
    /// The 99th percentile of the answers' time, in milliseconds.
    pub(super) p99_milliseconds: f64,
}

/// Asks for a page for two seconds, whatever comes of it: a busy machine may not answer in that time, and the load that is
/// measured tells of other failures.
pub(super) async fn warm(visitor: &Visitor, path: &str, cookies: Option<&str>) {
    let _ = run(visitor, path, cookies, 2).await;
}

/// Asks for a page for some seconds.
///
/// # Errors
/// An answer was not the page.
pub(super) async fn run(
    visitor: &Visitor,
    path: &str,
    cookies: Option<&str>,
    seconds: u8,
) -> Result<Load> {
    let mut command = Command::new("wrk");
    command.args([
        "--threads",
        "1",
        "--connections",
        CONNECTIONS,
        "--latency",
        "--timeout",
        "20s",
    ]);
    command.args(["--duration", &format!("{seconds}s")]);
    command.args(["--header", &format!("Host: {}", visitor.host)]);
    if let Some(cookies) = cookies {
        command.args(["--header", &format!("Cookie: {cookies}")]);
    }
    command
        .arg(format!("http://{}{path}", visitor.at))
        .kill_on_drop(true);
    let text = String::from_utf8(output(command).await?)?;
    read(&text).with_context(|| format!("loading {path} of {}", visitor.at))
}

fn read(text: &str) -> Result<Load> {
    for bad in ["Non-2xx or 3xx responses", "Socket errors"] {
        let line = text.lines().find(|line| line.contains(bad));
        ensure!(line.is_none(), "{}", line.unwrap_or_default().trim());
    }
    let after = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim)
            .with_context(|| format!("wrk tells no {name}: {text}"))
    };
    let p99 = after("99%")?;
    let digits = p99.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &p99[digits.len()..] {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        other => anyhow::bail!("wrk tells time in {other:?}"),
    };
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let requests = requests
        .context("wrk tells no number of requests")?
        .0
        .parse()?;
    ensure!(requests > 0, "not one request was answered in time");
    Ok(Load {
        requests,
        per_second: after("Requests/sec:")?.parse()?,
        p99_milliseconds: digits.parse::<f64>()? * unit,
    })
}

#[cfg(test)]
mod tests {
    use super::{Load, read};

    #[test]
    fn figures_are_read_and_failures_are_not_overlooked() {
        let text = "  Latency Distribution\n     50%    1.01ms\n     99%    1.50s \n  100 requests in 2.00s, 1MB read\n\
                    Requests/sec:     50.25\nTransfer/sec:      1MB\n";
        let expected = Load {
            requests: 100,
            per_second: 50.25,
            p99_milliseconds: 1500.0,
        };
        assert_eq!(read(text).unwrap(), expected);
        let failed = format!("{text}  Non-2xx or 3xx responses: 3\n");
        assert!(read(&failed).unwrap_err().to_string().contains(": 3"));
    }
}
