//! WordPress itself: installed in the site's schema, with the settings that the manifest names. Done by a task of the
//! site's own task definition, so it acts with the site's own role, password and files.

use super::{Attributes, Context, Found, Kind, secret};
use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use serde_json::{Value, json};
use site_job::protocol::{Installed, Manifest, Settings, Wiped, Work};

/// The tag of the WordPress secret that remembers what was made.
pub(super) const TAG: &str = "bbws:wordpress";
/// The tag of the WordPress secret that says where the final dump lies, once it does.
pub(super) const FINAL_TAG: &str = "bbws:final";
/// Day and name: the structure WordPress offers first among the readable ones.
const PERMALINKS: &str = "/%year%/%monthnum%/%day%/%postname%/";

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    let site = context.site();
    let mut desired = json!({
        "title": site.title,
        "admin_user": site.admin.user,
        "admin_email": site.admin.email.as_str(),
        "home": context.home(),
        "locale": site.locale.as_str(),
        "timezone": site.timezone.as_str(),
        "permalinks": PERMALINKS,
    });
    // New code may bring a new form of its tables: the job that upgrades them comes before tasks with that code. A held
    // site has no new code.
    if context.hold.is_none() {
        desired["upgraded_for"] = context.image.clone().into();
        // So do plugins; and whether the site answers with them is tried before tasks with them are started.
        desired["code"] = super::code::told(context).into();
    }
    desired
}

/// WordPress's settings as the site's manifest says them.
pub(crate) fn settings(context: &Context<'_>) -> Settings {
    let site = context.site();
    Settings {
        title: site.title.clone(),
        admin_user: site.admin.user.clone(),
        admin_email: site.admin.email.to_string(),
        home: context.home(),
        locale: site.locale.to_string(),
        timezone: site.timezone.to_string(),
        permalinks: PERMALINKS.to_owned(),
    }
}

/// See [`super`]. `install` leaves an installed WordPress as it is, upgrades its tables where the image's code needs that,
/// and makes the settings so; the tag is written last.
///
/// # Errors
/// The job's, [`CloudError::RolledBack`] when the site does not work with its own plugins and themes; AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    jobs: &Jobs,
    context: &Context<'_>,
) -> Result<Attributes, CloudError> {
    let settings = settings(context);
    let arn = context.known(Kind::TaskDefinition, "arn");
    let _: Installed = jobs
        .of_site(
            &context.who,
            &arn,
            Work::Install {
                settings,
                try_pages: false,
                try_leaks: false,
            },
        )
        .await?;
    let id = context.who.secret("wordpress");
    // A removal that was begun and called back: the content that is made from here on has no dump yet.
    secret::forget(cloud, &id, FINAL_TAG).await?;
    secret::remember(cloud, &id, TAG, &super::recorded::encode(&desired(context))).await?;
    Ok(Attributes::new())
}

/// Takes the final dump (database and uploads, below `tenants/<tenant>/final/<run>/` in the artifact bucket), then
/// removes the files. Comes after the service is gone, so the dump misses nothing. Once a dump is complete a tag says
/// so, and a repeat takes no second one of a site whose files are gone already.
///
/// # Errors
/// The job's, AWS's; a site whose WordPress was installed but whose task definition is gone, as no dump can be taken.
pub(super) async fn remove(
    cloud: &Cloud,
    jobs: &Jobs,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let Some(arn) = context
        .known
        .get(&Kind::TaskDefinition)
        .and_then(|known| known.get("arn"))
    else {
        if found.fields.is_null() {
            return Ok(());
        }
        return Err(CloudError::Unusable(format!(
            "{} has no task definition, so its final dump can't be taken: apply the site once more, then destroy it",
            context.who.name()
        )));
    };
    if !found.attributes.contains_key("final") {
        let prefix = format!("tenants/{}/final/{}/", context.who.tenant, jobs.run());
        let work = Work::Export {
            prefix: prefix.clone(),
        };
        let _: Manifest = jobs.of_site(&context.who, arn, work).await?;
        secret::remember(cloud, &context.who.secret("wordpress"), FINAL_TAG, &prefix).await?;
    }
    let _: Wiped = jobs.of_site(&context.who, arn, Work::Wipe).await?;
    Ok(())
}
