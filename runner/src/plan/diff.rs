//! Field-level differences of two normalised states.

use crate::resource::PENDING;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// One field that is to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Dotted path from the resource: `health_check.path`.
    pub path: String,
    /// What AWS holds; none when it holds nothing there.
    pub before: Option<Value>,
    /// What is asked for; none when the field is to go.
    pub after: Option<Value>,
}

impl FieldChange {
    /// Whether the new value is one that AWS has yet to hand out.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.after
            .as_ref()
            .is_some_and(|after| after.to_string().contains(PENDING))
    }
}

/// Every leaf that differs, in order of path. Absent and null are the same; arrays of one length are compared element by
/// element, others as a whole.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk("", before, after, &mut changes);
    changes
}

fn walk(path: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let of = |side: &serde_json::Map<String, Value>| {
                    side.get(name).cloned().unwrap_or(Value::Null)
                };
                walk(&join(name), &of(old), &of(new), changes);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                walk(&join(&index.to_string()), old, new, changes);
            }
        }
        (Value::Null, Value::Object(_)) => {
            walk(path, &Value::Object(serde_json::Map::new()), after, changes)
        }
        _ if before == after => {}
        _ => changes.push(FieldChange {
            path: path.to_owned(),
            before: (!before.is_null()).then(|| before.clone()),
            after: (!after.is_null()).then(|| after.clone()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_each_leaf_that_differs() {
        let before = json!({"a": 1, "b": {"c": [1, 2], "d": null}, "gone": true});
        let after = json!({"a": 1, "b": {"c": [1, 3], "d": null}, "new": {"x": "y"}});
        let found: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|c| (c.path, c.before, c.after))
            .collect();
        assert_eq!(
            found,
            [
                ("b.c.1".to_owned(), Some(json!(2)), Some(json!(3))),
                ("gone".to_owned(), Some(json!(true)), None),
                ("new.x".to_owned(), None, Some(json!("y"))),
            ]
        );
    }

    #[test]
    fn arrays_of_other_length_are_shown_whole() {
        let found = differences(&json!({"a": ["x"]}), &json!({"a": ["x", "y"]}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].after, Some(json!(["x", "y"])));
    }
}
