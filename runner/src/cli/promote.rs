//! `bbws promote`: a site's content from one environment into the next, and back.

mod history;
mod lift;
mod pull_request;

use super::proposal::client;
use super::scope::environment;
use super::{CliError, ExitCode, Global, Interrupt};
use crate::apply::Lease;
use crate::cloud::{Cloud, CloudError};
use crate::manifest::{EnvironmentName, TenantId};
use crate::output;
use crate::promote::{self, Check, Order, Promotion, Record, Side, State, Step, Told};
use crate::session::{Scope, Session, run_id};
use clap::Subcommand;
use site_job::protocol::Content;
use time::OffsetDateTime;

/// Promote a site's content into the next environment, dev to sit, sit to prod; or copy it down, masked and quarantined.
///
/// A snapshot of the source is loaded beside the target's content, with the target's own addresses in it, proved, and tried; only then
/// it takes the place of what the target had, all tables at once. Where the site does not serve its visitors with it, the old content
/// is put back (exit code 6). The source goes on serving and is not changed. Accounts, orders and other tables that a site's visitors
/// write stay the target's own.
///
/// Down, such as from prod to dev, goes a quarantined copy: names, addresses and the like are masked as they come in; the site sends
/// no mail, calls nobody and runs no scheduled work, which is tried before it takes its place (exit code 6 when something got out).
/// It stays so until other content comes, or `bbws promote lift`.
///
/// Killed at any point, the same command carries on. Without --confirm it shows both sites beside each other and changes nothing.
///
/// The environments lie in two accounts: each has its profile of AWS's configuration (~/.aws/config), which may assume a role.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  bbws promote acme --from dev --to sit                     what would be promoted, and whether it may be
  bbws promote acme --from dev --to sit --confirm=acme      everything but live tables
  bbws promote acme --from dev --to sit --content all --pr  a pull request with release, plugins, themes and content
  bbws promote acme --from sit --to prod --content uploads --confirm=acme
  bbws promote acme --from sit --to prod --content tables=wp_posts,wp_postmeta --confirm=acme
  bbws promote acme --from prod --to dev --confirm=acme     a masked copy in quarantine
  bbws promote history acme --env sit
  bbws promote undo acme --env sit --confirm=acme           back to what was there before the last one
  bbws promote lift acme --env dev --confirm=acme           dev may mail and call out again")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Whose site.
    #[arg(required = true)]
    tenant: Option<TenantId>,
    /// The environment that the content comes from.
    #[arg(long, value_name = "NAME", required = true)]
    from: Option<EnvironmentName>,
    /// The environment that it goes to.
    #[arg(long, value_name = "NAME", required = true)]
    to: Option<EnvironmentName>,
    /// What of it: `all`, `code` (settings alone), `uploads`, or `tables=` and names with commas between them. Left out, it is `all`;
    /// with --pr, nothing.
    #[arg(long, value_name = "WHAT")]
    content: Option<Content>,
    /// Open a pull request that brings the release, plugins and themes, and with --content the content, which its merge carries out.
    /// An image that the target's registry lacks is copied there first. Needs what `bbws tenant request` needs.
    #[arg(long, conflicts_with = "confirm")]
    pr: bool,
    /// The profile for the source's account.
    #[arg(long, value_name = "PROFILE")]
    from_profile: Option<String>,
    /// The profile for the target's account.
    #[arg(long, value_name = "PROFILE")]
    to_profile: Option<String>,
    /// The tenant once more: its content in the target is replaced.
    #[arg(long, value_name = "TENANT")]
    confirm: Option<TenantId>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the promotions into a site, and the lifts of its quarantine.
    #[command(after_help = "\
Examples:
  bbws promote history acme --env sit
  bbws promote history acme --env sit --json    with every step")]
    History {
        /// Whose site.
        tenant: TenantId,
        /// Where.
        #[arg(long, value_name = "NAME")]
        env: EnvironmentName,
    },
    /// Show the content that manifests ask for and that was not brought yet: what a merge is to carry out.
    #[command(after_help = "\
