//! Manifests that the runner writes and changes, in the folder and as pull requests. No cloud is needed.

use crate::github::Job;
use anyhow::{Context as _, Result, ensure};
use e2e::Runner;
use serde_json::{Value, json};

#[tokio::test]
async fn an_issue_form_becomes_a_pull_request() -> Result<()> {
    let job = Job::new().await?;
    job.github.release(&job.bbws, &job.folder)?;
    let form = |tenant: &str, title: &str| {
        let answers = [
            ("Tenant", tenant),
            ("Environment", "dev"),
            ("Organization", "New Ltd"),
            ("Site title", title),
            ("Domain", "new.dev.localhost"),
            ("Administrator", "ada"),
            ("Mail", "ada@new.example"),
        ];
        let answers = answers.map(|(heading, answer)| format!("### {heading}\n\n{answer}\n\n"));
        answers.concat()
    };
    let run = async |text: String| {
        let mut variables = job.github.variables();
        let token = variables.remove("GITHUB_TOKEN");
        let runner = Runner {
            checkout: job.folder.path().to_owned(),
            variables,
            context: json!({"github": {"token": token, "event": {"issue": {"body": text}}}}),
        };
        runner.run("tenant-request", "request").await
    };
    let title = "$(touch executed) `touch executed` \"@all\"";
    for _ in 0..2 {
        let opened = run(form("new", title)).await?;
        ensure!(
            opened.succeeded() && opened.log.contains("/pull/"),
            "{opened:#?}"
        );
    }
    {
        let repository = job.github.repository();
        ensure!(repository.opened.len() == 1, "{:?}", repository.opened);
        let commit = &repository.objects[&repository.branches["tenant/new-dev"]];
        let tree = &repository.objects[commit["tree"].as_str().unwrap_or_default()]["tree"];
        let paths: Vec<_> = tree
            .as_array()
            .into_iter()
            .flatten()
            .map(|file| file["path"].clone())
            .collect();
        ensure!(
            paths == ["tenants/new/tenant.yaml", "tenants/new/dev.yaml"],
            "{tree}"
        );
        let site = tree[1]["content"].as_str().unwrap_or_default();
        ensure!(
            site.contains(r#"title: "$(touch executed) `touch executed` \"@all\"""#),
            "{site}"
        );
    }
    ensure!(!job.path("tenants/new").exists(), "the files stayed behind");
    ensure!(!job.path("executed").exists(), "an answer was executed");
    for bad in [
        form("../new", "New"),
        form("new", "_No response_"),
        "nothing".to_owned(),
    ] {
        let refused = run(bad).await?;
        ensure!(!refused.succeeded(), "{refused:#?}");
    }
    ensure!(
        job.github.repository().branches.len() == 1,
        "a bad answer made a branch"
    );

    // By hand: written, valid, and not twice.
    let new = [
        "tenant",
        "new",
        "new",
        "--env",
        "dev",
        "--name",
        "New Ltd",
        "--title",
        "New",
        "--domain",
        "new.dev.localhost",
        "--user",
        "ada",
        "--email",
        "ada@new.example",
    ];
    job.bbws.run(&new).await?.expect_code(0)?;
    job.bbws.run(&["validate"]).await?.expect_code(0)?;
    job.bbws.run(&new).await?.expect_code(4)?;
    let mut other = new;
    other[2] = "other";
    let claimed = job.bbws.run(&other).await?.expect_code(3)?;
    ensure!(
        claimed.stderr.contains("domain-claimed") && !job.path("tenants/other").exists(),
        "{}",
        claimed.stderr
    );
    Ok(())
}

const MANIFEST: &str = "tenants/acme/dev.yaml";
const OF_ACME: [&str; 3] = ["acme", "--env", "dev"];

fn verb<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["tenant", verb][..], &OF_ACME, more].concat()
}

/// The file of the commit that a branch is at, as the tree that was asked for has it.
fn proposed(job: &Job, branch: &str, path: &str) -> Result<Value> {
    let repository = job.github.repository();
    let commit = &repository.objects[&repository.branches[branch]];
    let tree = &repository.objects[commit["tree"].as_str().unwrap_or_default()]["tree"];
    let files = tree.as_array().into_iter().flatten();
    let mut files = files.filter(|file| file["path"] == path);
    files
        .next()
        .cloned()
        .with_context(|| format!("{path} is not in {tree}"))
}

