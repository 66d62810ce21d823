//! Tags as the normalised sides show them: those that bbws manages, and no others.

use super::Context;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// On a site's last resource to go: when the site may be removed.
pub(super) const REMOVAL: &str = "bbws:removal";

/// Who a resource belongs to, its backup policy on what holds or serves content, and when it may go.
const MANAGED: [&str; 6] = [
    "bbws:environment",
    "bbws:tenant",
    "bbws:cell",
    "bbws:managed-by",
    "bbws:backup",
    REMOVAL,
];

/// The managed ones among the tags that AWS returned. People's and AWS's own tags are left alone and not compared.
pub(super) fn managed<'a>(tags: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Value {
    let managed = tags.filter_map(|(key, value)| {
        let key = key.filter(|key| MANAGED.contains(key))?;
        Some((key.to_owned(), Value::from(value.unwrap_or_default())))
    });
    Value::Object(managed.collect::<Map<_, _>>())
}

/// The tags of a site's resources that backups select by.
pub(super) fn with_backup(context: &Context<'_>) -> BTreeMap<String, String> {
    let mut tags = context.tags();
    tags.insert(
        "bbws:backup".to_owned(),
        context.site().backup.as_str().to_owned(),
    );
    tags
}
