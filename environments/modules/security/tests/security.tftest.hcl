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
  alias = "dr"
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  environment    = "prod"
  topic_arn      = "arn:aws:sns:af-south-1:111111111111:bbws-prod-alarms"
  monthly_budget = 1500
  log_bucket     = "bbws-prod-logs-111111111111"
  guardduty      = true
  config         = true
  cloudtrail     = true
}

run "the_key_rotates_and_has_a_replica" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.multi_region
    error_message = "The key must rotate, and be readable in the DR region."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_kms_key.this.policy).Statement : s.Sid == "LetIamDecide" || can(s.Condition)])
    error_message = "No service may use the key without a condition."
  }
}

run "watched_by_choice" {
  command = plan
  variables {
    guardduty      = false
    config         = false
    cloudtrail     = false
    monthly_budget = 0
  }

  assert {
    condition     = length(aws_guardduty_detector.this) + length(aws_cloudtrail.this) + length(aws_config_configuration_recorder.this) + length(aws_budgets_budget.this) == 0
    error_message = "What is not chosen must not be made."
  }
}

run "the_budget_warns_early" {
  command = plan

  assert {
    condition     = toset([for n in aws_budgets_budget.this[0].notification : n.notification_type]) == toset(["ACTUAL", "FORECASTED"])
    error_message = "The budget must tell of what is spent and of what will be."
  }
}

run "a_negative_budget_is_refused" {
  command = plan
  variables {
    monthly_budget = -1
  }
  expect_failures = [var.monthly_budget]
}
