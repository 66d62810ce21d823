//! The stories of what must be true, each in a local cloud of its own.
//!
//! They are slow and heavy, so one at a time: `.config/nextest.toml` sees to it; `cargo test` needs `--test-threads=1`.

mod checks;
mod crash;
mod demo;
mod destroy;
mod drift;
mod faults;
mod foundation;
mod freeze;
mod github;
mod gitops;
mod image_test;
mod isolation;
mod lease;
mod lock;
mod plugins;
mod promotion;
mod reads;
mod reproducible;
mod rollout;
mod supply;
mod tenant;
mod terraform;
mod trivy;
