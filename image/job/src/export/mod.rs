//! Exports a site: its database and its uploads, streamed into the bucket, then a manifest that describes both.
//!
//! The manifest is written last: a prefix without one is an export that did not finish. Nothing is staged on disk, and
//! memory does not grow with the site.

mod archive;
mod dump;
mod upload;

use std::path::Path;

use crate::{
    cost::peak_memory,
    database,
    load::quarantined,
    log::{self, Level},
    protocol::{ExportedFile, Failure, FailureCode, Manifest, VERSION},
};
use upload::Upload;

/// What is exported, and where to.
pub struct Export<'a> {
    /// The storage.
    pub s3: &'a aws_sdk_s3::Client,
    /// The bucket.
    pub bucket: &'a str,
    /// The key prefix, ending in `/`.
    pub prefix: &'a str,
    /// The tenant's id.
    pub tenant: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The uploads' directory.
    pub uploads: &'a Path,
}

/// Exports the site. A repeat overwrites; a crash half way leaves objects without a manifest, and at most one unfinished
/// multipart upload, which the bucket's lifecycle rule removes.
///
/// # Errors
/// When the database, the files or the storage fail.
pub async fn export(export: &Export<'_>) -> Result<Manifest, Failure> {
    if !export.prefix.ends_with('/') {
        return Err(Failure::new(
            FailureCode::BadRequest,
            "the export's prefix does not end in /",
        ));
    }
    let mut connection = database::connect_site().await?;
    let mut upload = Upload::new(
        export.s3,
        export.bucket,
        format!("{}database.sql.zst", export.prefix),
    );
    let dumped = dump::dump(&mut connection, &mut upload).await;
    let (dump, database) = finish(upload, dumped).await?;
    let quarantine = quarantined(&mut connection).await?;
    let _ = connection.disconnect().await;
    log::line(
        "job",
        Level::Info,
        None,
        &format!(
            "database: {} tables, {} bytes",
            dump.tables.len(),
            database.bytes
        ),
    );

    let mut upload = Upload::new(
        export.s3,
        export.bucket,
        format!("{}uploads.tar.zst", export.prefix),
    );
    let archived = archive::archive(export.uploads, &mut upload).await;
    let (uploads, archive) = finish(upload, archived).await?;
    log::line(
        "job",
        Level::Info,
        None,
        &format!("uploads: {uploads} files, {} bytes", archive.bytes),
    );

    let manifest = Manifest {
        version: VERSION,
        tenant: export.tenant.to_owned(),
        environment: export.environment.to_owned(),
        taken_at: dump.taken_at,
        files: vec![database, archive],
        tables: dump.tables,
        views: dump.views,
        uploads,
        quarantine,
        peak_memory: peak_memory(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| {
        Failure::new(
            FailureCode::StorageFailed,
            format!("writing the manifest: {error}"),
        )
    })?;
    let mut upload = Upload::new(
        export.s3,
        export.bucket,
        format!("{}manifest.json", export.prefix),
    );
    let written = upload.write(&text).await;
    finish(upload, written).await?;
    Ok(manifest)
}

/// Completes an upload whose writer succeeded; otherwise takes back what was sent.
async fn finish<T>(
    upload: Upload<'_>,
    written: Result<T, Failure>,
) -> Result<(T, ExportedFile), Failure> {
    match written {
        Ok(value) => Ok((value, upload.finish().await?)),
        Err(failure) => {
            upload.abort().await;
            Err(failure)
        }
    }
}
