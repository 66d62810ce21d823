//! Debian's security updates that an image lacks, by apt's own data.
//!
//! The image's list of packages is laid into a throw-away container of the base image, whose apt fetches and verifies
//! Debian's indexes; an index that cannot be fetched is an error. The image itself never runs. Debian's archive names no
//! severity (the security tracker does), so findings have none; the changelogs of the updates name CVEs and days.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use bollard::Docker;

use super::{
    super::{base::Base, packages::Package},
    changelog::{self, News},
    finding::{Finding, Fix, Scanner, Severity},
};

/// One of Debian's packages that the security archive has a newer version of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    name: String,
    candidate: String,
}

/// Finds pending security updates of `packages`, which are of the release `codename`, with the apt of `base`. Gives the
/// findings and what they were compared with. Leaves nothing behind; a crash leaves a container for at most 15 minutes.
///
/// # Errors
/// Why it could not run, in words.
pub(super) async fn scan(
    docker: &Docker,
    base: &str,
    packages: &[Package],
    codename: Option<&String>,
) -> Result<(Vec<Finding>, String), String> {
    let apt = Apt(Base::start(docker, base, None).await?);
    let found = apt.scan(packages, codename).await;
    apt.0.remove().await;
    found
}

/// A container of the base image, to which the image's packages are the installed ones.
struct Apt<'a>(Base<'a>);

impl Apt<'_> {
    async fn scan(
        &self,
        packages: &[Package],
        codename: Option<&String>,
    ) -> Result<(Vec<Finding>, String), String> {
        let update = [
            "apt-get",
            "-qq",
            "-o",
            "APT::Update::Error-Mode=any",
            "update",
        ];
        self.0.run(&update).await?;
        let format = "$(CODENAME) $(REPO_URI)";
        let indexes = self
            .0
            .run(&[
                "apt-get",
                "indextargets",
                "--format",
                format,
                "Created-By: Packages",
            ])
            .await?;
        let against = security_index(&indexes, codename)?;
        self.lay_status(packages).await?;
        let mut policy = vec!["apt-cache", "policy"];
        policy.extend(packages.iter().map(|package| package.name.as_str()));
        let pending = pending(&self.0.run(&policy).await?);
        Ok((self.findings(packages, &pending).await, against))
    }

    /// Makes apt take the image's packages for installed ones. Only what apt compares is told: the image may hold packages
    /// whose dependencies were taken out of it.
    async fn lay_status(&self, packages: &[Package]) -> Result<(), String> {
        let status = status(packages);
        self.0.lay("/var/lib/dpkg", &[("status", &status)]).await
    }

    /// One finding a CVE and source package; one a source package where the changelog names none.
    async fn findings(&self, packages: &[Package], pending: &[Pending]) -> Vec<Finding> {
        let by_name: HashMap<_, _> = packages.iter().map(|p| (p.name.as_str(), p)).collect();
        let mut sources: BTreeMap<&str, Vec<(&Package, &Pending)>> = BTreeMap::new();
        for update in pending {
            if let Some(package) = by_name.get(update.name.as_str()) {
                sources
                    .entry(&package.source)
                    .or_default()
                    .push((package, update));
            }
        }
        let mut findings = Vec::new();
        for (source, updates) in sources {
            let news = self.news(&updates).await;
            findings.extend(of_source(source, &updates, &news));
        }
        findings
    }

    /// What the update's changelog says; of the first binary package that carries one. An unreadable one says nothing, which
    /// gives the finding no grace.
    async fn news(&self, updates: &[(&Package, &Pending)]) -> News {
        // $1 is name=version. Most packages have changelog.Debian.gz, native ones changelog.gz.
        let script = "cd \"$(mktemp -d)\" && apt-get -qq download \"$1\" && dpkg-deb --fsys-tarfile ./*.deb | \
                      tar -xf - --wildcards './usr/share/doc/*/changelog*' && \
                      zcat -f usr/share/doc/*/changelog.Debian.gz 2>/dev/null || zcat -f usr/share/doc/*/changelog.gz";
        for (package, update) in updates {
            let wanted = format!("{}={}", update.name, update.candidate);
            if let Ok(text) = self.0.run(&["sh", "-c", script, "sh", &wanted]).await {
                return changelog::since(&text, &package.source_version);
            }
        }
        News::default()
    }
}

/// The security archive among the indexes (lines of codename and address), which must be of the image's release.
fn security_index(indexes: &str, codename: Option<&String>) -> Result<String, String> {
    let mut security = indexes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(codename, _)| codename.ends_with("-security"));
    let (suite, address) = security
        .next()
        .ok_or("the base image's apt sources name no security suite")?;
    match codename {
        Some(codename) if suite != format!("{codename}-security") => Err(format!(
            "the image is of Debian {codename}, but the base image's apt knows {suite}"
        )),
        None => {
            Err("the image does not say which release of Debian it is of (os-release)".to_owned())
        }
        Some(_) => Ok(format!("{suite} of {address}")),
    }
}

