//! What a resource may look at when it says what it should be: the manifest, the foundation, and what is known so far.

use super::{Attributes, Kind, Revision};
use crate::cloud::{Cell, Foundation};
use crate::manifest::{Site, TenantId};
use std::collections::BTreeMap;

/// Stands in a desired field for a value that AWS hands out only when another resource is made.
pub const PENDING: &str = "(known after apply)";

/// A tenant in an environment, with the names that follow from the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRef {
    /// The environment's name.
    pub environment: String,
    /// The tenant's id.
    pub tenant: TenantId,
}

impl TenantRef {
    /// `bbws-<environment>-<tenant>`: service, task family, target group, distribution comment, alarm prefix.
    #[must_use]
    pub fn name(&self) -> String {
        format!("bbws-{}-{}", self.environment, self.tenant)
    }

    /// `t_<tenant>`: schema and MySQL user.
    #[must_use]
    pub fn schema(&self) -> String {
        format!("t_{}", self.tenant.as_str().replace('-', "_"))
    }

    /// `bbws/<environment>/<tenant>/<what>`.
    #[must_use]
    pub fn secret(&self, what: &str) -> String {
        format!("bbws/{}/{}/{what}", self.environment, self.tenant)
    }

    /// `/bbws/<environment>/<tenant>`.
    #[must_use]
    pub fn log_group(&self) -> String {
        format!("/bbws/{}/{}", self.environment, self.tenant)
    }

    /// `/tenant-<id>`: CloudFront's origin path, the listener rule's path, what the container strips.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("/tenant-{}", self.tenant)
    }
}

/// The tags of what the tenants of a cell share.
#[must_use]
pub fn tags_of_cell(environment: &str, cell: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("bbws:environment".to_owned(), environment.to_owned()),
        ("bbws:cell".to_owned(), cell.to_owned()),
        ("bbws:managed-by".to_owned(), "bbws".to_owned()),
    ])
}

/// All that the desired state of one site follows from.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The site's manifest; none when the tenant is to be removed.
    pub site: Option<&'a Site>,
    /// Whose it is.
    pub who: TenantRef,
    /// What tenants share.
    pub foundation: &'a Foundation,
    /// The cell that holds the site.
    pub cell: &'a Cell,
    /// The value of the cell's origin header.
    pub origin_secret: &'a crate::cloud::Secret,
    /// `<registry>@sha256:…`, resolved from the site's release.
    pub image: String,
    /// The revision that the site stays on whatever its release says, if it is held.
    pub hold: Option<Revision>,
    /// What is known of this tenant's resources.
    pub known: BTreeMap<Kind, Attributes>,
}

impl Context<'_> {
    /// An attribute of another resource of this site, or [`PENDING`].
    #[must_use]
    pub fn known(&self, kind: Kind, attribute: &str) -> String {
        self.known
            .get(&kind)
            .and_then(|a| a.get(attribute))
            .cloned()
            .unwrap_or_else(|| PENDING.to_owned())
    }

    /// The site's manifest.
    ///
    /// # Panics
    /// When the tenant is to be removed: then nothing is desired, and nothing may ask.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.site
            .expect("a tenant that is to be removed has no desired state")
    }

    /// The tags that everything of a site carries.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = tags_of_cell(&self.who.environment, &self.cell.name);
        tags.insert("bbws:tenant".to_owned(), self.who.tenant.to_string());
        tags
    }

    /// The URL that visitors type, without a trailing slash.
    #[must_use]
    pub fn home(&self) -> String {
        self.foundation.url(self.site().domains[0].as_str())
    }

    /// `arn:<partition>:iam::<account>:role/bbws/<environment>/<name>-<suffix>`.
    #[must_use]
    pub fn role_arn(&self, suffix: &str) -> String {
        format!(
            "arn:{}:iam::{}:role/bbws/{}/{}-{suffix}",
            self.foundation.partition,
            self.foundation.account,
            self.who.environment,
            self.who.name()
        )
    }
}
