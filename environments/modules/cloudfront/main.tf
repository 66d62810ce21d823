# What all tenants' distributions share: firewall, the page of suspended sites, policies. The distributions are the
# runner's. Everything is in us-east-1, where CloudFront looks for it.

locals {
  name = "bbws-${var.environment}"

  # In order. `counted` rules of a group are watched, not enforced: editors post long HTML, which is what these look for.
  groups = {
    common     = { group = "AWSManagedRulesCommonRuleSet", counted = ["SizeRestrictions_BODY", "CrossSiteScripting_BODY"] }
    bad_inputs = { group = "AWSManagedRulesKnownBadInputsRuleSet", counted = [] }
    sqli       = { group = "AWSManagedRulesSQLiRuleSet", counted = ["SQLi_BODY"] }
    php        = { group = "AWSManagedRulesPHPRuleSet", counted = [] }
    wordpress  = { group = "AWSManagedRulesWordPressRuleSet", counted = [] }
  }
  order = ["common", "bad_inputs", "sqli", "php", "wordpress"]
}

resource "aws_wafv2_web_acl" "this" {
  provider = aws.edge

  name        = "${local.name}-viewers"
  description = "Visitors of all sites"
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  rule {
    name     = "login-rate"
    priority = 0

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit              = var.login_rate
        aggregate_key_type = "IP"

        scope_down_statement {
          byte_match_statement {
            search_string         = "/wp-login.php"
            positional_constraint = "ENDS_WITH"

            field_to_match {
              uri_path {}
            }

            text_transformation {
              priority = 0
              type     = "LOWERCASE"
            }
          }
        }
      }
    }

    visibility_config {
      metric_name                = "login-rate"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
    }
  }

  dynamic "rule" {
    for_each = local.order
    content {
      name     = rule.value
      priority = 10 + rule.key

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = local.groups[rule.value].group

          dynamic "rule_action_override" {
            for_each = local.groups[rule.value].counted
            content {
              name = rule_action_override.value
              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = rule.value
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    metric_name                = "${local.name}-viewers"
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = true
  }
}

# WAF asks for this prefix.
resource "aws_cloudwatch_log_group" "waf" {
  #checkov:skip=CKV_AWS_158:The environment's key is not in us-east-1; CloudWatch encrypts with its own.
  provider = aws.edge

  name              = "aws-waf-logs-${local.name}"
  retention_in_days = var.log_retention_days
}

# What passed is in CloudFront's own figures; only what was stopped is kept, without what people are known by.
resource "aws_wafv2_web_acl_logging_configuration" "this" {
  provider = aws.edge

  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.waf.arn]

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }

      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }
}

resource "aws_cloudfront_function" "suspended" {
  provider = aws.edge

  name    = "${local.name}-suspended"
  comment = "503 page of suspended sites"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/suspended.js")
}
