mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "af-south-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  environment   = "prod"
  key_arn       = "arn:aws:kms:af-south-1:111111111111:key/k"
  emails        = ["oncall@example.com"]
  cluster       = "bbws-prod"
  job_log_group = "/bbws/prod/jobs"
  cost_anomaly  = 50
  cells = {
    a = { database = "bbws-prod-a", load_balancer = "app/bbws-prod-a/1", file_system = "fs-1", low_storage = 10 }
    b = { database = "bbws-prod-b", load_balancer = "app/bbws-prod-b/2", file_system = "fs-2", low_storage = 20 }
  }
}

run "each_cell_has_its_alarms" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.cell) == 6
    error_message = "Two cells of three alarms."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.cell["b-database-storage"].threshold == 20 * 1024 * 1024 * 1024 && aws_cloudwatch_metric_alarm.cell["b-database-storage"].dimensions["DBInstanceIdentifier"] == "bbws-prod-b"
    error_message = "An alarm watches its own cell, in bytes."
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8
    error_message = "The page shows all graphs."
  }
}

run "unusual_costs_are_told_by_choice" {
  command = plan
  variables {
    cost_anomaly = 0
  }

  assert {
    condition     = length(aws_ce_anomaly_monitor.this) == 0
    error_message = "What is not chosen must not be made."
  }
}

run "a_name_is_no_address" {
  command = plan
  variables {
    emails = ["oncall"]
  }
  expect_failures = [var.emails]
}
