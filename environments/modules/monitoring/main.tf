# Alarms of what tenants share, where they go, and one page that shows it all. Alarms of sites are the runner's, to the
# same topic.

locals {
  name    = "bbws-${var.environment}"
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name

  # Five minutes each; missing figures are no alarm, since an idle load balancer reports none.
  alarms = {
    database-cpu         = { namespace = "AWS/RDS", metric = "CPUUtilization", statistic = "Average", comparison = "GreaterThanThreshold", periods = 3, of = "database" }
    database-storage     = { namespace = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum", comparison = "LessThanThreshold", periods = 1, of = "database" }
    load-balancer-errors = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum", comparison = "GreaterThanThreshold", periods = 2, of = "load_balancer" }
  }

  dimensions = { database = "DBInstanceIdentifier", load_balancer = "LoadBalancer" }

  cell_alarms = merge([for cell, parts in var.cells : {
    for alarm, about in local.alarms : "${cell}-${alarm}" => merge(about, {
      dimension = { (local.dimensions[about.of]) = parts[about.of] }
      threshold = {
        database-cpu         = 80
        database-storage     = parts.low_storage * 1024 * 1024 * 1024
        load-balancer-errors = 50
      }[alarm]
    })
  }]...)
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Publish"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "cell" {
  for_each = local.cell_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "Cell ${substr(each.key, 0, 1)} of ${var.environment}: see docs/foundation.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimension
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "backup" {
  alarm_name          = "${local.name}-backup-failed"
  alarm_description   = "A backup job failed: see AWS Backup's jobs"
  namespace           = "AWS/Backup"
  metric_name         = "NumberOfBackupJobsFailed"
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_log_metric_filter" "jobs" {
  name           = "${local.name}-job-errors"
  log_group_name = var.job_log_group
  pattern        = "?error ?ERROR ?panicked"

  metric_transformation {
    namespace     = "bbws/${var.environment}"
    name          = "JobErrors"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "jobs" {
  alarm_name          = "${local.name}-job-errors"
  alarm_description   = "An administrative job reported errors: see the log group ${var.job_log_group}"
  namespace           = aws_cloudwatch_log_metric_filter.jobs.metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.jobs.metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [for index, graph in [
      { title = "Tasks", metrics = [["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.cluster]] },
      { title = "Requests", metrics = [for parts in var.cells : ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", parts.load_balancer]] },
      { title = "Seconds to answer (p95)", metrics = [for parts in var.cells : ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", parts.load_balancer, { stat = "p95" }]] },
      { title = "Errors", metrics = [for parts in var.cells : ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", parts.load_balancer]] },
      { title = "Database CPU", metrics = [for parts in var.cells : ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", parts.database]] },
      { title = "Database connections", metrics = [for parts in var.cells : ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", parts.database]] },
      { title = "Database storage free", metrics = [for parts in var.cells : ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", parts.database]] },
      { title = "Files", metrics = [for parts in var.cells : ["AWS/EFS", "StorageBytes", "StorageClass", "Total", "FileSystemId", parts.file_system]] },
      ] : {
      type   = "metric"
      x      = (index % 2) * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = graph.title
        region  = local.region
        stat    = index < 4 ? "Sum" : "Average"
        period  = 300
        metrics = graph.metrics
      }
    }]
  })
}

resource "aws_ce_anomaly_monitor" "this" {
  count = var.cost_anomaly > 0 ? 1 : 0

  name              = local.name
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}

resource "aws_ce_anomaly_subscription" "this" {
  count = var.cost_anomaly > 0 ? 1 : 0

  name             = local.name
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.this[0].arn]

  subscriber {
    type    = "SNS"
    address = aws_sns_topic.alarms.arn
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.cost_anomaly)]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
