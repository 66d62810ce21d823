//! Looking at what no AWS list shows: one job a cell reads schemas, grants and WordPress's settings of all its sites.

use super::{Context, Inventory, Kind, database};
use crate::jobs::Jobs;
use serde_json::{Value, json};
use site_job::protocol::Inspection;

/// Replaces what is recorded of each site's database and WordPress by what is really there. A site whose database was
/// never made is left as it is; one that can't be looked at is [`Inventory::unreadable`].
pub async fn look(jobs: &Jobs, contexts: &[Context<'_>], inventory: &mut Inventory) {
    let exists = |context: &&Context<'_>| {
        let found = inventory
            .found
            .get(&context.who.tenant)
            .and_then(|found| found.get(&Kind::Database));
        found.is_some_and(|database| !database.fields.is_null())
    };
    let looks = contexts.iter().filter(exists).map(|context| async move {
        (
            context,
            jobs.inspect(&context.cell.name, database::name(context))
                .await,
        )
    });
    let looks: Vec<_> = looks.collect();
    for (context, seen) in futures::future::join_all(looks).await {
        let Some(found) = inventory.found.get_mut(&context.who.tenant) else {
            continue;
        };
        match seen {
            Ok(seen) => {
                if let Some(database) = found.get_mut(&Kind::Database) {
                    database.fields = database_fields(context, &seen);
                }
                if let Some(wordpress) = found.get_mut(&Kind::Wordpress) {
                    wordpress.fields = wordpress_fields(&wordpress.fields, &seen);
                }
            }
            Err(error) => inventory
                .unreadable
                .push((vec![Kind::Database, Kind::Wordpress], error)),
        }
    }
}

fn database_fields(context: &Context<'_>, seen: &Inspection) -> Value {
    let name = context.who.schema();
    let grants = match seen.grants_as_desired {
        true => Value::from(database::GRANTS),
        false => Value::from(seen.grants.clone()),
    };
    json!({
        "schema": seen.schema.then(|| name.clone()),
        "user": seen.user.then_some(name),
        "require_tls": seen.requires_tls,
        "grants": grants,
    })
}

/// Null when WordPress is not installed. Which user the first administrator is, is not looked at: customers may rename. Nor
/// is the form of the tables: WordPress itself upgrades what is older than its code.
fn wordpress_fields(recorded: &Value, seen: &Inspection) -> Value {
    let Some(wordpress) = &seen.wordpress else {
        return Value::Null;
    };
    json!({
        "title": wordpress.title,
        "admin_user": recorded["admin_user"],
        "upgraded_for": recorded["upgraded_for"],
        "code": recorded["code"],
        "admin_email": wordpress.admin_email,
        "home": wordpress.home,
        "locale": wordpress.locale,
        "timezone": wordpress.timezone,
        "permalinks": wordpress.permalinks,
    })
}
