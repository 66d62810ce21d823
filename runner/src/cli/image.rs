//! `bbws image`: the WordPress image from its lock file to an environment's registry.

mod copy;
mod key;
mod list;
mod lock;
mod prune;
mod sbom;
mod scan;
mod sign;
mod test;
mod verify;

use std::{env, path::PathBuf};

use clap::Subcommand;

use super::{CliError, ExitCode, Global, Interrupt};
use crate::{
    image::{self, Build, ImageError, Lock, PackagesFrom},
    output,
};

/// Build the WordPress image, look into it, test it, push and sign it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image lock --update     pin what is newest
  bbws image build             from the lock file's pinned sources
  bbws image sbom              what is in it
  bbws image scan              whether the scan policy lets it pass
  bbws image test              whether it works, as visitors, editors and attackers find it
  bbws image push --env dev    into the environment's registry
  bbws image sign --env dev --key awskms:///alias/bbws-release
  bbws image verify --env dev")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build the image from the lock file's pinned sources.
    ///
    /// Needs the Docker engine (DOCKER_HOST or the local socket), and npm or curl when a source is not in the cache yet
    /// ($BBWS_CACHE, else $XDG_CACHE_HOME/bbws, else ~/.cache/bbws). Progress goes to stderr.
    #[command(after_help = "\
Examples:
  cargo build -p site-job && bbws image build      with the program beside this bbws
  bbws image build --tag try                       under a tag of its own
  bbws image build --refresh-packages --no-cache   with the Debian packages of today instead of the lock's
  bbws image build --json | jq -r .result.id")]
    Build {
        /// The folder with Dockerfile, rootfs/ and image.lock.yaml.
        #[arg(long, value_name = "DIR", default_value = "image")]
        folder: PathBuf,
        /// The site-job program for inside the image. Without this, the one beside the running bbws: build both with the
        /// same cargo profile. It must be for the image's platform, and made with a C library that is no newer than the
        /// base image's.
        #[arg(long, value_name = "PATH")]
        site_job: Option<PathBuf>,
        /// The tag; the lock file's <version of wordpress>-<revision> otherwise.
        #[arg(long)]
        tag: Option<String>,
        /// Run every step, whatever the engine has of earlier builds.
        #[arg(long)]
        no_cache: bool,
        /// Take the newest Debian packages that the base image's mirrors have instead of those that the lock file pins. The
        /// image's label bbws.packages says `refreshed` then, otherwise `locked`.
        #[arg(long)]
        refresh_packages: bool,
        /// What to build for: linux/amd64 or linux/arm64. The engine's own otherwise. The engine must have the base image for
        /// it and be able to run its programs, and the lock file must pin packages for it.
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
    },
    Lock(lock::Args),
    /// Push the built image into an environment's registry and print its digest.
    ///
    /// An image that is already there is not sent again.
    #[command(after_help = "\
Examples:
  bbws image push --env dev
  bbws image push --env dev --json | jq -r .result.digest")]
    Push {
        /// The environment.
        #[arg(long, value_name = "NAME")]
        env: String,
        #[command(flatten)]
        local: Local,
    },
    Sbom(sbom::Args),
    Scan(scan::Args),
    Test(test::Args),
    Key(key::Args),
    Sign(sign::Args),
    Verify(verify::Args),
    Copy(copy::Args),
    List(list::Args),
    Prune(prune::Args),
}

/// Which image of this machine a verb is about.
#[derive(Debug, clap::Args)]
struct Local {
    /// The folder with image.lock.yaml, which says the tag.
    #[arg(long, value_name = "DIR", default_value = "image")]
    folder: PathBuf,
    /// The tag that it was built with, if not the lock file's.
    #[arg(long)]
    tag: Option<String>,
}

impl Local {
    fn tag(&self) -> Result<String, ImageError> {
        match &self.tag {
            Some(tag) => Ok(tag.clone()),
            None => Ok(Lock::load(&self.folder.join("image.lock.yaml"))?.image_version()),
        }
    }

    fn reference(&self) -> Result<String, ImageError> {
        Ok(format!("{}:{}", image::LOCAL_NAME, self.tag()?))
    }
}

