//! What an environment costs a month, from its manifests and the price table alone. Pure.
//!
//! Counted is what stands whether or not anybody visits: tasks, secrets, alarms, health checks; load balancers, databases,
//! network. Not counted is what depends on visitors and content: transfer, requests, load balancer capacity units, logs,
//! files, backups; nor free tiers, which belong to an account and not to an environment.

use super::prices::{Prices, Regional};
use crate::manifest::{Environment, Nat, Shared, Site, SiteState, Standby};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// Secrets of a site: the database's and WordPress's.
const SECRETS: f64 = 2.0;
/// Alarms of a site.
const ALARMS: f64 = 4.0;
/// Rules of the web ACL: the managed groups core, known bad inputs, SQL injection, PHP and WordPress, and the rate limit.
const WEB_ACL_RULES: f64 = 6.0;

/// US dollars a month, at the fewest and at the most tasks that autoscaling may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// At the fewest.
    pub least: f64,
    /// At the most.
    pub most: f64,
}

impl Amount {
    fn fixed(dollars: f64) -> Self {
        Self {
            least: dollars,
            most: dollars,
        }
    }

    /// Whether it is less than a cent either way.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self.least.abs() < 0.005 && self.most.abs() < 0.005
    }

    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            least: change(self.least),
            most: change(self.most),
        }
    }
}

/// As a difference: `+$14.85 at the fewest tasks, +$27.01 at the most`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = |amount: f64| {
            let sign = if amount < 0.0 { '-' } else { '+' };
            format!("{sign}${:.2}", amount.abs())
        };
        let (least, most) = (dollars(self.least), dollars(self.most));
        if least == most {
            return f.write_str(&least);
        }
        write!(f, "{least} at the fewest tasks, {most} at the most")
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            least: self.least + other.least,
            most: self.most + other.most,
        }
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            least: self.least - other.least,
            most: self.most - other.most,
        }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// One thing that is paid for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What, for people.
    pub item: String,
    /// None when the table has no price for it: the sums are then too low.
    pub monthly: Option<Amount>,
}

/// What decides what a site costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// CPU units of a task, 1024 to a vCPU.
    pub cpu: u32,
    /// MiB of a task.
    pub memory: u32,
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
}

impl From<&Site> for Load {
    fn from(site: &Site) -> Self {
        let (min, max) = match site.state {
            SiteState::Active => (site.tasks.min, site.tasks.max),
            SiteState::Suspended => (0, 0),
        };
        Self {
            cpu: site.cpu,
            memory: site.memory,
            min,
            max,
        }
    }
}

/// What one site costs.
#[derive(Clone, Debug, Serialize)]
pub struct SiteCost {
    /// Whose.
    pub tenant: String,
    /// What is paid for.
    pub lines: Vec<Line>,
    /// What carries the tenant's tag.
    pub own: Amount,
    /// An equal part of what the environment's sites share.
    pub share: f64,
    /// What the manifest allows, whole dollars. AWS's budget compares it with the tagged cost, so `own` is to be under it.
    pub budget: u32,
    /// Whether even the fewest tasks cost more than the budget.
    pub over_budget: bool,
}

/// What one environment costs.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentCost {
    /// Which.
    pub environment: String,
    /// Where.
    pub region: String,
    /// The price table's version.
    pub prices_version: u32,
    /// When its numbers were looked up.
    pub prices_date: String,
    /// By tenant.
    pub sites: Vec<SiteCost>,
    /// What its sites share.
    pub shared: Vec<Line>,
    /// All of it.
    pub total: Amount,
    /// Items that the table has no price for.
    pub unpriced: Vec<String>,
}

/// The price table has nothing for a region.
#[derive(Debug, thiserror::Error)]
#[error("the price table has no region {region} (it has {known})")]
pub struct NoPrices {
    region: String,
    known: String,
}

