//! What workflows tell GitHub: a plan on its pull request, a run at its commit, and what is not as it should be. Its input is the
//! JSON that other verbs print, so nothing here looks at AWS.

mod approved;
mod check;
mod client;
mod comment;
mod deployment;
mod input;
mod issue;
mod markdown;
mod pull_request;
mod retry;
mod sticky;
mod summary;

pub use approved::{Approved, approved, approved_by};
pub use check::{Validation, check};
pub use client::{Client, GithubError};
pub use deployment::deploy;
pub use input::{Checks, Plan, Printed, Run, read};
pub use issue::{checked, drift, not_live};
pub(crate) use markdown::code;
pub use pull_request::{File, open_pull_request};
pub use sticky::{PullRequest, comment, label};
pub use summary::{of_checks, of_plan, of_run};