/// Runs the action.
///
/// # Errors
/// Whatever [`ImageError`] says, with exit code 4 when a tag is taken, 3 when the lock file is invalid, 1 otherwise.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    match args.action {
        Action::Build {
            folder,
            site_job,
            tag,
            no_cache,
            refresh_packages,
            platform,
        } => {
            let built = async {
                build(
                    global,
                    &Build {
                        folder,
                        site_job: site_job.map_or_else(site_job_beside, Ok)?,
                        tag,
                        cache: image::cache_directory(),
                        fresh: no_cache,
                        refresh_packages,
                        platform,
                    },
                )
                .await
            };
            interrupt.ends(built).await
        }
        Action::Lock(args) => interrupt.ends(lock::run(global, args)).await,
        Action::Push { env, local } => interrupt.ends(push(global, &env, &local)).await,
        Action::Sbom(args) => interrupt.ends(sbom::run(global, args)).await,
        Action::Scan(args) => interrupt.ends(scan::run(global, args)).await,
        // It removes what it made when it is interrupted.
        Action::Test(args) => test::run(global, args, interrupt).await,
        Action::Key(args) => key::run(global, &args),
        Action::Sign(args) => interrupt.ends(sign::run(global, args)).await,
        Action::Verify(args) => interrupt.ends(verify::run(global, args)).await,
        Action::Copy(args) => interrupt.ends(copy::run(global, args)).await,
        Action::List(args) => interrupt.ends(list::run(global, args)).await,
        Action::Prune(args) => interrupt.ends(prune::run(global, args)).await,
    }
}

fn site_job_beside() -> Result<PathBuf, CliError> {
    let program = env::current_exe().map_err(|error| {
        CliError::new(ExitCode::Failed, "finding the folder of this bbws")
            .because(error)
            .next("name the program with --site-job")
    })?;
    Ok(image::site_job_beside(&program))
}

async fn build(global: &Global, build: &Build) -> Result<ExitCode, CliError> {
    let built = image::build(build).await?;
    if global.json {
        output::print(output::result("image build", ExitCode::Done, &built));
    } else {
        output::print(format_args!("image  {}", built.reference));
        output::print(format_args!("id     {}", built.id));
        #[expect(clippy::cast_precision_loss, reason = "a size for reading")]
        let megabytes = built.size as f64 / 1e6;
        output::print(format_args!("size   {megabytes:.0} MB"));
        if built.packages == PackagesFrom::Refreshed {
            output::narrate(
                "its Debian packages are the newest of the mirrors, not those of the lock file",
            );
        }
        output::narrate(format_args!(
            "built in {:.1} s, {} of {} steps from the engine's cache",
            built.seconds, built.cached_steps, built.steps
        ));
    }
    Ok(ExitCode::Done)
}

async fn push(global: &Global, env: &str, local: &Local) -> Result<ExitCode, CliError> {
    let tag = local.tag()?;
    let registry = image::Registry::of_environment(env).await?;
    let pushed = image::push(&registry, &tag).await?;
    if pushed.already_there {
        output::narrate(format_args!(
            "{}:{} is already there",
            registry.repository, pushed.tag
        ));
    }
    if global.json {
        output::print(output::result("image push", ExitCode::Done, &pushed));
    } else {
        output::print(&pushed.reference);
    }
    Ok(ExitCode::Done)
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        let exit = match &error {
            ImageError::Lock { .. } | ImageError::Policy { .. } => ExitCode::InvalidManifests,
            ImageError::TagTaken { .. }
            | ImageError::OtherImage { .. }
            | ImageError::Unverified { .. } => ExitCode::Refused,
            ImageError::Sources { .. }
            | ImageError::Io { .. }
            | ImageError::NoSiteJob(_)
            | ImageError::WrongSiteJob { .. }
            | ImageError::Platform(_)
            | ImageError::NotLocked { .. }
            | ImageError::Mirrors(_)
            | ImageError::Docker { .. }
            | ImageError::Step(_)
            | ImageError::NotBuilt(_)
            | ImageError::NotPushed(_)
            | ImageError::Key { .. }
            | ImageError::Aws { .. }
            | ImageError::Answer(_) => ExitCode::Failed,
        };
        let ended = Self::new(exit, error.to_string()).next(error.next_step());
        match error {
            ImageError::Io { source, .. } => ended.because(source),
            ImageError::Docker { source, .. } => ended.because(source),
            ImageError::Aws { source, .. } => ended.because(source),
            _ => ended,
        }
    }
}