/// Estimates `environment` with these of its sites.
///
/// # Errors
/// When the table lacks its region.
pub fn estimate(environment: &Environment, sites: &[&Site]) -> Result<EnvironmentCost, NoPrices> {
    let prices = Prices::own();
    let regional = regional(&prices, environment.region.as_str())?;
    let shared = shared(&prices, regional, &environment.foundation);
    let sum = |lines: &[Line]| lines.iter().filter_map(|line| line.monthly).sum::<Amount>();
    let all = sum(&shared);
    #[expect(clippy::cast_precision_loss, reason = "a count of sites")]
    let share = all.least / sites.len().max(1) as f64;
    let sites: Vec<_> = sites
        .iter()
        .map(|site| {
            let lines = own(&prices, regional, Load::from(*site));
            let own = sum(&lines);
            SiteCost {
                tenant: site.tenant.to_string(),
                lines,
                own,
                share,
                budget: site.monthly_budget,
                over_budget: own.least > f64::from(site.monthly_budget),
            }
        })
        .collect();
    let unpriced = shared.iter().filter(|line| line.monthly.is_none());
    Ok(EnvironmentCost {
        environment: environment.name.to_string(),
        region: environment.region.to_string(),
        prices_version: prices.version,
        prices_date: prices.date.clone(),
        total: all + sites.iter().map(|site| site.own).sum(),
        unpriced: unpriced.map(|line| line.item.clone()).collect(),
        sites,
        shared,
    })
}

fn regional<'a>(prices: &'a Prices, region: &str) -> Result<&'a Regional, NoPrices> {
    prices.region(region).ok_or_else(|| NoPrices {
        region: region.to_owned(),
        known: prices.regions().join(", "),
    })
}

fn line(item: impl Into<String>, monthly: Amount) -> Line {
    Line {
        item: item.into(),
        monthly: Some(monthly),
    }
}

/// What carries a tenant's tag.
fn own(prices: &Prices, regional: &Regional, load: Load) -> Vec<Line> {
    let tasks = Amount {
        least: f64::from(load.min),
        most: f64::from(load.max),
    };
    let hourly = f64::from(load.cpu) / 1024.0 * regional.fargate_vcpu_hour
        + f64::from(load.memory) / 1024.0 * regional.fargate_gb_hour;
    let everywhere = &prices.everywhere;
    vec![
        line(
            format!(
                "{} to {} tasks of {} CPU units and {} MiB",
                load.min, load.max, load.cpu, load.memory
            ),
            tasks.map(|tasks| tasks * hourly * prices.hours),
        ),
        line(
            "2 secrets",
            Amount::fixed(SECRETS * everywhere.secret_month),
        ),
        line("4 alarms", Amount::fixed(ALARMS * everywhere.alarm_month)),
        line(
            "health check by HTTPS",
            Amount::fixed(everywhere.health_check_month + everywhere.health_check_option_month),
        ),
    ]
}

/// What an environment's sites share.
fn shared(prices: &Prices, regional: &Regional, choices: &Shared) -> Vec<Line> {
    let everywhere = &prices.everywhere;
    let hours = prices.hours;
    let zones = f64::from(choices.zones);
    let (nat, count, hourly) = match choices.nat {
        Nat::Instance => ("NAT instance", 1.0, regional.nat_instance_hour),
        Nat::Gateway => ("NAT gateway", 1.0, regional.nat_gateway_hour),
        Nat::GatewayEachZone => ("NAT gateways", zones, regional.nat_gateway_hour),
    };
    let address = regional.public_ipv4_hour * hours;
    let mut lines = vec![
        line(
            format!("{count} {nat}, with address"),
            Amount::fixed(count * (hourly * hours + address)),
        ),
        line(
            "web ACL with 6 rules",
            Amount::fixed(everywhere.web_acl_month + WEB_ACL_RULES * everywhere.web_acl_rule_month),
        ),
        line("encryption key", Amount::fixed(everywhere.key_month)),
        line("hosted zone", Amount::fixed(everywhere.zone_month)),
    ];
    for cell in &choices.cells {
        let name = &cell.name;
        lines.push(line(
            format!("cell {name}: load balancer, with {zones} addresses"),
            Amount::fixed(regional.load_balancer_hour * hours + zones * address),
        ));
        let instances = match cell.database_standby {
            Standby::None => 1.0,
            Standby::OtherZone => 2.0,
        };
        let class = cell.database_class.as_str();
        let storage = cell.database_storage;
        let hourly = regional.database_hour.get(class);
        lines.push(Line {
            item: format!("cell {name}: {instances} {class} with {storage} GB"),
            monthly: hourly.map(|hourly| {
                let storage = f64::from(storage) * regional.database_gb_month;
                Amount::fixed(instances * (hourly * hours + storage))
            }),
        });
    }
    lines
}

