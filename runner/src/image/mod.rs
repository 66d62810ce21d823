//! The WordPress image: what it is made of, building it, pushing it.
//!
//! Sources are pinned by content ([`lock`]), fetched once and kept in a cache ([`source`]), and handed to the Docker
//! engine as a streamed build context ([`context`], [`build`](mod@build)). [`update`](mod@update) asks the sources for newer versions. [`push`](mod@push) brings a built image into
//! an environment's registry. [`sign`](mod@sign) attaches signatures, provenance and the
//! bill of materials to the pushed digest, in cosign's formats, and [`verify`] checks them. [`sbom`] lists what is in an image: Debian's packages, PHP, WordPress, WP-CLI, plugins, themes,
//! and the crates of `site-job`, read from the image's files and never by running it;
//! [`scan`] judges what scanners know of these; [`test`](mod@test) starts an image and checks what it does. Docker is reached through its API alone; no `docker` command is needed.

#[cfg(test)]
mod answers;
mod attest;
mod base;
mod build;
mod contents;
mod context;
mod copy;
mod crates;
mod error;
mod keys;
mod labels;
mod lock;
mod oci;
mod origin;
mod packages;
mod platform;
mod push;
mod references;
mod registry;
pub mod sbom;
pub mod scan;
mod shelf;
mod sign;
mod source;
pub mod test;
mod tree;
mod update;
mod verify;

pub use build::{Build, Built, PackagesFrom, build, site_job_beside};
pub use copy::{Copied, copy};
pub use error::ImageError;
pub use keys::{KeyReference, PublicKey, Signer, generate, unusable_key};
pub use labels::image_labels;
pub use lock::{Component, Lock, Locked, Packages, Pin, Source};
pub use push::{Pushed, push};
pub use references::references;
pub use registry::Registry;
pub use shelf::{Keep, References, Shelved, delete, shelf, which_to_delete};
pub use sign::{Signed, sign};
pub use source::cache_directory;
pub(crate) use source::download;
pub use update::{Change, Missing, Updated, missing, update};
pub use verify::{Verified, verify_image};

/// The name that images have on the machine that built them.
pub const LOCAL_NAME: &str = "bbws/wordpress";
