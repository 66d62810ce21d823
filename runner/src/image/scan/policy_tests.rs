//! The policy's decisions, one by one.

use std::collections::BTreeMap;

use time::{Date, macros::date};

use super::{
    Decision, Finding, Fix, Judgement, Outcome, Policy, Scanner, Severity, Verdict, sarif,
};

const TODAY: Date = date!(2026 - 11 - 25);

fn load(text: &str) -> Result<Policy, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan-policy.yaml");
    std::fs::write(&path, text).unwrap();
    Policy::load(&path).map_err(|error| error.to_string())
}

fn policy(exceptions: &str) -> Policy {
    load(&format!(
        "version: 1\nfail_at: high\nunknown_counts_as: high\ngrace_days: {{high: 7}}\nrequired: [debian]\nexceptions:{exceptions}"
    ))
    .unwrap()
}

fn exception(expires: &str) -> String {
    format!(
        "\n  - id: CVE-2026-1\n    package: curl\n    reason: not reachable\n    owner: platform\n    expires: {expires}\n"
    )
}

fn finding() -> Finding {
    Finding {
        scanner: Scanner::Debian,
        id: "CVE-2026-1".to_owned(),
        package: "curl".to_owned(),
        installed: "1".to_owned(),
        fix: Fix::In("2".to_owned()),
        severity: Severity::Critical,
        title: "title".to_owned(),
        url: None,
        since: None,
    }
}

fn ran() -> BTreeMap<Scanner, Outcome> {
    let against = "indexes".to_owned();
    BTreeMap::from([(Scanner::Debian, Outcome::Ran { against })])
}

fn judge(policy: &Policy, finding: Finding) -> (Verdict, Decision) {
    let Judgement {
        verdict,
        mut findings,
        ..
    } = policy.judge(&ran(), vec![finding], TODAY);
    (verdict, findings.remove(0).decision)
}

#[test]
fn what_fails_is_severe_and_can_be_fixed() {
    let policy = policy(" []");
    let fails = (Verdict::Fail, Decision::Fails { because: None });
    assert_eq!(judge(&policy, finding()), fails);
    let medium = Finding {
        severity: Severity::Medium,
        ..finding()
    };
    assert_eq!(judge(&policy, medium), (Verdict::Pass, Decision::Minor));
    let unknown = Finding {
        severity: Severity::Unknown,
        ..finding()
    };
    assert_eq!(judge(&policy, unknown), fails);
    let unfixed = Finding {
        fix: Fix::None,
        ..finding()
    };
    assert_eq!(judge(&policy, unfixed), (Verdict::Pass, Decision::Unfixed));
}

#[test]
fn grace_ends_after_its_last_day_and_is_not_given_without_a_date() {
    let policy = policy(" []");
    let high = |since| Finding {
        severity: Severity::High,
        since,
        ..finding()
    };
    let until = TODAY;
    assert_eq!(
        judge(&policy, high(Some(date!(2026 - 11 - 18)))),
        (Verdict::Pass, Decision::Grace { until })
    );
    let (verdict, decision) = judge(&policy, high(Some(date!(2026 - 11 - 17))));
    assert_eq!(verdict, Verdict::Fail);
    let because = Some("its 7 days of grace ended on 2026-11-24".to_owned());
    assert_eq!(decision, Decision::Fails { because });
    assert_eq!(judge(&policy, high(None)).0, Verdict::Fail);
}

#[test]
fn an_exception_holds_to_its_last_day_and_an_expired_one_is_named() {
    let (verdict, decision) = judge(&policy(&exception("2026-11-25")), finding());
    assert_eq!(verdict, Verdict::Pass);
    assert!(
        matches!(decision, Decision::Excepted { .. }),
        "{decision:?}"
    );
    let recent = Finding {
        severity: Severity::High,
        since: Some(TODAY),
        ..finding()
    };
    let (verdict, decision) = judge(&policy(&exception("2026-11-24")), recent);
    assert_eq!(verdict, Verdict::Fail);
    let because = Some("the exception of platform expired on 2026-11-24".to_owned());
    assert_eq!(decision, Decision::Fails { because });
    let other = Finding {
        package: "perl".to_owned(),
        ..finding()
    };
    let judgement = policy(&exception("2026-12-01")).judge(&ran(), vec![other], TODAY);
    assert_eq!(judgement.verdict, Verdict::Fail);
    assert_eq!(judgement.stale.len(), 1);
}

