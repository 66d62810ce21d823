//! What a story starts with, and that it ends tidily whatever happens.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use localcloud::proxy::{Filter, Request};
use localcloud::{LocalCloud, Options};

use crate::{Aws, Bbws, Census, Containers, Database, Fleet, Visitor, artifacts, census};

/// A cloud that holds a release, and a fleet.
#[derive(Debug)]
pub struct World {
    /// The story's name.
    pub name: &'static str,
    /// The cloud.
    pub cloud: LocalCloud,
    /// The account of `dev`.
    pub aws: Aws,
    /// The manifests.
    pub fleet: Fleet,
    began: Instant,
}

/// Tells a story in a world of its own. When it fails, logs and the requests that were made are kept as artifacts; the
/// cloud is ended in any case.
///
/// # Panics
/// When the story fails.
pub async fn story(
    name: &'static str,
    options: Options,
    fleet: Result<Fleet>,
    tell: impl AsyncFnOnce(&World) -> Result<()>,
) {
    story_on(name, options, fleet, async |_, _| Ok(()), tell).await;
}

/// The same on a foundation that `found` makes first, in the accounts that the cloud did not seed.
///
/// # Panics
/// When the story fails.
pub async fn story_on(
    name: &'static str,
    options: Options,
    fleet: Result<Fleet>,
    found: impl AsyncFnOnce(&LocalCloud, &Fleet) -> Result<()>,
    tell: impl AsyncFnOnce(&World) -> Result<()>,
) {
    let world = match World::new(name, options, fleet, found).await {
        Ok(world) => world,
        Err(error) => panic!("the story {name} cannot begin: {error:#}"),
    };
    world.note("the cloud is up");
    let told = AssertUnwindSafe(async {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../image");
        world
            .bbws()?
            .succeed(&["image", "push", "--env", "dev", "--folder", folder])
            .await?;
        world.note("the release is pushed");
        tell(&world).await
    });
    let outcome = told.catch_unwind().await;
    let failed = !matches!(outcome, Ok(Ok(())));
    if failed && let Err(error) = world.keep_evidence().await {
        world.note(&format!("no evidence could be kept: {error:#}"));
    }
    let World { cloud, began, .. } = world;
    let stopped = cloud.stop().await;
    eprintln!(
        "[{name} {:6.1} s] the cloud has ended",
        began.elapsed().as_secs_f64()
    );
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{name}: {error:?}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    if let Err(error) = stopped {
        panic!("{name}: the cloud did not end tidily: {error:#}");
    }
}

impl World {
    async fn new(
        name: &'static str,
        options: Options,
        fleet: Result<Fleet>,
        found: impl AsyncFnOnce(&LocalCloud, &Fleet) -> Result<()>,
    ) -> Result<Self> {
        let (fleet, began) = (fleet?, Instant::now());
        let cloud = LocalCloud::start(options).await?;
        let beginning = AssertUnwindSafe(async {
            found(&cloud, &fleet).await?;
            let aws = Aws::new("dev", &cloud.environment("dev")).await?;
            keeps_to_the_schema(&aws.foundation)?;
            anyhow::Ok(aws)
        });
        match beginning.catch_unwind().await {
            Ok(Ok(aws)) => Ok(Self {
                name,
                cloud,
                aws,
                fleet,
                began,
            }),
            Ok(Err(error)) => {
                keep_logs(&cloud, &artifacts(name)?)?;
                cloud.stop().await?;
                Err(error)
            }
            Err(panic) => {
                cloud.stop().await?;
                std::panic::resume_unwind(panic)
            }
        }
    }

    /// Says what happened, with the time since the story began.
    pub fn note(&self, text: &str) {
        eprintln!(
            "[{} {:6.1} s] {text}",
            self.name,
            self.began.elapsed().as_secs_f64()
        );
    }

    /// The runner, on this world's fleet and account.
    ///
    /// # Errors
    /// It was not built.
    pub fn bbws(&self) -> Result<Bbws> {
        Bbws::new(self.fleet.path(), self.variables())
    }