#[tokio::test]
async fn what_becomes_of_a_site_is_a_pull_request() -> Result<()> {
    let job = Job::new().await?;
    job.folder.add("acme")?;
    let site = "# Acme's.\n".to_owned()
        + &std::fs::read_to_string(job.path(MANIFEST))?
        + "cpu: 256 # small\n";
    job.folder.put(MANIFEST, site.as_bytes())?;
    let held = |text: &str| {
        let mut repository = job.github.repository();
        repository
            .files
            .insert(MANIFEST.to_owned(), text.to_owned());
    };
    let on_disk = || std::fs::read_to_string(job.path(MANIFEST));

    // An old checkout would take back what others did.
    held("version: 1\n");
    let stale = job
        .bbws
        .run(&verb("suspend", &["--pr"]))
        .await?
        .expect_code(1)?;
    ensure!(
        stale.stderr.contains("not what the default branch holds")
            && job.github.repository().opened.is_empty(),
        "{}",
        stale.stderr
    );
    held(&site);
    job.bbws.succeed(&verb("suspend", &["--pr"])).await?;
    let suspended = format!("{site}state: suspended\n");
    ensure!(
        proposed(&job, "tenant/acme-dev", MANIFEST)?["content"] == suspended,
        "it is another change"
    );
    ensure!(
        on_disk()? == site,
        "the pull request stayed behind in the folder"
    );

    job.bbws.run(&verb("resume", &[])).await?.expect_code(4)?;
    job.bbws.succeed(&verb("suspend", &[])).await?;
    ensure!(on_disk()? == suspended, "{}", on_disk()?);
    job.bbws.run(&verb("suspend", &[])).await?.expect_code(4)?;
    job.bbws.succeed(&verb("resume", &[])).await?;
    ensure!(on_disk()? == site, "{}", on_disk()?);

    job.bbws.run(&verb("remove", &[])).await?.expect_code(64)?;
    job.bbws.run(&verb("restore", &[])).await?.expect_code(4)?;
    job.bbws
        .succeed(&verb("remove", &["--reason", "it: \"ended\""]))
        .await?;
    job.bbws.succeed(&["validate"]).await?;
    for refused in [
        verb("remove", &[]),
        verb("suspend", &[]),
        verb("resume", &[]),
    ] {
        job.bbws.run(&refused).await?.expect_code(4)?;
    }
    job.bbws.succeed(&verb("restore", &[])).await?;
    ensure!(on_disk()? == site, "{}", on_disk()?);

    // The grace has ended: the manifest goes, and the tenant's with the last of its sites.
    let ended = format!("{site}removal:\n  after: 2026-01-01T00:00:00Z\n  reason: ended\n");
    job.folder.put(MANIFEST, ended.as_bytes())?;
    held(&ended);
    let tenant = std::fs::read_to_string(job.path("tenants/acme/tenant.yaml"))?;
    job.github
        .repository()
        .files
        .insert("tenants/acme/tenant.yaml".to_owned(), tenant);
    for another in [["--reason", "another"], ["--grace", "90"]] {
        let refused = job.bbws.run(&verb("remove", &another)).await?;
        let refused = refused.expect_code(4)?;
        ensure!(refused.stderr.contains("ended"), "{}", refused.stderr);
    }
    job.bbws.succeed(&verb("remove", &["--pr"])).await?;
    for path in [MANIFEST, "tenants/acme/tenant.yaml"] {
        let file = proposed(&job, "tenant/acme-dev", path)?;
        ensure!(
            file["sha"].is_null() && file.get("sha").is_some() && file.get("content").is_none(),
            "{file}"
        );
    }
    ensure!(
        on_disk()? == ended,
        "the pull request stayed behind in the folder"
    );
    job.bbws.succeed(&verb("remove", &[])).await?;
    ensure!(
        !job.path("tenants/acme").exists(),
        "the manifests are still there"
    );
    job.bbws.run(&verb("restore", &[])).await?.expect_code(4)?;
    Ok(())
}
