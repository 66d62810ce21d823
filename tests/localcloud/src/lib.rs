//! The local cloud: an AWS emulator with real containers, databases and edge on one machine, for trying the project and
//! for its end-to-end tests. [`LocalCloud::start`] owns everything it starts; [`background`] leaves a cloud running.
//!
//! MiniStack emulates AWS. What it lacks is closed in `emulator/launcher` (Python, inside its process) and in [`proxy`],
//! through which every request goes. `emulator/foundation` seeds the accounts as Terraform does on AWS.

pub mod background;
mod cleanup;
pub mod cli;
mod cloud;
mod command;
pub mod debian;
mod docker;
mod images;
mod options;
mod paths;
pub mod prerequisites;
mod process;
mod progress;
pub mod proxy;
mod python;
pub mod shared;
mod state;
pub mod terraform;
mod tls;

pub use cloud::LocalCloud;
pub use options::{Account, Options};
pub use state::State;
