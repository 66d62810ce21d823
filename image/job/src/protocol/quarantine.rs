//! What content has to leave behind, or is changed to, where it comes from an environment further up.

use serde::{Deserialize, Serialize};

/// The option that says that a site is quarantined, and whose content it holds. It is WordPress's, so that it takes effect in the
/// moment in which the content does.
pub const QUARANTINE_OPTION: &str = "bbws_quarantine";

/// Asks a load to mask what is personal, and to leave the site quarantined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// The environment whose content it is.
    pub from: String,
    /// The site's own word on what is masked; counts more than what is known of WordPress and WooCommerce.
    pub masks: Vec<MaskRule>,
}

/// What becomes of the values of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    /// A table's name; `*` at its beginning or end stands for anything.
    pub table: String,
    /// A column's name, the same way.
    pub column: String,
    /// Only in rows with such a value in another column.
    pub only: Option<Only>,
    /// What its values become.
    pub mask: Mask,
}

/// Some of a table's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// A column's name.
    pub column: String,
    /// Its value, in any case; `*` at its beginning or end stands for anything.
    pub value: String,
}

/// What a value becomes. Equal values become equal ones and others become others within one load, whatever column they are in;
/// an empty value stays empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// A name that nobody has.
    Name,
    /// A login name that nobody has; one that the target has as well stays.
    Login,
    /// An address of a domain that cannot exist (RFC 6761, `.invalid`).
    Email,
    /// An address of those kept for documentation (RFC 3849).
    Ip,
    /// A short text without a meaning.
    Text,
    /// Nothing.
    Empty,
    /// Its settings, serialized or JSON, without those that are called a key, a password or the like.
    Secrets,
    /// What it was.
    Keep,
}

/// What was tried from inside of the quarantined site before it took its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakTest {
    /// What was attempted and did not get out.
    pub blocked: Vec<String>,
}
