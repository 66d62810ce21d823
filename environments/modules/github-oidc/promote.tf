# `image copy`, `promote`: bringing an image and a site's content here, and lending what is here to the environment above. Sites are
# changed by `apply` alone, but for their content.

locals {
  promote = concat(local.plan, local.run_jobs, [
    {
      # RunTask with tags asks for it.
      Sid       = "TagJobs"
      Effect    = "Allow"
      Action    = "ecs:TagResource"
      Resource  = "${local.arn.ecs}:task/${local.name}/*"
      Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
    },
    {
      Sid      = "FindImages"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:DescribeRepositories"]
      Resource = var.repository_arns
    },
    {
      Sid      = "WriteImages"
      Effect   = "Allow"
      Action   = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:StartImageScan"]
      Resource = var.repository_arns[0]
    },
    {
      # Jobs of a promotion run as the site's tasks do.
      Sid       = "PassSiteRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = ["${local.roles}-*-task", "${local.roles}-*-execution"]
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    {
      # The roles of a cell's administrative jobs, which reach all its databases, have names of the same form.
      Sid      = "LeaveJobRolesAlone"
      Effect   = "Deny"
      Action   = "iam:PassRole"
      Resource = local.jobs
    },
    {
      # One role a promotion, which exists as long as it takes and reads one snapshot.
      Sid      = "LendSnapshots"
      Effect   = "Allow"
      Action   = ["iam:CreateRole", "iam:TagRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole"]
      Resource = "arn:${local.partition}:iam::${local.account}:role/bbws/${var.environment}/snapshots/*"
    },
    {
      Sid      = "WriteRecords"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject"]
      Resource = [for folder in ["leases", "promotions"] : "${local.bucket}/${folder}/*"]
    },
    {
      Sid       = "EncryptRecords"
      Effect    = "Allow"
      Action    = "kms:GenerateDataKey"
      Resource  = var.key_arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
    },
    {
      Sid       = "PurgeEdge"
      Effect    = "Allow"
      Action    = "cloudfront:CreateInvalidation"
      Resource  = "arn:${local.partition}:cloudfront::${local.account}:distribution/*"
      Condition = local.tagged
    },
    {
      # IAM knows no resources for them.
      Sid      = "SeeHealthRestoresAndRoles"
      Effect   = "Allow"
      Action   = ["backup:ListRestoreJobsByProtectedResource", "elasticloadbalancing:DescribeTargetHealth", "iam:ListRoles"]
      Resource = "*"
    },
    {
      Sid      = "ReadLogs"
      Effect   = "Allow"
      Action   = "logs:GetLogEvents"
      Resource = "${local.arn.logs}:log-group:/bbws/${var.environment}/*"
    },
  ])
}
