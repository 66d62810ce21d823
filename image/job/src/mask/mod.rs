//! Masks what is personal in rows on their way into a schema, so that it is never in there.
//!
//! By column, where it is known what a column holds; and every e-mail address, wherever it stands. What a value becomes depends
//! on the value and on a key that is made for one load and kept nowhere: within a load what was equal is equal, and nobody
//! can find out afterwards what it was by trying.

mod known;
mod mails;
mod secrets;

use std::{borrow::Cow, collections::BTreeSet};

use sha2::{Digest, Sha256};

use crate::{
    protocol::{Mask, MaskRule, fits},
    rewrite,
};
use mails::Mails;
use secrets::Secrets;

/// Masks one load's rows.
#[derive(Clone, Debug)]
pub(crate) struct Masker {
    /// The last one that fits counts.
    rules: Vec<MaskRule>,
    /// In lower case.
    logins: BTreeSet<String>,
    key: Key,
    mails: Mails,
    secrets: Secrets,
}

/// What is masked in the columns of one table.
#[derive(Debug)]
pub(crate) struct Columns<'m> {
    masker: &'m Masker,
    /// For each column the rules that may fit, the strongest first, each with the position of the column that it depends on.
    rules: Vec<Vec<(&'m MaskRule, Option<usize>)>>,
}

impl Masker {
    /// With a site's own rules and the logins that the target has.
    pub(crate) fn new(
        key: [u8; 32],
        own: &[MaskRule],
        logins: impl IntoIterator<Item = String>,
    ) -> Self {
        let key = Key(key);
        Self {
            rules: known::rules()
                .into_iter()
                .chain(own.iter().cloned())
                .collect(),
            logins: logins
                .into_iter()
                .map(|login| login.to_lowercase())
                .collect(),
            mails: Mails::new(key.clone()),
            secrets: Secrets::new(),
            key,
        }
    }

    /// For rows of `table` with these columns.
    pub(crate) fn columns<'m>(&'m self, table: &str, names: &[String]) -> Columns<'m> {
        let of_table: Vec<_> = self
            .rules
            .iter()
            .rev()
            .filter(|rule| fits(&rule.table, table))
            .collect();
        let rules = names.iter().map(|name| {
            let of_column = of_table.iter().filter(|rule| fits(&rule.column, name));
            of_column
                .filter_map(|rule| match &rule.only {
                    None => Some((*rule, None)),
                    Some(only) => {
                        let at = names.iter().position(|name| *name == only.column)?;
                        Some((*rule, Some(at)))
                    }
                })
                .collect()
        });
        Columns {
            masker: self,
            rules: rules.collect(),
        }
    }

    /// Whether values of a column stay what they were, in some rows at least.
    pub(crate) fn keeps(&self, table: &str, column: &str) -> bool {
        let keeps = |rule: &MaskRule| {
            rule.mask == Mask::Keep && fits(&rule.column, column) && fits(&rule.table, table)
        };
        self.rules.iter().any(keeps)
    }

    /// How many e-mail addresses in `text` are not masked.
    pub(crate) fn count_mails(&self, text: &[u8]) -> u64 {
        self.mails.count(text)
    }

    fn mask<'v>(&self, mask: Mask, value: &'v [u8]) -> (Cow<'v, [u8]>, u64) {
        let made = |text: String| (Cow::Owned(text.into_bytes()), 1);
        if value.is_empty() {
            return (Cow::Borrowed(value), 0);
        }
        match mask {
            Mask::Keep => (Cow::Borrowed(value), 0),
            Mask::Empty => made(String::new()),
            Mask::Name => made(format!("Person {}", self.key.digits(value, 10))),
            Mask::Login => {
                let login = String::from_utf8_lossy(value).to_lowercase();
                if self.logins.contains(&login) {
                    (Cow::Borrowed(value), 0)
                } else {
                    made(format!("person-{}", self.key.digits(value, 10)))
                }
            }
            Mask::Email => match rewrite::value(&self.mails, value) {
                (_, 0) if self.mails.is_masked(value) => (Cow::Borrowed(value), 0),
                // No address, but somebody's all the same.
                (_, 0) => made(self.key.mail(value)),
                masked => masked,
            },
            Mask::Ip => {
                let digits = self.key.digits(value, 16);
                made(format!(
                    "2001:db8:{}:{}:{}:{}::",
                    &digits[..4],
                    &digits[4..8],
                    &digits[8..12],
                    &digits[12..]
                ))
            }
            Mask::Text => made(format!("masked-{}", self.key.digits(value, 10))),
            Mask::Secrets => {
                let (bare, hidden) = rewrite::value(&self.secrets, value);
                let (masked, mails) = rewrite::value(&self.mails, &bare);
                match hidden + mails {
                    0 => (Cow::Borrowed(value), 0),
                    count => (Cow::Owned(masked.into_owned()), count),
                }
            }
        }
    }
}

