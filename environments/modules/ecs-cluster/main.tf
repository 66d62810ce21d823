# The cluster of all sites, and what the administrative jobs in it run as.

locals {
  name   = "bbws-${var.environment}"
  region = data.aws_region.this.name
  arn    = "arn:${data.aws_partition.this.partition}"
  scope  = "${data.aws_region.this.name}:${data.aws_caller_identity.this.account_id}"
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  configuration {
    execute_command_configuration {
      kms_key_id = var.key_arn
      logging    = "OVERRIDE"

      log_configuration {
        cloud_watch_encryption_enabled = true
        cloud_watch_log_group_name     = aws_cloudwatch_log_group.sessions.name
      }
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
    base              = 1
  }
}

# Whoever opens a shell in a container leaves a record.
resource "aws_cloudwatch_log_group" "sessions" {
  name              = "/bbws/${var.environment}/sessions"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}
