//! `bbws doctor`: whether an account can do what its fleet asks, and the command that helps where it cannot.

use super::audit::ending;
use super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::manifest::EnvironmentName;
use crate::output;
use crate::report::Verdict;
use crate::report::doctor::{Outcome, Patient, examine};
use crate::session::Session;
use serde::Serialize;
use std::net::SocketAddr;
use time::OffsetDateTime;

/// Checks an account against its foundation document and the fleet: quotas, permissions, DNS delegation, certificates, images,
/// secrets, clock and versions. Changes nothing; every finding names the command that mends it.
///
/// Ends with 0 when every check passes, 1 when something is found, and 4 when a check could not look.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws doctor --env prod
  bbws doctor --env prod --resolver 1.1.1.1:53    as the world sees its DNS, not this network
  bbws doctor --env prod --json | jq -r '.result.checks[] | select(.verdict != \"pass\") | .fix'")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// Ask this name server instead of those of /etc/resolv.conf.
    #[arg(long, value_name = "IP:PORT", env = "BBWS_RESOLVER")]
    resolver: Option<SocketAddr>,
}

/// The JSON result.
#[derive(Serialize)]
struct Doctor<'a> {
    environment: &'a str,
    findings: usize,
    unreadable: usize,
    checks: &'a [Outcome],
}

/// Prints it.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let name = environment.name.as_str();
    let outcomes = match Session::open(&fleet, environment).await {
        Err(error) => vec![Outcome::of_connection(name, &error)],
        Ok(session) => {
            let inventory = session.read().await;
            let patient = Patient {
                session: &session,
                inventory: &inventory,
                resolver: args.resolver,
                root: &global.fleet.join("environments").join(name),
                now: OffsetDateTime::now_utc(),
            };
            examine(&patient).await
        }
    };
    let count = |verdict| outcomes.iter().filter(|o| o.verdict == verdict).count();
    let (findings, unreadable) = (count(Verdict::Finding), count(Verdict::Unreadable));
    let exit = ending(findings, unreadable);
    if global.json {
        let doctor = Doctor {
            environment: name,
            findings,
            unreadable,
            checks: &outcomes,
        };
        output::print(output::result("doctor", exit, &doctor));
        return Ok(exit);
    }
    let heading = ["CHECK", "SUBJECT", "VERDICT", "FOUND"].map(str::to_owned);
    let rows = std::iter::once(heading).chain(outcomes.iter().map(row));
    output::print(output::table(rows));
    for outcome in outcomes.iter().filter(|o| o.verdict != Verdict::Pass) {
        let Outcome {
            check,
            subject,
            fix,
            ..
        } = outcome;
        output::print(format_args!("{check} {subject}: {fix}"));
    }
    let checks = output::count(outcomes.len(), "check");
    let found = output::count(findings, "finding");
    output::print(format_args!(
        "{checks} of {name}: {found}, {unreadable} unreadable"
    ));
    Ok(exit)
}

fn row(outcome: &Outcome) -> [String; 4] {
    [
        outcome.check.to_owned(),
        outcome.subject.clone(),
        outcome.verdict.to_string(),
        outcome.found.clone(),
    ]
}
