//! Debian packages, as dpkg records them.

use std::collections::BTreeMap;

/// An installed Debian package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    /// The binary package's name.
    pub(super) name: String,
    /// With its epoch, if it has one.
    pub(super) version: String,
    /// `amd64`, `all`, ….
    pub(super) architecture: String,
    /// The source package's name; the security tracker speaks of these.
    pub(super) source: String,
    /// The source package's version, which is the binary's unless that was only rebuilt.
    pub(super) source_version: String,
}

/// The installed packages of one of dpkg's status files (deb822, see deb-control(5)), sorted.
///
/// Images without dpkg keep one file a package without the field `Status`; what is listed there is installed.
pub(super) fn installed(status: &str) -> Vec<Package> {
    let mut packages: Vec<_> = status.split("\n\n").filter_map(package).collect();
    packages.sort();
    packages
}

fn package(stanza: &str) -> Option<Package> {
    let fields: BTreeMap<&str, &str> = stanza
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    if fields
        .get("Status")
        .is_some_and(|status| !status.ends_with(" installed"))
    {
        return None;
    }
    let name = (*fields.get("Package")?).to_owned();
    let version = *fields.get("Version")?;
    // `Source: glibc (2.41-12)` when source and binary have different versions.
    let source = fields.get("Source").copied().unwrap_or(&name);
    let (source, source_version) = match source.split_once(" (") {
        Some((source, version)) => (source, version.trim_end_matches(')')),
        None => (source, version),
    };
    Some(Package {
        version: version.to_owned(),
        architecture: (*fields.get("Architecture")?).to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_counts() {
        let status = "Package: b\nStatus: install ok installed\nArchitecture: amd64\nSource: src (2)\nVersion: 1:2-1\n\
                      Description: x\n Version: 9 is part of the description\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
                      Package: a\nArchitecture: all\nVersion: 3\n";
        let found = installed(status);
        let names: Vec<_> = found
            .iter()
            .map(|p| (&*p.name, &*p.version, &*p.source, &*p.source_version))
            .collect();
        assert_eq!(names, [("a", "3", "a", "3"), ("b", "1:2-1", "src", "2")]);
    }
}
