//! Where an environment requires it, no image runs that is not signed by a trusted key, not even in a job that only looks.

use super::change::Change;
use super::scope::refused;
use super::{CliError, ExitCode};
use crate::image::{self, ImageError, KeyReference, PublicKey, Registry};
use crate::plan::Plan;
use crate::resource::{Inventory, revision_image};
use crate::session::{Scope, Session};
use std::collections::BTreeMap;
use std::path::Path;

/// Images, and who would run each.
type Images = BTreeMap<String, Vec<String>>;

/// Every image that the plan would run is signed: those of the sites that change, held ones included, and that of the jobs.
///
/// # Errors
/// [`ExitCode::Refused`] when one is not; AWS's.
pub(super) async fn before_changing(
    session: &Session<'_>,
    change: &Change<'_>,
    (inventory, plan): (&Inventory, &Plan),
    fleet: &Path,
) -> Result<(), CliError> {
    if !session.environment.require_signed || plan.changes.is_empty() {
        return Ok(());
    }
    let images = images(session, change, inventory, plan).await?;
    verify(session, images, fleet).await
}

/// What AWS has and what an apply would do; with `scope.deep` a job looks into databases for it, whose image is then signed.
///
/// # Errors
/// As [`before_changing`]; what [`refused`] says.
pub(super) async fn plan(
    session: &Session<'_>,
    scope: &Scope,
    fleet: &Path,
) -> Result<(Inventory, Plan), CliError> {
    if session.environment.require_signed && scope.deep {
        let image = session.job_image(&session.read().await);
        let images = image.map(|image| (image, vec!["jobs".to_owned()]));
        verify(session, images.into_iter().collect(), fleet).await?;
    }
    let planned = session.plan(scope).await;
    planned.map_err(|refusals| refused(&refusals, &session.environment.name))
}

/// Every one of `images` is signed by a key that the environment trusts. Checks each digest once.
///
/// # Errors
/// As [`before_changing`].
pub(super) async fn verify(
    session: &Session<'_>,
    images: Images,
    fleet: &Path,
) -> Result<(), CliError> {
    let environment = session.environment;
    let mut keys = Vec::new();
    for key in &environment.signing_keys {
        let reference = KeyReference::new(key.as_str(), fleet);
        keys.push(PublicKey::open(&session.cloud.kms, &reference).await?);
    }
    let mut problems = Vec::new();
    for (image, users) in images {
        let digest = image.rsplit('@').next().unwrap_or_default();
        match image::verify_image(Registry::of(&session.cloud), digest, &keys).await {
            Ok(_) => {}
            Err(error @ (ImageError::Unverified { .. } | ImageError::NotPushed(_))) => {
                problems.push(format!(
                    "{} in {}: {error}",
                    users.join(", "),
                    environment.name
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} requires signed images; nothing was done\n{}",
        environment.name,
        problems.join("\n")
    );
    let next = format!(
        "`bbws image sign --env {}` signs what was built and pushed here; or name a signed release",
        environment.name
    );
    Err(CliError::new(ExitCode::Refused, message).next(next))
}

/// Images that a plan would run, and whose they are.
async fn images(
    session: &Session<'_>,
    change: &Change<'_>,
    inventory: &Inventory,
    plan: &Plan,
) -> Result<Images, CliError> {
    let mut images: Images = BTreeMap::new();
    if let Some(image) = session.job_image(inventory) {
        images.entry(image).or_default().push("jobs".to_owned());
    }
    let input = session.input(&change.scope, inventory);
    for tenant in plan.tenants() {
        let context = input.context(&tenant);
        let image = match &context.hold {
            Some(revision) => revision_image(&session.cloud, revision, &context.who).await?,
            None => context.image,
        };
        // A site that is to be destroyed has none.
        if !image.is_empty() {
            images.entry(image).or_default().push(tenant.to_string());
        }
    }
    Ok(images)
}
