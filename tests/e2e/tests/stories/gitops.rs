//! A change's way from a pull request to visitors, by the workflows' own command lines, on the local cloud and a GitHub of the
//! story's own. And what must not come that far.

mod promotion;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use e2e::{Fleet, Github, Job, Runner, World, repository, story};
use localcloud::Options;
use localcloud::proxy::{Filter, Kind, Rule};
use serde_json::{Value, json};
use tokio::process::Command;

/// What nobody may execute, wherever it stands.
const FORGED: &str = "$(touch executed)`touch executed`;touch executed\"'";

#[tokio::test(flavor = "multi_thread")]
async fn gitops() {
    story(
        "gitops",
        Options::for_test(&["dev", "sit"]),
        Fleet::of(&["acme", "bolt"]),
        async |world| {
            world.apply().await?;
            let day = Day {
                github: Github::start().await?,
                world,
            };
            day.github.release(&world.bbws()?, &world.fleet)?;
            day.a_change_goes_live().await?;
            day.a_failing_tenant_is_an_issue_until_it_is_mended()
                .await?;
            day.what_changed_since_the_approval_stops_the_apply()
                .await?;
            day.a_freeze_is_a_verdict_and_a_refusal().await?;
            day.forged_names_are_text().await?;
            day.a_promotion_is_a_pull_request_and_its_merge().await?;
            day.a_copy_comes_down().await?;
            day.what_an_audit_finds_is_an_issue().await
        },
    )
    .await;
}

/// The workflows pass the linter of the field with nothing found, and keep to the published schemas.
#[tokio::test(flavor = "multi_thread")]
async fn the_workflows_are_sound() -> Result<()> {
    let requirements = repository("tests/e2e/workflows.txt");
    let program = async |name| localcloud::prerequisites::python_program(&requirements, name).await;
    let files = |folder: &str| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(repository(folder))?;
        entries
            .map(|entry| Ok(entry?.path().display().to_string()))
            .collect()
    };
    let workflows = files(".github/workflows")?;
    ensure!(workflows.len() >= 7, "only {workflows:?}");
    let actions: Vec<_> = files(".github/actions")?
        .iter()
        .map(|folder| format!("{folder}/action.yml"))
        .collect();
    let schema = program("check-jsonschema").await?;
    let forms = files(".github/ISSUE_TEMPLATE")?;
    for (kind, files) in [
        ("vendor.github-issue-forms", &forms),
        ("vendor.github-workflows", &workflows),
        ("vendor.github-actions", &actions),
    ] {
        run(Command::new(&schema)
            .args(["--builtin-schema", kind])
            .args(files))
        .await?;
    }
    let folder = repository(".github");
    run(Command::new(program("zizmor").await?)
        .args(["--offline", "--no-progress"])
        .arg(folder))
    .await
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.kill_on_drop(true).output().await?;
    ensure!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

struct Day<'a> {
    world: &'a World,
    github: Github,
}

