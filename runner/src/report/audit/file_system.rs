//! The cells' EFS file systems.

use super::facts::FileSystem;
use super::policy::{Denial, denies};
use super::{AT_REST, Check, Facts, Found, IN_TRANSIT, ISOLATED, Judged, Read, when};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "efs-encryption",
        ask: AT_REST,
        fix: "encryption cannot be turned on later: add a cell with an encrypted file system and move its sites there",
        judge: |facts| each(facts, encryption),
    },
    Check {
        id: "efs-tls",
        ask: IN_TRANSIT,
        fix: "apply the environment's Terraform: module efs sets the policy",
        judge: |facts| each(facts, |f| refuses(f, TLS)),
    },
    Check {
        id: "efs-access-points",
        ask: ISOLATED,
        fix: "apply the environment's Terraform: module efs sets the policy",
        judge: |facts| each(facts, |f| refuses(f, ACCESS_POINTS)),
    },
];

const TLS: [&str; 3] = ["Bool", "aws:SecureTransport", "false"];
const ACCESS_POINTS: [&str; 3] = ["Null", "elasticfilesystem:AccessPointArn", "true"];

fn each(facts: &Facts, judge: impl Fn(&FileSystem) -> Read<Found>) -> Judged {
    let systems = facts.file_systems.iter();
    systems.map(|f| (f.id.clone(), judge(f))).collect()
}

fn encryption(system: &FileSystem) -> Read<Found> {
    Ok(when(
        system.encrypted.clone()?,
        "encrypted",
        "not encrypted",
    ))
}

fn refuses(system: &FileSystem, condition: [&str; 3]) -> Read<Found> {
    let Some(policy) = system.policy.as_ref().map_err(Clone::clone)? else {
        return Ok(Err("it has no policy".to_owned()));
    };
    let denial = Denial {
        action: "elasticfilesystem:ClientMount",
        resource: None,
        condition,
    };
    let key = condition[1];
    Ok(when(
        denies(policy, &denial),
        format!("its policy denies mounts by {key}"),
        format!("no statement of its policy denies mounts by {key}"),
    ))
}
