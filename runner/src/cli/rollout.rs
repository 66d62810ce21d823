//! `bbws rollout`: what runs where and how it fared, and the ways to stop or take back a release.

use super::change::{Change, carry_out};
use super::scope::{BypassArgs, ScopeArgs, environment, refused};
use super::{CliError, ExitCode, Global, Interrupt};
use crate::cloud::CloudError;
use crate::manifest::{Environment, Fleet, TenantId};
use crate::output;
use crate::resource::{Context, Kind, Revision};
use crate::rollout::{Entry, Ledger, Verdict};
use crate::session::{Scope, Session};
use clap::Subcommand;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use time::format_description::well_known::Rfc3339;

/// Ledgers read at once.
const WIDTH: usize = 16;

/// Show, take back, stop and continue the rollout of releases.
///
/// An apply rolls a changed release out in waves: the canaries that the environment's manifest names, then the others, the
/// smallest first. A wave starts when all sites of the one before are healthy; the first failure halts the rest.
///
/// Undo, hold and resume are applies of the sites that they name: whatever else differs from the manifests is made so too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws rollout status --env prod
  bbws rollout undo --env prod --tenant acme   back to its last good release, and stay there
  bbws rollout resume --env prod --tenant acme follow the manifest again")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what each site runs, whether it is held, and how its releases fared.
    #[command(after_help = "\
Examples:
  bbws rollout status --env dev
  bbws rollout status --env dev --tenant acme --json   with its history")]
    Status(ScopeArgs),
    /// Take sites back to their last good release, and hold them there.
    ///
    /// The whole revision of the task definition goes back: image, size and settings. All named sites at once, as what they
    /// go back to has served them before. Later applies leave them there until `bbws rollout resume`.
    #[command(after_help = "\
Examples:
  bbws rollout undo --env prod --tenant acme
  bbws rollout undo --env prod --all")]
    Undo(Sites),
    /// Keep sites on what they run, whatever their release becomes.
    ///
    /// All else of them still changes. What keeps a site from being changed at all is `hold` in its manifest.
    #[command(after_help = "\
Examples:
  bbws rollout hold --env prod --tenant acme")]
    Hold(Sites),
    /// Let sites follow their manifests again: rolls out what they name, in waves.
    #[command(after_help = "\
Examples:
  bbws rollout resume --env prod --tenant acme
  bbws rollout resume --env prod --all")]
    Resume(Sites),
}

/// Sites that are named, or all: never all by leaving something out.
#[derive(Debug, clap::Args)]
struct Sites {
    #[command(flatten)]
    scope: ScopeArgs,
    /// All sites of the environment.
    #[arg(long, conflicts_with = "tenants", required_unless_present = "tenants")]
    all: bool,
    #[command(flatten)]
    bypass: BypassArgs,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let (step, sites) = match args.action {
        Action::Status(scope) => return interrupt.ends(status(global, &fleet, scope)).await,
        Action::Undo(sites) => (Step::Undo, sites),
        Action::Hold(sites) => (Step::Hold, sites),
        Action::Resume(sites) => (Step::Resume, sites),
    };
    let environment = environment(&fleet, &sites.scope.env)?;
    let scope = Scope {
        only: sites.scope.only(),
        ..Scope::default()
    };
    let holds = interrupt
        .ends(holds(step, &fleet, environment, &scope))
        .await?;
    let change = Change {
        verb: step.verb(),
        environment,
        scope: Scope {
            // A tenant without a manifest is none of this run's business.
            only: Some(holds.keys().cloned().collect()),
            holds,
            at_once: step != Step::Resume,
            lifted: sites.bypass.lifted(&sites.scope.tenants),
            ..scope
        },
        confirmed: BTreeSet::new(),
        bypass: sites.bypass.bypass_freeze,
        approved: None,
    };
    carry_out(global, &fleet, change, interrupt).await
}

/// What is done to sites.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Undo,
    Hold,
    Resume,
}

impl Step {
    const fn verb(self) -> &'static str {
        match self {
            Self::Undo => "rollout undo",
            Self::Hold => "rollout hold",
            Self::Resume => "rollout resume",
        }
    }
}

/// What is to be held, or no longer, for `step` to be done.
async fn holds(
    step: Step,
    fleet: &Fleet,
    environment: &Environment,
    scope: &Scope,
) -> Result<BTreeMap<TenantId, Option<Revision>>, CliError> {
    let session = Session::open(fleet, environment).await?;
    let inventory = session.read().await;
    let refusals = session.input(scope, &inventory).unknown();
    if !refusals.is_empty() {
        return Err(refused(&refusals, &environment.name));
    }
    let input = session.input(scope, &inventory);
    let contexts = input
        .tenants()
        .into_iter()
        .map(|tenant| input.context(&tenant));
    let declared: Vec<_> = contexts.filter(|context| context.site.is_some()).collect();
    let holds = futures::stream::iter(&declared).map(|context| async {
        let hold = match (step, &context.hold) {
            (Step::Resume, _) => None,
            // Asked for once more, after a crash perhaps: no further step back.
            (Step::Undo | Step::Hold, Some(hold)) => Some(hold.clone()),
            (Step::Hold, None) => Some(running(&session, context).await?),
            (Step::Undo, None) => Some(last_good(&session, context).await?),
        };
        Ok::<_, CliError>((context.who.tenant.clone(), hold))
    });
    holds.buffer_unordered(WIDTH).try_collect().await
}

