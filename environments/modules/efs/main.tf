# A cell's uploads: one file system, an access point for each tenant (the runner's).

locals {
  name = "bbws-${var.environment}-${var.cell}"
}

resource "aws_efs_file_system" "this" {
  #checkov:skip=CKV2_AWS_18:Backup plans choose by the tag `bbws:backup`.
  creation_token  = local.name
  encrypted       = true
  kms_key_id      = var.key_arn
  throughput_mode = "elastic"

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }

  lifecycle_policy {
    transition_to_primary_storage_class = "AFTER_1_ACCESS"
  }

  tags = { Name = local.name, "bbws:cell" = var.cell, "bbws:backup" = var.backup }
}

resource "aws_efs_mount_target" "this" {
  for_each = var.subnets

  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = each.value
  security_groups = [var.security_group]
}

# Whoever mounts it does so encrypted and through an access point, never as root, whatever their own policy says.
resource "aws_efs_file_system_policy" "this" {
  file_system_id = aws_efs_file_system.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "uploads" # EFS gives one of its own to a policy without, and every plan would take it back
    Statement = [
      {
        Sid       = "MountThroughAccessPoints"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root" }
        Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        Resource  = aws_efs_file_system.this.arn
        Condition = {
          Bool = { "elasticfilesystem:AccessedViaMountTarget" = "true" }
          Null = { "elasticfilesystem:AccessPointArn" = "false" }
        }
      },
      {
        Sid       = "OnlyAccessPoints"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        Resource  = aws_efs_file_system.this.arn
        Condition = { Null = { "elasticfilesystem:AccessPointArn" = "true" } }
      },
      {
        Sid       = "NeverRoot"
        Effect    = "Deny"
        Principal = "*"
        Action    = "elasticfilesystem:ClientRootAccess"
        Resource  = aws_efs_file_system.this.arn
      },
      {
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "*"
        Resource  = aws_efs_file_system.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_efs_replication_configuration" "this" {
  count = var.replica == null ? 0 : 1

  source_file_system_id = aws_efs_file_system.this.id

  destination {
    region     = var.replica.region
    kms_key_id = var.replica.key_arn
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
