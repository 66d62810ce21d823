//! PHP's serialized values, read and written again with the lengths that new addresses make
//! (<https://www.php.net/manual/en/function.serialize.php>; the form is that of PHP 8's `ext/standard/var.c`).

use std::borrow::Cow;

use super::Edit;

/// The value with its changes and how many, or `None` when it is not exactly one serialized value (with white space around it,
/// which WordPress trims).
pub(super) fn rewrite<'v>(
    edit: &impl Edit,
    value: &'v [u8],
    depth: usize,
) -> Option<(Cow<'v, [u8]>, u64)> {
    let trimmed = value.trim_ascii();
    // Texts are told at a glance.
    if !matches!(
        trimmed,
        [b's' | b'a' | b'O' | b'C', b':', b'0'..=b'9' | b'+', ..]
    ) || !matches!(trimmed.last(), Some(b';' | b'}'))
    {
        return None;
    }
    let start = value.len() - value.trim_ascii_start().len();
    let mut walk = Walk {
        edit,
        text: trimmed,
        at: 0,
        out: value[..start].to_vec(),
        copied: 0,
        count: 0,
    };
    walk.value(depth)?;
    if walk.at != trimmed.len() {
        return None;
    }
    walk.out.extend_from_slice(&trimmed[walk.copied..]);
    walk.out.extend_from_slice(&value[start + trimmed.len()..]);
    match walk.count {
        0 => Some((Cow::Borrowed(value), 0)),
        count => Some((Cow::Owned(walk.out), count)),
    }
}

struct Walk<'v, 'e, E> {
    edit: &'e E,
    text: &'v [u8],
    at: usize,
    out: Vec<u8>,
    /// What is written already, up to here.
    copied: usize,
    count: u64,
}

impl<'v, E: Edit> Walk<'v, '_, E> {
    /// Reads one value.
    fn value(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.next()? {
            b'N' => self.expect(b';'),
            b'b' | b'i' | b'd' | b'r' | b'R' => {
                self.expect(b':')?;
                self.until(b';').filter(|number| !number.is_empty())?;
                Some(())
            }
            b's' => {
                let start = self.at - 1;
                self.expect(b':')?;
                let content = self.counted(b'"', b'"')?;
                self.expect(b';')?;
                let (new, count) = super::nested(self.edit, content, depth);
                if count > 0 {
                    self.replace(start, count, |out| {
                        out.extend_from_slice(format!("s:{}:\"", new.len()).as_bytes());
                        out.extend_from_slice(&new);
                        out.extend_from_slice(b"\";");
                    });
                }
                Some(())
            }
            b'a' => {
                self.expect(b':')?;
                self.members(depth)
            }
            b'O' => {
                self.expect(b':')?;
                self.counted(b'"', b'"')?;
                self.expect(b':')?;
                self.members(depth)
            }
            b'E' => {
                self.expect(b':')?;
                self.counted(b'"', b'"')?;
                self.expect(b';')
            }
            b'C' => {
                self.expect(b':')?;
                self.counted(b'"', b'"')?;
                self.expect(b':')?;
                let start = self.at;
                let content = self.counted(b'{', b'}')?;
                // How a class writes itself is its own; what it wrote may again be a value.
                let (new, count) = super::nested(self.edit, content, depth);
                if count > 0 {
                    self.replace(start, count, |out| {
                        out.extend_from_slice(format!("{}:{{", new.len()).as_bytes());
                        out.extend_from_slice(&new);
                        out.push(b'}');
                    });
                }
                Some(())
            }
            _ => None,
        }
    }

    /// `2:{…}`: as many pairs as said.
    fn members(&mut self, depth: usize) -> Option<()> {
        let pairs = number(self.until(b':')?)?;
        self.expect(b'{')?;
        for _ in 0..pairs {
            if !matches!(self.text.get(self.at), Some(b'i' | b's')) {
                return None;
            }
            let name = self.at;
            self.value(depth)?;
            if self.text.get(self.at) == Some(&b's')
                && self.edit.hides(text_of(&self.text[name..self.at]))
            {
                self.hide()?;
            } else {
                self.value(depth)?;
            }
        }
        self.expect(b'}')
    }

    /// Reads a text, and leaves an empty one in its place.
    fn hide(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        self.expect(b':')?;
        let content = self.counted(b'"', b'"')?;
        self.expect(b';')?;
        if !content.is_empty() {
            self.replace(start, 1, |out| out.extend_from_slice(b"s:0:\"\";"));
        }
        Some(())
    }

    /// `5:"…"`: what is between, which has exactly that many bytes.
    fn counted(&mut self, open: u8, close: u8) -> Option<&'v [u8]> {
        let length = number(self.until(b':')?)?;
        self.expect(open)?;
        let content = self.text.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        self.expect(close)?;
        Some(content)
    }

    fn replace(&mut self, start: usize, count: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend_from_slice(&self.text[self.copied..start]);
        write(&mut self.out);
        self.copied = self.at;
        self.count += count;
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn until(&mut self, byte: u8) -> Option<&'v [u8]> {
        let rest = self.text.get(self.at..)?;
        let length = memchr::memchr(byte, rest.get(..rest.len().min(64))?)?;
        self.at += length + 1;
        Some(&rest[..length])
    }
}

