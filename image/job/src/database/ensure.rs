//! Makes one tenant's schema, user, password and grants as they should be.

use mysql_async::{Conn, prelude::Queryable};
use serde::Deserialize;

use super::{connect::connect, failed, grants, sql};
use crate::{
    aws::{self, Aws},
    protocol::{DatabaseTarget, EnsuredDatabase, Failure, FailureCode},
};

/// Creates what is missing and changes what differs. A repeat changes nothing and says so; after a crash half way the
/// repeat does the rest. The tenant's running site keeps its privileges throughout, unless it had too many.
///
/// # Errors
/// When the secret cannot be read or MySQL refuses a statement.
pub async fn ensure(
    admin: &mut Conn,
    aws: &Aws,
    target: &DatabaseTarget,
) -> Result<EnsuredDatabase, Failure> {
    let password = password(aws, &target.secret).await?;
    let mut done = EnsuredDatabase::default();
    let DatabaseTarget { schema, user, .. } = target;
    let account = sql::account(user);

    if !super::inspect::schema_exists(admin, schema).await? {
        // The collation that WordPress itself chooses for its tables on such a server (wpdb::determine_charset).
        let create = "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci";
        run(
            admin,
            format!(
                "CREATE DATABASE IF NOT EXISTS {} {create}",
                sql::identifier(schema)
            ),
            "creating the schema",
        )
        .await?;
        done.schema_created = true;
    }
    let identified = format!(
        "IDENTIFIED WITH caching_sha2_password BY {}",
        sql::string(&password)
    );
    match super::inspect::requires_tls(admin, user).await? {
        None => {
            run(
                admin,
                format!("CREATE USER {account} {identified} REQUIRE SSL"),
                "creating the user",
            )
            .await?;
            done.user_created = true;
        }
        Some(required) => {
            if !required {
                run(
                    admin,
                    format!("ALTER USER {account} REQUIRE SSL"),
                    "requiring TLS of the user",
                )
                .await?;
                done.tls_changed = true;
            }
            if !works(user, &password).await? {
                run(
                    admin,
                    format!("ALTER USER {account} {identified} ACCOUNT UNLOCK"),
                    "setting the user's password",
                )
                .await?;
                done.password_changed = true;
            }
        }
    }
    let (current, desired) = (grants::current(admin, user).await?, grants::desired(schema));
    if current != desired {
        if current.iter().any(|grant| !desired.contains(grant)) {
            run(
                admin,
                format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}"),
                "revoking the user's grants",
            )
            .await?;
        }
        for statement in grants::statements(schema, user) {
            run(admin, statement, "granting").await?;
        }
        done.grants_changed = true;
    }
    Ok(done)
}

/// The statement may hold a password, so the failure names the attempt instead.
async fn run(admin: &mut Conn, statement: String, attempt: &str) -> Result<(), Failure> {
    admin.query_drop(statement).await.map_err(failed(attempt))
}

/// Whether the user can log in with this password. Asking is how a repeat knows that there is nothing to set: MySQL does
/// not show passwords.
async fn works(user: &str, password: &str) -> Result<bool, Failure> {
    match connect(user, password, None).await {
        Ok(connection) => {
            let _ = connection.disconnect().await;
            Ok(true)
        }
        Err(failure) if failure.code == FailureCode::DatabaseFailed => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[derive(Deserialize)]
struct DatabaseSecret {
    password: String,
}

async fn password(aws: &Aws, secret: &str) -> Result<String, Failure> {
    let unreadable = |reason: String| {
        Failure::new(
            FailureCode::SecretUnreadable,
            format!("reading the secret {secret}: {reason}"),
        )
    };
    let answer = aws
        .secrets
        .get_secret_value()
        .secret_id(secret)
        .send()
        .await
        .map_err(|error| unreadable(aws::describe(&error)))?;
    let text = answer
        .secret_string()
        .ok_or_else(|| unreadable("it is not text".to_owned()))?;
    // serde's own message could quote the value.
    let parsed: DatabaseSecret = serde_json::from_str(text).map_err(|_| {
        unreadable("it is not a JSON object with a text field `password`".to_owned())
    })?;
    Ok(parsed.password)
}
