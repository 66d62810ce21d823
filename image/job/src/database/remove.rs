//! Removes one tenant's schema and user.

use mysql_async::{Conn, prelude::Queryable};

use super::{failed, inspect, sql};
use crate::protocol::{DatabaseName, DroppedDatabase, Failure};

/// Drops the user first, so that nobody writes into a schema that is going. A repeat finds nothing; after a crash half way
/// the repeat does the rest.
///
/// # Errors
/// When MySQL refuses a statement.
pub async fn remove(admin: &mut Conn, target: &DatabaseName) -> Result<DroppedDatabase, Failure> {
    let user_dropped = inspect::requires_tls(admin, &target.user).await?.is_some();
    let statement = format!("DROP USER IF EXISTS {}", sql::account(&target.user));
    admin
        .query_drop(statement)
        .await
        .map_err(failed("dropping the user"))?;
    let schema_dropped = inspect::schema_exists(admin, &target.schema).await?;
    let schema = &target.schema;
    for schema in [super::next(schema), super::before(schema), schema.clone()] {
        let statement = format!("DROP DATABASE IF EXISTS {}", sql::identifier(&schema));
        admin
            .query_drop(statement)
            .await
            .map_err(failed("dropping the schema"))?;
    }
    Ok(DroppedDatabase {
        schema_dropped,
        user_dropped,
    })
}
