//! Newer versions: of Debian's packages by apt, of the components by those who publish them.
//!
//! A source that cannot be asked is told, and is never taken for one that has nothing newer.

mod components;
mod debian;
mod phar;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use debian::{Missing, missing};

use super::{ImageError, Lock, build::connect, lock::edit, platform::Platform};

/// What an update did.
#[derive(Clone, Debug, Serialize)]
pub struct Updated {
    /// The lock file.
    pub path: PathBuf,
    /// What is pinned otherwise now; none when the file was left as it was.
    pub changes: Vec<Change>,
    /// Which sources could not be asked or used, and why, a line each.
    pub not_asked: Vec<String>,
    /// The image's version by the lock as it is now.
    pub version: String,
}

/// A pin that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is pinned.
    pub name: String,
    /// Before; nothing when it is new in the lock.
    pub from: Option<String>,
    /// Now; nothing when it is gone from the lock.
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |pin: &Option<String>| pin.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{} {} -> {}", self.name, of(&self.from), of(&self.to))
    }
}

/// Asks all sources for what is newer, and writes the lock file of `folder` anew when something is: with a revision one higher.
/// Debian's packages are those for `platform`, if not the engine's own.
///
/// # Errors
/// When the lock file cannot be read or written, or no source at all could be asked.
pub async fn update(
    folder: &Path,
    cache: &Path,
    platform: Option<&str>,
) -> Result<Updated, ImageError> {
    let path = folder.join("image.lock.yaml");
    let wrong = |reason: String| ImageError::Lock {
        path: path.clone(),
        reason,
    };
    let old = Lock::load(&path)?;
    let text = fs::read_to_string(&path)
        .map_err(ImageError::io(format_args!("reading {}", path.display())))?;
    let docker = connect().await?;
    let platform = Platform::of(&docker, platform).await?;

    let mut new = old.clone();
    let mut not_asked = Vec::new();
    let (packages, components) = tokio::join!(
        debian::newest(&docker, folder, &old, platform),
        components::newest(cache, &old.components)
    );
    let asked_debian = packages.is_ok();
    match packages {
        Ok(locked) => {
            let known = new.packages.locked.get(platform.debian);
            // The moment alone is no change.
            if known.is_none_or(|known| known.pins != locked.pins || known.suites != locked.suites)
            {
                let locked_for = &mut new.packages.locked;
                locked_for.insert(platform.debian.to_owned(), locked);
            }
        }
        Err(reason) => not_asked.push(format!("Debian's mirrors: {reason}")),
    }
    new.components = components.components;
    not_asked.extend(components.not_asked);
    if !asked_debian && !components.any_asked {
        return Err(ImageError::Sources {
            component: "what is newer".to_owned(),
            reasons: not_asked,
        });
    }

    let changes = changes(&old, &new);
    if new != old {
        new.revision += 1;
        let text = edit::rewrite(&text, &new).map_err(wrong)?;
        fs::write(&path, text)
            .map_err(ImageError::io(format_args!("writing {}", path.display())))?;
    }
    Ok(Updated {
        path,
        changes,
        not_asked,
        version: new.image_version(),
    })
}

/// What is pinned otherwise, by name within components and packages.
fn changes(old: &Lock, new: &Lock) -> Vec<Change> {
    let components = |lock: &Lock| -> BTreeMap<String, [String; 3]> {
        let pins = lock.components.iter().map(|(name, component)| {
            let sources: Vec<_> = component.sources.iter().map(|s| s.name()).collect();
            let rest = [format!("tree {}", component.tree), sources.join(", ")];
            let [tree, sources] = rest;
            (name.clone(), [component.version.clone(), tree, sources])
        });
        pins.collect()
    };
    let several = [old, new].map(|lock| lock.packages.locked.len()) != [1, 1];
    let packages = |lock: &Lock| -> BTreeMap<String, [String; 3]> {
        let mut pins = BTreeMap::new();
        for (architecture, locked) in &lock.packages.locked {
            for (name, pin) in &locked.pins {
                let name = match several {
                    true => format!("{name}:{architecture}"),
                    false => name.clone(),
                };
                let sum = format!("{} sha256:{}", pin.version, pin.sha256);
                pins.insert(name, [pin.version.clone(), sum, String::new()]);
            }
        }
        pins
    };
    let mut changes = differences(&components(old), &components(new));
    changes.extend(differences(&packages(old), &packages(new)));
    changes
}

/// Each pin is told by the first of its descriptions in which both differ.
fn differences(
    old: &BTreeMap<String, [String; 3]>,
    new: &BTreeMap<String, [String; 3]>,
) -> Vec<Change> {
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let (from, to) = (old.get(name), new.get(name));
        let at = match (from, to) {
            (Some(from), Some(to)) => from.iter().zip(to).position(|(from, to)| from != to)?,
            _ => 0,
        };
        let pin = |pins: Option<&[String; 3]>| pins.map(|pins| pins[at].clone());
        Some(Change {
            name: name.clone(),
            from: pin(from),
            to: pin(to),
        })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_told() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../image/image.lock.yaml");
        let mut old = Lock::load(Path::new(path)).unwrap();
        let pin = |text: &str| crate::image::Pin::try_from(text.to_owned()).unwrap();
        let pins = [
            ("apt", pin("1 sha256:aa")),
            ("nginx", pin("1.26.3-3 sha256:bb")),
            ("zlib1g", pin("1:1 sha256:cc")),
            ("php", pin("8 sha256:dd")),
        ];
        let of = |pins: &[(&str, crate::image::Pin)]| {
            let pins = pins.iter();
            pins.map(|(name, pin)| ((*name).to_owned(), pin.clone()))
                .collect()
        };
        old.packages.locked.retain(|name, _| name == "amd64");
        let mut new = old.clone();
        old.packages.locked.get_mut("amd64").unwrap().pins = of(&pins);
        let mut changed = pins[..3].to_vec();
        changed[1].1 = pin("1.26.3-3+deb13u1 sha256:ee");
        changed[2].1 = pin("1:1 sha256:ff");
        changed.push(("tzdata", pin("2026a sha256:00")));
        new.packages.locked.get_mut("amd64").unwrap().pins = of(&changed);
        new.components.get_mut("wordpress").unwrap().version = "9.9".to_owned();
        new.components.get_mut("languages").unwrap().sources[0].npm = Some("x@2".to_owned());

        let told: Vec<_> = changes(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        let wordpress = format!("wordpress {} -> 9.9", old.components["wordpress"].version);
        let npm = old.components["languages"].sources[0].name();
        assert_eq!(
            told,
            [
                &format!("languages {npm} -> x@2"),
                &wordpress,
                "nginx 1.26.3-3 -> 1.26.3-3+deb13u1",
                "php 8 -> none",
                "tzdata none -> 2026a",
                "zlib1g 1:1 sha256:cc -> 1:1 sha256:ff",
            ]
        );
        assert_eq!(changes(&new, &new), []);

        let locked = new.packages.locked["amd64"].clone();
        let mut another = new.clone();
        another.packages.locked.insert("arm64".to_owned(), locked);
        let added = changes(&new, &another);
        let is_own = |change: &Change| change.name.ends_with(":arm64") && change.from.is_none();
        assert!(added.len() == changed.len() && added.iter().all(is_own));
    }
}
