//! The step summary: Markdown that a workflow's page shows.

use super::client::GithubError;
use super::comment;
use super::input::{Checks, Plan, Printed, Run};
use super::issue;
use super::markdown::code;
use std::fs::OpenOptions;
use std::io::Write;

/// Bytes of a step's summary: 1 MiB, over which GitHub drops all of it
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>).
const LONGEST: usize = 1024 * 1024;
const CUT: &str = "\n\n…the rest did not fit.\n";

/// Of a plan, whole: what a comment has no room for, a summary often has.
///
/// # Errors
/// The file cannot be written.
pub fn of_plan(environment: &str, printed: &Printed<Plan>) -> Result<(), GithubError> {
    let text = comment::text(environment, printed);
    append(&text.whole.unwrap_or(text.short))
}

/// Of a run.
///
/// # Errors
/// The file cannot be written.
pub fn of_run(environment: &str, printed: &Printed<Run>) -> Result<(), GithubError> {
    append(&format!(
        "### {}\n\n{}\n",
        code(environment),
        issue::run_text(printed)
    ))
}

/// Of checks.
///
/// # Errors
/// The file cannot be written.
pub fn of_checks(environment: &str, printed: &Printed<Checks>) -> Result<(), GithubError> {
    append(&format!(
        "### {}: {}\n\n{}\n",
        code(environment),
        code(&printed.command),
        issue::checks_text(printed)
    ))
}

/// Appends to the file that `GITHUB_STEP_SUMMARY` names, as far as the limit allows; outside of a workflow, nothing.
fn append(text: &str) -> Result<(), GithubError> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let failed = |error: std::io::Error| GithubError::File {
        file: file.to_string_lossy().into_owned(),
        reason: error.to_string(),
    };
    let present = std::fs::metadata(&file).map_or(0, |present| present.len());
    let room = LONGEST.saturating_sub(usize::try_from(present).unwrap_or(LONGEST));
    let text = within(text, room);
    let mut open = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .map_err(failed)?;
    open.write_all(text.as_bytes()).map_err(failed)
}

fn within(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let mut end = room.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 {
        String::new()
    } else {
        format!("{}{CUT}", &text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_cut_at_its_limit_and_between_characters() {
        assert_eq!(within("short", 5), "short");
        let long = "ü".repeat(100);
        let cut = within(&long, 61);
        assert!(
            cut.len() <= 61 && cut.starts_with('ü') && cut.ends_with(CUT),
            "{cut}"
        );
        assert_eq!(within(&long, 3), "");
    }
}