/// What a change from one load to another adds to a month's bill in `region`; none stands for no site.
///
/// # Errors
/// When the table lacks the region.
pub fn difference(
    region: &str,
    before: Option<Load>,
    after: Option<Load>,
) -> Result<Amount, NoPrices> {
    let prices = Prices::own();
    let regional = regional(&prices, region)?;
    let cost = |load: Option<Load>| {
        let lines = load.map(|load| own(&prices, regional, load));
        let amounts = lines.into_iter().flatten().filter_map(|line| line.monthly);
        amounts.sum::<Amount>()
    };
    Ok(cost(after) - cost(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    fn sample() -> manifest::Fleet {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        manifest::load(root.as_ref()).unwrap()
    }

    /// By hand: 0.25 vCPU and 0.5 GB are 730 × (0.25 × 0.0546 + 0.5 × 0.006) = 12.15 a task; 2 secrets 0.80, 4 alarms 0.40,
    /// a health check 1.50.
    #[test]
    fn a_small_site_costs_what_the_price_pages_say() {
        let load = |min, max| Load {
            cpu: 256,
            memory: 512,
            min,
            max,
        };
        let cost = difference("af-south-1", None, Some(load(1, 2))).unwrap();
        assert!((cost.least - 14.854_5).abs() < 1e-6, "{cost:?}");
        assert!((cost.most - 27.009).abs() < 1e-6, "{cost:?}");
        let saved = difference("af-south-1", Some(load(1, 2)), Some(load(0, 0))).unwrap();
        assert!((saved.least + 12.154_5).abs() < 1e-6, "{saved:?}");
    }

    /// The model of the project's own facts: $39 a tenant and month with 5 small tenants and a NAT gateway.
    #[test]
    fn five_small_tenants_cost_about_what_the_plan_of_the_project_says() {
        let fleet = sample();
        let acme =
            |site: &&Site| site.tenant.as_str() == "acme" && site.environment.as_str() == "dev";
        let site = fleet.sites.iter().find(acme).unwrap();
        let mut environment = fleet.environments[&site.environment].clone();
        environment.foundation.nat = Nat::Gateway;
        let cost = estimate(&environment, &[site; 5]).unwrap();
        let each = cost.total.least / 5.0;
        assert!((30.0..=45.0).contains(&each), "{each}");
        let parts = cost.sites.iter().map(|site| site.own.least + site.share);
        assert!((parts.sum::<f64>() - cost.total.least).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_price_is_named_and_never_free() {
        let fleet = sample();
        let mut environment = fleet.environments.values().next().unwrap().clone();
        environment.foundation.cells[0].database_class = "db.x9.huge".parse().unwrap();
        let cost = estimate(&environment, &[]).unwrap();
        assert_eq!(cost.unpriced.len(), 1);
        environment.region = "eu-west-9".parse().unwrap();
        let error = estimate(&environment, &[]).unwrap_err().to_string();
        assert!(
            error.contains("eu-west-9") && error.contains("af-south-1"),
            "{error}"
        );
    }
}
