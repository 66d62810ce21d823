//! Building the image with the Docker engine: by BuildKit where the engine has it, else by the classic builder.

mod progress;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};

use bollard::{
    Docker,
    query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, BuilderVersion},
};
use futures::StreamExt;
use serde::Serialize;

use super::{
    ImageError, LOCAL_NAME, Lock,
    context::{self, Entry},
    lock::COMPONENTS,
    origin::Origin,
    platform::Platform,
    source,
};
use crate::output::narrate;
use progress::{Progress, Steps};

/// What to build, and of what.
#[derive(Clone, Debug)]
pub struct Build {
    /// The folder with `Dockerfile`, `packages.sh`, `collect.sh`, `compile.php`, `rootfs/` and `image.lock.yaml`.
    pub folder: PathBuf,
    /// The program for inside the image.
    pub site_job: PathBuf,
    /// The tag, if not the lock's version.
    pub tag: Option<String>,
    /// Where fetched sources are kept.
    pub cache: PathBuf,
    /// Whether every step is run, whatever the engine has of earlier builds.
    pub fresh: bool,
    /// Whether Debian's packages are the newest of the base's mirrors instead of the lock's.
    pub refresh_packages: bool,
    /// `linux/amd64` or `linux/arm64`, if not the engine's own.
    pub platform: Option<String>,
}

/// A built image.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// Name and tag on this machine.
    pub reference: String,
    /// The image's version.
    pub version: String,
    /// Unpacked, in bytes.
    pub size: i64,
    /// How long fetching and building took.
    pub seconds: f64,
    /// How many steps the engine took from its cache.
    pub cached_steps: usize,
    /// How many steps the Dockerfile has.
    pub steps: usize,
    /// Where Debian's packages are from.
    pub packages: PackagesFrom,
}

/// Where an image's Debian packages are from; in its label `bbws.packages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackagesFrom {
    /// They are the lock's.
    Locked,
    /// They are the newest that the mirrors had.
    Refreshed,
}

impl PackagesFrom {
    /// As `packages.sh` and the label name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Refreshed => "refreshed",
        }
    }
}

/// Fetches what is missing, builds, and tags. A repeat without a change uses the engine's cache and gives the same id; a
/// build that is cut off leaves cached steps and no tag.
///
/// # Errors
/// When a source is not as pinned, the engine is not there, or a step fails.
pub async fn build(build: &Build) -> Result<Built, ImageError> {
    let started = Instant::now();
    let lock = Lock::load(&build.folder.join("image.lock.yaml"))?;
    if !build.site_job.is_file() {
        return Err(ImageError::NoSiteJob(build.site_job.clone()));
    }
    let docker = connect().await?;
    let platform = Platform::of(&docker, build.platform.as_deref()).await?;
    platform.check_program(&build.site_job)?;
    let from = match build.refresh_packages {
        false => PackagesFrom::Locked,
        true => PackagesFrom::Refreshed,
    };
    let entries = entries(build, &lock, from, platform).await?;
    let version = lock.image_version();
    let reference = format!("{LOCAL_NAME}:{}", build.tag.as_ref().unwrap_or(&version));
    narrate(format_args!("building {reference}"));
    let mut labels = labels(&lock);
    labels.push(("bbws.packages", from.name().to_owned()));
    labels.extend(Origin::of(&build.folder)?.labels());
    let mut options = options(build, &lock, &labels, &reference, from);
    options.version = builder(&docker).await?;
    // By this name BuildKit asks its client for what it needs: here nothing, as the context is sent along.
    options.session = (options.version == BuilderVersion::BuilderBuildKit)
        .then(|| format!("bbws-{:016x}", rand::random::<u64>()));
    let steps = run(&docker, options, entries).await?;
    let image = docker
        .inspect_image(&reference)
        .await
        .map_err(ImageError::docker(format_args!("reading {reference}")))?;
    Ok(Built {
        id: image.id.unwrap_or_default(),
        reference,
        version,
        size: image.size.unwrap_or_default(),
        seconds: started.elapsed().as_secs_f64(),
        cached_steps: steps.cached,
        steps: steps.all,
        packages: from,
    })
}

/// The engine that `DOCKER_HOST` names, or the local one.
pub(super) async fn connect() -> Result<Docker, ImageError> {
    let attempt = "connecting to the Docker engine";
    let docker = Docker::connect_with_defaults().map_err(ImageError::docker(attempt))?;
    docker
        .negotiate_version()
        .await
        .map_err(ImageError::docker(attempt))
}

