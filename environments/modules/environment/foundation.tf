# The foundation document: the contract with the runner, which reads nothing else of this. Its form is that of
# runner/src/cloud/foundation.rs.

locals {
  foundation = {
    version     = 1
    environment = var.environment
    account     = data.aws_caller_identity.this.account_id
    region      = data.aws_region.this.name
    partition   = data.aws_partition.this.partition
    viewer      = { scheme = "https", port = 443 }
    edge        = module.cloudfront.edge
    zone        = { id = module.route53.id, name = module.route53.name }
    cluster     = { name = module.ecs_cluster.name, arn = module.ecs_cluster.arn }
    network = {
      vpc_id              = module.vpc.vpc_id
      subnets             = module.vpc.private_subnets
      task_security_group = module.vpc.security_groups.tasks
    }
    registry   = { repository = module.ecr.repository, uri = module.ecr.uri }
    users      = { pool_id = module.cognito.pool_id }
    artifacts  = { bucket = module.artifacts.bucket }
    alarms     = { topic_arn = module.monitoring.topic_arn }
    encryption = { key_arn = module.security.key_arn }
    job        = module.ecs_cluster.job
    recovery = {
      vault   = module.backup.vault
      region  = data.aws_region.dr.name
      bucket  = module.artifacts.replica_bucket
      key_arn = module.security.dr_key_arn
    }
    cells = [for letter in sort(keys(module.cell)) : module.cell[letter].cell]
  }
}

resource "aws_ssm_parameter" "foundation" {
  #checkov:skip=CKV2_AWS_34:It names things and holds no secret; secrets are in Secrets Manager.
  name        = "/bbws/${var.environment}/foundation"
  description = "What tenants share in ${var.environment}"
  type        = "String"
  tier        = "Intelligent-Tiering" # three cells are more than the 4 KB of a standard parameter
  value       = jsonencode(local.foundation)
}
