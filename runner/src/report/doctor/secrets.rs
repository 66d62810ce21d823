//! Whether the secrets are there, how old they are, and whether they rotate when they should. Values are never read.

use super::{Outcome, Patient, unless_missing};
use crate::report::secrets::{Dates, describe, list};
use crate::resource::TenantRef;
use aws_smithy_types::DateTime;
use futures::future::join_all;
use time::OffsetDateTime;

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let (of_sites, of_cells) = tokio::join!(sites(patient), cells(patient));
    of_cells.into_iter().chain(of_sites).collect()
}

async fn cells(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let cells = cloud.foundation.cells.iter();
    let named = cells.flat_map(|cell| {
        [
            (
                format!("cell {}: administrator", cell.name),
                &cell.database.admin_secret_arn,
            ),
            (
                format!("cell {}: origin header", cell.name),
                &cell.origin_secret_arn,
            ),
        ]
    });
    let reads = named.map(|(subject, arn)| async move {
        match unless_missing(describe(cloud, arn).await) {
            Err(error) => Outcome::error("secret", subject, &error),
            Ok(None) => Outcome::finding(
                "secret",
                subject,
                format!("{arn} does not exist"),
                patient.terraform(),
            ),
            Ok(Some(dates)) => judge(patient, subject, arn, &dates),
        }
    });
    join_all(reads).await
}

async fn sites(patient: &Patient<'_>) -> Vec<Outcome> {
    let environment = patient.environment();
    let held = match list(&patient.session.cloud, &format!("bbws/{environment}/")).await {
        Ok(held) => held,
        Err(error) => return vec![Outcome::error("secret", "sites", &error)],
    };
    patient
        .live()
        .flat_map(|(tenant, _)| {
            let who = TenantRef {
                environment: environment.to_owned(),
                tenant: tenant.clone(),
            };
            ["database", "wordpress"].map(|what| {
                let name = who.secret(what);
                match held.get(&name) {
                    Some(dates) => judge(patient, name.clone(), &name, dates),
                    None => {
                        Outcome::finding("secret", name, "it does not exist", patient.apply(tenant))
                    }
                }
            })
        })
        .collect()
}

fn judge(patient: &Patient<'_>, subject: String, id: &str, dates: &Dates) -> Outcome {
    let region = &patient.session.cloud.foundation.region;
    let command =
        |verb: &str| format!("aws secretsmanager {verb} --region {region} --secret-id {id}");
    match of(dates, patient.now) {
        State::Well(found) => Outcome::pass("secret", subject, found),
        State::Deleted => Outcome::finding(
            "secret",
            subject,
            "it waits for its deletion",
            command("restore-secret"),
        ),
        State::Overdue(found) => {
            Outcome::finding("secret", subject, found, command("rotate-secret"))
        }
        State::Undated => Outcome::unreadable(
            "secret",
            subject,
            "AWS does not tell its age",
            command("describe-secret"),
        ),
    }
}

#[derive(Debug, PartialEq)]
enum State {
    Well(String),
    Deleted,
    Overdue(String),
    Undated,
}

fn of(dates: &Dates, now: OffsetDateTime) -> State {
    let days = |date: DateTime| (now.unix_timestamp() - date.secs()) / 86_400;
    if dates.deleted.is_some() {
        return State::Deleted;
    }
    let Some(changed) = dates.changed else {
        return State::Undated;
    };
    let age = format!("its value is {} days old", days(changed));
    match dates.next_rotation.map(days) {
        // Rotation has a window of up to a day.
        Some(late) if dates.rotates && late > 1 => {
            State::Overdue(format!("{age}; its rotation is {late} days late"))
        }
        _ if dates.rotates => State::Well(format!("{age}, and it rotates by itself")),
        _ => State::Well(format!("{age}, and nothing rotates it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_going_or_late_is_found() {
        let (now, day) = (
            OffsetDateTime::UNIX_EPOCH + time::Duration::days(100),
            |n: i64| DateTime::from_secs(n * 86_400),
        );
        let sound = Dates {
            changed: Some(day(90)),
            rotates: true,
            next_rotation: Some(day(101)),
            deleted: None,
        };
        assert_eq!(
            of(&sound, now),
            State::Well("its value is 10 days old, and it rotates by itself".to_owned())
        );
        assert_eq!(
            of(
                &Dates {
                    deleted: Some(day(99)),
                    ..sound
                },
                now
            ),
            State::Deleted
        );
        assert!(matches!(
            of(
                &Dates {
                    next_rotation: Some(day(90)),
                    ..sound
                },
                now
            ),
            State::Overdue(_)
        ));
        assert_eq!(of(&Dates::default(), now), State::Undated);
    }
}