async fn entries(
    build: &Build,
    lock: &Lock,
    from: PackagesFrom,
    platform: Platform,
) -> Result<Vec<Entry>, ImageError> {
    let mut entries = Vec::new();
    for name in [
        "Dockerfile",
        "packages.sh",
        "collect.sh",
        "compile.php",
        "rootfs",
    ] {
        entries.push(Entry::At(name, build.folder.join(name)));
    }
    entries.push(Entry::At("site-job", build.site_job.clone()));
    // A build that does not heed the pins is not begun anew because of them.
    let (locked, snapshot) = match (from, lock.packages.locked.get(platform.debian)) {
        (PackagesFrom::Refreshed, _) => Default::default(),
        (PackagesFrom::Locked, Some(locked)) => (locked.lines(), locked.snapshot_sources()),
        (PackagesFrom::Locked, None) => {
            return Err(ImageError::NotLocked {
                path: build.folder.join("image.lock.yaml"),
                platform: platform.name,
            });
        }
    };
    entries.push(Entry::Of("packages/wanted", lock.packages.wanted()));
    entries.push(Entry::Of("packages/locked", locked));
    entries.push(Entry::Of("packages/snapshot.list", snapshot));
    for (component, name) in COMPONENTS {
        if let Some(pinned) = lock.component(component) {
            let path: PathBuf = source::fetch(&build.cache, component, pinned).await?;
            entries.push(Entry::At(name, path));
        }
    }
    Ok(entries)
}

fn options(
    build: &Build,
    lock: &Lock,
    labels: &[(&'static str, String)],
    reference: &str,
    from: PackagesFrom,
) -> BuildImageOptions {
    let arguments = HashMap::from([("BASE", lock.base.as_str()), ("PACKAGES", from.name())]);
    let options = BuildImageOptionsBuilder::default()
        .t(reference)
        .nocache(build.fresh)
        .rm(true)
        .forcerm(true)
        .labels(
            &labels
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect(),
        )
        .buildargs(&arguments);
    match &build.platform {
        Some(platform) => options.platform(platform),
        None => options,
    }
    .build()
}

async fn run(
    docker: &Docker,
    options: BuildImageOptions,
    entries: Vec<Entry>,
) -> Result<Steps, ImageError> {
    let body = bollard::body_try_stream(context::stream(entries));
    let mut messages = Box::pin(docker.build_image(options, None, Some(body)));
    let mut progress = Progress::default();
    while let Some(message) = messages.next().await {
        let failed = |told: String, progress: &Progress| {
            let reason = progress.error().map_or(told, str::to_owned);
            ImageError::Step(reason)
        };
        let mut message = message.map_err(|error| match error {
            bollard::errors::Error::DockerStreamError { error } => failed(error, &progress),
            source => ImageError::Docker {
                attempt: "building the image".to_owned(),
                source,
            },
        })?;
        let error = message.error_detail.take();
        for line in progress.lines(message) {
            narrate(format_args!("  {line}"));
        }
        if let Some(error) = error {
            return Err(failed(error.message.unwrap_or_default(), &progress));
        }
    }
    Ok(progress.steps())
}

/// BuildKit where the engine has it: Docker's own, since its API 1.39 (Docker Engine API, version history). Others that speak that
/// API have the classic builder's part of it only.
async fn builder(docker: &Docker) -> Result<BuilderVersion, ImageError> {
    let version = docker
        .version()
        .await
        .map_err(ImageError::docker("asking the engine for its version"))?;
    let is_docker = version
        .components
        .into_iter()
        .flatten()
        .any(|component| component.name == "Engine");
    let api = version.api_version.unwrap_or_default();
    let minor = api.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    Ok(match minor {
        Some(39u32..) if is_docker => BuilderVersion::BuilderBuildKit,
        _ => BuilderVersion::BuilderV1,
    })
}

/// The annotations of the OCI image specification that can be told from the lock
/// (<https://specs.opencontainers.org/image-spec/annotations/>), and the versions of what is inside.
fn labels(lock: &Lock) -> Vec<(&'static str, String)> {
    let version = |name: &str| {
        lock.component(name)
            .map_or(String::new(), |component| component.version.clone())
    };
    vec![
        (
            "org.opencontainers.image.title",
            "bbws WordPress".to_owned(),
        ),
        (
            "org.opencontainers.image.description",
            "nginx, PHP-FPM and WordPress for one tenant".to_owned(),
        ),
        ("org.opencontainers.image.version", lock.image_version()),
        (
            "org.opencontainers.image.licenses",
            "Apache-2.0 AND GPL-2.0-or-later".to_owned(),
        ),
        ("org.opencontainers.image.base.name", lock.base.clone()),
        ("bbws.wordpress.version", version("wordpress")),
        ("bbws.wp-cli.version", version("wp-cli")),
    ]
}

/// Where `site-job` is when nobody says: beside the program that runs.
#[must_use]
pub fn site_job_beside(program: &Path) -> PathBuf {
    program.with_file_name("site-job")
}
