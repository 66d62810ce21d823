//! Rewrites a site's addresses in what WordPress keeps: texts, HTML, JSON, URL-encoded text and PHP's serialized values.

mod serialized;

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::protocol::{Address, Failure, FailureCode};

/// A change of texts, which is made in serialized values too.
pub(crate) trait Edit {
    /// Whether there may be something to change in `text`: quick, and never wrong when it says no.
    fn suspects(&self, text: &[u8]) -> bool;

    /// A text with its changes, and how many; as it was, and 0, where there are none. Serialized values never come here whole.
    fn text<'v>(&self, text: &'v [u8]) -> (Cow<'v, [u8]>, u64);

    /// Whether a text that is kept under this name is taken away.
    fn hides(&self, _name: &[u8]) -> bool {
        false
    }
}

/// The value with its changes, and how many; as it was, and 0, where there are none.
///
/// Lengths in serialized values follow, in serialized values inside of serialized values too. What begins like one and is
/// none is a text.
pub(crate) fn value<'v>(edit: &impl Edit, value: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
    nested(edit, value, DEPTH)
}

fn nested<'v>(edit: &impl Edit, value: &'v [u8], depth: usize) -> (Cow<'v, [u8]>, u64) {
    if !edit.suspects(value) {
        return (Cow::Borrowed(value), 0);
    }
    serialized::rewrite(edit, value, depth).unwrap_or_else(|| edit.text(value))
}

/// Serialized values lie in each other; deeper than this nothing was ever made but to break a reader.
const DEPTH: usize = 200;

/// Knows the addresses that a site had, and the one that it gets.
#[derive(Clone, Debug)]
pub struct Rewriter {
    hosts: AhoCorasick,
    to: Address,
}

/// Where a host stands in a text, with what belongs to it.
struct Found {
    /// From the scheme on, where there is one, else from the host.
    start: usize,
    /// After the port, where there is one.
    end: usize,
    /// The slashes before the host: `//`, `\/\/` or `%2F%2F`; with a scheme before them, that ends in this.
    scheme: Option<Scheme>,
    host: usize,
    encoded: bool,
}

struct Scheme {
    /// From the colon up to the host.
    rest: (usize, usize),
}

impl Rewriter {
    /// For a site that was at `hosts` (names without a port, in any case) and will be at `to`.
    ///
    /// # Errors
    /// There is no host, or one is empty.
    pub fn new(hosts: &[String], to: Address) -> Result<Self, Failure> {
        if hosts.is_empty() || hosts.iter().any(String::is_empty) {
            return Err(Failure::new(
                FailureCode::BadRequest,
                "the site's old addresses are not all named",
            ));
        }
        let hosts = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(hosts)
            .map_err(|error| Failure::new(FailureCode::BadRequest, error.to_string()))?;
        Ok(Self { hosts, to })
    }

    /// How many old addresses are in `text`, serialized or not.
    pub fn count(&self, text: &[u8]) -> u64 {
        let mut found = 0;
        let mut at = 0;
        while let Some(next) = self.next(text, at) {
            found += 1;
            at = next.end;
        }
        found
    }

    /// The value with the new address, and how often it was put; see [`value`].
    pub fn value<'v>(&self, value: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
        self::value(self, value)
    }

    /// The first old address at or after `from`. A longer host that ends or begins like an old one is another host.
    fn next(&self, text: &[u8], from: usize) -> Option<Found> {
        let mut at = from;
        while let Some(found) = self.hosts.find(aho_corasick::Input::new(text).range(at..)) {
            if begins(&text[..found.start()]) && ends(&text[found.end()..]) {
                let (scheme, encoded) = before(&text[from..found.start()], from);
                let (port, port_encoded) = port(&text[found.end()..]);
                let start = scheme.as_ref().map_or(found.start(), |(start, _)| *start);
                return Some(Found {
                    start,
                    end: found.end() + port,
                    scheme: scheme.map(|(_, scheme)| scheme),
                    host: found.start(),
                    encoded: encoded || port_encoded,
                });
            }
            at = found.start() + 1;
        }
        None
    }
}

impl Edit for Rewriter {
    fn suspects(&self, text: &[u8]) -> bool {
        self.hosts.is_match(text)
    }

