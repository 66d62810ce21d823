//! Whether an account can do what its fleet asks of it: a list of checks, each with the command that helps.
//!
//! Reads only, all at once. What could not be looked at is [`super::Verdict::Unreadable`], never a pass.

mod certificates;
mod clock;
mod dns;
mod foundation;
mod images;
mod permissions;
mod quotas;
mod secrets;
mod versions;

use super::Outcome;
use crate::cloud::{Class, CloudError};
use crate::manifest::{Site, TenantId};
use crate::resource::{Inventory, Kind};
use crate::session::Session;
use std::net::SocketAddr;
use std::path::Path;
use time::OffsetDateTime;

/// What a failed connection to the account says of it.
#[must_use]
pub fn of_connection(environment: &str, error: &CloudError) -> Outcome {
    let subject = format!("/bbws/{environment}/foundation");
    match error {
        CloudError::Unusable(found) => {
            Outcome::finding("foundation", subject, found, terraform(environment))
        }
        error => Outcome::error("foundation", subject, error),
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
        foundation::recovery(patient),
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
        groups.0, groups.1, groups.2, groups.3, groups.4, groups.5, images, groups.6, groups.7,
        groups.8,
    ]
    .into_iter()
    .flatten()
    .chain(unread)
    .collect()
}
