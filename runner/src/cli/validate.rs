//! `bbws validate`: every problem of the whole fleet at once.

use serde::Serialize;

use super::{CliError, ExitCode, Global};
use crate::manifest::{self, Finding};
use crate::output;

/// Check every manifest of the fleet, without AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws validate                       check the fleet in this folder
  bbws validate --fleet ../fleet      check another one
  bbws validate --json | jq .result.findings")]
pub(super) struct Args {}

/// The JSON result.
#[derive(Serialize)]
struct Outcome<'a> {
    valid: bool,
    environments: usize,
    sites: usize,
    findings: &'a [Finding],
}

/// Prints the findings; [`ExitCode::InvalidManifests`] when there are any.
///
/// # Errors
/// None: an invalid fleet is a result.
pub(super) async fn run(global: &Global, _: Args) -> Result<ExitCode, CliError> {
    let palette = output::Palette::stdout();
    let loaded = manifest::load(&global.fleet);
    let (outcome, exit, text) = match &loaded {
        Ok(fleet) => {
            let (environments, sites) = (fleet.environments.len(), fleet.sites.len());
            let counts = format!(
                "{}, {}",
                output::count(environments, "environment"),
                output::count(sites, "site")
            );
            let text = format!("{}: {counts}", palette.paint(palette.good, "valid"));
            (
                Outcome {
                    valid: true,
                    environments,
                    sites,
                    findings: &[],
                },
                ExitCode::Done,
                text,
            )
        }
        Err(invalid) => {
            let text = output::findings(&invalid.findings, invalid.files, palette);
            let outcome = Outcome {
                valid: false,
                environments: 0,
                sites: 0,
                findings: &invalid.findings,
            };
            (outcome, ExitCode::InvalidManifests, text)
        }
    };
    if global.json {
        output::print(output::result("validate", exit, &outcome));
    } else {
        output::print(text);
    }
    Ok(exit)
}
