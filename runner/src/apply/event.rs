//! What happens in a run, as the only thing that reporters see.

use crate::cloud::CloudError;
use crate::manifest::TenantId;
use crate::plan::Op;
use crate::resource::Kind;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub kind: Kind,
    /// How.
    pub op: Op,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Work on a resource began.
    Started(Item),
    /// It is as desired.
    Finished {
        /// What.
        item: Item,
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
    /// It was not begun, as something that it waited for failed.
    Skipped {
        /// What.
        item: Item,
        /// What failed.
        because: Kind,
    },
    /// Later waves were not begun.
    Halted {
        /// Where the rollout failed.
        by: TenantId,
        /// Whose sites stay as they are.
        sites: BTreeSet<TenantId>,
    },
    /// All sites of a wave serve well; the next may start.
    Healthy {
        /// Counted from 1.
        wave: usize,
        /// How many there are.
        of: usize,
        /// Whose sites.
        tenants: Vec<TenantId>,
        /// Since the last of them was rolled out.
        elapsed: Duration,
    },
}

/// A change that was not made, or that turned out badly.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What.
    pub item: Item,
    /// Why.
    pub error: CloudError,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Changes made.
    pub done: Vec<Item>,
    /// Changes that failed.
    pub failed: Vec<Failure>,
    /// Changes that were never begun.
    pub skipped: Vec<Item>,
    /// From first to last.
    pub elapsed: Duration,
}
