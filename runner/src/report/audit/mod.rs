//! What protects an environment, as AWS tells it: a list of checks, each pure over facts that were read before.
//!
//! A fact that could not be read makes its checks [`super::Verdict::Unreadable`], never a pass.

mod backup;
mod bucket;
mod database;
mod edge;
mod facts;
mod file_system;
mod load_balancer;
mod policy;
mod role;
mod secret;
mod tenant;
mod users;
mod viewer;

#[cfg(test)]
mod tests;

pub use facts::{Facts, read};

use super::Outcome;
use crate::cloud::CloudError;

/// A fact, or AWS's error.
type Read<T> = Result<T, CloudError>;
/// What was found, `Ok` if it is well.
type Found = Result<String, String>;
/// Each subject with what was found of it.
type Judged = Vec<(String, Read<Found>)>;

struct Check {
    id: &'static str,
    ask: &'static str,
    fix: &'static str,
    judge: fn(&Facts) -> Judged,
}

const AT_REST: &str = "Data is encrypted at rest";
const IN_TRANSIT: &str = "Data is encrypted in transit";
const CLOSED: &str = "Nothing is open to the public that need not be";
const ISOLATED: &str = "Tenants are isolated from each other";
const SIGN_IN: &str = "People sign in with strong passwords and a second factor";
const KEPT: &str = "Nothing is lost by mistake";
const RECOVERED: &str = "An outage of the region is survived";
const TRACED: &str = "Requests can be traced afterwards";
const SECRET: &str = "Secrets stay secret, and change";
const LEAST: &str = "Everything may do what it must, and no more";

/// All checks, in the order of the report.
const CHECKS: &[&[Check]] = &[
    viewer::CHECKS,
    load_balancer::CHECKS,
    file_system::CHECKS,
    database::CHECKS,
    bucket::CHECKS,
    backup::CHECKS,
    users::CHECKS,
    edge::CHECKS,
    secret::CHECKS,
    role::CHECKS,
    tenant::CHECKS,
];

/// Every check of everything in `facts`.
#[must_use]
pub fn audit(facts: &Facts) -> Vec<Outcome> {
    let checks = CHECKS.iter().copied().flatten();
    checks
        .flat_map(|check| {
            let judged = (check.judge)(facts).into_iter();
            judged.map(|(subject, found)| check.outcome(subject, found))
        })
        .collect()
}

impl Check {
    fn outcome(&self, subject: String, found: Read<Found>) -> Outcome {
        let outcome = match found {
            Ok(Ok(found)) => Outcome::pass(self.id, subject, found),
            Ok(Err(found)) => Outcome::finding(self.id, subject, found, self.fix),
            Err(error) => Outcome::error(self.id, subject, &error),
        };
        Outcome {
            ask: Some(self.ask),
            ..outcome
        }
    }
}

/// `good` if `well`, else `bad`.
fn when(well: bool, good: impl Into<String>, bad: impl Into<String>) -> Found {
    if well {
        Ok(good.into())
    } else {
        Err(bad.into())
    }
}
