# Bringing a release here: reading its image and attestations in the environment before, writing them here. Sites are changed by
# `apply` alone.

locals {
  promote = [
    {
      Sid      = "ReadFoundation"
      Effect   = "Allow"
      Action   = "ssm:GetParameter"
      Resource = "${local.arn.ssm}:parameter/bbws/${var.environment}/foundation"
    },
    { Sid = "SignInToRegistry", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    {
      Sid    = "ReadImages"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:DescribeImages",
        "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer",
      ]
      Resource = var.repository_arns
    },
    {
      Sid      = "WriteImages"
      Effect   = "Allow"
      Action   = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:StartImageScan"]
      Resource = var.repository_arns[0]
    },
  ]
}
