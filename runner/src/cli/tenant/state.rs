//! What becomes of a site, as its manifest says it: suspended, resumed, to be removed, called back.

use super::super::proposal::{self, Proposal};
use super::super::scope::environment;
use super::super::{CliError, ExitCode, Global};
use crate::github::File;
use crate::manifest::{self, EnvironmentName, Fleet, Line, Site, SiteState, TenantId};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Days that a removal takes where nothing else is asked for.
const GRACE: u16 = 30;

/// Which site.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The tenant.
    pub tenant: TenantId,
    /// The environment.
    #[arg(long, value_name = "NAME")]
    pub env: EnvironmentName,
    /// Open a pull request instead of changing the file; needs what `bbws tenant request` needs.
    #[arg(long)]
    pub pr: bool,
}

/// How a site goes.
#[derive(Debug, clap::Args)]
pub(super) struct Removal {
    #[command(flatten)]
    pub of: Of,
    /// Days until it may be destroyed: so long everything of it is kept. 30 where it is left out.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    grace: Option<u16>,
    /// Why: a contract, a ticket.
    #[arg(long)]
    reason: Option<Line>,
}

/// `bbws tenant suspend` and `resume`.
pub(super) fn serve(
    global: &Global,
    of: &Of,
    state: SiteState,
) -> Result<Proposal<'static>, CliError> {
    let fleet = super::super::fleet(global)?;
    let site = site(&fleet, of)?;
    if site.removal.is_some() {
        return Err(
            refused(format!("{} in {} is to be removed", of.tenant, of.env)).next(format!(
                "`bbws tenant restore {} --env {}` calls it back",
                of.tenant, of.env
            )),
        );
    }
    if site.state == state {
        return Err(refused(format!(
            "{} in {} is {state} already",
            of.tenant, of.env
        )));
    }
    let (verb, title, value, body) = match state {
        SiteState::Suspended => (
            "tenant suspend",
            "Suspend",
            Some(" suspended"),
            "No task runs and the edge answers visitors with a 503 page. Database and uploads are kept.",
        ),
        SiteState::Active => (
            "tenant resume",
            "Resume",
            None,
            "Visitors are served again.",
        ),
    };
    changed(global, of, (verb, title, body), "state", value)
}

/// `bbws tenant remove`: sets the grace, or, once it has ended, deletes the manifest.
pub(super) fn remove(global: &Global, removal: &Removal) -> Result<Proposal<'static>, CliError> {
    let of = &removal.of;
    let fleet = super::super::fleet(global)?;
    let now = OffsetDateTime::now_utc();
    let Some(begun) = &site(&fleet, of)?.removal else {
        let Some(reason) = &removal.reason else {
            let message = "say why it is removed";
            return Err(CliError::new(ExitCode::Usage, message).next("add --reason=\"…\""));
        };
        let after = now + Duration::days(removal.grace.unwrap_or(GRACE).into());
        let after = after.replace_nanosecond(0).unwrap_or(after);
        let after = after.format(&Rfc3339).unwrap_or_default();
        let quoted = serde_json::Value::from(reason.as_str());
        let value = format!("\n  after: {after}\n  reason: {quoted}");
        let body = format!(
            "It is suspended at once, and everything of it is kept until {after}. `bbws tenant restore` calls it back until then; after \
             that, `bbws tenant remove` again deletes it."
        );
        let what = ("tenant remove", "Schedule the removal of", body.as_str());
        return changed(global, of, what, "removal", Some(&value));
    };
    if now < begun.after.time() {
        return Err(refused(format!(
            "{} in {} is kept until {} ({})",
            of.tenant, of.env, begun.after, begun.reason
        ))
        .next("after that, the same command deletes its manifest; until then, `bbws tenant restore` calls it back"));
    }
    if removal.grace.is_some() || removal.reason.is_some() {
        let message = format!(
            "the grace of {} in {} ended {} ({}): the next step deletes its manifest, with neither --grace nor --reason",
            of.tenant, of.env, begun.after, begun.reason
        );
        return Err(refused(message)
            .next("leave them out; or `bbws tenant restore` and `remove` set another grace"));
    }
    let path = path(of);
    let mut files = vec![File {
        before: Some(proposal::read(&global.fleet, &path)?),
        after: None,
        path,
    }];
    // The tenant goes with its last site.
    if fleet
        .sites
        .iter()
        .filter(|site| site.tenant == of.tenant)
        .count()
        == 1
    {
        let path = format!("tenants/{}/tenant.yaml", of.tenant);
        files.push(File {
            before: Some(proposal::read(&global.fleet, &path)?),
            after: None,
            path,
        });
    }
    Ok(Proposal {
        verb: "tenant remove",
        branch: branch(of),
        title: format!("Remove {} from {}", of.tenant, of.env),
        body: format!(
            "Its grace ended {} ({}). When this is applied, its content is dumped to the artifact bucket, then everything of it is \
             deleted; its secrets can be restored for seven days more.",
            begun.after, begun.reason
        ),
        files,
    })
}

/// `bbws tenant restore`.
pub(super) fn restore(global: &Global, of: &Of) -> Result<Proposal<'static>, CliError> {
    let fleet = super::super::fleet(global)?;
    if site(&fleet, of)?.removal.is_none() {
        return Err(refused(format!(
            "{} in {} is not to be removed",
            of.tenant, of.env
        )));
    }
    let body = "It is served again as before; nothing of it was deleted.";
    let what = ("tenant restore", "Call back", body);
    changed(global, of, what, "removal", None)
}

fn changed(
    global: &Global,
    of: &Of,
    (verb, title, body): (&'static str, &str, &str),
    key: &str,
    value: Option<&str>,
) -> Result<Proposal<'static>, CliError> {
    let path = path(of);
    let before = proposal::read(&global.fleet, &path)?;
    let after = manifest::set(&before, key, value).ok_or_else(|| proposal::by_hand(&path, key))?;
    Ok(Proposal {
        verb,
        branch: branch(of),
        title: format!("{title} {} in {}", of.tenant, of.env),
        body: body.to_owned(),
        files: vec![File {
            path,
            before: Some(before),
            after: Some(after),
        }],
    })
}

fn site<'a>(fleet: &'a Fleet, of: &Of) -> Result<&'a Site, CliError> {
    environment(fleet, &of.env)?;
    let mut sites = fleet.sites.iter();
    let site = sites.find(|site| site.tenant == of.tenant && site.environment == of.env);
    site.ok_or_else(|| {
        let message = format!("{} has no manifest in {}", of.tenant, of.env);
        refused(message).next(format!(
            "look at the name; of a site that was removed, a report lies below removals/{}/ in the artifact bucket",
            of.tenant
        ))
    })
}

fn refused(message: String) -> CliError {
    CliError::new(ExitCode::Refused, format!("{message}; nothing was changed"))
}

fn path(of: &Of) -> String {
    format!("tenants/{}/{}.yaml", of.tenant, of.env)
}

fn branch(of: &Of) -> String {
    format!("tenant/{}-{}", of.tenant, of.env)
}
