# `apply`, `destroy`, `rollout`, `image push`: `plan`, and what it takes to make, change and remove sites. By name and tag they are
# this environment's; what Terraform made cannot be changed with it.

locals {
  jobs  = [var.job.execution_role_arn, var.job.task_role_arn]
  roles = "arn:${local.partition}:iam::${local.account}:role/bbws/${var.environment}/${local.name}"

  apply = concat(local.plan, local.run_jobs, [
    {
      Sid      = "DefineJobs"
      Effect   = "Allow"
      Action   = "ecs:RegisterTaskDefinition"
      Resource = "${local.arn.ecs}:task-definition/${local.name}-*"
    },
    {
      Sid       = "ListTasks"
      Effect    = "Allow"
      Action    = "ecs:ListTasks"
      Resource  = "*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
    {
      Sid       = "PassJobRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = local.jobs
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    {
      Sid       = "RequestCertificates"
      Effect    = "Allow"
      Action    = ["acm:RequestCertificate", "acm:AddTagsToCertificate", "cloudfront:CreateDistribution", "cloudfront:TagResource"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestTag/bbws:environment" = var.environment } }
    },
    {
      Sid    = "ChangeTagged"
      Effect = "Allow"
      Action = [
        "acm:DeleteCertificate", "cloudfront:GetDistribution", "cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution",
        "cloudfront:DeleteDistribution",
      ]
      Resource = [
        "arn:${local.partition}:acm:us-east-1:${local.account}:certificate/*",
        "arn:${local.partition}:cloudfront::${local.account}:distribution/*",
      ]
      Condition = local.tagged
    },
    {
      Sid    = "Scale"
      Effect = "Allow"
      Action = [
        "application-autoscaling:RegisterScalableTarget", "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:TagResource",
      ]
      Resource  = "*"
      Condition = { StringEquals = { "application-autoscaling:service-namespace" = "ecs" } }
    },
    {
      Sid      = "Budget"
      Effect   = "Allow"
      Action   = "budgets:ModifyBudget"
      Resource = "arn:${local.partition}:budgets::${local.account}:budget/${local.name}-*"
    },
    {
      Sid      = "Alarm"
      Effect   = "Allow"
      Action   = ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"]
      Resource = "${local.arn.cloudwatch}:alarm:${local.name}-*"
    },
    {
      Sid      = "GroupUsers"
      Effect   = "Allow"
      Action   = ["cognito-idp:CreateGroup", "cognito-idp:UpdateGroup", "cognito-idp:DeleteGroup"]
      Resource = "${local.arn.cognito-idp}:userpool/${var.pool_id}"
    },
    { Sid = "SignInToRegistry", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    {
      Sid    = "PushImages"
      Effect = "Allow"
      Action = [
        "ecr:DescribeRepositories", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:StartImageScan", "ecr:BatchDeleteImage",
      ]
      Resource = var.repository_arns[0]
    },
    {
      Sid    = "Serve"
      Effect = "Allow"
      Action = ["ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService", "ecs:DeleteTaskDefinitions", "ecs:TagResource", "ecs:UntagResource"]
      Resource = [
        "${local.arn.ecs}:service/${local.name}/${local.name}-*", "${local.arn.ecs}:task-definition/${local.name}-*",
        "${local.arn.ecs}:task/${local.name}/*",
      ]
    },
    {
      # IAM knows no resource for these.
      Sid      = "FinishRollouts"
      Effect   = "Allow"
      Action   = ["ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions", "elasticloadbalancing:DescribeTargetHealth"]
      Resource = "*"
    },
    {
      Sid       = "ShareFiles"
      Effect    = "Allow"
      Action    = ["elasticfilesystem:CreateAccessPoint", "elasticfilesystem:DeleteAccessPoint", "elasticfilesystem:TagResource"]
      Resource  = [for kind in ["file-system", "access-point"] : "${local.arn.elasticfilesystem}:${kind}/*"]
      Condition = local.tagged
    },
    {
      # What is being made has no tags yet, but is asked for with them.
      Sid       = "TagNewFiles"
      Effect    = "Allow"
      Action    = "elasticfilesystem:TagResource"
      Resource  = "${local.arn.elasticfilesystem}:access-point/*"
      Condition = { StringEquals = { "aws:RequestTag/bbws:environment" = var.environment } }
    },
    {
      Sid    = "Route"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:CreateRule", "elasticloadbalancing:ModifyRule", "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:AddTags",
      ]
      Resource = [for kind in ["listener/app", "listener-rule/app", "targetgroup"] : "${local.arn.elasticloadbalancing}:${kind}/${local.name}-*"]
    },
    {
      Sid    = "WriteSiteRoles"
      Effect = "Allow"
      Action = [
        "iam:CreateRole", "iam:DeleteRole", "iam:GetRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy",
        "iam:DeleteRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:DetachRolePolicy",
      ]
      Resource = ["${local.roles}-*-task", "${local.roles}-*-execution"]
    },
    {
      Sid       = "PassSiteRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = ["${local.roles}-*-task", "${local.roles}-*-execution"]
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    {
      # The jobs' own two have names of the same form; only Terraform writes them.
      Sid    = "LeaveJobRolesAlone"
      Effect = "Deny"
      Action = [
        "iam:CreateRole", "iam:DeleteRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
      ]
      Resource = local.jobs
    },
    {
      Sid      = "KeepLogs"
      Effect   = "Allow"
      Action   = ["logs:GetLogEvents", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"]
      Resource = "${local.arn.logs}:log-group:/bbws/${var.environment}/*"
    },
    {
      Sid      = "NameSites"
      Effect   = "Allow"
      Action   = "route53:ChangeResourceRecordSets"
      Resource = local.zone
    },
    {
      # Health checks have no names, and take no tags when they are made.
      Sid      = "CheckSites"
      Effect   = "Allow"
      Action   = ["route53:CreateHealthCheck", "route53:UpdateHealthCheck", "route53:DeleteHealthCheck", "route53:ChangeTagsForResource", "route53:GetChange"]
      Resource = [for kind in ["healthcheck", "change"] : "arn:${local.partition}:route53:::${kind}/*"]
    },
    {
      Sid      = "WriteArtifacts"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject"]
      Resource = "${local.bucket}/*"
    },
    {
      Sid    = "WriteSiteSecrets"
      Effect = "Allow"
      Action = [
        "secretsmanager:CreateSecret", "secretsmanager:UpdateSecret", "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret",
        "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource",
      ]
      Resource = [for kind in ["database", "wordpress"] : "${local.arn.secretsmanager}:secret:bbws/${var.environment}/*/${kind}*"]
    },
    {
      Sid       = "Encrypt"
      Effect    = "Allow"
      Action    = "kms:GenerateDataKey"
      Resource  = var.key_arn
      Condition = { StringEquals = { "kms:ViaService" = [for service in ["s3", "secretsmanager"] : "${service}.${local.region}.amazonaws.com"] } }
    },
  ])

  # Work inside the VPC, by the tasks' own roles.
  run_jobs = [
    {
      Sid       = "RunJobs"
      Effect    = "Allow"
      Action    = "ecs:RunTask"
      Resource  = "${local.arn.ecs}:task-definition/${local.name}-*"
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
    },
    {
      Sid      = "FollowTasks"
      Effect   = "Allow"
      Action   = "ecs:DescribeTasks"
      Resource = "${local.arn.ecs}:task/${local.name}/*"
    },
  ]
}
