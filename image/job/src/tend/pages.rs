//! The files of nginx's page cache. nginx takes a page whose file is gone for one that it does not have.

use std::{fs, io, path::Path};

/// `fastcgi_cache_path`, one level of folders deep. The must-use plugin names the same.
pub const FOLDER: &str = "/tmp/bbws-pages";

/// Number and bytes of the cached pages.
#[must_use]
pub fn count() -> (u64, u64) {
    let (mut pages, mut bytes) = (0, 0);
    let _ = each(Path::new(FOLDER), |entry| {
        pages += 1;
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        true
    });
    (pages, bytes)
}

/// Whether there is a cached page.
pub(super) fn any() -> bool {
    let mut found = false;
    let _ = each(Path::new(FOLDER), |_| {
        found = true;
        false
    });
    found
}

/// Deletes every page, those too that are being written: a page that was begun before a change must not stay. A repeat, or
/// another process that does the same, does no harm.
pub(super) fn purge() {
    let _ = each(Path::new(FOLDER), |entry| {
        let _ = fs::remove_file(entry.path());
        true
    });
}

/// Calls `act` with each file until it returns false. nginx makes the folder when it starts.
fn each(folder: &Path, mut act: impl FnMut(&fs::DirEntry) -> bool) -> io::Result<()> {
    for level in fs::read_dir(folder)? {
        let level = level?;
        if !level.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(level.path())? {
            if !act(&file?) {
                return Ok(());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_the_folders_are_pages() {
        let folder = tempfile::tempdir().unwrap();
        for level in ["0", "f"] {
            fs::create_dir(folder.path().join(level)).unwrap();
        }
        let found = || {
            let mut names = Vec::new();
            each(folder.path(), |file| {
                names.push(file.file_name().into_string().unwrap());
                true
            })
            .unwrap();
            names.sort();
            names
        };
        assert!(found().is_empty());
        fs::write(folder.path().join("0/a0"), "x").unwrap();
        fs::write(folder.path().join("f/bf"), "x").unwrap();
        assert_eq!(found(), ["a0", "bf"]);
        assert!(each(Path::new("/nonexistent"), |_| true).is_err());
    }
}
