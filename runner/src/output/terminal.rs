//! Writing to the terminal: colour where it is wanted, and closed pipes taken calmly.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

/// The styles of one output stream; all of them empty where colour is not wanted.
///
/// Used as `format!("{}error{}", palette.bad, palette.bad.render_reset())`, or shorter with [`Palette::paint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// Errors, and what is destroyed.
    pub bad: Style,
    /// Warnings, and what is changed.
    pub warn: Style,
    /// Success, and what is added.
    pub good: Style,
    /// Headings and names.
    pub strong: Style,
    /// What guides the eye: line numbers, arrows.
    pub frame: Style,
    /// What may be overlooked.
    pub faint: Style,
}

impl Palette {
    /// The palette of stdout.
    #[must_use]
    pub fn stdout() -> Self {
        Self::for_stream(io::stdout().is_terminal())
    }

    /// The palette of stderr.
    #[must_use]
    pub fn stderr() -> Self {
        Self::for_stream(io::stderr().is_terminal())
    }

    fn for_stream(is_terminal: bool) -> Self {
        let term = env::var_os("TERM");
        let no_color = env::var_os("NO_COLOR");
        if wants_colour(is_terminal, no_color.as_deref(), term.as_deref()) {
            Self::coloured()
        } else {
            Self::default()
        }
    }

    /// Colours, whatever the stream.
    #[must_use]
    pub fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Self {
            bad: colour(AnsiColor::Red).bold(),
            warn: colour(AnsiColor::Yellow),
            good: colour(AnsiColor::Green),
            strong: Style::new().bold(),
            frame: colour(AnsiColor::Blue).bold(),
            faint: Style::new().dimmed(),
        }
    }

    /// `text` in a style of this palette.
    #[must_use]
    pub fn paint(&self, style: Style, text: impl fmt::Display) -> String {
        format!("{style}{text}{style:#}")
    }
}

/// Colour only on a terminal that can show it, and never against `NO_COLOR` (<https://no-color.org>: set and not empty).
fn wants_colour(
    is_terminal: bool,
    no_color: Option<&std::ffi::OsStr>,
    term: Option<&std::ffi::OsStr>,
) -> bool {
    is_terminal
        && no_color.is_none_or(|value| value.is_empty())
        && term.is_some_and(|term| term != "dumb")
}

/// Writes a result to stdout, with a newline. A reader that went away (`bbws … | head`) is no error of ours.
pub fn print(text: impl fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes narration to stderr, with a newline.
pub fn narrate(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::wants_colour;
    use std::ffi::OsStr;

    #[test]
    fn colour_needs_a_capable_terminal_and_no_objection() {
        let xterm = Some(OsStr::new("xterm"));
        assert!(wants_colour(true, None, xterm));
        assert!(wants_colour(true, Some(OsStr::new("")), xterm));
        assert!(!wants_colour(false, None, xterm));
        assert!(!wants_colour(true, Some(OsStr::new("1")), xterm));
        assert!(!wants_colour(true, None, Some(OsStr::new("dumb"))));
        assert!(!wants_colour(true, None, None));
    }
}
