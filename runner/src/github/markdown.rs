//! Text of others inside Markdown and HTML: shown as it is, and nothing of it acts.
//!
//! Code spans and `<code>` are the places where GitHub makes neither mentions nor links nor references of what they hold.

use std::fmt::Write;

/// Longer texts are cut: a comment has room for few of them.
const LONGEST: usize = 300;

/// A code span. Line breaks and control characters become spaces, and its fence is longer than any inside.
#[must_use]
pub(crate) fn code(text: &str) -> String {
    let text = line(text);
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // Spaces are taken off again where both are there, so that a text may begin or end with a backtick.
    format!("{fence} {text} {fence}")
}

/// `<code>` for the inside of HTML elements, where Markdown is not read.
#[must_use]
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::from("<code>");
    for c in line(text).chars() {
        match c {
            c if c.is_ascii_punctuation() => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped + "</code>"
}

/// A fenced block, with its language. Its fence is longer than any inside.
#[must_use]
pub(super) fn block(language: &str, text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if is_odd(c) && c != '\n' { ' ' } else { c })
        .collect();
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if is_odd(c) { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if text.chars().count() > LONGEST {
        line.push('…');
    }
    // A span of nothing, or of spaces alone, is no span.
    match line.trim() {
        "" => "(nothing)".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// Control characters, and those that turn the direction of what follows.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

fn longest_run(text: &str, of: char) -> usize {
    let runs = text.split(|c| c != of).map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_cannot_be_left() {
        assert_eq!(code("acme"), "` acme `");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("``` @org/all"), "```` ``` @org/all ````");
        assert_eq!(code("a\n\n<img src=x> \u{202e}b"), "` a  <img src=x>  b `");
        assert_eq!(code(" \n"), "` (nothing) `");
        assert_eq!(code(&"x".repeat(400)).chars().count(), LONGEST + 5);
    }

    #[test]
    fn html_holds_no_markup() {
        assert_eq!(
            html("</code><script>@x&amp;"),
            "<code>&#60;&#47;code&#62;&#60;script&#62;&#64;x&#38;amp&#59;</code>"
        );
    }

    #[test]
    fn a_block_cannot_be_left() {
        let text = block("diff", "+ a\n```\n<b>\r````\n");
        assert!(
            text.starts_with("`````diff\n+ a\n```\n<b> ````\n`````\n"),
            "{text}"
        );
    }
}
