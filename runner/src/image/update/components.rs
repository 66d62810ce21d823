//! What publishers of WordPress and WP-CLI have, and which files that is.
//!
//! A component moves to the newest version that any of its sources has. A version is what the files themselves say. Sources
//! that hold the same files as the first of these stay its sources; one that could not be asked keeps its place with the new
//! version in its address and no checksum, so that builds take from it only what has the component's tree hash.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    super::{
        Component, Source,
        contents::wordpress_version,
        source::{discover, download, examine, latest_of_npm},
    },
    phar,
};
use crate::output::narrate;

/// The components as they are to be pinned.
pub(super) struct Newest {
    pub(super) components: BTreeMap<String, Component>,
    /// A line for each source that could not be asked or used.
    pub(super) not_asked: Vec<String>,
    /// Whether any source answered.
    pub(super) any_asked: bool,
}

/// What a source has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Nothing newer than what is pinned.
    Nothing,
    /// Something newer.
    Offer(Offer),
    /// It could not be asked or used.
    Silent(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    source: Source,
    /// What the files say; nothing for languages, which have no version of their own.
    version: Option<String>,
    tree: String,
}

/// Asks every source of every component.
pub(super) async fn newest(cache: &Path, pinned: &BTreeMap<String, Component>) -> Newest {
    let mut asked = Asked {
        cache,
        npm: BTreeMap::new(),
    };
    let mut newest = Newest {
        components: BTreeMap::new(),
        not_asked: Vec::new(),
        any_asked: false,
    };
    for (name, component) in pinned {
        let mut answers = Vec::new();
        for source in &component.sources {
            let answer = asked.ask(name, component, source).await;
            match &answer {
                Answer::Silent(reason) => {
                    let line = format!("{name}: {}: {reason}", source.name());
                    newest.not_asked.push(line);
                }
                _ => newest.any_asked = true,
            }
            answers.push(answer);
        }
        let (chosen, refused) = choose(component, &answers);
        newest
            .not_asked
            .extend(refused.into_iter().map(|line| format!("{name}: {line}")));
        newest.components.insert(name.clone(), chosen);
    }
    // Languages are those of the WordPress beside them.
    if let Some(version) = newest
        .components
        .get("wordpress")
        .map(|c| c.version.clone())
        && let Some(languages) = newest.components.get_mut("languages")
        && pinned.get("languages") != Some(&*languages)
    {
        languages.version = version;
    }
    newest
}

/// The component by its sources' answers, which are in their order, and what of these was not taken.
fn choose(component: &Component, answers: &[Answer]) -> (Component, Vec<String>) {
    let mut refused = Vec::new();
    let mut best: Option<&Offer> = None;
    for answer in answers {
        let Answer::Offer(offer) = answer else {
            continue;
        };
        let version = offer.version.as_ref().unwrap_or(&component.version);
        let (than, same) = match best {
            Some(best) => (
                best.version.as_ref().unwrap_or(&component.version),
                &best.tree,
            ),
            None => (&component.version, &component.tree),
        };
        if is_newer(version, than) || (offer.version.is_none() && best.is_none()) {
            best = Some(offer);
        } else if version == than && offer.tree != *same {
            refused.push(format!(
                "{} holds other files as {version} than another source: it is left as it was",
                offer.source.name()
            ));
        }
    }
    let version = best.and_then(|best| best.version.as_ref());
    let version = version.unwrap_or(&component.version).clone();
    let tree = best.map_or(&component.tree, |best| &best.tree).clone();
    let moved = tree != component.tree;
    let (mut holding, mut others) = (Vec::new(), Vec::new());
    for (source, answer) in component.sources.iter().zip(answers) {
        match answer {
            Answer::Offer(offer) if offer.tree == tree => holding.push(offer.source.clone()),
            _ if moved => others.push(readdressed(source, &component.version, &version)),
            _ => holding.push(source.clone()),
        }
    }
    holding.append(&mut others);
    let component = Component {
        version,
        tree,
        sources: holding,
    };
    (component, refused)
}

/// A source whose address names another version.
fn readdressed(source: &Source, from: &str, to: &str) -> Source {
    match &source.url {
        Some(url) if from != to => Source {
            url: Some(url.replace(from, to)),
            sha512: None,
            ..source.clone()
        },
        _ => source.clone(),
    }
}

/// Whether one version of numbers and dots is higher than another. One with a word in it, such as `beta`, is no release.
fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |text: &str| {
        let parts = text.split('.').map(str::parse::<u64>);
        parts.collect::<Result<Vec<_>, _>>().ok()
    };
    numbers(version).is_some_and(|version| Some(version) > numbers(than))
}

