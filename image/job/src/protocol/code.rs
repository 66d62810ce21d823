//! A site's own plugins and themes, as its task definition tells its tasks: which zips, where, and which theme is shown.

use serde::{Deserialize, Serialize};

use super::VERSION;

/// The environment variable that carries a [`Code`]; absent where a site has no code of its own.
pub const CODE_VARIABLE: &str = "BBWS_CODE";

/// The plugins and themes of one site. Lists are sorted by slug, so equal wishes are equal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// [`VERSION`].
    pub version: u32,
    /// The bucket that holds the zips.
    pub bucket: String,
    /// The key prefix of the tenant's zips, ending in `/`.
    pub prefix: String,
    /// The plugins. All of them are active.
    pub plugins: Vec<Package>,
    /// The themes.
    pub themes: Vec<Package>,
    /// The slug of the theme that visitors see; `None` leaves the choice to the site's administrators.
    pub theme: Option<String>,
}

/// One plugin or theme: a zip whose only top folder is named like its slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The slug.
    pub slug: String,
    /// Its version, for people.
    pub version: String,
    /// The hexadecimal SHA-256 of the zip.
    pub sha256: String,
}

impl Code {
    /// The code of a site, or `None` where it has none of its own and leaves the theme to its administrators.
    pub fn new(
        bucket: impl Into<String>,
        prefix: impl Into<String>,
        mut plugins: Vec<Package>,
        mut themes: Vec<Package>,
        theme: Option<String>,
    ) -> Option<Self> {
        if plugins.is_empty() && themes.is_empty() && theme.is_none() {
            return None;
        }
        plugins.sort_by(|a, b| a.slug.cmp(&b.slug));
        themes.sort_by(|a, b| a.slug.cmp(&b.slug));
        Some(Self {
            version: VERSION,
            bucket: bucket.into(),
            prefix: prefix.into(),
            plugins,
            themes,
            theme,
        })
    }

    /// The key of a package's zip.
    pub fn key(&self, package: &Package) -> String {
        format!("{}{}.zip", self.prefix, package.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_contract_is_written_and_read() {
        let text = concat!(
            r#"{"version":1,"bucket":"b","prefix":"code/acme/","#,
            r#""plugins":[{"slug":"hello","version":"1.2.0","sha256":"aa"}],"#,
            r#""themes":[{"slug":"blue","version":"1.0","sha256":"bb"}],"theme":null}"#
        );
        let code: Code = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), text);
        assert_eq!(code.key(&code.plugins[0]), "code/acme/aa.zip");
    }

    #[test]
    fn a_site_without_code_of_its_own_has_no_variable() {
        assert_eq!(Code::new("b", "code/acme/", vec![], vec![], None), None);
    }
}
