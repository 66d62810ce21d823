//! What `bbws github` makes of plans and applies: one comment, a check run, labels, deployments, one issue. No cloud is needed.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, Fleet, Github, Outcome};
use serde_json::{Value, json};

use text::nothing_acts;

const HEAD: &str = "1111111111111111111111111111111111111111";
const MERGED: &str = "2222222222222222222222222222222222222222";
const HOSTILE: &str = "`\n\n# @acme-hosting/all </details> <img src=//evil.example> [x](http://evil.example) ```` \u{202e}";

/// A workflow's job: files in a folder, and GitHub.
pub(super) struct Job {
    pub(super) github: Github,
    pub(super) folder: Fleet,
    pub(super) bbws: Bbws,
}

impl Job {
    pub(super) async fn new() -> Result<Self> {
        let github = Github::start().await?;
        let folder = Fleet::empty()?;
        let mut variables = github.variables();
        let summary = folder.path().join("summary.md");
        variables.insert("GITHUB_STEP_SUMMARY", summary.display().to_string());
        let bbws = Bbws::new(folder.path(), variables)?;
        Ok(Self {
            github,
            folder,
            bbws,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, arguments: &[&str], (flag, json): (&str, &Value)) -> Result<Outcome> {
        self.folder.put("in.json", json.to_string().as_bytes())?;
        let file = self.path("in.json").display().to_string();
        let arguments = [&["github"], arguments, &["--env", "dev", flag, &file]].concat();
        self.bbws.run(&arguments).await
    }

    /// Reports a plan on a pull request.
    async fn plan(&self, number: u64, plan: &Value) -> Result<Outcome> {
        let number = number.to_string();
        let details = self.path("details.md").display().to_string();
        let arguments = [
            "plan",
            "--pull-request",
            &number,
            "--commit",
            HEAD,
            "--details",
            &details,
        ];
        self.run(&arguments, ("--plan", plan)).await
    }
}

fn printed(command: &str, exit_code: u8, result: Value) -> Value {
    json!({"schema_version": 1, "command": command, "exit_code": exit_code, "result": result})
}

fn plan_of(tenants: &[String], verdict: &str, note: &str) -> Value {
    let change = |tenant: &String| {
        json!({
            "tenant": tenant, "resource": "task definition", "action": "update", "id": "arn", "reason": note,
            "fields": [
                {"path": "memory", "before": 512, "after": 1024},
                {"path": "title", "before": HOSTILE, "after": "x".repeat(100)},
            ],
        })
    };
    let site = |tenant: &String| {
        let file = format!("tenants/{tenant}/dev.yaml");
        let manifest = json!({"file": file, "lines": {"version": 1, "memory": 9}});
        (
            tenant.clone(),
            json!({"url": format!("https://{tenant}.example/"), "manifest": manifest}),
        )
    };
    let changes: Vec<_> = tenants.iter().map(change).collect();
    let sites: BTreeMap<_, _> = tenants.iter().map(site).collect();
    let words: BTreeMap<_, _> = tenants.iter().map(|tenant| (tenant, "00ff")).collect();
    let result = json!({
        "environment": "dev", "to_add": 0, "to_change": tenants.len(), "to_destroy": 0, "verdict": verdict,
        "freeze": null, "changes": changes, "left_alone": [], "waves": [tenants], "held": {}, "notes": [note],
        "sites": sites, "fingerprint": {"plan": "abcd", "tenants": words},
        "monthly_difference": {"least": 1.5, "most": 3.0},
    });
    printed("plan", 0, result)
}

fn tenants(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("tenant-{number:03}"))
        .collect()
}

#[tokio::test]
async fn a_plan_is_one_comment_whatever_it_holds() -> Result<()> {
    let job = Job::new().await?;
    let number = job
        .github
        .repository()
        .open_pull_request("More memory", HEAD);
    {
        // Somebody who would like to have their comment edited.
        let mut repository = job.github.repository();
        let forged = json!({
            "id": 1_000_000, "issue": number, "body": "<!-- bbws plan dev -->\nmine",
            "user": {"login": "eve", "type": "User"},
        });
        repository.comments.insert(1_000_000, forged);
    }
    let small = plan_of(&tenants(1), "ready", HOSTILE);
    job.plan(number, &small).await?.expect_code(0)?;
    let first = comment(&job, number)?;
    for part in [
        "1 to change",
        "**Ready**",
        "+$1.50 at the fewest",
        "replaces the tasks of 1 site",
        "<code>tenant&#45;000</code>",
    ] {
        ensure!(first.contains(part), "{part} is missing: {first}");
    }
    nothing_acts(&first)?;

    // Twice the same changes nothing, a larger one edits, and what does not fit is in a file.
    job.plan(number, &small).await?.expect_code(0)?;
    let large = plan_of(&tenants(400), "ready", HOSTILE);
    job.plan(number, &large).await?.expect_code(0)?;
    let second = comment(&job, number)?;
    ensure!(
        second.chars().count() <= 60_100,
        "{} characters",
        second.chars().count()
    );
    ensure!(
        second.contains("sites more did not fit") || second.contains("sites"),
        "{second:.500}"
    );
    nothing_acts(&second)?;
    let whole = std::fs::read_to_string(job.path("details.md"))?;
    ensure!(whole.contains("tenant&#45;399"), "the whole is not whole");
    let summary = std::fs::read_to_string(job.path("summary.md"))?;
    ensure!(
        summary.contains("tenant&#45;399") && summary.len() <= 1024 * 1024,
        "{}",
        summary.len()
    );
    let forged = job.github.repository().comments[&1_000_000]["body"].clone();
    ensure!(
        forged == "<!-- bbws plan dev -->\nmine",
        "a stranger's comment was edited"
    );
    Ok(())
}

#[tokio::test]
async fn a_check_run_and_labels_say_how_a_plan_stands() -> Result<()> {
    let job = Job::new().await?;
    let number = job
        .github
        .repository()
        .open_pull_request("More memory", HEAD);
    job.plan(number, &plan_of(&tenants(120), "ready", "note"))
        .await?
        .expect_code(0)?;
    {
        let repository = job.github.repository();
        let runs: Vec<_> = repository.check_runs.values().collect();
        ensure!(runs.len() == 1, "one check run: {runs:?}");
        let (run, annotations) = (runs[0], runs[0]["annotations"].as_array().context("none")?);
        ensure!(
            run["conclusion"] == "success" && run["head_sha"] == HEAD,
            "{run}"
        );
        ensure!(
            annotations.len() == 120,
            "{} annotations",
            annotations.len()
        );
        // The line of the key that changes.
        ensure!(
            annotations[7]["path"] == "tenants/tenant-007/dev.yaml"
                && annotations[7]["start_line"] == 9,
            "{}",
            annotations[7]
        );
        ensure!(
            repository.labels_of(number) == ["dev: changes"],
            "{:?}",
            repository.labels_of(number)
        );
    }
    job.plan(number, &plan_of(&tenants(1), "frozen", "note"))
        .await?
        .expect_code(0)?;
    job.plan(number, &plan_of(&[], "nothing_to_do", "note"))
        .await?
        .expect_code(0)?;
    {
        let repository = job.github.repository();
        ensure!(
            repository.labels_of(number).is_empty(),
            "{:?}",
            repository.labels_of(number)
        );
        let conclusions: Vec<_> = repository
            .check_runs
            .values()
            .map(|run| run["conclusion"].clone())
            .collect();
        ensure!(
            conclusions == ["success", "neutral", "success"],
            "{conclusions:?}"
        );
    }

    // Invalid manifests: each finding at its line.
    let failed = json!({
        "schema_version": 1, "command": "plan", "exit_code": 3,
        "error": {"message": "the manifests have 1 problem", "causes": [], "next": "correct them"},
    });
    let finding = json!({
        "file": "tenants/acme/dev.yaml", "rule": "unknown-key", "message": "no key `x`", "help": "did you mean `y`?",
        "span": {"start": {"line": 4, "column": 1}, "end": {"line": 4, "column": 2}},
    });
    let validation = printed(
        "validate",
        3,
        json!({"findings": [finding], "warnings": [], "valid": false}),
    );
    job.folder
        .put("validation.json", validation.to_string().as_bytes())?;
    let (file, number) = (
        job.path("validation.json").display().to_string(),
        number.to_string(),
    );
    let arguments = [
        "plan",
        "--pull-request",
        &number,
        "--commit",
        HEAD,
        "--validation",
        &file,
    ];
    job.run(&arguments, ("--plan", &failed))
        .await?
        .expect_code(0)?;
    let repository = job.github.repository();
    let last = repository
        .check_runs
        .values()
        .last()
        .context("no check run")?;
    ensure!(
        last["conclusion"] == "failure" && last["annotations"][0]["start_line"] == 4,
        "{last}"
    );
    Ok(())
}

#[tokio::test]
async fn an_approval_is_found_by_the_merge_commit() -> Result<()> {
    let job = Job::new().await?;
    let number = job
        .github
        .repository()
        .open_pull_request("More memory", HEAD);
    let approved = [
        "github", "approved", "--env", "dev", "--commit", MERGED, "--json",
    ];
    job.bbws.run(&approved).await?.expect_code(4)?;
    job.plan(number, &plan_of(&tenants(2), "ready", "note"))
        .await?
        .expect_code(0)?;
    job.bbws.run(&approved).await?.expect_code(4)?;
    job.github.repository().merge(number, MERGED);
    let json = job.bbws.run(&approved).await?.expect_code(0)?.json()?;
    ensure!(
        json["result"]["fingerprint"]["plan"] == "abcd"
            && json["result"]["fingerprint"]["tenants"]["tenant-001"] == "00ff",
        "{json}"
    );
    Ok(())
}

#[tokio::test]
async fn a_failed_apply_is_one_issue_until_it_is_over() -> Result<()> {
    let job = Job::new().await?;
    let item = |tenant: &str, error: Option<&str>| json!({"tenant": tenant, "resource": "service", "action": "update", "error": error, "next": error.map(|_| "look")});
    let sites = json!({
        "acme": {"url": "https://acme.example/", "manifest": null},
        "bolt": {"url": "https://bolt.example/", "manifest": null},
        "cask": {"url": null, "manifest": null},
    });
    let run = |failed: Vec<Value>, code| {
        let result = json!({
            "environment": "dev", "changed": [item("acme", None)], "failed": failed, "skipped": [],
            "seconds": 1.5, "sites": sites,
        });
        printed("apply", code, result)
    };
    let arguments = ["apply", "--commit", MERGED];
    for _ in 0..2 {
        let bad = run(vec![item("bolt", Some(HOSTILE))], 1);
        job.run(&arguments, ("--run", &bad)).await?.expect_code(0)?;
    }
    {
        let repository = job.github.repository();
        ensure!(repository.issues.len() == 1, "{:?}", repository.issues);
        let issue = repository.issues.values().next().context("no issue")?;
        let text = issue["body"].as_str().unwrap_or_default();
        for part in [
            "merged and not live",
            "changes of ` acme ` (1)",
            "` bolt `: ` update `",
            "bbws apply --env dev",
            "/actions/runs/4711",
        ] {
            ensure!(text.contains(part), "{part} is missing: {text}");
        }
        nothing_acts(text)?;
        let states: Vec<_> = repository
            .deployments
            .values()
            .map(|made| {
                (
                    made["environment"].clone(),
                    made["statuses"][0]["state"].clone(),
                )
            })
            .collect();
        let (acme, bolt) = (json!("dev/acme"), json!("dev/bolt"));
        let both = [(acme, json!("success")), (bolt, json!("failure"))];
        ensure!(states == [both.clone(), both].concat(), "{states:?}");
        let status = &repository.deployments.values().next().context("none")?["statuses"][0];
        ensure!(
            status["environment_url"] == "https://acme.example/",
            "{status}"
        );
    }
    job.run(&arguments, ("--run", &run(Vec::new(), 0)))
        .await?
        .expect_code(0)?;
    let repository = job.github.repository();
    let issue = repository.issues.values().next().context("no issue")?;
    ensure!(issue["state"] == "closed", "{issue}");
    Ok(())
}

#[tokio::test]
async fn what_checks_find_is_one_issue_until_they_pass() -> Result<()> {
    let job = Job::new().await?;
    let check = |verdict: &str| json!({"check": "efs-tls", "subject": verdict, "verdict": verdict, "found": HOSTILE, "fix": "look"});
    let checks = |verdicts: &[&str], code| {
        let checks: Vec<_> = verdicts.iter().map(|verdict| check(verdict)).collect();
        printed(
            "audit",
            code,
            json!({"environment": "dev", "findings": 0, "unreadable": 0, "checks": checks}),
        )
    };
    let ended = json!({
        "schema_version": 1, "command": "audit", "exit_code": 1,
        "error": {"message": "no credentials", "causes": [], "next": "sign in"},
    });
    let mixed = checks(&["pass", "finding", "unreadable"], 4);
    for (printed, parts) in [
        (&ended, &["no credentials", "` sign in `"][..]),
        (
            &mixed,
            &["3 checks: 1 found something, 1 could not look.\n\n- ` efs-tls ` of ` unreadable `"],
        ),
    ] {
        job.run(&["checks"], ("--checks", printed))
            .await?
            .expect_code(0)?;
        let repository = job.github.repository();
        ensure!(repository.issues.len() == 1, "{:?}", repository.issues);
        let issue = repository.issues.values().next().context("no issue")?;
        let text = issue["body"].as_str().unwrap_or_default();
        for part in parts {
            ensure!(text.contains(part), "{part} is missing: {text}");
        }
        ensure!(!text.contains("` pass `"), "what passes is told: {text}");
        nothing_acts(text)?;
    }
    let summary = std::fs::read_to_string(job.path("summary.md"))?;
    ensure!(summary.contains("1 could not look"), "{summary}");
    // A doctor who finds nothing says nothing of the audit.
    let mut doctor = checks(&["pass"], 0);
    doctor["command"] = json!("doctor");
    for (printed, state) in [(&doctor, "open"), (&checks(&["pass"], 0), "closed")] {
        job.run(&["checks"], ("--checks", printed))
            .await?
            .expect_code(0)?;
        let repository = job.github.repository();
        let issue = repository.issues.values().next().context("no issue")?;
        ensure!(
            issue["state"] == state && repository.issues.len() == 1,
            "{issue}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn limits_are_waited_for_and_refusals_are_not() -> Result<()> {
    let job = Job::new().await?;
    let number = job
        .github
        .repository()
        .open_pull_request("More memory", HEAD);
    let after = || vec![("retry-after", "1".to_owned())];
    let reset = vec![
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", "0".to_owned()),
    ];
    job.github.repository().limits = vec![
        (403, after()),
        (429, after()),
        (403, reset),
        (502, Vec::new()),
    ];
    job.plan(number, &plan_of(&tenants(1), "ready", "note"))
        .await?
        .expect_code(0)?;
    comment(&job, number)?;
    job.github.repository().limits = vec![(403, Vec::new())];
    let refused = job
        .plan(number, &plan_of(&tenants(1), "ready", "note"))
        .await?
        .expect_code(1)?;
    for part in ["403", "permissions", "check-runs"] {
        ensure!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    // A limit of an hour ends the run instead of the job's minutes.
    job.github.repository().limits = vec![(403, vec![("retry-after", "3600".to_owned())])];
    let limited = job
        .plan(number, &plan_of(&tenants(1), "ready", "note"))
        .await?
        .expect_code(1)?;
    ensure!(
        limited.stderr.contains("limited for another 3600 s"),
        "{}",
        limited.stderr
    );
    Ok(())
}

/// The bot's only comment.
fn comment(job: &Job, number: u64) -> Result<String> {
    let repository = job.github.repository();
    let comments = repository.comments_of(number);
    let own: Vec<_> = comments
        .iter()
        .filter(|comment| comment["user"]["type"] == "Bot")
        .collect();
    ensure!(own.len() == 1, "one comment, not {}", own.len());
    Ok(own[0]["body"].as_str().unwrap_or_default().to_owned())
}
