//! `bbws validate`: every problem of the whole fleet at once.

use serde::Serialize;

use super::{CliError, ExitCode, Global};
use crate::manifest::{self, Finding};
use crate::output;
use crate::report;

/// Check every manifest of the fleet, without AWS. Warns of sites that cost more than their budget.
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
    /// What leaves the fleet valid.
    warnings: &'a [Finding],
}

/// Prints the findings; [`ExitCode::InvalidManifests`] when there are any but warnings.
///
/// # Errors
/// None: an invalid fleet is a result.
pub(super) async fn run(global: &Global, _: Args) -> Result<ExitCode, CliError> {
    let palette = output::Palette::stdout();
    let loaded = manifest::load(&global.fleet);
    let warnings = loaded
        .as_ref()
        .map(|fleet| report::budget_warnings(&global.fleet, fleet))
        .unwrap_or_default();
    let (outcome, exit, text) = match &loaded {
        Ok(fleet) => {
            let (environments, sites) = (fleet.environments.len(), fleet.sites.len());
            let counts = format!(
                "{}, {}",
                output::count(environments, "environment"),
                output::count(sites, "site")
            );
            let valid = palette.paint(palette.good, "valid");
            let text = format!("{}{valid}: {counts}", output::warnings(&warnings, palette));
            (
                Outcome {
                    valid: true,
                    environments,
                    sites,
                    findings: &[],
                    warnings: &warnings,
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
                warnings: &warnings,
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
