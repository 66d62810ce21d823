//! `bbws image copy`: the same image in another environment's registry.

use super::super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::{
    cloud::Cloud,
    image::{self, Registry},
    manifest::{EnvironmentName, Release},
    output,
};

/// Copy an image into another environment's registry, with its signatures and attestations.
///
/// The digest stays the same. Layers are streamed through this machine, nothing is kept on its disk, and what the other
/// registry has already is not sent. A repeat finishes what was cut off.
///
/// The environments lie in two accounts: each has its profile of AWS's configuration (~/.aws/config), which may assume a
/// role. Without one, the usual credentials are used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image copy --from dev --to sit --from-profile dev --to-profile sit    what dev runs
  bbws image copy --from sit --to prod --from-profile sit --to-profile prod sha256:…")]
pub(super) struct Args {
    /// A tag or a digest; without it, the release of the environment that it comes from. A digest comes with all its tags.
    #[arg(value_name = "IMAGE")]
    image: Option<Release>,
    /// The environment whose registry has the image.
    #[arg(long, value_name = "NAME")]
    from: EnvironmentName,
    /// The environment whose registry is to have it.
    #[arg(long, value_name = "NAME")]
    to: EnvironmentName,
    /// The profile for the one.
    #[arg(long, value_name = "PROFILE")]
    from_profile: Option<String>,
    /// The profile for the other.
    #[arg(long, value_name = "PROFILE")]
    to_profile: Option<String>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::super::fleet(global)?;
    let (from, to) = (
        environment(&fleet, &args.from)?,
        environment(&fleet, &args.to)?,
    );
    let image = args.image.as_ref().unwrap_or(&from.release);
    let from = Cloud::connect_as(from, args.from_profile.as_deref()).await?;
    let to = Cloud::connect_as(to, args.to_profile.as_deref()).await?;
    let copied = image::copy(Registry::of(&from), Registry::of(&to), image.as_str()).await?;
    if !copied.artifacts.contains(&"sig") {
        output::narrate("it is not signed");
    }
    if global.json {
        output::print(output::result("image copy", ExitCode::Done, &copied));
    } else {
        output::print(&copied.reference);
    }
    Ok(ExitCode::Done)
}
