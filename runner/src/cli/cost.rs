//! `bbws cost`: what the fleet costs.

use super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::manifest::{EnvironmentName, Fleet};
use crate::output;
use crate::report::{self, Amount, EnvironmentCost, Line, SiteCost};
use clap::Subcommand;

/// What the fleet costs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws cost estimate              every environment
  bbws cost estimate --env prod   one
  bbws cost estimate --json | jq '.result[].total'")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Estimate a month from the manifests and the price table that this program was built with, without AWS.
    ///
    /// Counted is what stands whether or not anybody visits; not counted is what depends on visitors and content (transfer,
    /// requests, logs, files, backups), and no free tier. OWN is what carries the tenant's tag, which its budget watches; SHARE
    /// is an equal part of what the environment's sites share. Ranges are the fewest and the most tasks.
    #[command(after_help = "\
Examples:
  bbws cost estimate --env dev
  bbws cost estimate --env dev --json | jq '.result[0].sites[] | select(.over_budget)'")]
    Estimate {
        /// Only this environment.
        #[arg(long, value_name = "NAME")]
        env: Option<EnvironmentName>,
    },
}

/// Prints the estimate.
///
/// # Errors
/// When the manifests are invalid, or a region has no prices.
pub(super) fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let Action::Estimate { env } = args.action;
    let fleet = super::fleet(global)?;
    let chosen = match &env {
        Some(name) => vec![environment(&fleet, name)?],
        None => fleet.environments.values().collect(),
    };
    let costs: Result<Vec<_>, _> = chosen
        .into_iter()
        .map(|environment| estimate(&fleet, environment))
        .collect();
    let costs = costs.map_err(|error| {
        CliError::new(ExitCode::Failed, error.to_string())
            .next("add the region to runner/src/report/prices.yaml")
    })?;
    if global.json {
        output::print(output::result("cost estimate", ExitCode::Done, &costs));
    } else {
        let texts: Vec<_> = costs.iter().map(text).collect();
        output::print(texts.join("\n\n"));
    }
    Ok(ExitCode::Done)
}

fn estimate(
    fleet: &Fleet,
    environment: &crate::manifest::Environment,
) -> Result<EnvironmentCost, report::NoPrices> {
    let sites = fleet.sites.iter();
    let sites: Vec<_> = sites
        .filter(|site| site.environment == environment.name)
        .collect();
    report::estimate(environment, &sites)
}

fn text(cost: &EnvironmentCost) -> String {
    let palette = output::Palette::stdout();
    let title = format!(
        "{} ({}), US dollars a month, prices of {}",
        cost.environment, cost.region, cost.prices_date
    );
    let heading = ["TENANT", "OWN", "SHARE", "TOTAL", "BUDGET", ""].map(str::to_owned);
    let rows = std::iter::once(heading).chain(cost.sites.iter().map(row));
    let shared = cost.shared.iter().map(|Line { item, monthly }| {
        let price = monthly.map_or("no price".to_owned(), range);
        [format!("  {item}"), price]
    });
    let mut parts = vec![
        palette.paint(palette.strong, title).to_string(),
        output::table(rows),
        "shared".to_owned(),
        output::table(shared),
    ];
    if cost.sites.is_empty() {
        parts.remove(1);
    }
    let more = match cost.unpriced.len() {
        0 => String::new(),
        _ => format!(", and what has no price: {}", cost.unpriced.join("; ")),
    };
    parts.push(format!("Total: {}{more}", range(cost.total)));
    parts.join("\n")
}

fn row(site: &SiteCost) -> [String; 6] {
    let share = Amount {
        least: site.share,
        most: site.share,
    };
    let remark = if site.over_budget { "over budget" } else { "" };
    [
        site.tenant.clone(),
        range(site.own),
        format!("{:.2}", site.share),
        range(site.own + share),
        site.budget.to_string(),
        remark.to_owned(),
    ]
}

fn range(Amount { least, most }: Amount) -> String {
    let (least, most) = (format!("{least:.2}"), format!("{most:.2}"));
    if least == most {
        return least;
    }
    format!("{least} to {most}")
}
