//! E-mail addresses in texts.

use std::borrow::Cow;

use super::Key;
use crate::rewrite::{Edit, escaped};

/// What masked addresses end in. Nobody can register it (RFC 6761), and no mail server finds it.
pub(super) const DOMAIN: &str = "@masked.invalid";

/// Names of files are no domains: `logo@2x.png`.
const FILES: [&str; 14] = [
    "avif", "bmp", "css", "gif", "ico", "jpeg", "jpg", "js", "mp4", "pdf", "png", "svg", "tiff",
    "webp",
];

/// Masks every address.
#[derive(Clone, Debug)]
pub(super) struct Mails {
    key: Key,
}

impl Mails {
    pub(super) fn new(key: Key) -> Self {
        Self { key }
    }

    /// How many addresses in `text` are not masked.
    pub(super) fn count(&self, text: &[u8]) -> u64 {
        std::iter::successors(next(text, 0), |(_, end)| next(text, *end)).count() as u64
    }

    pub(super) fn is_masked(&self, value: &[u8]) -> bool {
        value.ends_with(DOMAIN.as_bytes())
    }
}

impl Edit for Mails {
    fn suspects(&self, text: &[u8]) -> bool {
        memchr::memchr(b'@', text).is_some()
    }

    fn text<'v>(&self, text: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
        let (mut out, mut done, mut count) = (Vec::new(), 0, 0);
        while let Some((start, end)) = next(text, done) {
            out.extend_from_slice(&text[done..start]);
            out.extend_from_slice(self.key.mail(&text[start..end]).as_bytes());
            (done, count) = (end, count + 1);
        }
        if count == 0 {
            return (Cow::Borrowed(text), 0);
        }
        out.extend_from_slice(&text[done..]);
        (Cow::Owned(out), count)
    }
}

/// Where the first address at or after `from` is that is not masked.
fn next(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'@', text.get(at..)?)?;
        if let Some(found) = address(text, from, at) {
            return Some(found);
        }
        at += 1;
    }
}

/// The address whose `@` is at `at`.
fn address(text: &[u8], from: usize, at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    while let Some(length) = last_letter(&text[from..start], b"._+-") {
        start -= length;
    }
    // A letter that belongs to `\n` or `%0A` is none of the address.
    start += escaped(&text[from..start], &text[start..at]);
    let mut end = at + 1;
    while let Some(length) = first_letter(&text[end..], b".-") {
        end += length;
    }
    // The end of a sentence is none of it either.
    while text[end - 1] == b'.' || text[end - 1] == b'-' {
        end -= 1;
    }
    let domain = &text[at + 1..end];
    if start >= at || text[at..end].eq_ignore_ascii_case(DOMAIN.as_bytes()) {
        return None;
    }
    let dot = memchr::memrchr(b'.', domain)?;
    let top = &domain[dot + 1..];
    let is_top = top.len() >= 2 && !top.iter().any(u8::is_ascii_digit);
    let is_file = FILES
        .iter()
        .any(|file| top.eq_ignore_ascii_case(file.as_bytes()));
    (dot > 0 && is_top && !is_file).then_some((start, end))
}

/// The length of the letter, digit or one of `others` that begins `text`. Names in Latin, Greek and Cyrillic may be in addresses
/// (RFC 6531), in UTF-8 two bytes each; scripts without spaces would make whole sentences part of them.
fn first_letter(text: &[u8], others: &[u8]) -> Option<usize> {
    match text {
        [0xc3..=0xd4, 0x80..=0xbf, ..] => Some(2),
        [byte, ..] if byte.is_ascii_alphanumeric() || others.contains(byte) => Some(1),
        _ => None,
    }
}

/// The same of what ends `text`.
fn last_letter(text: &[u8], others: &[u8]) -> Option<usize> {
    match text {
        [.., 0xc3..=0xd4, 0x80..=0xbf] => Some(2),
        [.., byte] if byte.is_ascii_alphanumeric() || others.contains(byte) => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite;

    fn masked(text: &str) -> String {
        let mails = Mails::new(Key([1; 32]));
        let (masked, count) = rewrite::value(&mails, text.as_bytes());
        assert_eq!(mails.count(&masked), 0, "{text}");
        assert_eq!(count > 0, &*masked != text.as_bytes());
        String::from_utf8(masked.into_owned()).unwrap()
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let ann = masked("ann@example.org");
        assert!(ann.ends_with(DOMAIN) && ann.len() == 31, "{ann}");
        for (before, after) in [
            ("<a href=\"mailto:", "\">"),
            ("To: Ann <", ">, x"),
            ("write ", "."),
            (r"one\n", r"\ntwo"),
            ("%0A", "%20"),
            (r#"{"mail":""#, r#""}"#),
            ("ann:", "/x"),
        ] {
            let text = format!("{before}ann@example.org{after}");
            assert_eq!(masked(&text), format!("{before}{ann}{after}"));
        }
        assert_eq!(masked("“ann@example.org”"), format!("“{ann}”"));
        assert!(!masked("größe.müller@bücher.example").contains("müller"));
        assert_eq!(masked(&ann), ann);
    }

    #[test]
    fn lengths_follow() {
        let inner = masked("ann@example.org");
        assert_eq!(
            masked(r#"a:1:{s:1:"m";s:15:"ann@example.org";}"#),
            format!(r#"a:1:{{s:1:"m";s:31:"{inner}";}}"#)
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for text in [
            "@media print",
            "logo@2x.png",
            "https://example.org/@ann",
            "a @ b.org",
            "ann@localhost",
            "package@1.2.3",
            "a@b.c",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
