//! The bbws runner: GitOps for WordPress hosting of many tenants on AWS.

pub mod apply;
pub mod cli;
pub mod cloud;
pub mod code;
pub mod github;
pub mod image;
pub mod jobs;
pub mod manifest;
pub mod output;
pub mod plan;
pub mod promote;
pub mod report;
pub mod resource;
pub mod rollout;
pub mod session;
