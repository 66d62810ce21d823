//! Whether plugins and themes fit the WordPress and the PHP that run them, by what they say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use site_job::package::{self, Sort};

use super::packages;
use crate::manifest::{Package, Site};

/// What an image runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// WordPress's version; empty where the image does not tell.
    pub wordpress: String,
    /// PHP's, without its patch level; empty where the image does not tell.
    pub php: String,
}

impl Versions {
    /// From the image's labels.
    #[must_use]
    pub fn of(labels: &BTreeMap<String, String>) -> Self {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        Self {
            wordpress: label("bbws.wordpress.version"),
            php: label("bbws.php.version"),
        }
    }
}

/// What was found out of a site's packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Reasons not to run them.
    pub problems: Vec<String>,
    /// What whoever approves should know.
    pub notes: Vec<String>,
}

/// Judges those packages of `site` that were looked into, by checksum.
#[must_use]
pub fn judge(
    site: &Site,
    looked: &BTreeMap<String, Result<package::Package, String>>,
    versions: &Versions,
) -> Judgement {
    let plugins: BTreeSet<_> = site
        .code
        .plugins
        .iter()
        .map(|plugin| plugin.slug.as_str())
        .collect();
    let (mut judgement, mut looked_at) = (Judgement::default(), false);
    for (sort, package) in packages(site) {
        let (problems, notes) = match looked.get(package.sha256.as_str()) {
            None => continue,
            Some(Err(reason)) => (vec![reason.clone()], Vec::new()),
            Some(Ok(says)) => (
                problems(package, says, versions, &plugins),
                notes(says, versions),
            ),
        };
        let name = name(sort, package);
        let named = |words: Vec<String>| words.into_iter().map(|words| format!("{name} {words}"));
        let problems: Vec<_> = named(problems).collect();
        judgement.problems.extend(problems);
        judgement.notes.extend(named(notes));
        looked_at = true;
    }
    // An image of before these labels: what was not compared must not look compared.
    for (what, version) in [("WordPress", &versions.wordpress), ("PHP", &versions.php)] {
        if looked_at && version.is_empty() {
            let note = format!(
                "the image does not tell its version of {what}: nothing was compared with it"
            );
            judgement.notes.push(note);
        }
    }
    judgement
}

fn name(sort: Sort, package: &Package) -> String {
    format!("{} {} {}:", sort.as_str(), package.slug, package.version)
}

fn problems(
    package: &Package,
    says: &package::Package,
    versions: &Versions,
    plugins: &BTreeSet<&str>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if says.version.as_deref() != Some(package.version.as_str()) {
        let found = says.version.as_deref().unwrap_or("none");
        problems.push(format!("the version in {} is {found}", says.entry));
    }
    // A label without the patch level is not older than any of that line; the job that installs looks at PHP itself.
    let runs = [
        (
            "WordPress",
            &says.requires_wordpress,
            &versions.wordpress,
            0,
        ),
        ("PHP", &says.requires_php, &versions.php, u64::MAX),
    ];
    for (what, wants, has, rest) in runs {
        if let Some(wants) = wants
            && !has.is_empty()
            && is_older(has, wants, rest)
        {
            problems.push(format!("it needs {what} {wants}, the image has {has}"));
        }
    }
    for slug in &says.requires_plugins {
        if !plugins.contains(slug.as_str()) {
            problems.push(format!("it needs the plugin {slug}, which the site lacks"));
        }
    }
    problems
}

fn notes(says: &package::Package, versions: &Versions) -> Vec<String> {
    let line =
        |version: &str| -> String { version.split('.').take(2).collect::<Vec<_>>().join(".") };
    match &says.tested {
        Some(tested)
            if !versions.wordpress.is_empty()
                && is_older(&line(tested), &line(&versions.wordpress), 0) =>
        {
            vec![format!(
                "its makers tested it up to WordPress {tested}, the image has {}",
                versions.wordpress
            )]
        }
        _ => Vec::new(),
    }
}

