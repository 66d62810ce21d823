//! Stories of the local cloud itself, on one cloud with IAM evaluated.

mod proxy;
mod sites;
mod support;
mod tasks;
