//! Where things are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// `$BBWS_CACHE`, else `bbws` below `$XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("BBWS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("bbws")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/bbws")))
        .context("no place for the cache: set BBWS_CACHE or HOME")
}

/// The Python side of this crate, in the source tree it was built from.
pub(crate) fn emulator() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/emulator"))
}

/// The directories of all clouds of this user.
pub(crate) fn clouds() -> Result<PathBuf> {
    Ok(cache()?.join("clouds"))
}

/// A cloud's identity on the machine: its name, made distinct from that of another cache directory (another user).
pub(crate) fn identity(name: &str) -> Result<String> {
    let place = hex::encode(Sha256::digest(clouds()?.as_os_str().as_encoded_bytes()));
    Ok(format!("{name}-{}", &place[..6]))
}
