//! Whether a quarantined site keeps to itself: it is made to mail and to call out, in a job, before any visitor meets it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    log::{self, Level},
    protocol::{Failure, FailureCode, LeakTest},
    wordpress,
};

/// Of this container alone, and to WordPress as foreign as any other: it takes 127.0.0.1 for itself.
const FOREIGN: &str = "127.0.0.2:0";
/// What the script sends without WordPress. It shows that what does not arrive was stopped.
const CONTROL: &str = "control";
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Said {
    tried: BTreeMap<String, bool>,
}

/// Tries it.
///
/// # Errors
/// [`FailureCode::Leaks`] with the ways that lead out; WP-CLI's; the network's.
pub(crate) async fn run() -> Result<LeakTest, Failure> {
    let arrived = Arrived::default();
    let web = listen(arrived.clone(), "").await?;
    let mail = listen(arrived.clone(), "wp_mail").await?;
    let input = json!({ "web": web, "mail": mail }).to_string();
    let said: Said = wordpress::try_leaks(&input).await?;
    let arrived = arrived.all();
    if !arrived.iter().any(|way| way == CONTROL) {
        return Err(unable("what was sent for control did not arrive"));
    }
    let (blocked, leaks): (Vec<_>, Vec<_>) = said
        .tried
        .into_iter()
        .partition(|(way, blocked)| *blocked && !arrived.contains(way));
    let names =
        |ways: Vec<(String, bool)>| ways.into_iter().map(|(way, _)| way).collect::<Vec<_>>();
    let (blocked, leaks) = (names(blocked), names(leaks));
    if !leaks.is_empty() {
        let message = format!(
            "the quarantine does not hold: {} got out. A plugin may go round it",
            leaks.join(", ")
        );
        return Err(Failure::new(FailureCode::Leaks, message));
    }
    log::line(
        "job",
        Level::Info,
        None,
        &format!("the quarantine holds: {} were stopped", blocked.join(", ")),
    );
    Ok(LeakTest { blocked })
}

fn unable(reason: &str) -> Failure {
    Failure::new(
        FailureCode::WordpressFailed,
        format!("trying whether the quarantine holds: {reason}"),
    )
}

/// The ways by which something came.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<Vec<String>>>);

impl Arrived {
    fn note(&self, way: &str) {
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ways.push(way.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Listens until the program ends. Who comes says by the path of a request which way that was, or came by `way`.
async fn listen(arrived: Arrived, way: &'static str) -> Result<String, Failure> {
    let listener = TcpListener::bind(FOREIGN)
        .await
        .map_err(|error| unable(&error.to_string()))?;
    let address = listener
        .local_addr()
        .map_err(|error| unable(&error.to_string()))?;
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(meet(visitor, arrived.clone(), way));
        }
    });
    Ok(address.to_string())
}

async fn meet(mut visitor: TcpStream, arrived: Arrived, way: &str) {
    if way.is_empty() {
        let mut request = [0; 256];
        let length = timeout(PATIENCE, visitor.read(&mut request)).await;
        let length = length.ok().and_then(Result::ok).unwrap_or_default();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        arrived.note(path.trim_start_matches('/'));
        let answer = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
        let _ = visitor.write_all(answer.as_bytes()).await;
    } else {
        arrived.note(way);
        // Enough for it to end soon (RFC 5321, 3.1).
        let _ = visitor.write_all(b"554 no mail here\r\n").await;
    }
}
