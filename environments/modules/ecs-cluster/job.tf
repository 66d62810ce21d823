# The batched administrative job of a cell makes tenants' databases and users. ECS hands it the administrator's secret; it
# reads the tenants' database secrets itself, and writes its outcome.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_cloudwatch_log_group" "jobs" {
  name              = "/bbws/${var.environment}/jobs"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-job-execution"
  path               = "/bbws/${var.environment}/"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "execution" {
  name = "job"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The token itself opens nothing; IAM knows no resource for it.
      { Sid = "SignInToRegistry", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      {
        Sid      = "PullImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arn
      },
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.arn}:logs:${local.scope}:log-group:${aws_cloudwatch_log_group.jobs.name}:*"
      },
      { Sid = "ReadAdminSecrets", Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = var.admin_secret_arns },
      {
        Sid       = "DecryptAdminSecrets"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.key_arn
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_iam_role" "task" {
  name               = "${local.name}-job-task"
  path               = "/bbws/${var.environment}/"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "task" {
  name = "job"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Secrets Manager ends an ARN with six random characters; the names of other secrets are left out by the pattern.
        Sid      = "ReadDatabaseSecrets"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = "${local.arn}:secretsmanager:${local.scope}:secret:bbws/${var.environment}/*/database-??????"
      },
      {
        Sid      = "WriteOutcomes"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${local.arn}:s3:::${var.artifacts_bucket}/jobs/*"
      },
      {
        Sid       = "UseKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.key_arn
        Condition = { StringEquals = { "kms:ViaService" = [for service in ["secretsmanager", "s3"] : "${service}.${local.region}.amazonaws.com"] } }
      },
    ]
  })
}
