//! What runs inside the WordPress image, and the contract by which the runner asks it for work.
//!
//! [`protocol`] and [`package`] are all that the runner needs. Everything else is behind the feature `program` (on by default)
//! and is for the binary `site-job`.

#[cfg(feature = "package")]
pub mod package;
pub mod protocol;

#[cfg(feature = "program")]
pub mod aws;
#[cfg(feature = "program")]
pub mod code;
#[cfg(feature = "program")]
mod cost;
#[cfg(feature = "program")]
pub mod database;
#[cfg(feature = "program")]
pub mod doctor;
#[cfg(feature = "program")]
pub mod export;
#[cfg(feature = "program")]
pub mod healthcheck;
#[cfg(feature = "program")]
pub mod job;
#[cfg(feature = "program")]
mod leaks;
#[cfg(feature = "program")]
pub mod load;
#[cfg(feature = "program")]
pub mod log;
#[cfg(feature = "program")]
mod mask;
#[cfg(feature = "program")]
pub mod rewrite;
#[cfg(feature = "program")]
pub mod serve;
#[cfg(feature = "program")]
pub mod tend;
#[cfg(feature = "program")]
mod trial;
#[cfg(feature = "program")]
pub mod wipe;
#[cfg(feature = "program")]
pub mod wordpress;
