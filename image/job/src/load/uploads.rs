//! The uploads beside a site's, and their way into their place and back.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::BESIDE;
use crate::protocol::{Failure, FailureCode};

/// What was loaded, in [`BESIDE`].
pub(super) const NEXT: &str = "next";
/// What it took the place of.
const BEFORE: &str = "before";
/// The names of files that took no other's place, each with a zero byte after it, in [`BESIDE`]. Written before any is moved.
const ADDED: &str = "added";
/// How many names a switch tells.
const SAMPLE: usize = 5;

fn failure(attempt: &str, error: &io::Error) -> Failure {
    Failure::new(FailureCode::FilesFailed, format!("{attempt}: {error}"))
}

/// Unpacks an archive into [`NEXT`] without what lies in folders of the names `leave`. The number of files that came, and how many
/// of them were left out.
pub(super) fn unpack(
    archive: impl Read,
    root: &Path,
    leave: &[&str],
) -> Result<(u64, u64), Failure> {
    let into = root.join(BESIDE).join(NEXT);
    let run = || -> io::Result<(u64, u64)> {
        fs::create_dir_all(&into)?;
        let mut plain = zstd::stream::read::Decoder::new(archive)?;
        let (mut files, mut left) = (0, 0);
        let mut tar = tar::Archive::new(&mut plain);
        tar.set_preserve_mtime(true);
        for entry in tar.entries()? {
            let mut entry = entry?;
            let is_file = u64::from(!entry.header().entry_type().is_dir());
            files += is_file;
            let mut folders = entry.path()?.into_owned();
            folders.pop();
            if folders
                .iter()
                .any(|folder| leave.iter().any(|name| folder == OsStr::new(name)))
            {
                left += is_file;
                continue;
            }
            // Says no to names that lead out of the folder.
            if !entry.unpack_in(&into)? {
                let name = entry.path()?.display().to_string();
                return Err(io::Error::other(format!(
                    "the archive's {name} leads elsewhere"
                )));
            }
        }
        // The rest belongs to the object's checksum.
        io::copy(&mut plain, &mut io::sink())?;
        Ok((files, left))
    };
    run().map_err(|error| failure("unpacking the uploads", &error))
}

/// Checks that all of the manifest's files came, and returns how many of them are there.
pub(super) fn complete((unpacked, left): (u64, u64), expected: u64) -> Result<u64, Failure> {
    if unpacked == expected {
        return Ok(unpacked - left);
    }
    Err(Failure::new(
        FailureCode::FilesFailed,
        format!("{unpacked} uploads were unpacked, but the manifest says {expected}"),
    ))
}

/// Moves what was loaded to its place; files of the same name go to [`BEFORE`], others stay. Returns the number of files, and some
/// of their names. After a crash half way a repeat moves the rest.
pub(super) fn switch(root: &Path) -> Result<(u64, Vec<String>), Failure> {
    let beside = root.join(BESIDE);
    let (next, before) = (beside.join(NEXT), beside.join(BEFORE));
    let run = || -> io::Result<(u64, Vec<String>)> {
        if !next.is_dir() {
            return Ok((0, Vec::new()));
        }
        let files = files(&next)?;
        let mut added = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(beside.join(ADDED))?;
        for file in &files {
            if root.join(file).symlink_metadata().is_err() {
                added.write_all(&[file.as_os_str().as_encoded_bytes(), b"\0"].concat())?;
            }
        }
        added.sync_all()?;
        for file in &files {
            let target = root.join(file);
            if target.symlink_metadata().is_ok() {
                rename(&target, &before.join(file))?;
            }
            rename(&next.join(file), &target)?;
        }
        let sample = files
            .iter()
            .step_by((files.len() / SAMPLE).max(1))
            .take(SAMPLE);
        let sample = sample
            .filter_map(|file| file.to_str().map(str::to_owned))
            .collect();
        Ok((files.len() as u64, sample))
    };
    run().map_err(|error| failure("moving the uploads to their place", &error))
}