fn status(packages: &[Package]) -> String {
    let mut status = String::new();
    for package in packages {
        let Package {
            name,
            version,
            architecture,
            ..
        } = package;
        let _ = write!(
            status,
            "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: {version}\n\
             Maintainer: unknown\nDescription: unknown\n\n"
        );
    }
    status
}

/// Reads `apt-cache policy`: a package, its installed version, its candidate, then its versions from the newest on, each with
/// where it is from. A package is pending when a newer version than the installed one is, or was, in the security suite.
fn pending(policy: &str) -> Vec<Pending> {
    let mut pending = Vec::new();
    let (mut name, mut installed, mut candidate, mut newer) = ("", "", "", false);
    for line in policy.lines() {
        let trimmed = line.trim();
        if !line.starts_with(' ') {
            (name, newer) = (line.trim_end_matches(':'), true);
        } else if let Some(version) = trimmed.strip_prefix("Installed: ") {
            installed = version;
        } else if let Some(version) = trimmed.strip_prefix("Candidate: ") {
            candidate = version;
        } else if line.starts_with("        ") {
            if newer && trimmed.contains("-security/") {
                let (name, candidate) = (name.to_owned(), candidate.to_owned());
                pending.push(Pending { name, candidate });
                newer = false;
            }
        } else {
            // A version; the archive's own copy of the installed one may stand beside it.
            let version = trimmed.trim_start_matches("*** ").split(' ').next();
            newer &= version != Some(installed);
        }
    }
    pending
}

fn of_source(source: &str, updates: &[(&Package, &Pending)], news: &News) -> Vec<Finding> {
    let Some((package, update)) = updates.first() else {
        return Vec::new();
    };
    let names: Vec<_> = updates
        .iter()
        .map(|(package, _)| package.name.as_str())
        .collect();
    let finding = |id: String, url: String, since| Finding {
        scanner: Scanner::Debian,
        id,
        package: source.to_owned(),
        installed: package.version.clone(),
        fix: Fix::In(update.candidate.clone()),
        severity: Severity::Unknown,
        title: format!("security update pending for {}", names.join(", ")),
        url: Some(url),
        since,
    };
    let tracker = "https://security-tracker.debian.org/tracker";
    if news.cves.is_empty() {
        return vec![finding(
            format!("debian-update-{source}"),
            format!("{tracker}/source-package/{source}"),
            news.since,
        )];
    }
    let cves = news.cves.iter();
    cves.map(|(cve, since)| finding(cve.clone(), format!("{tracker}/{cve}"), *since))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "\
libssl3t64:
  Installed: 3.5.1-1
  Candidate: 3.5.9-1~deb13u1
  Version table:
     3.5.9-1~deb13u1 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
     3.5.7-1~deb13u3 500
        500 http://deb.debian.org/debian-security trixie-security/main amd64 Packages
 *** 3.5.1-1 100
        100 /var/lib/dpkg/status
php8.4-cli:
  Installed: 8.4.28-1~deb13u1
  Candidate: 8.4.28-1~deb13u1
  Version table:
     8.4.28-1~deb13u1 500
        500 http://deb.debian.org/debian-security trixie-security/main amd64 Packages
 *** 8.4.28-1~deb13u1 100
        100 /var/lib/dpkg/status
tzdata:
  Installed: 2026a-0+deb13u1
  Candidate: 2026f-0+deb13u1
  Version table:
     2026f-0+deb13u1 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
 *** 2026a-0+deb13u1 100
        100 /var/lib/dpkg/status
curl:
  Installed: 8.14.1-2+deb13u9
  Candidate: 8.14.1-2+deb13u9
  Version table:
 *** 8.14.1-2+deb13u9 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
        100 /var/lib/dpkg/status
     8.14.1-2+deb13u4 500
        500 http://deb.debian.org/debian-security trixie-security/main amd64 Packages
";

    #[test]
    fn only_newer_versions_of_the_security_suite_are_pending() {
        let pending = pending(POLICY);
        assert_eq!(pending.len(), 1);
        assert_eq!(pending[0].name, "libssl3t64");
        assert_eq!(pending[0].candidate, "3.5.9-1~deb13u1");
    }

    #[test]
    fn without_the_security_index_of_the_same_release_there_is_no_scan() {
        let trixie = "trixie".to_owned();
        let both = "trixie http://a/debian/\ntrixie-security http://a/debian-security/\n";
        assert_eq!(
            security_index(both, Some(&trixie)).unwrap(),
            "trixie-security of http://a/debian-security/"
        );
        let main = "trixie http://a/debian/\n";
        assert!(
            security_index(main, Some(&trixie))
                .unwrap_err()
                .contains("no security suite")
        );
        let forky = "forky".to_owned();
        assert!(
            security_index(both, Some(&forky))
                .unwrap_err()
                .contains("trixie-security")
        );
        assert!(security_index(both, None).is_err());
    }
}
