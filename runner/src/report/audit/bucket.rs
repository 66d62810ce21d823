//! The artifact bucket.

use super::policy::{Denial, denies};
use super::{AT_REST, CLOSED, Check, Facts, Found, IN_TRANSIT, Judged, KEPT, Read, when};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "bucket-public-access",
        ask: CLOSED,
        fix: "apply the environment's Terraform: module artifacts blocks all four ways",
        judge: |facts| one(facts, public_access),
    },
    Check {
        id: "bucket-encryption",
        ask: AT_REST,
        fix: "apply the environment's Terraform: module artifacts sets aws:kms",
        judge: |facts| one(facts, encryption),
    },
    Check {
        id: "bucket-versioning",
        ask: KEPT,
        fix: "apply the environment's Terraform: module artifacts turns versioning on",
        judge: |facts| one(facts, versioning),
    },
    Check {
        id: "bucket-tls",
        ask: IN_TRANSIT,
        fix: "apply the environment's Terraform: module artifacts sets the policy",
        judge: |facts| one(facts, tls),
    },
];

fn one(facts: &Facts, judge: fn(&Facts) -> Read<Found>) -> Judged {
    vec![(facts.bucket.name.clone(), judge(facts))]
}

fn public_access(facts: &Facts) -> Read<Found> {
    let open = facts.bucket.open_ways.as_ref().map_err(Clone::clone)?;
    Ok(when(
        open.is_empty(),
        "all four ways are blocked",
        format!("not blocked: {}", open.join(", ")),
    ))
}

fn encryption(facts: &Facts) -> Read<Found> {
    let algorithm = facts.bucket.encryption.clone()?;
    let algorithm = algorithm.as_deref().unwrap_or("none");
    let found = format!("default encryption is {algorithm}");
    Ok(when(algorithm.starts_with("aws:kms"), found.clone(), found))
}

fn versioning(facts: &Facts) -> Read<Found> {
    let versioned = facts.bucket.versioned.clone()?;
    Ok(when(versioned, "versioning is on", "versioning is off"))
}

fn tls(facts: &Facts) -> Read<Found> {
    let bucket = &facts.bucket;
    let Some(policy) = bucket.policy.as_ref().map_err(Clone::clone)? else {
        return Ok(Err("it has no policy".to_owned()));
    };
    let object = format!("{}/any", bucket.arn);
    let refused = ["s3:GetObject", "s3:PutObject"].iter().all(|action| {
        let denial = Denial {
            action,
            resource: Some(&object),
            condition: ["Bool", "aws:SecureTransport", "false"],
        };
        denies(policy, &denial)
    });
    Ok(when(
        refused,
        "its policy denies plain HTTP",
        "no statement of its policy denies plain HTTP",
    ))
}
