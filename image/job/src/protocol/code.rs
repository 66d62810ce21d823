//! A site's own plugins and themes, as its task definition tells its tasks: which zips, where, and what of them is active.

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
    /// The plugins.
    pub plugins: Vec<CodePlugin>,
    /// The themes.
    pub themes: Vec<CodeTheme>,
    /// The active theme's slug; `None` leaves the choice to the image and the database.
    pub theme: Option<String>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodePlugin {
    /// The plugin's slug, which is its zip's top folder.
    pub slug: String,
    /// Its version.
    pub version: String,
    /// The hexadecimal SHA-256 of its zip.
    pub sha256: String,
    /// Whether WordPress loads it.
    pub active: bool,
}

/// One theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeTheme {
    /// The theme's slug, which is its zip's top folder.
    pub slug: String,
    /// Its version.
    pub version: String,
    /// The hexadecimal SHA-256 of its zip.
    pub sha256: String,
}

impl Code {
    /// The code of a site, or `None` where it has none of its own.
    pub fn new(
        bucket: impl Into<String>,
        prefix: impl Into<String>,
        mut plugins: Vec<CodePlugin>,
        mut themes: Vec<CodeTheme>,
        theme: Option<String>,
    ) -> Option<Self> {
        if plugins.is_empty() && themes.is_empty() {
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

    /// The key of the zip with this checksum.
    pub fn key(&self, sha256: &str) -> String {
        format!("{}{sha256}.zip", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_contract_is_written_and_read() {
        let text = concat!(
            r#"{"version":1,"bucket":"b","prefix":"code/acme/","#,
            r#""plugins":[{"slug":"hello","version":"1.2.0","sha256":"aa","active":true}],"#,
            r#""themes":[{"slug":"blue","version":"1.0","sha256":"bb"}],"theme":null}"#
        );
        let code: Code = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), text);
        assert_eq!(code.key("aa"), "code/acme/aa.zip");
    }

    #[test]
    fn a_site_without_code_of_its_own_has_no_variable() {
        assert_eq!(Code::new("b", "code/acme/", vec![], vec![], None), None);
    }
}
