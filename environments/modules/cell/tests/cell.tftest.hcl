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

override_resource {
  target          = module.alb.aws_acm_certificate.origin
  override_during = plan
  values = {
    arn = "arn:aws:acm:af-south-1:111111111111:certificate/c"
    domain_validation_options = [{
      domain_name           = "origin-b.dev.example.com"
      resource_record_name  = "_x.origin-b.dev.example.com"
      resource_record_type  = "CNAME"
      resource_record_value = "_y.acm-validations.aws"
    }]
  }
}

override_resource {
  target          = module.rds.aws_db_instance.this
  override_during = plan
  values = {
    address            = "bbws-dev-b.example.af-south-1.rds.amazonaws.com"
    port               = 3306
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:af-south-1:111111111111:secret:rds!db-1", kms_key_id = "k", secret_status = "active" }]
  }
}

variables {
  environment    = "dev"
  origin_secret  = "0123456789abcdef0123456789abcdef"
  cell           = "b"
  instance_class = "db.t4g.small"
  multi_az       = false
  backup         = "daily"
  network = {
    zones            = ["af-south-1a", "af-south-1b"]
    public_subnets   = ["subnet-1", "subnet-2"]
    isolated_subnets = ["subnet-3", "subnet-4"]
    security_groups  = { edge = "sg-1", tasks = "sg-2", data = "sg-3" }
  }
  zone       = { id = "Z1", name = "dev.example.com" }
  log_bucket = "bbws-dev-logs-111111111111"
  key_arn    = "arn:aws:kms:af-south-1:111111111111:key/k"
}

run "names_tell_the_cell" {
  command = plan

  assert {
    condition     = output.cell.name == "b" && output.cell.database.instance == "bbws-dev-b" && output.cell.database.port == 3306
    error_message = "A cell's parts carry its name."
  }
}

run "an_unknown_backup_plan_is_refused" {
  command = plan
  variables {
    backup = "weekly"
  }
  expect_failures = [var.backup]
}
