//! `bbws image prune`: deleting what nobody needs.

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::super::scope::environment;
use super::{CliError, ExitCode, Global, list};
use crate::{
    image::{self, Keep, References, Registry, Shelved},
    manifest::EnvironmentName,
    output,
    session::Session,
};

/// Delete images that nobody needs from an environment's registry, with their signatures and attestations.
///
/// Kept are the newest, the young, and all that any environment's manifest, a service, a running task, a hold or a ledger
/// names. Says what it would delete; deletes when --confirm names the environment.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image prune --env dev
  bbws image prune --env dev --keep-last 5 --keep-days 14 --confirm dev")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// Keep so many of the newest.
    #[arg(long, value_name = "N", default_value_t = 10)]
    keep_last: usize,
    /// Keep what was pushed in the last so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    keep_days: u16,
    /// The environment's name once more: delete.
    #[arg(long, value_name = "NAME")]
    confirm: Option<EnvironmentName>,
}

#[derive(Serialize)]
struct Pruned<'a> {
    /// Whether they were deleted.
    deleted: bool,
    images: Vec<&'a Shelved>,
    kept: usize,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    if args.confirm.as_ref().is_some_and(|name| *name != args.env) {
        let message = format!("--confirm does not name {}", args.env);
        return Err(CliError::new(ExitCode::Refused, message).next("nothing was deleted"));
    }
    let session = Session::open(&fleet, environment).await?;
    let registry = Registry::of(&session.cloud);
    let images = image::shelf(&registry).await?;
    let references = image::references(&fleet, &session).await?;
    let keep = Keep {
        last: args.keep_last,
        younger_than: Duration::days(args.keep_days.into()),
    };
    let gone = image::which_to_delete(&images, &references, keep, OffsetDateTime::now_utc());
    let confirmed = args.confirm.is_some();
    let none = References::default();
    if !global.json && !gone.is_empty() {
        output::narrate(list::table(gone.iter().copied(), &none));
    }
    if !gone.is_empty() && confirmed {
        image::delete(&registry, &gone).await?;
    }
    let exit = match gone.is_empty() || confirmed {
        true => ExitCode::Done,
        false => ExitCode::Refused,
    };
    let pruned = Pruned {
        deleted: confirmed,
        kept: images.len() - gone.len(),
        images: gone,
    };
    let count = output::count(pruned.images.len(), "image");
    if global.json {
        output::print(output::result("image prune", exit, &pruned));
    } else if exit == ExitCode::Done {
        output::print(format_args!("{count} deleted, {} kept", pruned.kept));
    } else {
        output::print(format_args!(
            "{count} would be deleted, {} kept",
            pruned.kept
        ));
        output::narrate(format_args!(
            "  next: if that is wanted, add --confirm={}",
            args.env
        ));
    }
    Ok(exit)
}