#[test]
fn a_scanner_that_could_not_run_is_never_a_pass() {
    let policy = policy(" []");
    let reason = || "no network".to_owned();
    let cases = [
        BTreeMap::new(),
        BTreeMap::from([(Scanner::Debian, Outcome::Failed { reason: reason() })]),
        BTreeMap::from([(Scanner::Debian, Outcome::Absent { reason: reason() })]),
        ran()
            .into_iter()
            .chain([(Scanner::Trivy, Outcome::Failed { reason: reason() })])
            .collect(),
    ];
    for scanners in cases {
        let judgement = policy.judge(&scanners, Vec::new(), TODAY);
        assert_eq!(judgement.verdict, Verdict::Incomplete, "{scanners:?}");
        assert_eq!(judgement.missing.len(), 1);
    }
    let mut optional = ran();
    optional.insert(Scanner::Trivy, Outcome::Absent { reason: reason() });
    assert_eq!(
        policy.judge(&optional, Vec::new(), TODAY).verdict,
        Verdict::Pass
    );
}

#[test]
fn debians_archive_says_whether_there_is_a_fix_where_ecr_does_not() {
    let policy = policy(" []");
    let ecr = Finding {
        scanner: Scanner::Ecr,
        fix: Fix::Unknown,
        ..finding()
    };
    let mut scanners = ran();
    let against = String::new();
    scanners.insert(Scanner::Ecr, Outcome::Ran { against });
    let judged = policy.judge(&scanners, vec![ecr.clone()], TODAY);
    assert_eq!(judged.verdict, Verdict::Pass);
    assert_eq!(judged.findings[0].decision, Decision::Unfixed);
    let judged = policy.judge(&scanners, vec![ecr.clone(), finding()], TODAY);
    assert!(
        judged
            .findings
            .iter()
            .all(|j| matches!(j.decision, Decision::Fails { .. }))
    );
    scanners.remove(&Scanner::Debian);
    assert_eq!(
        policy.judge(&scanners, vec![ecr], TODAY).verdict,
        Verdict::Fail
    );
}

#[test]
fn a_policy_that_lacks_something_is_refused() {
    let own = include_str!("../../../../image/scan-policy.yaml");
    load(own).unwrap();
    let with =
        |exception: &str| own.replace("exceptions: []", &format!("exceptions:\n  - {exception}"));
    let cases = [
        (with("{id: a, reason: b, owner: c}"), "expires"),
        (
            with("{id: a, reason: ' ', owner: c, expires: 2026-12-01}"),
            "reason is empty",
        ),
        (
            with("{id: a, reason: b, owner: c, expires: never}"),
            "exceptions",
        ),
        (
            own.replace("required: [debian]", "required: []"),
            "names no scanner",
        ),
        (
            own.replace("fail_at: high", "fail_at: unknown"),
            "fail_at may not be unknown",
        ),
        (
            own.replace("version: 1", "version: 2"),
            "version 2 is not 1",
        ),
        (own.replace("grace_days:", "grace:"), "grace"),
    ];
    for (text, expected) in cases {
        let error = load(&text).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn sarif_tells_failures_suppressions_and_scanners_that_did_not_run() {
    let mut scanners = ran();
    scanners.insert(
        Scanner::Trivy,
        Outcome::Failed {
            reason: "no database".to_owned(),
        },
    );
    scanners.insert(
        Scanner::Ecr,
        Outcome::Absent {
            reason: "not asked".to_owned(),
        },
    );
    let second = Finding {
        id: "CVE-2026-2".to_owned(),
        ..finding()
    };
    let judgement =
        policy(&exception("2026-12-01")).judge(&scanners, vec![finding(), second], TODAY);
    let sarif = sarif::sarif(&scanners, &judgement, "image/image.lock.yaml");
    let runs = sarif["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let results = runs[0]["results"].as_array().unwrap();
    assert_eq!(results[0]["level"], "error");
    assert_eq!(results[0]["ruleId"], "CVE-2026-2");
    assert_eq!(results[1]["level"], "note");
    assert_eq!(results[1]["suppressions"][0]["status"], "accepted");
    assert_eq!(runs[1]["invocations"][0]["executionSuccessful"], false);
}
