//! The backups of what sites hold, and their copies elsewhere.

use super::facts::{Backups, Vault};
use super::{Check, Facts, Found, Judged, KEPT, RECOVERED, Read, when};
use crate::cloud::CloudError;
use time::{Duration, OffsetDateTime};

/// What the plans of module backup give a job: an hour to begin and six to end.
const JOB: Duration = Duration::hours(7);
/// A copy begins when the backup is complete, and may take as long.
const COPY: Duration = Duration::hours(6);

const UNKNOWN: &str = "the foundation document names no vault";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "backup-recent",
        ask: KEPT,
        fix: "see the failed jobs in AWS Backup; apply the environment's Terraform where no plan takes it (tag bbws:backup)",
        judge: |facts| {
            each(facts, |backups, of, plan, now| {
                recent(&backups.here, of, plan, JOB, now)
            })
        },
    },
    Check {
        id: "backup-copied",
        ask: RECOVERED,
        fix: "see the failed copy jobs in AWS Backup; apply the environment's Terraform where the plan copies nothing",
        judge: |facts| {
            each(facts, |backups, of, plan, now| {
                recent(&backups.away, of, plan, JOB + COPY, now)
            })
        },
    },
    Check {
        id: "backup-locked",
        ask: KEPT,
        fix: "apply the environment's Terraform with `protected`: module backup locks both vaults",
        judge: |facts| match &facts.backups {
            None => vec![("foundation".to_owned(), Ok(Err(UNKNOWN.to_owned())))],
            Some(Backups { here, away }) => [here, away]
                .map(|vault| (vault.name.clone(), locked(vault)))
                .into(),
        },
    },
];

type Judge = fn(&Backups, &str, Option<&str>, OffsetDateTime) -> Read<Found>;

/// Each database and file system: its ARN and the plan that takes it go to `judge`.
fn each(facts: &Facts, judge: Judge) -> Judged {
    let databases = facts.databases.iter().map(|database| {
        let instance = database.instance.as_ref();
        let taken = instance.map(|i| (i.arn.clone(), i.plan.clone()));
        (database.name.clone(), taken.map_err(CloudError::clone))
    });
    let foundation = &facts.foundation;
    let files = facts.file_systems.iter().map(|system| {
        let arn = foundation.file_system_arn(&system.id);
        (
            system.id.clone(),
            system.plan.clone().map(|plan| (arn, plan)),
        )
    });
    let all = databases.chain(files);
    all.map(|(name, taken)| {
        let found = match (&facts.backups, taken) {
            (None, _) => Ok(Err(UNKNOWN.to_owned())),
            (_, Err(error)) => Err(error),
            (Some(backups), Ok((arn, plan))) => judge(backups, &arn, plan.as_deref(), facts.now),
        };
        (name, found)
    })
    .collect()
}

fn recent(
    vault: &Vault,
    arn: &str,
    plan: Option<&str>,
    grace: Duration,
    now: OffsetDateTime,
) -> Read<Found> {
    let newest = vault.newest.as_ref().map_err(CloudError::clone)?;
    let between = match plan {
        Some("hourly") => Duration::hours(1),
        Some("daily") => Duration::days(1),
        _ => return Ok(Err("no plan takes it".to_owned())),
    };
    let Some(made) = newest.get(arn) else {
        return Ok(Err(format!("vault {} has none", vault.name)));
    };
    let age = now - *made;
    let found = format!(
        "the newest in vault {} is {} hours old",
        vault.name,
        age.whole_hours()
    );
    Ok(when(age <= between + grace, found.clone(), found))
}

fn locked(vault: &Vault) -> Read<Found> {
    Ok(when(
        vault.locked.clone()?,
        "it is locked",
        "it has no lock",
    ))
}
