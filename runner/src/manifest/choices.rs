//! The closed sets of the manifests.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use site_job::protocol::Mask;

/// Which of CloudFront's edge locations serve a site. Fewer cost less and are farther from some visitors.
///
/// The regions of each class: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PriceClass.html>.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PriceClass {
    /// North America, Europe and Israel (`PriceClass_100`).
    Cheapest,
    /// Those, and Africa, the Middle East and most of Asia (`PriceClass_200`).
    Balanced,
    /// Everywhere: those, and South America, Australia and New Zealand (`PriceClass_All`).
    All,
}

impl PriceClass {
    /// As the manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cheapest => "cheapest",
            Self::Balanced => "balanced",
            Self::All => "all",
        }
    }

    /// As CloudFront's API writes it.
    #[must_use]
    pub const fn as_aws(self) -> &'static str {
        match self {
            Self::Cheapest => "PriceClass_100",
            Self::Balanced => "PriceClass_200",
            Self::All => "PriceClass_All",
        }
    }
}

/// How often a site's own content is copied. It is the value of the tag `bbws:backup` on what the site owns, by which
/// AWS Backup plans and the dumps select.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BackupPolicy {
    /// No copy of its own: only the backups of its environment's shared database and file system hold it.
    None,
    /// Once a night.
    Daily,
    /// Every hour.
    Hourly,
}

impl BackupPolicy {
    /// As the manifests and the tag write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
        }
    }
}

/// What a masked value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MaskAs {
    /// A name that nobody has.
    Name,
    /// An e-mail address that cannot exist.
    Email,
    /// An IP address kept for documentation.
    Ip,
    /// A short text without a meaning.
    Text,
    /// Nothing.
    Empty,
    /// Settings without those that are called a key, a password or the like.
    Secrets,
    /// What it was: e-mail addresses in it stay, too.
    Keep,
}

impl From<MaskAs> for Mask {
    fn from(mask: MaskAs) -> Self {
        match mask {
            MaskAs::Name => Self::Name,
            MaskAs::Email => Self::Email,
            MaskAs::Ip => Self::Ip,
            MaskAs::Text => Self::Text,
            MaskAs::Empty => Self::Empty,
            MaskAs::Secrets => Self::Secrets,
            MaskAs::Keep => Self::Keep,
        }
    }
}

/// How what runs in private subnets reaches the internet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Nat {
    /// One small instance: cheapest; its zone's outage, or its own, cuts the others off.
    Instance,
    /// One managed gateway: its zone's outage cuts the others off.
    Gateway,
    /// A managed gateway in each zone.
    GatewayEachZone,
}

impl Nat {
    /// As the manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Gateway => "gateway",
            Self::GatewayEachZone => "gateway_each_zone",
        }
    }
}

/// Whether a database has a standby.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Standby {
    /// None: an outage of its zone is one of its sites.
    None,
    /// One in another zone, which takes over by itself (Multi-AZ).
    OtherZone,
}

impl Standby {
    /// As the manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OtherZone => "other_zone",
        }
    }
}

/// Whether visitors are served.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SiteState {
    /// Visitors are served.
    Active,
    /// No task runs and the edge answers visitors with a 503 page; database and uploads are kept.
    Suspended,
}

impl SiteState {
    /// As the manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

macro_rules! display_as_str {
    ($($name:ident)+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}
display_as_str!(PriceClass BackupPolicy Nat Standby SiteState);
