//! Schemas, users and grants, through the cell's administrator. One file an action.

mod connect;
mod ensure;
mod grants;
mod inspect;
pub(crate) mod literals;
mod remove;
pub mod sql;

pub use connect::{connect_admin, connect_site};
pub use ensure::ensure;
pub use inspect::inspect;
pub use remove::remove;

use crate::protocol::{Failure, FailureCode};

/// The schema beside a site's that content is loaded into. No tenant's name has a `$`, so it is nobody else's.
pub(crate) fn next(schema: &str) -> String {
    format!("{schema}$next")
}

/// The schema beside a site's that holds the content of before until a load is settled.
pub(crate) fn before(schema: &str) -> String {
    format!("{schema}$before")
}

/// Turns MySQL's answer into a failure that says what was attempted. MySQL's messages name users and tables, never
/// passwords.
pub(crate) fn failed(attempt: &str) -> impl Fn(mysql_async::Error) -> Failure {
    move |error| {
        let code = match error {
            mysql_async::Error::Io(_) => FailureCode::DatabaseUnreachable,
            _ => FailureCode::DatabaseFailed,
        };
        Failure::new(code, format!("{attempt}: {error}"))
    }
}