/// What a site's service was given last, and the ARN of what it runs: another one after ECS rolled back.
fn given<'a>(context: &'a Context<'_>) -> Result<(Revision, &'a str), CliError> {
    let tenant = &context.who.tenant;
    let failed = |message: String| CliError::new(ExitCode::Failed, message);
    if !context.known.contains_key(&Kind::Service) {
        return Err(failed(format!("{tenant} has no service yet")).next("`bbws apply` makes it"));
    }
    let definition = context.known.get(&Kind::TaskDefinition);
    definition
        .and_then(|known| Some((Revision::of(known)?, known.get("runs")?.as_str())))
        .ok_or_else(|| {
            failed(format!(
                "{tenant} runs a task definition that bbws did not make"
            ))
            .next("`bbws apply` gives it one")
        })
}

async fn running(session: &Session<'_>, context: &Context<'_>) -> Result<Revision, CliError> {
    let (given, runs) = given(context)?;
    let is_running =
        |revision: &Revision| revision.attributes(&context.who, context.foundation)["arn"] == runs;
    if is_running(&given) {
        return Ok(given);
    }
    let ledger = Ledger::read(&session.cloud, &context.who.tenant).await?;
    let mut known = ledger.entries.into_iter().map(|entry| entry.revision);
    known.find(is_running).ok_or_else(|| {
        CliError::new(
            ExitCode::Failed,
            format!(
                "{} runs {runs}, of which nothing is remembered",
                context.who.tenant
            ),
        )
        .next("`bbws apply` gives it the release of its manifest")
    })
}

async fn last_good(session: &Session<'_>, context: &Context<'_>) -> Result<Revision, CliError> {
    let (given, _) = given(context)?;
    let tenant = &context.who.tenant;
    let ledger = Ledger::read(&session.cloud, tenant).await?;
    let good = ledger.last_good(Some(&given)).ok_or_else(|| {
        CliError::new(
            ExitCode::Failed,
            format!("{tenant} has no good release to go back to, but the one that it was given last"),
        )
        .next("`bbws rollout status` shows what is remembered; name an older release in the manifest instead")
    })?;
    Ok(good.revision.clone())
}

/// The JSON result.
#[derive(Serialize)]
struct Statuses {
    sites: Vec<SiteStatus>,
}

/// One site's release.
#[derive(Serialize)]
struct SiteStatus {
    tenant: TenantId,
    /// As the manifest names it.
    release: String,
    /// The image that the release names, if the registry holds it.
    image: Option<String>,
    /// The revision that its service was given, `<revision>:<digest>`.
    revision: Option<Revision>,
    /// Of the service's last deployment: `completed`, `in progress` or `failed`; none without a service.
    rollout: Option<String>,
    /// The revision that it is held at.
    held: Option<Revision>,
    /// Oldest first.
    history: Vec<Entry>,
}

async fn status(global: &Global, fleet: &Fleet, args: ScopeArgs) -> Result<ExitCode, CliError> {
    let environment = environment(fleet, &args.env)?;
    let session = Session::open(fleet, environment).await?;
    let scope = Scope {
        only: args.only(),
        ..Scope::default()
    };
    let inventory = session.read().await;
    let input = session.input(&scope, &inventory);
    let refusals = input.unknown();
    if !refusals.is_empty() {
        return Err(refused(&refusals, &environment.name));
    }
    let tenants = input.tenants().into_iter();
    let contexts = tenants.map(|tenant| input.context(&tenant));
    let sites = futures::stream::iter(contexts.filter(|context| context.site.is_some()))
        .map(|context| async {
            let ledger = Ledger::read(&session.cloud, &context.who.tenant).await?;
            let given = context.known.get(&Kind::TaskDefinition);
            let service = context.known.get(&Kind::Service);
            Ok::<_, CloudError>(SiteStatus {
                release: context.site().release.to_string(),
                image: inventory.image(&context.site().release),
                revision: given.and_then(Revision::of),
                rollout: service.and_then(|service| service.get("rollout").cloned()),
                held: context.hold.clone(),
                history: ledger.entries,
                tenant: context.who.tenant,
            })
        })
        .buffered(WIDTH)
        .try_collect()
        .await?;
    let statuses = Statuses { sites };
    if global.json {
        output::print(output::result("rollout status", ExitCode::Done, &statuses));
    } else {
        output::print(table(&statuses.sites));
    }
    Ok(ExitCode::Done)
}

fn table(sites: &[SiteStatus]) -> String {
    let heading = ["TENANT", "RELEASE", "ROLLOUT", "HELD", "LAST VERDICT"].map(str::to_owned);
    let rows = sites.iter().map(|site| {
        let verdict = site.history.last().map(|entry| {
            let at = entry.at.format(&Rfc3339).unwrap_or_default();
            match (&entry.verdict, &entry.reason) {
                (Verdict::Good, _) => format!("{} good, {at}", entry.release),
                (Verdict::Bad, reason) => {
                    let reason = reason.as_deref().unwrap_or_default();
                    let first = reason.lines().next().unwrap_or_default();
                    format!("{} bad, {at}: {first}", entry.release)
                }
            }
        });
        let dash = || "-".to_owned();
        [
            site.tenant.to_string(),
            site.release.clone(),
            site.rollout.clone().unwrap_or_else(dash),
            site.held.as_ref().map_or_else(dash, ToString::to_string),
            verdict.unwrap_or_else(dash),
        ]
    });
    output::table(std::iter::once(heading).chain(rows))
}
