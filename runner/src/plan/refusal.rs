//! Reasons why no plan can be made.

use super::Input;
use crate::cloud::Class;
use crate::manifest::{Release, TenantId};
use std::collections::BTreeMap;

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something could not be read, and what can't be read is not known to be absent.
    #[error("refusing to plan: {} could not be read: {error}", kinds.join(", "))]
    Unreadable {
        /// What the failed calls would have told.
        kinds: Vec<&'static str>,
        /// The error.
        error: String,
        /// How to treat it.
        class: Class,
    },
    /// Neither a manifest nor AWS knows the tenant: a slip of the pen must not look like a site that is as it should be.
    #[error("{environment} has no site of {tenant}, neither in the manifests nor in AWS")]
    NoSuchTenant {
        /// As it was asked for.
        tenant: TenantId,
        /// Where it was looked for.
        environment: String,
    },
    /// No cell has room for a new site.
    #[error(
        "no cell of {environment} has room for: {}: AWS allows a load balancer 100 target groups", tenants.join(", ")
    )]
    NoRoom {
        /// Where.
        environment: String,
        /// New sites.
        tenants: Vec<String>,
    },
    /// A plugin or theme that cannot be had, or does not fit.
    #[error("{tenant} in {environment}: {problem}")]
    Unfit {
        /// Whose.
        tenant: TenantId,
        /// Where.
        environment: String,
        /// Which package, and why.
        problem: String,
    },
    /// The registry has no such image.
    #[error("release {release} is not in the registry {registry}; sites that want it: {}", sites.join(", "))]
    NoSuchRelease {
        /// Tag or digest.
        release: Release,
        /// Where it was looked for.
        registry: String,
        /// Whose manifests name it.
        sites: Vec<String>,
    },
}

impl Input<'_> {
    /// Reasons to go no further: what could not be read or, when all could be, tenants asked for that nobody knows.
    #[must_use]
    pub fn unknown(&self) -> Vec<Refusal> {
        let unreadable = self.inventory.unreadable.iter();
        let unreadable = unreadable.map(|(kinds, error)| Refusal::Unreadable {
            kinds: kinds.iter().map(|kind| kind.label()).collect(),
            error: error.to_string(),
            class: error.class(),
        });
        let unreadable: Vec<_> = unreadable.collect();
        if !unreadable.is_empty() {
            return unreadable;
        }
        let (sites, found) = (self.sites, &self.inventory.found);
        let asked = self.only.into_iter().flatten();
        asked
            .filter(|tenant| !sites.contains_key(*tenant) && !found.contains_key(*tenant))
            .map(|tenant| Refusal::NoSuchTenant {
                tenant: tenant.clone(),
                environment: self.foundation.environment.clone(),
            })
            .collect()
    }
}

/// All of them.
pub(super) fn refusals(input: &Input<'_>) -> Vec<Refusal> {
    let mut refusals = input.unknown();
    if !refusals.is_empty() {
        return refusals;
    }
    let homeless: Vec<_> = input
        .tenants()
        .intersection(&input.inventory.placement.homeless)
        .map(ToString::to_string)
        .collect();
    if !homeless.is_empty() {
        refusals.push(Refusal::NoRoom {
            environment: input.foundation.environment.clone(),
            tenants: homeless,
        });
    }
    let mut missing: BTreeMap<&Release, Vec<String>> = BTreeMap::new();
    for tenant in input.tenants() {
        let Some(site) = input
            .sites
            .get(&tenant)
            .filter(|_| input.destroy != Some(&tenant))
        else {
            continue;
        };
        let follows = input.hold(&tenant).is_none();
        if follows && input.inventory.image(&site.release).is_none() {
            missing
                .entry(&site.release)
                .or_default()
                .push(tenant.to_string());
        }
    }
    for (tenant, judgement) in input.judged() {
        let unfit = |problem| Refusal::Unfit {
            tenant: tenant.clone(),
            environment: input.foundation.environment.clone(),
            problem,
        };
        refusals.extend(judgement.problems.into_iter().map(unfit));
    }
    refusals.extend(
        missing
            .into_iter()
            .map(|(release, sites)| Refusal::NoSuchRelease {
                release: release.clone(),
                registry: input.foundation.registry.uri.clone(),
                sites,
            }),
    );
    refusals
}
