//! What kind of machine an image is for.

use std::{fs::File, io::Read, path::Path};

use bollard::Docker;

use super::ImageError;

/// A platform that images can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    /// As engines and registries name it, <https://specs.opencontainers.org/image-spec/image-index/>.
    pub(super) name: &'static str,
    /// As Debian names the architecture.
    pub(super) debian: &'static str,
    /// As the header of its programs names it: `e_machine` of ELF.
    machine: u16,
}

const KNOWN: [Platform; 2] = [
    Platform {
        name: "linux/amd64",
        debian: "amd64",
        machine: 62,
    },
    Platform {
        name: "linux/arm64",
        debian: "arm64",
        machine: 183,
    },
];

impl Platform {
    /// The one with this name, otherwise the engine's own.
    ///
    /// # Errors
    /// It is neither of those that images can be built for, or the engine does not answer.
    pub(super) async fn of(docker: &Docker, name: Option<&str>) -> Result<Self, ImageError> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => {
                let version = docker
                    .version()
                    .await
                    .map_err(ImageError::docker("asking the engine for its platform"))?;
                let part = |part: Option<String>| part.unwrap_or_default();
                format!("{}/{}", part(version.os), part(version.arch))
            }
        };
        let known = KNOWN.into_iter().find(|platform| platform.name == name);
        known.ok_or(ImageError::Platform(name))
    }

    /// Whether the program runs there, by its header (the ELF specification's "ELF Header").
    ///
    /// # Errors
    /// The program cannot be read or is for another kind of machine.
    pub(super) fn check_program(self, program: &Path) -> Result<(), ImageError> {
        let mut header = Vec::new();
        File::open(program)
            .and_then(|file| file.take(20).read_to_end(&mut header))
            .map_err(ImageError::io(format_args!(
                "reading {}",
                program.display()
            )))?;
        let wrong = |what: String| {
            Err(ImageError::WrongSiteJob {
                path: program.to_owned(),
                reason: format!("{what}, and the image is for {}", self.name),
            })
        };
        match header.as_slice() {
            // Of 64 bits, the lowest byte first, as both known machines have it.
            [0x7f, b'E', b'L', b'F', 2, 1, .., low, high] if header.len() == 20 => {
                let machine = u16::from_le_bytes([*low, *high]);
                if machine == self.machine {
                    return Ok(());
                }
                let known = KNOWN.iter().find(|platform| platform.machine == machine);
                wrong(known.map_or_else(
                    || format!("is for machines of kind {machine}"),
                    |platform| format!("is for {}", platform.name),
                ))
            }
            _ => wrong("is no program of a Linux of 64 bits".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[u8], platform: Platform) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        platform
            .check_program(file.path())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_tells_what_it_is_for() {
        let [amd64, arm64] = KNOWN;
        let mut header = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0more";
        assert_eq!(check(&header, arm64), Ok(()));
        let error = check(&header, amd64).unwrap_err();
        assert!(
            error.contains("is for linux/arm64, and the image is for linux/amd64"),
            "{error}"
        );
        header[18] = 243;
        let error = check(&header, amd64).unwrap_err();
        assert!(error.contains("machines of kind 243"), "{error}");
        for short in [&header[..19], b"", b"#!/bin/sh\nexec true\n"] {
            let error = check(short, amd64).unwrap_err();
            assert!(error.contains("is no program"), "{error}");
        }
        // This very test is a program for the machine that runs it.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let fits = KNOWN
            .iter()
            .filter(|platform| check(&own, **platform).is_ok());
        assert_eq!(fits.count(), 1);
    }
}
