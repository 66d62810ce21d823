//! The identifiers of the manifests, each a type that can only hold a valid value.
//!
//! One place says what is valid: [`FromStr`] of each type. The JSON Schemas carry a pattern beside it for editors, and
//! a test holds the two together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::checks;

/// Why a text is no valid name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidName {
    /// What is wrong, to be read after the value: "is longer than 20 characters".
    pub problem: String,
    /// How to put it right, as an imperative.
    pub help: String,
}

impl InvalidName {
    pub(super) fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            help: help.into(),
        }
    }
}

/// Defines newtypes over `String` that are checked when they are made, and the table of their checks by schema name.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident { check: $check:path, pattern: $pattern:literal, example: $example:literal, says: $says:literal })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(String);

            impl $name {
                /// The value as text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl FromStr for $name {
                type Err = InvalidName;

                fn from_str(text: &str) -> Result<Self, InvalidName> {
                    $check(text).map(|()| Self(text.to_owned()))
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(&self.0)
                }
            }

            impl AsRef<str> for $name {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&self.0)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "description": $says,
                        "pattern": $pattern,
                        "examples": [$example],
                    })
                }
            }
        )+

        /// The check of the newtype that the schemas call `schema_name`; none when that is no newtype of this module.
        pub(super) fn check_of(schema_name: &str) -> Option<fn(&str) -> Result<(), InvalidName>> {
            match schema_name {
                $(stringify!($name) => Some($check),)+
                _ => None,
            }
        }

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $pattern, $example)),+];
    };
}

names! {
    /// An environment: 2 to 12 lower-case letters and digits. No hyphen: `bbws-<environment>-<tenant>` stays unambiguous.
    EnvironmentName {
        check: checks::environment_name,
        pattern: "^[a-z][a-z0-9]{1,11}$",
        example: "dev",
        says: "The name of an environment: 2 to 12 lower-case letters and digits, a letter first."
    }
    /// A tenant's id: 3 to 20 lower-case letters, digits and hyphens; some words are reserved.
    TenantId {
        check: checks::tenant_id,
        pattern: "^[a-z][a-z0-9-]{1,18}[a-z0-9]$",
        example: "acme",
        says: "A tenant's id: 3 to 20 lower-case letters, digits and hyphens, a letter first, no hyphen last."
    }
    /// A 12-digit AWS account id, leading zeros kept.
    AccountId {
        check: checks::account_id,
        pattern: "^[0-9]{12}$",
        example: "111111111111",
        says: "An AWS account id: 12 digits, in quotes (YAML would drop leading zeros)."
    }
    /// An AWS region, by form: the list of regions grows too often to be kept here.
    Region {
        check: checks::region,
        pattern: "^[a-z]{2}(-[a-z]+){1,2}-[1-9][0-9]?$",
        example: "af-south-1",
        says: "An AWS region."
    }
    /// A cell of an environment.
    CellName {
        check: checks::cell_name,
        pattern: "^[a-z][a-z0-9]{0,7}$",
        example: "a",
        says: "The name of a cell: at most 8 lower-case letters and digits, a letter first."
    }
    /// An RDS instance class, by form: the list of classes grows too often to be kept here.
    DatabaseClass {
        check: checks::database_class,
        pattern: "^db\\.[a-z0-9]+\\.[a-z0-9]+$",
        example: "db.t4g.small",
        says: "An RDS instance class."
    }
    /// A DNS name of two or more labels, lower case, without a final dot.
    Domain {
        check: checks::domain,
        pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$",
        example: "acme.dev.localhost",
        says: "A DNS name in lower case (international names in their xn-- form), without scheme, port or path."
    }
    /// A locale in WordPress's form.
    Locale {
        check: checks::locale,
        pattern: "^[a-z]{2,3}(_[A-Z]{2})?(_[a-z0-9]+)?$",
        example: "en_US",
        says: "A locale as WordPress writes it, one that the image has a language pack for: ar, de_DE, en_US, es_ES, fr_FR, he_IL, hu_HU, id_ID, it_IT, ja, ko_KR, nl_NL, pl_PL, pt_BR, ru_RU, sv_SE, tr_TR, uk, vi, zh_CN or zh_TW."
    }
    /// A name from the IANA time zone database.
    Timezone {
        check: checks::timezone,
        pattern: "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
        example: "Africa/Johannesburg",
        says: "A time zone of the IANA database."
    }
    /// A mail address that WordPress accepts.
    Email {
        check: checks::email,
        pattern: "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$",
        example: "admin@acme.example",
        says: "A mail address."
    }
    /// Text on one line, for people.
    Line {
        check: checks::line,
        pattern: "^\\S(.{0,198}\\S)?$",
        example: "Acme & Söhne",
        says: "Text on one line, at most 200 characters, any script."
    }
    /// A WordPress login name.
    Login {
        check: checks::login,
        pattern: "^[A-Za-z0-9_.@-]([A-Za-z0-9 _.@-]{0,58}[A-Za-z0-9_.@-])?$",
        example: "acme-admin",
        says: "A login name: at most 60 letters, digits, spaces and `_ . @ -`."
    }
    /// What a site runs: an image tag or a digest in the environment's registry.
    Release {
        check: checks::release,
        pattern: "^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$",
        example: "7.1.1-1",
        says: "An image in the environment's registry (bbws/wordpress): a tag, or sha256: and 64 hexadecimal digits. Not `latest`, which pins nothing."
    }
    /// A key that images are verified with.
    SigningKey {
        check: checks::signing_key,
        pattern: "^(awskms:///[A-Za-z0-9:/_-]+|arn:aws[a-z-]*:kms:[A-Za-z0-9:/_-]+|[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*\\.(pem|pub))$",
        example: "keys/release.pub",
        says: "A key that images are verified with: awskms:/// and the id, alias or ARN of a KMS key, such an ARN, or a PEM file with the public key (.pub or .pem), below the folder of the fleet."
    }
    /// A plugin's or theme's slug: the name of its folder.
    Slug {
        check: checks::slug,
        pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
        example: "woocommerce",
        says: "The slug of a plugin or theme, which is the only folder at the top of its zip."
    }
    /// A plugin's or theme's version.
    PackageVersion {
        check: checks::package_version,
        pattern: "^[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}$",
        example: "9.2.1",
        says: "The version in the header of the plugin or theme, in quotes where it looks like a number."
    }
    /// A moment, to the second or finer.
    Moment {
        check: checks::moment,
        pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}",
        example: "2026-12-01T06:00:00Z",
        says: "A moment as RFC 3339 writes it, with its offset from UTC."
    }
    /// Names of tables or options: one, or all that begin alike.
    Pattern {
        check: checks::pattern,
        pattern: "^[A-Za-z0-9_$-]{1,63}\\*?$",
        example: "wp_forum_*",
        says: "The name of a table or an option, or the beginning of names with * after it."
    }
    /// What of a site's content is promoted.
    Promoted {
        check: checks::promoted,
        pattern: "^(all|code|uploads|tables=[A-Za-z0-9_$]{1,64}(,[A-Za-z0-9_$]{1,64})*)$",
        example: "all",
        says: "What of the content: all, code (settings), uploads, or tables= and names with commas between them."
    }
    /// A SHA-256.
    Checksum {
        check: checks::checksum,
        pattern: "^[0-9a-f]{64}$",
        example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        says: "The SHA-256 of the zip: 64 hexadecimal digits in lower case."
    }
    /// Where a plugin's or theme's zip can be had.
    PackageSource {
        check: checks::package_source,
        pattern: "^(https://[^\\s]+|[A-Za-z0-9_-]+([./][A-Za-z0-9_+-]+)*\\.zip)$",
        example: "packages/acme-theme-1.0.0.zip",
        says: "Where the zip can be had: an https:// address, or a .zip file below the folder of the fleet."
    }
}

