//! How old secrets are.

use super::facts::Aged;
use super::{Check, Facts, Found, Judged, Read, SECRET, when};
use crate::cloud::CloudError;
use time::{Duration, OffsetDateTime};

/// RDS rotates what it made every 7 days (RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager"):
/// later than twice that, it has failed to.
const OF_RDS: Duration = Duration::days(14);
/// Our choice for the others, which nothing rotates by itself: people who saw one have left within a year.
const OTHERS: Duration = Duration::days(365);

pub(super) const CHECKS: &[Check] = &[Check {
    id: "secret-age",
    ask: SECRET,
    fix: "`aws secretsmanager rotate-secret` where RDS rotates it; a new value by `put-secret-value`, then `bbws apply`, for the others",
    judge: ages,
}];

fn ages(facts: &Facts) -> Judged {
    match &facts.secrets {
        Err(error) => vec![("all".to_owned(), Err(error.clone()))],
        Ok(secrets) => {
            let judged = secrets.iter().map(|secret| age(secret, facts.now));
            judged.collect()
        }
    }
}

fn age(secret: &Aged, now: OffsetDateTime) -> (String, Read<Found>) {
    let name = secret.name.clone();
    let Some(changed) = secret.changed else {
        let untold = format!("AWS does not tell the age of {name}");
        return (name, Err(CloudError::Unusable(untold)));
    };
    let limit = if secret.of_rds { OF_RDS } else { OTHERS };
    let found = format!(
        "its value is {} days old, of {} at most",
        (now - changed).whole_days(),
        limit.whole_days()
    );
    (name, Ok(when(now - changed <= limit, found.clone(), found)))
}
