//! What a plan would do, in a few characters: the same plan made again has the same fingerprint, and one with another effect
//! has not.

use super::{Change, Plan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Of 64 bits: far more than the plans that anybody compares.
const LENGTH: usize = 16;

/// The effect of a plan on each tenant and on all of them: which resources, how, and each field from what to what. So it
/// covers the manifests, the digests of images and zips, and what was found in AWS, as far as they matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Of all tenants together.
    pub plan: String,
    /// Of each tenant that changes.
    pub tenants: BTreeMap<String, String>,
}

impl Fingerprint {
    /// Tenants on which `other` has another effect: those of either that the other lacks, and those that differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut all: Vec<_> = self.tenants.keys().chain(other.tenants.keys()).collect();
        all.sort();
        all.dedup();
        let differs = |tenant: &&&String| self.tenants.get(**tenant) != other.tenants.get(**tenant);
        all.iter()
            .filter(differs)
            .map(|tenant| (*tenant).clone())
            .collect()
    }
}

impl From<&Plan> for Fingerprint {
    fn from(plan: &Plan) -> Self {
        let mut effects: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for change in &plan.changes {
            effects
                .entry(change.tenant.to_string())
                .or_default()
                .push(effect(change));
        }
        let tenants: BTreeMap<_, _> = effects
            .into_iter()
            .map(|(tenant, effects)| (tenant, digest(&json!(effects))))
            .collect();
        Self {
            plan: digest(&json!({"environment": plan.environment, "tenants": tenants})),
            tenants,
        }
    }
}

/// Without what AWS's ids and the wording of reasons would add.
fn effect(change: &Change) -> serde_json::Value {
    json!([change.kind.label(), change.op.word(), change.fields])
}

fn digest(value: &serde_json::Value) -> String {
    let digest = hex::encode(Sha256::digest(value.to_string()));
    digest[..LENGTH].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FieldChange, Op, Reason};
    use crate::resource::Kind;

    fn change(tenant: &str, before: u32) -> Change {
        Change {
            tenant: tenant.parse().unwrap(),
            kind: Kind::TaskDefinition,
            op: Op::Update,
            reason: Reason::Differs,
            id: Some("bbws-dev-acme:7".to_owned()),
            fields: vec![FieldChange {
                path: "memory".to_owned(),
                before: Some(before.into()),
                after: Some(1024.into()),
            }],
        }
    }

    fn of(changes: Vec<Change>) -> Fingerprint {
        Fingerprint::from(&Plan {
            environment: "dev".to_owned(),
            changes,
            ..Plan::default()
        })
    }

    #[test]
    fn it_tells_effects_apart_and_nothing_else() {
        let approved = of(vec![change("acme", 512), change("bolt", 512)]);
        let mut other_words = change("acme", 512);
        (other_words.reason, other_words.id) = (Reason::Follows, None);
        assert_eq!(of(vec![other_words, change("bolt", 512)]), approved);

        // Somebody changed what AWS holds.
        let drifted = of(vec![change("acme", 512), change("bolt", 256)]);
        assert_ne!(drifted.plan, approved.plan);
        assert_eq!(approved.differences(&drifted), ["bolt"]);
        let fewer = of(vec![change("bolt", 512)]);
        assert_eq!(approved.differences(&fewer), ["acme"]);
        assert_eq!(fewer.differences(&approved), ["acme"]);
        assert_eq!(of(Vec::new()).differences(&fewer), ["bolt"]);
        assert!(approved.differences(&approved).is_empty());
    }
}
