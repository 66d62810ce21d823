//! Reads what is in the database of one tenant, changing nothing.

use std::collections::BTreeMap;

use mysql_async::{Conn, prelude::Queryable};

use super::{failed, grants, sql};
use crate::protocol::{DatabaseName, Failure, Inspection, WordPressState};

const OPTIONS: &str = "'blogname', 'admin_email', 'home', 'siteurl', 'timezone_string', 'WPLANG', \
                       'permalink_structure', 'db_version'";

/// What exists of a tenant, as its administrator sees it.
///
/// # Errors
/// When MySQL refuses a statement; what is absent is no error.
pub async fn inspect(admin: &mut Conn, target: &DatabaseName) -> Result<Inspection, Failure> {
    let DatabaseName { schema, user, .. } = target;
    let mut found = Inspection {
        schema: schema_exists(admin, schema).await?,
        ..Inspection::default()
    };
    if let Some(required) = requires_tls(admin, user).await? {
        found.user = true;
        found.requires_tls = required;
        found.grants = grants::current(admin, user).await?;
        found.grants_as_desired = found.grants == grants::desired(schema);
    }
    if found.schema {
        found.wordpress = wordpress(admin, schema).await?;
    }
    Ok(found)
}

/// Whether the schema exists.
pub(super) async fn schema_exists(admin: &mut Conn, schema: &str) -> Result<bool, Failure> {
    let found: Option<u8> = admin
        .exec_first(
            "SELECT 1 FROM information_schema.schemata WHERE schema_name = ?",
            (schema,),
        )
        .await
        .map_err(failed("looking for the schema"))?;
    Ok(found.is_some())
}

/// Whether the user must use TLS, or `None` when there is no such user.
pub(super) async fn requires_tls(admin: &mut Conn, user: &str) -> Result<Option<bool>, Failure> {
    let found: Option<Vec<u8>> = admin
        .exec_first(
            "SELECT ssl_type FROM mysql.user WHERE user = ? AND host = '%'",
            (user,),
        )
        .await
        .map_err(failed("looking for the user"))?;
    Ok(found.map(|kind| !kind.is_empty()))
}

async fn wordpress(admin: &mut Conn, schema: &str) -> Result<Option<WordPressState>, Failure> {
    let attempt = failed("reading WordPress's options");
    let exists: Option<u8> = admin
        .exec_first(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'wp_options'",
            (schema,),
        )
        .await
        .map_err(&attempt)?;
    if exists.is_none() {
        return Ok(None);
    }
    let select = format!(
        "SELECT option_name, option_value FROM {}.wp_options WHERE option_name IN ({OPTIONS})",
        sql::identifier(schema)
    );
    let mut options: BTreeMap<String, String> = admin
        .query::<(String, String), _>(select)
        .await
        .map_err(&attempt)?
        .into_iter()
        .collect();
    // The installer writes the site's address before anything else of it works: without one it is not installed.
    if !options.contains_key("siteurl") {
        return Ok(None);
    }
    let mut take = |name: &str| options.remove(name).unwrap_or_default();
    let locale = take("WPLANG");
    Ok(Some(WordPressState {
        title: unescape(&take("blogname")),
        admin_email: take("admin_email"),
        home: take("home"),
        siteurl: take("siteurl"),
        timezone: take("timezone_string"),
        locale: if locale.is_empty() {
            "en_US".to_owned()
        } else {
            locale
        },
        permalinks: take("permalink_structure"),
        db_version: take("db_version"),
    }))
}

/// WordPress keeps the title escaped for HTML (`sanitize_option`); a manifest does not.
fn unescape(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#039;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn a_title_reads_as_it_was_written() {
        assert_eq!(
            unescape("Bolt &amp; Sons &lt;&#039;26&gt; &amp;lt;"),
            "Bolt & Sons <'26> &lt;"
        );
    }
}
