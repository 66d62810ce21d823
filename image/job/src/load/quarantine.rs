//! What is otherwise where content comes from an environment further up: it is masked, and the site is quarantined with it.

use mysql_async::{Conn, prelude::Queryable};

use super::{Schemas, connect, tables};
use crate::{
    database::{failed, sql},
    mask::Masker,
    protocol::{Content, Failure, FailureCode, Load, Manifest, QUARANTINE_OPTION},
};

/// Folders of uploads that the public never sees: WordPress's exports of personal data, WooCommerce's downloads and logs, what
/// visitors sent through forms.
pub(super) const PRIVATE_UPLOADS: &[&str] = &[
    "wp-personal-data-exports",
    "woocommerce_uploads",
    "wc-logs",
    "gravity_forms",
    "wpforms",
    "wpcf7_uploads",
    "ninja-forms",
    "wpo_wcpdf",
];

/// Refuses content that cannot go where it is to go.
pub(super) fn guard(load: &Load, manifest: &Manifest) -> Result<(), Failure> {
    let refused = |reason: String| Err(Failure::new(FailureCode::BadRequest, reason));
    match (&load.quarantine, &manifest.quarantine) {
        (Some(_), _) if load.content != Content::All => refused(
            "the quarantine is a setting of WordPress: content from further up comes whole"
                .to_owned(),
        ),
        // Of this very site, it is put back as it was.
        (None, Some(from)) if !load.hosts.is_empty() => refused(format!(
            "the source holds masked content of {from} and is quarantined: that goes nowhere"
        )),
        _ => Ok(()),
    }
}

/// What masks a load's rows, where they are to be masked.
pub(super) async fn masker(
    connection: &mut Conn,
    load: &Load,
    schemas: &Schemas,
) -> Result<Option<Masker>, Failure> {
    let Some(quarantine) = &load.quarantine else {
        return Ok(None);
    };
    let attempt = failed("preparing to mask");
    let key: Option<Vec<u8>> = connection
        .query_first("SELECT RANDOM_BYTES(32)")
        .await
        .map_err(&attempt)?;
    let key = key.and_then(|key| key.try_into().ok()).ok_or_else(|| {
        Failure::new(
            FailureCode::DatabaseFailed,
            "the database gives no random bytes",
        )
    })?;
    let logins: Vec<String> = connection
        .query(format!(
            "SELECT user_login FROM {}.{}",
            sql::identifier(&schemas.live),
            tables::USERS
        ))
        .await
        .map_err(&attempt)?;
    Ok(Some(Masker::new(key, &quarantine.masks, logins)))
}

/// Makes the quarantine in `next` what it is to be once that is in place.
pub(super) async fn state(
    connection: &mut Conn,
    load: &Load,
    schemas: &Schemas,
) -> Result<(), Failure> {
    let options = format!("{}.{}", sql::identifier(&schemas.next), tables::OPTIONS);
    let row = "(option_name, option_value, autoload)";
    let statement = match &load.quarantine {
        Some(quarantine) => format!(
            "REPLACE INTO {options} {row} VALUES ('{QUARANTINE_OPTION}', {}, 'on')",
            sql::string(&quarantine.from)
        ),
        // What is put back brings its own; what comes whole from further down ends it.
        None if load.hosts.is_empty() || load.content == Content::All => return Ok(()),
        // Settings alone say nothing of the rest.
        None => format!(
            "INSERT INTO {options} {row} SELECT option_name, option_value, autoload FROM {}.{} \
             WHERE option_name = '{QUARANTINE_OPTION}'",
            sql::identifier(&schemas.live),
            tables::OPTIONS
        ),
    };
    connection
        .query_drop(statement)
        .await
        .map_err(failed("setting the quarantine"))
}

/// Whose content the connection's site holds, if it is quarantined.
pub(crate) async fn of_site(connection: &mut Conn) -> Result<Option<String>, Failure> {
    connection
        .exec_first(
            "SELECT option_value FROM wp_options WHERE option_name = ? AND option_value <> ''",
            (QUARANTINE_OPTION,),
        )
        .await
        .map_err(failed("asking whether the site is quarantined"))
}

/// See [`crate::protocol::Work::Lift`]. A repeat finds nothing.
///
/// # Errors
/// The database's.
pub async fn lift() -> Result<bool, Failure> {
    let schemas = Schemas::of_site()?;
    let mut connection = connect(&schemas.live).await?;
    let was = of_site(&mut connection).await?.is_some();
    connection
        .exec_drop(
            "DELETE FROM wp_options WHERE option_name = ?",
            (QUARANTINE_OPTION,),
        )
        .await
        .map_err(failed("lifting the quarantine"))?;
    // Kept pages say that search engines are to stay away.
    connection
        .query_drop(tables::another_generation("wp_options"))
        .await
        .map_err(failed("lifting the quarantine"))?;
    let _ = connection.disconnect().await;
    Ok(was)
}
