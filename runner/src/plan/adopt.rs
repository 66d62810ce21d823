//! What AWS has, said in the words of a manifest: the other way to end a difference.

use super::Change;
use crate::manifest::{BackupPolicy, PriceClass, Site, TaskRange};
use crate::resource::Kind;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a site's manifest has to say so that it asks for what AWS has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Top-level keys, each with what stands behind its colon.
    pub keys: BTreeMap<&'static str, String>,
    /// What no manifest can say: resource and field.
    pub left: Vec<String>,
}

/// Of the `changes` that a plan has of `site`, those that its manifest can take over.
#[must_use]
pub fn adopt<'a>(site: &Site, changes: impl IntoIterator<Item = &'a Change>) -> Adopted {
    let mut adopted = Adopted::default();
    let mut tasks = site.tasks;
    for change in changes {
        let label = change.kind.label();
        if change.fields.is_empty() {
            adopted.left.push(label.to_owned());
        }
        for field in &change.fields {
            let found = field.before.as_ref();
            let said = found.and_then(|found| said(change.kind, &field.path, found, &mut tasks));
            match said {
                Some((key, value)) => {
                    adopted.keys.insert(key, value);
                }
                None => adopted.left.push(format!("{label}: {}", field.path)),
            }
        }
    }
    adopted
}

fn said(
    kind: Kind,
    path: &str,
    found: &Value,
    tasks: &mut TaskRange,
) -> Option<(&'static str, String)> {
    let plain = |key, value: &str| Some((key, format!(" {value}")));
    match (kind, path) {
        (Kind::Autoscaling, "min" | "max") => {
            let number = u32::try_from(found.as_u64()?).ok()?;
            match path {
                "min" => tasks.min = number,
                _ => tasks.max = number,
            }
            Some((
                "tasks",
                format!("\n  min: {}\n  max: {}", tasks.min, tasks.max),
            ))
        }
        (Kind::Distribution, "price_class") => {
            let all = [PriceClass::Cheapest, PriceClass::Balanced, PriceClass::All];
            let class = all.into_iter().find(|class| *found == class.as_aws())?;
            plain("price_class", class.as_str())
        }
        (Kind::Budget, "limit") => {
            let limit = found.as_f64().filter(|limit| limit.fract() == 0.0)?;
            plain("monthly_budget", &limit.to_string())
        }
        (_, "tags.bbws:backup") => {
            let all = [
                BackupPolicy::None,
                BackupPolicy::Daily,
                BackupPolicy::Hourly,
            ];
            let policy = all.into_iter().find(|policy| *found == policy.as_str())?;
            plain("backup", policy.as_str())
        }
        // JSON's strings are YAML's, in double quotes.
        (Kind::Wordpress, "title") => plain("title", &found.to_string()),
        (Kind::Wordpress, "locale") => plain("locale", found.as_str()?),
        (Kind::Wordpress, "timezone") => plain("timezone", found.as_str()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FieldChange, Op, Reason};
    use crate::resource::sample::site;
    use serde_json::json;

    fn change(kind: Kind, fields: &[(&str, Value)]) -> Change {
        let fields = fields.iter().map(|(path, before)| FieldChange {
            path: (*path).to_owned(),
            before: Some(before.clone()),
            after: Some(json!("asked for")),
        });
        Change {
            tenant: "acme".parse().unwrap(),
            kind,
            op: Op::Update,
            reason: Reason::Differs,
            id: None,
            fields: fields.collect(),
        }
    }

    #[test]
    fn what_a_manifest_can_say_is_said_and_the_rest_is_told() {
        let changes = [
            change(
                Kind::Autoscaling,
                &[("max", json!(7)), ("paused", json!(true))],
            ),
            change(
                Kind::Distribution,
                &[("price_class", json!("PriceClass_All"))],
            ),
            change(Kind::Budget, &[("limit", json!(55.0))]),
            change(Kind::AccessPoint, &[("tags.bbws:backup", json!("hourly"))]),
            change(Kind::Wordpress, &[("title", json!("A \"b\": # c"))]),
            change(Kind::TaskRole, &[]),
        ];
        let adopted = adopt(&site(), &changes);
        let keys = [
            ("backup", " hourly"),
            ("monthly_budget", " 55"),
            ("price_class", " all"),
            ("tasks", "\n  min: 1\n  max: 7"),
            ("title", " \"A \\\"b\\\": # c\""),
        ];
        let keys = keys.map(|(key, value)| (key, value.to_owned()));
        assert_eq!(adopted.keys, BTreeMap::from(keys));
        assert_eq!(adopted.left, ["autoscaling: paused", "task role"]);
    }

    #[test]
    fn what_no_manifest_may_say_stays() {
        let changes = [
            change(Kind::Budget, &[("limit", json!(5.5))]),
            change(Kind::AccessPoint, &[("tags.bbws:backup", json!("weekly"))]),
        ];
        let adopted = adopt(&site(), &changes);
        assert!(adopted.keys.is_empty());
        assert_eq!(
            adopted.left,
            ["budget: limit", "access point: tags.bbws:backup"]
        );
    }
}
