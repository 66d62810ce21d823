//! `bbws drift`: what to do where AWS is not what git says, beside `bbws apply`.

use super::proposal::{self, Proposal, propose};
use super::scope::{DeepArgs, ScopeArgs, environment};
use super::{CliError, ExitCode, Global, Interrupt, signed};
use crate::github::File;
use crate::manifest::{self, EnvironmentName, TenantId};
use crate::output;
use crate::plan::{Adopted, Change, Plan, adopt};
use crate::session::{Scope, Session};
use clap::Subcommand;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Take over what was changed by hand. `bbws apply` is the other way: it makes AWS what git says.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws plan --env dev               what differs
  bbws drift adopt --env dev --pr   take it into the manifests")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Change the manifests to what AWS has: tasks, price class, budget, backup, and with --deep title, language and time zone.
    ///
    /// What no manifest can say is told, and left for `bbws apply`. Ends with 4 where nothing can be taken over.
    #[command(after_help = "\
Examples:
  bbws drift adopt --env dev                  change the manifests here
  bbws drift adopt --env dev --tenant acme
  bbws drift adopt --env dev --pr             as a pull request; needs what `bbws tenant request` needs")]
    Adopt(Adopt),
}

#[derive(Debug, clap::Args)]
struct Adopt {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    deep: DeepArgs,
    /// Open a pull request instead of changing the files.
    #[arg(long)]
    pr: bool,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    Args {
        action: Action::Adopt(args),
    }: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let client = proposal::client(args.pr)?;
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.scope.env)?;
    let planned = async {
        let session = Session::open(&fleet, environment).await?;
        let scope = Scope {
            only: args.scope.only(),
            deep: args.deep.deep,
            ..Scope::default()
        };
        let (_, plan) = signed::plan(&session, &scope, &global.fleet).await?;
        let adopted = adopted(&session, &plan);
        Ok::<_, CliError>(adopted)
    };
    let adopted = interrupt.ends(planned).await?;
    let name = &environment.name;
    let mut body = format!("What AWS has in {name}, as the manifests say it.\n");
    for (tenant, adopted) in &adopted {
        for left in &adopted.left {
            let line = format!("{tenant}: no manifest can say this: {left}");
            output::narrate(&line);
            let _ = write!(body, "\n- `{line}`");
        }
    }
    if adopted.values().any(|adopted| !adopted.left.is_empty()) {
        body.push_str("\n\n`bbws apply` ends what is listed.");
    }
    let files = files(&global.fleet, name, &adopted)?;
    if files.is_empty() {
        let (message, next) = match adopted.is_empty() {
            true => (
                "AWS is what the manifests say; there is nothing to adopt",
                None,
            ),
            false => (
                "no manifest can say what differs; nothing was changed",
                Some(format!("`bbws apply --env {name}` makes AWS what git says")),
            ),
        };
        let error = CliError::new(ExitCode::Refused, message);
        return Err(next.into_iter().fold(error, CliError::next));
    }
    let proposal = Proposal {
        verb: "drift adopt",
        branch: format!("drift/{name}"),
        title: format!("Adopt what {name} has"),
        body,
        files,
    };
    propose(global, proposal, client, interrupt).await
}

/// What each site's manifest can take over. A site without one has nothing that could.
fn adopted(session: &Session<'_>, plan: &Plan) -> BTreeMap<TenantId, Adopted> {
    let mut changes: BTreeMap<&TenantId, Vec<&Change>> = BTreeMap::new();
    let left_alone = plan.left_alone.iter().flat_map(|left| &left.changes);
    for change in plan.changes.iter().chain(left_alone) {
        changes.entry(&change.tenant).or_default().push(change);
    }
    let of = |(tenant, changes): (&TenantId, Vec<&Change>)| {
        let site = session.sites.get(tenant)?;
        Some((tenant.clone(), adopt(site, changes)))
    };
    changes.into_iter().filter_map(of).collect()
}

fn files(
    root: &Path,
    environment: &EnvironmentName,
    adopted: &BTreeMap<TenantId, Adopted>,
) -> Result<Vec<File>, CliError> {
    let mut files = Vec::new();
    for (tenant, adopted) in adopted
        .iter()
        .filter(|(_, adopted)| !adopted.keys.is_empty())
    {
        let path = format!("tenants/{tenant}/{environment}.yaml");
        let before = proposal::read(root, &path)?;
        let mut after = before.clone();
        for (key, value) in &adopted.keys {
            after = manifest::set(&after, key, Some(value))
                .ok_or_else(|| proposal::by_hand(&path, key))?;
        }
        files.push(File {
            path,
            before: Some(before),
            after: Some(after),
        });
    }
    Ok(files)
}
