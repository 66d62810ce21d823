//! What no AWS list shows (a schema's grants, WordPress's settings) is remembered in a tag on the site's secret: for each
//! field a fingerprint of what was last made so. `plan --deep` checks the real thing.

use crate::plan::FieldChange;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// `field=fingerprint` pairs, space-separated: the form of a tag's value, at most 256 characters.
#[must_use]
pub(super) fn encode(desired: &Value) -> String {
    let pairs: Vec<_> = desired
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, value)| format!("{field}={}", fingerprint(value)))
        .collect();
    pairs.join(" ")
}

/// Marks a value of which only the fingerprint is known.
const RECORDED: &str = "recorded as ";

/// The reverse of [`encode`], as far as fingerprints can be reversed.
#[must_use]
pub(super) fn decode(tag: &str) -> Value {
    let pairs = tag.split(' ').filter_map(|pair| pair.split_once('='));
    let fields =
        pairs.map(|(field, print)| (field.to_owned(), Value::from(format!("{RECORDED}{print}"))));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Fields that are not as desired, by their recorded fingerprint or, after a look into the database, by their value.
#[must_use]
pub(super) fn differences(found: &Value, desired: &Value) -> Vec<FieldChange> {
    let desired = desired.as_object().into_iter().flatten();
    let differs = desired.filter(|(field, value)| match found.get(field.as_str()) {
        Some(Value::String(text)) if text.starts_with(RECORDED) => {
            text[RECORDED.len()..] != fingerprint(value)
        }
        known => known != Some(value),
    });
    let change = |(field, value): (&String, &Value)| FieldChange {
        path: field.clone(),
        before: found.get(field.as_str()).cloned(),
        after: Some(value.clone()),
    };
    differs.map(change).collect()
}

fn fingerprint(value: &Value) -> String {
    hex::encode(Sha256::digest(value.to_string().as_bytes()))[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_changed_differs() {
        let before = json!({"title": "Acme & Söhne", "locale": "de_DE"});
        let after = json!({"title": "Acme", "locale": "de_DE"});
        let recorded = decode(&encode(&before));
        assert_eq!(differences(&recorded, &before), []);
        let changes = differences(&recorded, &after);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, "title");
    }
}
