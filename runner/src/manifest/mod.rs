//! The fleet as git holds it: reading, checking and resolving manifests. Pure: files in, [`Fleet`] or findings out.

mod checks;
mod choices;
mod discover;
mod draft;
mod edit;
mod finding;
mod load;
mod names;
#[cfg(test)]
mod names_tests;
mod place;
mod rules;
#[cfg(test)]
mod rules_tests;
mod schema;
mod shape;
#[cfg(test)]
mod shape_tests;
mod stop;
mod suggest;
mod yaml;
#[cfg(test)]
mod yaml_tests;

use site_job::protocol::{Content, MaskRule, Rule as TableRule};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use checks::LOCALES;
pub use choices::{BackupPolicy, Nat, PriceClass, SiteState, Standby};
pub use draft::{Draft, InvalidForm};
pub use edit::{get, set};
pub use finding::{Finding, Position, Rule, Span};
pub use load::{Invalid, finding_at, load};
pub use names::{
    AccountId, CellName, Checksum, DatabaseClass, Domain, Email, EnvironmentName, InvalidName,
    Line, Locale, Login, Moment, PackageSource, PackageVersion, Pattern, Promoted, Region, Release,
    SigningKey, Slug, TenantId, Timezone,
};
pub use place::{Lines, Place};
pub use schema::{ManifestKind, json_schema};
pub use stop::{Freeze, Hold, Removal};

/// A fleet whose every manifest was read and found valid.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The environments, by name.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// All sites, defaults filled in, sorted by environment then tenant.
    pub sites: Vec<Site>,
    /// Tenants of which no site may be changed, not even one that lost its manifest.
    pub holds: BTreeMap<TenantId, Hold>,
}

/// `environments/<name>/environment.yaml`, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name, from the folder.
    pub name: EnvironmentName,
    /// The AWS account that holds it.
    pub account: AccountId,
    /// Its AWS region.
    pub region: Region,
    /// The Route 53 zone that every domain of its sites lies in.
    pub domain: Domain,
    /// What sites run that name no release of their own.
    pub release: Release,
    /// Whether only images that are signed by one of `signing_keys` may run.
    pub require_signed: bool,
    /// The keys whose signatures count. Not empty where signatures are required.
    pub signing_keys: Vec<SigningKey>,
    /// How a change of what sites run reaches them.
    pub rollout: Rollout,
    /// Within how many days backups must have been restored for a promotion up to begin; none when nobody asks.
    pub restore_proof_days: Option<u32>,
    /// Why nothing of it may change.
    pub freeze: Option<Freeze>,
    /// What its sites share, as far as it is a matter of choice.
    pub foundation: Shared,
}

/// The choices of an environment's foundation, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Availability zones, 2 or 3.
    pub zones: u32,
    /// How what runs in private subnets reaches the internet.
    pub nat: Nat,
    /// Never empty; no two of one name.
    pub cells: Vec<CellChoice>,
}

/// The choices of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChoice {
    /// Its name.
    pub name: CellName,
    /// The size of its database.
    pub database_class: DatabaseClass,
    /// GB.
    pub database_storage: u32,
    /// Whether its database has a standby.
    pub database_standby: Standby,
}

/// How a change of what sites run reaches an environment's sites: in waves, each only when the one before is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Whose sites are the first wave. Empty: the smallest site that changes.
    pub canaries: Vec<TenantId>,
    /// How many sites each later wave has.
    pub at_once: usize,
}

/// `tenants/<tenant>/<environment>.yaml` with the defaults of its environment filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The tenant's id, from the folder.
    pub tenant: TenantId,
    /// The environment, from the file name.
    pub environment: EnvironmentName,
    /// The organization's display name, from `tenant.yaml`.
    pub organization: String,
    /// WordPress's site title.
    pub title: String,
    /// Domains served, the primary one first; never empty.
    pub domains: Vec<Domain>,
    /// WordPress's locale, `en_US` by default.
    pub locale: Locale,
    /// An IANA time zone, `UTC` by default.
    pub timezone: Timezone,
    /// The first administrator.
    pub admin: Admin,
    /// What the site runs.
    pub release: Release,
    /// Its own plugins and themes.
    pub code: Code,
    /// CPU units, 1024 to a vCPU; with `memory` a pair that Fargate offers.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// Fewest and most tasks that autoscaling may run; `1 <= min <= max`.
    pub tasks: TaskRange,
    /// Which edge locations serve the site.
    pub price_class: PriceClass,
    /// How the site is backed up.
    pub backup: BackupPolicy,
    /// Whole US dollars a month.
    pub monthly_budget: u32,
    /// Whether visitors are served.
    pub state: SiteState,
    /// When it may be removed. Until then it is suspended, whatever else its manifest says.
    pub removal: Option<Removal>,
    /// Content that was asked for.
    pub promotion: Option<Requested>,
    /// Why it may not be changed. Its tenant may have a hold as well.
    pub hold: Option<Hold>,
    /// Where its manifest says what.
    pub lines: Lines,
    /// What a promotion does with its own tables and options.
    pub content: ContentRules,
}

/// Content that a manifest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Where it comes from.
    pub from: EnvironmentName,
    /// What of it.
    pub content: Content,
    /// Tells this request from others.
    pub request: String,
}

/// What a promotion of content does with tables and options that are a tenant's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentRules {
    /// The last one that fits a table counts.
    pub tables: Vec<TableRule>,
    /// Options that stay.
    pub keep_options: Vec<Pattern>,
    /// What is masked where content goes down. The last one that fits counts.
    pub masks: Vec<MaskRule>,
}

/// A site's own plugins and themes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The plugins that are active; no two of one slug.
    pub plugins: Vec<Package>,
    /// The themes beside the image's; no two of one slug.
    pub themes: Vec<Package>,
    /// The theme that visitors see; none leaves it to the site's administrators.
    pub theme: Option<Slug>,
}

/// A plugin or theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The name of its folder.
    pub slug: Slug,
    /// What its header says.
    pub version: PackageVersion,
    /// Of its zip.
    pub sha256: Checksum,
    /// Where its zip can be had.
    pub source: Source,
}

/// Where a zip can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An `https://` address.
    Url(String),
    /// A file of the fleet.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The first WordPress administrator of a site. Its password is generated and kept in Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// WordPress login name.
    pub user: String,
    /// Address that WordPress's own mail goes to.
    pub email: Email,
}

/// Fewest and most tasks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRange {
    /// At least one.
    pub min: u32,
    /// At least `min`.
    pub max: u32,
}
