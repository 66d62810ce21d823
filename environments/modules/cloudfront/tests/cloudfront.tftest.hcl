mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "af-south-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

mock_provider "aws" {
  alias = "edge"
}

variables {
  environment = "dev"
}

run "all_rule_groups_and_a_limit_on_logins" {
  command = plan

  assert {
    condition = toset(flatten([for rule in aws_wafv2_web_acl.this.rule : [for s in rule.statement : [for g in s.managed_rule_group_statement : g.name]]])) == toset([
      "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet",
      "AWSManagedRulesPHPRuleSet", "AWSManagedRulesWordPressRuleSet",
    ])
    error_message = "AWS's rules for WordPress must all be there."
  }
  assert {
    condition     = one(flatten([for rule in aws_wafv2_web_acl.this.rule : [for s in rule.statement : [for r in s.rate_based_statement : r.limit]]])) == 100
    error_message = "Logins must be limited."
  }
  assert {
    condition     = length(distinct([for rule in aws_wafv2_web_acl.this.rule : rule.priority])) == 6
    error_message = "No two rules may share a priority."
  }
}

run "suspended_sites_answer_503" {
  command = plan

  assert {
    condition     = strcontains(aws_cloudfront_function.suspended.code, "statusCode: 503") && aws_cloudfront_function.suspended.publish
    error_message = "The page must be published, and no success."
  }
}

run "too_strict_a_limit_is_refused" {
  command = plan
  variables {
    login_rate = 5
  }
  expect_failures = [var.login_rate]
}
