# `doctor` and `audit`, for whoever plans and applies: what they look at beside what `plan` reads. A policy of its own, since the roles' inline
# ones are near the 10,240 characters that IAM takes of them.

locals {
  examine = [
    {
      # Descriptions and quotas of the account.
      Sid    = "Examine"
      Effect = "Allow"
      Action = [
        "ecs:DescribeClusters", "elasticfilesystem:DescribeFileSystems", "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancerAttributes", "rds:DescribeDBInstances", "servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota",
      ]
      Resource = "*"
    },
    {
      Sid    = "ExamineShared"
      Effect = "Allow"
      Action = ["cognito-idp:DescribeUserPool", "kms:DescribeKey", "route53:GetHostedZone"]
      Resource = [
        "${local.arn.cognito-idp}:userpool/${var.pool_id}", var.key_arn, var.dr.key_arn, local.zone,
      ]
    },
    {
      Sid      = "ExamineRecovery"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = "arn:${local.partition}:s3:::${var.dr.bucket}"
    },
    {
      Sid      = "ExamineSelf"
      Effect   = "Allow"
      Action   = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
      Resource = "arn:${local.partition}:iam::${local.account}:role/bbws/github/${local.name}-github-*"
    },
    {
      # Without its value. RDS names the administrators' by itself.
      Sid    = "ExamineSecrets"
      Effect = "Allow"
      Action = "secretsmanager:DescribeSecret"
      Resource = [
        "${local.arn.secretsmanager}:secret:bbws/${var.environment}/cells/*", "${local.arn.secretsmanager}:secret:rds!db-*",
      ]
    },
    {
      Sid    = "AuditArtifacts"
      Effect = "Allow"
      Action = [
        "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
      ]
      Resource = local.bucket
    },
    {
      Sid    = "AuditShared"
      Effect = "Allow"
      Action = [
        "backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault", "elasticfilesystem:DescribeFileSystemPolicy",
        "rds:DescribeDBParameters", "wafv2:GetWebACL",
      ]
      Resource = [
        "${local.arn.backup}:backup-vault:${local.name}",
        "arn:${local.partition}:backup:${var.dr.region}:${local.account}:backup-vault:${local.name}",
        "${local.arn.elasticfilesystem}:file-system/*",
        "arn:${local.partition}:rds:${local.region}:${local.account}:pg:${local.name}-*",
        "arn:${local.partition}:wafv2:us-east-1:${local.account}:global/webacl/${local.name}-viewers/*",
      ]
    },
  ]
}

resource "aws_iam_policy" "examine" {
  name        = "${local.name}-github-examine"
  description = "What bbws doctor and audit look at in ${var.environment}"
  path        = "/bbws/github/"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.examine })
}

resource "aws_iam_role_policy_attachment" "examine" {
  for_each = toset(["plan", "apply"])

  role       = aws_iam_role.this[each.key].name
  policy_arn = aws_iam_policy.examine.arn
}
