//! The statements of a dump, and the changes of their rows. Knows the form that the export writes: a statement ends with `;`
//! at the end of a line, and no literal holds the end of a line.

use std::io::{self, BufRead};

use super::rows;
use crate::{
    database::sql,
    mask::Masker,
    rewrite::{Edit as _, Rewriter},
};

/// One statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// What it does.
    pub(super) kind: Kind,
    /// Its text, without the `;`.
    pub(super) text: Vec<u8>,
}

/// What becomes of rows on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    pub(super) rewriter: Option<Rewriter>,
    pub(super) masker: Option<Masker>,
}

/// How much was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edited {
    /// Addresses rewritten.
    pub(super) rewritten: u64,
    /// Values masked.
    pub(super) masked: u64,
}

impl Edits {
    /// The rows of an INSERT into `table` with their changes.
    ///
    /// # Errors
    /// A text that no export writes.
    pub(super) fn apply(&self, table: &str, text: Vec<u8>) -> io::Result<(Vec<u8>, Edited)> {
        let (text, rewritten, masked) = match (&self.masker, &self.rewriter) {
            (Some(masker), rewriter) => rows::rewrite(table, text, rewriter.as_ref(), masker)?,
            (None, Some(rewriter)) => {
                let (text, rewritten) = rewrite(text, rewriter)?;
                (text, rewritten, 0)
            }
            (None, None) => (text, 0, 0),
        };
        Ok((text, Edited { rewritten, masked }))
    }
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sets the session.
    Session,
    /// Drops or makes this table.
    Define(String),
    /// Fills this table.
    Fill(String),
    /// About a view.
    View,
}

/// The next statement, or `None` at the end.
///
/// # Errors
/// The reader's; a text that is no dump of ours or breaks off.
pub(super) fn next(reader: &mut impl BufRead) -> io::Result<Option<Statement>> {
    let mut text = Vec::new();
    loop {
        let length = reader.read_until(b'\n', &mut text)?;
        if length == 0 {
            return if text.is_empty() {
                Ok(None)
            } else {
                Err(invalid("it breaks off"))
            };
        }
        if text.ends_with(b";\n") {
            text.truncate(text.len() - 2);
            break;
        }
    }
    let kind = kind(&text).ok_or_else(|| {
        let start = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        invalid(&format!("no statement that an export writes: {start}"))
    })?;
    Ok(Some(Statement { kind, text }))
}

pub(super) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn kind(text: &[u8]) -> Option<Kind> {
    let table = |prefix: &[u8]| {
        let rest = text.strip_prefix(prefix)?.strip_prefix(b"`")?;
        // A backtick in a name is written twice.
        let mut end = 0;
        loop {
            end += memchr::memchr(b'`', rest.get(end..)?)?;
            if rest.get(end + 1) != Some(&b'`') {
                break;
            }
            end += 2;
        }
        Some(
            String::from_utf8(rest[..end].to_vec())
                .ok()?
                .replace("``", "`"),
        )
    };
    if let Some(name) = table(b"INSERT INTO ") {
        return Some(Kind::Fill(name));
    }
    if let Some(name) = table(b"CREATE TABLE ").or_else(|| table(b"DROP TABLE IF EXISTS ")) {
        return Some(Kind::Define(name));
    }
    let begins = |prefix: &[u8]| text.starts_with(prefix);
    if begins(b"SET ") {
        Some(Kind::Session)
    } else if begins(b"DROP VIEW ") || begins(b"CREATE ") {
        Some(Kind::View)
    } else {
        None
    }
}

/// The statement with new addresses in its literals, of texts and of bytes.
fn rewrite(text: Vec<u8>, rewriter: &Rewriter) -> io::Result<(Vec<u8>, u64)> {
    let bytes = memchr::memmem::find(&text, b",0x").or_else(|| memchr::memmem::find(&text, b"(0x"));
    if bytes.is_none() && !rewriter.suspects(&text) {
        return Ok((text, 0));
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let (mut done, mut rewritten) = (0, 0);
    let mut value = Vec::new();
    // Names of columns stand in the first line.
    let mut at = memchr::memchr(b'\n', &text).unwrap_or_default();
    while let Some(start) = memchr::memchr2(b'\'', b'x', &text[at..]).map(|start| at + start) {
        let (from, end) = if text[start] == b'\'' {
            let end =
                literal_end(&text, start + 1).ok_or_else(|| invalid("a text without an end"))?;
            let literal = &text[start + 1..end];
            value.clear();
            if rewriter.suspects(literal) {
                unescape(literal, &mut value);
            }
            (start, end + 1)
        } else {
            let digits = &text[start + 1..];
            let length = digits
                .iter()
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            value = hex::decode(&digits[..length]).map_err(|error| invalid(&error.to_string()))?;
            // After the 0 of `0x`.
            (start - 1, start + 1 + length)
        };
        let (new, count) = rewriter.value(&value);
        if count > 0 {
            out.extend_from_slice(&text[done..from]);
            push_literal(&mut out, text[start] == b'\'', &new);
            done = end;
            rewritten += count;
        }
        at = end;
    }
    if rewritten == 0 {
        return Ok((text, 0));
    }
    out.extend_from_slice(&text[done..]);
    Ok((out, rewritten))
}

/// Writes a value as it was written, as a text or as bytes.
pub(super) fn push_literal(out: &mut Vec<u8>, is_text: bool, value: &[u8]) {
    // `0x` alone is no literal.
    if is_text || value.is_empty() {
        sql::push_string(out, value);
    } else {
        out.extend_from_slice(b"0x");
        out.extend_from_slice(hex::encode(value).as_bytes());
    }
}

/// Where the quote is that ends the literal whose text begins at `from`.
pub(super) fn literal_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'\'', b'\\', text.get(at..)?)?;
        if text[at] == b'\'' {
            return Some(at);
        }
        at += 2;
    }
}

