//! What a site is made of: one file a kind, the same four functions in each.
//!
//! - `desired(&Context) -> Value`: what should exist, normalised as a JSON object. Pure.
//! - `read_all(&Reader) -> Vec<(Kind, Found)>`: what does exist, normalised the same way, by bulk lists only.
//! - `ensure(&Cloud, &Context, Option<&Found>) -> Attributes`: creates or corrects it and waits until others can use it.
//!   Repeating it is harmless; after a crash anywhere inside, the next run finds what was made and finishes.
//! - `remove(&Cloud, &Context, &Found)`: deletes it. What is gone already counts as deleted.

mod access_point;
mod alarms;
mod autoscaling;
mod budget;
mod cells;
mod certificate;
mod code;
mod context;
mod database;
mod deep;
mod dispatch;
mod distribution;
mod health_check;
mod inventory;
mod kind;
mod listener_rule;
mod log_group;
mod managed_tags;
mod read;
mod recorded;
mod records;
mod revision;
mod role;
#[cfg(test)]
pub(crate) mod sample;
mod secret;
mod service;
mod single;
mod target_group;
mod task_definition;
mod user_group;
mod wordpress;

pub(crate) use cells::cell_of;
pub use cells::{Placement, Room, Wall, place};
pub(crate) use certificate::KEYS;
pub(crate) use code::stored as stored_zip;
pub use context::{Context, PENDING, TenantRef, tags_of_cell};
pub use deep::look;
pub use dispatch::{desired, ensure, remove};
pub use inventory::Inventory;
pub use kind::{ALL, Kind};
pub(crate) use listener_rule::ORIGIN_HEADER;
pub use read::Reader;
pub use revision::{Revision, revision_image};
pub(crate) use secret::RECOVERY_DAYS;
pub(crate) use target_group::PORT;
pub use task_definition::images as task_definition_images;
pub(crate) use task_definition::{
    STOP_TIMEOUT, TEMPORARY, TEMPORARY_OPTIONS, UPLOADS, USER, linux,
};
pub(crate) use wordpress::settings;

use crate::cloud::{Class, CloudError};
use crate::manifest::TenantId;
use serde_json::Value;
use std::collections::BTreeMap;

/// What other resources need to know of one that exists, such as its id or ARN.
pub type Attributes = BTreeMap<&'static str, String>;

/// One resource of one tenant as AWS holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Whose it is, from its name or tags.
    pub tenant: TenantId,
    /// What AWS calls it: shown to people and used to delete it.
    pub id: String,
    /// Normalised like the desired side; null while it is not usable yet.
    pub fields: Value,
    /// For other resources.
    pub attributes: Attributes,
}

/// Takes an error of class `accepted` for success: `None`.
///
/// # Errors
/// Every other error.
fn unless<T>(result: Result<T, CloudError>, accepted: Class) -> Result<Option<T>, CloudError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class() == accepted => Ok(None),
        Err(error) => Err(error),
    }
}
