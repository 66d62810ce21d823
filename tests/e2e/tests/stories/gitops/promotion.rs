//! What a site runs and holds goes into the account above, by a pull request and its merge.

use super::super::plugins::shop;
use super::super::rollout::Releases;
use super::super::supply::findings;
use super::Day;
use anyhow::{Context as _, Result, ensure};
use e2e::{Aws, Bbws, Job, Visitor, repository};
use localcloud::proxy::{Filter, Kind, Rule};
use serde_json::json;
use std::collections::BTreeMap;

const MANIFEST: &str = "tenants/acme/sit.yaml";
const DEV_ROLE: &str = "arn:aws:iam::111111111111:role/bbws/github/bbws-dev-github-promote";
const SIT_ROLE: &str = "arn:aws:iam::222222222222:role/bbws/github/bbws-sit-github-promote";
const POST: &str = "Written in dev, read in sit";

impl Day<'_> {
    pub(super) async fn a_promotion_is_a_pull_request_and_its_merge(&self) -> Result<()> {
        let world = self.world;
        let fleet = &world.fleet;
        let path = |name: &str| fleet.path().join(name);
        for name in ["environments/dev/environment.yaml", "tenants/acme/dev.yaml"] {
            let text = std::fs::read_to_string(path(name))?;
            let text = text
                .replace("111111111111", "222222222222")
                .replace("dev.localhost", "sit.localhost");
            let name = name.replace("/dev/", "/sit/").replace("/dev.", "/sit.");
            fleet.put(&name, text.as_bytes())?;
        }
        let sit = Bbws::new(fleet.path(), world.cloud.environment("sit"))?;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../image");
        sit.succeed(&["image", "push", "--env", "sit", "--folder", folder])
            .await?;
        sit.succeed(&["apply", "--env", "sit"]).await?;

        let zip = shop::greeter(fleet, "1.0.0", "", "")?;
        fleet.set("acme", "plugins", &shop::list(&[&zip]))?;
        let releases = Releases::of(world)?;
        let release = releases.make("promoted", "LABEL promoted=1", &[]).await;
        releases.forget().await?;
        fleet.set("acme", "release", &release?)?;
        world.apply().await?;
        let password = world
            .aws
            .secret_field("bbws/dev/acme/wordpress", "admin_password")
            .await?;
        let mut admin = world.visitor("acme");
        admin.log_in("acme-admin", &password).await?;
        admin.publish(POST).await?;

        let before = std::fs::read_to_string(path(MANIFEST))?;
        let held = before.clone();
        self.github
            .repository()
            .files
            .insert(MANIFEST.to_owned(), held);
        self.what_is_not_scanned_well_stays_out().await?;
        let proposed = self.in_sit("promote", "propose", "all").await?;
        ensure!(proposed.succeeded(), "{proposed:#?}");
        ensure!(
            std::fs::read_to_string(path(MANIFEST))? == before,
            "the pull request stayed behind in the folder"
        );
        let (body, after) = self.opened()?;
        for part in [
            "| address |",
            "acme.dev.localhost",
            "greeter 1.0.0",
            "bbws promote undo",
        ] {
            ensure!(body.contains(part), "{part} is missing: {body}");
        }
        let more = after
            .strip_prefix(&before)
            .context("more than that was changed")?;
        for part in [
            "plugins: [{slug: greeter",
            "release: sha256:",
            "promotion:\n  from: dev\n  content: all\n  request: ",
        ] {
            ensure!(more.contains(part), "{part} is missing: {after}");
        }

        // The merge.
        fleet.put(MANIFEST, after.as_bytes())?;
        sit.succeed(&["apply", "--env", "sit"]).await?;
        for (wanted, then) in [("1", true), ("0", false)] {
            let requested = self
                .in_sit("promote-environment", "requested", "all")
                .await?;
            ensure!(requested.outputs["count"] == wanted, "{requested:#?}");
            if then {
                let promoted = self.in_sit("promote-environment", "promote", "all").await?;
                ensure!(promoted.succeeded(), "{promoted:#?}");
            }
        }
        let mut visitor = Visitor::new("acme.sit.localhost", world.cloud.viewer_port());
        let page = visitor.get("/").await?.expect_status(200)?;
        for part in [POST, "greetings of 1.0.0"] {
            ensure!(
                page.text().contains(part),
                "{part} is missing: {:.2000}",
                page.text()
            );
        }
        ensure!(
            !page.text().contains("dev.localhost"),
            "addresses of dev are left"
        );
        world.note("a promotion went through a pull request and its merge");
        Ok(())
    }

    /// No policy, no scan, and a finding that the policy forbids: nothing is opened.
    async fn what_is_not_scanned_well_stays_out(&self) -> Result<()> {
        let world = self.world;
        let refused = async |words: &str| {
            let job = self.in_sit("promote", "propose", "none").await?;
            ensure!(!job.succeeded() && job.log.contains(words), "{job:#?}");
            Ok::<_, anyhow::Error>(job)
        };
        refused("scan-policy.yaml").await?;
        let policy = std::fs::read(repository("image/scan-policy.yaml"))?;
        world.fleet.put("image/scan-policy.yaml", &policy)?;
        let faults = world.cloud.proxy().faults();
        let asked = Filter {
            operation: Some("DescribeImageScanFindings".to_owned()),
            ..Filter::default()
        };
        faults.add(Rule::new(asked, Kind::AccessDenied));
        let job = refused("is not scanned").await;
        faults.reset(0);
        let log = job?.log;
        let digest = log.split("sha256:").nth(1).context("no digest is told")?;
        let digest = format!("sha256:{}", &digest[..64]);
        let sit = Aws::new("sit", &world.cloud.environment("sit")).await?;
        findings(&sit, &digest, true).await?;
        refused("CVE-2026-0001").await?;
        findings(&sit, &digest, false).await?;
        ensure!(
            self.github.repository().opened.is_empty(),
            "it was opened all the same"
        );
        world.note("an image that no scan let pass was not promoted");
        Ok(())
    }

    /// And down again, as a copy in quarantine.
    pub(super) async fn a_copy_comes_down(&self) -> Result<()> {
        let mut runner = self.runner("workflow_dispatch", &"9".repeat(40), json!({}));
        runner.context["inputs"] = json!({"tenant": "acme", "from": "sit"});
        runner.context["vars"] = json!({
            "AWS_ROLE_ARN": SIT_ROLE, "AWS_REGION": "af-south-1",
            "COPY_TO": "dev", "AWS_COPY_ROLE_ARN": DEV_ROLE, "AWS_COPY_REGION": "af-south-1",
        });
        let copied = runner.run("copy", "copy").await?;
        ensure!(copied.succeeded(), "{copied:#?}");
        let page = self.world.visitor("acme").get("/").await?;
        let page = page.expect_status(200)?;
        ensure!(
            page.text().contains(POST),
            "{POST} is missing: {:.2000}",
            page.text()
        );
        let robots = page.headers.get("x-robots-tag");
        let robots = robots.and_then(|value| value.to_str().ok());
        ensure!(
            robots == Some("noindex, nofollow"),
            "it is not quarantined: {robots:?}"
        );
        self.world.note("a copy came down, in quarantine");
        Ok(())
    }

    /// A job of a workflow, with the roles of both accounts.
    async fn in_sit(&self, workflow: &str, job: &str, content: &str) -> Result<Job> {
        let mut runner = self.runner("workflow_dispatch", &"9".repeat(40), json!({}));
        let sit: BTreeMap<_, _> = self.world.cloud.environment("sit");
        runner.variables.extend(sit);
        runner.context["inputs"] =
            json!({"environment": "sit", "tenant": "acme", "to": "sit", "content": content});
        runner.context["vars"] = json!({
            "AWS_ROLE_ARN": SIT_ROLE, "AWS_REGION": "af-south-1",
            "AWS_SOURCE_ROLE_ARN": DEV_ROLE, "AWS_SOURCE_REGION": "af-south-1",
        });
        runner.run(workflow, job).await
    }

    /// The pull request's body, and what it makes of the manifest.
    fn opened(&self) -> Result<(String, String)> {
        let repository = self.github.repository();
        let pull = repository
            .opened
            .values()
            .next_back()
            .context("none was opened")?;
        let commit = &repository.objects[&repository.branches["promote/acme-sit"]];
        let tree = &repository.objects[commit["tree"].as_str().unwrap_or_default()]["tree"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        ensure!(tree[0]["path"] == MANIFEST, "{tree}");
        Ok((text(&pull["body"]), text(&tree[0]["content"])))
    }
}
