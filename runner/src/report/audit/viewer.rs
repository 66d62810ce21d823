//! How browsers reach the sites.

use super::{Check, Facts, Found, IN_TRANSIT, Read, when};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "viewer-https",
    ask: IN_TRANSIT,
    fix: "set the foundation's viewer to https and 443, apply its Terraform, then `bbws apply`",
    judge: |facts| vec![("foundation".to_owned(), scheme(facts))],
}];

fn scheme(facts: &Facts) -> Read<Found> {
    let scheme = &facts.foundation.viewer.scheme;
    let found = format!("viewers use {scheme}");
    Ok(when(scheme == "https", found.clone(), found))
}
