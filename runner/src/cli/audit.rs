//! `bbws audit`: what protects a live environment, check by check.

use super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::cloud::Cloud;
use crate::manifest::EnvironmentName;
use crate::output;
use crate::report::audit::{self, Outcome, Verdict};
use serde::Serialize;

/// Checks how a live environment is secured: load balancers, file systems, artifact bucket and user pool. Changes nothing.
///
/// Ends with 0 when every check passes, 1 when something is found, and 4 when AWS did not let a check see what it is about.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws audit --env prod
  bbws audit --env prod --json | jq '.result.checks[] | select(.verdict == \"finding\")'")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
}

/// The JSON result.
#[derive(Serialize)]
struct Audit<'a> {
    environment: &'a str,
    findings: usize,
    unreadable: usize,
    checks: &'a [Outcome],
}

/// Prints it.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let cloud = Cloud::connect(environment).await?;
    let outcomes = audit::audit(&audit::read(&cloud).await);
    let count = |verdict| outcomes.iter().filter(|o| o.verdict == verdict).count();
    let (findings, unreadable) = (count(Verdict::Finding), count(Verdict::Unreadable));
    let exit = ending(findings, unreadable);
    if global.json {
        let audit = Audit {
            environment: environment.name.as_str(),
            findings,
            unreadable,
            checks: &outcomes,
        };
        output::print(output::result("audit", exit, &audit));
    } else {
        let heading = ["CHECK", "SUBJECT", "VERDICT", "FOUND"].map(str::to_owned);
        let rows = std::iter::once(heading).chain(outcomes.iter().map(row));
        output::print(output::table(rows));
        for outcome in outcomes.iter().filter(|o| o.verdict == Verdict::Finding) {
            let Outcome {
                check, ask, fix, ..
            } = outcome;
            output::print(format_args!("{check}: {ask}. To fix: {fix}"));
        }
        let checks = output::count(outcomes.len(), "check");
        let found = output::count(findings, "finding");
        output::print(format_args!(
            "{checks} of {}: {found}, {unreadable} unreadable",
            environment.name
        ));
    }
    Ok(exit)
}

/// Something unread weighs more than findings: the report is not whole.
pub(super) const fn ending(findings: usize, unreadable: usize) -> ExitCode {
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
    fn an_audit_that_could_not_see_everything_never_ends_well() {
        assert_eq!(ending(0, 0), ExitCode::Done);
        assert_eq!(ending(3, 0), ExitCode::Failed);
        assert_eq!(ending(0, 1), ExitCode::Refused);
        assert_eq!(ending(3, 1), ExitCode::Refused);
    }
}
