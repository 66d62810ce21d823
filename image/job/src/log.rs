//! JSON log lines on standard output, one object a line: the form that the image's web server writes too.
//!
//! A message never holds a secret; whoever logs makes sure of that.

use std::io::Write;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Progress.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

#[derive(serde::Serialize)]
struct Line<'a> {
    time: String,
    source: &'a str,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    message: &'a str,
}

/// Now, in RFC 3339, UTC.
pub fn now() -> String {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// Writes one line; a closed standard output is no reason to fail.
pub fn line(source: &str, level: Level, job: Option<&str>, message: &str) {
    let line = Line {
        time: now(),
        source,
        level,
        job,
        message,
    };
    if let Ok(mut text) = serde_json::to_vec(&line) {
        text.push(b'\n');
        raw(&text);
    }
}

/// Writes complete lines as they are, in one piece.
pub fn raw(text: &[u8]) {
    if text.is_empty() {
        return;
    }
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}
