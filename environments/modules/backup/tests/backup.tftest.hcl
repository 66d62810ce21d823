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
  environment     = "prod"
  key_arn         = "arn:aws:kms:af-south-1:111111111111:key/k"
  dr_key_arn      = "arn:aws:kms:eu-west-1:111111111111:key/k"
  restore_testing = true
}

run "both_vaults_are_locked" {
  command = plan

  assert {
    condition     = length(aws_backup_vault_lock_configuration.this) == 1 && length(aws_backup_vault_lock_configuration.dr) == 1
    error_message = "Recovery points must be safe in both regions."
  }
}

run "each_plan_copies_to_the_dr_region" {
  command = plan

  assert {
    condition     = alltrue([for plan in aws_backup_plan.this : alltrue([for rule in plan.rule : length(rule.copy_action) > 0])])
    error_message = "Every recovery point needs a copy elsewhere."
  }
  assert {
    condition     = alltrue([for name, selection in aws_backup_selection.this : one(selection.selection_tag).value == name])
    error_message = "A plan takes what carries its name."
  }
}

run "daily_copies_leave_the_account_by_choice" {
  command = plan
  variables {
    isolated_vault_arn = "arn:aws:backup:eu-west-1:999999999999:backup-vault:isolated"
  }

  assert {
    condition     = one(local.isolated["daily"]) == var.isolated_vault_arn && length(local.isolated["hourly"]) == 0
    error_message = "Daily recovery points go to the isolated account, hourly ones do not."
  }
}

run "restores_are_tested_by_choice" {
  command = plan
  variables {
    restore_testing = false
  }

  assert {
    condition     = length(aws_backup_restore_testing_plan.this) == 0 && length(aws_backup_restore_testing_selection.this) == 0
    error_message = "What is not chosen must not be made."
  }
}

run "too_short_a_history_is_refused" {
  command = plan
  variables {
    retention_days = { hourly = 1, daily = 35 }
  }
  expect_failures = [var.retention_days]
}
