//! The site's schema and MySQL user, made by the cell's administrative job: nothing outside the VPC reaches the database,
//! and one task serves every tenant that asks at about the same time.

use super::{Attributes, Context, Found, secret};
use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use serde_json::{Value, json};
use site_job::protocol::{DatabaseName, DatabaseTarget};

/// The tag of the database secret that remembers what was made.
pub(super) const TAG: &str = "bbws:database";
/// Raised when the privileges that `site-job` grants change, so that existing sites get them too.
pub(super) const GRANTS: u32 = 1;

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({
        "schema": context.who.schema(),
        "user": context.who.schema(),
        "require_tls": true,
        "grants": GRANTS,
    })
}

/// See [`super`]. The job makes the schema, user and grants so whatever was there; the tag is written last.
///
/// # Errors
/// The job's, AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    jobs: &Jobs,
    context: &Context<'_>,
) -> Result<Attributes, CloudError> {
    let schema = context.who.schema();
    let target = DatabaseTarget {
        tenant: context.who.tenant.to_string(),
        user: schema.clone(),
        schema,
        secret: context.who.secret("database"),
    };
    jobs.ensure_database(&context.cell.name, target).await?;
    secret::remember(
        cloud,
        &context.who.secret("database"),
        TAG,
        &super::recorded::encode(&desired(context)),
    )
    .await?;
    Ok(Attributes::new())
}

/// See [`super`]. Drops user and schema; the final dump is [`super::wordpress::remove`]'s, which comes before.
///
/// # Errors
/// The job's, AWS's.
pub(super) async fn remove(
    jobs: &Jobs,
    context: &Context<'_>,
    _: &Found,
) -> Result<(), CloudError> {
    jobs.drop_database(&context.cell.name, name(context))
        .await
        .map(drop)
}

/// The site's database, as jobs know it.
pub(super) fn name(context: &Context<'_>) -> DatabaseName {
    let schema = context.who.schema();
    DatabaseName {
        tenant: context.who.tenant.to_string(),
        user: schema.clone(),
        schema,
    }
}
