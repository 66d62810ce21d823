//! What protects an environment, as AWS tells it: a list of checks, each pure over facts that were read before.
//!
//! A fact that could not be read makes its checks [`Verdict::Unreadable`], never a pass.

mod bucket;
mod facts;
mod file_system;
mod load_balancer;
mod policy;
mod users;
mod viewer;

#[cfg(test)]
mod tests;

pub use facts::{Facts, read};

pub use super::Verdict;

use serde::Serialize;

/// One check of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's id, such as `efs-tls`.
    pub check: &'static str,
    /// What is checked, in words.
    pub title: &'static str,
    /// What the business asked for, that this proves.
    pub ask: &'static str,
    /// The thing, such as a load balancer's name.
    pub subject: String,
    /// Whether it is well.
    pub verdict: Verdict,
    /// What was found, or AWS's error.
    pub found: String,
    /// What to do about a finding.
    pub fix: &'static str,
}

/// A fact, or AWS's error in words.
type Read<T> = Result<T, String>;
/// What was found, `Ok` if it is well.
type Found = Result<String, String>;
/// Each subject with what was found of it.
type Judged = Vec<(String, Read<Found>)>;

struct Check {
    id: &'static str,
    title: &'static str,
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
const TRACED: &str = "Requests can be traced afterwards";

/// All checks, in the order of the report.
const CHECKS: &[&[Check]] = &[
    viewer::CHECKS,
    load_balancer::CHECKS,
    file_system::CHECKS,
    bucket::CHECKS,
    users::CHECKS,
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
        let (verdict, found) = match found {
            Ok(Ok(found)) => (Verdict::Pass, found),
            Ok(Err(found)) => (Verdict::Finding, found),
            Err(error) => (Verdict::Unreadable, error),
        };
        Outcome {
            check: self.id,
            title: self.title,
            ask: self.ask,
            subject,
            verdict,
            found,
            fix: self.fix,
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