Examples:
  bbws promote requested --env sit --json")]
    Requested {
        /// Where.
        #[arg(long, value_name = "NAME")]
        env: EnvironmentName,
    },
    /// End the quarantine of a site that holds the content of an environment further up.
    ///
    /// It may mail and call out again, and search engines may find it. What was masked stays masked.
    #[command(after_help = "\
Examples:
  bbws promote lift acme --env dev --confirm=acme")]
    Lift {
        /// Whose site.
        tenant: TenantId,
        /// Where.
        #[arg(long, value_name = "NAME")]
        env: EnvironmentName,
        /// The tenant once more.
        #[arg(long, value_name = "TENANT")]
        confirm: Option<TenantId>,
    },
    /// Put back what a site had before its last promotion.
    ///
    /// Loads the snapshot that was kept then, the same way: proved and tried first. What was changed on the site since is lost, but for
    /// live tables; a snapshot of it is kept. Tables and uploads that the promotion brought for the first time stay.
    #[command(after_help = "\
Examples:
  bbws promote undo acme --env sit --confirm=acme")]
    Undo {
        /// Whose site.
        tenant: TenantId,
        /// Where.
        #[arg(long, value_name = "NAME")]
        env: EnvironmentName,
        /// The tenant once more.
        #[arg(long, value_name = "TENANT")]
        confirm: Option<TenantId>,
    },
}

/// Two environments, each with its credentials.
struct Pair<'a> {
    source: Session<'a>,
    target: Session<'a>,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let (order, confirm, pair) = match args {
        Args {
            action: Some(Action::History { tenant, env }),
            ..
        } => {
            return interrupt
                .ends(history::show(global, &fleet, &tenant, &env))
                .await;
        }
        Args {
            action:
                Some(Action::Lift {
                    tenant,
                    env,
                    confirm,
                }),
            ..
        } => {
            let lift = lift::lift(global, &fleet, (&tenant, &env), confirm.as_ref());
            return interrupt.ends(lift).await;
        }
        Args {
            action: Some(Action::Requested { env }),
            ..
        } => {
            let requested = pull_request::requested(global, &fleet, &env);
            return interrupt.ends(requested).await;
        }
        Args {
            action:
                Some(Action::Undo {
                    tenant,
                    env,
                    confirm,
                }),
            ..
        } => {
            let at = environment(&fleet, &env)?;
            let target = Session::open(&fleet, at).await?;
            let order = last(&target.cloud, &tenant, &env).await?;
            let source = Session::open(&fleet, at).await?;
            (order, confirm, Pair { source, target })
        }
        Args {
            tenant: Some(tenant),
            from: Some(from),
            to: Some(to),
            content,
            from_profile,
            to_profile,
            confirm,
            pr,
            ..
        } => {
            let client = client(pr)?;
            let source = environment(&fleet, &from)?;
            let target = environment(&fleet, &to)?;
            let pair = Pair {
                source: Session::open_as(&fleet, source, from_profile.as_deref()).await?,
                target: Session::open_as(&fleet, target, to_profile.as_deref()).await?,
            };
            let wanted = content.clone().unwrap_or(Content::All);
            let asked = pair.target.sites.get(&tenant);
            let order = Order {
                request: pull_request::request_of(asked, &from, &wanted),
                content: wanted,
                tenant,
                from,
                to,
                undoes: None,
            };
            if client.is_some() {
                let what = (&order, content.as_ref());
                return pull_request::open(global, &pair, what, (client, interrupt)).await;
            }
            (order, confirm, pair)
        }
        _ => {
            return Err(CliError::new(
                ExitCode::Usage,
                "name the tenant, --from and --to",
            ));
        }
    };
    promote(global, &pair, order, confirm, interrupt).await
}

