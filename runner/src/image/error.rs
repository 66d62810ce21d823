//! What can go wrong with an image, in the words that the command line prints.

use std::{error::Error, fmt, io, path::PathBuf};

/// A failure to build or push.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The lock file is unusable.
    #[error("{path}: {reason}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The scan policy is unusable.
    #[error("{path}: {reason}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No source of a component could be used; every one is named with its reason.
    #[error("fetching {component}:{}", reasons.iter().map(|reason| format!("\n  {reason}")).collect::<String>())]
    Sources {
        /// The component.
        component: String,
        /// One line a source.
        reasons: Vec<String>,
    },
    /// A file could not be read or written.
    #[error("{attempt}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// Why not.
        source: io::Error,
    },
    /// The program for inside the image is not there.
    #[error("there is no site-job at {0}")]
    NoSiteJob(PathBuf),
    /// The program for inside the image does not run there.
    #[error("{path} {reason}")]
    WrongSiteJob {
        /// The program.
        path: PathBuf,
        /// What it is, and what the image is for.
        reason: String,
    },
    /// There are no images for such machines.
    #[error(
        "{0:?} is no platform that images are built for; these are linux/amd64 and linux/arm64"
    )]
    Platform(String),
    /// The lock has no packages for the platform.
    #[error("{path} pins no packages for {platform}")]
    NotLocked {
        /// The lock file.
        path: PathBuf,
        /// `linux/arm64`.
        platform: &'static str,
    },
    /// Debian's packages could not be asked for.
    #[error("asking Debian's mirrors: {0}")]
    Mirrors(String),
    /// The Docker engine does not answer or refuses.
    #[error("{attempt}")]
    Docker {
        /// What was attempted.
        attempt: String,
        /// The engine's words.
        source: bollard::errors::Error,
    },
    /// A step of the Dockerfile failed; its output was narrated.
    #[error("building the image: {0}")]
    Step(String),
    /// There is no such image on this machine.
    #[error("this machine has no image {0}")]
    NotBuilt(String),
    /// The tag is taken by another image, and the repository keeps tags as they are.
    #[error(
        "{repository}:{tag} is another image, {digest}, and the repository's tags are immutable"
    )]
    TagTaken {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// The digest that it has there.
        digest: String,
    },
    /// The registry has no such image.
    #[error("there is no image {0}")]
    NotPushed(String),
    /// What was built here and what the registry holds under the same tag are two images.
    #[error("{local} of this machine and {remote} are two images")]
    OtherImage {
        /// Name and tag on this machine.
        local: String,
        /// Name and tag in the registry.
        remote: String,
    },
    /// A key that signs or verifies cannot be used.
    #[error("key {key}: {reason}")]
    Key {
        /// As it was asked for.
        key: String,
        /// Why not.
        reason: String,
    },
    /// An image is not signed by somebody who is trusted.
    #[error("{image} does not verify: {reason}")]
    Unverified {
        /// `<registry>/<repository>@sha256:…`.
        image: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// AWS refused or did not answer.
    #[error("{attempt}")]
    Aws {
        /// What was attempted, on which environment.
        attempt: String,
        /// Code, message and request id.
        source: Box<dyn Error + Send + Sync>,
    },
    /// AWS answered with something that cannot be used.
    #[error("{0}")]
    Answer(String),
}

impl ImageError {
    /// For `map_err` after file operations.
    pub(super) fn io(attempt: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        let attempt = attempt.to_string();
        move |source| Self::Io { attempt, source }
    }

    /// For `map_err` after requests to the Docker engine.
    pub(super) fn docker(
        attempt: impl fmt::Display,
    ) -> impl FnOnce(bollard::errors::Error) -> Self {
        let attempt = attempt.to_string();
        move |source| Self::Docker { attempt, source }
    }

    /// The messages of the errors underneath, in one line.
    pub(super) fn causes(&self) -> String {
        let causes = std::iter::successors(self.source(), |&error| error.source());
        causes
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Lock { .. } => "correct the lock file",
            Self::Policy { .. } => "correct the scan policy; its comments say what each key means",
            Self::Sources { .. } => {
                "check the network and npm's registry settings; a mismatch means that a source changed: compare it before \
                 changing the lock file"
            }
            Self::Io { .. } => "check the path and its permissions",
            Self::NoSiteJob(_) => {
                "run `cargo build -p site-job` with the same profile, or name the program with --site-job"
            }
            Self::WrongSiteJob { .. } => {
                "build site-job for the image's platform and name it with --site-job, or give --platform"
            }
            Self::Platform(_) => "give --platform, or use an engine of such a machine",
            Self::NotLocked { .. } => {
                "`bbws image lock --update` with the same --platform pins them; `bbws image build --refresh-packages` does \
                 without pins"
            }
            Self::Mirrors(_) => {
                "check that containers of the engine reach the mirrors that the base image names, then run the same command \
                 again"
            }
            Self::Docker { .. } => {
                "check that the Docker engine runs and that DOCKER_HOST, if set, names it"
            }
            Self::Step(_) => {
                "the step's output is above; the steps before it are cached, so a repeat is quick"
            }
            Self::NotBuilt(_) => "run `bbws image build`, with the same --tag if one was given",
            Self::TagTaken { .. } => {
                "raise `revision` in the lock file or give --tag, build, and push again"
            }
            Self::NotPushed(_) => {
                "run `bbws image push` for that environment first, or name a tag or digest that is there"
            }
            Self::OtherImage { .. } => {
                "push the image of this machine, or build the other one's sources again"
            }
            Self::Key { .. } => {
                "`bbws image key FILE` makes a key for a laptop; docs/images.md says how to make one in KMS"
            }
            Self::Unverified { .. } => {
                "sign it with `bbws image sign` and a key that the environment trusts, or release a digest that is signed"
            }
            Self::Aws { .. } => {
                "check the credentials and permissions for that environment's account, then run the same command again"
            }
            Self::Answer(_) => "apply the environment's foundation again",
        }
    }
}
