//! Valid fleets: the sample one, and one as large as we promise.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bbws::manifest::{self, BackupPolicy, PriceClass, Site, SiteState};

use crate::{bbws, outcome, repository};

#[test]
fn the_sample_fleet_is_valid() {
    let (code, stdout, stderr) = outcome(bbws(&["validate"]).current_dir(repository()));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "valid: 3 environments, 4 sites\n");

    let (code, json, _) = outcome(bbws(&["validate", "--json"]).current_dir(repository()));
    assert_eq!(code, 0);
    let expected = r#"{"command":"validate","exit_code":0,"result":{"environments":3,"findings":[],"sites":4,"valid":true,"warnings":[]},"schema_version":1}"#;
    assert_eq!(json.trim_end(), expected);
}

/// Given a budget that is too low, then the fleet stays valid, and a warning names the line and what the site costs.
#[test]
fn a_budget_below_the_estimate_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    many_tenants(folder.path(), 1);
    let site = folder.path().join("tenants/tenant-00000/dev.yaml");
    let text = fs::read_to_string(&site).unwrap();
    fs::write(
        &site,
        text.replace("monthly_budget: 20", "monthly_budget: 5"),
    )
    .unwrap();
    let root = folder.path().to_str().unwrap();

    let (code, stdout, _) = outcome(&mut bbws(&["validate", "--fleet", root]));
    assert_eq!(code, 0);
    assert!(stdout.starts_with("warning[budget-below-estimate]: the budget is $5 a month"));
    assert!(
        stdout.contains("--> tenants/tenant-00000/dev.yaml:17:17\n"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("valid: 1 environment, 1 site\n"),
        "{stdout}"
    );

    let (code, json, _) = outcome(&mut bbws(&["cost", "estimate", "--json", "--fleet", root]));
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["result"][0]["sites"][0]["over_budget"], true);
}

/// Given a tenant that says what is personal in its own tables, when it is loaded, then a job is told the same.
#[test]
fn a_tenants_masks_are_those_of_the_job() {
    let folder = tempfile::tempdir().unwrap();
    many_tenants(folder.path(), 1);
    let tenant = folder.path().join("tenants/tenant-00000/tenant.yaml");
    let text = fs::read_to_string(&tenant).unwrap();
    let mask = "content:\n  mask:\n    - {table: wp_postmeta, column: meta_value, where: {column: meta_key, value: _guest_*}, as: name}\n    \
                - {table: wp_forum_*, column: body, as: keep}\n";
    fs::write(&tenant, text + mask).unwrap();
    let fleet = manifest::load(folder.path()).unwrap();
    let site = site(&fleet.sites, "tenant-00000", "dev");
    assert_eq!(
        serde_json::to_value(&site.content.masks).unwrap(),
        serde_json::json!([
            {"table": "wp_postmeta", "column": "meta_value", "only": {"column": "meta_key", "value": "_guest_*"}, "mask": "name"},
            {"table": "wp_forum_*", "column": "body", "only": null, "mask": "keep"},
        ])
    );
}