impl Release {
    /// Whether it names the image by its content rather than by a tag.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.0.starts_with("sha256:")
    }

    /// The reference to pull, given the repository's URI: `<uri>:<tag>` or `<uri>@sha256:…`.
    #[must_use]
    pub fn image(&self, repository_uri: &str) -> String {
        let separator = if self.is_digest() { '@' } else { ':' };
        format!("{repository_uri}{separator}{}", self.0)
    }
}

impl Moment {
    /// The moment itself.
    ///
    /// # Panics
    /// Never: what is no moment is no value of this type.
    #[must_use]
    pub fn time(&self) -> OffsetDateTime {
        OffsetDateTime::parse(&self.0, &Rfc3339).expect("it was parsed when it was made")
    }
}

impl Default for Locale {
    /// WordPress's own language.
    fn default() -> Self {
        Self("en_US".to_owned())
    }
}

impl Default for Timezone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl Default for CellName {
    /// Of an environment's only cell.
    fn default() -> Self {
        Self("a".to_owned())
    }
}

impl Default for DatabaseClass {
    /// Enough for some tens of sites.
    fn default() -> Self {
        Self("db.t4g.small".to_owned())
    }
}

impl Domain {
    /// Whether this name lies inside `zone`, or is the zone's own name.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        self == zone
            || self
                .0
                .strip_suffix(zone.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    }
}

impl TenantId {
    /// The name of its schema and of its MySQL user: `t_` and the id with `_` for `-`. At most 22 of MySQL's 32 characters.
    #[must_use]
    pub fn database(&self) -> String {
        format!("t_{}", self.0.replace('-', "_"))
    }
}
