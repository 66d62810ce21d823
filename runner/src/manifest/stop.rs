//! What keeps the runner from changing anything: the freeze of an environment, the hold of a tenant or one of its sites.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use super::{Line, Moment, Place};

/// Nothing of an environment may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Freeze {
    /// Why.
    pub reason: Line,
    /// Who wants it.
    pub by: Line,
    /// When it ends by itself.
    pub until: Option<Moment>,
    /// Where it is said.
    pub place: Place,
}

impl Freeze {
    /// Whether it has not ended by itself.
    #[must_use]
    pub fn is_in_force(&self, now: OffsetDateTime) -> bool {
        self.until.as_ref().is_none_or(|until| now < until.time())
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}: {} ({})", self.by, self.reason, self.place)?;
        match &self.until {
            Some(until) => write!(f, ", until {until}"),
            None => Ok(()),
        }
    }
}

/// A site is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// The end of its grace: until then everything of it is kept.
    pub after: Moment,
    /// Why.
    pub reason: Line,
}

/// One site may not be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Why.
    pub reason: Line,
    /// Where it is said.
    pub place: Place,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.place)
    }
}
