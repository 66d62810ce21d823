//! What `apply` and `destroy` share: plan, guard, leases, plan again, carry out, report.

use super::scope::exit_code;
use super::{CliError, ExitCode, Global, Interrupt, signed};
use crate::apply::{Bypass, Execution, Journal, Lease, Removed, Summary, holder};
use crate::cloud::Cloud;
use crate::manifest::{Environment, Fleet, Line, TenantId};
use crate::output;
use crate::plan::{Address, Fingerprint, Plan, Verdict};
use crate::session::{Scope, Session, run_id};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What is to be carried out.
pub(super) struct Change<'a> {
    /// The verb, for the journal and the report.
    pub verb: &'static str,
    /// Where.
    pub environment: &'a Environment,
    /// On what.
    pub scope: Scope,
    /// Tenants whose sites may be destroyed.
    pub confirmed: BTreeSet<TenantId>,
    /// Why a freeze is not heeded.
    pub bypass: Option<Line>,
    /// The plan that was approved; none: any.
    pub approved: Option<Fingerprint>,
}

/// How a run ended.
#[derive(Default)]
struct Ended {
    summary: Summary,
    /// Where the sites are that it was to change.
    sites: BTreeMap<TenantId, Address>,
    removed: Vec<Removed>,
}

/// Plans, checks what needs confirmation, takes the tenants' leases, plans again under them, and carries that out.
pub(super) async fn carry_out(
    global: &Global,
    fleet: &Fleet,
    change: Change<'_>,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let (run, holder) = (run_id(), holder());
    let prepared = interrupt
        .ends(prepare(global, fleet, &change, &run))
        .await?;
    let Some((session, leases)) = prepared else {
        let nothing = Ended::default();
        return Ok(report(global, change.verb, &nothing, change.environment));
    };
    let outcome = interrupt
        .ends(under_leases(
            global,
            &session,
            &change,
            &leases,
            (&run, &holder),
        ))
        .await;
    for (_, lease) in leases {
        lease.release(&session.cloud).await;
    }
    Ok(report(global, change.verb, &outcome?, change.environment))
}

/// Shows the plan, checks it and takes the leases; nothing when there is nothing to do.
async fn prepare<'a>(
    global: &Global,
    fleet: &'a Fleet,
    change: &Change<'a>,
    run: &str,
) -> Result<Option<(Session<'a>, BTreeMap<TenantId, Lease>)>, CliError> {
    let session = Session::open(fleet, change.environment).await?;
    let (inventory, plan) = signed::plan(&session, &change.scope, &global.fleet).await?;
    if !global.json {
        output::narrate(output::plan(&plan, &output::Palette::stderr()));
    }
    heed_stops(&plan, change)?;
    heed_approval(&plan, change)?;
    guard(&plan, change)?;
    if plan.changes.is_empty() {
        return Ok(None);
    }
    signed::before_changing(&session, change, (&inventory, &plan), &global.fleet).await?;
    let leases = acquire(&session.cloud, &plan.tenants(), run).await?;
    Ok(Some((session, leases)))
}

async fn under_leases(
    global: &Global,
    session: &Session<'_>,
    change: &Change<'_>,
    leases: &BTreeMap<TenantId, Lease>,
    (run, holder): (&str, &str),
) -> Result<Ended, CliError> {
    // Another run may have changed these tenants between the plan and the leases.
    let (inventory, mut plan) = signed::plan(session, &change.scope, &global.fleet).await?;
    heed_approval(&plan, change)?;
    plan.changes
        .retain(|change| leases.contains_key(&change.tenant));
    heed_stops(&plan, change)?;
    guard(&plan, change)?;
    signed::before_changing(session, change, (&inventory, &plan), &global.fleet).await?;
    let bypass = bypass(session, change, &plan, (run, holder));
    if let Some(bypass) = &bypass {
        bypass.record(&session.cloud).await?;
    }
    let what = (&plan, bypass.as_ref());
    let journal = Journal::begin(&session.cloud, run, change.verb, holder, what).await?;
    let jobs = session.jobs(run, &inventory);
    let (events, receiver) = tokio::sync::mpsc::unbounded_channel();
    let execution = Execution {
        cloud: &session.cloud,
        jobs: &jobs,
        input: session.input(&change.scope, &inventory),
        plan: &plan,
        leases,
        events,
    };
    let narration = tokio::spawn(output::follow(receiver));
    let summary = execution.run().await;
    drop(execution);
    let _ = narration.await;
    journal.end(&session.cloud, &summary).await?;
    let bucket = &session.cloud.foundation.artifacts.bucket;
    let removed = Removed::of((&plan, &inventory), &summary, bucket, (run, holder));
    for removed in &removed {
        removed.record(&session.cloud).await?;
    }
    Ok(Ended {
        summary,
        sites: plan.sites,
        removed,
    })
}