/// What is between the quotes of `s:5:"…";`; nothing of what is no text. Classes write the names of what is their own with zero
/// bytes before them.
fn text_of(value: &[u8]) -> &[u8] {
    let text = memchr::memchr(b'"', value).and_then(|quote| value.get(quote + 1..value.len() - 2));
    let text = text.unwrap_or_default();
    memchr::memrchr(0, text).map_or(text, |zero| &text[zero + 1..])
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::{protocol::Address, rewrite::Rewriter};

    fn value(text: &str) -> String {
        let to = Address {
            scheme: "https".into(),
            authority: "www.acme.com".into(),
        };
        let rewriter = Rewriter::new(&["acme.test".to_owned()], to).unwrap();
        String::from_utf8(rewriter.value(text.as_bytes()).0.into_owned()).unwrap()
    }

    #[test]
    fn lengths_follow_in_bytes() {
        assert_eq!(
            value(r#"a:2:{s:3:"url";s:16:"http://acme.test";s:5:"größ";i:1;}"#),
            // Not serialized: the second key's length is wrong. A text, then.
            r#"a:2:{s:3:"url";s:16:"https://www.acme.com";s:5:"größ";i:1;}"#
        );
        assert_eq!(
            value(r#"a:2:{s:3:"url";s:20:"http://acme.test/äö";s:2:"x";N;}"#),
            r#"a:2:{s:3:"url";s:20:"https://www.acme.com/äö";s:2:"x";N;}"#
        );
        assert_eq!(
            value(r#"a:2:{s:3:"url";s:21:"http://acme.test/äö";s:1:"x";d:0.5;}"#),
            r#"a:2:{s:3:"url";s:25:"https://www.acme.com/äö";s:1:"x";d:0.5;}"#
        );
    }

    #[test]
    fn values_in_values_in_values() {
        let inner = r#"a:1:{i:0;s:16:"http://acme.test";}"#;
        let outer = format!(
            r#" O:8:"stdClass":2:{{s:4:"data";s:{}:"{inner}";s:9:"acme.test";b:1;}}"#,
            inner.len()
        );
        let new = r#"a:1:{i:0;s:20:"https://www.acme.com";}"#;
        assert_eq!(
            value(&outer),
            format!(
                r#" O:8:"stdClass":2:{{s:4:"data";s:{}:"{new}";s:12:"www.acme.com";b:1;}}"#,
                new.len()
            )
        );
    }

    #[test]
    fn classes_that_write_themselves_and_references() {
        assert_eq!(
            value(r#"a:3:{i:0;C:1:"X":9:{acme.test}i:1;R:2;i:2;E:5:"A:b_c";}"#),
            r#"a:3:{i:0;C:1:"X":12:{www.acme.com}i:1;R:2;i:2;E:5:"A:b_c";}"#
        );
    }

    #[test]
    fn what_only_begins_like_a_value_is_a_text() {
        assert_eq!(value("s:9:acme.test;"), "s:9:www.acme.com;");
        assert_eq!(value(r#"s:9:"acme.test";x;"#), r#"s:9:"www.acme.com";x;"#);
        assert_eq!(
            value(r#"a:9999999999999999999:{s:9:"acme.test";}"#),
            r#"a:9999999999999999999:{s:9:"www.acme.com";}"#
        );
        let deep = format!(
            "{}s:9:\"acme.test\";{}",
            "a:1:{i:0;".repeat(100_000),
            "}".repeat(100_000)
        );
        assert!(value(&deep).contains("s:9:\"www.acme.com\""));
    }
}
