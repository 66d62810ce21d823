//! The table of AWS's prices, versioned with the program. The file says where each number comes from.

use serde::Deserialize;
use std::collections::BTreeMap;

/// `prices.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    /// Counts changes.
    pub(super) version: u32,
    /// When the numbers were looked up, `YYYY-MM-DD`.
    pub(super) date: String,
    /// Hours of a month.
    pub(super) hours: f64,
    pub(super) everywhere: Everywhere,
    regions: BTreeMap<String, Regional>,
}

/// US dollars, whatever the region.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Everywhere {
    pub(super) secret_month: f64,
    pub(super) alarm_month: f64,
    pub(super) health_check_month: f64,
    pub(super) health_check_option_month: f64,
    pub(super) zone_month: f64,
    pub(super) key_month: f64,
    pub(super) web_acl_month: f64,
    pub(super) web_acl_rule_month: f64,
}

/// US dollars in one region.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Regional {
    pub(super) fargate_vcpu_hour: f64,
    pub(super) fargate_gb_hour: f64,
    pub(super) nat_gateway_hour: f64,
    pub(super) public_ipv4_hour: f64,
    pub(super) nat_instance_hour: f64,
    pub(super) load_balancer_hour: f64,
    /// By instance class.
    pub(super) database_hour: BTreeMap<String, f64>,
    pub(super) database_gb_month: f64,
}

impl Prices {
    /// The table that this program was built with.
    #[must_use]
    pub(super) fn own() -> Self {
        serde_saphyr::from_str(include_str!("prices.yaml"))
            .expect("a test reads the table that is built in")
    }

    /// The prices of a region, if the table has any.
    #[must_use]
    pub(super) fn region(&self, name: &str) -> Option<&Regional> {
        self.regions.get(name)
    }

    /// The regions that have prices.
    #[must_use]
    pub(super) fn regions(&self) -> Vec<&str> {
        self.regions.keys().map(String::as_str).collect()
    }
}
