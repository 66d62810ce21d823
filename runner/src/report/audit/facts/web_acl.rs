//! What WAF tells of the web ACL that distributions share.

use super::Read;
use crate::cloud::{Cloud, CloudError, aws};
use aws_sdk_wafv2::types::{Rule, Scope, Statement};
use std::collections::BTreeSet;

/// Of the login page's path, as WordPress has it.
const LOGIN: &[u8] = b"wp-login.php";

/// The rules of the web ACL that block.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct WebAcl {
    /// Names of AWS's rule groups whose own actions hold.
    pub(in super::super) groups: BTreeSet<String>,
    /// Whether one limits the rate of requests to the login page.
    pub(in super::super) limits_logins: bool,
}

pub(super) async fn read(cloud: &Cloud) -> Read<WebAcl> {
    let arn = &cloud.foundation.edge.web_acl_arn;
    // arn:aws:wafv2:us-east-1:<account>:global/webacl/<name>/<id>
    let parts: Vec<_> = arn.rsplit('/').collect();
    let [id, name, ..] = parts.as_slice() else {
        return Err(CloudError::Unusable(format!("{arn} names no web ACL")));
    };
    let get = cloud.waf.get_web_acl().scope(Scope::Cloudfront);
    let answer = get
        .name(*name)
        .id(*id)
        .send()
        .await
        .map_err(aws("wafv2:GetWebACL"))?;
    let found = answer
        .web_acl()
        .ok_or_else(|| CloudError::Unusable(format!("GetWebACL of {name} answered without one")))?;
    let mut acl = WebAcl::default();
    for rule in found.rules() {
        judge(rule, &mut acl);
    }
    Ok(acl)
}

fn judge(rule: &Rule, acl: &mut WebAcl) {
    let Some(statement) = rule.statement() else {
        return;
    };
    // An override to count lets everything pass, and so does a count as action.
    let counts = rule
        .override_action()
        .is_some_and(|action| action.count().is_some());
    let blocks = rule.action().is_some_and(|action| action.block().is_some());
    if let Some(group) = statement.managed_rule_group_statement() {
        // One that is scoped down looks at some requests only.
        if !counts && group.vendor_name() == "AWS" && group.scope_down_statement().is_none() {
            acl.groups.insert(group.name().to_owned());
        }
    }
    acl.limits_logins |= blocks && limits_logins(statement);
}

/// A limit of all requests is one of logins, too.
fn limits_logins(statement: &Statement) -> bool {
    let Some(limit) = statement.rate_based_statement() else {
        return false;
    };
    let Some(scope) = limit.scope_down_statement() else {
        return true;
    };
    let searched = scope
        .byte_match_statement()
        .map(|of| of.search_string().as_ref());
    searched.is_some_and(|path: &[u8]| path.windows(LOGIN.len()).any(|part| part == LOGIN))
}
