//! One file out of a PHP archive, <https://www.php.net/manual/en/phar.fileformat.phar.php>.

const END_OF_STUB: &[u8] = b"__HALT_COMPILER(); ?>\r\n";

/// The content of an uncompressed file; none when the archive has none of that name, or is none.
pub(super) fn file<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let stub = archive
        .windows(END_OF_STUB.len())
        .position(|window| window == END_OF_STUB)?;
    let mut manifest = Reader(archive.get(stub + END_OF_STUB.len()..)?);
    let length = manifest.number()?;
    let mut contents = Reader(manifest.0.get(length..)?);
    let count = manifest.number()?;
    // The format's version and the archive's flags.
    manifest.take(2 + 4)?;
    let alias = manifest.number()?;
    manifest.take(alias)?;
    let metadata = manifest.number()?;
    manifest.take(metadata)?;
    for _ in 0..count {
        let length = manifest.number()?;
        let path = manifest.take(length)?;
        let size = manifest.number()?;
        let _time = manifest.number()?;
        let stored = manifest.number()?;
        // Checksum and flags.
        manifest.take(4 + 4)?;
        let metadata = manifest.number()?;
        manifest.take(metadata)?;
        let content = contents.take(stored)?;
        if path == name.as_bytes() {
            return (size == stored).then_some(content);
        }
    }
    None
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut manifest = [&number(files.len())[..], &[0x11, 0], &number(0)].concat();
        manifest.extend([&number(1)[..], b"a", &number(0)].concat());
        for (name, content) in files {
            let (named, sized) = (number(name.len()), number(content.len()));
            manifest.extend([&named[..], name.as_bytes(), &sized, &number(7), &sized].concat());
            manifest.extend([number(8), number(0o644), number(0)].concat());
        }
        let contents: String = files.iter().map(|(_, content)| *content).collect();
        let stub = [b"<?php\n", END_OF_STUB].concat();
        [
            &stub[..],
            &number(manifest.len()),
            &manifest,
            contents.as_bytes(),
        ]
        .concat()
    }

    #[test]
    fn a_file_is_found_by_its_name() {
        let archive = archive(&[("a", "first"), ("b/VERSION", "2.12.0"), ("c", "")]);
        assert_eq!(file(&archive, "b/VERSION"), Some(&b"2.12.0"[..]));
        assert_eq!(file(&archive, "VERSION"), None);
        assert_eq!(
            file(&archive[..archive.len() - 3], "b/VERSION"),
            None,
            "cut off"
        );
        assert_eq!(file(b"no archive", "b"), None);
    }
}