    /// With which a runner acts as the root of the account, and trusts the edge.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        let mut variables = self.cloud.environment("dev");
        if let Some(authority) = self.cloud.state().edge_authority() {
            variables.insert("SSL_CERT_FILE", authority.display().to_string());
        }
        variables
    }

    /// Applies `dev`.
    ///
    /// # Errors
    /// It does not succeed.
    pub async fn apply(&self) -> Result<()> {
        self.bbws()?.succeed(&["apply", "--env", "dev"]).await?;
        self.note("applied");
        Ok(())
    }

    /// Somebody who visits a tenant's site.
    ///
    /// # Panics
    /// When the edge's certificate cannot be read.
    #[must_use]
    pub fn visitor(&self, tenant: &str) -> Visitor {
        let visitor = Visitor::new(&format!("{tenant}.dev.localhost"), self.cloud.viewer_port());
        let Some(authority) = self.cloud.state().edge_authority() else {
            return visitor;
        };
        match visitor.over_tls(&authority) {
            Ok(visitor) => visitor,
            Err(error) => panic!("{}: {error:#}", authority.display()),
        }
    }

    /// The cloud's containers.
    #[must_use]
    pub fn containers(&self) -> Containers {
        Containers::of(&self.cloud.state().identity)
    }

    /// The cell's database as its administrator sees it.
    ///
    /// # Errors
    /// The foundation lacks it.
    pub async fn database(&self) -> Result<Database> {
        self.database_as(self.aws.foundation("/cells/0/database/admin_secret_arn"))
            .await
    }

    /// The cell's database as a tenant sees it.
    ///
    /// # Errors
    /// The tenant has no credentials.
    pub async fn database_of(&self, tenant: &str) -> Result<Database> {
        self.database_as(&format!("bbws/dev/{tenant}/database"))
            .await
    }

    async fn database_as(&self, secret: &str) -> Result<Database> {
        let foundation = &self.aws.foundation;
        let instance = self.aws.foundation("/cells/0/database/instance");
        let (account, region) = (
            self.aws.foundation("/account"),
            self.aws.foundation("/region"),
        );
        let container = format!(
            "bbws-{}-rds-{account}-{region}-{instance}",
            self.cloud.state().identity
        );
        let port = foundation
            .pointer("/cells/0/database/port")
            .and_then(serde_json::Value::as_u64);
        let host = self.aws.foundation("/cells/0/database/host");
        Database::new(
            &container,
            host,
            port.context("the database has no port")?,
            &self.aws.secret(secret).await?,
        )
    }

    /// All that exists of a tenant, wherever it may be.
    ///
    /// # Errors
    /// A service cannot be asked.
    pub async fn census(&self, tenant: &str) -> Result<Census> {
        census(self, tenant).await
    }

    /// The requests that the filter chooses, of those since the recording was last cleared.
    #[must_use]
    pub fn requests(&self, filter: &Filter) -> Vec<Request> {
        self.cloud.proxy().requests().matching(filter)
    }

    /// `service:operation` of the requests that changed something in AWS, or tried to. Leases and journals are the
    /// runner's own.
    #[must_use]
    pub fn changes(&self, filter: &Filter) -> Vec<String> {
        let changes = self
            .requests(filter)
            .into_iter()
            .filter(|request| !request.reads() && request.service != "s3");
        changes
            .map(|request| format!("{}:{}", request.service, request.operation))
            .collect()
    }

    async fn keep_evidence(&self) -> Result<()> {
        let directory = artifacts(self.name)?;
        keep_logs(&self.cloud, &directory)?;
        for (name, _) in self.containers().described().await? {
            if let Ok(log) = crate::docker(&["logs", "--tail", "200", &name], b"").await {
                std::fs::write(directory.join(format!("{name}.log")), log)?;
            }
        }
        self.note(&format!("logs are in {}", directory.display()));
        Ok(())
    }
}

/// What the emulators said, and the requests that were made.
fn keep_logs(cloud: &LocalCloud, directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(&cloud.state().directory)? {
        let entry = entry?;
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "log")
        {
            std::fs::copy(entry.path(), directory.join(entry.file_name()))?;
        }
    }
    let requests = cloud.proxy().requests().all();
    let line = |request: &Request| {
        format!(
            "{} {:.3} {:?} {:?} {} {}:{} {:?} {}",
            request.sequence,
            request.time,
            request.seconds,
            request.origin,
            request.account,
            request.service,
            request.operation,
            request.status,
            request.fault.as_deref().unwrap_or_default()
        )
    };
    let lines: Vec<_> = requests.iter().map(line).collect();
    std::fs::write(directory.join("requests.txt"), lines.join("\n"))?;
    Ok(())
}

/// Whoever made the foundation, its document has the published form.
fn keeps_to_the_schema(foundation: &serde_json::Value) -> Result<()> {
    let schema = include_str!("../../../docs/schema/foundation.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(schema)?)?;
    let errors = validator.iter_errors(foundation);
    let errors: Vec<_> = errors
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    anyhow::ensure!(
        errors.is_empty(),
        "the foundation document does not keep to its schema: {errors:#?}"
    );
    Ok(())
}
