//! How checks of an account are printed, whichever verb makes them, and how it ends.

use super::{ExitCode, Global};
use crate::output;
use crate::report::{Outcome, Verdict};
use serde::Serialize;

/// The JSON result.
#[derive(Serialize)]
struct Checks<'a> {
    environment: &'a str,
    findings: usize,
    unreadable: usize,
    checks: &'a [Outcome],
}

/// Prints the checks of an environment that `verb` made.
pub(super) fn print(
    global: &Global,
    verb: &'static str,
    environment: &str,
    checks: &[Outcome],
) -> ExitCode {
    let count = |verdict| checks.iter().filter(|o| o.verdict == verdict).count();
    let (findings, unreadable) = (count(Verdict::Finding), count(Verdict::Unreadable));
    let exit = ending(findings, unreadable);
    if global.json {
        let result = Checks {
            environment,
            findings,
            unreadable,
            checks,
        };
        output::print(output::result(verb, exit, &result));
        return exit;
    }
    let heading = ["CHECK", "SUBJECT", "VERDICT", "FOUND"].map(str::to_owned);
    let rows = std::iter::once(heading).chain(checks.iter().map(row));
    output::print(output::table(rows));
    for outcome in checks.iter().filter(|o| o.verdict != Verdict::Pass) {
        let Outcome {
            check,
            subject,
            fix,
            ..
        } = outcome;
        let ask = outcome.ask.map(|ask| format!("{ask}. To fix: "));
        let ask = ask.unwrap_or_default();
        output::print(format_args!("{check} {subject}: {ask}{fix}"));
    }
    let checks = output::count(checks.len(), "check");
    let found = output::count(findings, "finding");
    output::print(format_args!(
        "{checks} of {environment}: {found}, {unreadable} unreadable"
    ));
    exit
}

/// Something unread weighs more than findings: the report is not whole.
const fn ending(findings: usize, unreadable: usize) -> ExitCode {
    match (findings, unreadable) {
        (0, 0) => ExitCode::Done,
        (_, 0) => ExitCode::Failed,
        _ => ExitCode::Refused,
    }
}

fn row(outcome: &Outcome) -> [String; 4] {
    [
        outcome.check.to_owned(),
        outcome.subject.clone(),
        outcome.verdict.to_string(),
        outcome.found.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::{ExitCode, ending};

    #[test]
    fn checks_that_could_not_see_everything_never_end_well() {
        assert_eq!(ending(0, 0), ExitCode::Done);
        assert_eq!(ending(3, 0), ExitCode::Failed);
        assert_eq!(ending(0, 1), ExitCode::Refused);
        assert_eq!(ending(3, 1), ExitCode::Refused);
    }
}
