//! One tenant's three sites, in three accounts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use e2e::{Aws, Bbws, Outcome, Running, Visitor, World, docker};
use serde_json::Value;

use super::super::plugins::shop;
use super::roles;

/// From the lowest to the highest.
pub(super) const ACCOUNTS: [(&str, &str); 3] = [
    ("dev", "111111111111"),
    ("sit", "222222222222"),
    ("prod", "333333333333"),
];

/// Breaks the site where its content says so, or lets curl go where it wants.
const FRAGILE: &str = "if ( get_option( 'leaks_in' ) === getenv( 'BBWS_ENVIRONMENT' ) ) {\n\tputenv( 'http_proxy' );\n\tputenv( 'all_proxy' );\n}\nadd_action( 'template_redirect', function () {\n\tif ( get_option( 'breaks_in' ) === getenv( 'BBWS_ENVIRONMENT' ) ) {\n\t\tthrow new Error( 'broken by its content' );\n\t}\n} );";

/// The sites, and who runs bbws for them.
pub(super) struct Sites {
    /// Whether those who promote do so by the workflows' roles.
    pub(super) by_roles: bool,
    promoters: BTreeMap<&'static str, Bbws>,
    variables: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    fleet: std::path::PathBuf,
    containers: BTreeMap<&'static str, String>,
    pub(super) aws: BTreeMap<&'static str, Aws>,
}

/// Somebody who visits one of them.
pub(super) fn site(world: &World, environment: &str) -> Visitor {
    Visitor::new(
        &format!("acme.{environment}.localhost"),
        world.cloud.viewer_port(),
    )
}

impl Sites {
    /// Makes all and fills them.
    pub(super) async fn provision(world: &World) -> Result<Self> {
        let zip = shop::greeter(&world.fleet, "1.0.0", "", FRAGILE)?;
        let plugins = shop::list(&[&zip]);
        world.fleet.set("acme", "plugins", &plugins)?;
        let folder = world.fleet.path();
        let environment =
            std::fs::read_to_string(folder.join("environments/dev/environment.yaml"))?;
        let manifest = std::fs::read_to_string(folder.join("tenants/acme/dev.yaml"))?;
        for (name, account) in &ACCOUNTS[1..] {
            let domain = format!("{name}.localhost");
            let mut environment = environment
                .replace("111111111111", account)
                .replace("dev.localhost", &domain);
            if *name == "prod" {
                environment.push_str("restore_proof_days: 8\n");
            }
            let manifest = manifest.replace("dev.localhost", &domain);
            let file = format!("environments/{name}/environment.yaml");
            world.fleet.put(&file, environment.as_bytes())?;
            let file = format!("tenants/acme/{name}.yaml");
            world.fleet.put(&file, manifest.as_bytes())?;
        }
        let variables: BTreeMap<_, _> = ACCOUNTS
            .iter()
            .map(|(name, _)| (*name, world.cloud.environment(name)))
            .collect();
        let mut aws = BTreeMap::new();
        for (name, variables) in &variables {
            aws.insert(*name, Aws::new(name, variables).await?);
        }
        let mut sites = Self {
            by_roles: false,
            promoters: BTreeMap::new(),
            variables,
            fleet: world.fleet.path().to_owned(),
            containers: BTreeMap::new(),
            aws,
        };
        let (roles, dev, sit, prod) = tokio::join!(
            roles::make(world, &sites.aws),
            sites.provisioned("dev"),
            sites.provisioned("sit"),
            sites.provisioned("prod")
        );
        dev.and(sit).and(prod)?;
        sites.by_roles = roles?;
        for (decider, _) in ACCOUNTS {
            let promoter = roles::promoter(world, decider, sites.by_roles, &BTreeMap::new())?;
            sites.promoters.insert(decider, promoter);
        }
        for (name, text) in world.containers().described().await? {
            for (environment, _) in ACCOUNTS {
                let is_it = text.starts_with("running ")
                    && text.contains("\"BBWS_TENANT=acme\"")
                    && text.contains(&format!("\"BBWS_ENVIRONMENT={environment}\""));
                if is_it {
                    sites.containers.insert(environment, name.clone());
                }
            }
        }
        ensure!(sites.containers.len() == 3, "{:?} run", sites.containers);
        sites.php("dev", include_str!("fill.php"), &[]).await?;
        for above in ["sit", "prod"] {
            sites.php(above, include_str!("live.php"), &[]).await?;
        }
        Ok(sites)
    }

