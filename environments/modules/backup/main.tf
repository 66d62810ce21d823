# Vaults here and in the DR region, and the plans that fill them. What has the tag `bbws:backup` is taken by the plan of
# that name.

locals {
  name = "bbws-${var.environment}"
  arn  = "arn:${data.aws_partition.this.partition}"

  plans = {
    hourly = "cron(15 * ? * * *)"
    daily  = "cron(30 1 ? * * *)"
  }

  isolated = {
    hourly = []
    daily  = var.isolated_vault_arn == null ? [] : [var.isolated_vault_arn]
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_backup_vault" "this" {
  name          = local.name
  kms_key_arn   = var.key_arn
  force_destroy = !var.protected
}

resource "aws_backup_vault" "dr" {
  provider = aws.dr

  name          = local.name
  kms_key_arn   = var.dr_key_arn
  force_destroy = !var.protected
}

# Governance mode: only who may change the lock itself can delete before its time. Compliance mode, which nobody can take
# back, is for the day when the retention is beyond doubt.
resource "aws_backup_vault_lock_configuration" "this" {
  count = var.protected ? 1 : 0

  backup_vault_name  = aws_backup_vault.this.name
  min_retention_days = var.retention_days.hourly
  max_retention_days = var.retention_days.daily
}

resource "aws_backup_vault_lock_configuration" "dr" {
  count    = var.protected ? 1 : 0
  provider = aws.dr

  backup_vault_name  = aws_backup_vault.dr.name
  min_retention_days = var.retention_days.hourly
  max_retention_days = var.retention_days.daily
}

resource "aws_backup_plan" "this" {
  for_each = local.plans

  name = "${local.name}-${each.key}"

  rule {
    rule_name         = each.key
    target_vault_name = aws_backup_vault.this.name
    schedule          = each.value
    start_window      = 60
    completion_window = 360

    lifecycle {
      delete_after = var.retention_days[each.key]
    }

    copy_action {
      destination_vault_arn = aws_backup_vault.dr.arn

      lifecycle {
        delete_after = var.retention_days[each.key]
      }
    }

    dynamic "copy_action" {
      for_each = local.isolated[each.key]
      content {
        destination_vault_arn = copy_action.value

        lifecycle {
          delete_after = var.retention_days[each.key]
        }
      }
    }
  }
}

resource "aws_backup_selection" "this" {
  for_each = local.plans

  name         = "tagged-${each.key}"
  plan_id      = aws_backup_plan.this[each.key].id
  iam_role_arn = aws_iam_role.backup.arn

  selection_tag {
    type  = "STRINGEQUALS"
    key   = "bbws:backup"
    value = each.key
  }
}

resource "aws_iam_role" "backup" {
  name = "${local.name}-backup"
  path = "/bbws/${var.environment}/"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["Backup", "Restores"])

  role       = aws_iam_role.backup.name
  policy_arn = "${local.arn}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor${each.key}"
}

resource "aws_backup_restore_testing_plan" "this" {
  count = var.restore_testing ? 1 : 0

  # Letters, digits and underscores only.
  name                         = replace(local.name, "-", "_")
  schedule_expression          = "cron(0 4 ? * SUN *)"
  start_window_hours           = 4
  schedule_expression_timezone = "Etc/UTC"

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this.arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 7
  }
}

resource "aws_backup_restore_testing_selection" "this" {
  for_each = var.restore_testing ? toset(["RDS", "EFS"]) : []

  name                      = lower(each.key)
  restore_testing_plan_name = aws_backup_restore_testing_plan.this[0].name
  protected_resource_type   = each.key
  iam_role_arn              = aws_iam_role.backup.arn
  protected_resource_arns   = ["*"]
  validation_window_hours   = 4
}