/// Nothing changes that git has frozen, and a run that holds leave nothing to do says so.
fn heed_stops(plan: &Plan, change: &Change<'_>) -> Result<(), CliError> {
    let environment = &change.environment.name;
    let refused = |message: String| Err(CliError::new(ExitCode::Refused, message));
    let lift = "it ends with a commit that takes it out; in an emergency, add --bypass-freeze=\"<reason>\"";
    match (plan.verdict(), &plan.freeze, &change.bypass) {
        (Verdict::Frozen, Some(freeze), None) => refused(format!(
            "{environment} is frozen {freeze}; nothing was done"
        ))
        .map_err(|error| error.next(lift)),
        // With a bypass, a freeze is as if it were not there.
        (Verdict::OnHold | Verdict::Frozen, _, _) if plan.changes.is_empty() => {
            let holds = plan.left_alone.iter();
            let holds: Vec<_> = holds
                .map(|left| format!("{} is on hold: {}", left.tenant, left.hold))
                .collect();
            refused(format!(
                "{}; nothing in {environment} was done",
                holds.join("\n")
            ))
            .map_err(|error| error.next(format!("{lift} and name the tenant")))
        }
        _ => Ok(()),
    }
}

/// Nothing is done to a tenant that was not approved. What was approved and is done already needs no approval any more.
fn heed_approval(plan: &Plan, change: &Change<'_>) -> Result<(), CliError> {
    let Some(approved) = &change.approved else {
        return Ok(());
    };
    let now = Fingerprint::from(plan);
    let mut lines = Vec::new();
    for tenant in approved.differences(&now) {
        if !now.tenants.contains_key(&tenant) {
            continue;
        }
        lines.push(match approved.tenants.contains_key(&tenant) {
            true => format!("{tenant} was approved with other changes than now:"),
            false => format!("{tenant} was not to change when it was approved, and now:"),
        });
        let changes = plan.changes.iter();
        let of_tenant = changes.filter(|change| change.tenant.as_str() == tenant);
        lines.extend(of_tenant.map(|change| output::change(change, &output::Palette::default())));
    }
    if lines.is_empty() && approved.tenants.is_empty() && approved.plan != now.plan {
        lines.push("the approval tells not which tenants".to_owned());
    }
    if lines.is_empty() {
        return Ok(());
    }
    let environment = &change.environment.name;
    let message = format!(
        "the plan of {environment} is not the one that was approved ({}, approved {}); nothing was done\n{}",
        now.plan,
        approved.plan,
        lines.join("\n").trim_end()
    );
    Err(CliError::new(ExitCode::Refused, message).next(format!(
        "look at `bbws plan --env {environment}`; approve it by a pull request with a new plan, or apply it without --approved"
    )))
}

/// What of `plan` git forbids; none where nothing does.
fn bypass(
    session: &Session<'_>,
    change: &Change<'_>,
    plan: &Plan,
    (run, holder): (&str, &str),
) -> Option<Bypass> {
    let reason = change.bypass.as_ref()?;
    let freeze = plan
        .freeze
        .iter()
        .map(|freeze| format!("{} is frozen {freeze}", session.environment.name));
    let holds = plan.tenants().into_iter().filter_map(|tenant| {
        let hold = session.holds.get(&tenant)?;
        Some(format!("{tenant} is on hold: {hold}"))
    });
    let bypassed: Vec<_> = freeze.chain(holds).collect();
    (!bypassed.is_empty()).then(|| Bypass {
        version: 1,
        run: run.to_owned(),
        verb: change.verb.to_owned(),
        holder: holder.to_owned(),
        at: OffsetDateTime::now_utc(),
        reason: reason.to_string(),
        bypassed,
    })
}

