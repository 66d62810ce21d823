//! Keys, passwords and the like in settings, found by what they are called.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;

use crate::rewrite::Edit;

/// What is in the names of such settings.
pub(super) const NAMES: [&str; 15] = [
    "secret",
    "password",
    "passphrase",
    "passwd",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access_token",
    "auth_token",
    "refresh_token",
    "signing_key",
    "license_key",
];
/// And whole names.
const WHOLE: [&str; 3] = ["pass", "pwd", "token"];

/// Empties such settings.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    names: Option<AhoCorasick>,
}

impl Secrets {
    pub(super) fn new() -> Self {
        let names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(NAMES.iter().chain(&WHOLE));
        // These few words always are a machine; without one everything is suspect.
        Self { names: names.ok() }
    }
}

impl Edit for Secrets {
    fn suspects(&self, text: &[u8]) -> bool {
        self.names.as_ref().is_none_or(|names| names.is_match(text))
    }

    fn hides(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        WHOLE.iter().any(|whole| name == whole.as_bytes())
            || NAMES
                .iter()
                .any(|part| memchr::memmem::find(&name, part.as_bytes()).is_some())
    }

    /// Of JSON, the texts under such names.
    fn text<'v>(&self, text: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
        if !matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return (Cow::Borrowed(text), 0);
        }
        let (mut out, mut done, mut count) = (Vec::new(), 0, 0);
        let (mut at, mut name) = (0, None);
        while let Some(start) = memchr::memchr(b'"', &text[at..]).map(|found| at + found) {
            let Some(end) = end_of(text, start + 1) else {
                break;
            };
            let content = &text[start + 1..end];
            if name == Some(true) && !content.is_empty() {
                out.extend_from_slice(&text[done..=start]);
                (done, count) = (end, count + 1);
            }
            at = end + 1;
            let follows = text[at..].trim_ascii_start();
            // Only a text right after a name is its value.
            let value_follows = follows
                .strip_prefix(b":")
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""));
            name = (name.is_none() && value_follows).then(|| self.hides(content));
        }
        if count == 0 {
            return (Cow::Borrowed(text), 0);
        }
        out.extend_from_slice(&text[done..]);
        (Cow::Owned(out), count)
    }
}

/// Where the quote is that ends the text that begins at `from`.
fn end_of(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
