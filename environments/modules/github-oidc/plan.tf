# `plan`, `status`, `capacity`, `rollout status`: everything is read, nothing is written. Secrets are seen by name; the one
# that is read is the origin header's, with which distributions and listeners are compared.

locals {
  tagged = { StringEquals = { "aws:ResourceTag/bbws:environment" = var.environment } }

  plan = [
    {
      Sid      = "ReadFoundation"
      Effect   = "Allow"
      Action   = "ssm:GetParameter"
      Resource = "${local.arn.ssm}:parameter/bbws/${var.environment}/foundation"
    },
    {
      # Lists of the account, for which IAM knows no narrower resource (Service Authorization Reference).
      Sid    = "List"
      Effect = "Allow"
      Action = [
        "acm:ListCertificates", "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
        "budgets:ViewBudget", "cloudfront:ListDistributions", "cloudwatch:DescribeAlarms", "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitionFamilies", "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetGroups",
        "iam:GetAccountAuthorizationDetails", "logs:DescribeLogGroups", "route53:ListHealthChecks", "secretsmanager:ListSecrets",
        "tag:GetResources",
      ]
      Resource = "*"
    },
    {
      Sid       = "ListServices"
      Effect    = "Allow"
      Action    = "ecs:ListServices"
      Resource  = "*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
    {
      Sid      = "ReadServices"
      Effect   = "Allow"
      Action   = "ecs:DescribeServices"
      Resource = "${local.arn.ecs}:service/${local.name}/*"
    },
    {
      Sid    = "ReadTagged"
      Effect = "Allow"
      Action = ["acm:DescribeCertificate", "acm:ListTagsForCertificate", "elasticfilesystem:DescribeAccessPoints"]
      Resource = [
        "arn:${local.partition}:acm:us-east-1:${local.account}:certificate/*",
        "${local.arn.elasticfilesystem}:access-point/*",
        "${local.arn.elasticfilesystem}:file-system/*",
      ]
      Condition = local.tagged
    },
    {
      Sid      = "ReadShared"
      Effect   = "Allow"
      Action   = ["cognito-idp:ListGroups", "route53:ListResourceRecordSets"]
      Resource = ["${local.arn.cognito-idp}:userpool/${var.pool_id}", local.zone]
    },
    {
      Sid      = "ReadImages"
      Effect   = "Allow"
      Action   = ["ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
      Resource = var.repository_arns
    },
    {
      Sid      = "ReadLedgers"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${local.bucket}/*"
    },
    {
      # Zips of plugins and themes are listed; and without it, S3 says of an object that is not there that one may not look.
      Sid      = "ListObjects"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = local.bucket
    },
    {
      Sid      = "ReadOriginHeaders"
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = "${local.arn.secretsmanager}:secret:bbws/${var.environment}/cells/*/origin-??????"
    },
    {
      Sid      = "Decrypt"
      Effect   = "Allow"
      Action   = "kms:Decrypt"
      Resource = var.key_arn
      Condition = {
        StringEquals = { "kms:ViaService" = [for service in ["s3", "secretsmanager"] : "${service}.${local.region}.amazonaws.com"] }
      }
    },
  ]

  zone = "arn:${local.partition}:route53:::hostedzone/${var.zone_id}"
}