async fn promote(
    global: &Global,
    pair: &Pair<'_>,
    order: Order,
    confirm: Option<TenantId>,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let (scope, tenant) = (Scope::default(), order.tenant.clone());
    let inventories = async {
        let (source, target) = tokio::join!(pair.source.read(), pair.target.read());
        Ok::<_, CliError>((source, target))
    };
    let (source_inventory, target_inventory) = interrupt.ends(inventories).await?;
    let source_context = promote::site(&pair.source, &scope, &source_inventory, &tenant)?;
    let target_context = promote::site(&pair.target, &scope, &target_inventory, &tenant)?;
    let source_jobs = pair.source.jobs("", &source_inventory);
    let target_jobs = pair.target.jobs("", &target_inventory);
    let source = Side {
        cloud: &pair.source.cloud,
        context: &source_context,
        jobs: &source_jobs,
    };
    let target = Side {
        cloud: &pair.target.cloud,
        context: &target_context,
        jobs: &target_jobs,
    };
    heed_stops(&pair.target, (&order.tenant, &order.to))?;
    let begun = interrupt.ends(begun(target.cloud, &order)).await?;
    // What goes on was allowed to begin; and a target that does not answer now may be why it has to.
    if begun.is_none() && order.undoes.is_none() {
        let check = interrupt
            .ends(async {
                Ok(
                    promote::check(source, (target, pair.target.environment), &order.content)
                        .await?,
                )
            })
            .await?;
        output::narrate(beside(&check, &order));
        refuse(&check)?;
    }
    let would = format!(
        "replace the content of {tenant} ({}) in {}: a snapshot of it is kept, and live tables stay",
        target_context.home(),
        order.to
    );
    confirmed(&tenant, confirm.as_ref(), &would)?;

    let leases = lease(pair, &order).await?;
    let outcome = interrupt
        .ends(async {
            // Under the leases nobody else has begun one, or ended this one.
            let record = self::begun(target.cloud, &order).await?;
            let record = record.unwrap_or_else(|| promote::begin(order));
            let mut promotion = Promotion {
                source,
                target,
                leases: &leases,
                record,
                tell: &narrate,
            };
            let ended = promotion.carry_out().await;
            Ok((promotion.record, ended))
        })
        .await;
    let mut leases = leases.into_iter();
    if let Some(lease) = leases.next() {
        lease.release(target.cloud).await;
    }
    if let Some(lease) = leases.next() {
        lease.release(source.cloud).await;
    }
    let (record, ended) = outcome?;
    match ended {
        Ok(()) => {
            if global.json {
                output::print(output::result("promote", ExitCode::Done, &record));
            } else {
                output::print(format_args!(
                    "{tenant} has the content in {}: {}",
                    record.order.to,
                    target_context.home()
                ));
            }
            Ok(ExitCode::Done)
        }
        Err(error) => Err(failed(error, &record)),
    }
}

/// The promotion that this order goes on with. One of another order has to end first: it may have put its content in place already,
/// and what it lent lies in an account that this run may know nothing of.
async fn begun(target: &Cloud, order: &Order) -> Result<Option<Record>, CliError> {
    match promote::unfinished(target, &order.tenant).await? {
        Some(record) if !record.order.is_as(order) => Err(has_to_end(&record)),
        record => Ok(record),
    }
}

fn has_to_end(record: &Record) -> CliError {
    let Order {
        tenant, from, to, ..
    } = &record.order;
    let command = match &record.order.undoes {
        Some(_) => format!("bbws promote undo {tenant} --env {to} --confirm={tenant}"),
        None => format!(
            "bbws promote {tenant} --from {from} --to {to} --content {} --confirm={tenant}",
            record.order.content
        ),
    };
    let message = format!(
        "run {} was begun by {} and has not ended; nothing was done",
        record.run, record.holder
    );
    CliError::new(ExitCode::Refused, message).next(format!(
        "`{command}` (with the accounts' profiles) ends it, forwards or back"
    ))
}

/// Nothing changes that git has frozen or put on hold.
fn heed_stops(
    target: &Session<'_>,
    (tenant, env): (&TenantId, &EnvironmentName),
) -> Result<(), CliError> {
    let freeze = target.environment.freeze.as_ref();
    let freeze = freeze.filter(|freeze| freeze.is_in_force(OffsetDateTime::now_utc()));
    let freeze = freeze.map(|freeze| format!("{env} is frozen {freeze}"));
    let hold = target.holds.get(tenant);
    let hold = hold.map(|hold| format!("{tenant} is on hold: {hold}"));
    match freeze.or(hold) {
        Some(stop) => Err(
            CliError::new(ExitCode::Refused, format!("{stop}; nothing was done"))
                .next("it ends with a commit that takes it out"),
        ),
        None => Ok(()),
    }
}

