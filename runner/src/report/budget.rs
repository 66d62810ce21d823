//! Sites whose budget is below what they cost without a single visitor.

use super::cost::{SiteCost, estimate};
use crate::manifest::{Finding, Fleet, Rule, finding_at};
use std::path::Path;

/// A warning for each such site of the fleet that was loaded from `root`. An environment in a region without prices has none.
#[must_use]
pub fn budget_warnings(root: &Path, fleet: &Fleet) -> Vec<Finding> {
    let estimates = fleet.environments.values().filter_map(|environment| {
        let sites = fleet.sites.iter();
        let sites: Vec<_> = sites
            .filter(|site| site.environment == environment.name)
            .collect();
        estimate(environment, &sites).ok()
    });
    let mut warnings = Vec::new();
    for environment in estimates {
        for site in environment.sites.iter().filter(|site| site.over_budget) {
            warnings.push(warning(root, &environment.environment, site));
        }
    }
    warnings
}

fn warning(root: &Path, environment: &str, site: &SiteCost) -> Finding {
    let (tenant, budget, least) = (&site.tenant, site.budget, site.own.least);
    finding_at(
        root,
        &format!("tenants/{tenant}/{environment}.yaml"),
        "monthly_budget",
        Rule::BudgetBelowEstimate,
        (
            format!(
                "the budget is ${budget} a month; the site costs ${least:.2} without a visitor"
            ),
            format!(
                "set `monthly_budget` to {:.0} or more, or make its tasks smaller; `bbws cost estimate --env {environment}` \
                 shows what is counted",
                least.ceil()
            ),
        ),
    )
}
