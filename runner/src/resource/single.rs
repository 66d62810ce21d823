//! Resources that AWS lets exist several times for one site, where one is right: a request whose answer got lost, repeated.

use super::Found;
use crate::manifest::TenantId;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The first of each tenant. Those that come after it are named in its field `also`, which nothing ever desires: they
/// show as a difference, and the kind's `ensure` and `remove` delete them.
pub(super) fn first_of_each(found: impl IntoIterator<Item = Found>) -> Vec<Found> {
    let mut all: BTreeMap<TenantId, Found> = BTreeMap::new();
    for found in found {
        match all.get_mut(&found.tenant) {
            None => drop(all.insert(found.tenant.clone(), found)),
            Some(first) => {
                let mut also = surplus(first);
                also.push(found.id);
                first.fields["also"] = json!(also);
            }
        }
    }
    all.into_values().collect()
}

/// The ids of a tenant's resources beyond the one that `found` is about.
pub(super) fn surplus(found: &Found) -> Vec<String> {
    let also = found.fields["also"].as_array().into_iter().flatten();
    also.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Attributes;

    fn found(tenant: &str, id: &str) -> Found {
        Found {
            tenant: tenant.parse().unwrap(),
            id: id.to_owned(),
            fields: json!({ "port": 1 }),
            attributes: Attributes::new(),
        }
    }

    #[test]
    fn the_second_of_a_tenant_becomes_a_difference_of_the_first() {
        let all = first_of_each([
            found("acme", "1"),
            found("bolt", "2"),
            found("acme", "3"),
            found("acme", "4"),
        ]);
        let told: Vec<_> = all.iter().map(|f| (f.id.as_str(), surplus(f))).collect();
        assert_eq!(
            told,
            [("1", vec!["3".to_owned(), "4".to_owned()]), ("2", vec![])]
        );
        assert_eq!(all[1].fields, json!({ "port": 1 }));
    }
}
