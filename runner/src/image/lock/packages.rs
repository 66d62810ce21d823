//! Debian's packages in the lock.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::check_hex;

/// Debian's packages of the stage that the image is built in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// What the build asks for. The rest is what these need, and the base's own.
    pub install: Vec<String>,
    /// By Debian's name of the architecture, such as `amd64`.
    pub locked: BTreeMap<String, Locked>,
}

/// All packages of one architecture's build: what is asked for, what that needs, and the base's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The suites that they are from, such as `trixie` and `trixie-security`.
    pub suites: Vec<String>,
    /// A moment of <https://snapshot.debian.org> at which these suites held them, `YYYYMMDDTHHMMSSZ`.
    pub snapshot: String,
    /// By name.
    pub pins: BTreeMap<String, Pin>,
}

/// One package's version and file; `<version> sha256:<checksum>` in the lock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin {
    /// Debian's version.
    pub version: String,
    /// SHA-256 of the `.deb`, 64 hexadecimal digits.
    pub sha256: String,
}

impl TryFrom<String> for Pin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (version, sha256) = text.split_once(" sha256:").ok_or_else(|| {
            format!("{text:?} is not a version, a blank, sha256: and the checksum")
        })?;
        Ok(Self {
            version: version.to_owned(),
            sha256: sha256.to_owned(),
        })
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sha256:{}", self.version, self.sha256)
    }
}

impl Packages {
    pub(super) fn check(&self) -> Result<(), String> {
        for name in &self.install {
            check_name(name).map_err(|reason| format!("install: {reason}"))?;
        }
        for (architecture, locked) in &self.locked {
            locked
                .check(&self.install)
                .map_err(|reason| format!("locked.{architecture}{reason}"))?;
        }
        Ok(())
    }

    /// What is to be installed, a line each, for `packages.sh`.
    pub(crate) fn wanted(&self) -> String {
        self.install.iter().fold(String::new(), |mut text, name| {
            let _ = writeln!(text, "{name}");
            text
        })
    }
}

impl Locked {
    fn check(&self, wanted: &[String]) -> Result<(), String> {
        for suite in &self.suites {
            check_name(suite).map_err(|reason| format!(".suites: {reason}"))?;
        }
        let form = "YYYYMMDDTHHMMSSZ";
        let moment = self.snapshot.len() == form.len()
            && self
                .snapshot
                .bytes()
                .zip(form.bytes())
                .all(|(found, form)| match form {
                    b'T' | b'Z' => found == form,
                    _ => found.is_ascii_digit(),
                });
        if !moment {
            return Err(format!(
                ".snapshot: {:?} is not of the form {form}",
                self.snapshot
            ));
        }
        for (name, pin) in &self.pins {
            check_name(name).map_err(|reason| format!(": {reason}"))?;
            check_version(&pin.version).map_err(|reason| format!(".pins.{name}: {reason}"))?;
            check_hex(&pin.sha256, 64).map_err(|reason| format!(".pins.{name}: {reason}"))?;
        }
        match wanted.iter().find(|name| !self.pins.contains_key(*name)) {
            Some(name) => Err(format!(": {name}, which is to be installed, is not locked")),
            None => Ok(()),
        }
    }

    /// Lines of name, version and checksum, for `packages.sh`.
    pub(crate) fn lines(&self) -> String {
        self.pins
            .iter()
            .fold(String::new(), |mut text, (name, pin)| {
                let _ = writeln!(text, "{name} {} {}", pin.version, pin.sha256);
                text
            })
    }

    /// apt's sources of [`Self::snapshot`]. Its indexes have expired by nature; what they name is checked by signature all the
    /// same, and then by the lock.
    pub(crate) fn snapshot_sources(&self) -> String {
        self.suites.iter().fold(String::new(), |mut text, suite| {
            let archive = match suite.ends_with("-security") {
                true => "debian-security",
                false => "debian",
            };
            let _ = writeln!(
                text,
                "deb [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
                 http://snapshot.debian.org/archive/{archive}/{}/ {suite} main",
                self.snapshot
            );
            text
        })
    }
}

/// Names of packages, as Debian's policy has them (5.6.1); names of suites are of the same form.
fn check_name(name: &str) -> Result<(), String> {
    let fine = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    match fine {
        true => Ok(()),
        false => Err(format!("{name:?} is not a name of Debian's")),
    }
}

/// As Debian's policy has them (5.6.12).
fn check_version(version: &str) -> Result<(), String> {
    let fine = version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".+-~:".contains(&b));
    match fine {
        true => Ok(()),
        false => Err(format!("{version:?} is not a version of Debian's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_told_what_the_lock_says() {
        let pin = |text: &str| Pin::try_from(text.to_owned()).unwrap();
        let locked = Locked {
            suites: vec!["trixie".to_owned(), "trixie-security".to_owned()],
            snapshot: "20261127T000000Z".to_owned(),
            pins: BTreeMap::from([("libgd3".to_owned(), pin("1:2.3-1~a sha256:ab"))]),
        };
        assert_eq!(locked.lines(), "libgd3 1:2.3-1~a ab\n");
        let sources = locked.snapshot_sources();
        let ends = [
            "/archive/debian/20261127T000000Z/ trixie main",
            "/archive/debian-security/20261127T000000Z/ trixie-security main",
        ];
        for (line, end) in sources.lines().zip(ends) {
            assert!(line.ends_with(end), "{line}");
        }
        assert_eq!(sources.lines().count(), 2);
    }
}
