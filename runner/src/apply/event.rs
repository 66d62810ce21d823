//! What happens in a run, as the only thing that reporters see.

use crate::cloud::CloudError;
use crate::manifest::TenantId;
use crate::plan::Op;
use crate::resource::Kind;
use std::time::Duration;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Work on a resource began.
    Started {
        /// Whose.
        tenant: TenantId,
        /// What.
        kind: Kind,
        /// How.
        op: Op,
    },
    /// It is as desired.
    Finished {
        /// Whose.
        tenant: TenantId,
        /// What.
        kind: Kind,
        /// How.
        op: Op,
        /// Since it began.
        elapsed: Duration,
    },
    /// It is not.
    Failed {
        /// What and why.
        failure: Failure,
        /// Since it began.
        elapsed: Duration,
    },
    /// It was not begun, as something that it needs failed.
    Skipped {
        /// Whose.
        tenant: TenantId,
        /// What.
        kind: Kind,
        /// How.
        op: Op,
        /// What failed.
        because: Kind,
    },
}

/// A change that was not made.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub kind: Kind,
    /// How.
    pub op: Op,
    /// Why.
    pub error: CloudError,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Changes made.
    pub done: Vec<(TenantId, Kind, Op)>,
    /// Changes that failed.
    pub failed: Vec<Failure>,
    /// Changes that were never begun.
    pub skipped: Vec<(TenantId, Kind, Op)>,
    /// From first to last.
    pub elapsed: Duration,
}