/// Undoes [`switch`], also one that was cut off; the files that were loaded are gone then.
pub(super) fn switch_back(root: &Path) -> Result<u64, Failure> {
    let beside = root.join(BESIDE);
    let before = beside.join(BEFORE);
    let run = || -> io::Result<u64> {
        let mut moved = 0;
        let added = match fs::read(beside.join(ADDED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            added => added?,
        };
        for name in added
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            match fs::remove_file(root.join(OsStr::from_bytes(name))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed?;
                    moved += 1;
                }
            }
        }
        if before.is_dir() {
            for file in files(&before)? {
                rename(&before.join(&file), &root.join(&file))?;
                moved += 1;
            }
        }
        Ok(moved)
    };
    run().map_err(|error| failure("moving the uploads of before back", &error))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(from, to)
}

/// Every file and link under `root`, by its path below it.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(root: &Path, name: &str) -> Option<String> {
        fs::read_to_string(root.join(name)).ok()
    }

    fn site() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "2026/a.jpg", "old a");
        write(root.path(), "2026/only-here.jpg", "mine");
        write(root.path(), ".bbws/next/2026/a.jpg", "new a");
        write(root.path(), ".bbws/next/2027/b.jpg", "new b");
        root
    }

    #[test]
    fn new_files_take_their_place_and_others_stay() {
        let root = site();
        let (moved, sample) = switch(root.path()).unwrap();
        assert_eq!((moved, sample.len()), (2, 2));
        assert_eq!(read(root.path(), "2026/a.jpg").as_deref(), Some("new a"));
        assert_eq!(read(root.path(), "2027/b.jpg").as_deref(), Some("new b"));
        assert_eq!(
            read(root.path(), "2026/only-here.jpg").as_deref(),
            Some("mine")
        );
        assert_eq!(switch(root.path()).unwrap().0, 0);

        switch_back(root.path()).unwrap();
        switch_back(root.path()).unwrap();
        assert_eq!(read(root.path(), "2026/a.jpg").as_deref(), Some("old a"));
        assert_eq!(read(root.path(), "2027/b.jpg"), None);
        assert_eq!(
            read(root.path(), "2026/only-here.jpg").as_deref(),
            Some("mine")
        );
    }

    #[test]
    fn a_switch_that_was_cut_off_goes_on_or_back() {
        for onwards in [true, false] {
            let root = site();
            write(root.path(), ".bbws/added", "2027/b.jpg\0");
            // The old file is away, the new one not there yet.
            rename(
                &root.path().join("2026/a.jpg"),
                &root.path().join(".bbws/before/2026/a.jpg"),
            )
            .unwrap();
            if onwards {
                switch(root.path()).unwrap();
                assert_eq!(read(root.path(), "2026/a.jpg").as_deref(), Some("new a"));
                continue;
            }
            switch_back(root.path()).unwrap();
            assert_eq!(read(root.path(), "2026/a.jpg").as_deref(), Some("old a"));
            assert_eq!(read(root.path(), "2027/b.jpg"), None);
        }
    }

    #[test]
    fn what_is_private_stays_out_and_is_counted() {
        let mut tar = tar::Builder::new(Vec::new());
        for name in ["2026/a.jpg", "forms/7/cv.pdf", "2026/forms"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"x"[..]).unwrap();
        }
        let archive = zstd::encode_all(&tar.into_inner().unwrap()[..], 0).unwrap();
        let root = tempfile::tempdir().unwrap();
        let unpacked = unpack(&archive[..], root.path(), &["forms"]).unwrap();
        assert_eq!(complete(unpacked, 3).unwrap(), 2);
        let next = root.path().join(BESIDE).join(NEXT);
        assert!(next.join("2026/forms").exists() && !next.join("forms").exists());
    }

    #[test]
    fn an_archive_that_leads_elsewhere_is_refused() {
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        header.as_old_mut().name[..9].copy_from_slice(b"../../out");
        header.set_cksum();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&header, &b"x"[..]).unwrap();
        let archive = zstd::encode_all(&tar.into_inner().unwrap()[..], 0).unwrap();
        let root = tempfile::tempdir().unwrap();
        let refused = unpack(&archive[..], root.path(), &[]).unwrap_err();
        assert!(refused.message.contains("leads elsewhere"), "{refused}");
    }
}
