//! The distributions of sites, and the web ACL before them.

use super::facts::WebAcl;
use super::{CLOSED, Check, Facts, Found, IN_TRANSIT, Judged, when};
use crate::cloud::CloudError;
use crate::manifest::TenantId;
use crate::resource::{Found as Resource, Kind};
use serde_json::Value;

/// AWS's rule groups that every request passes.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>
const GROUPS: [&str; 5] = [
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
    "AWSManagedRulesPHPRuleSet",
    "AWSManagedRulesWordPressRuleSet",
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "waf-rules",
        ask: CLOSED,
        fix: "apply the environment's Terraform: module cloudfront makes the rules",
        judge: |facts| {
            let arn = &facts.foundation.edge.web_acl_arn;
            let name = arn.rsplit('/').nth(1).unwrap_or(arn);
            let found = facts.web_acl.as_ref().map(rules);
            vec![(name.to_owned(), found.map_err(CloudError::clone))]
        },
    },
    Check {
        id: "site-waf",
        ask: CLOSED,
        fix: "`bbws apply` attaches the environment's web ACL",
        judge: |facts| each(facts, web_acl),
    },
    Check {
        id: "site-https",
        ask: IN_TRANSIT,
        fix: "set the foundation's viewer to https and 443, apply its Terraform, then `bbws apply`",
        judge: |facts| each(facts, |_, _, site| https(&site.fields)),
    },
    Check {
        id: "site-tls",
        ask: IN_TRANSIT,
        fix: "`bbws apply` asks for TLS 1.2 at the least",
        judge: |facts| each(facts, |_, _, site| tls(&site.fields)),
    },
    Check {
        id: "site-origin-https",
        ask: IN_TRANSIT,
        fix: "`bbws apply` makes the edge speak TLS with the load balancer",
        judge: |facts| each(facts, |facts, _, site| origin(facts, &site.fields)),
    },
];

fn rules(acl: &WebAcl) -> Found {
    let missing = GROUPS.iter().filter(|name| !acl.groups.contains(**name));
    let mut missing: Vec<_> = missing.copied().collect();
    if !acl.limits_logins {
        missing.push("a limit of logins");
    }
    when(
        missing.is_empty(),
        "all rule groups and the limit of logins block",
        format!("not blocking: {}", missing.join(", ")),
    )
}

fn each(facts: &Facts, judge: fn(&Facts, &TenantId, &Resource) -> Found) -> Judged {
    facts.each(&[Kind::Distribution], judge)
}

fn web_acl(facts: &Facts, _: &TenantId, site: &Resource) -> Found {
    match site.fields["web_acl"].as_str().unwrap_or_default() {
        acl if acl == facts.foundation.edge.web_acl_arn => Ok("the environment's".to_owned()),
        "" => Err("it has none".to_owned()),
        other => Err(format!("it has {other}")),
    }
}

fn https(fields: &Value) -> Found {
    let behaviors = fields["behaviors"].as_object().into_iter().flatten();
    let plain = behaviors.filter(|(_, behavior)| {
        let protocol = behavior["viewer_protocol"].as_str().unwrap_or_default();
        !["redirect-to-https", "https-only"].contains(&protocol)
    });
    let plain: Vec<_> = plain.map(|(path, _)| path.as_str()).collect();
    when(
        plain.is_empty(),
        "plain HTTP is sent to HTTPS",
        format!("plain HTTP is served: {}", plain.join(", ")),
    )
}

/// CloudFront's own certificate, which a site without one of its own has, takes TLS 1.0 (CloudFront Developer Guide,
/// "Supported protocols and ciphers between viewers and CloudFront").
fn tls(fields: &Value) -> Found {
    let oldest = fields["certificate"]["oldest_tls"].as_str();
    let oldest = oldest.unwrap_or("TLSv1");
    let found = format!("{oldest} and newer");
    let modern = ["TLSv1.2_", "TLSv1.3_"];
    let modern = modern.iter().any(|policy| oldest.starts_with(policy));
    when(modern, found.clone(), found)
}

fn origin(facts: &Facts, fields: &Value) -> Found {
    let origins = fields["origins"].as_array().into_iter().flatten();
    let protocols: Vec<_> = origins
        .map(|origin| origin["protocol"].as_str().unwrap_or("no origin of HTTP"))
        .collect();
    let found = format!("the load balancer is spoken to by {}", protocols.join(", "));
    let plain = protocols.iter().any(|protocol| *protocol != "https-only");
    // Where visitors use plain HTTP, that is the finding.
    let excused = plain && facts.foundation.viewer.scheme != "https";
    let why = if excused {
        ", as viewer-https finds"
    } else {
        ""
    };
    when(!plain || excused, format!("{found}{why}"), found)
}
