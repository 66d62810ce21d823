//! Deletes every uploaded file of a tenant. The export before it is the runner's business.

use std::{fs, io, path::Path};

use crate::protocol::{Failure, FailureCode, Wiped};

/// Empties `root` and leaves it itself. Links are removed, never followed. A repeat finds nothing; after a crash half
/// way, the rest is still there for the repeat.
///
/// # Errors
/// When a directory cannot be listed or an entry not removed.
pub fn wipe(root: &Path) -> Result<Wiped, Failure> {
    let mut files = 0;
    empty(root, &mut files).map_err(|error| {
        Failure::new(
            FailureCode::FilesFailed,
            format!(
                "emptying {}: {error}; {files} files were deleted",
                root.display()
            ),
        )
    })?;
    Ok(Wiped { files })
}

fn empty(directory: &Path, files: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            empty(&entry.path(), files)?;
            fs::remove_dir(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
            *files += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_inside_goes_and_what_links_point_to_stays() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("2026/11")).unwrap();
        fs::write(root.path().join("2026/11/a.jpg"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();

        assert_eq!(wipe(root.path()).unwrap(), Wiped { files: 2 });
        assert_eq!(wipe(root.path()).unwrap(), Wiped { files: 0 });
        assert!(root.path().is_dir() && outside.path().join("kept").exists());
    }

    #[test]
    fn a_missing_mount_is_a_failure() {
        assert_eq!(
            wipe(Path::new("/nonexistent")).unwrap_err().code,
            FailureCode::FilesFailed
        );
    }
}
