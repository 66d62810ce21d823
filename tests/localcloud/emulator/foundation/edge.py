"""What CloudFront distributions of all tenants share: the web ACL, the page of suspended sites, the DNS zone."""

from botocore.exceptions import ClientError

from .account import EDGE
from .shared import missing

# Ids that AWS gives its own policies, the same in every account:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
STATIC_CACHE = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # CachingOptimized
NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"  # AllViewer

SUSPENDED = """function handler(event) {
  var page = '<!doctype html><html lang="en"><meta charset="utf-8">'
    + '<meta name="viewport" content="width=device-width"><title>Paused</title>'
    + '<body style="font:1.1rem/1.6 system-ui;margin:20vh auto;max-width:32rem;padding:0 1rem">'
    + '<h1>This site is taking a break</h1>'
    + '<p>It is switched off for the moment. Nothing is lost; please come back later.</p></body></html>';
  return {
    statusCode: 503,
    statusDescription: 'Service Unavailable',
    headers: {
      'content-type': { value: 'text/html; charset=utf-8' },
      'cache-control': { value: 'no-store' },
      'retry-after': { value: '3600' }
    },
    body: { encoding: 'text', data: page }
  };
}
"""


# AWS's rule groups that every request passes, in order.
GROUPS = ("CommonRuleSet", "KnownBadInputsRuleSet", "SQLiRuleSet", "PHPRuleSet", "WordPressRuleSet")


def web_acl(account):
    """ARN of the web ACL with AWS's rules and a limit of logins; CloudFront's live in us-east-1."""
    waf, name = account.client("wafv2", EDGE), f"{account.name}-viewers"
    for acl in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]:
        if acl["Name"] == name:
            return acl["ARN"]

    def rule(name, priority, statement, **effect):
        return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": visibility(name), **effect}

    def visibility(metric):
        return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}

    logins = {"ByteMatchStatement": {
        "SearchString": b"/wp-login.php", "PositionalConstraint": "ENDS_WITH", "FieldToMatch": {"UriPath": {}},
        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}]}}
    limit = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", "ScopeDownStatement": logins}}
    managed = [
        rule(group, 10 + index, {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": f"AWSManagedRules{group}"}},
             OverrideAction={"None": {}})
        for index, group in enumerate(GROUPS)]
    return waf.create_web_acl(
        Name=name, Scope="CLOUDFRONT", DefaultAction={"Allow": {}},
        Rules=[rule("login-rate", 0, limit, Action={"Block": {}}), *managed],
        VisibilityConfig=visibility(name), Tags=account.tags())["Summary"]["ARN"]


def suspended_function(account):
    """ARN of the published CloudFront function that answers for suspended sites."""
    cloudfront, name = account.client("cloudfront", EDGE), f"{account.name}-suspended"
    try:
        found = cloudfront.describe_function(Name=name, Stage="LIVE")
        return found["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    except ClientError as error:
        if not missing(error, "NoSuchFunctionExists"):
            raise
    config = {"Comment": "503 page of suspended sites", "Runtime": "cloudfront-js-2.0"}
    try:
        made = cloudfront.create_function(Name=name, FunctionConfig=config, FunctionCode=SUSPENDED.encode())
    except ClientError as error:
        if not missing(error, "FunctionAlreadyExists"):
            raise
        made = cloudfront.describe_function(Name=name, Stage="DEVELOPMENT")
    published = cloudfront.publish_function(Name=name, IfMatch=made["ETag"])
    return published["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]


def zone(account):
    """The environment's public zone, `<environment>.localhost`: browsers resolve all of it to loopback."""
    route53, name = account.client("route53", EDGE), f"{account.environment}.localhost"
    for found in route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        if found["Name"].rstrip(".") == name:
            return {"id": found["Id"].rsplit("/", 1)[-1], "name": name}
    made = route53.create_hosted_zone(Name=name, CallerReference=account.name)["HostedZone"]
    return {"id": made["Id"].rsplit("/", 1)[-1], "name": name}


def edge(account):
    """The foundation document's `edge`."""
    return {
        "certificate_region": EDGE, "web_acl_arn": web_acl(account), "suspended_function_arn": suspended_function(account),
        "static_cache_policy_id": STATIC_CACHE, "dynamic_cache_policy_id": NO_CACHE, "origin_request_policy_id": ALL_VIEWER}
