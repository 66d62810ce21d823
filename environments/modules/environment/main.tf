# A whole environment: what its tenants share, and the document that tells the runner of it.
#
# The DR region gets what a recovery within 4 hours cannot do without, and nothing that runs:
# - backups of databases and files, copied as they are made (storage, $0.05 to $0.10 a GB and month),
# - images and artifacts, copied as they are written (storage, $0.10 and $0.0125 a GB and month),
# - a replica of the key that opens them ($1 a month),
# - where `dr.replicate_files`, the files themselves, minutes behind (storage, about $0.30 a GB and month).
# Network, cluster, load balancers and databases are made there on the day, by these modules: about half an hour.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

data "aws_region" "dr" {
  provider = aws.dr
}

locals {
  zones = [for letter in slice(["a", "b", "c"], 0, var.choices.zones) : "${data.aws_region.this.name}${letter}"]
  cells = { for cell in var.choices.cells : cell.name => cell }
}

module "security" {
  source    = "../security"
  providers = { aws = aws, aws.dr = aws.dr }

  environment    = var.environment
  topic_arn      = module.monitoring.topic_arn
  monthly_budget = var.monthly_budget
  log_bucket     = module.artifacts.log_bucket
  guardduty      = var.watch.guardduty
  config         = var.watch.config
  cloudtrail     = var.watch.cloudtrail
}

module "artifacts" {
  source    = "../artifacts"
  providers = { aws = aws, aws.dr = aws.dr }

  environment = var.environment
  key_arn     = module.security.key_arn
  dr_key_arn  = module.security.dr_key_arn
  protected   = var.protected
}

module "vpc" {
  source = "../vpc"

  environment = var.environment
  cidr        = var.cidr
  zones       = local.zones
  nat         = var.choices.nat
  key_arn     = module.security.key_arn
}

module "route53" {
  source    = "../route53"
  providers = { aws = aws, aws.edge = aws.edge }

  environment = var.environment
  domain      = var.domain
  dnssec      = var.dnssec
  protected   = var.protected
}

# Made by AWS, and forgotten when it is in Secrets Manager. (Here, since Terraform's tests cannot mock what is ephemeral: the
# modules below are tested with a value of their own.)
ephemeral "aws_secretsmanager_random_password" "origin" {
  for_each = local.cells

  password_length     = 64
  exclude_punctuation = true
}

module "cell" {
  source   = "../cell"
  for_each = local.cells

  environment           = var.environment
  cell                  = each.key
  instance_class        = each.value.database_class
  storage_gib           = { initial = each.value.database_storage, maximum = 10 * each.value.database_storage }
  multi_az              = each.value.database_standby == "other_zone"
  backup_retention_days = var.backup.retention_days
  backup                = var.backup.plan
  zone                  = { id = module.route53.id, name = module.route53.name }
  log_bucket            = module.artifacts.log_bucket
  origin_secret         = ephemeral.aws_secretsmanager_random_password.origin[each.key].random_password
  key_arn               = module.security.key_arn
  replica               = var.dr.replicate_files ? { region = data.aws_region.dr.name, key_arn = module.security.dr_key_arn } : null
  protected             = var.protected

  network = {
    zones            = local.zones
    public_subnets   = module.vpc.public_subnets
    isolated_subnets = module.vpc.isolated_subnets
    security_groups  = module.vpc.security_groups
  }
}

module "ecr" {
  source = "../ecr"

  environment   = var.environment
  key_arn       = module.security.key_arn
  dr_region     = data.aws_region.dr.name
  pull_accounts = var.pull_accounts
  protected     = var.protected
}

module "ecs_cluster" {
  source = "../ecs-cluster"

  environment       = var.environment
  key_arn           = module.security.key_arn
  repository_arn    = module.ecr.arn
  artifacts_bucket  = module.artifacts.bucket
  admin_secret_arns = [for cell in module.cell : cell.cell.database.admin_secret_arn]
}

module "cognito" {
  source = "../cognito"

  environment = var.environment
  protected   = var.protected
}

module "cloudfront" {
  source    = "../cloudfront"
  providers = { aws = aws, aws.edge = aws.edge }

  environment = var.environment
}

module "github_oidc" {
  source = "../github-oidc"
  count  = var.github == null ? 0 : 1

  environment      = var.environment
  repository       = var.github
  artifacts_bucket = module.artifacts.bucket
  key_arn          = module.security.key_arn
  cluster_arn      = module.ecs_cluster.arn
  pool_id          = module.cognito.pool_id
  zone_id          = module.route53.id
  job              = module.ecs_cluster.job

  repository_arns = concat([module.ecr.arn], [
    for account in var.image_sources :
    "arn:${data.aws_partition.this.partition}:ecr:${data.aws_region.this.name}:${account}:repository/${module.ecr.repository}"
  ])

  dr = {
    region          = data.aws_region.dr.name
    bucket          = module.artifacts.replica_bucket
    key_arn         = module.security.dr_key_arn
    backup_role_arn = module.backup.role_arn
  }
}

module "backup" {
  source    = "../backup"
  providers = { aws = aws, aws.dr = aws.dr }

  environment        = var.environment
  key_arn            = module.security.key_arn
  dr_key_arn         = module.security.dr_key_arn
  isolated_vault_arn = var.isolated_vault_arn
  restore_testing    = var.restore_testing
  protected          = var.protected
}

module "monitoring" {
  source = "../monitoring"

  environment   = var.environment
  key_arn       = module.security.key_arn
  emails        = var.alarm_emails
  cluster       = module.ecs_cluster.name
  job_log_group = module.ecs_cluster.job.log_group
  cost_anomaly  = var.cost_anomaly

  cells = {
    for letter, made in module.cell : letter => {
      database      = made.cell.database.instance
      load_balancer = made.cell.load_balancer.full_name
      file_system   = made.cell.file_system_id
      low_storage   = ceil(local.cells[letter].database_storage / 10)
    }
  }
}
