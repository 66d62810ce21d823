# One load balancer, one database and one file system for a share of the tenants: 100 at most, since a load balancer holds
# no more target groups.

module "alb" {
  source = "../alb"

  environment    = var.environment
  cell           = var.cell
  subnets        = var.network.public_subnets
  security_group = var.network.security_groups["edge"]
  zone           = var.zone
  log_bucket     = var.log_bucket
  origin_secret  = var.origin_secret
  key_arn        = var.key_arn
  protected      = var.protected
}

module "rds" {
  source = "../rds"

  environment           = var.environment
  cell                  = var.cell
  instance_class        = var.instance_class
  storage_gib           = var.storage_gib
  multi_az              = var.multi_az
  backup_retention_days = var.backup_retention_days
  backup                = var.backup
  subnets               = var.network.isolated_subnets
  security_group        = var.network.security_groups["data"]
  key_arn               = var.key_arn
  protected             = var.protected
}

module "efs" {
  source = "../efs"

  environment    = var.environment
  cell           = var.cell
  backup         = var.backup
  subnets        = zipmap(var.network.zones, var.network.isolated_subnets)
  security_group = var.network.security_groups["data"]
  key_arn        = var.key_arn
  replica        = var.replica
}