    fn text<'v>(&self, text: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
        let mut out = Vec::new();
        let (mut done, mut count) = (0, 0);
        while let Some(found) = self.next(text, done) {
            out.extend_from_slice(&text[done..found.start]);
            if let Some(scheme) = &found.scheme {
                out.extend_from_slice(self.to.scheme.as_bytes());
                out.extend_from_slice(&text[scheme.rest.0..scheme.rest.1]);
            } else {
                out.extend_from_slice(&text[found.start..found.host]);
            }
            if found.encoded {
                out.extend_from_slice(self.to.authority.replace(':', "%3A").as_bytes());
            } else {
                out.extend_from_slice(self.to.authority.as_bytes());
            }
            done = found.end;
            count += 1;
        }
        if count == 0 {
            return (Cow::Borrowed(text), 0);
        }
        out.extend_from_slice(&text[done..]);
        (Cow::Owned(out), count)
    }
}

/// How many of the first bytes of `word` belong to an escape that begins before it: `%0A`, `\n`, `\u00e4`.
pub(crate) fn escaped(before: &[u8], word: &[u8]) -> usize {
    let hexadecimal = |from: usize, to: usize| {
        word.get(from..to)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let backslashes = before
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count();
    match word.first() {
        _ if before.last() == Some(&b'%') && hexadecimal(0, 2) => 2,
        Some(b'u') if backslashes % 2 == 1 && hexadecimal(1, 5) => 5,
        Some(b'n' | b'r' | b't' | b'b' | b'f') if backslashes % 2 == 1 => 1,
        _ => 0,
    }
}

/// Whether a host can begin after `before`: not inside of a longer name, but after a character that is written with letters.
fn begins(before: &[u8]) -> bool {
    let Some(&last) = before.last() else {
        return true;
    };
    if !(last.is_ascii_alphanumeric() || matches!(last, b'.' | b'-' | b'_')) {
        return true;
    }
    let hexadecimal = |n: usize| before.iter().rev().take(n).all(u8::is_ascii_hexdigit);
    let written = |n: usize, prefix: &[u8]| {
        before.len() >= n + prefix.len()
            && hexadecimal(n)
            && before[..before.len() - n].ends_with(prefix)
    };
    // %2F, /, \n
    written(2, b"%") || written(4, b"\\u") || {
        let escapes = before[..before.len() - 1]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        matches!(last, b'n' | b'r' | b't' | b'b' | b'f') && escapes % 2 == 1
    }
}

/// Whether a host can end before `after`.
fn ends(after: &[u8]) -> bool {
    match after {
        [first, ..] if first.is_ascii_alphanumeric() || matches!(first, b'-' | b'_') => false,
        // The end of a sentence ends a host, a further label does not.
        [b'.', second, ..] => !second.is_ascii_alphanumeric(),
        _ => true,
    }
}

/// The scheme that ends `before`, with where it begins, and whether it is URL-encoded. `offset` is where `before` begins.
fn before(before: &[u8], offset: usize) -> (Option<(usize, Scheme)>, bool) {
    let encoded = before.len() >= 6 && before[before.len() - 6..].eq_ignore_ascii_case(b"%2f%2f");
    let Some(slashes) = (if encoded {
        Some(before.len() - 6)
    } else {
        slash(before, before.len()).and_then(|first| slash(before, first))
    }) else {
        return (None, false);
    };
    let ahead = &before[..slashes];
    let colon = match ahead {
        _ if encoded
            && ahead.len() >= 3
            && ahead[ahead.len() - 3..].eq_ignore_ascii_case(b"%3a") =>
        {
            ahead.len() - 3
        }
        _ if ahead.last() == Some(&b':') => ahead.len() - 1,
        _ => return (None, encoded),
    };
    let ahead = &ahead[..colon];
    let known = [&b"https"[..], b"http"].into_iter().find(|scheme| {
        ahead.len() >= scheme.len()
            && ahead[ahead.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
    });
    let scheme = known.map(|known| {
        let rest = (offset + colon, offset + before.len());
        (offset + colon - known.len(), Scheme { rest })
    });
    (scheme, encoded)
}

/// Where the slash that ends at `end` begins, with the backslashes that JSON puts before it.
fn slash(text: &[u8], end: usize) -> Option<usize> {
    let mut start = end.checked_sub(1)?;
    if text[start] != b'/' {
        return None;
    }
    while start > 0 && text[start - 1] == b'\\' {
        start -= 1;
    }
    Some(start)
}

/// The length of the port that begins `after`, and whether it is URL-encoded.
fn port(after: &[u8]) -> (usize, bool) {
    let (colon, encoded) = match after {
        [b':', ..] => (1, false),
        [b'%', b'3', b'a' | b'A', ..] => (3, true),
        _ => return (0, false),
    };
    let digits = after[colon..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match digits {
        1..=5
            if !after[colon + digits..]
                .first()
                .is_some_and(u8::is_ascii_alphanumeric) =>
        {
            (colon + digits, encoded)
        }
        _ => (0, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewriter(to: (&str, &str)) -> Rewriter {
        let hosts = [
            "acme.dev.example.com".to_owned(),
            "acme-dev.test".to_owned(),
        ];
        let to = Address {
            scheme: to.0.into(),
            authority: to.1.into(),
        };
        Rewriter::new(&hosts, to).unwrap()
    }

    fn becomes(before: &str, after: &str) {
        let rewriter = rewriter(("https", "www.acme.com"));
        let (found, count) = rewriter.value(before.as_bytes());
        assert_eq!(String::from_utf8_lossy(&found), after);
        assert_eq!(rewriter.count(&found), 0, "{before}");
        assert_eq!(count > 0, before != after);
    }

    #[test]
    fn every_way_to_write_an_address_is_known() {
        becomes("http://acme.dev.example.com/a", "https://www.acme.com/a");
        becomes("HTTPS://Acme.Dev.Example.com", "https://www.acme.com");
        becomes("//acme.dev.example.com/a", "//www.acme.com/a");
        becomes(
            r"http:\/\/acme.dev.example.com\/a",
            r"https:\/\/www.acme.com\/a",
        );
        becomes(
            r"http:\\\/\\\/acme.dev.example.com",
            r"https:\\\/\\\/www.acme.com",
        );
        becomes(
            "u=http%3A%2F%2Facme.dev.example.com%2Fa",
            "u=https%3A%2F%2Fwww.acme.com%2Fa",
        );
        becomes(
            "http://acme.dev.example.com:8080/a",
            "https://www.acme.com/a",
        );
        becomes("see acme.dev.example.com.", "see www.acme.com.");
        becomes(
            "info@acme-dev.test, http://acme-dev.test",
            "info@www.acme.com, https://www.acme.com",
        );
        becomes(
            "a\\nacme-dev.test \\u002facme-dev.test",
            "a\\nwww.acme.com \\u002fwww.acme.com",
        );
    }

    #[test]
    fn other_hosts_stay() {
        for other in [
            "http://notacme-dev.test/",
            "http://x.acme-dev.test/",
            "http://acme-dev.tests/",
            "http://acme-dev.test.org/",
            "ftp-acme-dev.test",
            "acme_acme-dev.test",
            r"\\nacme-dev.test",
        ] {
            becomes(other, other);
        }
    }

    #[test]
    fn a_port_is_written_as_its_surroundings_are() {
        let rewriter = rewriter(("http", "acme.sit.localhost:31000"));
        let value =
            |text: &str| String::from_utf8(rewriter.value(text.as_bytes()).0.into_owned()).unwrap();
        assert_eq!(
            value("https://acme-dev.test/"),
            "http://acme.sit.localhost:31000/"
        );
        assert_eq!(
            value("https%3A%2F%2Facme-dev.test%3A443%2F"),
            "http%3A%2F%2Facme.sit.localhost%3A31000%2F"
        );
        assert_eq!(value("acme-dev.test:x"), "acme.sit.localhost:31000:x");
        assert_eq!(
            value("http://acme-dev.testhttp://acme-dev.test"),
            "http://acme-dev.testhttp://acme.sit.localhost:31000"
        );
    }

    #[test]
    fn a_repeat_finds_nothing_even_where_the_new_host_ends_like_the_old() {
        let to = Address {
            scheme: "https".into(),
            authority: "sit.acme.com".into(),
        };
        let rewriter = Rewriter::new(&["acme.com".to_owned()], to).unwrap();
        let (once, _) = rewriter.value(b"https://acme.com/ and acme.com");
        assert_eq!(&*once, b"https://sit.acme.com/ and sit.acme.com");
        assert_eq!(rewriter.value(&once).1, 0);
    }
}
