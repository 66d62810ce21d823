//! Removes what is beside a site's content.

use std::{fs, io, path::Path};

use mysql_async::prelude::Queryable;

use super::{BESIDE, Schemas};
use crate::{
    database::{self, failed, sql},
    job::UPLOADS,
    protocol::{Failure, FailureCode},
};

/// See [`crate::protocol::Work::Settle`]. There is no way back to the content of before after this, but by a snapshot of it. A repeat
/// finds nothing.
///
/// # Errors
/// The database's and the files'.
pub async fn settle() -> Result<(), Failure> {
    let schemas = Schemas::of_site()?;
    let mut connection = database::connect_site().await?;
    for schema in [&schemas.next, &schemas.before] {
        connection
            .query_drop(format!(
                "DROP DATABASE IF EXISTS {}",
                sql::identifier(schema)
            ))
            .await
            .map_err(failed("removing a schema beside the site's"))?;
    }
    let _ = connection.disconnect().await;
    empty_beside(UPLOADS.as_ref(), "")
}

/// Removes a folder in [`BESIDE`], or with an empty name all of it.
pub(super) fn empty_beside(root: &Path, folder: &str) -> Result<(), Failure> {
    let path = root.join(BESIDE).join(folder);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::new(
            FailureCode::FilesFailed,
            format!("removing {}: {error}", path.display()),
        )),
        _ => Ok(()),
    }
}
