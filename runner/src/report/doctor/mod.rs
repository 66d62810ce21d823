//! Whether an account can do what its fleet asks of it: a list of checks, each with the command that helps.
//!
//! Reads only, all at once. What could not be looked at is [`Verdict::Unreadable`], never a pass.

mod certificates;
mod clock;
mod dns;
mod foundation;
mod images;
mod permissions;
mod quotas;
mod secrets;
mod versions;

use super::Verdict;
use crate::cloud::{Class, CloudError};
use crate::manifest::{Site, TenantId};
use crate::resource::{Inventory, Kind};
use crate::session::Session;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;
use time::OffsetDateTime;

/// One check of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's id, such as `dns`.
    pub check: &'static str,
    /// The thing, such as a secret's name.
    pub subject: String,
    /// Whether it is well.
    pub verdict: Verdict,
    /// What was found, or AWS's error.
    pub found: String,
    /// The command that mends a finding, or lets the check look. Empty for a pass.
    pub fix: String,
}

impl Outcome {
    fn pass(check: &'static str, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            check,
            subject: subject.into(),
            verdict: Verdict::Pass,
            found: found.into(),
            fix: String::new(),
        }
    }

    fn finding(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Finding,
            fix: fix.into(),
            ..Self::pass(check, subject, found)
        }
    }

    fn unreadable(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Unreadable,
            ..Self::finding(check, subject, found, fix)
        }
    }

    fn error(check: &'static str, subject: impl Into<String>, error: &CloudError) -> Self {
        Self::unreadable(check, subject, error.to_string(), error.next_step())
    }

    /// What a failed connection to the account says of it.
    #[must_use]
    pub fn of_connection(environment: &str, error: &CloudError) -> Self {
        let subject = format!("/bbws/{environment}/foundation");
        match error {
            CloudError::Unusable(found) => {
                Self::finding("foundation", subject, found, terraform(environment))
            }
            error => Self::error("foundation", subject, error),
        }
    }
}

/// What the checks look at.
#[derive(Debug)]
pub struct Patient<'a> {
    /// Manifests and account.
    pub session: &'a Session<'a>,
    /// What was read of the sites.
    pub inventory: &'a Inventory,
    /// Which name server is asked, instead of the machine's own.
    pub resolver: Option<SocketAddr>,
    /// The environment's folder, where its Terraform root may be.
    pub root: &'a Path,
    /// When.
    pub now: OffsetDateTime,
}

impl Patient<'_> {
    fn environment(&self) -> &str {
        self.session.environment.name.as_str()
    }

    fn terraform(&self) -> String {
        terraform(self.environment())
    }

    /// The command that makes a site as its manifest has it.
    fn apply(&self, tenant: &TenantId) -> String {
        format!("bbws apply --env {} --tenant {tenant}", self.environment())
    }

    /// Sites that AWS holds something of: what they lack is missing, and not yet to come.
    fn live(&self) -> impl Iterator<Item = (&TenantId, &Site)> {
        let sites = self.session.sites.iter();
        sites
            .filter(|(tenant, _)| self.inventory.found.contains_key(*tenant))
            .map(|(tenant, site)| (tenant, *site))
    }

    /// Whether all of a kind was read.
    fn knows(&self, kind: Kind) -> bool {
        let mut unread = self.inventory.unreadable.iter();
        !unread.any(|(kinds, _)| kinds.contains(&kind))
    }
}

fn terraform(environment: &str) -> String {
    format!("terraform -chdir=environments/{environment} apply")
}

/// Nothing is there, where AWS says so.
fn unless_missing<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Err(error) if error.class() == Class::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

/// Every check.
pub async fn examine(patient: &Patient<'_>) -> Vec<Outcome> {
    let groups = tokio::join!(
        foundation::check(patient),
        quotas::check(patient),
        permissions::check(patient),
        dns::check(patient),
        certificates::check(patient),
        secrets::check(patient),
        clock::check(patient),
        versions::check(patient),
    );
    let unread = patient.inventory.unreadable.iter().map(|(kinds, error)| {
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.label()).collect();
        Outcome::error("sites", kinds.join(", "), error)
    });
    let images = images::check(patient);
    [
        groups.0, groups.1, groups.2, groups.3, groups.4, images, groups.5, groups.6, groups.7,
    ]
    .into_iter()
    .flatten()
    .chain(unread)
    .collect()
}