/// The reverse of [`sql::push_string`].
pub(super) fn unescape(literal: &[u8], value: &mut Vec<u8>) {
    value.clear();
    let mut rest = literal;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        value.extend_from_slice(&rest[..at]);
        let Some(&escaped) = rest.get(at + 1) else {
            return;
        };
        value.push(match escaped {
            b'0' => 0,
            b'n' => b'\n',
            b'r' => b'\r',
            b'Z' => 0x1a,
            other => other,
        });
        rest = &rest[at + 2..];
    }
    value.extend_from_slice(rest);
}

/// From `acme.test` to `https://www.acme.com`.
#[cfg(test)]
pub(super) fn edits() -> Edits {
    let to = crate::protocol::Address {
        scheme: "https".into(),
        authority: "www.acme.com".into(),
    };
    Edits {
        rewriter: Some(Rewriter::new(&["acme.test".to_owned()], to).unwrap()),
        masker: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dump: &str) -> Vec<(Kind, String, u64)> {
        let edits = edits();
        let (mut dump, mut all) = (dump.as_bytes(), Vec::new());
        while let Some(Statement { kind, text }) = next(&mut dump).unwrap() {
            let (text, edited) = match &kind {
                Kind::Fill(table) => edits.apply(table, text).unwrap(),
                _ => (text, Edited::default()),
            };
            all.push((kind, String::from_utf8(text).unwrap(), edited.rewritten));
        }
        all
    }

    #[test]
    fn only_texts_of_rows_are_rewritten() {
        let dump = concat!(
            "SET NAMES utf8mb4; SET sql_mode = '';\n",
            "DROP TABLE IF EXISTS `wp_a``b`;\n",
            "CREATE TABLE `wp_a``b` (\n  `acme.test` text COMMENT 'acme.test'\n);\n",
            "INSERT INTO `wp_a``b` (`acme.test`) VALUES\n('http://acme.test'),\n(0x6163),\n('it\\'s;\\n\\\\'),\n('\\\\\\'//acme.test\\'');\n",
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1;\n",
        );
        let table = "wp_a`b".to_owned();
        let all = read(dump);
        assert_eq!(
            all.iter()
                .map(|(kind, _, n)| (kind.clone(), *n))
                .collect::<Vec<_>>(),
            [
                (Kind::Session, 0),
                (Kind::Define(table.clone()), 0),
                (Kind::Define(table.clone()), 0),
                (Kind::Fill(table), 2),
                (Kind::View, 0)
            ]
        );
        assert!(all[2].1.contains("COMMENT 'acme.test'"));
        assert_eq!(
            all[3].1,
            "INSERT INTO `wp_a``b` (`acme.test`) VALUES\n('https://www.acme.com'),\n(0x6163),\n('it\\'s;\\n\\\\'),\n('\\\\\\'//www.acme.com\\'')"
        );
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (mut literal, mut back) = (Vec::new(), Vec::new());
        sql::push_string(&mut literal, &bytes);
        assert_eq!(literal_end(&literal, 1), Some(literal.len() - 1));
        unescape(&literal[1..literal.len() - 1], &mut back);
        assert_eq!(back, bytes);
    }

    #[test]
    fn bytes_are_rewritten_as_texts_are() {
        let hex = |text: &str| format!("0x{}", hex::encode(text));
        let dump =
            |value: &str| format!("INSERT INTO `a` (`max`) VALUES\n(1,'x''y',0xff,{value});\n");
        let old = hex(r#"a:1:{i:0;s:9:"acme.test";}"#);
        let new = hex(r#"a:1:{i:0;s:12:"www.acme.com";}"#);
        assert_eq!(read(&dump(&old))[0].1, dump(&new).trim_end_matches(";\n"));
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        let refused = |mut dump: &[u8]| next(&mut dump).unwrap_err().to_string();
        assert!(refused(b"GRANT ALL ON *.* TO x;\n").contains("GRANT"));
        assert!(refused(b"INSERT INTO `a` VALUES\n(1),\n").contains("breaks off"));
    }
}
