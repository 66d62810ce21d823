# The environment's key, and who watches the account.

locals {
  name    = "bbws-${var.environment}"
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
  arn     = "arn:${data.aws_partition.this.partition}"
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

# One key for all that is stored. Multi-region, so that copies in the DR region are read with its replica there
# ($1 a month each).
resource "aws_kms_key" "this" {
  description             = local.name
  enable_key_rotation     = true
  multi_region            = true
  deletion_window_in_days = 30
  policy                  = local.key_policy
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_kms_replica_key" "dr" {
  provider = aws.dr

  description             = local.name
  primary_key_arn         = aws_kms_key.this.arn
  deletion_window_in_days = 30
  policy                  = local.key_policy
}

resource "aws_kms_alias" "dr" {
  provider = aws.dr

  name          = "alias/${local.name}"
  target_key_id = aws_kms_replica_key.dr.key_id
}

locals {
  # Services that use the key for themselves, each for this account alone. All others use it as whoever calls them.
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Hands the decision to IAM: without it nobody could ever change the key again (KMS Developer Guide, "Default
        # key policy").
        Sid       = "LetIamDecide"
        Effect    = "Allow"
        Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "EncryptLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local.arn}:logs:*:${local.account}:log-group:*" } }
      },
      {
        Sid       = "PublishAlarms"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com", "events.rds.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "EncryptTrail"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringLike = { "kms:EncryptionContext:aws:cloudtrail:arn" = "${local.arn}:cloudtrail:*:${local.account}:trail/*" } }
      },
    ]
  })
}

resource "aws_guardduty_detector" "this" {
  #checkov:skip=CKV2_AWS_3:For one account; an organization's administrator switches it on for all by itself.
  count = var.guardduty ? 1 : 0

  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252:Alarms come from metrics; a message for each delivered file tells nobody anything.
  #checkov:skip=CKV2_AWS_10:Files in S3 are what an investigation needs; CloudWatch Logs would cost $0.50 a GB for the same.
  count = var.cloudtrail ? 1 : 0

  name                       = local.name
  s3_bucket_name             = var.log_bucket
  s3_key_prefix              = "cloudtrail"
  kms_key_id                 = aws_kms_key.this.arn
  is_multi_region_trail      = true
  enable_log_file_validation = true
}

resource "aws_iam_role" "config" {
  count = var.config ? 1 : 0

  name = "${local.name}-config"
  path = "/bbws/${var.environment}/"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "config.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "config" {
  count = var.config ? 1 : 0

  role       = aws_iam_role.config[0].name
  policy_arn = "${local.arn}:iam::aws:policy/service-role/AWS_ConfigRole"
}

resource "aws_iam_role_policy" "config" {
  count = var.config ? 1 : 0

  name = "deliver"
  role = aws_iam_role.config[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "s3:PutObject", Resource = "${local.arn}:s3:::${var.log_bucket}/config/AWSLogs/${local.account}/*" },
      { Effect = "Allow", Action = "s3:GetBucketAcl", Resource = "${local.arn}:s3:::${var.log_bucket}" },
    ]
  })
}

resource "aws_config_configuration_recorder" "this" {
  #checkov:skip=CKV2_AWS_48:Every type in the home region; global types too, by `include_global_resource_types`.
  count = var.config ? 1 : 0

  name     = local.name
  role_arn = aws_iam_role.config[0].arn

  recording_group {
    all_supported                 = true
    include_global_resource_types = true
  }
}

resource "aws_config_delivery_channel" "this" {
  count = var.config ? 1 : 0

  name           = local.name
  s3_bucket_name = var.log_bucket
  s3_key_prefix  = "config"

  depends_on = [aws_config_configuration_recorder.this]
}

resource "aws_config_configuration_recorder_status" "this" {
  count = var.config ? 1 : 0

  name       = aws_config_configuration_recorder.this[0].name
  is_enabled = true

  depends_on = [aws_config_delivery_channel.this]
}

resource "aws_budgets_budget" "this" {
  count = var.monthly_budget > 0 ? 1 : 0

  name         = local.name
  budget_type  = "COST"
  limit_amount = format("%.1f", var.monthly_budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      notification_type         = notification.key
      subscriber_sns_topic_arns = [var.topic_arn]
    }
  }
}
