//! The crates that `site-job` is made of, from the lock file that this program and `site-job` were both built with.
//!
//! `cargo metadata` is not at hand where images are examined, so the lock file is a part of this program. It holds no
//! platforms and features, so what is listed is what may be in the program: a few crates too many, never one too few.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

const LOCK: &str = include_str!("../../../Cargo.lock");
const MANIFEST: &str = include_str!("../../../image/job/Cargo.toml");

/// A crate of the lock file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Crate {
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// SHA-256 of the published archive, in hexadecimal; none for our own.
    pub(super) checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Crate>,
}

#[derive(Deserialize)]
struct Manifest {
    dependencies: BTreeMap<String, toml::Value>,
}

/// `site-job`'s crates without itself, sorted.
///
/// # Errors
/// When Cargo's files are not of the form that this version understands.
pub(super) fn of_site_job() -> Result<Vec<Crate>, String> {
    let lock: Lock = toml::from_str(LOCK).map_err(|error| format!("Cargo.lock: {error}"))?;
    let manifest: Manifest =
        toml::from_str(MANIFEST).map_err(|error| format!("site-job's Cargo.toml: {error}"))?;
    let site_job = lock
        .package
        .iter()
        .find(|package| package.name == "site-job")
        .ok_or("Cargo.lock has no site-job")?;
    // The lock file does not tell what only tests need; the manifest does.
    let mut open: Vec<&str> = site_job
        .dependencies
        .iter()
        .map(String::as_str)
        .filter(|dependency| manifest.dependencies.contains_key(name_of(dependency)))
        .collect();
    let mut found = BTreeSet::new();
    while let Some(dependency) = open.pop() {
        let package = lock
            .package
            .iter()
            .find(|package| matches(package, dependency))
            .ok_or_else(|| format!("Cargo.lock has no {dependency}"))?;
        if found.insert(package) {
            open.extend(package.dependencies.iter().map(String::as_str));
        }
    }
    Ok(found.into_iter().cloned().collect())
}

fn name_of(dependency: &str) -> &str {
    dependency.split(' ').next().unwrap_or(dependency)
}

/// A dependency is `name`, or `name version` where the lock file has several.
fn matches(package: &Crate, dependency: &str) -> bool {
    match dependency.split_once(' ') {
        Some((name, version)) => {
            package.name == name && version.split(' ').next() == Some(package.version.as_str())
        }
        None => package.name == dependency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_links_is_there_and_what_only_tests_need_is_not() {
        let crates = of_site_job().unwrap();
        let has = |name: &str| crates.iter().any(|found| found.name == name);
        assert!(has("mysql_async") && has("tokio") && has("rustls"));
        assert!(!has("tempfile") && !has("bollard") && !has("site-job"));
        assert!(crates.iter().all(|found| found.checksum.is_some()));
    }
}