/// Given a site that leaves most out, when it is loaded, then its environment's defaults stand in for what is missing.
#[test]
fn environments_fill_in_what_sites_leave_out() {
    let fleet = manifest::load(&repository()).unwrap();
    let order: Vec<String> = fleet
        .sites
        .iter()
        .map(|site| format!("{}/{}", site.environment, site.tenant))
        .collect();
    assert_eq!(order, ["dev/acme", "dev/bolt", "prod/acme", "sit/acme"]);

    let acme = site(&fleet.sites, "acme", "dev");
    assert_eq!(acme.organization, "Acme Trading (Pty) Ltd");
    assert_eq!(acme.title, "Acme & Sons");
    assert_eq!(
        (acme.cpu, acme.memory, acme.tasks.min, acme.tasks.max),
        (256, 512, 1, 2)
    );
    assert_eq!(acme.release.as_str(), "7.1.1-6");
    assert_eq!(acme.locale.as_str(), "en_US");
    assert_eq!(acme.timezone.as_str(), "Africa/Johannesburg");
    assert_eq!(
        (acme.price_class, acme.backup),
        (PriceClass::Cheapest, BackupPolicy::None)
    );
    assert_eq!((acme.monthly_budget, acme.state), (15, SiteState::Active));

    let bolt = site(&fleet.sites, "bolt", "dev");
    assert_eq!((bolt.cpu, bolt.memory, bolt.tasks.max), (256, 1024, 3));
    assert_eq!(bolt.locale.as_str(), "de_DE");
    assert_eq!(
        (bolt.backup, bolt.monthly_budget),
        (BackupPolicy::Daily, 20)
    );
    assert_eq!(
        bolt.domains
            .iter()
            .map(|domain| domain.as_str())
            .collect::<Vec<_>>(),
        ["bolt.dev.localhost", "www.bolt.dev.localhost"]
    );

    let prod = site(&fleet.sites, "acme", "prod");
    assert_eq!((prod.cpu, prod.memory), (1024, 2048));
    assert_eq!(
        (prod.price_class, prod.price_class.as_aws()),
        (PriceClass::All, "PriceClass_All")
    );
    assert_eq!(
        fleet.environments[&prod.environment].account.as_str(),
        "333333333333"
    );
}

/// What an environment's manifest leaves out, the runner and Terraform must take for the same.
#[test]
fn terraform_has_the_defaults_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    many_tenants(folder.path(), 1);
    let manifest = folder.path().join("environments/dev/environment.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("foundation:\n  nat: instance\n", ""),
    )
    .unwrap();
    let fleet = manifest::load(folder.path()).unwrap();
    let chosen = &fleet.environments.values().next().unwrap().foundation;
    let cell = &chosen.cells[0];

    let file = repository().join("environments/modules/environment/variables.tf");
    let terraform = fs::read_to_string(file).unwrap();
    let words: Vec<_> = terraform.split_whitespace().collect();
    let terraform = words.join(" ");
    for line in [
        format!("zones = optional(number, {})", chosen.zones),
        format!("nat = optional(string, \"{}\")", chosen.nat),
        format!(
            "database_class = optional(string, \"{}\")",
            cell.database_class
        ),
        format!(
            "database_storage = optional(number, {})",
            cell.database_storage
        ),
        format!(
            "database_standby = optional(string, \"{}\")",
            cell.database_standby
        ),
        format!("[{{ name = \"{}\" }}]", cell.name),
    ] {
        assert!(terraform.contains(&line), "Terraform lacks: {line}");
    }
}

fn site<'a>(sites: &'a [Site], tenant: &str, environment: &str) -> &'a Site {
    let wanted =
        |site: &&Site| site.tenant.as_str() == tenant && site.environment.as_str() == environment;
    sites.iter().find(wanted).unwrap()
}

/// A thousand tenants load in a moment. The bound is loose, for slow machines and debug builds; it catches what is quadratic.
#[test]
fn a_thousand_tenants_load_in_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    many_tenants(folder.path(), 1000);
    let start = Instant::now();
    let fleet = manifest::load(folder.path()).unwrap();
    let took = start.elapsed();
    assert_eq!(fleet.sites.len(), 1000);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn many_tenants(root: &Path, count: usize) {
    let sample = repository();
    let environment = "environments/dev/environment.yaml";
    fs::create_dir_all(root.join("environments/dev")).unwrap();
    fs::copy(sample.join(environment), root.join(environment)).unwrap();
    let (tenant, site) = ("tenants/bolt/tenant.yaml", "tenants/bolt/dev.yaml");
    let site = fs::read_to_string(sample.join(site)).unwrap();
    for number in 0..count {
        let id = format!("tenant-{number:05}");
        let folder = root.join("tenants").join(&id);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(sample.join(tenant), folder.join("tenant.yaml")).unwrap();
        fs::write(
            folder.join("dev.yaml"),
            site.replace("bolt.dev", &format!("{id}.dev")),
        )
        .unwrap();
    }
}