impl Columns<'_> {
    /// Whether a column's value may have to be looked at even if it holds no e-mail address.
    pub(crate) fn concern(&self, column: usize) -> bool {
        self.rules
            .get(column)
            .is_some_and(|rules| !rules.is_empty())
    }

    /// A value of a row as it may be shown, and how much in it was masked. `of_row` gives other values of the row.
    pub(crate) fn mask<'v>(
        &self,
        column: usize,
        value: &'v [u8],
        of_row: impl Fn(usize) -> Option<Vec<u8>>,
    ) -> (Cow<'v, [u8]>, u64) {
        let fitting = self
            .rules
            .get(column)
            .into_iter()
            .flatten()
            .find(|(rule, at)| {
                let Some((only, at)) = rule.only.as_ref().zip(*at) else {
                    return true;
                };
                let other = of_row(at).unwrap_or_default();
                fits(
                    &only.value.to_lowercase(),
                    &String::from_utf8_lossy(&other).to_lowercase(),
                )
            });
        match fitting {
            Some((rule, _)) => self.masker.mask(rule.mask, value),
            None => rewrite::value(&self.masker.mails, value),
        }
    }
}

/// Known to one load.
#[derive(Clone)]
struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Up to 64 hexadecimal digits that are the same for the same value in any case: MySQL's collations take them for equal.
    fn digits(&self, value: &[u8], count: usize) -> String {
        let lower = String::from_utf8_lossy(value).to_lowercase();
        let hash = Sha256::new()
            .chain_update(self.0)
            .chain_update(lower.trim());
        let mut digits = hex::encode(hash.finalize());
        digits.truncate(count);
        digits
    }

    fn mail(&self, value: &[u8]) -> String {
        format!("{}{}", self.digits(value, 16), mails::DOMAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Only;

    fn masker(own: &[MaskRule]) -> Masker {
        Masker::new([7; 32], own, ["Eva".to_owned()])
    }

    /// A row of a table, masked.
    fn row(masker: &Masker, table: &str, row: &[(&str, &str)]) -> Vec<String> {
        let names: Vec<_> = row.iter().map(|(name, _)| (*name).to_owned()).collect();
        let columns = masker.columns(table, &names);
        let value = |at: usize| Some(row[at].1.as_bytes().to_vec());
        let masked = (0..row.len()).map(|at| {
            let (masked, _) = columns.mask(at, row[at].1.as_bytes(), value);
            String::from_utf8(masked.into_owned()).unwrap()
        });
        masked.collect()
    }

    #[test]
    fn nothing_of_a_person_is_left_and_what_was_equal_is_equal() {
        let masker = masker(&[]);
        let comment = |author: &str, mail: &str| {
            row(
                &masker,
                "wp_comments",
                &[
                    ("comment_author", author),
                    ("comment_author_email", mail),
                    ("comment_author_IP", "192.0.2.7"),
                    ("comment_agent", "Mozilla/5.0"),
                    ("comment_type", "comment"),
                    ("comment_content", "Write to ann@example.org!"),
                ],
            )
        };
        let ann = comment("Ann Ämter", "Ann@example.org");
        assert!(ann[0].starts_with("Person "), "{ann:?}");
        assert!(ann[1].ends_with("@masked.invalid") && ann[2].starts_with("2001:db8:"));
        assert_eq!((ann[3].as_str(), ann[4].as_str()), ("", "comment"));
        // The same person in the text.
        assert_eq!(ann[5], format!("Write to {}!", ann[1]));
        assert_eq!(comment("ann ämter", "ann@example.org"), ann);
        let bob = comment("Bob", "bob@example.org");
        assert!(bob[0] != ann[0] && bob[1] != ann[1]);
        assert_eq!(comment("", "")[..2], ["", ""]);
    }

    #[test]
    fn metadata_is_masked_by_its_key() {
        let masker = masker(&[]);
        let meta = |table: &str, key: &str, value: &str| {
            row(&masker, table, &[("meta_value", value), ("meta_key", key)]).remove(0)
        };
        for (table, key) in [
            ("wp_usermeta", "first_name"),
            ("wp_usermeta", "billing_address_1"),
            ("wp_usermeta", "session_tokens"),
            ("wp_postmeta", "_shipping_last_name"),
            ("wp_postmeta", "_billing_address_index"),
            ("wp_postmeta", "_customer_ip_address"),
        ] {
            assert!(!meta(table, key, "Ann").contains("Ann"), "{table} {key}");
        }
        assert_eq!(meta("wp_postmeta", "layout", "Ann"), "Ann");
        assert_eq!(meta("wp_usermeta", "billing_country", "NA"), "NA");
    }

    #[test]
    fn accounts_that_the_target_has_keep_their_login() {
        let masker = masker(&[]);
        let login = |login: &str| row(&masker, "wp_users", &[("user_login", login)]).remove(0);
        assert_eq!(login("eva"), "eva");
        assert!(login("ann").starts_with("person-"));
    }

    #[test]
    fn a_sites_own_rules_count_more() {
        let rule = |column: &str, only: Option<Only>, mask| MaskRule {
            table: "wp_*".to_owned(),
            column: column.to_owned(),
            only,
            mask,
        };
        let members = Only {
            column: "kind".to_owned(),
            value: "Member".to_owned(),
        };
        let masker = masker(&[
            rule("comment_author", None, Mask::Keep),
            rule("label", Some(members), Mask::Name),
        ]);
        assert_eq!(
            row(&masker, "wp_comments", &[("comment_author", "Ann")]),
            ["Ann"]
        );
        let label = |kind| row(&masker, "wp_forum", &[("label", "Ann"), ("kind", kind)]).remove(0);
        assert!(label("member").starts_with("Person "));
        assert_eq!(label("thing"), "Ann");
    }

    #[test]
    fn settings_lose_their_keys() {
        let masker = masker(&[]);
        let option = |name: &str, value: &str| {
            row(
                &masker,
                "wp_options",
                &[("option_name", name), ("option_value", value)],
            )
            .remove(1)
        };
        assert_eq!(
            option(
                "woocommerce_pay_settings",
                r#"a:3:{s:5:"title";s:4:"Card";s:10:"secret_key";s:7:"sk_live";s:4:"mail";s:5:"a@b.c";}"#
            ),
            r#"a:3:{s:5:"title";s:4:"Card";s:10:"secret_key";s:0:"";s:4:"mail";s:5:"a@b.c";}"#
        );
        assert_eq!(
            option("pay", r#"{"api_key": "abc\"d", "title":"x"}"#),
            r#"{"api_key": "", "title":"x"}"#
        );
        assert_eq!(option("some_api_key", "abc"), "");
        assert_eq!(option("blogname", "The secret: abc"), "The secret: abc");
    }
}