impl Day<'_> {
    fn runner(&self, event: &str, commit: &str, context: Value) -> Runner {
        let mut variables: BTreeMap<_, _> = self.world.variables();
        let mut github = self.github.variables();
        let token = github.remove("GITHUB_TOKEN").unwrap_or_default();
        let server = github["GITHUB_SERVER_URL"].clone();
        variables.extend(github);
        variables.extend([
            ("HOME", std::env::var("HOME").unwrap_or_default()),
            ("GITHUB_EVENT_NAME", event.to_owned()),
            ("GITHUB_SHA", commit.to_owned()),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job".to_owned()),
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("{server}/id-token?version=2"),
            ),
        ]);
        let mut all = json!({
            "github": {"token": token},
            "matrix": {"environment": "dev"}, "inputs": {"environment": "dev"},
            "vars": {"AWS_ROLE_ARN": "arn:aws:iam::111111111111:role/bbws-dev", "AWS_REGION": "af-south-1"},
        });
        for (key, value) in context.as_object().into_iter().flatten() {
            all["github"][key] = value.clone();
        }
        Runner {
            checkout: self.world.fleet.path().to_owned(),
            variables,
            context: all,
        }
    }

    /// Opens a pull request of what the checkout now says, and runs its workflow.
    async fn propose(&self, title: &str, head: &str) -> Result<(u64, Job)> {
        let number = self.github.repository().open_pull_request(title, head);
        let event = json!({
            "head_ref": title,
            "event": {"pull_request": {"number": number, "title": title, "head": {"sha": head, "ref": title}}},
        });
        let runner = self.runner("pull_request", head, event);
        let job = runner.run("plan", "plan").await?;
        Ok((number, job))
    }

    async fn merge(&self, number: u64, commit: &str) -> Result<Job> {
        self.github.repository().merge(number, commit);
        self.apply("push", commit).await
    }

    async fn apply(&self, event: &str, commit: &str) -> Result<Job> {
        let runner = self.runner(event, commit, json!({}));
        runner.run("apply-environment", "apply").await
    }

    async fn shows(&self, tenant: &str, title: &str) -> Result<()> {
        let page = self
            .world
            .visitor(tenant)
            .get("/")
            .await?
            .expect_status(200)?;
        let page = page.text();
        ensure!(page.contains(title), "{tenant} lacks {title}: {page:.2000}");
        Ok(())
    }

    fn comment(&self, number: u64) -> Result<String> {
        let repository = self.github.repository();
        let comments = repository.comments_of(number);
        ensure!(comments.len() == 1, "one comment: {comments:?}");
        Ok(comments[0]["body"].as_str().unwrap_or_default().to_owned())
    }

    /// The only issue, as it is.
    fn issue(&self, title: &str) -> Result<Value> {
        let repository = self.github.repository();
        let mut issues = repository
            .issues
            .values()
            .filter(|issue| issue["title"] == title);
        issues
            .next_back()
            .cloned()
            .with_context(|| format!("no issue {title}"))
    }

    async fn a_change_goes_live(&self) -> Result<()> {
        self.world.fleet.set("acme", "title", "Approved")?;
        let (head, commit) = ("a".repeat(40), "b".repeat(40));
        let (number, planned) = self.propose("A title", &head).await?;
        ensure!(
            planned.succeeded() && planned.actions.len() == 2,
            "{planned:#?}"
        );
        let comment = self.comment(number)?;
        ensure!(
            comment.contains("0 to add, 1 to change") && comment.contains("**Ready**"),
            "{comment}"
        );
        {
            let repository = self.github.repository();
            let run = repository
                .check_runs
                .values()
                .next()
                .context("no check run")?;
            ensure!(
                run["conclusion"] == "success" && run["head_sha"] == head,
                "{run}"
            );
            // The title's line, behind the others since it was set.
            let annotation = &run["annotations"][0];
            ensure!(
                annotation["path"] == "tenants/acme/dev.yaml" && annotation["start_line"] == 7,
                "{annotation}"
            );
        }
        // A push to main that no pull request merged is not what anybody approved.
        let pushed = self.apply("push", &"c".repeat(40)).await?;
        ensure!(
            pushed.codes["Apply"] == 4 && pushed.codes["Report"] == 0,
            "{pushed:#?}"
        );
        self.shows("acme", "The site of acme").await?;
        ensure!(
            self.issue("dev is not what main says")?["state"] == "open",
            "no issue"
        );

        let applied = self.merge(number, &commit).await?;
        ensure!(applied.succeeded(), "{applied:#?}");
        self.shows("acme", "Approved").await?;
        {
            let repository = self.github.repository();
            let deployment = repository.deployments.values().last().context("none")?;
            let status = &deployment["statuses"][0];
            ensure!(
                deployment["environment"] == "dev/acme"
                    && deployment["ref"] == commit
                    && status["state"] == "success",
                "{deployment}"
            );
            let url = status["environment_url"].as_str().unwrap_or_default();
            ensure!(url.contains("acme.dev.localhost"), "{url}");
        }
        ensure!(
            self.issue("dev is not what main says")?["state"] == "closed",
            "the issue is still open"
        );
        self.world.bbws()?.plan_is_empty().await?;
        self.world
            .note("a change went from a pull request to visitors");
        Ok(())
    }

    /// Somebody changes something of bolt at the console; what would mend it is denied.
    async fn a_failing_tenant_is_an_issue_until_it_is_mended(&self) -> Result<()> {
        let retention = self.world.aws.logs.put_retention_policy();
        retention
            .log_group_name("/bbws/dev/bolt")
            .retention_in_days(1)
            .send()
            .await?;
        let drift = self
            .runner("schedule", &"d".repeat(40), json!({}))
            .run("drift", "drift")
            .await?;
        ensure!(drift.succeeded(), "{drift:#?}");
        let issue = self.issue("dev has drifted from main")?;
        ensure!(
            issue["body"]
                .as_str()
                .is_some_and(|body| body.contains("retention")),
            "{issue}"
        );

        self.world.fleet.set("acme", "title", "Beside a failure")?;
        let (head, commit) = ("e".repeat(40), "f".repeat(40));
        let (number, planned) = self.propose("Another title", &head).await?;
        ensure!(planned.succeeded(), "{planned:#?}");
        let faults = self.world.cloud.proxy().faults();
        let denied = Filter {
            service: Some("logs".to_owned()),
            operation: Some("PutRetentionPolicy".to_owned()),
            ..Filter::default()
        };
        faults.add(Rule::new(denied, Kind::AccessDenied));
        let applied = self.merge(number, &commit).await;
        faults.reset(0);
        let applied = applied?;
        ensure!(
            applied.codes["Apply"] == 1 && applied.codes["Report"] == 0,
            "{applied:#?}"
        );
        self.shows("acme", "Beside a failure").await?;
        let issue = self.issue("dev is not what main says")?;
        let body = issue["body"].as_str().unwrap_or_default();
        for part in [
            "` acme ` (1)",
            "` bolt `",
            "PutRetentionPolicy",
            "bbws apply --env dev",
        ] {
            ensure!(body.contains(part), "{part} is missing: {body}");
        }
        let status = self
            .world
            .bbws()?
            .succeed(&["status", "--env", "dev"])
            .await?;
        ensure!(
            status.stdout.contains("Not live yet: 1 of 2 sites"),
            "{}",
            status.stdout
        );

        // What is left is carried out as it is now; the issue says how.
        let resumed = self.apply("workflow_dispatch", &commit).await?;
        ensure!(resumed.succeeded(), "{resumed:#?}");
        ensure!(
            self.issue("dev is not what main says")?["state"] == "closed",
            "the issue is still open"
        );
        let calm = self
            .runner("schedule", &commit, json!({}))
            .run("drift", "drift")
            .await?;
        ensure!(calm.succeeded(), "{calm:#?}");
        ensure!(
            self.issue("dev has drifted from main")?["state"] == "closed",
            "drift is still open"
        );
        self.world
            .note("a failing tenant was an issue until it was mended");
        Ok(())
    }

    async fn what_changed_since_the_approval_stops_the_apply(&self) -> Result<()> {
        self.world.fleet.set("acme", "title", "Seen")?;
        let (number, planned) = self.propose("Seen", &"1".repeat(40)).await?;
        ensure!(planned.succeeded(), "{planned:#?}");
        let retention = self.world.aws.logs.put_retention_policy();
        retention
            .log_group_name("/bbws/dev/bolt")
            .retention_in_days(1)
            .send()
            .await?;
        let commit = "2".repeat(40);
        let applied = self.merge(number, &commit).await?;
        ensure!(applied.codes["Apply"] == 4, "{applied:#?}");
        for part in [
            "not the one that was approved",
            "bolt was not to change",
            "retention",
        ] {
            ensure!(
                applied.log.contains(part),
                "{part} is missing: {}",
                applied.log
            );
        }
        self.shows("acme", "Beside a failure").await?;
        let issue = self.issue("dev is not what main says")?;
        ensure!(
            issue["state"] == "open"
                && issue["body"]
                    .as_str()
                    .is_some_and(|body| body.contains("bolt was not to change")),
            "{issue}"
        );
        let approved = self.apply("workflow_dispatch", &commit).await?;
        ensure!(approved.succeeded(), "{approved:#?}");
        self.world
            .note("what changed since the approval stopped the apply");
        Ok(())
    }

    async fn a_freeze_is_a_verdict_and_a_refusal(&self) -> Result<()> {
        self.world
            .fleet
            .set_environment("freeze", "{reason: Black Friday, by: Ada}")?;
        self.world.fleet.set("acme", "title", "Sale")?;
        let (number, planned) = self.propose("Sale", &"3".repeat(40)).await?;
        ensure!(planned.succeeded(), "{planned:#?}");
        let comment = self.comment(number)?;
        ensure!(
            comment.contains("**Frozen**") && comment.contains("Black Friday"),
            "{comment}"
        );
        ensure!(
            self.github
                .repository()
                .labels_of(number)
                .contains(&"dev: frozen"),
            "no label"
        );
        let applied = self.merge(number, &"4".repeat(40)).await?;
        ensure!(
            applied.codes["Apply"] == 4 && applied.log.contains("environment.yaml:15"),
            "{applied:#?}"
        );
        self.shows("acme", "Seen").await?;
        let ended = "{reason: Black Friday, by: Ada, until: 2026-01-01T00:00:00Z}";
        self.world.fleet.set_environment("freeze", ended)?;
        let again = self.merge(number, &"4".repeat(40)).await?;
        ensure!(again.succeeded(), "{again:#?}");
        self.shows("acme", "Sale").await?;
        self.world.note("a freeze was a verdict and a refusal");
        Ok(())
    }

    /// The local cloud's load balancers have no certificates.
    async fn what_an_audit_finds_is_an_issue(&self) -> Result<()> {
        let mut runner = self.runner("schedule", &"8".repeat(40), json!({}));
        runner.context["matrix"]["verb"] = json!("audit");
        let audited = runner.run("report", "report").await?;
        ensure!(
            audited.codes["Check"] == 1 && audited.codes["Report"] == 0,
            "{audited:#?}"
        );
        let issue = self.issue("audit of dev does not pass")?;
        let body = issue["body"].as_str().unwrap_or_default();
        ensure!(body.contains("` viewer-https `"), "{body}");
        self.world.note("what an audit finds was an issue");
        Ok(())
    }

    /// In a branch, a title, a file's name and a manifest: shown, and nothing more.
    async fn forged_names_are_text(&self) -> Result<()> {
        let fleet = &self.world.fleet;
        fleet.put(&format!("tenants/{FORGED}/dev.yaml"), b"version: 1\n")?;
        fleet.put(&format!("tenants/acme/{FORGED}.yaml"), b"version: 1\n")?;
        let (number, planned) = self.propose(FORGED, &"5".repeat(40)).await?;
        ensure!(
            planned.codes["Plan"] == 3
                && planned.codes["Report"] == 0
                && planned.codes["Validate"] == 0,
            "{planned:#?}"
        );
        let comment = self.comment(number)?;
        ensure!(comment.contains("no plan"), "{comment}");
        {
            let repository = self.github.repository();
            let run = repository.check_runs.values().last().context("none")?;
            let said = run["annotations"].to_string();
            ensure!(
                run["conclusion"] == "failure" && said.contains("touch executed"),
                "{run}"
            );
        }
        std::fs::remove_dir_all(fleet.path().join("tenants").join(FORGED))?;
        std::fs::remove_file(
            fleet
                .path()
                .join("tenants/acme")
                .join(format!("{FORGED}.yaml")),
        )?;

        // A title may hold anything; it goes all the way to visitors as text.
        let quoted = format!("'{}'", FORGED.replace('\'', "''"));
        fleet.set("acme", "title", &quoted)?;
        let (number, planned) = self.propose(FORGED, &"6".repeat(40)).await?;
        ensure!(planned.succeeded(), "{planned:#?}");
        let applied = self.merge(number, &"7".repeat(40)).await?;
        ensure!(applied.succeeded(), "{applied:#?}");
        self.shows("acme", "touch executed").await?;
        ensure!(
            !fleet.path().join("executed").exists(),
            "a name was executed"
        );
        self.world.note("forged names were text");
        Ok(())
    }
}
