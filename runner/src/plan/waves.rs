//! The order in which sites that get new tasks get them.

use super::{Change, Op};
use crate::manifest::{Rollout, Site, SiteState, TenantId};
use crate::resource::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The tenants whose tasks `changes` replace, wave by wave: canaries, then by size. New sites replace nothing and are in no
/// wave; suspended ones, which prove nothing, come last.
pub(super) fn waves(
    changes: &[Change],
    sites: &BTreeMap<TenantId, &Site>,
    rollout: &Rollout,
) -> Vec<Vec<TenantId>> {
    let tenants: BTreeSet<_> = changes
        .iter()
        .filter(|change| replaces_tasks(change))
        .map(|change| &change.tenant)
        .collect();
    let mut rolling: Vec<&Site> = tenants
        .into_iter()
        .filter_map(|tenant| sites.get(tenant).copied())
        .collect();
    rolling.sort_by_key(|site| {
        let is_suspended = site.state == SiteState::Suspended;
        (is_suspended, site.tasks.max * site.cpu, &site.tenant)
    });
    let (mut first, mut rest): (Vec<_>, Vec<_>) = rolling
        .into_iter()
        .partition(|site| rollout.canaries.contains(&site.tenant));
    if first.is_empty() {
        first.extend((!rest.is_empty()).then(|| rest.remove(0)));
    }
    std::iter::once(first.as_slice())
        .chain(rest.chunks(rollout.at_once))
        .filter(|wave| !wave.is_empty())
        .map(|wave| wave.iter().map(|site| site.tenant.clone()).collect())
        .collect()
}

/// A service that was rolled back is given the very same definition again.
fn replaces_tasks(change: &Change) -> bool {
    match (change.kind, change.op) {
        (Kind::TaskDefinition, Op::Update | Op::Replace) => true,
        (Kind::Service, Op::Update) => change
            .fields
            .iter()
            .any(|field| field.path == "task_definition"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FieldChange, Reason};
    use crate::resource::sample::site;

    fn fleet() -> BTreeMap<TenantId, Site> {
        let sizes = [("ant", 4), ("bee", 1), ("cat", 2), ("dog", 3), ("eel", 1)];
        sizes
            .into_iter()
            .map(|(tenant, max)| {
                let mut site = site();
                site.tenant = tenant.parse().unwrap();
                site.tasks.max = max;
                (site.tenant.clone(), site)
            })
            .collect()
    }

    fn of(fleet: &BTreeMap<TenantId, Site>, canaries: &[&str], op: Op) -> Vec<Vec<String>> {
        let change = |tenant: &TenantId| Change {
            tenant: tenant.clone(),
            kind: Kind::TaskDefinition,
            op,
            reason: Reason::Differs,
            id: None,
            fields: Vec::new(),
        };
        let changes: Vec<_> = fleet.keys().map(change).collect();
        let sites = fleet
            .iter()
            .map(|(tenant, site)| (tenant.clone(), site))
            .collect();
        let rollout = Rollout {
            canaries: canaries.iter().map(|name| name.parse().unwrap()).collect(),
            at_once: 2,
        };
        let names = |wave: Vec<TenantId>| wave.iter().map(ToString::to_string).collect();
        waves(&changes, &sites, &rollout)
            .into_iter()
            .map(names)
            .collect()
    }

    #[test]
    fn canaries_come_first_and_then_the_smallest() {
        assert_eq!(
            of(&fleet(), &["dog", "ant"], Op::Update),
            [vec!["dog", "ant"], vec!["bee", "eel"], vec!["cat"]]
        );
    }

    #[test]
    fn without_a_canary_that_changes_the_smallest_active_site_goes_alone() {
        let mut fleet = fleet();
        let smallest: TenantId = "bee".parse().unwrap();
        fleet.get_mut(&smallest).unwrap().state = SiteState::Suspended;
        assert_eq!(
            of(&fleet, &["fox"], Op::Update),
            [vec!["eel"], vec!["cat", "dog"], vec!["ant", "bee"]]
        );
    }

    #[test]
    fn a_service_that_was_rolled_back_is_rolled_out_again_but_not_one_whose_size_changes() {
        let changes = |path: &str| {
            let field = FieldChange {
                path: path.to_owned(),
                before: None,
                after: None,
            };
            replaces_tasks(&Change {
                tenant: "ant".parse().unwrap(),
                kind: Kind::Service,
                op: Op::Update,
                reason: Reason::Differs,
                id: None,
                fields: vec![field],
            })
        };
        assert!(changes("task_definition"));
        assert!(!changes("running"));
    }

    #[test]
    fn new_sites_wait_for_nobody() {
        assert!(of(&fleet(), &["dog"], Op::Create).is_empty());
    }
}
