//! The rows of an INSERT, value by value, where what becomes of one depends on its column.

use std::{borrow::Cow, io};

use super::statements::{invalid, literal_end, push_literal, unescape};
use crate::{
    mask::Masker,
    rewrite::{Edit as _, Rewriter},
};

/// The statement with new addresses in its values and what is personal masked; how much of each.
pub(super) fn rewrite(
    table: &str,
    text: Vec<u8>,
    rewriter: Option<&Rewriter>,
    masker: &Masker,
) -> io::Result<(Vec<u8>, u64, u64)> {
    // Names of columns stand in the first line.
    let start = memchr::memchr(b'\n', &text).unwrap_or(text.len());
    let columns = masker.columns(table, &names(&text[..start]));
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let (mut done, mut rewritten, mut masked) = (0, 0, 0);
    let (mut at, mut row) = (start, Vec::new());
    while let Some(open) = memchr::memchr(b'(', &text[at..]).map(|open| at + open) {
        at = spans(&text, open + 1, &mut row)?;
        for (column, (from, end)) in row.iter().copied().enumerate() {
            let suspect = columns.concern(column)
                || text[from] == b'0'
                || memchr::memchr(b'@', &text[from..end]).is_some()
                || rewriter.is_some_and(|rewriter| rewriter.suspects(&text[from..end]));
            let Some(value) = suspect.then(|| decoded(&text[from..end])).flatten() else {
                continue;
            };
            let (new, addresses) = match rewriter {
                Some(rewriter) => rewriter.value(&value),
                None => (Cow::Borrowed(value.as_slice()), 0),
            };
            let of_row = |column: usize| {
                let (from, end) = *row.get(column)?;
                decoded(&text[from..end])
            };
            let (new, hidden) = columns.mask(column, &new, of_row);
            if addresses + hidden > 0 {
                out.extend_from_slice(&text[done..from]);
                push_literal(&mut out, text[from] == b'\'', &new);
                done = end;
            }
            rewritten += addresses;
            masked += hidden;
        }
    }
    out.extend_from_slice(&text[done..]);
    Ok((out, rewritten, masked))
}

/// The names of ``INSERT INTO `t` (`a`, `b``c`) VALUES``.
fn names(head: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(start) = memchr::memchr(b'`', &head[at..]).map(|found| at + found + 1) {
        let mut end = start;
        while let Some(found) = memchr::memchr(b'`', &head[end..]) {
            end += found;
            if head.get(end + 1) != Some(&b'`') {
                break;
            }
            end += 2;
        }
        names.push(String::from_utf8_lossy(&head[start..end]).replace("``", "`"));
        at = end + 1;
    }
    // The table's is the first.
    names.drain(..names.len().min(1));
    names
}

/// Finds the values of the row that begins at `at`, and where it ends.
fn spans(text: &[u8], mut at: usize, row: &mut Vec<(usize, usize)>) -> io::Result<usize> {
    row.clear();
    loop {
        let end = if text.get(at) == Some(&b'\'') {
            literal_end(text, at + 1).ok_or_else(|| invalid("a text without an end"))? + 1
        } else {
            let length = memchr::memchr2(b',', b')', &text[at..]);
            at + length.ok_or_else(|| invalid("a row without an end"))?
        };
        row.push((at, end));
        match text.get(end) {
            Some(b',') => at = end + 1,
            Some(b')') => return Ok(end + 1),
            _ => return Err(invalid("a row that no export writes")),
        }
    }
}

/// A value's bytes, if it is a text or bytes.
fn decoded(literal: &[u8]) -> Option<Vec<u8>> {
    match literal {
        [b'\'', content @ .., b'\''] => {
            let mut value = Vec::new();
            unescape(content, &mut value);
            Some(value)
        }
        [b'0', b'x', digits @ ..] => hex::decode(digits).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Address;

    #[test]
    fn values_are_found_and_masked_by_their_column() {
        let to = Address {
            scheme: "https".into(),
            authority: "acme.dev.test".into(),
        };
        let rewriter = Rewriter::new(&["www.acme.com".to_owned()], to).unwrap();
        let masker = Masker::new([3; 32], &[], []);
        let text = concat!(
            "INSERT INTO `wp_comments` (`comment_ID`, `comment_author`, `od``d`, `comment_content`, `comment_agent`) VALUES\n",
            "(1,'O\\'Neil, (Ann)',NULL,'see //www.acme.com and ann@www.acme.com','x'),\n",
            "(-2.5,'',0x616e6e407777772e61636d652e636f6d,'it\\'s; (no) \\n\\\\','')"
        );
        let (new, rewritten, masked) = rewrite(
            "wp_comments",
            text.as_bytes().to_vec(),
            Some(&rewriter),
            &masker,
        )
        .unwrap();
        let new = String::from_utf8(new).unwrap();
        assert_eq!((rewritten, masked), (3, 4));
        let rows: Vec<_> = new.lines().collect();
        assert!(
            rows[1].starts_with("(1,'Person ")
                && rows[1].contains(",NULL,'see //acme.dev.test and ")
                && rows[1].ends_with("@masked.invalid',''),"),
            "{new}"
        );
        assert!(
            rows[2].starts_with("(-2.5,'',0x") && rows[2].ends_with(",'it\\'s; (no) \\n\\\\','')")
        );
        let hidden = hex::encode("@masked.invalid");
        assert!(rows[2].contains(&hidden), "{new}");
    }
}
