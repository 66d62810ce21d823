//! The hash of a component's files: the same for the same paths and contents, whatever archive they came from.
//!
//! `SHA-256` over one line a file, sorted by path: path, NUL, size, NUL, SHA-256 of the content, newline. Modes, owners
//! and times are left out; the image sets its own. A component that is a single file has the empty path.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Every file under `root` with its relative path, sorted. `root` itself when it is a file.
///
/// # Errors
/// When something cannot be read, or is neither folder nor regular file: nothing else belongs into a source.
pub(super) fn files(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    if root.is_file() {
        found.push((String::new(), root.to_owned()));
    } else {
        collect(root, "", &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("{name:?} is no UTF-8")))?;
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() {
            found.push((path, entry.path()));
        } else {
            return Err(io::Error::other(format!(
                "{path} is neither folder nor regular file"
            )));
        }
    }
    Ok(())
}

/// The hash, in hexadecimal.
///
/// # Errors
/// As [`files`].
pub(super) fn hash(root: &Path) -> io::Result<String> {
    let mut tree = Sha256::new();
    for (path, file) in files(root)? {
        let content = fs::read(&file)?;
        let sum = hex::encode(Sha256::digest(&content));
        tree.update(format!("{path}\0{}\0{sum}\n", content.len()));
    }
    Ok(hex::encode(tree.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> String {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        hash(root.path()).unwrap()
    }

    #[test]
    fn paths_and_contents_count_and_nothing_else() {
        let one = tree(&[("b/c", "x"), ("a", "y")]);
        assert_eq!(one, tree(&[("a", "y"), ("b/c", "x")]));
        assert_ne!(one, tree(&[("a", "y"), ("b/c", "z")]));
        assert_ne!(one, tree(&[("a", "y"), ("b/d", "x")]));
        assert_ne!(one, tree(&[("a", "y"), ("b/c", "x"), ("e", "")]));
    }

    #[test]
    fn a_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("link")).unwrap();
        assert!(hash(root.path()).is_err());
    }
}
