//! `bbws image list`: what a registry holds, and who runs it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::{
    image::{self, References, Registry, Shelved},
    manifest::EnvironmentName,
    output,
    session::Session,
};

/// List the images in an environment's registry: digest, tags, age, size, whether signed, and who needs each.
///
/// An image is needed by manifests, services, running tasks, holds and ledgers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image list --env dev
  bbws image list --env prod --json | jq '.result.images[] | select(.signed | not)'")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
}

#[derive(Serialize)]
struct Listing<'a> {
    repository: String,
    images: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    image: &'a Shelved,
    needed_by: BTreeSet<&'a str>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::super::fleet(global)?;
    let session = Session::open(&fleet, environment(&fleet, &args.env)?).await?;
    let registry = Registry::of(&session.cloud);
    let images = image::shelf(&registry).await?;
    let references = image::references(&fleet, &session).await?;
    if global.json {
        let rows = images.iter().map(|image| Row {
            image,
            needed_by: references.of(image),
        });
        let listing = Listing {
            repository: registry.uri.clone(),
            images: rows.collect(),
        };
        output::print(output::result("image list", ExitCode::Done, &listing));
    } else {
        output::print(table(images.iter(), &references));
    }
    Ok(ExitCode::Done)
}

/// Images, one a line.
pub(super) fn table<'a>(
    images: impl Iterator<Item = &'a Shelved>,
    references: &References,
) -> String {
    let heading = ["DIGEST", "TAGS", "PUSHED", "SIZE", "SIGNED", "NEEDED BY"].map(str::to_owned);
    let rows = images.map(|image| {
        #[expect(clippy::cast_precision_loss, reason = "a size for reading")]
        let megabytes = image.size as f64 / 1e6;
        let or_dash = |text: String| match text.is_empty() {
            true => "-".to_owned(),
            false => text,
        };
        let needed: Vec<_> = references.of(image).into_iter().collect();
        [
            image.digest.clone(),
            or_dash(image.tags.join(", ")),
            image.pushed_at.date().to_string(),
            format!("{megabytes:.1} MB"),
            if image.signed { "yes" } else { "no" }.to_owned(),
            or_dash(needed.join(", ")),
        ]
    });
    output::table(std::iter::once(heading).chain(rows))
}
