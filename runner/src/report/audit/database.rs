//! The cells' databases.

use super::facts::{Database, Instance};
use super::{AT_REST, CLOSED, Check, Facts, Found, IN_TRANSIT, Judged, KEPT, Read, SECRET, when};

/// Days for which a database can be restored to any second.
const RETENTION: i32 = 7;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "rds-encryption",
        ask: AT_REST,
        fix: "encryption cannot be turned on later: add a cell with an encrypted database and move its sites there",
        judge: |facts| {
            each(facts, |i| {
                when(i.encrypted, "it is encrypted", "it is not encrypted")
            })
        },
    },
    Check {
        id: "rds-tls",
        ask: IN_TRANSIT,
        fix: "apply the environment's Terraform: module rds sets require_secure_transport",
        judge: |facts| all(facts, tls),
    },
    Check {
        id: "rds-public-access",
        ask: CLOSED,
        fix: "apply the environment's Terraform: module rds makes it private",
        judge: |facts| {
            each(facts, |i| {
                when(
                    !i.public,
                    "it has no public address",
                    "it has a public address",
                )
            })
        },
    },
    Check {
        id: "rds-deletion-protection",
        ask: KEPT,
        fix: "apply the environment's Terraform with `protected`",
        judge: |facts| {
            each(facts, |i| {
                when(i.protected, "it is protected", "it can be deleted")
            })
        },
    },
    Check {
        id: "rds-backups",
        ask: KEPT,
        fix: "apply the environment's Terraform: `backup.retention_days`",
        judge: |facts| each(facts, retention),
    },
    Check {
        id: "rds-password",
        ask: SECRET,
        fix: "apply the environment's Terraform: module rds leaves the password to RDS",
        judge: |facts| {
            each(facts, |i| {
                when(i.managed_password, "RDS keeps it", "RDS does not keep it")
            })
        },
    },
];

fn all(facts: &Facts, judge: fn(&Database) -> Read<Found>) -> Judged {
    let databases = facts.databases.iter();
    databases.map(|d| (d.name.clone(), judge(d))).collect()
}

fn each(facts: &Facts, judge: fn(&Instance) -> Found) -> Judged {
    let databases = facts.databases.iter();
    let judged = databases.map(|d| {
        (
            d.name.clone(),
            d.instance.as_ref().map(judge).map_err(Clone::clone),
        )
    });
    judged.collect()
}

fn tls(database: &Database) -> Read<Found> {
    let value = database.secure_transport.clone()?;
    let value = value.as_deref().unwrap_or("not set");
    let found = format!("require_secure_transport is {value}");
    // RDS shows numbers, MySQL takes words as well.
    let on = value == "1" || value.eq_ignore_ascii_case("on");
    Ok(when(on, found.clone(), found))
}

fn retention(instance: &Instance) -> Found {
    let days = instance.retention;
    let found = format!("automated backups of {days} days");
    when(days >= RETENTION, found.clone(), found)
}
