//! The build context: a tar archive made while it is sent, with only what the Dockerfile copies.
//!
//! Owners, times and modes are fixed, so the same inputs give the same bytes, and the engine's cache is used.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use super::tree;

const CHUNK: usize = 1 << 20;

/// One entry of the context, under a name in it.
pub(super) enum Entry {
    /// A file or folder of this machine.
    At(&'static str, PathBuf),
    /// A file with this content.
    Of(&'static str, String),
}

/// The context as chunks. An error while reading ends the stream with it, which makes the engine refuse the build.
pub(super) fn stream(
    entries: Vec<Entry>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(8);
    tokio::task::spawn_blocking(move || {
        let mut chunks = Chunks {
            sender,
            buffer: Vec::with_capacity(CHUNK),
        };
        if let Err(error) = write(&entries, &mut chunks) {
            let _ = chunks.sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
}

fn write(entries: &[Entry], sink: &mut impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(sink);
    let mut add = |name: &str, executable: bool, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(if executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        archive.append_data(&mut header, name, content)
    };
    for entry in entries {
        let (name, path) = match entry {
            Entry::At(name, path) => (name, path),
            Entry::Of(name, text) => {
                add(name, false, text.as_bytes())?;
                continue;
            }
        };
        let naming =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        for (relative, file) in tree::files(path).map_err(naming)? {
            let content = fs::read(&file).map_err(naming)?;
            let executable = fs::metadata(&file).map_err(naming)?.permissions().mode() & 0o100 != 0;
            match relative.as_str() {
                "" => add(name, executable, &content)?,
                relative => add(&format!("{name}/{relative}"), executable, &content)?,
            }
        }
    }
    archive.into_inner()?.flush()
}

struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
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
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let sent = self.sender.blocking_send(Ok(chunk.into()));
        sent.map_err(|_| io::Error::other("the engine stopped reading the build context"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_whenever_they_were_written() {
        let archive = |written: u64| {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("sub")).unwrap();
            fs::write(folder.path().join("sub/b"), "b").unwrap();
            fs::write(folder.path().join("a"), "a").unwrap();
            let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(written);
            fs::File::open(folder.path().join("a"))
                .unwrap()
                .set_modified(written)
                .unwrap();
            let mut bytes = Vec::new();
            write(
                &[
                    Entry::At("wordpress", folder.path().to_owned()),
                    Entry::Of("made", "text".to_owned()),
                ],
                &mut bytes,
            )
            .unwrap();
            bytes
        };
        let bytes = archive(1);
        assert_eq!(bytes, archive(1_000_000));
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|e| e.unwrap().path().unwrap().into_owned())
            .collect();
        assert_eq!(
            names,
            [
                PathBuf::from("wordpress/a"),
                PathBuf::from("wordpress/sub/b"),
                PathBuf::from("made"),
            ]
        );
    }
}