/// Compares number by number, as WordPress does: what follows a hyphen does not count. Where `has` ends, `rest` stands.
fn is_older(has: &str, wants: &str, rest: u64) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let version = version.split('-').next().unwrap_or_default().trim();
        version
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    let (has, wants) = (numbers(has), numbers(wants));
    let length = has.len().max(wants.len());
    let pair = |at| {
        (
            has.get(at).copied().unwrap_or(rest),
            wants.get(at).copied().unwrap_or(0),
        )
    };
    (0..length)
        .map(pair)
        .find(|(has, wants)| has != wants)
        .is_some_and(|(has, wants)| has < wants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Code, Source};
    use crate::resource::sample::site;

    fn hello() -> Package {
        Package {
            slug: "hello".parse().unwrap(),
            version: "1.2".parse().unwrap(),
            sha256: "00".repeat(32).parse().unwrap(),
            source: Source::Url("https://example.org/hello.zip".to_owned()),
        }
    }

    fn judged(says: Result<package::Package, String>) -> Judgement {
        let mut site = site();
        site.code = Code {
            plugins: vec![hello()],
            ..Code::default()
        };
        let versions = Versions {
            wordpress: "7.1.1".to_owned(),
            php: "8.4".to_owned(),
        };
        judge(&site, &BTreeMap::from([("00".repeat(32), says)]), &versions)
    }

    fn says(change: impl FnOnce(&mut package::Package)) -> package::Package {
        let mut says = package::Package {
            entry: "hello/hello.php".to_owned(),
            version: Some("1.2".to_owned()),
            ..package::Package::default()
        };
        change(&mut says);
        says
    }

    #[test]
    fn each_reason_is_told() {
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (
                says(|says| says.version = text("1.3")),
                "the version in hello/hello.php is 1.3",
            ),
            (
                says(|says| says.requires_wordpress = text("7.2")),
                "it needs WordPress 7.2, the image has 7.1.1",
            ),
            (
                says(|says| says.requires_php = text("8.5")),
                "it needs PHP 8.5, the image has 8.4",
            ),
            (
                says(|says| says.requires_plugins = vec!["woo".to_owned(), "hello".to_owned()]),
                "it needs the plugin woo, which the site lacks",
            ),
        ];
        for (says, reason) in cases {
            let expected = [format!("plugin hello 1.2: {reason}")];
            assert_eq!(judged(Ok(says)).problems, expected);
        }
        assert_eq!(
            judged(Err("it is no zip".to_owned())).problems,
            ["plugin hello 1.2: it is no zip"]
        );
    }

    #[test]
    fn what_fits_is_at_most_noted() {
        let text = |text: &str| Some(text.to_owned());
        let fits = says(|says| {
            says.requires_wordpress = text("7.1");
            says.requires_php = text("8.4.5");
            says.tested = text("7.1");
        });
        assert_eq!(judged(Ok(fits)), Judgement::default());
        let old = says(|says| says.tested = text("7.0.9"));
        let old = judged(Ok(old));
        assert_eq!(old.problems, Vec::<String>::new());
        assert_eq!(
            old.notes,
            ["plugin hello 1.2: its makers tested it up to WordPress 7.0.9, the image has 7.1.1"]
        );
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        let mut site = site();
        site.code.plugins.push(hello());
        let looked = BTreeMap::from([("00".repeat(32), Ok(says(|_| {})))]);
        let notes = judge(&site, &looked, &Versions::default()).notes;
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[1].contains("its version of PHP"), "{notes:?}");
        // Nothing was looked into, as nothing changes.
        let unchanged = judge(&site, &BTreeMap::new(), &Versions::default());
        assert_eq!(unchanged, Judgement::default());
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        for (has, wants, expected) in [
            ("7.1.1", "7.1.1", false),
            ("7.1", "7.1.1", true),
            ("7.10", "7.9", false),
            ("7.1-beta2", "7.1", false),
            ("6.9.9", "7.0", true),
            ("7.1.1", "7", false),
        ] {
            assert_eq!(is_older(has, wants, 0), expected, "{has} {wants}");
        }
    }
}
