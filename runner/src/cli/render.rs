//! `bbws render`: what manifests become, without AWS.

use super::scope::{ScopeArgs, environment};
use super::{CliError, ExitCode, Global};
use crate::cloud::{Foundation, Secret};
use crate::manifest::Site;
use crate::output;
use crate::resource::{ALL, Context, TenantRef, desired};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Shows what manifests become: every resource of a site with its settings. Needs no AWS account.
///
/// What only AWS knows is shown as "(known after apply)", what the environment's foundation says as "(foundation)".
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bbws render --env dev                            all sites of dev
  bbws render --env prod --tenant acme --json      one site, as JSON")]
pub(super) struct RenderArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: RenderArgs) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.scope.env)?;
    let foundation = Foundation::placeholder(
        environment.name.as_str(),
        environment.account.as_str(),
        environment.region.as_str(),
        environment.domain.as_str(),
    );
    let only = args.scope.only();
    let wanted = |site: &&Site| {
        site.environment == environment.name
            && only.as_ref().is_none_or(|only| only.contains(&site.tenant))
    };
    let sites = fleet.sites.iter().filter(wanted);
    let rendered: BTreeMap<_, _> = sites
        .map(|site| (site.tenant.to_string(), render(site, &foundation)))
        .collect();
    if global.json {
        output::print(output::result("render", ExitCode::Done, &rendered));
    } else {
        let text = serde_json::to_string_pretty(&rendered).map_err(|error| {
            CliError::new(ExitCode::Failed, "could not write the result").because(error)
        })?;
        output::print(text);
    }
    Ok(ExitCode::Done)
}

fn render(site: &Site, foundation: &Foundation) -> Value {
    let context = Context {
        site: Some(site),
        who: TenantRef {
            environment: site.environment.to_string(),
            tenant: site.tenant.clone(),
        },
        foundation,
        cell: &foundation.cells[0],
        origin_secret: &Secret::new("(foundation)"),
        image: site.release.image(&foundation.registry.uri),
        hold: None,
        known: BTreeMap::new(),
    };
    let resources = ALL
        .iter()
        .filter_map(|kind| Some((kind.label().to_owned(), desired(*kind, &context)?)));
    json!({ "name": context.who.name(), "url": context.home(), "resources": resources.collect::<Map<_, _>>() })
}
