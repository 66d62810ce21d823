//! What the stories are told with: a [`World`] (a local cloud, a release pushed, a fleet), the real binary ([`Bbws`]),
//! people at a browser ([`Visitor`]), someone at the AWS console ([`Aws`]), and a [`census`] of all that exists.
//!
//! Nothing here knows how the runner works inside; stories assert on what a user can observe.

mod artifacts;
mod aws;
mod bbws;
mod browser;
mod census;
mod crowd;
mod database;
mod docker;
mod fleet;
mod github;
mod role;
mod terraform;
mod visitor;
mod wait;
mod workflow;
mod world;

pub use artifacts::artifacts;
pub use aws::{Aws, make_bucket};
pub use bbws::{Bbws, Drift, Outcome, Running};
pub use browser::Browser;
use census::census;
pub use census::{Census, mentions};
pub use crowd::Crowd;
pub use database::Database;
pub use docker::{Containers, docker};
pub use fleet::Fleet;
pub use github::{Github, REPOSITORY, Repository};
pub use role::{FLEET_REPOSITORY, Role, job_token};
pub use terraform::{Terraform, folders};
pub use visitor::{Page, Visitor};
pub use wait::until;
pub use workflow::{Job, Runner, repository};
pub use world::{World, story, story_on};

/// A whole image, one pixel large.
pub const PIXEL: &[u8] = include_bytes!("pixel.png");
