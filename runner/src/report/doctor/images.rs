//! Whether the registry holds what the manifests want to run.

use super::{Outcome, Patient};
use crate::resource::Kind;
use std::collections::BTreeSet;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    if !patient.knows(Kind::TaskDefinition) {
        return Vec::new(); // told as unread
    }
    let environment = patient.session.environment;
    let of_sites = patient.session.sites.values().map(|site| &site.release);
    let releases: BTreeSet<_> = of_sites.chain([&environment.release]).collect();
    releases
        .into_iter()
        .map(|release| match patient.inventory.image(release) {
            Some(image) => Outcome::pass("image", release.to_string(), image),
            None => {
                let registry = &patient.session.cloud.foundation.registry.uri;
                let found = format!("{registry} does not hold it");
                let fix = match release.is_digest() {
                    true => format!(
                        "bbws image copy --from <the environment that has it> --to {} {release}",
                        environment.name
                    ),
                    false => format!("bbws image push --env {}", environment.name),
                };
                Outcome::finding("image", release.to_string(), found, fix)
            }
        })
        .collect()
}
