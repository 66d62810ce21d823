//! Markdown as GitHub reads it.

use anyhow::{Context as _, Result, ensure};

/// Outside of code, where GitHub acts on text, there is nothing of what others wrote.
pub(super) fn nothing_acts(markdown: &str) -> Result<()> {
    let mut outside = String::new();
    let mut rest = markdown;
    while let Some(start) = rest.find('`') {
        outside.push_str(&rest[..start]);
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        let (marks, body) = rest[start..].split_at(fence);
        let end =
            closing(body, marks).with_context(|| format!("a span is left open: {body:.200}"))?;
        rest = &body[end + fence..];
    }
    outside.push_str(rest);
    for part in ["@acme", "evil.example", "<img", "\u{202e}", "\n# "] {
        ensure!(
            !outside.contains(part),
            "{part:?} is outside of code: {outside:.2000}"
        );
    }
    Ok(())
}

/// Where a run of exactly these marks begins.
fn closing(text: &str, marks: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('`')?;
        let run = text[start..].chars().take_while(|c| *c == '`').count();
        if run == marks.len() {
            return Some(start);
        }
        from = start + run;
    }
}