/// Sources are asked once each, though several components come from one.
struct Asked<'a> {
    cache: &'a Path,
    /// A package's newest version and, when it is another than the pinned one, its archive.
    npm: BTreeMap<String, Result<(String, Option<Archive>), String>>,
}

#[derive(Clone)]
struct Archive {
    sha512: String,
    path: PathBuf,
}

impl Asked<'_> {
    async fn ask(&mut self, name: &str, component: &Component, source: &Source) -> Answer {
        let found = match (&source.npm, &source.url) {
            (Some(package), _) => self.npm(package, source).await,
            (None, Some(url)) => self.url(url, &component.version, source).await,
            (None, None) => Err("it has no address".to_owned()),
        };
        let (source, archive) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Answer::Nothing,
            Err(reason) => return Answer::Silent(reason),
        };
        let kind = name.to_owned();
        let read = move |files: &Path| version_of(&kind, files);
        match examine(self.cache, archive.path, &source, read).await {
            Ok((tree, Ok(version))) => Answer::Offer(Offer {
                source,
                version,
                tree,
            }),
            Ok((_, Err(reason))) | Err(reason) => {
                Answer::Silent(format!("{}: {reason}", source.name()))
            }
        }
    }

    /// A newer version of the source's package, downloaded.
    async fn npm(
        &mut self,
        pinned: &str,
        source: &Source,
    ) -> Result<Option<(Source, Archive)>, String> {
        let (package, version) = pinned
            .rsplit_once('@')
            .ok_or("it is not of the form name@version")?;
        if !self.npm.contains_key(pinned) {
            let asked = self.latest(package, version, source).await;
            self.npm.insert(pinned.to_owned(), asked);
        }
        let (latest, archive) = self.npm[pinned].clone()?;
        Ok(archive.map(|archive| {
            let source = Source {
                npm: Some(format!("{package}@{latest}")),
                sha512: Some(archive.sha512.clone()),
                ..source.clone()
            };
            (source, archive)
        }))
    }

    async fn latest(
        &self,
        package: &str,
        pinned: &str,
        source: &Source,
    ) -> Result<(String, Option<Archive>), String> {
        let latest = latest_of_npm(package).await?;
        if !is_newer(&latest, pinned) {
            return Ok((latest, None));
        }
        let newest = Source {
            npm: Some(format!("{package}@{latest}")),
            ..source.clone()
        };
        let (sha512, path) = discover(self.cache, &newest).await?;
        Ok((latest, Some(Archive { sha512, path })))
    }

    /// A newer version than `pinned` at the address, downloaded.
    async fn url(
        &self,
        url: &str,
        pinned: &str,
        source: &Source,
    ) -> Result<Option<(Source, Archive)>, String> {
        let latest = latest_at(url).await?;
        if !is_newer(&latest, pinned) {
            return Ok(None);
        }
        let newest = readdressed(source, pinned, &latest);
        if newest.url == source.url {
            return Err(format!("its address does not name the version {pinned}"));
        }
        let (sha512, path) = discover(self.cache, &newest).await?;
        let newest = Source {
            sha512: source.sha512.is_some().then(|| sha512.clone()),
            ..newest
        };
        Ok(Some((newest, Archive { sha512, path })))
    }
}

/// The newest release of what an address holds, by its publisher's own list.
async fn latest_at(url: &str) -> Result<String, String> {
    let address = url.strip_prefix("https://").unwrap_or(url);
    let mut parts = address.split('/');
    let (list, read): (String, fn(&Value) -> Option<&str>) = match parts.next() {
        Some("wordpress.org") => (
            "https://api.wordpress.org/core/version-check/1.7/".to_owned(),
            of_wordpress,
        ),
        Some("github.com") => {
            let mut part = || parts.next().unwrap_or_default();
            (
                format!(
                    "https://api.github.com/repos/{}/{}/releases/latest",
                    part(),
                    part()
                ),
                of_github,
            )
        }
        _ => return Err("nobody is known who says what is newest there".to_owned()),
    };
    narrate(format_args!("asking {list}"));
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    download(&list, folder.path()).await?;
    let answer = fs::read(folder.path().join("download")).map_err(|error| error.to_string())?;
    let answer: Value =
        serde_json::from_slice(&answer).map_err(|error| format!("{list}: {error}"))?;
    let version = read(&answer).ok_or_else(|| format!("{list} names no version"))?;
    Ok(version.to_owned())
}

/// Of <https://codex.wordpress.org/WordPress.org_API#Version_Check>.
fn of_wordpress(answer: &Value) -> Option<&str> {
    answer["offers"].get(0)?["current"].as_str()
}

/// Of <https://docs.github.com/en/rest/releases/releases#get-the-latest-release>.
fn of_github(answer: &Value) -> Option<&str> {
    Some(answer["tag_name"].as_str()?.trim_start_matches('v'))
}

