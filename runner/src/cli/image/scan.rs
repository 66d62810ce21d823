//! `bbws image scan`: whether an image may be used.

use std::{collections::BTreeMap, path::PathBuf};

use super::{CliError, ExitCode, Global, Local};
use crate::{
    image::{
        ImageError, Lock, Registry,
        scan::{self, Decision, Fix, Judged, Outcome, Policy, Scan, Scanned, Verdict},
    },
    output,
};

/// Scan the built image and judge the findings by the policy.
///
/// Scanners: `debian` compares the image's packages with Debian's own security archive (in a throw-away container of the base
/// image); `trivy` runs where it is installed, or in a container where the engine has its image (docker pull aquasec/trivy); `ecr` is the registry's scan of the pushed image, with --env. A scanner that
/// could not run is never a pass. Exits with 4 when the policy refuses the image, with 1 when there is no verdict.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image scan
  bbws image scan --env dev                       and what ECR found in the pushed image
  bbws image scan --sarif scan.sarif              for GitHub's code scanning
  bbws image scan --trivy-report trivy.json       a report of Trivy from elsewhere")]
pub(super) struct Args {
    #[command(flatten)]
    local: Local,
    /// The policy. Without this, scan-policy.yaml of the folder.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The environment whose registry's findings are to count.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Take this report of Trivy (its JSON) instead of running it. It must be of this image.
    #[arg(long, value_name = "FILE")]
    trivy_report: Option<PathBuf>,
    /// Also write the result as SARIF 2.1.0.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let folder = &args.local.folder;
    let lock_path = folder.join("image.lock.yaml");
    let lock = Lock::load(&lock_path)?;
    let policy = args
        .policy
        .unwrap_or_else(|| folder.join("scan-policy.yaml"));
    let policy = Policy::load(&policy)?;
    let registry = match &args.env {
        Some(env) => Some(Registry::of_environment(env).await?),
        None => None,
    };
    let scanned = scan::scan(&Scan {
        reference: &args.local.reference()?,
        tag: &args.local.tag()?,
        lock: &lock,
        policy: &policy,
        trivy_report: args.trivy_report,
        registry: registry.as_ref(),
    })
    .await?;
    if let Some(path) = &args.sarif {
        let sarif = format!("{:#}\n", scanned.sarif(&lock_path));
        std::fs::write(path, sarif).map_err(|source| ImageError::Io {
            attempt: format!("writing {}", path.display()),
            source,
        })?;
    }
    let exit = match scanned.judgement.verdict {
        Verdict::Pass => ExitCode::Done,
        Verdict::Fail => ExitCode::Refused,
        Verdict::Incomplete => ExitCode::Failed,
    };
    if global.json {
        output::print(output::result("image scan", exit, &scanned));
    } else {
        print(&scanned);
    }
    Ok(exit)
}

fn print(scanned: &Scanned) {
    let judgement = &scanned.judgement;
    let (out, err) = (output::Palette::stdout(), output::Palette::stderr());
    for (scanner, outcome) in &scanned.scanners {
        let line = match outcome {
            Outcome::Ran { against } => format!("ran against {against}"),
            Outcome::Absent { reason } => format!("did not run: {reason}"),
            Outcome::Failed { reason } => format!("{}: {reason}", err.paint(err.bad, "failed")),
        };
        output::narrate(format_args!("{:<7} {line}", scanner.name()));
    }
    if !judgement.findings.is_empty() {
        let heading = [
            "DECISION",
            "SEVERITY",
            "ID",
            "PACKAGE",
            "INSTALLED",
            "FIX",
            "SCANNER",
        ];
        let rows = judgement.findings.iter().map(row);
        output::print(output::table(
            std::iter::once(heading.map(str::to_owned)).chain(rows),
        ));
    }
    for line in explained(&judgement.findings)
        .into_iter()
        .chain(judgement.stale.iter().cloned())
    {
        output::narrate(line);
    }
    for line in &judgement.missing {
        output::narrate(format_args!("{}: {line}", err.paint(err.bad, "error")));
    }
    let failing = judgement
        .findings
        .iter()
        .filter(|judged| matches!(judged.decision, Decision::Fails { .. }))
        .count();
    let (style, verdict, next) = match judgement.verdict {
        Verdict::Pass => (out.good, "pass".to_owned(), None),
        Verdict::Fail => (
            out.bad,
            format!("fail: {}", output::count(failing, "finding")),
            Some(
                "`bbws image lock --update` pins Debian's updates for the next build; for what cannot be updated add an exception to the scan policy",
            ),
        ),
        Verdict::Incomplete => (
            out.bad,
            "no verdict: a scanner could not run".to_owned(),
            Some("mend what the scanner names above, then scan again"),
        ),
    };
    output::print(out.paint(style, verdict));
    if let Some(next) = next {
        output::narrate(format_args!("  {}: {next}", err.paint(err.strong, "next")));
    }
}

/// Why findings fail that were let pass before; one line for each package and reason.
fn explained(findings: &[Judged]) -> Vec<String> {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Judged { finding, decision } in findings {
        if let Decision::Fails {
            because: Some(because),
        } = decision
        {
            let ids = reasons.entry((&finding.package, because)).or_default();
            ids.push(&finding.id);
        }
    }
    reasons
        .into_iter()
        .map(|((package, because), ids)| format!("{package}: {because} ({})", ids.join(", ")))
        .collect()
}

fn row(judged: &Judged) -> [String; 7] {
    let finding = &judged.finding;
    let decision = match &judged.decision {
        Decision::Fails { .. } => "fails".to_owned(),
        Decision::Grace { until } => format!("grace until {until}"),
        Decision::Excepted { expires, .. } => format!("excepted until {expires}"),
        Decision::Unfixed => "no fix".to_owned(),
        Decision::Minor => "minor".to_owned(),
    };
    let fix = match &finding.fix {
        Fix::In(version) => version.as_str(),
        Fix::None => "none",
        Fix::Unknown => "unknown",
    };
    [
        decision,
        finding.severity.name().to_owned(),
        finding.id.clone(),
        finding.package.clone(),
        finding.installed.clone(),
        fix.to_owned(),
        finding.scanner.name().to_owned(),
    ]
}
