//! WordPress as it was compiled with the image, for PHP to find (`opcache.file_cache`).
//!
//! PHP takes what was compiled for the source whatever the source says now. So nothing of it is used in an image, made of
//! this one, that has another file in the place of one of WordPress's.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::log::{self, Level};

/// A folder for each kind of PHP, with the compiled files by the paths of their sources.
const COMPILED: &str = "/srv/opcache";
const FILE_CACHE: &str = "/run/bbws/opcache";
/// The time of every file of the image: the start of the year 2000, in seconds since 1970.
const BUILT: i64 = 946_684_800;

/// Lays the compiled files where PHP looks for them. It insists on a folder that it could write to, so the image's, which nobody
/// can write to, are linked in one. A repeat changes nothing.
pub(super) fn lay() -> anyhow::Result<()> {
    let folder = Path::new(FILE_CACHE);
    fs::create_dir_all(folder).with_context(|| format!("making {FILE_CACHE}"))?;
    for entry in fs::read_dir(COMPILED).with_context(|| format!("reading {COMPILED}"))? {
        let compiled = entry.with_context(|| format!("reading {COMPILED}"))?.path();
        let changed = changed(&compiled, Path::new("/"))
            .with_context(|| format!("comparing {} with its sources", compiled.display()))?;
        if let Some(source) = changed {
            let message = format!(
                "{} is not the image's own, so PHP compiles WordPress anew: the first page takes longer",
                source.display()
            );
            log::line("init", Level::Warning, None, &message);
            continue;
        }
        let link = folder.join(compiled.file_name().unwrap_or_default());
        match symlink(&compiled, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("linking into {FILE_CACHE}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Once PHP has looked at it, nothing can be put there: code would otherwise be a matter of writing a file.
pub(super) fn close() -> anyhow::Result<()> {
    fs::set_permissions(FILE_CACHE, fs::Permissions::from_mode(0o555))
        .with_context(|| format!("closing {FILE_CACHE}"))
}

/// A source below `sources` that is gone, or was written at another time than the image's files; `compiled` mirrors their paths.
fn changed(compiled: &Path, sources: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(compiled)? {
        let entry = entry?;
        let source = sources.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if let Some(changed) = changed(&entry.path(), &source)? {
                return Ok(Some(changed));
            }
            continue;
        }
        let source = source.with_extension("");
        match fs::metadata(&source) {
            Ok(metadata) if metadata.mtime() == BUILT => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(Some(source)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_source_of_another_time_or_a_missing_one_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (compiled, sources) = (folder.path().join("id"), folder.path().join("root"));
        for root in [&compiled, &sources] {
            fs::create_dir_all(root.join("srv/wordpress/inner")).unwrap();
        }
        let built = UNIX_EPOCH + Duration::from_secs(946_684_800);
        for name in ["srv/wordpress/index.php", "srv/wordpress/inner/a.php"] {
            fs::write(compiled.join(format!("{name}.bin")), "").unwrap();
            fs::write(sources.join(name), "").unwrap();
            let file = fs::File::open(sources.join(name)).unwrap();
            file.set_modified(built).unwrap();
        }
        assert_eq!(changed(&compiled, &sources).unwrap(), None);

        // What nothing was compiled of may be anything.
        fs::write(sources.join("srv/wordpress/new.php"), "").unwrap();
        assert_eq!(changed(&compiled, &sources).unwrap(), None);
        let inner = sources.join("srv/wordpress/inner/a.php");
        fs::write(&inner, "changed").unwrap();
        assert_eq!(changed(&compiled, &sources).unwrap(), Some(inner.clone()));
        fs::remove_file(&inner).unwrap();
        assert_eq!(changed(&compiled, &sources).unwrap(), Some(inner));
    }
}
