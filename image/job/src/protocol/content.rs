//! What travels from one site's content into another's: which tables, and with which addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LeakTest, Quarantine, Settings};

/// Where a site is for its visitors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// `https` or `http`.
    pub scheme: String,
    /// The host, and a port where it is not the scheme's own.
    pub authority: String,
}

/// What [`super::Work::Export`] stored; the same is in `manifest.json` under the prefix, written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`super::VERSION`].
    pub version: u32,
    /// The tenant.
    pub tenant: String,
    /// The environment.
    pub environment: String,
    /// When the database's snapshot was taken, RFC 3339, UTC.
    pub taken_at: String,
    /// The stored objects.
    pub files: Vec<ExportedFile>,
    /// Every table, with the rows dumped.
    pub tables: Vec<ExportedTable>,
    /// The views.
    pub views: Vec<String>,
    /// How many uploaded files are in the archive.
    pub uploads: u64,
    /// Whose content the site holds, masked, if it is quarantined.
    #[serde(default)]
    pub quarantine: Option<String>,
    /// The most memory that the export had in use, in bytes.
    #[serde(default)]
    pub peak_memory: u64,
}

/// One object of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// The object's key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// The hexadecimal SHA-256 of the object as stored.
    pub sha256: String,
}

/// One dumped table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedTable {
    /// Its name.
    pub name: String,
    /// The rows written.
    pub rows: u64,
    /// Of the rows as they are written, whatever their order: the sum modulo 2^64 of the first eight bytes, big-endian, of each
    /// row's SHA-256, from `(` to `)`; hexadecimal. Older exports have none.
    #[serde(default)]
    pub checksum: Option<String>,
}

/// A content snapshot that is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Its bucket.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The key prefix of its objects, ending in `/`.
    pub prefix: String,
    /// The hexadecimal SHA-256 of its `manifest.json`, which has those of the other objects.
    pub manifest_sha256: String,
    /// The role to read it with; without one, the task's own.
    pub role_arn: Option<String>,
}

/// What [`super::Work::Load`] is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The run, by which [`super::Work::Switch`] knows that nobody else has loaded something since.
    pub run: String,
    /// What is loaded.
    pub snapshot: Snapshot,
    /// What of it.
    pub content: Content,
    /// The site's own word on its tables.
    pub rules: Vec<Rule>,
    /// The site's own word on which options stay; names, or beginnings of names with `*` after them.
    pub keep_options: Vec<String>,
    /// The hosts that the site had where the snapshot was taken, without ports. None when it was taken of this very site.
    pub hosts: Vec<String>,
    /// The site's address here.
    pub to: Address,
    /// The settings of the site here.
    pub settings: Settings,
    /// Where the content comes from further up: it is masked, and the site is quarantined with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
}

/// What [`super::Work::Load`] loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The tables that are to take the place of the site's.
    pub tables: Vec<LoadedTable>,
    /// The snapshot's tables that stay out: live ones, and those that were not asked for.
    pub left_out: Vec<String>,
    /// The snapshot's views, which stay out.
    pub views: Vec<String>,
    /// How many uploaded files.
    pub uploads: u64,
    /// Posts and pages whose author has no account here; they are the administrator's now.
    pub orphans: u64,
    /// How many values were masked.
    #[serde(default)]
    pub masked: u64,
    /// What a quarantined site tried in vain.
    #[serde(default)]
    pub leak_test: Option<LeakTest>,
    /// What it took.
    #[serde(default)]
    pub took: Took,
}

/// What a load took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Milliseconds until all rows and files were there.
    pub filled: u64,
    /// Of these, how many it waited for the storage, which it reads while it rewrites and writes.
    pub waited: u64,
    /// Milliseconds that rewriting and masking took, of all threads together, while rows were read and written.
    #[serde(default)]
    pub edited: u64,
    /// Milliseconds until all rows were read back, counted, compared and searched.
    pub proved: u64,
    /// Milliseconds until the site had answered.
    pub tried: u64,
    /// The most memory that it had in use, in bytes; the site that is tried is another process.
    pub peak_memory: u64,
}

/// One loaded table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedTable {
    /// Its name.
    pub name: String,
    /// Its rows, as many as the snapshot's manifest says.
    pub rows: u64,
    /// How many addresses were rewritten in them.
    pub rewritten: u64,
}

/// What [`super::Work::Switch`] and [`super::Work::SwitchBack`] put in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switched {
    /// Tables; 0 on a repeat.
    pub tables: u64,
    /// Uploaded files; 0 on a repeat.
    pub uploads: u64,
    /// Some of the uploads that were put in place, by their paths below the uploads' directory.
    pub sample: Vec<String>,
}

/// What is loaded of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    /// Every table that is not live, and the uploads.
    All,
    /// The tables of class [`Class::Code`].
    Code,
    /// The uploads.
    Uploads,
    /// These tables.
    Tables {
        /// Their names.
        tables: Vec<String>,
    },
}

/// As people write it: `all`, `code`, `uploads`, `tables=wp_posts,wp_postmeta`.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Code => f.write_str("code"),
            Self::Uploads => f.write_str("uploads"),
            Self::Tables { tables } => write!(f, "tables={}", tables.join(",")),
        }
    }
}

