//! The uploads as a zstd-compressed tar archive.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use tokio::sync::mpsc;

use super::upload::Upload;
use crate::load::BESIDE;
use crate::protocol::{Failure, FailureCode};

const CHUNK: usize = 1 << 20;

/// Sends the archive of everything under `root` and returns the number of files. Paths are relative to `root`; links are
/// archived as links.
///
/// # Errors
/// When a file cannot be read, changes its size while it is read, or the storage fails.
pub(super) async fn archive(root: &Path, upload: &mut Upload<'_>) -> Result<u64, Failure> {
    let (sender, mut receiver) = mpsc::channel(4);
    let owned = root.to_owned();
    let writing = tokio::task::spawn_blocking(move || {
        write(
            &owned,
            Chunks {
                sender,
                buffer: Vec::new(),
            },
        )
    });
    while let Some(chunk) = receiver.recv().await {
        upload.write(&chunk).await?;
    }
    let failure = |error: String| {
        Failure::new(
            FailureCode::FilesFailed,
            format!("archiving {}: {error}", root.display()),
        )
    };
    writing
        .await
        .map_err(|error| failure(error.to_string()))?
        .map_err(|error| failure(error.to_string()))
}

fn write(root: &Path, sink: impl Write) -> io::Result<u64> {
    let encoder = zstd::stream::write::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    let mut tar = tar::Builder::new(encoder);
    tar.follow_symlinks(false);
    let mut files = 0;
    append(&mut tar, root, root, &mut files)?;
    tar.into_inner()?.finish()?.flush()?;
    Ok(files)
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    root: &Path,
    directory: &Path,
    files: &mut u64,
) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // What a load has beside the uploads is none of them.
        if directory == root && entry.file_name() == BESIDE {
            continue;
        }
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let naming =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", name.display()));
        tar.append_path_with_name(&path, name).map_err(naming)?;
        if entry.file_type()?.is_dir() {
            append(tar, root, &path, files)?;
        } else {
            *files += 1;
        }
    }
    Ok(())
}

/// Hands bytes to the task that uploads, and waits when that is slower.
struct Chunks {
    sender: mpsc::Sender<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.buffer);
        self.sender
            .blocking_send(chunk)
            .map_err(|_| io::Error::other("the upload ended early"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_every_file_under_its_relative_path() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("2026/11")).unwrap();
        fs::write(root.path().join("2026/11/ä.jpg"), vec![7; 100_000]).unwrap();
        std::os::unix::fs::symlink("2026", root.path().join("now")).unwrap();
        let mut bytes = Vec::new();

        assert_eq!(write(root.path(), &mut bytes).unwrap(), 2);

        let unpacked = tempfile::tempdir().unwrap();
        tar::Archive::new(zstd::Decoder::new(&bytes[..]).unwrap())
            .unpack(unpacked.path())
            .unwrap();
        assert_eq!(
            fs::read(unpacked.path().join("2026/11/ä.jpg")).unwrap(),
            vec![7; 100_000]
        );
        assert!(unpacked.path().join("now").is_symlink());
    }
}
