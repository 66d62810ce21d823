//! Findings for people, in the way of rustc: place, line, arrow, help.

use std::fmt::Write;

use super::{Palette, count};
use crate::manifest::Finding;

/// Findings that leave the manifests valid.
#[must_use]
pub fn warnings(findings: &[Finding], palette: Palette) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = one(&mut text, finding, palette);
    }
    text
}

/// All findings and a last line that counts them. `files` is how many manifests were read.
#[must_use]
pub fn findings(findings: &[Finding], files: usize, palette: Palette) -> String {
    let mut text = warnings(findings, palette);
    let summary = format!(
        "{} ({} checked)",
        count(findings.len(), "problem"),
        count(files, "manifest")
    );
    let _ = write!(text, "{}: {summary}", palette.paint(palette.bad, "invalid"));
    text
}

fn one(text: &mut String, finding: &Finding, palette: Palette) -> std::fmt::Result {
    let (style, severity) = match finding.rule.is_warning() {
        true => (palette.warn, "warning"),
        false => (palette.bad, "error"),
    };
    let rule = palette.paint(style, format_args!("{severity}[{}]", finding.rule.id()));
    writeln!(
        text,
        "{rule}: {}",
        palette.paint(palette.strong, &finding.message)
    )?;
    let Some(span) = finding.span else {
        writeln!(
            text,
            " {} {}",
            palette.paint(palette.frame, "-->"),
            finding.file
        )?;
        return writeln!(
            text,
            "  {} {}\n",
            palette.paint(palette.frame, "= help:"),
            finding.help
        );
    };
    let number = span.start.line.to_string();
    let gutter = " ".repeat(number.len());
    let bar = palette.paint(palette.frame, "|");
    let place = format!("{}:{number}:{}", finding.file, span.start.column);
    writeln!(
        text,
        "{gutter}{} {place}",
        palette.paint(palette.frame, "-->")
    )?;
    if let Some(line) = &finding.source_line {
        let width = line.chars().count();
        let end = if span.end.line == span.start.line {
            span.end.column
        } else {
            width + 1
        };
        let arrows = "^".repeat(end.saturating_sub(span.start.column).max(1));
        let indent = " ".repeat(span.start.column - 1);
        writeln!(text, "{gutter} {bar}")?;
        writeln!(
            text,
            "{} {bar} {line}",
            palette.paint(palette.frame, &number)
        )?;
        writeln!(
            text,
            "{gutter} {bar} {indent}{}",
            palette.paint(style, arrows)
        )?;
    }
    writeln!(
        text,
        "{gutter} {} {}\n",
        palette.paint(palette.frame, "= help:"),
        finding.help
    )
}
