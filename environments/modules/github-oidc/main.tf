# What GitHub's workflows act as: a role for each thing that they do, which only jobs of one repository in one GitHub
# environment may assume, without any stored key. What a role may do stands in the file of its name.
#
# Who may say `apply` decides who controls these GitHub environments: require reviewers there.

locals {
  name      = "bbws-${var.environment}"
  partition = data.aws_partition.this.partition
  account   = data.aws_caller_identity.this.account_id
  region    = data.aws_region.this.name
  issuer    = "token.actions.githubusercontent.com"

  # ARNs of this account and region; IAM, S3, Route 53 and CloudFront have none.
  arn    = { for service in local.services : service => "arn:${local.partition}:${service}:${local.region}:${local.account}" }
  bucket = "arn:${local.partition}:s3:::${var.artifacts_bucket}"

  services = [
    "acm", "application-autoscaling", "backup", "cloudwatch", "cognito-idp", "ecr", "ecs", "elasticfilesystem", "elasticloadbalancing",
    "logs", "secretsmanager", "ssm",
  ]

  # GitHub environments: production's `apply` needs other reviewers than its `plan`, which needs none.
  github_environments = {
    plan    = "${var.environment}-plan"
    apply   = var.environment
    promote = "${var.environment}-promote"
    dr      = "${var.environment}-dr"
  }

  # A promotion acts in two accounts. Its job lies in the GitHub environment of the upper one, whose reviewers decide.
  order = ["dev", "sit", "prod"]
  trusted = {
    for name, environment in local.github_environments : name => name != "promote" ? [environment] : [
      for other in slice(local.order, index(local.order, var.environment), length(local.order)) : "${other}-promote"
    ]
  }

  documents = { plan = local.plan, apply = local.apply, promote = local.promote, dr = local.dr }

  # GitHub names a job's repository by names, and those made after 15 July 2026 by names and ids: a name that somebody
  # else takes over later is another id then (GitHub Docs, "OpenID Connect reference").
  repository_forms = compact([
    "${var.repository.owner}/${var.repository.name}",
    var.repository.owner_id == null || var.repository.id == null ? "" :
    "${var.repository.owner}@${coalesce(var.repository.owner_id, 0)}/${var.repository.name}@${coalesce(var.repository.id, 0)}",
  ])
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each = local.github_environments

  name                 = "${local.name}-github-${each.key}"
  description          = "Workflows of ${var.repository.owner}/${var.repository.name} in the GitHub environment ${each.value}"
  path                 = "/bbws/github/" # not where `apply` may write roles
  max_session_duration = each.key == "plan" ? 3600 : 4 * 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = [
            for pair in setproduct(local.repository_forms, local.trusted[each.key]) : "repo:${pair[0]}:environment:${pair[1]}"
          ]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.documents

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