/// The version that a component's files state; none for languages.
fn version_of(name: &str, files: &Path) -> Result<Option<String>, String> {
    let lacks = || format!("these files do not say which {name} they are");
    let version = match name {
        "wordpress" => {
            let path = files.join("wp-includes/version.php");
            let php = fs::read_to_string(path).map_err(|_| lacks())?;
            wordpress_version(&php)
        }
        "wp-cli" => {
            let archive = fs::read(files).map_err(|_| lacks())?;
            let version = phar::file(&archive, "vendor/wp-cli/wp-cli/VERSION");
            version.map(|version| String::from_utf8_lossy(version).trim().to_owned())
        }
        _ => return Ok(None),
    };
    version.map(Some).ok_or_else(lacks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn npm(version: &str) -> Source {
        Source {
            npm: Some(format!("wp-studio@{version}")),
            url: None,
            sha512: Some(version.to_owned()),
            path: Some("inner".to_owned()),
        }
    }

    fn url(version: &str, sha512: Option<&str>) -> Source {
        Source {
            npm: None,
            url: Some(format!("https://example.org/x-{version}.tar.gz")),
            sha512: sha512.map(str::to_owned),
            path: None,
        }
    }

    fn pinned() -> Component {
        Component {
            version: "7.1".to_owned(),
            tree: "old".to_owned(),
            sources: vec![npm("1"), url("7.1", Some("sum"))],
        }
    }

    fn offer(source: Source, version: &str, tree: &str) -> Answer {
        Answer::Offer(Offer {
            source,
            version: (!version.is_empty()).then(|| version.to_owned()),
            tree: tree.to_owned(),
        })
    }

    fn silent() -> Answer {
        Answer::Silent("no network".to_owned())
    }

    #[test]
    fn without_an_offer_nothing_changes() {
        for answers in [[Answer::Nothing, silent()], [silent(), silent()]] {
            assert_eq!(choose(&pinned(), &answers), (pinned(), vec![]));
        }
    }

    #[test]
    fn a_version_is_taken_from_who_has_it() {
        let answers = [offer(npm("2"), "7.1.1", "new"), silent()];
        let (component, refused) = choose(&pinned(), &answers);
        assert_eq!(
            (component.version.as_str(), component.tree.as_str()),
            ("7.1.1", "new")
        );
        assert_eq!(component.sources, [npm("2"), url("7.1.1", None)]);
        assert_eq!(refused, Vec::<String>::new());

        // Who lags behind is asked last.
        let newest = url("7.2", Some("two"));
        let answers = [
            offer(npm("2"), "7.1.1", "new"),
            offer(newest.clone(), "7.2", "newer"),
        ];
        let (component, _) = choose(&pinned(), &answers);
        assert_eq!(
            (component.version.as_str(), component.tree.as_str()),
            ("7.2", "newer")
        );
        assert_eq!(component.sources, [newest, npm("1")]);
    }

    #[test]
    fn a_newer_archive_of_the_same_files_is_another_source() {
        let answers = [offer(npm("2"), "7.1", "old"), Answer::Nothing];
        let (component, refused) = choose(&pinned(), &answers);
        assert_eq!(component.tree, "old");
        assert_eq!(component.sources, [npm("2"), url("7.1", Some("sum"))]);
        assert_eq!(refused, Vec::<String>::new());
    }

    #[test]
    fn other_files_of_the_same_version_are_refused() {
        let answers = [offer(npm("2"), "7.1", "tampered"), Answer::Nothing];
        let (component, refused) = choose(&pinned(), &answers);
        assert_eq!(component, pinned());
        assert!(
            refused[0].contains("wp-studio@2 holds other files as 7.1"),
            "{refused:?}"
        );
        // Languages have no version of their own.
        let answers = [offer(npm("2"), "", "translated"), Answer::Nothing];
        assert_eq!(choose(&pinned(), &answers).0.tree, "translated");
    }

    #[test]
    fn versions_count_by_their_numbers() {
        assert!(is_newer("7.10", "7.9.3") && is_newer("7.1.1", "7.1"));
        for (version, than) in [("7.1", "7.1"), ("7.0.9", "7.1"), ("7.2-beta1", "7.1")] {
            assert!(!is_newer(version, than), "{version} {than}");
        }
    }

    #[test]
    fn publishers_name_their_newest() {
        let wordpress =
            json!({"offers": [{"response": "upgrade", "current": "7.1.1"}, {"current": "7.0"}]});
        assert_eq!(of_wordpress(&wordpress), Some("7.1.1"));
        assert_eq!(of_wordpress(&json!({"offers": []})), None);
        assert_eq!(of_github(&json!({"tag_name": "v2.12.0"})), Some("2.12.0"));
        assert_eq!(of_github(&json!({"message": "rate limited"})), None);
    }
}