impl FromStr for Content {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.strip_prefix("tables=");
        Ok(match (text, names) {
            ("all", _) => Self::All,
            ("code", _) => Self::Code,
            ("uploads", _) => Self::Uploads,
            (_, Some(names)) if !names.is_empty() => Self::Tables {
                tables: names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect(),
            },
            _ => return Err("it is one of all, code, uploads, tables=NAME,NAME"),
        })
    }
}

impl Content {
    /// Whether the uploads are.
    pub fn has_uploads(&self) -> bool {
        matches!(self, Self::All | Self::Uploads)
    }

    /// Whether any table may be.
    pub fn has_tables(&self) -> bool {
        *self != Self::Uploads
    }
}

/// Whose rows a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Editors': posts, terms, comments. Travels with the content.
    Content,
    /// The developers': settings. Travels with the content, and by itself.
    Code,
    /// Made by visitors and users of a site while it runs: accounts, orders. Never overwritten.
    Live,
}

/// A site's own word on tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A name, or the beginning of names with `*` after it.
    pub tables: String,
    /// Their class.
    pub class: Class,
}

/// WordPress's accounts, and what WooCommerce and Action Scheduler write while customers shop
/// (<https://developer.woocommerce.com/docs/features/high-performance-order-storage/>,
/// `WC_Install::get_tables()`, <https://actionscheduler.org/>).
const LIVE: &[&str] = &[
    "wp_users",
    "wp_usermeta",
    "wp_actionscheduler_*",
    "wp_wc_order*",
    "wp_wc_customer_lookup",
    "wp_wc_download_log",
    "wp_wc_rate_limits",
    "wp_wc_reserved_stock",
    "wp_wc_webhooks",
    "wp_woocommerce_api_keys",
    "wp_woocommerce_downloadable_product_permissions",
    "wp_woocommerce_log",
    "wp_woocommerce_order_*",
    "wp_woocommerce_payment_token*",
    "wp_woocommerce_sessions",
];

/// WordPress's settings, and WooCommerce's taxes, zones and attributes.
const CODE: &[&str] = &[
    "wp_options",
    "wp_wc_tax_rate_classes",
    "wp_woocommerce_attribute_taxonomies",
    "wp_woocommerce_shipping_zone*",
    "wp_woocommerce_tax_rate*",
];

/// The class of a table: the last rule that fits, else WordPress's and WooCommerce's own, else content.
pub fn class(table: &str, rules: &[Rule]) -> Class {
    let any = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, table));
    if let Some(rule) = rules.iter().rev().find(|rule| fits(&rule.tables, table)) {
        rule.class
    } else if any(LIVE) {
        Class::Live
    } else if any(CODE) {
        Class::Code
    } else {
        Class::Content
    }
}

/// Whether a name is the pattern's, in which `*` at the beginning or the end stands for anything.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => name.contains(&rest[..rest.len() - 1]),
        (Some(end), None) => name.ends_with(end),
        (None, Some(beginning)) => name.starts_with(beginning),
        (None, None) => name == pattern,
    }
}

impl Content {
    /// Whether `table` is loaded with its rows.
    pub fn takes(&self, table: &str, rules: &[Rule]) -> bool {
        let class = class(table, rules);
        match self {
            Self::All => class != Class::Live,
            Self::Code => class == Class::Code,
            Self::Uploads => false,
            Self::Tables { tables } => class != Class::Live && tables.iter().any(|t| t == table),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, fitting, other) in [
            ("home", "home", "homes"),
            ("home*", "homes", "ahome"),
            ("*_key", "api_key", "api_keys"),
            ("*key*", "the keys", "lock"),
            ("*", "", "-"),
        ] {
            assert!(fits(pattern, fitting), "{pattern}");
            assert!(pattern == "*" || !fits(pattern, other), "{pattern}");
        }
    }

    #[test]
    fn accounts_and_orders_stay_unless_the_site_says_otherwise() {
        let rules = [
            Rule {
                tables: "wp_forum_*".into(),
                class: Class::Live,
            },
            Rule {
                tables: "wp_forum_boards".into(),
                class: Class::Content,
            },
        ];
        for (table, expected) in [
            ("wp_users", Class::Live),
            ("wp_wc_orders_meta", Class::Live),
            ("wp_wc_order_stats", Class::Live),
            ("wp_woocommerce_order_items", Class::Live),
            ("wp_options", Class::Code),
            ("wp_posts", Class::Content),
            ("wp_wc_product_meta_lookup", Class::Content),
            ("wp_forum_topics", Class::Live),
            ("wp_forum_boards", Class::Content),
        ] {
            assert_eq!(class(table, &rules), expected, "{table}");
        }
        let named = Content::Tables {
            tables: vec!["wp_users".into(), "wp_posts".into()],
        };
        assert!(named.takes("wp_posts", &[]) && !named.takes("wp_users", &[]));
        assert!(Content::All.takes("wp_options", &[]) && !Content::Code.takes("wp_posts", &[]));
    }
}
