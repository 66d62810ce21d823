//! Turns what nginx and PHP-FPM write into JSON lines. nginx's access log is JSON already and passes as it is.

use std::{
    io::{BufRead, BufReader, Read},
    thread,
};

use crate::{
    log::{self, Level},
    tend::pages,
};

/// A line longer than this is cut: CloudWatch takes events of up to 256 KiB.
const LONGEST: u64 = 64 * 1024;

/// Forwards a child's output until it closes.
pub(super) fn forward(source: &'static str, stream: impl Read + Send + 'static) {
    thread::spawn(move || {
        let mut reader = BufReader::with_capacity(64 * 1024, stream);
        let (mut buffer, mut ready) = (Vec::new(), Vec::new());
        loop {
            buffer.clear();
            match reader.by_ref().take(LONGEST).read_until(b'\n', &mut buffer) {
                Ok(0) | Err(_) => return log::raw(&ready),
                Ok(_) if is_json(&buffer) => ready.extend_from_slice(&buffer),
                Ok(_) => {
                    log::raw(&std::mem::take(&mut ready));
                    emit(source, &buffer);
                }
            }
            // What came together goes on together: under load that spares most of the writing.
            if !reader.buffer().contains(&b'\n') {
                log::raw(&ready);
                ready.clear();
            }
        }
    });
}

fn is_json(line: &[u8]) -> bool {
    line.starts_with(b"{\"time\":") && line.ends_with(b"\n")
}

fn emit(source: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end();
    // The page cache is emptied by deleting its files; nginx finds out when it wants to.
    let expected = text.contains(pages::FOLDER) && text.contains("(2: No such file or directory)");
    if !text.is_empty() && !expected {
        let (level, message) = classify(text);
        log::line(source, level, None, message);
    }
}

/// Level and message of a line of nginx (`2026/11/23 10:00:00 [error] 12#12: …`), PHP-FPM (`[23-Nov-2026 10:00:00]
/// WARNING: …`) or PHP (`[23-Nov-2026 10:00:00 UTC] PHP Warning:  …`); what is none of them is passed whole.
fn classify(text: &str) -> (Level, &str) {
    let level = |word: &str| match word {
        "emerg" | "alert" | "crit" | "error" | "ERROR" | "ALERT" | "PHP Fatal error"
        | "PHP Parse error" => Some(Level::Error),
        "warn" | "WARNING" | "PHP Warning" => Some(Level::Warning),
        "notice" | "info" | "debug" | "NOTICE" | "DEBUG" | "PHP Notice" | "PHP Deprecated" => {
            Some(Level::Info)
        }
        _ => None,
    };
    if let Some((date, rest)) = text.split_once(" [")
        && date.len() == 19
        && let Some((word, message)) = rest.split_once("] ")
        && let Some(level) = level(word)
    {
        let message = message
            .split_once(": ")
            .map_or(message, |(_process, message)| message);
        return (level, message);
    }
    if let Some((_date, rest)) = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    {
        let found = rest
            .split_once(':')
            .and_then(|(word, message)| Some((level(word)?, message.trim_start())));
        // "PHP Fatal error" is part of what a reader looks for, so PHP's own lines keep their words.
        return match found {
            Some((level, _)) if rest.starts_with("PHP ") => (level, rest),
            Some((level, message)) => (level, message),
            None => (Level::Info, rest),
        };
    }
    (Level::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_messages_are_taken_from_each_programs_form() {
        let cases = [
            (
                "2026/11/23 10:00:00 [error] 12#12: *1 open() failed",
                Level::Error,
                "*1 open() failed",
            ),
            (
                "2026/11/23 10:00:00 [notice] 12#12: exiting",
                Level::Info,
                "exiting",
            ),
            (
                "[23-Nov-2026 10:00:00] NOTICE: ready to handle connections",
                Level::Info,
                "ready to handle connections",
            ),
            (
                "[23-Nov-2026 10:00:00] WARNING: [pool www] busy",
                Level::Warning,
                "[pool www] busy",
            ),
            (
                "[23-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught E in a.php:3",
                Level::Error,
                "PHP Fatal error:  Uncaught E in a.php:3",
            ),
            (
                "[23-Nov-2026 10:00:00 UTC] readyz: database: 2002 refused",
                Level::Info,
                "readyz: database: 2002 refused",
            ),
            ("#0 {main}", Level::Warning, "#0 {main}"),
        ];
        for (line, level, message) in cases {
            assert_eq!(classify(line), (level, message), "{line}");
        }
    }
}
