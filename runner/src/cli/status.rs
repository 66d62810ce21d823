//! `bbws status`: what stands, site by site.

use super::scope::{ScopeArgs, environment};
use super::{CliError, ExitCode, Global, signed};
use crate::apply::Bypass;
use crate::code::packages;
use crate::manifest::{EnvironmentName, Freeze, Hold, Site, TenantId};
use crate::output;
use crate::plan::Plan;
use crate::resource::{Inventory, Kind};
use crate::session::{Scope, Session};
use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

/// How many days a bypass is shown.
const REMEMBERED: i64 = 30;

/// Shows each site: its URL, its state, its tasks, and whether AWS is as the manifest says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bbws status --env dev
  bbws status --env prod --tenant acme --json")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// All sites that manifests name or AWS holds something of.
#[derive(Debug, Serialize)]
struct Statuses {
    sites: Vec<SiteStatus>,
    /// Why nothing may change.
    freeze: Option<Freeze>,
    /// Runs of the last 30 days that heeded no freeze or hold, oldest first.
    bypasses: Vec<Bypass>,
}

/// One site.
#[derive(Debug, Serialize)]
struct SiteStatus {
    tenant: String,
    /// None when no manifest names the tenant.
    url: Option<String>,
    /// `active`, `suspended`, or `no manifest`.
    state: &'static str,
    release: Option<String>,
    /// `<slug> <version>` of its own plugins, then of its own themes.
    packages: Vec<String>,
    tasks_running: Option<u32>,
    tasks_desired: Option<u32>,
    /// Resources that differ from the manifest.
    changes: usize,
    /// Why an apply leaves the site alone.
    hold: Option<Hold>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: StatusArgs) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.scope.env)?;
    let session = Session::open(&fleet, environment).await?;
    let scope = Scope {
        only: args.scope.only(),
        ..Scope::default()
    };
    let (inventory, plan) = signed::plan(&session, &scope, &global.fleet).await?;
    let statuses = Statuses {
        sites: statuses(&session, &scope, &inventory, &plan),
        bypasses: Bypass::since(&session.cloud, OffsetDateTime::now_utc(), REMEMBERED).await?,
        freeze: plan.freeze,
    };
    if global.json {
        output::print(output::result("status", ExitCode::Done, &statuses));
    } else {
        output::print(table(&statuses.sites));
        output::print(standing(&statuses, &environment.name));
    }
    Ok(ExitCode::Done)
}

fn statuses(
    session: &Session<'_>,
    scope: &Scope,
    inventory: &Inventory,
    plan: &Plan,
) -> Vec<SiteStatus> {
    let input = session.input(scope, inventory);
    let tenants = input.tenants().into_iter();
    tenants
        .map(|tenant| {
            let context = input.context(&tenant);
            let number = |name: &str| context.known.get(&Kind::Service)?.get(name)?.parse().ok();
            SiteStatus {
                url: context.site.map(|_| context.home()),
                state: context
                    .site
                    .map_or("no manifest", |site| site.state.as_str()),
                release: context.site.map(|site| site.release.to_string()),
                packages: context.site.map(packages_of).unwrap_or_default(),
                tasks_running: number("running"),
                tasks_desired: number("desired"),
                changes: due(plan, &tenant),
                hold: session.holds.get(&tenant).map(|hold| (*hold).clone()),
                tenant: tenant.to_string(),
            }
        })
        .collect()
}

fn due(plan: &Plan, tenant: &TenantId) -> usize {
    let left_alone = plan.left_alone.iter().flat_map(|left| &left.changes);
    let all = plan.changes.iter().chain(left_alone);
    all.filter(|change| change.tenant == *tenant).count()
}

/// What is merged and not live, and why: the last lines.
fn standing(statuses: &Statuses, environment: &EnvironmentName) -> String {
    let sites = &statuses.sites;
    let behind = sites.iter().filter(|site| site.changes > 0).count();
    let mut lines = vec![match behind {
        0 => format!("{environment} is as its manifests say"),
        _ => format!(
            "Not live yet: {behind} of {}",
            output::count(sites.len(), "site")
        ),
    }];
    lines.extend(
        statuses
            .freeze
            .iter()
            .map(|freeze| format!("Frozen {freeze}")),
    );
    for site in sites {
        let hold = site.hold.iter();
        lines.extend(hold.map(|hold| format!("On hold: {}: {hold}", site.tenant)));
    }
    for bypass in &statuses.bypasses {
        lines.push(format!(
            "Bypassed by {} on {} ({}): {}: {}",
            bypass.holder,
            bypass.at.date(),
            bypass.verb,
            bypass.reason,
            bypass.bypassed.join("; ")
        ));
    }
    lines.join("\n")
}

fn packages_of(site: &Site) -> Vec<String> {
    let packages =
        packages(site).map(|(_, package)| format!("{} {}", package.slug, package.version));
    packages.collect()
}

fn table(sites: &[SiteStatus]) -> String {
    let heading = ["TENANT", "STATE", "TASKS", "RELEASE", "IN AWS", "URL"].map(str::to_owned);
    let rows = sites.iter().map(|site| {
        let tasks = match (site.tasks_running, site.tasks_desired) {
            (Some(running), Some(desired)) => format!("{running}/{desired}"),
            _ => "-".to_owned(),
        };
        let changes = match site.changes {
            0 => "as the manifest".to_owned(),
            1 => "1 change due".to_owned(),
            many => format!("{many} changes due"),
        };
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            site.tenant.clone(),
            site.state.to_owned(),
            tasks,
            or_dash(&site.release),
            changes,
            or_dash(&site.url),
        ]
    });
    output::table(std::iter::once(heading).chain(rows))
}