/// Says what a failed promotion leaves.
fn failed(error: CloudError, record: &Record) -> CliError {
    let order = &record.order;
    let remains = match record.state {
        State::RolledBack => format!(
            "{} serves in {} what it served before; mend the cause, then promote again",
            order.tenant, order.to
        ),
        _ => "run the same command again: it carries on with the step that failed".to_owned(),
    };
    CliError::from(error).next(remains)
}

fn refuse(check: &Check) -> Result<(), CliError> {
    if check.refusals.is_empty() {
        return Ok(());
    }
    Err(CliError::new(ExitCode::Refused, check.refusals.join("\n")).next("nothing was changed"))
}

fn confirmed(tenant: &TenantId, confirm: Option<&TenantId>, would: &str) -> Result<(), CliError> {
    if confirm == Some(tenant) {
        return Ok(());
    }
    let message = format!("this would {would}; nothing was done");
    Err(CliError::new(ExitCode::Refused, message)
        .next(format!("if that is wanted, add --confirm={tenant}")))
}

/// The target's lease, then the source's, where that is another.
async fn lease(pair: &Pair<'_>, order: &Order) -> Result<Vec<Lease>, CliError> {
    let mut clouds = vec![&pair.target.cloud];
    if order.undoes.is_none() {
        clouds.push(&pair.source.cloud);
    }
    let (run, mut leases) = (run_id(), Vec::new());
    for cloud in clouds {
        match Lease::acquire(cloud, &order.tenant, &run).await {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                for lease in leases {
                    lease.release(&pair.target.cloud).await;
                }
                return Err(error.into());
            }
        }
    }
    Ok(leases)
}

/// What takes back the last promotion into a site; one that was begun already is gone on with.
async fn last(cloud: &Cloud, tenant: &TenantId, env: &EnvironmentName) -> Result<Order, CliError> {
    let records = promote::history(cloud, tenant).await?;
    let open = records
        .iter()
        .rev()
        .find(|record| record.state == State::Running);
    match open {
        Some(record) if record.order.undoes.is_some() => return Ok(record.order.clone()),
        // It is not the one before that is to be taken back.
        Some(record) => return Err(has_to_end(record)),
        None => {}
    }
    let undone = |run: &str| {
        records
            .iter()
            .any(|other| other.state == State::Done && other.order.undoes.as_deref() == Some(run))
    };
    let done = records.iter().rev().find(|record| {
        record.state == State::Done && record.order.undoes.is_none() && !undone(&record.run)
    });
    let Some(done) = done else {
        return Err(CliError::new(
            ExitCode::Failed,
            format!("nothing was promoted to {tenant} in {env} that could be taken back"),
        )
        .next(format!(
            "`bbws promote history {tenant} --env {env}` shows what was"
        )));
    };
    Ok(Order {
        from: env.clone(),
        undoes: Some(done.run.clone()),
        request: None,
        ..done.order.clone()
    })
}

fn narrate(step: Step, told: Told<'_>) {
    match told {
        Told::Began => output::narrate(format_args!("{}…", step.label())),
        Told::Ended(elapsed, what) => output::narrate(format_args!(
            "{} in {:.1} s: {what}",
            step.label(),
            elapsed.as_secs_f64()
        )),
        Told::Failed(error) => output::narrate(format_args!("{} failed: {error}", step.label())),
    }
}

/// Both sites beside each other.
fn beside(check: &Check, order: &Order) -> String {
    let heading = ["", order.from.as_str(), order.to.as_str()].map(str::to_owned);
    let rows = check
        .compared
        .iter()
        .map(|(what, source, target)| [(*what).to_owned(), source.clone(), target.clone()]);
    let mut text = output::table(std::iter::once(heading).chain(rows));
    for note in &check.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text
}
