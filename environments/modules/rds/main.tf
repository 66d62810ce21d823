# A cell's MySQL. RDS makes and rotates the administrator's password itself: neither Terraform nor its state knows it.

locals {
  name = "bbws-${var.environment}-${var.cell}"
  logs = ["error", "slowquery"]
}

data "aws_partition" "this" {}
data "aws_caller_identity" "this" {}

resource "aws_db_subnet_group" "this" {
  name        = local.name
  description = "Isolated subnets of ${local.name}"
  subnet_ids  = var.subnets
}

resource "aws_db_parameter_group" "this" {
  name        = "${local.name}-mysql84"
  family      = "mysql8.4"
  description = "WordPress on ${local.name}"

  dynamic "parameter" {
    for_each = {
      # Nobody speaks to it in the clear.
      require_secure_transport = "1"
      character_set_server     = "utf8mb4"
      collation_server         = "utf8mb4_unicode_520_ci" # WordPress's own choice
      # Plugins leave connections open; a pool of PHP processes does not need them for hours.
      wait_timeout    = "300"
      slow_query_log  = "1"
      long_query_time = "2"
      log_output      = "FILE"
    }
    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(local.logs)

  name              = "/aws/rds/instance/${local.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_iam_role" "monitoring" {
  name = "${local.name}-rds-monitoring"
  path = "/bbws/${var.environment}/"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:Multi-AZ is a choice (`multi_az`): it doubles the price.
  #checkov:skip=CKV_AWS_293:Deletion protection is a choice (`protected`).
  #checkov:skip=CKV_AWS_353:Performance Insights is not offered for MySQL on the small classes; enhanced monitoring is on.
  #checkov:skip=CKV_AWS_161:Tenants' users have passwords in Secrets Manager; the administrator's rotates every 7 days.
  #checkov:skip=CKV2_AWS_69:`require_secure_transport` is in a dynamic block, which checkov does not read; a test does.
  #checkov:skip=CKV_AWS_129:Error and slow query logs are exported; the general log would hold visitors' data.
  identifier     = local.name
  engine         = "mysql"
  engine_version = "8.4"
  instance_class = var.instance_class

  username                      = "bbws_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.key_arn

  storage_type          = "gp3"
  allocated_storage     = var.storage_gib.initial
  max_allocated_storage = var.storage_gib.maximum
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group]
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period    = var.backup_retention_days
  backup_window              = "00:30-01:30"
  maintenance_window         = "sun:02:00-sun:03:00"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  deletion_protection        = var.protected
  skip_final_snapshot        = !var.protected
  final_snapshot_identifier  = "${local.name}-final"

  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports = local.logs

  tags = { "bbws:cell" = var.cell, "bbws:backup" = var.backup }

  # RDS makes log groups that are missing, without a key and for ever.
  depends_on = [aws_cloudwatch_log_group.this]
}