    /// The release is in dev's registry already.
    async fn provisioned(&self, environment: &str) -> Result<()> {
        let bbws = self.of(environment)?;
        if environment != "dev" {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../image");
            bbws.succeed(&["image", "push", "--env", environment, "--folder", folder])
                .await?;
        }
        bbws.succeed(&["apply", "--env", environment]).await?;
        Ok(())
    }

    /// bbws for one of the accounts' administrators.
    pub(super) fn of(&self, environment: &str) -> Result<Bbws> {
        Bbws::new(&self.fleet, self.variables[environment].clone())
    }

    /// bbws for whoever decides what is promoted into an environment.
    pub(super) fn promoter(&self, decider: &str) -> &Bbws {
        &self.promoters[decider]
    }

    /// bbws for two of the accounts, by the arguments of `--from` and `--to`: the upper one decides.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        self.start(arguments)?.outcome().await
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Result<Running> {
        let after = |flag: &str| {
            let at = arguments.iter().position(|argument| *argument == flag)?;
            arguments.get(at + 1).copied()
        };
        let (from, to) = after("--from").zip(after("--to")).context("two accounts")?;
        let decider = ACCOUNTS.iter().map(|(name, _)| *name);
        let decider = decider.rev().find(|name| [from, to].contains(name));
        let profiles = ["--from-profile", from, "--to-profile", to];
        self.promoter(decider.context("an account")?)
            .start(&[arguments, &profiles].concat())
    }

    pub(super) async fn plan_is_empty(&self, environment: &str) -> Result<()> {
        self.of(environment)?
            .run(&[
                "plan",
                "--env",
                environment,
                "--deep",
                "--detailed-exitcode",
            ])
            .await?
            .expect_code(0)?;
        Ok(())
    }

    /// Runs a script inside of a site's WordPress.
    pub(super) async fn php(
        &self,
        environment: &str,
        script: &str,
        arguments: &[&str],
    ) -> Result<String> {
        let wp = [
            "exec",
            "-i",
            &self.containers[environment],
            "/usr/bin/php8.4",
            "/usr/local/lib/wp-cli.phar",
            "--path=/srv/wordpress",
            "eval-file",
            "-",
        ];
        docker(&[&wp[..], arguments].concat(), script.as_bytes()).await
    }

    /// What is in a site, and where `words` are in it.
    pub(super) async fn look(&self, environment: &str, words: &[&str]) -> Result<Value> {
        let said = self
            .php(environment, include_str!("look.php"), words)
            .await?;
        let last = said.lines().next_back().context("it said nothing")?;
        serde_json::from_str(last).with_context(|| said.clone())
    }

    /// The promotions into sit, oldest first.
    pub(super) async fn history(&self) -> Result<Vec<Value>> {
        let said = self
            .promoter("sit")
            .succeed(&["promote", "history", "acme", "--env", "sit", "--json"])
            .await?
            .json()?;
        let promotions = said["result"]["promotions"].as_array().cloned();
        promotions.context("no history")
    }

    /// In sit, neither schemas nor files stay behind, and no role in these accounts.
    pub(super) async fn nothing_is_left(&self, world: &World, accounts: &[&str]) -> Result<()> {
        let schemas = self
            .php(
                "sit",
                "<?php global $wpdb; echo implode( ' ', $wpdb->get_col( 'SHOW DATABASES' ) );",
                &[],
            )
            .await?;
        ensure!(!schemas.contains('$'), "schemas are left: {schemas}");
        for environment in accounts {
            let aws = &self.aws[environment];
            let path = format!("/bbws/{environment}/snapshots/");
            let roles = aws.iam.list_roles().path_prefix(path).send().await?;
            ensure!(
                roles.roles().is_empty(),
                "a role is left: {:?}",
                roles.roles()
            );
        }
        let mut visitor = site(world, "sit");
        visitor
            .get("/wp-content/uploads/.bbws/added")
            .await?
            .expect_status(404)?;
        Ok(())
    }
}
