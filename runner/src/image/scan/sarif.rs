//! The judgement in SARIF 2.1.0, for GitHub's code scanning.
//! <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    finding::{Fix, Outcome, Scanner, Severity},
    policy::{Decision, Judged, Judgement},
};

/// One run a scanner. `artifact` is the file that findings are shown at, a path in the repository.
pub(super) fn sarif(
    scanners: &BTreeMap<Scanner, Outcome>,
    judgement: &Judgement,
    artifact: &str,
) -> Value {
    let runs = scanners.iter().filter_map(|(scanner, outcome)| {
        let (successful, notifications) = match outcome {
            Outcome::Absent { .. } => return None,
            Outcome::Ran { .. } => (true, json!([])),
            Outcome::Failed { reason } => (
                false,
                json!([{"level": "error", "message": {"text": reason}}]),
            ),
        };
        let findings = judgement.findings.iter();
        let own: Vec<_> = findings
            .filter(|judged| judged.finding.scanner == *scanner)
            .collect();
        let mut seen = BTreeSet::new();
        let rules = own.iter().filter(|judged| seen.insert(&judged.finding.id));
        Some(json!({
            "tool": {"driver": {
                "name": format!("bbws image scan ({})", scanner.name()),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.map(|judged| rule(judged)).collect::<Vec<_>>(),
            }},
            "automationDetails": {"id": format!("image-scan/{}/", scanner.name())},
            "invocations": [{
                "executionSuccessful": successful, "toolExecutionNotifications": notifications,
            }],
            "results": own.iter().map(|judged| result(judged, artifact)).collect::<Vec<_>>(),
        }))
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs.collect::<Vec<_>>(),
    })
}

fn rule(judged: &Judged) -> Value {
    let finding = &judged.finding;
    let mut rule = json!({
        "id": finding.id,
        "shortDescription": {"text": format!("{} in {}", finding.id, finding.package)},
        "properties": {
            "tags": ["security"],
            // GitHub sorts by this number: above 9.0 critical, from 7.0 high, from 4.0 medium.
            "security-severity": match finding.severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "2.0",
                Severity::Negligible | Severity::Unknown => "0.0",
            },
        },
    });
    if let Some(url) = &finding.url {
        rule["helpUri"] = url.as_str().into();
    }
    rule
}

fn result(judged: &Judged, artifact: &str) -> Value {
    let finding = &judged.finding;
    let fix = match &finding.fix {
        Fix::In(version) => format!("fixed in {version}"),
        Fix::None => "no fix yet".to_owned(),
        Fix::Unknown => "nobody says whether it is fixed".to_owned(),
    };
    let mut result = json!({
        "ruleId": finding.id,
        "level": match judged.decision {
            Decision::Fails { .. } => "error",
            Decision::Grace { .. } => "warning",
            Decision::Excepted { .. } | Decision::Unfixed | Decision::Minor => "note",
        },
        "message": {"text": format!(
            "{} {} ({}, {fix}): {}",
            finding.package, finding.installed, finding.severity.name(), finding.title
        )},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": artifact}, "region": {"startLine": 1},
        }}],
        "partialFingerprints": {"finding/v1": format!("{}:{}", finding.id, finding.package)},
    });
    if let Decision::Excepted {
        owner,
        reason,
        expires,
    } = &judged.decision
    {
        result["suppressions"] = json!([{
            "kind": "external", "status": "accepted", "justification": format!("{reason} ({owner}, until {expires})"),
        }]);
    }
    result
}
