//! Trivy in a container, when this machine has no `trivy`. Trivy itself cannot be had everywhere that tests run: a stand-in
//! takes its image's name. It reads what it is handed as Trivy would, and answers in Trivy's form.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use e2e::{Bbws, docker};

const NAME: &str = "aquasec/trivy:latest";
/// Where the operator's own image waits meanwhile, if there is one.
const KEPT: &str = "bbws/kept-trivy:latest";

/// Looks for the archive's own list, as any reader of `docker save` does; the hash in the name of the image's
/// configuration is the engine's id of it.
const STAND_IN: &str = r#"FROM debian:trixie-slim
RUN printf '%s\n' '#!/bin/sh' 'set -e' \
    'for last; do :; done' \
    'id=$(tar -xOf "$last" manifest.json | grep -oE "[0-9a-f]{64}" | head -n 1)' \
    'test -n "$id"' \
    'echo "{\"SchemaVersion\":2,\"Metadata\":{\"ImageID\":\"sha256:$id\"},\"Results\":[{\"Vulnerabilities\":[{\"VulnerabilityID\":\"CVE-2020-1\",\"PkgName\":\"nginx\",\"InstalledVersion\":\"1\",\"FixedVersion\":\"2\",\"Severity\":\"CRITICAL\",\"PublishedDate\":\"2020-01-01T00:00:00Z\"}]}]}"' \
    > /trivy && chmod +x /trivy
ENTRYPOINT ["/trivy"]
"#;
const BROKEN: &str =
    "FROM debian:trixie-slim\nENTRYPOINT [\"sh\", \"-c\", \"echo no database >&2; exit 7\"]\n";

/// Given an engine with an image of Trivy, when an image is scanned, then Trivy saw that very image and its findings count;
/// and when Trivy breaks, there is no verdict.
#[tokio::test]
async fn trivy_runs_in_a_container() -> Result<()> {
    let kept = docker(&["tag", NAME, KEPT], b"").await.is_ok();
    let outcome = scans().await;
    docker(&["image", "rm", NAME], b"").await?;
    if kept {
        docker(&["tag", KEPT, NAME], b"").await?;
        docker(&["image", "rm", KEPT], b"").await?;
    }
    outcome
}

async fn scans() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let image = root.join("image");
    let image = image.to_str().context("a path that is no text")?;
    let bbws = Bbws::new(&root, BTreeMap::new())?;
    let scan = ["image", "scan", "--json", "--folder", image];

    docker(&["build", "-q", "-t", NAME, "-"], STAND_IN.as_bytes()).await?;
    let json = bbws.run(&scan).await?.expect_code(4)?.json()?;
    let result = &json["result"];
    let findings = &result["judgement"]["findings"];
    let found = findings
        .as_array()
        .context("no findings")?
        .iter()
        .any(|judged| judged.to_string().contains("CVE-2020-1"));
    assert!(found, "{result}");
    assert_eq!(result["judgement"]["verdict"], "fail", "{result}");

    docker(&["build", "-q", "-t", NAME, "-"], BROKEN.as_bytes()).await?;
    let broken = bbws.run(&scan).await?.expect_code(1)?;
    let json = broken.json()?;
    assert_eq!(json["result"]["judgement"]["verdict"], "incomplete");
    assert!(broken.stdout.contains("no database"), "{}", broken.stdout);
    Ok(())
}