/// Nothing is destroyed that was not named twice, be it long before: by a manifest that set a grace, which has ended.
fn guard(plan: &Plan, change: &Change<'_>) -> Result<(), CliError> {
    let (destroyed, now) = (plan.destroyed(), OffsetDateTime::now_utc());
    let ended = |tenant: &TenantId| {
        let after = plan.scheduled.get(tenant);
        after.is_some_and(|after| after.time() <= now)
    };
    let unconfirmed: Vec<_> = destroyed
        .difference(&change.confirmed)
        .filter(|tenant| !ended(tenant))
        .map(ToString::to_string)
        .collect();
    if unconfirmed.is_empty() {
        return Ok(());
    }
    let names = unconfirmed.join(", ");
    let flags: Vec<_> = unconfirmed
        .iter()
        .map(|tenant| format!("--confirm={tenant}"))
        .collect();
    Err(CliError::new(
        ExitCode::Refused,
        format!(
            "this would destroy {names} in {}: its content would be dumped to the artifact bucket, then everything of \
             it deleted; nothing was done",
            change.environment.name
        ),
    )
    .next(format!(
        "if that is wanted, add {}; `bbws tenant remove` would have set a grace first",
        flags.join(" ")
    )))
}

/// All leases or none.
async fn acquire(
    cloud: &Cloud,
    tenants: &BTreeSet<TenantId>,
    run: &str,
) -> Result<BTreeMap<TenantId, Lease>, CliError> {
    let attempts = tenants
        .iter()
        .map(|tenant| Lease::acquire(cloud, tenant, run));
    let mut leases = BTreeMap::new();
    let mut refusal = None;
    for attempt in futures::future::join_all(attempts).await {
        match attempt {
            Ok(lease) => {
                leases.insert(lease.tenant().clone(), lease);
            }
            Err(error) => refusal = Some(error),
        }
    }
    let Some(error) = refusal else {
        return Ok(leases);
    };
    for (_, lease) in leases {
        lease.release(cloud).await;
    }
    Err(error.into())
}

fn report(global: &Global, verb: &str, ended: &Ended, environment: &Environment) -> ExitCode {
    let summary = &ended.summary;
    let codes: Vec<_> = summary
        .failed
        .iter()
        .map(|failure| exit_code(&failure.error))
        .collect();
    let order = [ExitCode::RolledBack, ExitCode::Failed, ExitCode::TimedOut];
    let exit = order
        .into_iter()
        .find(|code| codes.contains(code))
        .unwrap_or(ExitCode::Done);
    if global.json {
        output::print(output::result(
            verb,
            exit,
            &output::RunReport::new(&environment.name, summary, &ended.sites, &ended.removed),
        ));
        return exit;
    }
    for failure in &summary.failed {
        output::narrate(format_args!(
            "\n{}: {} {} of {} in {}\n  {}\n  next: {}",
            output::Palette::stderr().paint(output::Palette::stderr().bad, "error"),
            failure.item.op.symbol(),
            failure.item.kind.label(),
            failure.item.tenant,
            environment.name,
            failure.error,
            failure.error.next_step()
        ));
    }
    for removed in &ended.removed {
        let content = removed.content.as_deref().unwrap_or("nothing: it had none");
        let until = removed.secrets_until.date();
        output::print(format_args!(
            "Of {} in {} remains, of its content: {content}; its secrets can be restored until {until}. All else is deleted.",
            removed.tenant, environment.name
        ));
    }
    output::print(format_args!(
        "{} changed, {} failed, {} skipped in {:.1} s",
        summary.done.len(),
        summary.failed.len(),
        summary.skipped.len(),
        summary.elapsed.as_secs_f64()
    ));
    exit
}
